"""What the dialects besides Engine.IO have in common: packets of their own, ``/`` joined by coming.

The packets that the core makes are Engine.IO's. A dialect rewrites them, at most once for each
event, and frames them for each transport; what it cannot say becomes the empty text, and is not
sent. Here are the encodings that do so, the sessions, whose HTTP requests may overlap and have
pauses in between, and the clients. URLs live in ``door``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.client import Client
from ..core.session import FORCED_SERVER_CLOSE, PING_TIMEOUT, TRANSPORT_CLOSE, Session
from ..core.socket import MuteSocket, Socket
from ..errors import ProtocolError
from ..protocol.socketio import CONNECT, DISCONNECT, Encoded, check_event
from .eio4 import COARSE

Rewrite = Callable[[Encoded], str]


class Texts:
    """Packets of a dialect as they are, for what waits for a poll.

    :param rewrite: makes the dialect's packet of Engine.IO's, ``''`` of what it cannot say.
    """

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite

    def wrap(self, packet: str) -> Any:
        """A packet of the dialect as an item."""
        return packet

    def text(self, packet: str) -> Any:
        return self.wrap(self.rewrite(packet))

    def pack(self, packets: list[str | bytes]) -> Any:
        return self.wrap(self.rewrite(packets))


class Framed(Texts):
    """Packets of a dialect as bytes: frames, or pieces of a response.

    :param frame: makes the bytes of a packet that is not empty.
    """

    def __init__(self, rewrite: Rewrite, frame: Callable[[str], bytes]) -> None:
        super().__init__(rewrite)
        self._frame = frame

    def wrap(self, packet: str) -> bytes:
        return self._frame(packet) if packet else b''


class OlderSession(Session):
    """A session whose dialect has packets of its own.

    It is carried by a WebSocket, by a response that goes on, or by polls. On the first two its
    heart is beaten from here; between two HTTP requests it may be alone for a while.

    :ivar held: what carries it between HTTP requests; None as long as it never needed it.
    """

    __slots__ = ('held',)

    #: How packets wait for a poll; one object for the dialect.
    texts: Texts
    #: Seconds it may be without an HTTP request, if ``disconnect_delay`` does not say.
    delay = 60.0
    #: Close code and reason for a WebSocket that does not answer heartbeats.
    silent = 1001, 'ping timeout'

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.held: Any = None

    # -- the way in ---------------------------------------------------------------------------

    def receive(self, packet: str | bytes) -> None:
        """Take one packet of the dialect, or what a WebSocket brought. Runs in the loop.

        Any packet is a sign of life, but puts no heartbeat off: clients that hear nothing give up,
        however much they say.

        :raises ProtocolError: the session is then ended with ``parse error``.
        """
        self.waiting_since = 0.0
        if packet.__class__ is not str:
            raise ProtocolError(f'binary data, which {self.dialect} does not have')
        self.upper.receive_text(packet)  # type: ignore[arg-type]

    def pong(self) -> None:
        self.heard = self.engine.runtime.now()
        self.waiting_since = 0.0

    # -- the way out --------------------------------------------------------------------------

    def write(self, packet: str) -> None:
        """Queue a packet of the dialect."""
        transport = self.transport
        self.engine.runtime.push(transport, transport.encoding.wrap(packet))

    def batch(self, packets: list[str]) -> int:
        """How many of the packets that wait may leave in the answer to one poll."""
        return len(packets)

    def unsaid(self, packets: list[str]) -> None:
        """The session is over, and these packets never left."""

    # -- life ---------------------------------------------------------------------------------

    def begin(self, transport: Any) -> None:
        super().begin(transport)
        self.engine.runtime.schedule(self, self._rest(self.patience))

    def park(self) -> None:
        """A response that went on is over: wait for the next request."""
        stream = self.transport
        self.held.since = self.engine.runtime.now()
        self.switch(self.held)
        stream.close(None, '')

    def aborted(self) -> None:
        """The client gave up a poll; another may follow."""

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats."""
        return self.engine.config.ping_interval

    @property
    def hold_time(self) -> float:
        """Seconds a poll is held without news."""
        return self.engine.config.polling_duration

    @property
    def patience(self) -> float:
        """Seconds an answer to a heartbeat may take."""
        config = self.engine.config
        return config.ping_timeout + config.ping_grace

    @property
    def pause(self) -> float:
        """Seconds the session may be without an HTTP request."""
        pause = self.engine.config.disconnect_delay
        return self.delay if pause is None else pause

    def beat(self) -> bool:
        """Send a heartbeat; returns whether an answer is expected."""
        asked: bool = self.transport.ping()
        return asked

    def tick(self, now: float) -> float | None:
        rest = self._polls(now) if self.transport is self.held else self._beats(now)
        return None if rest is None else self._rest(rest)

    def _rest(self, rest: float) -> float:
        """Seconds until the next look: a poll may come, or another transport, before it."""
        return min(rest, self.pause, self.interval, self.hold_time)

    def _polls(self, now: float) -> float | None:
        held = self.held
        if held.held:
            rest: float = held.since + self.hold_time - now
            if rest > 0:
                return rest
            held.release()
        rest = held.since + self.pause - now
        if rest <= 0:
            self.engine.runtime.spread(self.end, TRANSPORT_CLOSE)
            return None
        return rest

    def _beats(self, now: float) -> float | None:
        if self.waiting_since:
            rest = self.waiting_since + self.patience - now
            if rest <= 0:
                self.engine.runtime.spread(self.end, PING_TIMEOUT, *self.silent)
                return None
            return min(rest, self.interval)
        due = self.heard + self.interval
        if due > now:
            return due - now
        self.heard = now
        if not self.beat():
            return self.interval
        # A coarse timer's lateness is not the client's time; that of a stalled loop is.
        self.waiting_since = max(due, now - COARSE)
        return min(self.patience, self.interval)


class OlderClient(Client):
    """A client that joins ``/`` by coming.

    What it sends to a namespace that has not let it in yet waits, within ``max_waiting_size``.
    """

    __slots__ = ('_early', '_early_size')

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._early: list[tuple[str, list[Any], int | None, int]] = []
        self._early_size = 0

    def opened(self) -> None:
        super().opened()
        self.connect('/', None)

    def deliver(self, nsp: str, data: list[Any], id: int | None, size: int) -> None:
        """Hand an event to its namespace; for one that the client is not in it is ignored.

        :param data: ``[name, *args]``.
        :param size: bytes of its packet.
        :raises ProtocolError: a name that clients may not send.
        """
        check_event(data)
        socket = self.sockets.get(nsp)
        if socket is None:
            return
        if socket.connected and not self._early:
            socket.namespace.dispatch(socket, data, id, size)
            return
        self._early_size += size
        if self._early_size > self.server.config.max_waiting_size:
            self.overloaded()
        else:
            self._early.append((nsp, data, id, size))

    def _decided(self) -> None:
        """A namespace has let the client in, or not."""
        early, self._early = self._early, []
        self._early_size = 0
        for event in early:
            self.deliver(*event)

    def welcome(self, socket: Socket) -> None:
        self.send_packet(CONNECT, socket.namespace.name, {'sid': socket.sid})

    def accepted(self, socket: Socket) -> None:
        super().accepted(socket)
        if self._early:  # the socket counts as connected when this has returned
            self.server.runtime.post(self._decided)

    def forget(self, socket: Socket) -> None:
        super().forget(socket)
        if self._early:
            self.server.runtime.post(self._decided)


class RootClient(OlderClient):
    """A client of a dialect that has no namespaces and no acknowledgements: ``/`` is all.

    Without ``/`` nothing is left, so that being put out of it ends the connection.
    """

    __slots__ = ()

    socket_class = MuteSocket

    def send_packet(self, type: int, nsp: str, data: Any) -> None:
        if type != DISCONNECT:  # the end of the connection says it
            super().send_packet(type, nsp, data)

    def refuse(self, nsp: str, payload: dict[str, Any]) -> None:
        self.session.end(FORCED_SERVER_CLOSE, 1008, str(payload['message'])[:100])

    def forget(self, socket: Socket) -> None:
        super().forget(socket)
        if self.session.closed is None:  # what is to be said about it is said in this turn
            self.server.runtime.post(self.session.end, FORCED_SERVER_CLOSE)

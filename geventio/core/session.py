"""The engine session: one client of the transport layer, whatever carries it at the moment.

Here live the life of a session (open, closed), its heartbeat deadlines and the hand-over between
transports. The two revisions of Engine.IO differ in who beats the heart: they are subclasses in
``dialects``. Reading and writing bytes live in ``transports``; Socket.IO above, in ``client``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ProtocolError
from ..protocol.socketio import Encoded

if TYPE_CHECKING:
    from .engine import Engine
    from .runtime import Transport

# Reasons, as the upper layer and its handlers see them.
TRANSPORT_CLOSE = 'transport close'
TRANSPORT_ERROR = 'transport error'
PING_TIMEOUT = 'ping timeout'
PARSE_ERROR = 'parse error'
FORCED_SERVER_CLOSE = 'forced server close'
SHUTTING_DOWN = 'server shutting down'
MESSAGE_TOO_BIG = 'message too big'
SLOW_CLIENT = 'slow client'
OVERLOADED = 'too many events'


class Upper(Protocol):
    """The layer above a session."""

    def opened(self) -> None:
        """The handshake is answered."""

    def receive_text(self, packet: str) -> None:
        """A message packet, its type digit ``4`` still in front."""

    def receive_binary(self, data: bytes) -> None: ...

    def closed(self, reason: str) -> None: ...

    def transport_changed(self, transport: Any) -> None: ...


class Handshake(Protocol):
    """The request a session began with."""

    def environ(self) -> dict[str, Any]:
        """The WSGI environ of the request; the same dict at each call."""

    def shared(self) -> dict[str, Any]:
        """The same dict for what is to be kept in it; perhaps nothing else stands there yet."""

    def cookie(self) -> str | None:
        """The request's Cookie field."""


class Session:
    """One Engine.IO session.

    :ivar sid: the transport id, a secret of the client.
    :ivar transport: what carries it now.
    :ivar upper: the layer above (a Socket.IO client, or an Engine.IO application).
    :ivar handshake: the request it began with; builds the WSGI environ on demand.
    """

    __slots__ = ('__weakref__', 'bucket', 'closed', 'engine', 'handshake', 'heard', 'sid',
                 'transport', 'upgrading', 'upper', 'waiting_since')

    #: Name of the protocol, for people.
    dialect: str
    #: Makes the Socket.IO client above a session of this revision.
    client_class: Any

    def __init__(self, engine: Engine, sid: str, handshake: Handshake) -> None:
        self.engine = engine
        self.sid = sid
        self.handshake = handshake
        self.transport: Any = GONE
        self.upper: Upper = _NOBODY
        self.closed: str | None = None
        self.upgrading: Any = None  # the probe of an upgrade under way
        self.bucket: dict[Any, None] | None = None
        self.heard = engine.runtime.now()
        self.waiting_since = 0.0

    # -- the way in -------------------------------------------------------------------------

    def receive(self, packet: Any) -> None:
        """Take one transport packet. Runs in the loop.

        :raises ProtocolError: the transport then ends the session with ``parse error``.
        """
        if packet.__class__ is str:
            if packet[:1] == '4':
                self.upper.receive_text(packet)
            else:
                self.control(packet)
        else:
            self.upper.receive_binary(packet)

    def control(self, packet: str) -> None:
        """Take a packet that is not a message."""
        digit = packet[:1]
        if digit == '1':
            self.end(TRANSPORT_CLOSE)
        elif digit not in ('5', '6'):
            raise ProtocolError('unknown packet type')

    def pong(self) -> None:
        """The WebSocket's own heartbeat was answered; this protocol has one of its own."""

    # -- the way out ------------------------------------------------------------------------

    def send(self, packets: Encoded) -> None:
        """Queue a packet: one text, or several transport packets that belong together.

        Nothing happens once the session is closed.
        """
        transport = self.transport
        encoding = transport.encoding
        item = encoding.text(packets) if packets.__class__ is str else encoding.pack(packets)
        self.engine.runtime.push(transport, item)

    # -- life -------------------------------------------------------------------------------

    def begin(self, transport: Transport) -> None:
        """The handshake was answered over ``transport``: start the heart."""
        self.transport = transport

    def switch(self, transport: Transport) -> None:
        """An upgrade is complete: ``transport`` carries the session from now on."""
        self.transport = transport
        self.upgrading = None
        self.upper.transport_changed(transport)

    def end(self, reason: str, code: int | None = 1000, text: str = '') -> None:
        """End the session, once: later calls do nothing.

        :param reason: what the upper layer is told.
        :param code: WebSocket close code for the client; None sends none.
        :param text: plain reason for the client.
        """
        self.engine.runtime.catch_up()  # the client's last event may be in line
        if self.closed is not None:
            return
        self.closed = reason
        self.engine.forget(self)
        if self.upgrading is not None:
            self.upgrading.end(reason)
        transport, self.transport = self.transport, GONE
        upper, self.upper = self.upper, _NOBODY
        transport.close(code, text)
        upper.closed(reason)

    def overdue(self) -> bool:
        """Whether the heartbeat's deadline has passed, though its timer has not fired yet."""
        raise NotImplementedError

    def tick(self, now: float) -> float | None:
        """Heartbeat: see the dialect."""
        raise NotImplementedError


class _Swallow(list[Any]):
    """The ``out`` of a transport that is gone: takes everything, keeps nothing."""

    def append(self, item: Any) -> None:
        pass


class _NoEncoding:
    rewrite = None

    def text(self, packet: str) -> bytes:
        return b''

    def pack(self, packets: list[str | bytes]) -> bytes:
        return b''

    def wrap(self, packet: str) -> bytes:
        return b''


class _Gone:
    """The transport of a session that has none."""

    name = 'none'
    encoding = _NoEncoding()

    def __init__(self) -> None:
        self.out = _Swallow()

    def writable(self) -> bool:
        return False

    def close(self, code: int | None, reason: str) -> None:
        pass


class _Nobody:
    def opened(self) -> None:
        pass

    def receive_text(self, packet: str) -> None:
        pass

    def receive_binary(self, data: bytes) -> None:
        pass

    def closed(self, reason: str) -> None:
        pass

    def transport_changed(self, transport: Any) -> None:
        pass


#: Transport of sessions and sockets that are closed: what is sent to it vanishes.
GONE = _Gone()
_NOBODY = _Nobody()

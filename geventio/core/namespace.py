"""A namespace: who is in it, how one gets in and out, and where its events go.

A socket is in the registry from the moment it asks to join, so that rooms joined by the connect
handler count; a gate holds back what is sent to it until the handler has accepted it. Choosing
recipients lives in ``rooms``, spreading a packet in the adapter.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ..protocol.socketio import DISCONNECT, Encoded
from .acks import Ack, Collector, Done
from .event import Connect, Disconnect
from .load import begin
from .parcel import Parcel
from .rooms import Rooms
from .session import FORCED_SERVER_CLOSE, SLOW_CLIENT

if TYPE_CHECKING:
    from .server import SocketIOServer
    from .socket import Socket

SERVER_LEAVES = 'server namespace disconnect'


class Namespace:
    """One namespace of a server.

    :ivar rooms: the registry of its sockets and rooms.
    :ivar handlers: event -> handler, the exact ones.
    :ivar adapter: spreads packets to the sockets chosen.
    """

    __slots__ = ('_next_ack', 'adapter', 'handlers', 'name', 'rooms', 'server')

    def __init__(self, server: SocketIOServer, name: str) -> None:
        self.server = server
        self.name = name
        self.rooms = Rooms()
        self.handlers = server.registry.events(name)
        self.adapter = server.make_adapter(self)
        self._next_ack = 0

    # -- the way in ---------------------------------------------------------------------------

    def dispatch(self, socket: Socket, data: list[Any], ack: int | None, size: int) -> None:
        """Hand an event to its handler. ``data`` is a checked ``[name, *args]``.

        :param size: bytes of its packet.
        """
        server = self.server
        name = data[0]
        args: Any = data[1:]
        handler = self.handlers.get(name)
        if handler is None:
            route = server.registry.find(self.name, name)
            if route is None:
                return
            handler, args = server.adapt(route, self.name, name, args)
        event = server.event_class(socket, handler, name, args, ack, size)
        client = socket.client
        if client.load is None:
            server.runtime.line_up(event)
        elif not client.load.put(event, size, server.runtime.line_up):
            client.overloaded()

    # -- life of a socket ---------------------------------------------------------------------

    def connect(self, socket: Socket, auth: Any) -> None:
        """Ask the connect handler about a socket."""
        self.rooms.add(socket)
        server = self.server
        route = server.registry.find(self.name, 'connect')
        if route is None:
            self.accept(socket)
        else:
            self._start(Connect(server.connect_event(socket, route, auth)), socket)

    def accept(self, socket: Socket) -> None:
        """Let a socket in: CONNECT, then whatever was sent to it meanwhile."""
        if socket.left is not None:  # it left while the handler decided
            self._end(socket, socket.left)
            return
        gate = socket.transport
        client = socket.client
        client.accepted(socket)
        socket.connected = True
        socket.transport = client.session.transport
        if gate.size:
            for packets in gate:
                socket.send(packets)
            if gate.overflowed():
                client.session.end(SLOW_CLIENT, 1008, 'more was sent than may wait for a client')

    def refuse(self, socket: Socket, payload: dict[str, Any]) -> None:
        """Keep a socket out; nothing sent to it is delivered."""
        was_here = socket.left is None
        socket.cut('refused')
        self.remove(socket)
        socket.client.forget(socket)
        if was_here:
            socket.client.refuse(self.name, payload)

    def disconnect(self, socket: Socket, close: bool = False) -> None:
        """The server takes a client out.

        :param close: close its session too, with every other namespace it is in.
        """
        if socket.left is not None:
            return
        client = socket.client
        client.send_packet(DISCONNECT, self.name, None)
        self.gone(socket, SERVER_LEAVES)
        if close:
            client.close(FORCED_SERVER_CLOSE)

    def gone(self, socket: Socket, reason: str) -> None:
        """A socket is out, for whatever reason; idempotent."""
        self.server.runtime.catch_up()  # its last event may be in line
        if socket.left is not None:
            return
        was_connected = socket.connected
        socket.cut(reason)
        socket.client.forget(socket)
        if was_connected:  # otherwise its connect handler is at work, and ends it
            self._end(socket, reason)

    def _end(self, socket: Socket, reason: str) -> None:
        """Tell the disconnect handler; rooms stay readable until it has ended."""
        server = self.server
        route = server.registry.find(self.name, 'disconnect')
        if route is None:
            self.remove(socket)
            return
        job = Disconnect(server.disconnect_event(socket, route, reason))
        if server.config.async_handlers:
            self._start(job, socket)
        else:
            begin(socket.client, job, 0, server.runtime.start, server.config)

    def _start(self, job: Connect | Disconnect, socket: Socket) -> None:
        """Start a job that does not wait for its turn, but counts as one of the client's."""
        if socket.client.load is not None:
            socket.client.load.count(job)
        self.server.runtime.start(job)

    def remove(self, socket: Socket) -> None:
        """Take a socket out of the registry; the last act of its life."""
        self.rooms.remove(socket)
        self.server.namespace_emptied(self)

    # -- the way out --------------------------------------------------------------------------

    def packets(self, event: Any, args: Collection[Any], id: int | None = None) -> Encoded:
        """An event as transport packets; see :meth:`SocketIOServer.packets`."""
        return self.server.packets(self.name, event, args, id)

    def next_ack(self) -> int:
        """A fresh id for an ack; one counter serves every socket of the namespace."""
        self._next_ack += 1
        return self._next_ack

    def emit_with_ack(self, event: Any, args: Collection[Any], sockets: Collection[Socket],
                      timeout: float | None, done: Done) -> None:
        """Send an event to sockets that shall answer; ``done(error, [Replies])`` once."""
        id = self.next_ack()
        parcel = Parcel(self.packets(event, args, id))
        chosen = list(sockets)
        collector = Collector(id, chosen, done)
        self.server.runtime.push_many(chosen, parcel)
        if timeout is not None:
            collector.timer = self.server.runtime.call_later(timeout, collector.expired)
        collector.start()

    def ask(self, event: Any, args: Collection[Any], sockets: Collection[Socket],
            timeout: float | None, done: Done) -> None:
        """Send an event to sockets that shall answer; ``done(error, args)`` once for each."""
        id = self.next_ack()
        parcel = Parcel(self.packets(event, args, id))
        chosen = list(sockets)
        runtime = self.server.runtime
        runtime.push_many(chosen, parcel)
        for socket in chosen:
            ack = Ack(done)
            socket.expect(id, ack)
            if timeout is not None and socket.left is None:
                ack.timer = runtime.call_later(timeout, ack.expired, socket, id)

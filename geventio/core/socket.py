"""A Socket: one client in one namespace, with its id, its rooms, its data and its open acks.

Connecting and disconnecting are decided in ``namespace``; bytes live further down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..protocol.socketio import Encoded
from .session import GONE

if TYPE_CHECKING:
    from .client import Client
    from .namespace import Namespace


class Socket:
    """One client in one namespace.

    :ivar sid: the public socket id.
    :ivar transport: where packets for it go: a gate while the connect handler decides, then the
        transport of its session, then nowhere.
    :ivar connected: whether the connect handler has accepted it and it has not left.
    :ivar rooms: rooms besides its own; owned by the namespace's Rooms.
    :ivar context: whatever the layer above keeps for this socket.
    """

    __slots__ = ('__weakref__', '_data', 'acks', 'client', 'connected', 'context', 'left',
                 'namespace', 'owned', 'rooms', 'sid', 'transport')

    def __init__(self, sid: str, client: Client, namespace: Namespace) -> None:
        self.sid = sid
        self.client = client
        self.namespace = namespace
        self.transport: Any = Gate(client.server.config.max_outbox_size)
        self.connected = False
        self.left: str | None = None
        self.rooms: set[Any] | None = None
        self.acks: dict[int, Any] | None = None
        self.context: Any = None
        self.owned: dict[Any, None] | None = None
        self._data: dict[Any, Any] | None = None

    @property
    def data(self) -> dict[Any, Any]:
        """A dict for the application; lives as long as the socket."""
        if self._data is None:
            self._data = {}
        return self._data

    # -- the way out ------------------------------------------------------------------------

    def send(self, packets: Encoded) -> None:
        """Queue a packet: one text, or several transport packets that belong together."""
        transport = self.transport
        encoding = transport.encoding
        self.client.server.runtime.push(
            transport, encoding.text(packets) if packets.__class__ is str
            else encoding.pack(packets))

    # -- acks ---------------------------------------------------------------------------------

    def expect(self, id: int, ack: Any) -> None:
        """Wait for the answer to ``id``; a socket that has left is gone at once."""
        if self.left is not None:
            ack.gone(self)
        elif self.acks is None:
            self.acks = {id: ack}
        else:
            self.acks[id] = ack

    def forget_ack(self, id: int) -> None:
        if self.acks is not None:
            self.acks.pop(id, None)

    def acknowledged(self, id: int, args: list[Any]) -> None:
        """The client answered; ids nobody asked about are ignored."""
        if self.acks is not None:
            ack = self.acks.pop(id, None)
            if ack is not None:
                ack.answered(self, args)

    # -- things that end with the socket -----------------------------------------------------

    def own(self, thing: Any) -> None:
        """Have ``thing.stop()`` called when the socket leaves; at once if it has."""
        if self.left is not None:
            thing.stop()
        elif self.owned is None:
            self.owned = {thing: None}
        else:
            self.owned[thing] = None

    def disown(self, thing: Any) -> None:
        if self.owned is not None:
            self.owned.pop(thing, None)

    def cut(self, reason: str) -> None:
        """Stop everything that belongs to the socket: nothing reaches it any more."""
        self.left = reason
        self.connected = False
        self.transport = GONE
        acks, self.acks = self.acks, None
        owned, self.owned = self.owned, None
        if acks:
            for ack in list(acks.values()):
                ack.gone(self)
        if owned:
            for thing in list(owned):
                thing.stop()


class MuteSocket(Socket):
    """A Socket whose client speaks a dialect without acknowledgements."""

    __slots__ = ()

    def expect(self, id: int, ack: Any) -> None:
        """Nobody will answer: say so at once."""
        ack.unable(self)


class _Unencoded:
    """Packets as they are: a gate does not know yet what will carry them."""

    rewrite = None

    @staticmethod
    def text(packet: str) -> list[str | bytes]:
        return [packet]

    @staticmethod
    def pack(packets: list[str | bytes]) -> list[str | bytes]:
        return packets


class Gate(list[list[Any]]):
    """The transport of a socket that is not accepted yet: holds what is sent to it.

    :param limit: bytes it holds; what is more is lost.
    :ivar size: bytes that were sent to it.
    """

    __slots__ = ('_limit', 'size')

    name = 'gate'
    encoding = _Unencoded

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = 0

    @property
    def out(self) -> Gate:
        """Itself: an object that could be reached only here would cost as much again."""
        return self

    def append(self, packets: list[Any]) -> None:
        self.size += sum(map(len, packets))
        if self.size <= self._limit:
            super().append(packets)

    def writable(self) -> bool:
        return False

    def overflowed(self) -> bool:
        """Whether more was sent than may be held."""
        return self.size > self._limit

"""The adapter of a server that is alone: everybody is in this process."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.acks import Done
    from ..core.namespace import Namespace
    from ..core.parcel import Parcel
    from ..core.rooms import Room
    from ..core.socket import Socket


class MemoryAdapter:
    """Spreads packets of one namespace over its own sockets.

    ``rooms`` is None for everybody, otherwise a union of rooms; ``except_`` takes the members of
    rooms out again. A socket id is a room. ``local`` makes a difference only where there are
    several servers.
    """

    __slots__ = ('namespace',)

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def broadcast(self, parcel: Parcel, rooms: Collection[Room] | None,
                  except_: Collection[Room], volatile: bool, local: bool) -> None:
        """Queue a parcel for everybody chosen.

        :param volatile: leave out clients that could not be written to at once.
        """
        sockets = self.namespace.rooms.select(rooms, except_)
        if sockets:
            if volatile:
                sockets = [s for s in sockets if s.transport.writable()]
            self.namespace.server.runtime.push_many(sockets, parcel)

    def broadcast_with_ack(self, event: Any, args: Collection[Any],
                           rooms: Collection[Room] | None, except_: Collection[Room],
                           timeout: float | None, local: bool, done: Done) -> None:
        """Send an event to everybody chosen and collect the answers."""
        self.namespace.emit_with_ack(event, args, self.sockets(rooms, except_), timeout, done)

    def sockets(self, rooms: Collection[Room] | None, except_: Collection[Room]) -> list[Socket]:
        """The sockets chosen, as far as they are accepted."""
        return [s for s in self.namespace.rooms.select(rooms, except_) if s.connected]

    def join(self, rooms: Collection[Room] | None, except_: Collection[Room],
             joined: Collection[Room]) -> None:
        """Put everybody chosen into more rooms."""
        registry = self.namespace.rooms
        for socket in list(registry.select(rooms, except_)):
            for room in joined:
                registry.join(socket, room)

    def leave(self, rooms: Collection[Room] | None, except_: Collection[Room],
              left: Collection[Room]) -> None:
        """Take everybody chosen out of rooms."""
        registry = self.namespace.rooms
        for socket in list(registry.select(rooms, except_)):
            for room in left:
                registry.leave(socket, room)

    def disconnect(self, rooms: Collection[Room] | None, except_: Collection[Room],
                   close: bool) -> None:
        """Disconnect everybody chosen; many of them in the next turns of the loop."""
        namespace = self.namespace
        for socket in list(namespace.rooms.select(rooms, except_)):
            namespace.server.runtime.spread(namespace.disconnect, socket, close)

    def close_room(self, room: Room) -> None:
        """Take everybody out of a room."""
        self.namespace.rooms.close(room)

"""Who is in which room: room -> sockets and socket -> rooms, one Rooms per namespace.

With both indexes a disconnect costs its own rooms only. A socket is always in the room named
after its id; that room has no entry of its own here, the socket itself stands for it. Encoding
and sending do not live here.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .socket import Socket

Room = Hashable

#: Rooms for which the registry's memory is never given back.
FEW = 1000


class Rooms:
    """The room registry of one namespace.

    :ivar sockets: socket id -> Socket, everybody in the namespace (also while connecting).
    :ivar members: room -> its sockets (a dict used as an ordered set).
    """

    __slots__ = ('_most', 'members', 'sockets')

    def __init__(self) -> None:
        self.sockets: dict[str, Socket] = {}
        self.members: dict[Room, dict[Socket, None]] = {}
        self._most = FEW  # rooms there have been since the dict was made

    def add(self, socket: Socket) -> None:
        """Let a socket in."""
        self.sockets[socket.sid] = socket

    def remove(self, socket: Socket) -> None:
        """Take a socket out of the namespace and of its rooms."""
        if self.sockets.get(socket.sid) is socket:
            del self.sockets[socket.sid]
        rooms, socket.rooms = socket.rooms, None
        if rooms:
            for room in rooms:
                self._drop(socket, room)

    def join(self, socket: Socket, room: Room) -> None:
        """Put a socket into a room; nothing happens when it is there, or has left already.

        :raises ValueError: the room is another socket's own.
        """
        if room == socket.sid or self.sockets.get(socket.sid) is not socket:
            return
        if room in self.sockets:
            raise ValueError(f"the room {room!r} is another client's own room")
        members = self.members.get(room)
        if members is None:
            members = self.members[room] = {}
            if len(self.members) > self._most:
                self._most = len(self.members)
        members[socket] = None
        if socket.rooms is None:
            socket.rooms = {room}
        else:
            socket.rooms.add(room)

    def leave(self, socket: Socket, room: Room) -> None:
        """Take a socket out of a room; a socket cannot leave its own."""
        if socket.rooms and room in socket.rooms:
            _forget(socket, room)
            self._drop(socket, room)

    def close(self, room: Room) -> None:
        """Take everybody out of a room."""
        for socket in self.members.pop(room, ()):
            if socket.rooms:
                _forget(socket, room)
        self._shrink()

    def rooms_of(self, socket: Socket) -> list[Room]:
        """The rooms of a socket, its own first."""
        return [socket.sid, *(socket.rooms or ())]

    def find(self, room: Room) -> Collection[Socket]:
        """Who is in one room (or has that id)."""
        members = self.members.get(room)
        if members is not None:
            return members
        socket = self.sockets.get(room) if room.__class__ is str else None
        return () if socket is None else (socket,)

    def select(self, rooms: Collection[Room] | None,
               except_: Collection[Room] = ()) -> Collection[Socket]:
        """The union of some rooms (None: everybody) less the members of others.

        Each socket stands in it once. The result may be the registry's own dict: use it before
        anything can switch greenlets.
        """
        chosen: Collection[Socket]
        if rooms is None:
            chosen = self.sockets.values()
        elif len(rooms) == 1:
            (room,) = rooms
            chosen = self.members.get(room) or self.find(room)
        else:
            chosen = self._union(rooms)
        if except_:
            out = self._union(except_)
            if out:
                return [socket for socket in chosen if socket not in out]
        return chosen

    def _union(self, rooms: Iterable[Room]) -> dict[Socket, None]:
        union: dict[Socket, None] = {}
        for room in rooms:
            found = self.find(room)
            union.update(found if found.__class__ is dict else dict.fromkeys(found))
        return union

    def _drop(self, socket: Socket, room: Room) -> None:
        members = self.members.get(room)
        if members is not None:
            members.pop(socket, None)
            if not members:
                del self.members[room]
                self._shrink()

    def _shrink(self) -> None:
        """A dict keeps the memory it once needed: begin a new one when most rooms have ended."""
        if len(self.members) < self._most >> 3 and self._most > FEW:
            self.members = dict(self.members)
            self._most = max(FEW, len(self.members))


def _forget(socket: Socket, room: Room) -> None:
    rooms = socket.rooms
    assert rooms is not None
    rooms.discard(room)
    if not rooms:
        socket.rooms = None

"""``socketio.server.manager``: who is in which room, asked in the words of python-socketio.

It only looks: the registry is ``core.rooms``, and what changes it goes through the server. The
``sid`` of a socket is the public id, ``eio_sid`` the secret one of its transport.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from ...core.checks import as_rooms
from ...core.rooms import Room, Rooms
from .liveview import LiveView

if TYPE_CHECKING:
    from ...core.socket import Socket
    from ...serving.server import Server

_NOBODY = Rooms()


class Members(LiveView[str, str]):
    """Socket id -> transport id of everybody in a room; None is the room of all."""

    __slots__ = ('_room', '_rooms')

    def __init__(self, rooms: Rooms, room: Room | None) -> None:
        self._rooms = rooms
        self._room = room

    def _sockets(self) -> Collection[Socket]:
        rooms = self._rooms
        return rooms.sockets.values() if self._room is None else rooms.find(self._room)

    def __getitem__(self, sid: str) -> str:
        socket = self._rooms.sockets[sid]
        if self._room is not None and socket not in self._sockets():
            raise KeyError(sid)
        return socket.client.session.sid

    def __len__(self) -> int:
        return len(self._sockets())

    def copy(self) -> dict[str, str]:
        return {socket.sid: socket.client.session.sid for socket in list(self._sockets())}


class RoomsView(LiveView['Room | None', Members]):
    """Room -> its members, of one namespace; each socket's own room and None among them."""

    __slots__ = ('_rooms',)

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def __getitem__(self, room: Room | None) -> Members:
        rooms = self._rooms
        if not (rooms.sockets if room is None else rooms.find(room)):
            raise KeyError(room)
        return Members(rooms, room)

    def copy(self) -> dict[Room | None, Members]:
        rooms = self._rooms
        names = [None, *list(rooms.sockets), *list(rooms.members)] if rooms.sockets else []
        return {room: Members(rooms, room) for room in names}


class NamespacesView(LiveView[str, RoomsView]):
    """Namespace -> its rooms, as far as somebody is in the namespace."""

    __slots__ = ('_server',)

    def __init__(self, server: Server) -> None:
        self._server = server

    def __getitem__(self, namespace: str) -> RoomsView:
        space = self._server.namespaces[namespace]
        if not space.rooms.sockets:
            raise KeyError(namespace)
        return RoomsView(space.rooms)

    def copy(self) -> dict[str, RoomsView]:
        return {space.name: RoomsView(space.rooms)
                for space in list(self._server.namespaces.values()) if space.rooms.sockets}


class Manager:
    """Who is connected, and in which rooms.

    Unknown ids, rooms and namespaces are no error for those that only look.

    :ivar server: the Socket.IO server.
    """

    __slots__ = ('server',)

    def __init__(self, server: Server) -> None:
        self.server = server

    def _rooms(self, namespace: str) -> Rooms:
        space = self.server.namespaces.get(namespace)
        return _NOBODY if space is None else space.rooms

    def _socket(self, sid: str, namespace: str) -> Socket | None:
        return self._rooms(namespace).sockets.get(sid)

    # -- looking --------------------------------------------------------------------------------

    @property
    def rooms(self) -> NamespacesView:
        """``rooms[namespace][room][sid]`` is a transport id; room None has everybody. Live."""
        return NamespacesView(self.server)

    def get_namespaces(self) -> list[str]:
        """The namespaces somebody is in."""
        return list(self.rooms)

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """``(socket id, transport id)`` of everybody in a room.

        :param room: a room, a socket id, a list of them, or None for the whole namespace.
        """
        rooms = self._rooms(namespace)
        if room is None:
            return iter(Members(rooms, None).items())
        found: dict[str, str] = {}
        for name in as_rooms(room):
            found.update(Members(rooms, name).copy())
        return iter(found.items())

    def get_rooms(self, sid: str, namespace: str) -> list[Room]:
        """The rooms of a socket, its own among them; none for one that is not there."""
        socket = self._socket(sid, namespace)
        return [] if socket is None else list(self._rooms(namespace).rooms_of(socket))

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Whether a client is in a namespace: accepted by its connect handler and not leaving."""
        socket = self._socket(sid, namespace)
        return socket is not None and socket.connected

    can_disconnect = is_connected

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """The transport id of a socket, or None."""
        socket = self._socket(sid, namespace)
        return None if socket is None else socket.client.session.sid

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """The socket id of a connection in a namespace, or None."""
        session = self.server.engine.sessions.get(eio_sid)
        if session is not None:
            socket = getattr(session.upper, 'sockets', {}).get(namespace)
            if socket is not None:
                return socket.sid
        # Its connection may have ended while its disconnect handler runs.
        for sid, found in Members(self._rooms(namespace), None).items():
            if found == eio_sid:
                return sid
        return None

    # -- acting ---------------------------------------------------------------------------------

    def enter_room(self, sid: str, namespace: str, room: Room, eio_sid: str | None = None) -> None:
        """Put a socket into a room; see ``Server.enter_room``.

        :param eio_sid: accepted and not needed.
        """
        self.server.enter_room(sid, room, namespace)

    def leave_room(self, sid: str, namespace: str, room: Room) -> None:
        """Take a socket out of a room; nothing happens if it is not there."""
        if self._socket(sid, namespace) is not None:
            self.server.leave_room(sid, room, namespace)

    def close_room(self, room: Room, namespace: str) -> None:
        """Take everybody out of a room."""
        self.server.close_room(room, namespace)

    basic_enter_room = enter_room
    basic_leave_room = leave_room
    basic_close_room = close_room

    def disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Take a client out of a namespace and tell it so.

        :param options: ``ignore_queue`` is accepted and not needed.
        """
        self.server.disconnect(sid, namespace, **options)

    def emit(self, event: str, data: Any, namespace: str, room: Any = None, skip_sid: Any = None,
             callback: Callable[..., Any] | None = None, to: Any = None, **options: Any) -> None:
        """Send an event; see ``Server.emit``."""
        self.server.emit(event, data, to=to, room=room, skip_sid=skip_sid, namespace=namespace,
                         callback=callback, **options)

"""Who is here now. Plain bookkeeping: no database, no network.

A user may have several connections (tabs); each connection is in at most one room.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Connection:
    user_id: str
    room: str | None = None


class Presence:
    """Connections, the users behind them and the rooms they look at."""

    def __init__(self) -> None:
        self._connections: dict[str, _Connection] = {}
        self._users: dict[str, int] = {}  # user id -> number of connections
        self._rooms: dict[str, dict[str, int]] = {}  # room -> user id -> number of connections

    def add(self, sid: str, user_id: str) -> None:
        """A connection has come; it is in no room yet."""
        self._connections[sid] = _Connection(user_id)
        self._users[user_id] = self._users.get(user_id, 0) + 1

    def remove(self, sid: str) -> str | None:
        """A connection has gone; returns the room it was in."""
        if sid not in self._connections:
            return None
        room = self.move(sid, None)
        _decrease(self._users, self._connections.pop(sid).user_id)
        return room

    def move(self, sid: str, room: str | None) -> str | None:
        """The connection turns to a room, or to none; returns the room it was in before."""
        connection = self._connections[sid]
        before, connection.room = connection.room, room
        if before is not None:
            _decrease(self._rooms[before], connection.user_id)
        if room is not None:
            users = self._rooms.setdefault(room, {})
            users[connection.user_id] = users.get(connection.user_id, 0) + 1
        return before

    def user_of(self, sid: str) -> str:
        """The user behind a connection."""
        return self._connections[sid].user_id

    def is_online(self, user_id: str) -> bool:
        """Whether the user has a connection."""
        return user_id in self._users

    def users(self) -> list[str]:
        """Everybody who is connected, each once, in the order of arrival."""
        return list(self._users)

    def users_in(self, room: str) -> list[str]:
        """Everybody in a room, each once, in the order of arrival."""
        return list(self._rooms.get(room, ()))

    def rooms_of(self, user_id: str) -> list[str]:
        """Rooms in which the user has a connection."""
        return [room for room, users in self._rooms.items() if user_id in users]


def _decrease(counts: dict[str, int], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]

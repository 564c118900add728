"""What outlives the process: users, rooms and messages, in one SQLite file.

Nothing in here knows of connections. Times are seconds since 1970.
"""
from __future__ import annotations

import os
import secrets
import sqlite3
import time
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS user (id TEXT PRIMARY KEY, nickname TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS room (key TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    sender TEXT NOT NULL REFERENCES user (id),
    client_key TEXT NOT NULL,
    text TEXT NOT NULL,
    sent_at REAL NOT NULL,
    UNIQUE (sender, client_key)
);
CREATE INDEX IF NOT EXISTS message_by_conversation ON message (conversation, id);
"""

FIRST_ROOMS = ('Lobby', 'Music', 'Python')


class Store:
    """The chat's memory.

    A conversation is named by a string: `room:<name>` or `direct:<user id>:<user id>`.
    Everybody's calls come from the one thread that runs the server.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute('PRAGMA journal_mode = WAL')
        self._db.executescript(_SCHEMA)
        if not self.rooms():
            for name in FIRST_ROOMS:
                self.add_room(name)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def secret_key(self) -> str:
        """The key that signs the session cookies, made once for each file."""
        self._db.execute('INSERT OR IGNORE INTO setting VALUES (?, ?)',
                         ('secret_key', secrets.token_hex(32)))
        query = self._db.execute("SELECT value FROM setting WHERE name = 'secret_key'")
        return str(query.fetchone()['value'])

    def new_user(self) -> str:
        """The id of a user who has not chosen a nickname yet."""
        user_id = secrets.token_hex(8)
        self._db.execute('INSERT INTO user (id) VALUES (?)', (user_id,))
        return user_id

    def rename_user(self, user_id: str, nickname: str) -> None:
        """Remember the nickname chosen last."""
        self._db.execute('UPDATE user SET nickname = ? WHERE id = ?', (nickname, user_id))

    def nickname(self, user_id: str) -> str | None:
        """The nickname chosen last, None for an unknown user."""
        row = self._db.execute('SELECT nickname FROM user WHERE id = ?', (user_id,)).fetchone()
        return row['nickname'] if row else None

    def rooms(self) -> list[str]:
        """Names of all rooms, the oldest first."""
        return [row['name'] for row in self._db.execute('SELECT name FROM room ORDER BY rowid')]

    def add_room(self, name: str) -> bool:
        """Create a room; False if there is one of that name, in whatever letter case."""
        query = self._db.execute('INSERT OR IGNORE INTO room VALUES (?, ?)',
                                 (name.casefold(), name))
        return query.rowcount == 1

    def add_message(self, conversation: str, sender: str, client_key: str,
                    text: str) -> dict[str, Any]:
        """Keep a message and return it; one sent again (same sender and key) is kept once."""
        self._db.execute(
            'INSERT OR IGNORE INTO message (conversation, sender, client_key, text, sent_at) '
            'VALUES (?, ?, ?, ?, ?)', (conversation, sender, client_key, text, time.time()))
        return self._messages('WHERE sender = ? AND client_key = ?', sender, client_key)[0]

    def history(self, conversation: str, limit: int) -> list[dict[str, Any]]:
        """The last messages of a conversation, the oldest first."""
        newest_first = self._messages('WHERE conversation = ? ORDER BY message.id DESC LIMIT ?',
                                      conversation, limit)
        return newest_first[::-1]

    def partners(self, user_id: str) -> list[str]:
        """Ids of those the user has exchanged direct messages with, the latest first."""
        rows = self._db.execute(
            'SELECT conversation FROM message '
            'WHERE conversation LIKE ? OR conversation LIKE ? '
            'GROUP BY conversation ORDER BY max(id) DESC',
            (f'direct:{user_id}:%', f'direct:%:{user_id}'))
        partners = []
        for row in rows:
            _, first, second = row['conversation'].split(':')
            partners.append(second if first == user_id else first)
        return partners

    def _messages(self, condition: str, *values: object) -> list[dict[str, Any]]:
        rows = self._db.execute(
            'SELECT message.id, conversation, sender, nickname, client_key AS key, text, '
            f'sent_at AS at FROM message JOIN user ON user.id = sender {condition}', values)
        return [dict(row) for row in rows]

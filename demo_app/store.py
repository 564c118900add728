"""What outlives the process: users, rooms, messages and files, in one SQLite file.

Nothing in here knows of connections. Times are seconds since 1970.
"""
from __future__ import annotations

import os
import secrets
import sqlite3
import time
from typing import Any

_VERSION = 1
_SCHEMA = f"""
PRAGMA user_version = {_VERSION};
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE user (id TEXT PRIMARY KEY, nickname TEXT NOT NULL);
CREATE TABLE room (key TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    sender TEXT NOT NULL REFERENCES user (id),
    client_key TEXT NOT NULL,
    text TEXT NOT NULL,
    file INTEGER REFERENCES file (id),
    sent_at REAL NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sender, client_key)
);
CREATE INDEX message_by_conversation ON message (conversation, id);
CREATE TABLE file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    data BLOB  -- NULL once there was no more space for it
);
CREATE TABLE seen (
    conversation TEXT NOT NULL,
    user TEXT NOT NULL REFERENCES user (id),
    message INTEGER NOT NULL,  -- the newest one the user has seen
    PRIMARY KEY (conversation, user)
);
"""

FIRST_ROOMS = ('Lobby', 'Music', 'Python')
MAX_MESSAGES = 100_000  # of all conversations together; the oldest go first
MAX_FILES = 100_000_000  # bytes of all files together; the oldest go first


class Store:
    """The chat's memory.

    A conversation is named by a string: `room:<name>` or `direct:<user id>:<user id>`.
    Everybody's calls come from the one thread that runs the server.

    :raises sqlite3.Error: the file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        try:
            self._prepare()
        except sqlite3.Error:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute('PRAGMA journal_mode = WAL')
        if not self._value('SELECT count(*) FROM sqlite_master'):
            self._db.executescript(_SCHEMA)
            for name in FIRST_ROOMS:
                self.add_room(name)
        elif self._value('PRAGMA user_version') != _VERSION:
            raise sqlite3.DatabaseError('it belongs to another program or version')

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def secret_key(self) -> str:
        """The key that signs the session cookies, made once for each file."""
        self._db.execute("INSERT OR IGNORE INTO setting VALUES ('secret_key', ?)",
                         (secrets.token_hex(32),))
        return str(self._value("SELECT value FROM setting WHERE name = 'secret_key'"))

    # ---- Users and rooms ----------------------------------------------------------------------

    def name_user(self, user_id: str, nickname: str) -> None:
        """Remember a user by the nickname chosen last."""
        self._db.execute('INSERT INTO user VALUES (?, ?) '
                         'ON CONFLICT (id) DO UPDATE SET nickname = excluded.nickname',
                         (user_id, nickname))

    def nickname(self, user_id: str) -> str | None:
        """The nickname chosen last, None for an unknown user."""
        nickname: str | None = self._value('SELECT nickname FROM user WHERE id = ?', user_id)
        return nickname

    def rooms(self) -> list[str]:
        """Names of all rooms, the oldest first."""
        return [row['name'] for row in self._db.execute('SELECT name FROM room ORDER BY rowid')]

    def add_room(self, name: str) -> bool:
        """Create a room; False if there is one of that name, in whatever letter case."""
        query = self._db.execute('INSERT OR IGNORE INTO room VALUES (?, ?)',
                                 (name.casefold(), name))
        return query.rowcount == 1

    def partners(self, user_id: str) -> dict[str, int]:
        """Those the user has exchanged direct messages with, the latest first.

        Returns their ids, and how many of their messages the user has not seen.
        """
        rows = self._db.execute(
            'SELECT message.conversation, '
            'sum(sender != :me AND message.id > coalesce(seen.message, 0)) AS unread '
            'FROM message LEFT JOIN seen '
            'ON seen.conversation = message.conversation AND seen.user = :me '
            "WHERE message.conversation LIKE 'direct:' || :me || ':%' "
            "OR message.conversation LIKE 'direct:%:' || :me "
            'GROUP BY message.conversation ORDER BY max(message.id) DESC', {'me': user_id})
        partners = {}
        for row in rows:
            _, first, second = row['conversation'].split(':')
            partners[second if first == user_id else first] = row['unread']
        return partners

    # ---- Messages -----------------------------------------------------------------------------

    def add_message(self, conversation: str, sender: str, client_key: str, text: str,
                    file: tuple[str, str, bytes] | None = None) -> tuple[dict[str, Any], bool]:
        """Keep a message; one sent again (same sender and key) is kept once.

        :param file: name, content type and content.
        :returns: the message as clients see it, and whether it is new.
        """
        if known := self._messages('sender = ? AND client_key = ?', sender, client_key):
            return known[0], False
        with self._db:
            self._db.execute('BEGIN')
            file_id = None if file is None else self._add_file(conversation, *file)
            query = self._db.execute(
                'INSERT INTO message (conversation, sender, client_key, text, file, sent_at) '
                'VALUES (?, ?, ?, ?, ?, ?)',
                (conversation, sender, client_key, text, file_id, time.time()))
            message_id = query.lastrowid or 0
            self._db.execute('DELETE FROM message WHERE id <= ?', (message_id - MAX_MESSAGES,))
        return self._messages('message.id = ?', message_id)[0], True

    def history(self, conversation: str, limit: int, *, after: int = 0,
                before: int | None = None) -> tuple[list[dict[str, Any]], bool]:
        """The last messages between two ids, the oldest first, and whether there are earlier ones.
        """
        newest_first = self._messages(
            'message.conversation = ? AND message.id > ? AND message.id < ? '
            'ORDER BY message.id DESC LIMIT ?',
            conversation, after, 1 << 62 if before is None else before, limit + 1)
        return newest_first[:limit][::-1], len(newest_first) > limit

    def set_delivered(self, message_id: int) -> bool:
        """Note that somebody has got a message; False if that was known."""
        query = self._db.execute('UPDATE message SET delivered = 1 WHERE id = ? AND NOT delivered',
                                 (message_id,))
        return query.rowcount == 1

    def set_seen(self, conversation: str, user_id: str, message_id: int) -> int:
        """Note what a user has seen last; returns its id, or 0 if that is nothing new."""
        newest = self._value('SELECT max(id) FROM message WHERE conversation = ? AND id <= ?',
                             conversation, message_id)
        query = self._db.execute(
            'INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (conversation, user) '
            'DO UPDATE SET message = excluded.message WHERE message < excluded.message',
            (conversation, user_id, newest or 0))
        return newest or 0 if query.rowcount == 1 else 0

    def seen(self, conversation: str, limit: int) -> list[dict[str, Any]]:
        """Who has seen a conversation up to which message, the latest first."""
        rows = self._db.execute(
            'SELECT user.id, nickname, message FROM seen JOIN user ON user.id = seen.user '
            'WHERE conversation = ? ORDER BY message DESC LIMIT ?', (conversation, limit))
        return [dict(row) for row in rows]

    # ---- Files --------------------------------------------------------------------------------

    def file(self, file_id: int) -> dict[str, Any] | None:
        """A file with its `conversation`, `name`, `type` and `data`, which may be gone (None)."""
        row = self._db.execute('SELECT conversation, name, type, data FROM file WHERE id = ?',
                               (file_id,)).fetchone()
        return dict(row) if row else None

    def _add_file(self, conversation: str, name: str, content_type: str, data: bytes) -> int:
        query = self._db.execute(
            'INSERT INTO file (conversation, name, type, size, data) VALUES (?, ?, ?, ?, ?)',
            (conversation, name, content_type, len(data), data))
        self._db.execute(
            'UPDATE file SET data = NULL WHERE data IS NOT NULL AND id <= '
            '(SELECT max(id) FROM (SELECT id, sum(size) OVER (ORDER BY id DESC) AS total '
            'FROM file WHERE data IS NOT NULL) WHERE total > ?)', (MAX_FILES,))
        return query.lastrowid or 0

    # ---- Reading ------------------------------------------------------------------------------

    def _value(self, query: str, *values: object) -> Any:
        row = self._db.execute(query, values).fetchone()
        return None if row is None else row[0]

    def _messages(self, condition: str, *values: object) -> list[dict[str, Any]]:
        rows = self._db.execute(
            'SELECT message.id, message.conversation, sender, nickname, client_key AS key, text, '
            'sent_at AS at, delivered, file, name, type, size FROM message '
            'JOIN user ON user.id = sender LEFT JOIN file ON file.id = message.file '
            f'WHERE {condition}', values)
        return [self._message(dict(row)) for row in rows]

    @staticmethod
    def _message(row: dict[str, Any]) -> dict[str, Any]:
        """A message as clients see it: what belongs to its file is an object of its own."""
        file = {'id': row.pop('file')} | {key: row.pop(key) for key in ('name', 'type', 'size')}
        return {**row, 'delivered': bool(row['delivered']),
                'file': file if file['id'] is not None else None}

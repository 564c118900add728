"""Server-Sent Events: what the server emits, for ``EventSource`` and for ``curl``.

A stream is a client that only listens. ``GET /events/`` joins ``/``, ``?namespace=/news`` that
one, and ``?room=a,b`` asks for rooms of it, as far as ``sse_rooms`` names them; the connect
handler, which sees the request, has the last word. An event becomes a block with its name and the
array of its arguments as data; ``message`` with one text has no name and that text as data, as
``EventSource.onmessage`` expects. The first block, ``connect``, tells the socket id. A client that
comes back with ``Last-Event-ID`` within ``disconnect_delay`` is the same socket, and gets what it
missed; one that the server has put out is answered 204, which makes ``EventSource`` stop.

Source: WHATWG HTML, section "Server-sent events".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..core.client import Client
from ..core.session import FORCED_SERVER_CLOSE
from ..core.socket import Socket
from ..errors import HTTPError, ProtocolError
from ..protocol.canonical import only_text, take_apart
from ..protocol.eventstream import comment, event
from ..protocol.socketio import CONNECT, EVENT, Encoded
from .door import Door, Outcome, Replay, Reply, Request, StreamForm
from .older import OlderSession, RootClient, Texts

#: Sessions the server has ended whose clients are told so if they come back.
MAX_ENDED = 10_000

_event_id = re.compile(r'([A-Za-z0-9_-]{1,64})\.([0-9]{1,15})').fullmatch

HEADERS = [('Content-Type', 'text/event-stream; charset=UTF-8'), ('Cache-Control', 'no-store'),
           ('X-Accel-Buffering', 'no')]


def rewrite(packets: Encoded) -> str:
    """The block of a packet, without its id: an event's, or CONNECT's with the socket id."""
    parts = take_apart(packets)
    if parts is None:
        return ''
    if parts.type == EVENT:
        if parts.name == 'message' and (text := only_text(parts.args)) is not None:
            return event(text)
        return event(f'[{parts.args}]', parts.name)
    if parts.type == CONNECT and isinstance(packets, str):
        return event(packets[packets.index('{'):], 'connect')
    return ''


class StreamClient(RootClient):
    """A client that listens, in the namespace and the rooms that its URL names."""

    __slots__ = ()

    def opened(self) -> None:
        Client.opened(self)
        session: Any = self.session
        self.connect(session.namespace, None)

    def accepted(self, socket: Socket) -> None:
        session: Any = self.session
        for room in session.rooms:
            socket.namespace.rooms.join(socket, room)
        super().accepted(socket)

    def receive_text(self, packet: str) -> None:
        raise ProtocolError('an event stream has no way back')


class StreamSession(OlderSession):
    """The session of an event stream.

    :ivar namespace: what it asks to join.
    :ivar rooms: the rooms that it asks for.
    """

    __slots__ = ('door', 'namespace', 'rooms')

    dialect = 'Server-Sent Events'
    client_class = StreamClient
    texts = Texts(rewrite)
    delay = 30.0
    sign_of_life = comment()

    def numbered(self, number: int, block: str) -> str:
        """A block with its id."""
        return f'id: {self.sid}.{number}\n{block}'

    def end(self, reason: str, code: int | None = 1000, text: str = '') -> None:
        if self.closed is None and reason == FORCED_SERVER_CLOSE:
            self.door.ended(self.sid)
        super().end(reason, code, text)


class EventStreamDoor(Door):
    """One URL: ``sse_path``."""

    form = StreamForm(rewrite, str.encode, HEADERS)

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self._ended: dict[str, None] = {}

    def claims(self, path: str) -> bool:
        return path.strip('/') == self.config.sse_path

    def ended(self, sid: str) -> None:
        """The server has ended a session: its client is not to come back."""
        if len(self._ended) >= MAX_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[sid] = None

    def enter(self, request: Request, body: bytes | None) -> Outcome:
        self.allow('polling')
        if request.method != 'GET':
            raise HTTPError(405, 'an event stream is read with GET')
        known = _event_id(request.headers.get('last-event-id', ''))
        if known is not None:
            sid, last = known[1], int(known[2])
            if sid in self._ended:
                return Reply(204, [])
            session = self.engine.sessions.get(sid)
            if isinstance(session, StreamSession) and session.held.can_replay(last):
                return Replay(session, self.form, last)
        return self._opened(request)

    def _opened(self, request: Request) -> Outcome:
        namespace, rooms = self._wanted(request.query)
        session = self.open(StreamSession, request)
        session.door = self
        session.namespace = namespace
        session.rooms = rooms
        return Replay(session, self.form)

    def _wanted(self, query: Mapping[str, str]) -> tuple[str, list[str]]:
        namespace = query.get('namespace', '/')
        if not namespace.startswith('/'):
            namespace = '/' + namespace
        rooms = [room for room in query.get('room', '').split(',') if room]
        for room in rooms:
            if room not in self.config.sse_rooms:
                raise HTTPError(403, f'the room {room[:80]} is not open to event streams')
        return namespace, rooms

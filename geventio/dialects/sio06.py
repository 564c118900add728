"""Socket.IO 0.6, the generation of 2010, and dojox.socket, which posts to the same URLs.

A client has ``/socket.io/<transport>[/<session id>[/...]]``. The first thing it hears, once the
connect handler has let it in, is its session id as a message. It has messages and nothing else:
no namespaces, no acknowledgements; what other events are said as lives in ``protocol.sio06``. On
WebSockets and responses that go on the server beats the heart, which the client echoes. Polls
have no heartbeat; between two of them a session waits for ``disconnect_delay`` (8 s).

dojox.socket knows nothing of all that and leaves it to the page. Its long polls are POSTs to the
one URL, whose body is what it sends and whose answer is what it hears; several may be open at a
time. A WebSocket of a page that never echoes a heartbeat is alive as long as anything comes from
it, a pong of the WebSocket included.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..core.session import FORCED_SERVER_CLOSE, GONE, PARSE_ERROR, SHUTTING_DOWN
from ..errors import HTTPError, ProtocolError
from ..protocol import hixie, sio06
from ..protocol.sio06 import rewrite
from ..protocol.socketio import CONNECT
from ..protocol.websocket import text_frame
from .door import NO_STORE, TEXT, Door, Headers, Hold, Outcome, Reply, Request, Stream, StreamForm
from .door import Upgrade as WebSocket
from .older import Framed, OlderSession, RootClient, Texts

log = logging.getLogger('geventio')

#: Seconds between two heartbeats, and for the echo of one, at most: a client gives up after 15 s
#: of silence.
HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT = 10.0, 8.0

#: Ended sessions whose last words wait for one more poll, and the longest that do, in characters.
MAX_LAST_WORDS, LAST_WORDS_SIZE = 1000, 16_000

WEBSOCKETS = ('websocket', 'flashsocket')
TRANSPORTS = (*WEBSOCKETS, 'xhr-polling', 'jsonp-polling', 'xhr-multipart', 'htmlfile')

_SCRIPT = [('Content-Type', 'text/javascript; charset=UTF-8'), NO_STORE,
           ('X-Content-Type-Options', 'nosniff')]


class Sio06Client(RootClient):
    """A client that sends messages."""

    __slots__ = ()

    def opened(self) -> None:
        super().opened()
        session: Any = self.session
        early, session.early = session.early, []
        session.take(early)

    def receive_text(self, packet: str) -> None:
        event = sio06.event_of(packet, loads_at=self.server.parser.loads_at)
        if event is None:
            log.info('a message of Socket.IO 0.6 was ignored: broken JSON, or a reserved event')
        else:
            self.deliver('/', event, None, len(packet))

    def send_packet(self, type: int, nsp: str, data: Any) -> None:
        if type == CONNECT:
            self.session.greet()
        else:
            super().send_packet(type, nsp, data)

    def refuse(self, nsp: str, payload: dict[str, Any]) -> None:
        self.session.refusal = str(payload['message'])
        super().refuse(nsp, payload)


class Sio06Session(OlderSession):
    """The session of a client of Socket.IO 0.6, or of dojox.socket.

    :ivar door: where it came in.
    :ivar early: bodies that came with the request that opened it.
    :ivar greeted: whether it was let in, and told its id.
    :ivar refusal: why it was not.
    :ivar unread: whether the last news left in an answer that may still be under way.
    """

    __slots__ = ('_echoes', '_number', 'door', 'early', 'greeted', 'refusal', 'unread')

    dialect = 'Socket.IO 0.6'
    client_class = Sio06Client
    texts = Texts(rewrite)
    delay = 8.0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.early: list[str] = []
        self.greeted = False
        self.refusal: str | None = None
        self.unread = False
        self._number = 0
        self._echoes = False  # has echoed a heartbeat

    # -- the way in ---------------------------------------------------------------------------

    def receive(self, packet: str | bytes) -> None:
        if packet.__class__ is not str:
            raise ProtocolError(f'binary data, which {self.dialect} does not have')
        limit = self.engine.config.max_http_buffer_size
        self.take(sio06.decode_message(packet, limit))  # type: ignore[arg-type]

    def take(self, bodies: list[str]) -> None:
        """Take what one message of a WebSocket, or one POST, brought. Runs in the loop."""
        self.pong()
        for body in bodies:
            number = sio06.heartbeat_of(body)
            if number is None:
                self.upper.receive_text(body)
            elif 0 < number == self._number:
                self._echoes = True
                super().pong()

    def pong(self) -> None:
        """A sign of life, which is enough for clients that have never echoed a heartbeat.

        It puts no heartbeat off: clients that hear nothing give up, however much they say.
        """
        if not self._echoes:
            self.waiting_since = 0.0
        if self.transport is self.held and not self.held.held:
            self.held.since = self.engine.runtime.now()

    # -- the way out --------------------------------------------------------------------------

    def greet(self) -> None:
        """Tell a client that was let in its session id."""
        self.greeted = True
        self.write(sio06.encode(self.sid))

    def end(self, reason: str, code: int | None = 1000, text: str = '') -> None:
        if reason == SHUTTING_DOWN and self.transport.name == 'websocket':
            # dojox.socket.Reconnect comes back from an accident only, not after a goodbye.
            transport, self.transport = self.transport, GONE
            transport.hang_up()
        super().end(reason, code, text)

    def unsaid(self, packets: list[str]) -> None:
        """Keep the last words of the server for one more poll."""
        if packets and self.closed == FORCED_SERVER_CLOSE:
            self.door.keep(self, ''.join(packets))

    @property
    def interval(self) -> float:
        return min(HEARTBEAT_INTERVAL, super().interval)

    @property
    def patience(self) -> float:
        return min(HEARTBEAT_TIMEOUT, super().patience)

    def beat(self) -> bool:
        self._number += 1
        self.write(sio06.heartbeat(self._number))
        if not self._echoes and self.transport.name == 'websocket':
            self.transport.ping()
        return True


class Sio06Door(Door):
    """``/socket.io/`` and what follows, below the server's own path."""

    frames = Framed(rewrite, text_frame)
    old_frames = Framed(rewrite, hixie.text_frame)
    #: The transports that are a response which goes on, and how its body begins.
    streams = {
        'htmlfile': (
            StreamForm(rewrite, sio06.htmlfile_chunk, [('Content-Type', 'text/html; charset=UTF-8'),
                                                       NO_STORE]),
            sio06.HTMLFILE_HEAD.encode()),
        'xhr-multipart': (
            StreamForm(rewrite, sio06.multipart_part,
                       [('Content-Type', sio06.MULTIPART_TYPE), NO_STORE], chunked=False),
            sio06.MULTIPART_HEAD.encode()),
    }

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        #: Id of a session the server has ended -> frames that wait for one more poll.
        self.last_words: dict[str, str] = {}

    def claims(self, path: str) -> bool:
        prefix = self.config.engine_path
        return path.startswith(prefix) and path[len(prefix):].partition('/')[0] in TRANSPORTS

    def enter(self, request: Request, body: bytes | None) -> Outcome:
        transport, *segments = request.path[len(self.config.engine_path):].split('/')
        if body is not None:
            return self._post(request, segments, body)
        if request.method != 'GET':
            return Reply(405, [('Allow', 'GET, POST, OPTIONS')])
        if transport in WEBSOCKETS:
            return self._websocket(request, segments)
        say = _script(segments) if transport == 'jsonp-polling' else _text
        session, _ = self._find(segments)
        if session is None:
            if transport not in self.streams and (last := self._last_words(segments)):
                return say(last)
            self._expect_new(segments)
            session = self._open(request)
        if transport in self.streams:
            return Stream(session, *self.streams[transport])
        return Hold(session, self._answer(session, say))

    def _websocket(self, request: Request, segments: list[str]) -> Outcome:
        self.allow('websocket')
        self._expect_new(segments)
        return WebSocket(lambda: self._open(request), self.frames,
                         old_frames=self.old_frames)

    # -- sessions -----------------------------------------------------------------------------

    def _find(self, segments: list[str]) -> tuple[Sio06Session | None, list[str]]:
        """The session of the last segment that is the id of one, and the segments behind it.

        A page that appends each new id to its URL has earlier ones in front of it.
        """
        self.allow('polling')
        for place in range(len(segments) - 1, -1, -1):
            session = self.engine.sessions.get(segments[place])
            if isinstance(session, Sio06Session) and session.transport.name != 'websocket':
                return session, [part for part in segments[place + 1:] if part]
        return None, []

    def keep(self, session: Sio06Session, words: str) -> None:
        """Keep what a session that the server has ended had still to say, for a while."""
        if len(self.last_words) < MAX_LAST_WORDS and len(words) <= LAST_WORDS_SIZE:
            self.last_words[session.sid] = words
            session.engine.runtime.call_later(session.pause, self.last_words.pop, session.sid, None)

    def _last_words(self, segments: list[str]) -> str:
        """What a session had still to say when the server ended it; once."""
        return next(filter(None, (self.last_words.pop(part, '') for part in segments)), '')

    def _expect_new(self, segments: list[str]) -> None:
        """The place of the id must be empty where no session was found.

        :raises HTTPError: 404
        """
        if segments and segments[0]:
            raise HTTPError(404, 'no such session')

    def _open(self, request: Request) -> Sio06Session:
        session: Sio06Session = self.open(Sio06Session, request)
        session.door = self
        return session

    def _answer(self, session: Sio06Session, say: Callable[[str], Reply]
                ) -> Callable[[list[str]], Reply]:
        """Makes the answers to polls, also to one whose client is not let in."""
        def answer(packets: list[str]) -> Reply:
            if session.greeted:
                return say(''.join(packets))
            if session.refusal is not None:
                return Reply(403, [TEXT], session.refusal.encode())
            return Reply(503, [TEXT], b'nobody has decided yet')

        return answer

    # -- POST ---------------------------------------------------------------------------------

    def _post(self, request: Request, segments: list[str], body: bytes) -> Outcome:
        session, rest = self._find(segments)
        if session is None:
            if not body and (last := self._last_words(segments)):
                return _text(last)
            # dojox.socket with the URL of a session that is over begins a new one.
            if request.headers.get('pragma') != 'start-long-poll':
                self._expect_new(segments)
            early = self._decode(request, body)
            session = self._open(request)
            session.early = early
            return Hold(session, self._answer(session, _text))
        try:
            bodies = sio06.decode_form(body, self.config.max_http_buffer_size) if rest \
                else self._decode(request, body)
        except ProtocolError:
            session.end(PARSE_ERROR)
            raise
        session.take(bodies)
        if rest:  # how the client of 0.6 sends
            return Reply(200, [TEXT, NO_STORE], b'ok')
        if session.closed is not None:
            raise HTTPError(404, 'no such session')
        if not body:
            session.unread = False
        elif session.unread or session.transport is not session.held or session.held.held:
            return _text('')
        return Hold(session, self._awaited(session))

    def _awaited(self, session: Sio06Session) -> Callable[[list[str]], Reply]:
        """The answer to a POST that waits.

        Two answers under way at a time could arrive in the other order, and the client asks for
        more, by a POST without a body, only when it has read the last.
        """
        answer = self._answer(session, _text)

        def news(packets: list[str]) -> Reply:
            session.unread = bool(packets)
            return answer(packets)

        return news

    def _decode(self, request: Request, body: bytes) -> list[str]:
        return sio06.decode_post(body, request.headers.get('content-type', ''),
                                 self.config.max_http_buffer_size)

    # -- origins ------------------------------------------------------------------------------

    def foreign(self, request: Request) -> Reply:
        if request.method == 'POST':
            return Reply(401, [TEXT], b'unauthorized')
        return super().foreign(request)

    def preflight(self, request: Request, cors: Headers) -> Reply:
        return Reply(200, [TEXT, *cors], b'ok')


def _text(frames: str) -> Reply:
    return Reply(200, [TEXT, NO_STORE], frames.encode())


def _script(segments: list[str]) -> Callable[[str], Reply]:
    """The same for JSONP, whose index is the last number in the URL."""
    index = next((part for part in reversed(segments) if part.isascii() and part.isdigit()), '0')
    return lambda frames: Reply(200, _SCRIPT, sio06.jsonp_body(index, frames))

"""SockJS 0.3: every transport of its clients, below ``sockjs_path``.

A client has no events, only texts. What comes in and goes out means what it means on a plain
WebSocket (see ``plain``): a text is the event ``message``, and ``["event",...args]`` that event.
Texts wait as JSON strings, so that one for many is quoted once; several that wait leave in one
frame. The frame ``o`` is sent when the connect handler has accepted.

The id of a session is chosen by its client, who proves with it who it is: it stays in here, the
server's own id is another. When a session has ended, a later request for it is told how.

Source: the SockJS protocol 0.3.3 and its test suite. Frames and pages are written in
``protocol.sockjs``. The cookie JSESSIONID is not sent, and not needed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Any, NamedTuple

from ..config import Config
from ..core.engine import Engine
from ..core.session import (
    FORCED_SERVER_CLOSE,
    OVERLOADED,
    PARSE_ERROR,
    SHUTTING_DOWN,
    SLOW_CLIENT,
    TRANSPORT_CLOSE,
)
from ..errors import HTTPError, ProtocolError
from ..protocol import hixie
from ..protocol import sockjs as codec
from ..protocol.canonical import take_apart
from ..protocol.socketio import CONNECT, EVENT, Encoded
from ..protocol.websocket import text_frame
from .door import TEXT, Door, Headers, Hold, Outcome, Reply, Request, Stream, StreamForm, Upgrade
from .farewells import Farewells
from .older import Framed, OlderSession, Texts
from .plain import PlainClient, WebSocketDoor, array_of
from .plain import rewrite as rewrite_plain

#: Seconds for which browsers may keep the iframe page and the answers to OPTIONS.
YEAR = 31_536_000

NO_CACHE = ('Cache-Control',
            'no-store, no-cache, no-transform, must-revalidate, max-age=0')
UNBUFFERED = ('X-Accel-Buffering', 'no')
SCRIPT = ('Content-Type', 'application/javascript; charset=UTF-8')
HTML = ('Content-Type', 'text/html; charset=UTF-8')
JSON = ('Content-Type', 'application/json; charset=UTF-8')

#: Reasons the server has for an end, of which clients are told in a frame.
_TOLD = (FORCED_SERVER_CLOSE, SHUTTING_DOWN, OVERLOADED)
_NORMAL = 'Normal closure'
_INTERRUPTED = codec.close(1002, 'Connection interrupted')
_STILL_OPEN = codec.close(2010, 'Another connection still open')


# -- packets ----------------------------------------------------------------------------------


def rewrite(packets: Encoded) -> str:
    """A text as a JSON string, or the frame ``o`` for CONNECT; ``''`` for anything else."""
    parts = take_apart(packets)
    if parts is None:
        return ''
    if parts.type == EVENT:
        return codec.quote(codec.rewrite(parts.name, parts.args, array_of(parts)))
    return codec.OPEN if parts.type == CONNECT else ''


def _frame(packet: str) -> str:
    """A packet as a frame: texts are JSON strings, what else there is are frames already."""
    return codec.messages([packet]) if packet[0] == '"' else packet


def _batch(packets: list[str]) -> str:
    """The frame of packets that leave together; of none, that there is nothing new."""
    if not packets:
        return codec.HEARTBEAT
    return codec.messages(packets) if packets[0][0] == '"' else packets[0]


# -- sessions ---------------------------------------------------------------------------------


class SocketSession(OlderSession):
    """A session on a WebSocket, with which it begins and ends."""

    __slots__ = ()

    dialect = 'SockJS'
    client_class = PlainClient
    texts = Texts(rewrite)
    silent = 3000, 'No response from heartbeat'

    def receive(self, packet: str | bytes) -> None:
        self.pong()
        if packet.__class__ is not str:
            raise ProtocolError('binary data, which SockJS does not have')
        try:
            texts = codec.decode_frame(packet)
        except ProtocolError:
            raise ProtocolError('Broken framing.') from None
        for text in texts:
            self.upper.receive_text(text)

    @property
    def pause(self) -> float:
        """There is no time without a WebSocket."""
        return self.interval

    def beat(self) -> bool:
        if super().beat():
            return True
        self.write(codec.HEARTBEAT)  # the drafts have no ping
        return False

    def end(self, reason: str, code: int | None = 1000, text: str = '') -> None:
        if self.closed is None:
            if reason in _TOLD:
                self.write(codec.close(code or 1000, text or _NORMAL))
                code, text = 1000, _NORMAL
            elif reason == PARSE_ERROR:
                code = 3000
        super().end(reason, code, text)


class RawSession(OlderSession):
    """A session on the raw WebSocket, which has no frames of SockJS."""

    __slots__ = ()

    dialect = 'SockJS'
    client_class = PlainClient
    texts = Texts(rewrite_plain)


class RequestSession(OlderSession):
    """A session over HTTP requests, of which one at a time may receive.

    :ivar door: where it came in.
    :ivar name: its id, chosen by the client.
    """

    __slots__ = ('door', 'name')

    dialect = 'SockJS'
    client_class = PlainClient
    texts = Texts(rewrite)
    delay = 5.0

    door: SockJSDoor
    name: str

    @property
    def hold_time(self) -> float:
        """A heartbeat answers a poll."""
        return self.interval

    @property
    def busy(self) -> bool:
        """Whether a request receives."""
        held = self.held
        return self.transport is not held or held.held

    def switch(self, transport: Any) -> None:
        self.heard = self.engine.runtime.now()  # a stream is due for a heartbeat later
        super().switch(transport)

    def beat(self) -> bool:
        self.write(codec.HEARTBEAT)
        return False

    def batch(self, packets: list[str]) -> int:
        """All texts up to the first frame, or that frame."""
        for count, packet in enumerate(packets):
            if packet[0] != '"':
                return count or 1
        return len(packets)

    def aborted(self) -> None:
        self.end(TRANSPORT_CLOSE)

    def end(self, reason: str, code: int | None = 1000, text: str = '') -> None:
        if self.closed is None:
            if reason in _TOLD:
                last = codec.close(code or 1000, text or _NORMAL)
            else:
                last = codec.close(1008, reason) if reason == SLOW_CLIENT else _INTERRUPTED
            self.door.ended(self, last)
            self.write(last)
        super().end(reason, code, text)

    def unsaid(self, packets: list[str]) -> None:
        if self.closed in _TOLD:
            self.door.farewells.keep(self.name, [p for p in packets if p[0] == '"'])


# -- URLs -------------------------------------------------------------------------------------


class Way(NamedTuple):
    """How frames reach a client over HTTP.

    :ivar headers: of the response.
    :ivar wrap: a frame as a piece of it.
    :ivar form: how the response goes on; None for one that holds one frame.
    :ivar prelude: how its body begins.
    """

    headers: Headers
    wrap: Callable[[str], bytes]
    form: StreamForm | None = None
    prelude: bytes = b''


def _streaming(kind: str, wrap: Callable[[str], bytes], prelude: bytes = b'') -> Way:
    headers = [('Content-Type', kind), NO_CACHE, UNBUFFERED]
    form = StreamForm(rewrite, lambda packet: wrap(_frame(packet)), headers, limited=True)
    return Way(headers, wrap, form, prelude)


_WAYS = {
    'xhr': Way([SCRIPT, NO_CACHE], codec.xhr),
    'xhr_streaming': _streaming(SCRIPT[1], codec.xhr, codec.XHR_STREAMING_PRELUDE),
    'eventsource': _streaming('text/event-stream', codec.eventsource, codec.EVENTSOURCE_PRELUDE),
}
_HTMLFILE = _streaming(HTML[1], codec.htmlfile)
_JSONP_HEADERS = [SCRIPT, NO_CACHE, ('X-Content-Type-Options', 'nosniff')]

#: What a path asks for -> its one method, besides OPTIONS for those in ``_ASKED``.
_METHODS = {
    'greeting': 'GET', 'info': 'GET', 'iframe': 'GET', 'raw': 'GET', 'websocket': 'GET',
    'xhr': 'POST', 'xhr_streaming': 'POST', 'xhr_send': 'POST', 'eventsource': 'GET',
    'htmlfile': 'GET', 'jsonp': 'GET', 'jsonp_send': 'POST',
}
_ASKED = ('info', 'xhr', 'xhr_streaming', 'xhr_send')
_SOCKETS = ('raw', 'websocket')


class SockJSDoor(Door):
    """All URLs below ``sockjs_path``."""

    frames = Framed(rewrite, lambda packet: text_frame(_frame(packet)))
    old_frames = Framed(rewrite, lambda packet: hixie.text_frame(_frame(packet)))

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        config = self.config
        self.farewells = Farewells(engine)
        self._sessions: dict[str, RequestSession] = {}
        self._prefix = '/' + config.sockjs_path
        self._websocket = 'websocket' in config.transports
        self._page, self._etag = codec.iframe(config.sockjs_client_url)
        self._framing = _framing(config)

    def claims(self, path: str) -> bool:
        return path.startswith(self._prefix) and path[len(self._prefix):][:1] in ('', '/')

    def origin(self, request: Request) -> str | None:
        """The pages may be linked to, and say themselves who may frame them."""
        route = self._find(request)
        if route is None or route.kind != 'session':
            return request.headers.get('origin')
        return super().origin(request)

    def preflight(self, request: Request, cors: Headers) -> Reply:
        route = self._find(request)
        if route is None:
            return Reply(404, [TEXT], codec.NOT_FOUND)
        what = route.transport or route.kind
        if what not in _ASKED:
            return _wrong_method(what)
        return Reply(204, [
            *_lasting(), ('Access-Control-Max-Age', str(YEAR)),
            ('Access-Control-Allow-Methods', f'OPTIONS, {_METHODS[what]}'),
            *[field for field in cors if field[0] != 'Access-Control-Allow-Methods']])

    def enter(self, request: Request, body: bytes | None) -> Outcome:
        route = self._find(request)
        if route is None:
            return Reply(404, [TEXT], codec.NOT_FOUND)
        what = route.transport or route.kind
        page = _PAGES.get(what)
        if request.method != _METHODS[what] and (request.method != 'HEAD' or page is None):
            return _wrong_method(what)
        if _wants_websocket(request) != (what in _SOCKETS):
            raise HTTPError(400, 'Not a valid websocket request')
        if page is not None:
            return page(self, request)
        if what in _SOCKETS:
            kind: type[OlderSession] = RawSession if what == 'raw' else SocketSession
            door = WebSocketDoor if what == 'raw' else self
            return Upgrade(lambda: self.open(kind, request), door.frames,
                           old_frames=door.old_frames)
        self.allow('polling')
        if what in ('xhr_send', 'jsonp_send'):
            return self._send(request, route, body or b'')
        return self._receive(request, route)

    def _find(self, request: Request) -> codec.Route | None:
        return codec.parse_path(request.path[len(self._prefix):], websocket=self._websocket)

    # -- pages --------------------------------------------------------------------------------

    def _greeting(self, request: Request) -> Reply:
        return Reply(200, [TEXT], codec.GREETING)

    def _info(self, request: Request) -> Reply:
        return Reply(200, [JSON, NO_CACHE], codec.info(
            websocket=self._websocket, cookie_needed=False, entropy=secrets.randbits(32)))

    def _iframe(self, request: Request) -> Reply:
        headers = [*_lasting(), *self._framing, ('ETag', self._etag)]
        if request.headers.get('if-none-match') == self._etag:
            return Reply(304, headers)
        return Reply(200, [HTML, *headers], self._page)

    # -- sessions -----------------------------------------------------------------------------

    def _send(self, request: Request, route: codec.Route, body: bytes) -> Reply:
        session = self._sessions.get(route.session)
        if session is not None:
            form = route.transport == 'jsonp_send' and request.headers.get(
                'content-type', '').startswith('application/x-www-form-urlencoded')
            try:
                for text in codec.decode_messages(codec.body_text(body, form=form)):
                    session.upper.receive_text(text)
            except ProtocolError as error:
                raise HTTPError(500, str(error)) from None
        elif route.session not in self.farewells:  # such a client is yet to hear of the end
            return Reply(404, [TEXT], codec.NOT_FOUND)
        if route.transport == 'jsonp_send':
            return Reply(200, [TEXT, NO_CACHE], b'ok')
        return Reply(204, [TEXT, NO_CACHE])

    def _receive(self, request: Request, route: codec.Route) -> Outcome:
        headers, wrap, form, prelude = _way(route.transport, request)
        session = self._sessions.get(route.session)
        if session is None:
            frames = self.farewells.say(route.session, form is not None)
        else:
            frames = [_STILL_OPEN] if session.busy else []
        if frames:
            return Reply(200, headers, prelude + b''.join(map(wrap, frames)))
        if session is None:
            session = self.open(RequestSession, request)
            session.door = self
            session.name = route.session
            self._sessions[route.session] = session
        if form is not None:
            return Stream(session, form, prelude)
        return Hold(session, lambda packets: Reply(200, headers, wrap(_batch(packets))))

    def ended(self, session: RequestSession, last: str) -> None:
        """A session is over.

        :param last: the frame that says so.
        """
        del self._sessions[session.name]
        self.farewells.add(session.name, last, session.pause)


_PAGES = {'greeting': SockJSDoor._greeting, 'info': SockJSDoor._info,
          'iframe': SockJSDoor._iframe}


def _way(transport: str, request: Request) -> Way:
    """How a client wants to receive.

    :raises HTTPError: 500, there is no name of a callback, or a bad one.
    """
    way = _WAYS.get(transport)
    if way is not None:
        return way
    query = request.query
    callback = codec.check_callback(query.get('c', query.get('callback')))
    if transport == 'jsonp':
        return Way(_JSONP_HEADERS, partial(codec.jsonp, callback))
    return _HTMLFILE._replace(prelude=codec.htmlfile_head(callback))


def _wants_websocket(request: Request) -> bool:
    headers = request.headers
    return headers.get('upgrade', '').lower() == 'websocket' \
        and 'upgrade' in headers.get('connection', '').lower()


def _wrong_method(what: str) -> Reply:
    allowed = _METHODS[what] + (', OPTIONS' if what in _ASKED else '')
    return Reply(405, [('Allow', allowed)])


def _lasting() -> Headers:
    """Let everybody keep an answer for a year."""
    return [('Cache-Control', f'public, max-age={YEAR}'),
            ('Expires', formatdate(time.time() + YEAR, usegmt=True))]


def _framing(config: Config) -> Headers:
    """Keep pages of other origins from framing the iframe page, which speaks for this one.

    A function that judges origins cannot be asked by a browser: it lets this server's pages only.
    """
    allowed = config.cors_allowed_origins
    if allowed == '*' or allowed == ():
        return []
    others = allowed if isinstance(allowed, tuple) else ()
    return [('Content-Security-Policy', ' '.join(["frame-ancestors 'self'", *others]))]

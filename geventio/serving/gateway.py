"""The gateway: what happens to a request on our path, in the loop, whoever parsed it.

The order of the checks is the protocol's; nothing exists for a request before all are passed.
Parsing lives in ``http`` and ``wsgi``, packets in the transports, other paths in ``doors``.
"""

from __future__ import annotations

import logging
from collections.abc import Container
from typing import Any

from gevent.hub import get_hub

from ..core.engine import Engine
from ..core.session import Session
from ..dialects.door import page_of
from ..dialects.eio import BAD_REQUEST, UNKNOWN_SID, Refused, route
from ..errors import HTTPError
from ..protocol import deflate
from ..protocol.handshake import check_handshake, refusal_headers
from ..protocol.replies import response
from ..protocol.websocket import FrameReader
from ..transports.polling import PollingTransport
from ..transports.upgrade import Probe
from ..transports.websocket import WebSocketTransport
from .doors import Doors
from .exchange import Exchange, Headers
from .origins import Origins
from .runtime import Runtime

log = logging.getLogger('geventio')

_PLAIN = (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
          b'Sec-WebSocket-Accept: ')
_BUSY = b'{"code":3,"message":"Too many connections"}'


def _origin(exchange: Exchange) -> str | None:
    """The origin by which a request is judged; None if by none.

    A script of JSONP is fetched without an Origin, or with ``null`` by a frame that has none. One
    of Engine.IO 4 can join nothing by itself: what the page says is a POST, which names the page's
    own. Engine.IO 3 joins the main namespace without one, so that the page matters.
    """
    headers = exchange.headers
    origin = headers.get('origin')
    if exchange.jsonp is None or exchange.method != 'GET' or 'upgrade' in headers:
        return origin
    if exchange.query.get('EIO') == '4':
        return None if origin == 'null' else origin
    return page_of(headers) if origin is None else origin


class Upgrade:
    """What was agreed with a client that wants a WebSocket.

    :cvar status: code and reason of the 101.
    :ivar accept: its Sec-WebSocket-Accept.
    :ivar extra: its headers besides those that every 101 has.
    :ivar deflated: whether messages are compressed.
    :ivar sid: the id of the session to open; None for one that moves from polling.
    """

    __slots__ = ('accept', 'deflated', 'extra', 'sid')

    status = '101 Switching Protocols'

    accept: str
    extra: Headers
    deflated: bool
    sid: str | None

    @property
    def headers(self) -> Headers:
        """The headers of the 101."""
        return [('Upgrade', 'websocket'), ('Connection', 'Upgrade'),
                ('Sec-WebSocket-Accept', self.accept), *self.extra]

    def head(self) -> bytes:
        """The 101 as it goes over the wire."""
        return response(101, self.headers) if self.extra else switching(self.accept)


def switching(accept: str) -> bytes:
    """A 101 with no headers but those that every one has.

    :param accept: its Sec-WebSocket-Accept.
    """
    return _PLAIN + accept.encode() + b'\r\n\r\n'


class Gateway:
    """Serves Engine.IO requests for one engine.

    Everything here runs in the loop and never blocks.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.config = engine.config
        self.path = engine.config.engine_path
        self.origins = Origins(engine.config)
        self.doors = Doors(self)
        self._told: set[str] = set()
        config = engine.config
        self.compress_from = config.compression_threshold if config.http_compression else None
        self._encodings: dict[Any, Any] = {}
        self._upgrades = config.allow_upgrades and 'websocket' in config.transports

    def bind(self) -> Runtime:
        """Serve from the loop of the calling thread, from now on until every session is gone.

        :raises RuntimeError: it lives on another thread's loop.
        """
        engine = self.engine
        runtime: Runtime | None = engine.runtime  # type: ignore[assignment]
        if runtime is None or runtime.hub is not get_hub():
            if engine.sessions:
                raise RuntimeError('geventio serves from one thread, on gevent: this request came '
                                   'on another thread (a threaded development server?); use '
                                   'socketio.run(app) or gunicorn with a gevent worker')
            runtime = Runtime.current(self.config)
            engine.bind(runtime)
        if not engine.serving:
            engine.serve()
        return runtime

    # -- checks ---------------------------------------------------------------------------------

    def admit(self, exchange: Exchange) -> Any:
        """Check a request's head.

        Returns the session it is for, the class of the session it opens, the transport that
        waits for its last GET, or None when it was answered.
        """
        headers = exchange.headers
        origin = _origin(exchange)
        if origin is not None:
            if not self.origins.allow(origin, exchange):
                self._answer(exchange, Refused(BAD_REQUEST))  # Origins has told why
                return None
            exchange.extra += self.origins.headers(origin)
        method = exchange.method
        if method == 'OPTIONS' and self.config.cors_allowed_origins != ():
            exchange.extra += self.origins.preflight(headers)
            exchange.reply(204, [], b'')
            return None
        upgrade = 'upgrade' in headers
        last = self.engine.last_words
        if last and method == 'GET' and not upgrade and exchange.query.get('sid') in last:
            return last.pop(exchange.query['sid'])
        try:
            target = route(self.engine, exchange.query, method, upgrade)
        except Refused as refused:
            self.refuse(exchange, refused)
            return None
        if method not in ('GET', 'POST'):
            exchange.reply(405, [('Allow', 'GET, POST')], b'')
            return None
        if not isinstance(target, Session) and self.engine.full():
            exchange.reply(503, [('Content-Type', 'application/json'), ('Retry-After', '5')],
                           _BUSY)
            return None
        return target

    def refuse(self, exchange: Exchange, refused: Refused) -> None:
        """Answer a wrong request; the first of each kind is worth a line in the log."""
        if refused.message not in self._told:
            self._told.add(refused.message)
            query = {name: value for name, value in exchange.query.items() if name != 'sid'}
            log.warning('request refused with %d %s (query %.200r); further ones are not logged',
                        refused.status, refused.message, query)
        self._answer(exchange, refused)

    def _answer(self, exchange: Exchange, refused: Refused) -> None:
        if 'upgrade' in exchange.headers:
            exchange.reply(400, [('Content-Type', 'text/html')], refused.message.encode())
        else:
            exchange.fail(refused.status, refused.body)

    def too_big(self, size: int | None) -> None:
        """A POST body was over the limit; say what would let it in."""
        log.warning('a POST of %s bytes was refused with 413: max_http_buffer_size is %d',
                    'too many' if size is None else size, self.config.max_http_buffer_size)

    # -- polling --------------------------------------------------------------------------------

    def get(self, exchange: Exchange, target: Any) -> None:
        """Serve an admitted GET over polling."""
        if isinstance(target, Session):
            if target.closed is not None:
                self.refuse(exchange, Refused(UNKNOWN_SID))
            elif target.transport.name != 'polling':  # upgraded since it was admitted
                self.refuse(exchange, Refused(BAD_REQUEST))
            else:
                target.transport.get(exchange)  # type: ignore[attr-defined]
        elif isinstance(target, PollingTransport):
            target.last_get(exchange)
        else:
            self._open_polling(exchange, target)

    def _open_polling(self, exchange: Exchange, dialect: Any) -> None:
        session = self.engine.open(dialect, exchange.handshake())
        text_only = exchange.jsonp is not None or exchange.query.get('b64') == '1'
        transport = PollingTransport(
            session, dialect.text_payload if text_only else dialect.payload,
            self.config.max_outbox_size)
        if self.config.cookie is not None:
            self._add_cookie(exchange.extra, session.sid)
        self.begin(session, transport, self._upgrades)
        transport.get(exchange)

    def begin(self, session: Session, transport: Any, may_upgrade: bool) -> None:
        """Answer the handshake over its transport, then wake the layer above."""
        session.begin(transport)
        session.send(self.engine.hello(session, may_upgrade))
        session.upper = self.engine.make_upper(session)
        session.upper.opened()

    def _add_cookie(self, headers: Headers, sid: str) -> None:
        headers.append(('Set-Cookie', self.config.cookie.format(sid)))

    # -- WebSocket ------------------------------------------------------------------------------

    def shake(self, exchange: Exchange, may_deflate: bool,
              versions: Container[str] = ('13',)) -> Upgrade | None:
        """Check the handshake of a WebSocket request; None when it was refused, and answered.

        :param may_deflate: whether permessage-deflate may be agreed on.
        :param versions: protocol versions that will do.
        """
        upgrade = Upgrade()
        try:
            upgrade.accept = check_handshake(exchange.method, exchange.headers, versions)
        except HTTPError as error:
            exchange.reply(error.status, [('Content-Type', 'text/html'),
                                          *refusal_headers(error.status)], error.reason.encode())
            return None
        upgrade.extra = exchange.extra.copy()
        offer = exchange.headers.get('sec-websocket-extensions') if may_deflate else None
        agreed = deflate.negotiate(offer) if offer else None
        upgrade.deflated = agreed is not None
        if agreed is not None:
            upgrade.extra.append(('Sec-WebSocket-Extensions', agreed[1]))
        return upgrade

    def agree(self, exchange: Exchange, target: Any) -> Upgrade | None:
        """The same for an admitted request on our path.

        :param target: the session it is for, or the class of the one it opens.
        """
        upgrade = self.shake(exchange, self.config.per_message_deflate)
        if upgrade is None:
            return None
        upgrade.sid = None if isinstance(target, Session) else self.engine.make_id()
        if upgrade.sid is not None and self.config.cookie is not None:
            self._add_cookie(upgrade.extra, upgrade.sid)
        return upgrade

    def websocket(self, exchange: Exchange, target: Any, upgrade: Upgrade, sock: Any,
                  early: bytes, head: bytes = b'', watcher: Any = None) -> WebSocketTransport:
        """Take an admitted WebSocket over.

        :param sock: raw non-blocking socket.
        :param early: bytes read behind the request.
        :param head: the 101, if it is not sent yet.
        :param watcher: see WebSocketTransport.
        """
        config = self.config
        dialect = target if upgrade.sid is not None else target.__class__
        deflated = upgrade.deflated
        encoding = self._encoding(dialect, deflated, exchange)
        transport = self.transport(deflated, encoding, sock, head, watcher)
        if upgrade.sid is not None:
            self.open(transport, dialect, exchange.handshake(), upgrade.sid, early)
        elif target.closed is not None or target.upgrading is not None \
                or target.transport.name == 'websocket' or not config.allow_upgrades:
            transport.close(None, '')
        else:
            transport.session = Probe(target, transport, config.upgrade_timeout)
            transport.start(early)
        return transport

    def open(self, transport: WebSocketTransport, dialect: Any, handshake: Any, sid: str,
             early: bytes) -> None:
        """Open a session over a WebSocket that was agreed on; see :meth:`websocket`.

        :param dialect: the class of the session.
        :param handshake: the request as the Handshake of the session.
        """
        session = self.engine.open(dialect, handshake, sid)
        transport.session = session
        self.begin(session, transport, False)
        transport.start(early)

    def transport(self, deflated: bool, encoding: Any, sock: Any, head: bytes,
                  watcher: Any) -> WebSocketTransport:
        """The transport of a WebSocket that was agreed on; see :meth:`websocket`.

        :param deflated: whether messages are compressed.
        """
        config = self.config
        runtime: Any = self.engine.runtime
        transport = WebSocketTransport(
            sock, runtime, encoding,
            FrameReader(config.max_http_buffer_size,
                        inflate=deflate.inflate if deflated else None),
            config.max_outbox_size, watcher)
        if head:
            runtime.push(transport, head)
        return transport

    def _encoding(self, dialect: Any, deflated: bool, exchange: Exchange) -> Any:
        if exchange.query.get('b64') == '1' and hasattr(dialect, 'base64_frames'):
            return dialect.base64_frames
        if not deflated:
            return dialect.frames
        encoding = self._encodings.get(dialect)
        if encoding is None:
            encoding = self._encodings[dialect] = dialect.deflated(
                dialect.frames, self.config.compression_threshold)
        return encoding

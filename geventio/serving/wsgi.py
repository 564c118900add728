"""The same door for requests that come through WSGI: under any gevent server.

Used wherever the loop does not parse HTTP itself: foreign servers, TLS, middleware around the
application that has to see every request. A request's greenlet waits while the loop serves it.
"""

from __future__ import annotations

import contextlib
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from gevent.event import AsyncResult
from gevent.monkey import is_module_patched

from ..dialects.door import Door
from ..errors import HTTPError
from ..protocol.http import parse_query
from ..transports.streaming import PipeTransport
from . import assets
from .departure import Departure, socket_of
from .doors import Reading
from .exchange import Exchange, Headers
from .gateway import Gateway, Upgrade
from .handshake import WSGIHandshake, headers_of
from .middleware import Rewrite, rewriters
from .takeoff import BorrowedSocket, has_socket, upgrade

log = logging.getLogger('geventio')

# What a path may hold as it is (RFC 3986 section 3.3), besides letters, digits and -._~.
_UNQUOTED = "/!$&'()*+,;=:@"

StartResponse = Callable[..., Any]


class WSGIExchange(Exchange):
    """An exchange whose greenlet waits for the answer."""

    __slots__ = ('_answer', '_environ', '_gateway')

    def __init__(self, environ: dict[str, Any], gateway: Gateway) -> None:
        super().__init__(environ['REQUEST_METHOD'], environ.get('PATH_INFO', ''),
                         parse_query(environ.get('QUERY_STRING', '')), headers_of(environ),
                         environ.get('wsgi.url_scheme') == 'https',
                         gateway.compress_from)
        self._answer = AsyncResult()
        self._environ = environ
        self._gateway = gateway

    @property
    def target(self) -> str:
        environ = self._environ
        path = environ.get('SCRIPT_NAME', '') + environ.get('PATH_INFO', '')
        query = environ.get('QUERY_STRING', '')
        return quote(path.encode('latin-1'), _UNQUOTED) + (f'?{query}' if query else '')

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if self.method == 'HEAD':
            body = b''
        self._answer.set((status, [*headers, *self.extra], body))

    def stream(self, session: Any, form: Any, prelude: bytes, budget: int | None
               ) -> PipeTransport:
        gateway = self._gateway
        pipe = PipeTransport(session, gateway.engine.runtime, form.plain,
                             gateway.config.max_outbox_size, prelude, budget)
        self._answer.set(_Streaming([*form.headers, *self.extra], pipe))
        return pipe

    def upgrade(self, agreed: Upgrade, start: Callable[..., Any]) -> None:
        self._answer.set(_Upgrading(agreed, start))

    def handshake(self) -> WSGIHandshake:
        return WSGIHandshake(self._environ)

    def answered(self) -> bool:
        return bool(self._answer.ready())

    def wait(self) -> Any:
        """Wait for the answer: status, headers and body, or what else is to be done."""
        try:
            return self._answer.get()
        except BaseException:
            self.abort()
            raise

    def give(self, start_response: StartResponse, status: int, headers: Headers, body: bytes
             ) -> list[bytes]:
        """Give a whole answer to the server."""
        if status != 304:
            headers = [*headers, ('Content-Length', str(len(body)))]
        if status >= 400 or self._gateway.engine.stopping \
                or self.headers.get('connection', '').lower() == 'close':
            headers = [*headers, ('Connection', 'close')]
        start_response(f'{status} {HTTPStatus(status).phrase}', headers)
        return [body]

    def finish(self, start_response: StartResponse) -> list[bytes]:
        """Wait for a whole answer and give it to the server."""
        return self.give(start_response, *self.wait())


class _Streaming(NamedTuple):
    """An answer that goes on."""

    headers: Headers
    pipe: PipeTransport


class _Upgrading(NamedTuple):
    """An answer that makes a WebSocket of the connection; see ``Exchange.upgrade``."""

    agreed: Upgrade
    start: Callable[..., Any]


class WSGIDoor:
    """WSGI middleware: our path goes to the gateway, everything else to the application.

    :param gateway: serves our path.
    :param app: the application; None answers 404.
    """

    def __init__(self, gateway: Gateway, app: Any = None) -> None:
        self.gateway = gateway
        self.app = app
        self._rewrite: tuple[Any, Rewrite | None] = None, None
        self._seen = False
        self._told: set[str] = set()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        path = environ.get('PATH_INFO', '')
        if path != self.gateway.path:
            door = self.gateway.doors.find(path)
            if door is not None:
                return self._answered(self._serve_door, environ, start_response, door)
            before, name = path[:len(self.gateway.path)], path[len(self.gateway.path):]
            if name in assets.FILES and before == self.gateway.path:
                return assets.serve(name, environ, start_response)
            if self.app is not None:
                return self.app(environ, start_response)
            start_response('404 Not Found', [('Content-Type', 'text/plain')])
            return [b'Not Found']
        return self._answered(self._serve, environ, start_response)

    def _answered(self, serve: Callable[..., Any], environ: dict[str, Any],
                  start_response: StartResponse, *args: Any) -> Any:
        try:
            return serve(environ, start_response, *args)
        except HTTPError as error:
            start_response(f'{error.status} {HTTPStatus(error.status).phrase}',
                           [('Content-Type', 'text/plain'), ('Connection', 'close')])
            return [error.reason.encode()]

    def _as_inside(self, environ: dict[str, Any]) -> dict[str, Any]:
        """An environ as views get it, which may have middleware of their own behind the door."""
        app, rewrite = self._rewrite
        if app is not self.app:  # wrapped in something since
            rewrite = Rewrite.of(rewriters(self.app, self.gateway.config.environ_middleware))
            self._rewrite = self.app, rewrite
        return environ if rewrite is None else rewrite(environ)

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        gateway = self.gateway
        exchange = WSGIExchange(self._as_inside(environ), gateway)
        if not self._look_around(environ):
            exchange.reply(501, [], b'')
            return exchange.finish(start_response)
        runtime = gateway.bind()
        target = gateway.admit(exchange)
        if target is None:
            pass
        elif exchange.query['transport'] == 'websocket':
            agreed = gateway.agree(exchange, target)
            if agreed is not None:
                start = partial(gateway.websocket, exchange, target)
                return self._upgrade(environ, start_response, exchange, agreed, start)
        elif exchange.method == 'GET':
            runtime.loop.run_callback(gateway.get, exchange, target)
            return exchange.give(start_response, *self._wait(environ, exchange))
        else:
            self._post(environ, exchange, target.transport)
        return exchange.finish(start_response)

    def _serve_door(self, environ: dict[str, Any], start_response: StartResponse, door: Door
                    ) -> Any:
        """The same for the path of a door."""
        gateway = self.gateway
        exchange = WSGIExchange(self._as_inside(environ), gateway)
        if not self._look_around(environ):
            return exchange.give(start_response, 501, [], b'')
        runtime = gateway.bind()
        if not gateway.doors.admit(exchange, door):
            return exchange.finish(start_response)
        if exchange.method == 'POST':
            self._post(environ, exchange, Reading(gateway.doors, door))
        else:
            runtime.loop.run_callback(gateway.doors.serve, exchange, door, None)
        answer = self._wait(environ, exchange)
        if isinstance(answer, _Upgrading):
            return self._upgrade(environ, start_response, exchange, *answer)
        if isinstance(answer, _Streaming):
            start_response('200 OK', [*answer.headers, ('Connection', 'close')])
            return self._pieces(environ, answer.pipe)
        return exchange.give(start_response, *answer)

    def _pieces(self, environ: dict[str, Any], pipe: PipeTransport) -> Iterator[bytes]:
        """The pieces of an answer that goes on, until it ends or the client goes away."""
        sock = socket_of(environ)
        departure = sock and Departure(sock, self.gateway.bind().loop, pipe.lost)
        try:
            yield from pipe
        finally:
            if departure is not None:
                departure.close()

    def _wait(self, environ: dict[str, Any], exchange: WSGIExchange) -> Any:
        """Wait for an answer, or until the client goes away."""
        def gone() -> None:
            exchange.abort()
            if not exchange.answered():
                exchange.fail(400)  # nobody reads it, but the greenlet may go

        sock = socket_of(environ)
        if sock is None:
            return exchange.wait()
        departure = Departure(sock, self.gateway.bind().loop, gone)
        try:
            return exchange.wait()
        finally:
            departure.close()

    def _post(self, environ: dict[str, Any], exchange: WSGIExchange, transport: Any) -> None:
        if not transport.begin_post(exchange):
            return
        limit = self.gateway.config.max_http_buffer_size
        length = environ.get('CONTENT_LENGTH') or ''
        chunked = environ.get('HTTP_TRANSFER_ENCODING', '').lower() == 'chunked'
        if not chunked and not (length.isascii() and length.isdigit()):
            transport.refuse_post(exchange, 400)
            return
        size = limit + 1 if chunked else int(length)
        body = b''
        if size <= limit or chunked:
            try:
                body = environ['wsgi.input'].read(size)
            except (OSError, ValueError):  # gone, or a broken chunk
                exchange.abort()
                exchange.fail(400)
                return
        if max(len(body), 0 if chunked else size) > limit:
            self.gateway.too_big(None if chunked else size)
            transport.refuse_post(exchange, 413)
        elif not chunked and len(body) < size:
            exchange.abort()
            exchange.fail(400)
        elif not exchange.answered():
            binary = environ.get('CONTENT_TYPE', '').startswith('application/octet-stream')
            self.gateway.engine.runtime.loop.run_callback(  # type: ignore[attr-defined]
                transport.post, exchange, body, binary)

    # -- WebSocket ------------------------------------------------------------------------------

    def _upgrade(self, environ: dict[str, Any], start_response: StartResponse,
                 exchange: WSGIExchange, agreed: Upgrade, start: Callable[..., Any]) -> Any:
        """Answer 101 in the way of the server at hand and take the socket over.

        :param start: see ``Exchange.upgrade``.
        """
        if not has_socket(environ):
            self._tell('this WSGI server gives no access to its socket, so WebSocket cannot work '
                       'here; clients stay on polling. Use socketio.run(app), or '
                       'gunicorn -k geventio.gunicorn.Worker')
            return exchange.give(start_response, 501, [], b'')
        sock, early, deflated, result = upgrade(environ, start_response, agreed)
        if deflated is not None:
            agreed.deflated = deflated

        def begin() -> None:
            transport = start(agreed, sock, early)
            if isinstance(sock, BorrowedSocket):
                sock.holder = transport

        self.gateway.bind().loop.run_callback(begin)
        if isinstance(sock, BorrowedSocket):
            sock.wait()
            close = getattr(environ['wsgi.input'], 'close', None)
            if close is not None:
                close()  # nothing more is to be read as a request
        return result

    # -- the server around ----------------------------------------------------------------------

    def _look_around(self, environ: dict[str, Any]) -> bool:
        """At the first request: look at a gunicorn worker that is not ours.

        Returns whether the server can be served under.
        """
        if 'gunicorn.socket' in environ and not is_module_patched('socket'):
            self._tell('this gunicorn worker does not run on gevent, so Socket.IO cannot work: '
                       'use gunicorn -k geventio.gunicorn.Worker')
            return False
        if self._seen:
            return True
        self._seen = True
        if 'gunicorn' in environ.get('SERVER_SOFTWARE', ''):
            _end_with_worker(self.gateway)
        return True

    def _tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            log.error(message)


def _end_with_worker(gateway: Gateway) -> None:
    """End the sessions when gunicorn asks its worker to stop, after what the worker does itself.

    A worker of a foreign class knows nothing of connections that were taken off it, and waits for
    polls that nobody answers.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):
        return
    loop = gateway.bind().loop

    def end() -> None:
        gateway.engine.stopping = True
        gateway.engine.close_all()

    def on_signal(number: int, frame: Any) -> None:
        before(number, frame)
        loop.run_callback_threadsafe(end)

    with contextlib.suppress(ValueError):  # not on the main thread: nobody sends it signals
        signal.signal(signal.SIGTERM, on_signal)

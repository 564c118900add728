"""The same door for requests that come through WSGI: under any gevent server.

Used wherever the loop does not parse HTTP itself: foreign servers, TLS, middleware around the
application. A request's greenlet waits while the loop serves it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from gevent.event import AsyncResult

from ..errors import HTTPError
from ..protocol.http import parse_query, response
from .exchange import Exchange
from .gateway import Gateway, Upgrade
from .handshake import WSGIHandshake, headers_of
from .takeoff import BorrowedSocket, take_off

log = logging.getLogger('geventio')

StartResponse = Callable[..., Any]


class WSGIExchange(Exchange):
    """An exchange whose greenlet waits for the answer."""

    __slots__ = ('_answer', '_environ')

    def __init__(self, environ: dict[str, Any], gateway: Gateway) -> None:
        super().__init__(environ['REQUEST_METHOD'], parse_query(environ.get('QUERY_STRING', '')),
                         headers_of(environ), environ.get('wsgi.url_scheme') == 'https',
                         gateway.compress_from)
        self._answer = AsyncResult()
        self._environ = environ

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self._answer.set((status, [*headers, *self.extra], body))

    def handshake(self) -> WSGIHandshake:
        return WSGIHandshake(self._environ)

    def answered(self) -> bool:
        return bool(self._answer.ready())

    def finish(self, start_response: StartResponse) -> list[bytes]:
        """Wait for the answer and give it to the server."""
        try:
            status, headers, body = self._answer.get()
        except BaseException:
            self.abort()
            raise
        start_response(f'{status} {HTTPStatus(status).phrase}',
                       [*headers, ('Content-Length', str(len(body)))])
        return [body]


class WSGIDoor:
    """WSGI middleware: our path goes to the gateway, everything else to the application.

    :param gateway: serves our path.
    :param app: the application; None answers 404.
    """

    def __init__(self, gateway: Gateway, app: Any = None) -> None:
        self.gateway = gateway
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        if environ.get('PATH_INFO') != self.gateway.path:
            if self.app is not None:
                return self.app(environ, start_response)
            start_response('404 Not Found', [('Content-Type', 'text/plain')])
            return [b'Not Found']
        try:
            return self._serve(environ, start_response)
        except HTTPError as error:
            start_response(f'{error.status} {HTTPStatus(error.status).phrase}',
                           [('Content-Type', 'text/plain'), ('Connection', 'close')])
            return [error.reason.encode()]

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        gateway = self.gateway
        runtime = gateway.bind()
        exchange = WSGIExchange(environ, gateway)
        target = gateway.admit(exchange)
        if target is None:
            pass
        elif exchange.query['transport'] == 'websocket':
            agreed = gateway.agree(exchange, target)
            if agreed is not None:
                return self._upgrade(environ, start_response, exchange, target, agreed)
        elif exchange.method == 'GET':
            runtime.loop.run_callback(gateway.get, exchange, target)
        else:
            self._post(environ, exchange, target.transport)
        return exchange.finish(start_response)

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
                 exchange: WSGIExchange, target: Any, agreed: Upgrade) -> Any:
        """Answer 101 in the way of the server at hand and take the socket over."""
        found = environ.get('wsgi.websocket')
        done: Any = []
        if getattr(found, 'handler', None) is not None:
            sock, early = _from_gevent_websocket(found)
        elif 'gunicorn.socket' in environ:
            sock, early, done = _from_gunicorn(environ, agreed)
        else:
            source = _pywsgi_socket(environ)
            if source is None:
                log.error('this WSGI server gives no access to its socket, so WebSocket cannot '
                          'work here; clients stay on polling. Use socketio.run(app), or '
                          'gunicorn -k geventio.gunicorn.Worker')
                exchange.reply(501, [], b'')
                return exchange.finish(start_response)
            write = start_response('101 Switching Protocols', agreed.headers)
            write(b'')
            reader = environ['wsgi.input']
            if getattr(source, '_sslobj', None) is not None:
                sock, early = BorrowedSocket(source), _peek(source, reader)
            else:
                sock, early = take_off(source, reader)
                reader.close()  # tells pywsgi that the connection is not its own any more
        if isinstance(sock, BorrowedSocket):
            early += sock.pending()
        self.gateway.engine.runtime.loop.run_callback(  # type: ignore[attr-defined]
            self.gateway.websocket, exchange, target, agreed, sock, early)
        if isinstance(sock, BorrowedSocket):
            sock.wait()
            close = getattr(environ['wsgi.input'], 'close', None)
            if close is not None:
                close()  # nothing more is to be read as a request
        return done


def _pywsgi_socket(environ: dict[str, Any]) -> Any:
    """The gevent socket of a request on pywsgi: for upgrades ``wsgi.input`` is its reader."""
    raw = getattr(environ.get('wsgi.input'), 'raw', None)
    return getattr(raw, '_sock', None)


def _peek(source: Any, reader: Any) -> bytes:
    source.settimeout(0.0)
    try:
        return reader.peek() or b''
    except OSError:  # nothing there yet; TLS says so in its own way
        return b''


def _from_gevent_websocket(websocket: Any) -> tuple[Any, bytes]:
    """Its handler has sent the 101 already; from now on it must not write."""
    handler = websocket.handler
    sock, reader = handler.socket, handler.rfile
    websocket.closed = True
    websocket.raw_write = websocket.raw_read = websocket.stream = None
    if getattr(sock, '_sslobj', None) is not None:
        return BorrowedSocket(sock), _peek(sock, reader)
    handler.socket = None
    return take_off(sock, reader)


def _from_gunicorn(environ: dict[str, Any], agreed: Upgrade) -> tuple[Any, bytes, Any]:
    """``gunicorn -k gevent`` keeps the socket: borrow it while the request's greenlet waits."""
    from gunicorn.workers.base_async import ALREADY_HANDLED

    source = environ['gunicorn.socket']
    source.sendall(response(101, agreed.headers, b''))
    return BorrowedSocket(source), b'', ALREADY_HANDLED

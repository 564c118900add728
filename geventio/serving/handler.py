"""pywsgi handler that gives WSGI applications a WebSocket.

In here: the opening handshake on top of gevent-websocket's handler, whose place in a request and
whose environ keys it keeps. Not in here: frames, which never pass through gevent-websocket, and
Socket.IO.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import geventwebsocket.handler
from gevent import GreenletExit
from gevent.pywsgi import WSGIHandler
from geventwebsocket.exceptions import WebSocketError

from ..errors import HTTPError
from ..protocol import deflate
from ..protocol.handshake import check_handshake, refusal_headers
from ..protocol.websocket import CloseCode
from ..transports.blocking import CLOSE_TIMEOUT, MAX_MESSAGE_SIZE, WebSocket

log = logging.getLogger('geventio')


class WebSocketHandler(geventwebsocket.handler.WebSocketHandler):
    """``WSGIServer(..., handler_class=WebSocketHandler)``.

    A request that asks for a WebSocket reaches the application with
    ``environ['wsgi.websocket']``, a :class:`~geventio.transports.blocking.WebSocket`, after the
    101 was sent; the connection ends with the application's return. A handshake that RFC 6455
    forbids is answered 400 or 426 and does not reach the application. Every other request is
    pywsgi's own.
    """

    #: Bytes a received message may have; a peer that sends more is closed with 1009.
    max_message_size: int = MAX_MESSAGE_SIZE
    #: Seconds that closing a WebSocket may take.
    close_timeout: float = CLOSE_TIMEOUT
    #: Whether to agree to permessage-deflate (RFC 7692).
    per_message_deflate: bool = False

    @property
    def logger(self) -> logging.Logger:
        return log

    def upgrade_websocket(self) -> list[bytes] | None:
        """Decide whether this is a handshake (RFC 9110 section 7.8); then answer it."""
        asked = self.environ.get('HTTP_UPGRADE', '').lower().split(',')
        if 'websocket' not in (token.strip() for token in asked):
            return None
        if self.command != 'GET' or self.request_version != 'HTTP/1.1':
            return None
        return self.upgrade_connection()

    def upgrade_connection(self) -> list[bytes] | None:
        """Answer the opening handshake.

        :returns: None after a 101, with :attr:`websocket` set; else the body of the refusal.
        """
        environ = self.environ
        headers = {
            name[5:].lower().replace('_', '-'): value
            for name, value in environ.items()
            if name.startswith('HTTP_')
        }
        if 'CONTENT_LENGTH' in environ:
            headers['content-length'] = environ['CONTENT_LENGTH']
        try:
            accept = check_handshake(environ['REQUEST_METHOD'], headers)
        except HTTPError as error:
            return self._refuse(error)
        answer = [
            ('Upgrade', 'websocket'),
            ('Connection', 'Upgrade'),
            ('Sec-WebSocket-Accept', accept),
        ]
        agreed = None
        if self.per_message_deflate:
            agreed = deflate.negotiate(headers.get('sec-websocket-extensions', ''))
        if agreed is not None:
            answer.append(('Sec-WebSocket-Extensions', agreed[1]))
        subprotocol = self._subprotocol(headers.get('sec-websocket-protocol', ''))
        if subprotocol:
            answer.append(('Sec-WebSocket-Protocol', subprotocol))
        self.websocket = WebSocket(
            environ,
            self.socket,
            self.rfile,
            self,
            max_message_size=self.max_message_size,
            close_timeout=self.close_timeout,
            compressed=agreed is not None,
        )
        environ['wsgi.websocket_version'] = headers['sec-websocket-version']
        environ['wsgi.websocket'] = self.websocket
        self.start_response('101 Switching Protocols', answer)
        return None

    def _refuse(self, error: HTTPError) -> list[bytes]:
        body = error.reason.encode()
        self.start_response(
            f'{error.status} {HTTPStatus(error.status).phrase}',
            [
                ('Content-Type', 'text/plain; charset=utf-8'),
                ('Content-Length', str(len(body))),
                *refusal_headers(error.status),
            ],
        )
        return [body]

    def _subprotocol(self, asked: str) -> str | None:
        """What an application with ``app_protocol(path)`` speaks, if the client asked for it."""
        choose: Callable[[str], str | None] | None
        choose = getattr(self.application, 'app_protocol', None)
        if choose is None or not asked:
            return None
        spoken = choose(self.environ['PATH_INFO'])
        return spoken if spoken in (item.strip() for item in asked.split(',')) else None

    def run_websocket(self) -> None:
        """Run the application on the open WebSocket, and close it when the application is done.

        The close code is 1000 after a return, 1011 after an exception, and 1001, without waiting
        for the peer, when the server kills the greenlet.
        """
        if getattr(self, 'prevent_wsgi_call', False):
            return
        websocket = self.websocket
        clients = self.server.__dict__.setdefault('clients', {})
        clients[self._client_key] = geventwebsocket.handler.Client(self.client_address, websocket)
        try:
            self._call_application()
        except GreenletExit:
            websocket.close(CloseCode.GOING_AWAY, timeout=0)
            raise
        except WebSocketError:
            # An application that leaves a loop of receive() and send() by this exception is done.
            if not websocket.closed:
                raise
        except BaseException:
            websocket.close(CloseCode.INTERNAL_ERROR)
            raise
        finally:
            clients.pop(self._client_key, None)
            websocket.close()
            self.environ['wsgi.websocket'] = None
            self.websocket = None

    def _call_application(self) -> None:
        # The connection no longer carries HTTP: status, headers and body go nowhere.
        result: Any = self.application(self.environ, lambda *args: lambda data: None)
        try:
            for _ in result:
                pass
        finally:
            if hasattr(result, 'close'):
                result.close()

    @property
    def _client_key(self) -> Any:
        # The peers of a Unix socket all have the same, empty address.
        return self.client_address or id(self)

    @property
    def active_client(self) -> Any:
        """This connection's entry in the server's ``clients``."""
        return self.server.clients[self._client_key]

    def log_request(self) -> None:
        """Write the access log line: once for each request, at its end, 101 included."""
        WSGIHandler.log_request(self)

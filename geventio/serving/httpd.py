"""The HTTP server: gevent's pywsgi, with our own path served in the loop before it.

A fresh connection belongs to the loop. If its requests are for our path it stays there (see
``http``); otherwise a pywsgi greenlet gets it with the bytes read, and gives it back at a later
request for our path. Everything else of pywsgi is as it is.
"""

from __future__ import annotations

import _socket
import io
import time
from typing import Any

from gevent.pywsgi import WSGIHandler, WSGIServer
from gevent.socket import socket as gevent_socket

from .gateway import Gateway
from .handler import WebSocketHandler
from .http import HTTPConnection
from .takeoff import set_nodelay, take_off
from .wsgi import WSGIDoor

#: Connections the kernel keeps for us until they are accepted.
BACKLOG = 4096


class Handler(WebSocketHandler):
    """pywsgi's handler of one connection; hands requests for our path to the loop."""

    def handle_one_request(self) -> Any:
        server = self.server
        if server.gateway is not None and not self.rfile.closed:
            try:
                data = self.rfile.peek()
            except OSError:
                return None
            if server.ours(data):
                sock, self.socket = self.socket, None
                raw, early = take_off(sock, self.rfile)
                connection = HTTPConnection(raw, self.client_address, server)
                server.gateway.engine.runtime.loop.run_callback(connection.feed, early)
                return None
        return super().handle_one_request()

    def run_application(self) -> None:
        """Leave WebSocket requests for our path to the gateway; it has more to check."""
        door = self.server.door
        if door is not None and self.environ.get('PATH_INFO') == door.gateway.path:
            WSGIHandler.run_application(self)
        else:
            super().run_application()


class Server(WSGIServer):
    """gevent's WSGIServer for an application that contains a geventio door.

    :ivar gateway: serves our path in the loop; None when requests must go through WSGI (TLS, or
        middleware around the door that has to see them).
    """

    handler_class = Handler

    def __init__(self, listener: Any, application: Any, **options: Any) -> None:
        if isinstance(listener, tuple):
            options.setdefault('backlog', BACKLOG)
        super().__init__(listener, application, **options)
        self.gateway: Gateway | None = None
        self.door: WSGIDoor | None = None
        self.access_log: Any = None if options.get('log', 'default') is None else self.log
        self.base_environ: dict[str, Any] = {}
        self._prefix = b''

    def start(self) -> None:
        self._find_door()
        super().start()

    def start_accepting(self) -> None:
        self._find_door()
        super().start_accepting()

    def _find_door(self) -> None:
        """Look for the door, and whether anything stands in front of it."""
        app, plain = self.application, True
        while app is not None and self.door is None:
            if isinstance(app, WSGIDoor):
                self.door = app
            elif hasattr(app, 'full_dispatch_request'):  # a Flask app calls its wsgi_app
                app = app.wsgi_app
            else:
                plain = False
                app = getattr(app, 'app', None) or getattr(app, 'wsgi_app', None) \
                    or getattr(app, 'application', None)
        if self.door is not None and plain and not self.ssl_enabled and self.gateway is None:
            self.gateway = self.door.gateway
            self.gateway.bind()
            self._prefix = self.gateway.path.encode('ascii')
        self.base_environ = self.get_environ()

    # -- which requests are ours ----------------------------------------------------------------

    def ours(self, data: bytes) -> bool | None:
        """Whether a request that begins with ``data`` is for our path; None if too early to say."""
        start = data.find(b' ', 0, 16) + 1
        if not start:
            return None if len(data) < 16 else False
        prefix = self._prefix
        end = start + len(prefix)
        if len(data) > end:
            return data.startswith(prefix, start) and data[end] in b'? '
        return None if prefix.startswith(data[start:]) else False

    # -- accepting ------------------------------------------------------------------------------

    def do_read(self) -> Any:
        if self.gateway is None:
            accepted = super().do_read()
            if accepted:
                set_nodelay(accepted[0])
            return accepted
        try:
            fd, address = self.socket._accept()
        except BlockingIOError:
            return None
        raw = _socket.socket(self.socket.family, _socket.SOCK_STREAM, 0, fd)
        raw.setblocking(False)
        set_nodelay(raw)
        return raw, address

    def do_handle(self, *args: Any) -> None:
        if self.gateway is None:
            super().do_handle(*args)
        else:
            HTTPConnection(*args, self)

    def hand_over(self, raw: Any, address: Any, data: bytes) -> None:
        """Give a connection, with what was read of it, to a pywsgi greenlet."""
        sock = gevent_socket(raw.family, _socket.SOCK_STREAM, raw.proto, raw.detach())
        super().do_handle(sock, address, data)

    def handle(self, sock: Any, address: Any, data: bytes = b'') -> None:
        handler = self.handler_class(sock, address, self)
        if data:
            handler.rfile.close()
            handler.rfile = io.BufferedReader(_Pushback(sock, data))
        handler.handle()

    # -- log ------------------------------------------------------------------------------------

    def log_access(self, address: Any, request_line: str, status: int, size: int) -> None:
        """Write the access-log line of a request served in the loop."""
        client = address[0] if isinstance(address, tuple) else address or '-'
        now = time.strftime('%Y-%m-%d %H:%M:%S')
        self.access_log.write(f'{client} - - [{now}] "{request_line}" {status} {size}\n')


class _Pushback(io.RawIOBase):
    """A socket's raw reader that first gives what was read before."""

    def __init__(self, sock: Any, data: bytes) -> None:
        self._raw = sock.makefile('rb', 0)
        self._data = data
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._data
        if data:
            size = min(len(data), len(buffer))
            buffer[:size] = data[:size]
            self._data = data[size:]
            return size
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()

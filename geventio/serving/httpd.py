"""The HTTP server: gevent's pywsgi, with our own path served in the loop before it.

A fresh connection belongs to the loop. If its requests are for our path it stays there (see
``http``); otherwise a pywsgi greenlet gets it with the bytes read, and gives it back at a later
request for our path. Everything else of pywsgi is as it is. Starting and stopping live in
``running``.
"""

from __future__ import annotations

import _socket
import io
import logging
import re
import sys
import time
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer
from gevent.socket import socket as gevent_socket
from greenlet import getcurrent

from ..protocol.http import MAX_HEAD_SIZE, Request
from . import flashpolicy
from .gateway import Gateway
from .handler import WebSocketHandler
from .handshake import Environs
from .http import IDLE_TIMEOUT, HTTPConnection, look_at
from .loopexchange import LoopExchange
from .middleware import NAMES, Rewrite, layers, only_calls, only_rewrites, rewriters
from .newcomer import Newcomer, Openings
from .rewritten import RewrittenExchange
from .takeoff import set_nodelay, take_off
from .wsgi import WSGIDoor

log = logging.getLogger('geventio')

#: Connections the kernel keeps for us until they are accepted.
BACKLOG = 4096
#: Seconds a client may take for the TLS handshake.
TLS_HANDSHAKE_TIMEOUT = 10.0

# No request begins with it. Flash's question for a policy does.
_LESS_THAN = 0x3c

# A request's path, as far as it is all there.
_path_at = re.compile(rb'([^ ?\r\n]*)[ ?\r\n]').match

# Whether connections have TCP_NODELAY from the socket they were accepted on.
_INHERITED = sys.platform == 'linux'


class Handler(WebSocketHandler):
    """pywsgi's handler of one connection; hands requests for our path to the loop."""

    def handle_one_request(self) -> Any:
        server = self.server
        if self.rfile.closed or not server.started:
            return None
        data = server.await_request(self.rfile)
        if not data:
            return None
        if server.asks_for_policy(data):
            flashpolicy.converse(self.socket, self.rfile.read1, server.door.gateway.config)
            return None
        if server.gateway is not None and server.ours(data):
            sock, self.socket = self.socket, None
            raw, early = take_off(sock, self.rfile)
            server.gateway.bind()
            connection = HTTPConnection(raw, self.client_address, server)
            server.loop.run_callback(connection.feed, early)
            return None
        return super().handle_one_request()

    def run_application(self) -> None:
        """Leave WebSocket requests for our path to the gateway; it has more to check."""
        door = self.server.door
        path = self.environ['PATH_INFO']
        if door is not None and (path.endswith(door.gateway.path) or door.gateway.doors.find(path)):
            WSGIHandler.run_application(self)
        else:
            super().run_application()


class Server(WSGIServer):
    """gevent's WSGIServer for an application that contains a geventio door.

    :param door: the door, for applications in which it cannot be found.
    :param options: those of WSGIServer. Without ``spawn`` the greenlets have no limit.
    :ivar gateway: serves our path in the loop; None when requests must go through WSGI (TLS, or
        middleware around the door that has to see them).
    :ivar flash_policy: whether Flash's question for a policy is answered.
    :ivar environs: makes the environs of what is served in the loop, and
    :ivar exchange_class: its exchanges.
    :ivar openings: the requests for a WebSocket that need no exchange; None if all do.
    :ivar connections: what is in the loop.
    :ivar usual: how nearly all requests for our path begin.
    """

    handler_class = Handler

    def __init__(self, listener: Any, application: Any, door: WSGIDoor | None = None,
                 **options: Any) -> None:
        if isinstance(listener, tuple):
            options.setdefault('backlog', BACKLOG)
        if options.get('spawn', 'default') == 'default':
            options['spawn'] = Pool()  # knows its greenlets, so that they can be ended
        super().__init__(listener, application, **options)
        self.door = door
        self.gateway: Gateway | None = None
        self.flash_policy = False
        self.access_log: Any = None if options.get('log', 'default') is None else self.log
        self.environs = Environs({})
        self.exchange_class: type[LoopExchange] = LoopExchange
        self.openings: Openings | None = None
        self.connections: set[Newcomer | HTTPConnection] = set()
        self.bucket: dict[Any, None] | None = None  # of the looks at them
        self._idle: set[Any] = set()
        self._prefix = b''
        self.usual: tuple[bytes, ...] = ()

    def init_socket(self) -> None:
        super().init_socket()
        set_nodelay(self.socket)
        if self.gateway is None:
            self._find_door()

    def _find_door(self) -> None:
        """Look for the door, and whether anything in front of it has to see our requests."""
        chain = list(layers(self.application))
        doors = [place for place, (app, _) in enumerate(chain) if isinstance(app, WSGIDoor)]
        if doors:
            self.door = chain[doors[0]][0]
        door = self.door
        if door is None:
            return
        door.gateway.bind()
        config = door.gateway.config
        self.flash_policy = flashpolicy.wanted(config) and not self.ssl_enabled
        declared = config.environ_middleware
        for cls in declared:
            if not any(name and only_rewrites(app, [cls]) for app, name in chain):
                log.warning('environ_middleware names %s, which was not found around the '
                            'application: the option wraps nothing by itself, and middleware must '
                            'keep what it wraps in one of the attributes %s', cls.__name__,
                            ', '.join(NAMES))
        if not doors or self.ssl_enabled:
            return
        outside = [(app, name) for app, name in chain[:doors[0]] if not only_calls(app)]
        if all(only_rewrites(app, declared) for app, _ in outside):
            rewrite = Rewrite.of(outside + rewriters(door.app, declared))
            self.environs = Environs(self.get_environ(), rewrite)
            if rewrite is not None:
                self.exchange_class = RewrittenExchange
            self.gateway = door.gateway
            if rewrite is None and self.access_log is None:
                self.openings = Openings(door.gateway, self.environs)
            self._prefix = prefix = self.gateway.path.encode('ascii')
            self.usual = b'GET ' + prefix + b'?', b'POST ' + prefix + b'?'

    # -- which requests are ours ----------------------------------------------------------------

    def ours(self, data: bytes) -> bool | None:
        """Whether a request that begins with ``data`` is for our path; None if too early to say."""
        start = data.find(b' ', 0, 16) + 1
        if not start:
            return None if len(data) < 16 and not self.asks_for_policy(data) else False
        prefix = self._prefix
        end = start + len(prefix)
        if len(data) > end:
            if data.startswith(prefix, start) and data[end] in b'? ':
                return True
        elif prefix.startswith(data[start:]):
            return None
        return self._has_door(data, start) if self.gateway.doors else False

    @property
    def repeats(self) -> bool:
        """Whether a request that repeats another one needs no look at anything but its bytes."""
        return self.access_log is None and self.exchange_class is LoopExchange

    def asks_for_policy(self, data: bytes) -> bool:
        """Whether ``data`` begins as Flash's question for a policy, which is to be answered."""
        return data[0] == _LESS_THAN and self.flash_policy

    def _has_door(self, data: bytes, start: int) -> bool | None:
        """Whether the path that begins at ``start`` belongs to a door; None if it has no end yet.
        """
        path = _path_at(data, start)
        if path is None:
            return None if len(data) <= MAX_HEAD_SIZE else False
        return self.gateway.doors.find(path[1].decode('latin-1')) is not None

    # -- accepting ------------------------------------------------------------------------------

    def do_read(self) -> Any:
        if self.gateway is None:
            accepted = super().do_read()
            if accepted:
                set_nodelay(accepted[0])
            return accepted
        self.gateway.bind()
        listener, family = self.socket, self.socket.family
        for _ in range(self.max_accept):
            try:
                fd, address = listener._accept()
            except BlockingIOError:
                break
            raw = _socket.socket(family, _socket.SOCK_STREAM, 0, fd)
            raw.setblocking(False)
            if not _INHERITED:
                set_nodelay(raw)
            Newcomer(raw, address, self)
        return None  # they are in the loop

    def do_handle(self, *args: Any) -> None:
        if self.gateway is None:
            super().do_handle(*args)
        else:
            self.gateway.bind()
            Newcomer(*args, self)

    def tick(self, now: float) -> float | None:
        """Look after the connections in the loop."""
        return look_at(self.connections, now)

    def hand_over(self, raw: Any, address: Any, data: bytes) -> None:
        """Give a connection, with what was read of it, to a pywsgi greenlet."""
        if not self.started:
            raw.close()
            return
        sock = gevent_socket(raw.family, _socket.SOCK_STREAM, raw.proto, raw.detach())
        if self.full():  # the loop must not wait for a place in the pool
            gevent.spawn(super().do_handle, sock, address, data)
        else:
            super().do_handle(sock, address, data)

    def handle(self, sock: Any, address: Any, data: bytes = b'') -> None:
        handler = self.handler_class(sock, address, self)
        if data:
            handler.rfile.close()
            # The first read puts all of it into the buffer, where take_off() finds it.
            size = max(io.DEFAULT_BUFFER_SIZE, len(data))
            handler.rfile = io.BufferedReader(_Pushback(sock, data), size)
        handler.handle()

    def wrap_socket_and_handle(self, sock: Any, address: Any) -> None:
        options = {**self.ssl_args, 'do_handshake_on_connect': False}
        try:
            tls = self.wrap_socket(sock, **options)
        except OSError:  # the client has gone
            return
        with tls:  # the server may end during the handshake
            me = getcurrent()
            self._idle.add(me)
            try:
                with gevent.Timeout(TLS_HANDSHAKE_TIMEOUT, TimeoutError):
                    tls.do_handshake()
            except OSError:  # no TLS, another version, nothing at all: the client's own fault
                return
            finally:
                self._idle.discard(me)
            self.handle(tls, address)

    # -- ending ---------------------------------------------------------------------------------

    def await_request(self, reader: Any) -> bytes:
        """Wait for the first bytes of the next request of a connection; empty if none comes."""
        me = getcurrent()
        self._idle.add(me)
        try:
            with gevent.Timeout(IDLE_TIMEOUT, False):
                data: bytes = reader.peek()
                return data
        except OSError:
            pass
        finally:
            self._idle.discard(me)
        return b''

    def close(self) -> None:
        super().close()
        bucket = self.bucket
        if bucket is not None and not self.connections:
            bucket.pop(self, None)
            self.bucket = None

    def close_idle(self) -> bool:
        """Close the connections on which nothing happens; returns whether there are others."""
        gevent.killall(list(self._idle), block=False)
        for connection in list(self.connections):
            if connection.idle():
                connection.lost()
        return bool(self.connections or self.pool)

    def close_all(self) -> None:
        """Close every connection now."""
        for connection in list(self.connections):
            connection.lost()
        self.stop(timeout=0)

    # -- log ------------------------------------------------------------------------------------

    def log_access(self, address: Any, request: Request, status: int, size: int) -> None:
        """Write the access-log line of a request served in the loop."""
        client = address[0] if isinstance(address, tuple) else address or '-'
        now = time.strftime('%Y-%m-%d %H:%M:%S')
        self.access_log.write(f'{client} - - [{now}] "{request.method} {request.target} '
                              f'{request.version}" {status} {size}\n')


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

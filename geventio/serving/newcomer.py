"""A connection that was accepted and has not said yet what it wants.

Most of those that stay ask for a WebSocket at once, in a request that needs no answer but 101.
They are taken over here, and nothing is made for HTTP. Whatever asks for something else, in
another way or piece by piece goes on to ``http``, which knows how to refuse as well.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from ..dialects.eio import REVISIONS, Refused, route
from ..errors import HTTPError
from ..protocol.handshake import check_handshake
from ..protocol.http import MAX_HEAD_SIZE, parse_headers
from . import http
from .gateway import Gateway, switching
from .handshake import Environs, LoopHandshake

_READ = 1


class Openings:
    """The requests for a WebSocket that a server has nothing to add to.

    :param gateway: serves them.
    :param environs: makes their environs.
    """

    __slots__ = ('_dialects', '_environs', '_gateway')

    def __init__(self, gateway: Gateway, environs: Environs) -> None:
        self._gateway = gateway
        self._environs = environs
        self._dialects: dict[bytes, Any] = {}  # request line -> class of the session it opens
        config = gateway.config
        if config.per_message_deflate or config.cookie is not None:
            return
        for revision in REVISIONS:
            query = {'EIO': revision, 'transport': 'websocket'}
            try:
                dialect = route(gateway.engine, query, 'GET', True)
            except Refused:
                continue
            for first, second in (('EIO', 'transport'), ('transport', 'EIO')):
                line = (f'GET {gateway.path}?{first}={query[first]}&{second}={query[second]}'
                        ' HTTP/1.1')
                self._dialects[line.encode('ascii')] = dialect

    def take(self, data: bytes, sock: Any, address: Any, watcher: Any) -> bool:
        """Make a WebSocket of a connection if all it has said is such a request.

        :param data: what it has said.
        :returns: False if it is another request, or a wrong one, which is not answered then.
        """
        head = data[:-4]
        line, _, fields = head.partition(b'\r\n')
        dialect = self._dialects.get(line)
        gateway = self._gateway
        if dialect is None or data[-4:] != b'\r\n\r\n' or len(head) > MAX_HEAD_SIZE \
                or gateway.engine.full():
            return False
        try:
            headers = parse_headers(fields, True)
            origin = headers.get('origin')
            if origin is not None and not gateway.origins.is_own(origin, headers) \
                    or 'expect' in headers:
                return False
            accept = check_handshake('GET', headers)
        except HTTPError:
            return False
        transport = gateway.transport(False, dialect.frames, sock, switching(accept), watcher)
        gateway.open(transport, dialect, LoopHandshake(head, address, self._environs),
                     gateway.engine.make_id(), b'')
        return True


class Newcomer:
    """One connection until its first bytes come, read by an io watcher.

    :param sock: raw non-blocking socket; the connection owns it.
    :param address: the peer's address.
    :param server: the HTTP server it came in by (see ``serving.httpd``).
    """

    __slots__ = ('_address', '_server', '_since', '_sock', '_watcher')

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        self._sock = sock
        self._address = address
        self._server = server
        self._since = monotonic()
        runtime: Any = server.gateway.engine.runtime
        self._watcher = runtime.loop.io(sock.fileno(), _READ)
        self._watcher.start(self._readable)
        server.connections.add(self)
        if server.bucket is None:
            runtime.schedule(server, http.IDLE_TIMEOUT / http.LOOKS)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(http.READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if data:
            self.feed(data)
        else:
            self.lost()

    def feed(self, data: bytes) -> None:
        """Take the first bytes from the client. Runs in the loop."""
        server = self._server
        server.connections.discard(self)
        sock, self._sock = self._sock, None
        openings = server.openings
        if openings is None or not openings.take(data, sock, self._address, self._watcher):
            http.HTTPConnection(sock, self._address, server, self._watcher, self._since).feed(data)

    def idle(self) -> bool:
        """Whether it is silent for longer than one that is about to ask."""
        return monotonic() > self._since + http.FIRST_REQUEST

    def look(self, now: float) -> None:
        """Close the connection if it has been silent for too long."""
        if now - self._since >= http.IDLE_TIMEOUT:
            self.lost()

    def lost(self) -> None:
        """The connection is over."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._server.connections.discard(self)
            self._watcher.close()  # which stops it
            sock.close()

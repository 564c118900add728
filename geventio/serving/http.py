"""HTTP on our path, in the loop: no greenlet and no WSGI between a poll and its session.

A connection belongs to the loop as long as its requests are for our path; one that is not goes
on to pywsgi with the bytes read. The grammar lives in ``protocol.http``, the decisions in
``gateway``.
"""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic
from typing import Any

from ..errors import HTTPError
from ..protocol.chunks import ChunkedBody
from ..protocol.http import MAX_HEAD_SIZE, Request, parse_head
from ..protocol.replies import response
from .doors import Reading
from .handshake import LoopHandshake
from .loopexchange import Answering, LoopExchange
from .repeats import Repeat

#: Seconds a connection may stay without a complete request.
IDLE_TIMEOUT = 75.0
#: Looks at all connections in that time: so much later, relatively, one may be closed.
LOOKS = 5
#: Seconds in which the first request of a connection is expected when the server stops.
FIRST_REQUEST = 0.3
#: Bytes that may arrive behind a request that is not answered yet.
MAX_PIPELINED = 65_536
#: Seconds and bytes a connection is still read after its last answer, so that closing it does
#: not destroy the answer on its way.
LINGER, LINGER_BYTES = 2.0, 4_000_000
#: Bytes read at a time.
READ_SIZE = 65_536

_READ, _WRITE = 1, 2
_CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'


class HTTPConnection:
    """One connection, read by an io watcher.

    :param sock: raw non-blocking socket; the connection owns it.
    :param address: the peer's address.
    :param server: the HTTP server it came in by (see ``serving.httpd``).
    :param watcher: of the loop, started, for reading from ``sock``; made if there is none.
    :param since: when the connection was opened; by default now.
    """

    __slots__ = ('_address', '_body', '_buffer', '_count', '_exchange', '_last', '_lingered',
                 '_need', '_out', '_repeat', '_seen', '_server', '_since', '_sock', '_transport',
                 '_watcher', '_writer', 'gateway')

    def __init__(self, sock: Any, address: Any, server: Any, watcher: Any = None,
                 since: float | None = None) -> None:
        self._sock = sock
        self._address = address
        self._server = server
        self.gateway = server.gateway
        self._buffer = b''
        self._exchange: Answering | None = None
        self._repeat: Repeat | None = None  # knows requests like one before
        self._last: tuple[str, str] | None = None  # method and session of the last request
        self._transport: Any = None  # takes the POST whose body is being read
        self._body: Any = None  # list of pieces, a ChunkedBody, or None outside a body
        self._need = 0
        self._out = b''
        self._lingered: int | None = None
        self._count = self._seen = 0
        # When it was opened, or last seen with a new request.
        self._since = monotonic() if since is None else since
        self._writer: Any = None
        runtime: Any = self.gateway.engine.runtime
        if watcher is None:
            watcher = runtime.loop.io(sock.fileno(), _READ)
            watcher.start(self._readable)
        else:
            watcher.callback = self._readable
        self._watcher = watcher
        server.connections.add(self)
        if server.bucket is None:
            runtime.schedule(server, IDLE_TIMEOUT / LOOKS)

    def idle(self) -> bool:
        """Whether nothing has been asked and nothing is left to send.

        One that has only just been opened is about to ask.
        """
        return self._exchange is None and self._body is None and not self._out \
            and (self._count > 0 or monotonic() > self._since + FIRST_REQUEST)

    def look(self, now: float) -> None:
        """Close the connection if it has been without a complete request for too long."""
        waiting = self._exchange is not None and self._body is None
        if self._count != self._seen or waiting:
            self._seen = self._count
            self._since = now
        else:
            self._repeat = None  # worth its memory only to a client that is busy
            if now - self._since >= IDLE_TIMEOUT:
                self.lost()

    # -- in -----------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            data = self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        repeat = self._repeat
        if repeat is not None and self._exchange is None and not self._buffer and not self._out:
            body = repeat.pattern.body(data)
            if body is not None:
                self._count += 1
                self._exchange = repeat
                if repeat.serve(body):
                    return
                self._exchange = None
        if data:
            self.feed(data)
        else:
            self.lost()

    def feed(self, data: bytes) -> None:
        """Take bytes from the client. Runs in the loop."""
        if self._lingered is not None:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.lost()
            return
        if self._buffer:
            data = self._buffer + data
            self._buffer = b''
        while data and self._sock is not None and self._lingered is None:
            if self._body is not None:
                data = self._take_body(data)
            elif self._exchange is not None or self._out:  # its answer is not out yet
                if len(data) > MAX_PIPELINED:
                    self.lost()
                else:
                    self._buffer = data
                return
            else:
                data = self._take_head(data)

    def _take_head(self, data: bytes) -> bytes:
        """Serve the request that ``data`` begins with; returns what is behind it."""
        end = data.find(b'\r\n\r\n')
        server = self._server
        if not data.startswith(server.usual):
            ours = server.ours(data)
            if ours is False or ours is None and end >= 0:
                server.hand_over(self.release(), self._address, data)
                return b''
        if end < 0 and len(data) <= MAX_HEAD_SIZE:
            self._buffer = data
            return b''
        head = data if end < 0 else data[:end]
        try:
            request = parse_head(head)
            exchange = self._exchange = server.exchange_class(self, request, head)
        except HTTPError as error:
            self._refuse(error)
            return b''
        rest = data[end + 4:]
        self._count += 1
        if request.path != self.gateway.path:
            return self._take_other(exchange, request, rest)
        target = self.gateway.admit(exchange)
        if target is None:
            return rest
        if exchange.query['transport'] == 'websocket':
            self._upgrade(exchange, target, rest)
            return b''
        self._notice(exchange, head)
        if request.method == 'POST':
            return self._take_post(exchange, request, target.transport, rest)
        if request.content_length or request.chunked:
            exchange.fail(400)
        else:
            self.gateway.get(exchange, target)
        return rest

    def _notice(self, exchange: LoopExchange, head: bytes) -> None:
        """Know requests like this one from now on, if it is the second of its kind."""
        sid = exchange.query.get('sid')
        if sid is None or not self._server.repeats:
            return
        kind = exchange.method, sid
        if kind == self._last:
            self._repeat = Repeat.of(exchange, head)
            self._last = None
        else:
            self._last = kind

    def _take_other(self, exchange: LoopExchange, request: Request, rest: bytes) -> bytes:
        """Serve a request for a door."""
        doors = self.gateway.doors
        door = doors.find(request.path)
        if door is None:
            exchange.fail(404)
        elif not doors.admit(exchange, door):
            return rest
        elif request.method == 'POST':
            return self._take_post(exchange, request, Reading(doors, door), rest)
        elif request.content_length or request.chunked:
            exchange.fail(400)
        else:
            self._buffer = rest
            doors.serve(exchange, door, None)
            return b''
        return rest

    def _take_post(self, exchange: LoopExchange, request: Request, transport: Any,
                   rest: bytes) -> bytes:
        if not transport.begin_post(exchange):
            return b''
        limit = self.gateway.config.max_http_buffer_size
        length = request.content_length
        if length is None:
            self._body = ChunkedBody(limit)
        elif length > limit:
            self.gateway.too_big(length)
            transport.refuse_post(exchange, 413)
            return b''
        elif length <= len(rest):
            transport.post(exchange, rest[:length], exchange.is_binary())
            return rest[length:]
        else:
            self._body = []
            self._need = length
        self._transport = transport
        if request.expect_continue and not rest:
            self._write(_CONTINUE)
        return rest

    def _take_body(self, data: bytes) -> bytes:
        exchange = self._exchange
        assert exchange is not None
        if self._body.__class__ is list:
            piece, rest = data[:self._need], data[self._need:]
            self._body.append(piece)
            self._need -= len(piece)
            if self._need:
                return b''
            body = b''.join(self._body)
        else:
            try:
                body = self._body.feed(data)
            except HTTPError as error:
                self._body = None
                if error.status == 413:
                    self.gateway.too_big(None)
                self._transport.refuse_post(exchange, error.status)
                return b''
            if body is None:
                return b''
            rest = self._body.rest
        self._body = None
        transport, self._transport = self._transport, None
        transport.post(exchange, body, exchange.is_binary())
        return rest

    def handshake(self, head: bytes) -> LoopHandshake:
        """A request of this connection as the Handshake of a session."""
        return LoopHandshake(head, self._address, self._server.environs)

    def _upgrade(self, exchange: LoopExchange, target: Any, rest: bytes) -> None:
        agreed = self.gateway.agree(exchange, target)
        if agreed is None:
            return
        self._buffer = rest
        sock, early, watcher = self.give_away(exchange, 101)
        self.gateway.websocket(exchange, target, agreed, sock, early, agreed.head(), watcher)

    def give_away(self, exchange: LoopExchange, status: int) -> tuple[Any, bytes, Any]:
        """Leave the answer of the exchange under way, and all that follows, to somebody else.

        :returns: the socket, what was read behind the request, and the watcher that reads.
        """
        if self._server.access_log is not None:
            self._log(exchange, status, 0)
        early, self._buffer = self._buffer, b''
        watcher, self._watcher = self._watcher, None
        self._exchange = None
        return self.release(), early, watcher

    # -- out ----------------------------------------------------------------------------------

    def answer(self, exchange: Answering, status: int, data: bytes) -> None:
        """Send the answer of the exchange under way."""
        if self._exchange is not exchange:
            return
        self._exchange = self._body = exchange.waiter = None
        if self._server.access_log is not None:
            self._log(exchange, status, len(data))
        self._write(data)
        if not exchange.keep_alive:
            self._linger()
        elif self._buffer and not self._out:
            self.gateway.engine.runtime.loop.run_callback(self.feed, b'')

    def _refuse(self, error: HTTPError) -> None:
        """Answer a request that could not be parsed."""
        self._write(response(error.status, [('Content-Type', 'text/plain; charset=UTF-8')],
                             error.reason.encode(), False))
        self._linger()

    def _write(self, data: bytes) -> None:
        if self._sock is None:
            return
        if not self._out:
            try:
                sent = self._sock.send(data)
                if sent == len(data):
                    return
                data = data[sent:]
            except BlockingIOError:
                pass
            except OSError:
                self.lost()
                return
            self._writer = self.gateway.engine.runtime.loop.io(self._sock.fileno(), _WRITE)
            self._writer.start(self._writable)
        self._out += data

    def _writable(self) -> None:
        try:
            self._out = self._out[self._sock.send(self._out[:1 << 20]):]
        except BlockingIOError:
            return
        except OSError:
            self.lost()
            return
        if not self._out:
            self._writer.stop()
            self._writer.close()
            self._writer = None
            if self._lingered is not None:
                self._say_no_more()
            elif self._buffer:
                self.feed(b'')

    def _log(self, exchange: LoopExchange, status: int, size: int) -> None:
        self._server.log_access(self._address, exchange.request, status, size)

    # -- end ----------------------------------------------------------------------------------

    def _linger(self) -> None:
        """No more answers: wait for the client to close."""
        if self._sock is None:
            return
        self._lingered = 0
        self._repeat = None
        self.gateway.engine.runtime.call_later(LINGER, self.lost)
        if not self._out:
            self._say_no_more()

    def _say_no_more(self) -> None:
        try:
            self._sock.shutdown(1)
        except OSError:
            self.lost()

    def lost(self) -> None:
        """The connection is over; an exchange under way is aborted."""
        if self._sock is None:
            return
        exchange, self._exchange = self._exchange, None
        self.release().close()
        if exchange is not None:
            exchange.abort()

    def release(self) -> Any:
        """Give the socket away; nothing watches it any more."""
        sock, self._sock = self._sock, None
        self._repeat = None
        self._server.connections.discard(self)
        if self._watcher is not None:
            self._watcher.close()  # which stops it
        if self._writer is not None:
            self._writer.close()
        self._watcher = self._writer = None
        return sock


def look_at(connections: Collection[Any], now: float) -> float | None:
    """Close those that have been silent for too long; seconds until the next look, if any."""
    for connection in list(connections):
        connection.look(now)
    return IDLE_TIMEOUT / LOOKS if connections else None

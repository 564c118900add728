"""One HTTP request that the loop has parsed, and the ways in which it is answered.

Reading requests off a connection, and writing to it, live in ``http``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..protocol.chunks import chunk
from ..protocol.http import LINE_SIZE, MAX_LINES, Request, parse_query
from ..protocol.replies import response, stream_head
from ..transports.streaming import StreamTransport
from .exchange import HTML, NO_STORE, TEXT, Exchange
from .handshake import LoopHandshake

if TYPE_CHECKING:
    from .http import HTTPConnection

#: Heads of answers kept ready. They may hold what a client said, of at most PATTERN_SIZE bytes.
MAX_HEADS = 64

# Requests that open a session are all alike. Nobody writes into an exchange's query.
_opening_query = lru_cache(maxsize=MAX_LINES)(parse_query)


@lru_cache(maxsize=MAX_HEADS)
def heads(headers: tuple[tuple[str, str], ...]) -> tuple[bytes, bytes]:
    """The ready answers of polling: the head of one with packets, in which ``%d`` stands for the
    length of the body, and the whole one to a POST.

    :param headers: those besides type and caching.
    """
    fields, _, rest = response(200, [TEXT, NO_STORE, *headers]).rpartition(b'0')
    text = fields.replace(b'%', b'%%') + b'%d' + rest
    return text, response(200, [HTML, NO_STORE, *headers], b'ok')


_TEXT_HEAD, _OK = heads(())


class Answering(Exchange):
    """What writes its answer to a connection in the loop.

    :ivar connection: that connection.
    :ivar keep_alive: whether it may carry another request afterwards.
    """

    __slots__ = ('connection', 'keep_alive')

    connection: HTTPConnection
    keep_alive: bool

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if status >= 400:
            self.keep_alive = False
        if self.method == 'HEAD':
            body = b''
        self.connection.answer(
            self, status, response(status, [*headers, *self.extra], body, self.keep_alive))


class LoopExchange(Answering):
    """An exchange of a connection in the loop."""

    __slots__ = ('_head', 'request')

    def __init__(self, connection: HTTPConnection, request: Request, head: bytes) -> None:
        query = request.query
        parse = parse_query if 'sid=' in query or len(query) > LINE_SIZE else _opening_query
        super().__init__(request.method, request.path, parse(query), request.headers, False,
                         connection.gateway.compress_from)
        self._head = head
        self.connection = connection
        self.request = request
        self.keep_alive = request.keep_alive

    @property
    def target(self) -> str:
        return self.request.target

    def handshake(self) -> LoopHandshake:
        return self.connection.handshake(self._head)

    def stream(self, session: Any, form: Any, prelude: bytes, budget: int | None
               ) -> StreamTransport:
        chunked = form.chunked and self.request.version == 'HTTP/1.1'
        encoding = form.chunks if chunked else form.plain
        sock, _, watcher = self.connection.give_away(self, 200)
        gateway = self.connection.gateway
        runtime: Any = gateway.engine.runtime
        transport = StreamTransport(session, sock, runtime, encoding,
                                    gateway.config.max_outbox_size, watcher, budget, chunked)
        head = stream_head([*form.headers, *self.extra], chunked)
        transport.start(head + (chunk(prelude) if chunked else prelude))
        return transport

    def upgrade(self, agreed: Any, start: Callable[..., Any]) -> None:
        sock, early, watcher = self.connection.give_away(self, 101)
        start(agreed, sock, early, agreed.head(), watcher)

    def plain(self, body: bytes) -> None:
        if self.keep_alive:
            self.connection.answer(self, 200, _TEXT_HEAD % len(body) + body)
        else:
            super().plain(body)

    def plain_ok(self) -> None:
        if self.keep_alive:
            self.connection.answer(self, 200, _OK)
        else:
            super().plain_ok()

"""Responses that go on: each packet leaves as a further piece of the body.

On a socket of our own the Outbox writes them, as it writes WebSocket frames; where a WSGI server
keeps the socket, it is handed the pieces one by one. What a piece looks like is the dialect's
business, when a response has gone on long enough is decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from gevent.event import Event

from ..core.session import SLOW_CLIENT, TRANSPORT_CLOSE
from ..protocol.chunks import LAST_CHUNK, content_size
from .connection import Connection
from .queue import Queue

log = logging.getLogger('geventio')

_READ_SIZE = 4096


class StreamTransport(Connection):
    """A response that goes on, on a socket of its own.

    :param session: the session it carries.
    :param budget: bytes of content after which the response ends; None for no such limit.
    :param chunked: whether the body comes in chunks.
    """

    __slots__ = ('_budget', '_chunked', '_uncounted')

    name = 'streaming'

    def __init__(self, session: Any, sock: Any, runtime: Any, encoding: Any, limit: int,
                 watcher: Any, budget: int | None, chunked: bool) -> None:
        super().__init__(sock, runtime, encoding, limit, watcher)
        self.session = session
        self._budget = budget
        self._chunked = chunked
        self._uncounted = 0
        self.send = self._sender()

    def start(self, hello: bytes) -> None:
        """Begin the response.

        :param hello: its head and whatever else does not count for the budget.
        """
        self._uncounted = len(hello)
        self.runtime.push(self, hello)
        self.watch()

    def _readable(self) -> None:
        try:
            data = self.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if data:  # a request behind one that never ends
            self._drain(len(data))
        else:
            self.lost(TRANSPORT_CLOSE)

    def _sender(self) -> Any:
        return super()._sender() if self._budget is None else self._counted

    def _counted(self, data: bytes) -> int:
        """``send`` of a response whose size is limited."""
        self._count(data)
        sent: int = self.sock.send(data)
        return sent

    def _queue(self, data: bytes) -> int:
        if self._budget is not None:
            self._count(data)
        return super()._queue(data)

    def _count(self, data: bytes) -> None:
        start, self._uncounted = self._uncounted, 0
        size = content_size(data, start) if self._chunked else len(data) - start
        assert self._budget is not None
        if self._budget > 0 >= self._budget - size:
            self.runtime.loop.run_callback(self._spent)
        self._budget -= size

    def _spent(self) -> None:
        """Enough for one response: the session waits for the next one."""
        if self.session is not None:
            self.session.park()

    def close(self, code: int | None, reason: str) -> None:
        """End the response; what waits leaves first."""
        self.session = None
        if self.sock is not None and self._say(LAST_CHUNK if self._chunked else b''):
            self.watch()
            self._await_end()


class PipeTransport:
    """A response that goes on, written by the WSGI server: an iterable of the pieces of its body.

    :param session: the session it carries.
    :param runtime: the loop and its services.
    :param encoding: how packets become pieces.
    :param limit: bytes that may wait behind the first piece that does.
    :param prelude: how the body begins.
    :param budget: bytes behind that after which the response ends; None for no such limit.
    """

    name = 'streaming'

    def __init__(self, session: Any, runtime: Any, encoding: Any, limit: int, prelude: bytes,
                 budget: int | None) -> None:
        self.session = session
        self.runtime = runtime
        self.encoding = encoding
        self.out: Any = Queue(self)
        self._limit = limit
        self._budget = None if budget is None else budget + len(prelude)
        self._over = False
        self._ready = Event()
        self.out.append(prelude)

    def writable(self) -> bool:
        return not self.out

    def queued(self) -> None:
        """Something was put into the queue."""
        self._ready.set()
        if self.out.size - self.out.first > self._limit and self.session is not None:
            log.warning('a client that does not read was closed: more than %d bytes waited '
                        '(max_outbox_size)', self._limit)
            self.runtime.loop.run_callback(self.lost, SLOW_CLIENT)

    def __iter__(self) -> Iterator[bytes]:
        try:
            while self.out or not self._over:
                if not self.out:
                    self._ready.clear()
                    self._ready.wait()
                piece = b''.join(self.out.take())
                yield piece
                if self._budget is not None:
                    self._budget -= len(piece)
                    if self._budget <= 0 and self.session is not None:
                        self.session.park()
        finally:
            self.lost(TRANSPORT_CLOSE)

    def lost(self, reason: str = TRANSPORT_CLOSE) -> None:
        """The client has gone."""
        session, self.session = self.session, None
        self._over = True
        self.out.take()
        self._ready.set()
        if session is not None:
            self.runtime.spread(session.end, reason)

    def close(self, code: int | None, reason: str) -> None:
        """End the response; what waits leaves first."""
        self.session = None
        self._over = True
        self._ready.set()

"""Polls that repeat: what was found out about one request serves for all that are alike.

A connection whose client polls keeps a Repeat, and asks it before anything is parsed. What may
change from one request to the next is judged each time: the session, its heartbeat and what
carries it. All other checks follow from the head, which is compared, and from the options.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ..protocol.pattern import HeadPattern
from ..transports.polling import PollingTransport
from .exchange import NO_XSS_FILTER
from .loopexchange import Answering, LoopExchange, heads

# The fields of a request that the form of its answer depends on.
_KEPT = ('accept-encoding', 'user-agent')
_NOTHING: Mapping[str, str] = {}


class Repeat(Answering):
    """The exchange of every request on a connection that is like one before it.

    They come one at a time, and nobody holds on to an exchange that was answered.

    :param exchange: the one that was served.
    :param pattern: its head.
    :param sid: the id of their session.
    """

    __slots__ = ('_binary', '_limit', '_ok', '_posts', '_sessions', '_sid', '_special_from',
                 '_text', 'pattern')

    def __init__(self, exchange: LoopExchange, pattern: HeadPattern, sid: str) -> None:
        headers = exchange.headers
        super().__init__(exchange.method, exchange.path, _NOTHING,
                         {name: headers[name] for name in _KEPT if name in headers}, False,
                         exchange.compress_from)
        self.connection = exchange.connection
        self.keep_alive = True
        self.extra = exchange.extra
        self.jsonp = exchange.jsonp
        self.pattern = pattern
        gateway = self.connection.gateway
        self._posts = exchange.method == 'POST'
        self._binary = exchange.is_binary()
        self._special_from = 0 if self.jsonp is not None \
            else sys.maxsize if self.compress_from is None else self.compress_from
        self._limit = gateway.config.max_http_buffer_size
        self._sessions = gateway.engine.sessions
        self._sid = sid
        special = [NO_XSS_FILTER] if self.is_from_old_ie() else []
        self._text, self._ok = heads((*special, *self.extra))

    @classmethod
    def of(cls, exchange: LoopExchange, head: bytes) -> Repeat | None:
        """What knows requests like this one, which was admitted; None if it may not.

        :param head: the bytes of its head.
        """
        headers = exchange.headers
        if exchange.method == 'GET' and 'content-length' in headers:
            return None
        judged = 'origin' in headers or exchange.jsonp is not None
        if judged and exchange.connection.gateway.origins.asks:
            return None
        pattern = HeadPattern.of(head, exchange.request)
        return None if pattern is None else cls(exchange, pattern, exchange.query['sid'])

    def serve(self, body: bytes) -> bool:
        """Serve such a request; False if it must be looked at again.

        :param body: its body, as the pattern has it.
        """
        session = self._sessions.get(self._sid)
        if session is None or session.overdue():
            return False
        transport = session.transport
        if transport.__class__ is not PollingTransport:
            return False
        if not self._posts:
            transport.get(self)
        elif len(body) <= self._limit:
            transport.post(self, body, self._binary)
        else:
            return False
        return True

    def packets(self, body: bytes, binary: bool) -> None:
        size = len(body)
        if binary or size >= self._special_from:
            super().packets(body, binary)
        else:
            self.connection.answer(self, 200, self._text % size + body)

    def ok(self) -> None:
        self.connection.answer(self, 200, self._ok)

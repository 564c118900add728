"""Long-polling, XHR and JSONP: one GET waits for packets, POSTs bring them.

The transport works on exchanges: one HTTP request and its answer, whoever parsed it. How an
exchange is read and written lives in ``serving``.
"""

from __future__ import annotations

import logging
from typing import Any

from ..core.session import (
    FORCED_SERVER_CLOSE,
    PARSE_ERROR,
    SLOW_CLIENT,
    TRANSPORT_CLOSE,
    TRANSPORT_ERROR,
)
from ..errors import ProtocolError
from ..protocol.jsonp import form_payload
from .queue import Queue

log = logging.getLogger('geventio')


class PollingTransport:
    """The polling of one session.

    :param session: the session it carries.
    :param encoding: how packets become payloads.
    :param limit: bytes that may wait behind the first message that does.
    """

    __slots__ = ('_get', '_limit', '_planned', '_posting', 'encoding', 'out', 'runtime',
                 'session')

    name = 'polling'

    def __init__(self, session: Any, encoding: Any, limit: int) -> None:
        self.session = session
        self.runtime = session.engine.runtime
        self.encoding = encoding
        self.out: Any = Queue(self)
        self._limit = limit
        self._get: Any = None
        self._posting: Any = None
        self._planned = False

    # -- out ----------------------------------------------------------------------------------

    def queued(self) -> None:
        """Something was put into the queue: answer the waiting GET at the end of the turn."""
        if self._planned:
            return
        if self._get is not None:
            self._planned = True
            self.runtime.loop.run_callback(self._flush)
        elif self.out.size - self.out.first > self._limit:
            self._planned = True
            self.runtime.loop.run_callback(self._too_slow)

    def _too_slow(self) -> None:
        if self.session.closed is not None or self.out.size - self.out.first <= self._limit:
            return  # it has been fetched in the same turn
        log.warning('a client that does not poll was closed: more than %d bytes waited '
                    '(max_outbox_size)', self._limit)
        self.session.end(SLOW_CLIENT)

    def _flush(self) -> None:
        self._planned = False
        exchange, out = self._get, self.out
        if exchange is not None and out:
            self._get = None
            body, binary = self.encoding.body(out.take())
            exchange.packets(body, binary)

    def writable(self) -> bool:
        return self._get is not None and not self.out

    def get(self, exchange: Any) -> None:
        """A GET: answer it with what waits, or let it wait. Runs in the loop."""
        if self._get is not None:
            return self._refuse_second(exchange)
        self._get = exchange
        exchange.waiter = self
        if self.out:
            self._flush()
        return None

    def _refuse_second(self, exchange: Any) -> None:
        """One GET and one POST may be under way."""
        exchange.fail(400)
        self.session.end(TRANSPORT_ERROR)

    def release(self) -> None:
        """Answer a waiting GET with a noop, so that the client can go on to the upgrade."""
        if self._get is not None and not self.out:
            self.runtime.push(self, self.encoding.text('6'))

    # -- in -----------------------------------------------------------------------------------

    def begin_post(self, exchange: Any) -> bool:
        """The head of a POST has come; its body may not be complete yet.

        Returns False after refusing it: only one may be under way.
        """
        if self._posting is not None:
            self._refuse_second(exchange)
            return False
        self._posting = exchange
        exchange.waiter = self
        return True

    def aborted(self, exchange: Any) -> None:
        """The client gave up a waiting GET, or a POST whose body is not complete."""
        if self._get is exchange:
            self._get = None
        else:
            self._posting = None
        self.session.end(TRANSPORT_ERROR)

    def refuse_post(self, exchange: Any, status: int) -> None:
        """The body of a POST is not acceptable; the session lives on."""
        self._posting = None
        exchange.fail(status)

    def post(self, exchange: Any, body: bytes, binary: bool) -> None:
        """A whole POST: take its packets in order. Runs in the loop.

        :param binary: whether its type is ``application/octet-stream``.
        """
        if self._posting is not None and self._posting is not exchange:
            self._refuse_second(exchange)
            return
        self._posting = None
        session = self.session
        if binary and not session.binary_posts:
            exchange.fail(400)
            session.end(TRANSPORT_ERROR)
            return
        exchange.ok()
        try:
            if exchange.jsonp is not None:
                text = form_payload(body)
                if text is None:
                    return
                body = text.encode('utf-8', 'surrogatepass')
            for packet in self.encoding.decode(session, body, binary):
                if session.closed is not None:
                    break
                session.receive(packet)
        except ProtocolError as error:
            log.info('parse error: %s', error)
            session.end(PARSE_ERROR)
        except Exception:  # a defect of ours must not leave half a connection
            log.exception('error while a packet was taken')
            session.end(TRANSPORT_ERROR)

    # -- end ----------------------------------------------------------------------------------

    def hand_over(self) -> list[str | bytes]:
        """Another transport takes over: give it what waits, and the waiting GET a noop."""
        packets: list[str | bytes] = self.encoding.unpack(self.out.take())
        exchange, self._get = self._get, None
        if exchange is not None:
            exchange.packets(*self.encoding.body([self.encoding.text('6')]))
        return packets

    def close(self, code: int | None, reason: str) -> None:
        """Tell the client in the waiting GET, or in the next one if the server closes."""
        session = self.session
        exchange, self._get = self._get, None
        posting, self._posting = self._posting, None
        if posting is not None:
            posting.fail(400)
        goodbye = '6' if session.closed == TRANSPORT_CLOSE else '1'
        if exchange is not None:
            items = [*self.out.take(), self.encoding.text(goodbye)]
            exchange.packets(*self.encoding.body(items))
        elif session.closed == FORCED_SERVER_CLOSE:
            self.out = list(self.out)
            self._await_last_get(session.engine.config.close_timeout)
        elif session.closed == TRANSPORT_CLOSE:
            # A GET that came together with the POST may be served after it.
            self.out = []
            self._await_last_get(0.0)

    def _await_last_get(self, seconds: float) -> None:
        last_words, sid = self.session.engine.last_words, self.session.sid
        last_words[sid] = self
        self.runtime.call_later(seconds, last_words.pop, sid, None)

    def last_get(self, exchange: Any) -> None:
        """The GET after the server has closed: what was left, and the close packet."""
        goodbye = '6' if self.session.closed == TRANSPORT_CLOSE else '1'
        exchange.packets(*self.encoding.body([*self.out, self.encoding.text(goodbye)]))

"""A session between HTTP requests: what it is owed waits for a poll that is held, or for the next.

For the dialects before Engine.IO, whose packets are text and whose polls may overlap. What a poll
is answered with is the dialect's business; the transport decides when.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..core.session import SLOW_CLIENT
from .queue import Queue

log = logging.getLogger('geventio')


class HeldTransport:
    """The HTTP side of one session, while no response streams.

    :param session: the session it carries.
    :param runtime: the loop and its services.
    :param limit: bytes that may wait behind the first message that does.
    :ivar since: when the last poll began to be held, or ended.
    """

    __slots__ = ('_answer', '_exchange', '_limit', '_planned', 'encoding', 'out', 'runtime',
                 'session', 'since')

    name = 'polling'

    def __init__(self, session: Any, runtime: Any, limit: int) -> None:
        self.session = session
        self.runtime = runtime
        self.encoding = session.texts
        self.out: Any = Queue(self)
        self.since: float = runtime.now()
        self._limit = limit
        self._exchange: Any = None
        self._answer: Any = None
        self._planned = False

    # -- polls --------------------------------------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether a poll waits for something to say."""
        return self._exchange is not None

    def hold(self, exchange: Any, answer: Callable[[list[str]], Any]) -> None:
        """Answer a poll with what waits, or let it wait; an older one is let go."""
        self.release()
        self._exchange = exchange
        self._answer = answer
        self.since = self.runtime.now()
        exchange.waiter = self
        if self.out:
            self._flush()

    def release(self) -> None:
        """Answer a poll that is held with nothing."""
        if self._exchange is not None:
            self._say([])

    def _say(self, items: list[str]) -> None:
        exchange, answer = self._exchange, self._answer
        self._exchange = self._answer = None
        self.since = self.runtime.now()
        exchange.reply(*answer(items))

    def aborted(self, exchange: Any) -> None:
        """The client gave up the poll that is held."""
        self._exchange = self._answer = None
        self.since = self.runtime.now()
        self.session.aborted()

    # -- out ----------------------------------------------------------------------------------

    def writable(self) -> bool:
        return self._exchange is not None and not self.out

    def queued(self) -> None:
        """Something was put into the queue: answer at the end of the turn."""
        if self._planned:
            return
        if self._exchange is not None:
            self._planned = True
            self.runtime.loop.run_callback(self._flush)
        elif self.out.size - self.out.first > self._limit:
            self._planned = True
            self.runtime.loop.run_callback(self._too_slow)

    def _flush(self) -> None:
        self._planned = False
        if self._exchange is not None and self.out:
            self._say(self.out.take(self.session.batch(self.out)))

    def _too_slow(self) -> None:
        if self.session.closed is not None or self.out.size - self.out.first <= self._limit:
            return  # it has been fetched in the same turn
        log.warning('a client that does not poll was closed: more than %d bytes waited '
                    '(max_outbox_size)', self._limit)
        self.session.end(SLOW_CLIENT)

    # -- end ----------------------------------------------------------------------------------

    def close(self, code: int | None, reason: str) -> None:
        """Say what is left in the poll that is held; the session keeps the rest, if it wants."""
        if self._exchange is not None:
            self._say(self.out.take(self.session.batch(self.out)))
        self.session.unsaid(self.out.take())

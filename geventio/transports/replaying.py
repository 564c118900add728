"""Streams that go on where they broke: each piece has a number, and the last ones are kept.

For Server-Sent Events, whose clients come back by themselves and name the last piece they saw.
How a piece looks is the dialect's business.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from ..core.session import SLOW_CLIENT, TRANSPORT_CLOSE

log = logging.getLogger('geventio')


class ReplayTransport:
    """Carries one session over the streams its client has one after the other.

    To those streams it looks like their session.

    :param session: the session it carries.
    :param runtime: the loop and its services.
    :param limit: bytes of pieces (characters, of text) that are kept.
    :ivar since: when the last stream broke, or was last written to.
    :ivar last: number of the last piece.
    """

    name = 'streaming'

    def __init__(self, session: Any, runtime: Any, limit: int) -> None:
        self.session = session
        self.runtime = runtime
        self.encoding = session.texts
        self.out: Any = self
        self.since: float = runtime.now()
        self.last = 0
        self._limit = limit
        self._kept: deque[str] = deque()
        self._size = 0
        self._stream: Any = None
        self._asked: tuple[Any, Any] | None = None

    @property
    def held(self) -> bool:
        """Whether a stream is there."""
        return self._stream is not None

    def can_replay(self, after: int) -> bool:
        """Whether everything behind the piece with that number is still known."""
        return self.last - len(self._kept) <= after <= self.last

    # -- streams ------------------------------------------------------------------------------

    def ask(self, exchange: Any, form: Any) -> None:
        """Answer a request as soon as there is a first piece."""
        exchange.waiter = self
        self._asked = exchange, form
        if self._kept:
            self._answer(0)

    def attach(self, exchange: Any, form: Any, after: int) -> None:
        """Go on behind the piece with that number; an older stream is ended."""
        self._asked = exchange, form
        self._answer(after)

    def _answer(self, after: int) -> None:
        assert self._asked is not None
        (exchange, form), self._asked = self._asked, None
        # Something has to come at once, or a server between would hold the head back.
        hello = self.session.sign_of_life.encode()
        before, self._stream = self._stream, exchange.stream(self, form, hello, None)
        self.since = self.runtime.now()
        if before is not None:
            before.close(None, '')
        kept = list(self._kept)
        first = self.last - len(kept) + 1
        for number, piece in enumerate(kept, first):
            if number > after:
                self._write(number, piece)

    def _write(self, number: int, piece: str) -> None:
        stream = self._stream
        self.runtime.push(stream, stream.encoding.wrap(self.session.numbered(number, piece)))

    def aborted(self, exchange: Any) -> None:
        """The client left before it was let in."""
        self._asked = None
        self.session.end(TRANSPORT_CLOSE)

    def end(self, reason: str, code: int | None = 1000, text: str = '') -> None:
        """A stream broke; another may follow."""
        self._stream = None
        self.since = self.runtime.now()
        if reason == SLOW_CLIENT:
            self.session.end(reason, code, text)

    def release(self) -> None:
        """Show a client, and whatever stands before it, that the stream still lives."""
        self.since = self.runtime.now()
        self.runtime.push(self._stream, self._stream.encoding.wrap(self.session.sign_of_life))

    # -- out ----------------------------------------------------------------------------------

    def writable(self) -> bool:
        return self._stream is not None and bool(self._stream.writable())

    def append(self, piece: str) -> None:
        """Send and keep a piece."""
        if not piece:
            return
        self.last += 1
        self._kept.append(piece)
        self._size += len(piece)
        while self._size > self._limit and len(self._kept) > 1:
            self._size -= len(self._kept.popleft())
        if self._stream is not None:
            self._write(self.last, piece)
        elif self._asked is not None:
            self.runtime.loop.run_callback(self._first)

    def _first(self) -> None:
        if self._asked is not None:
            self._answer(0)

    # -- end ----------------------------------------------------------------------------------

    def close(self, code: int | None, reason: str) -> None:
        """End the stream, or tell why there will be none."""
        stream, self._stream = self._stream, None
        asked, self._asked = self._asked, None
        if stream is not None:
            stream.close(code, reason)
        elif asked is not None:
            asked[0].reply(403, [('Content-Type', 'text/plain; charset=UTF-8')], reason.encode())

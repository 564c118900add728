"""WebSocket of the drafts before RFC 6455, on the same kind of connection.

What differs from ``websocket`` is here: the challenge of hixie-76, which is answered behind the
101, frames that carry nothing but text, and how a connection ends. The codec lives in
``protocol.hixie``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..protocol.hixie import BODY_SIZE, CLOSE, FrameReader, challenge_answer
from .websocket import WebSocketTransport

#: Seconds a client of hixie-76 has for the bytes behind its request.
CHALLENGE_TIMEOUT = 5.0


class HixieTransport(WebSocketTransport):
    """One WebSocket connection of hixie-75 or hixie-76.

    :param draft: 75 or 76.
    :param max_size: bytes a message may have. For the other parameters see
        :class:`~geventio.transports.connection.Connection`.
    """

    __slots__ = ('_begin', '_challenge', '_draft', '_keys', '_timer')

    def __init__(self, sock: Any, runtime: Any, encoding: Any, draft: int, max_size: int,
                 limit: int, watcher: Any = None) -> None:
        reader: Any = FrameReader(max_size, draft=draft)
        super().__init__(sock, runtime, encoding, reader, limit, watcher)
        self._draft = draft
        self._begin: Callable[[], Any] | None = None
        self._challenge = b''
        self._keys: tuple[str, str] | None = None
        self._timer: Any = None

    def challenge(self, keys: tuple[str, str], begin: Callable[[], Any]) -> None:
        """Wait for the challenge of hixie-76 and answer it, before anything else.

        :param keys: both keys of the request.
        :param begin: called when that is done; never, if the challenge does not come.
        """
        self._keys = keys
        self._begin = begin
        self._timer = self.runtime.call_later(CHALLENGE_TIMEOUT, self._release)

    def _feed(self, data: bytes) -> None:
        if self._begin is None:
            return super()._feed(data)
        assert self._keys is not None
        self._challenge += data
        if len(self._challenge) < BODY_SIZE:
            return None
        body, rest = self._challenge[:BODY_SIZE], self._challenge[BODY_SIZE:]
        begin = self._begin
        self._forget_challenge()
        self.runtime.push(self, challenge_answer(*self._keys, body))
        begin()
        if rest:
            super()._feed(rest)
        return None

    def _forget_challenge(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._begin = None
        self._challenge = b''

    def ping(self) -> bool:
        """There is no ping: whoever needs a sign of life has to ask in its own words."""
        return False

    def close(self, code: int | None, reason: str) -> None:
        if self._draft == 75:  # which has no close frame
            self.hang_up()
        else:
            super().close(code, reason)

    def _goodbye(self, code: int | None, reason: str) -> bytes:
        return CLOSE

    def _release(self) -> None:
        super()._release()
        self._forget_challenge()

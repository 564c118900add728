"""Moving a session from polling to WebSocket without losing, doubling or reordering a packet.

The probe stands between the new WebSocket and the session until the client says that it has
stopped polling; then the WebSocket takes over with everything that still waits.
"""

from __future__ import annotations

from typing import Any

#: Seconds between two looks for a GET that keeps the client from going on.
RELEASE_INTERVAL = 0.1


class Probe:
    """An upgrade under way. To the WebSocket it looks like a session.

    :param session: the session to move.
    :param transport: the new WebSocket transport.
    :param timeout: seconds the client has.
    """

    __slots__ = ('_deadline', '_release', '_session', '_transport')

    def __init__(self, session: Any, transport: Any, timeout: float) -> None:
        self._session = session
        self._transport = transport
        self._release: Any = None
        runtime = transport.runtime
        self._deadline = runtime.call_later(timeout, self.end, 'upgrade timeout')
        session.upgrading = self

    def receive(self, packet: str | bytes) -> None:
        """A packet on the new WebSocket."""
        transport = self._transport
        if packet == '2probe' and self._release is None:
            transport.runtime.push(transport, transport.encoding.text('3probe'))
            self._let_go()
        elif packet == '5' and self._release is not None:
            self._finish()
        else:
            self.end('upgrade error', 1002, 'not a probe')

    def pong(self) -> None:
        """A pong on the new WebSocket: nobody asked for it."""

    def _let_go(self) -> None:
        """Release the waiting GET, now and again until the client has paused."""
        if self._session is not None:
            self._release = self._transport.runtime.call_later(RELEASE_INTERVAL, self._again)

    def _again(self) -> None:
        self._session.transport.release()
        self._let_go()

    def _finish(self) -> None:
        session, transport = self._session, self._transport
        self._stop()
        waiting = session.transport.hand_over()
        transport.session = session
        session.switch(transport)
        if waiting:
            transport.runtime.push(transport, transport.encoding.pack(waiting))

    def end(self, reason: str, code: int = 1000, text: str = '') -> None:
        """Give up; the session goes on polling."""
        session, transport = self._session, self._transport
        if session is None:
            return
        self._stop()
        session.upgrading = None
        transport.close(code, text)

    def _stop(self) -> None:
        self._deadline.cancel()
        if self._release is not None:
            self._release.cancel()
        self._session = None

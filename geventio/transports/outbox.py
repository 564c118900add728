"""The way out: what is queued in a loop turn leaves at its end, one send for each client.

``Outbox`` is the only caller of a socket's ``send`` for WebSocket frames. Pushing never blocks
and never writes; one loop callback a turn takes every transport that has something and sends it,
joined. Two rules keep a busy loop fair: broadcasts to many are sent in slices, so that the loop
reads in between; and a turn that handles for long what it has read sends in between, as long as
that took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import Any

#: Fewest sends of one broadcast between two looks at the loop.
SLICE = 200
#: Seconds a turn may handle what it has read before it sends.
READING = 0.02

_join = b''.join


class Outbox:
    """Queues items for transports and flushes them once a turn.

    :param loop: gevent's event loop.
    """

    __slots__ = ('_dirty', '_loop', '_planned', '_since', '_slices', '_timer')

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._dirty: list[Any] = []
        self._planned = False
        self._since = 0.0  # when the loop last began to read
        self._slices: deque[list[Any]] = deque()
        # A timer, because callbacks run on in the same pass, without a look at the sockets.
        self._timer = loop.timer(0.0)

    def push(self, transport: Any, item: Any) -> None:
        """Queue one item for one transport."""
        out = transport.out
        if out is None:
            transport.out = [item]
            self._dirty.append(transport)
            if not self._planned:
                self._plan()
        else:
            out.append(item)

    def push_many(self, sockets: Iterable[Any], parcel: Any) -> None:
        """Queue a parcel for the transports of many sockets."""
        add = self._dirty.append
        known = item = None
        for socket in sockets:
            transport = socket.transport
            if transport.encoding is not known:
                known = transport.encoding
                item = parcel.item(known)
            out = transport.out
            if out is None:
                transport.out = [item]
                add(transport)
            else:
                out.append(item)
        if self._dirty and not self._planned:
            self._plan()

    def pace(self) -> None:
        """Some of what came is handled, and there is more: send, if that has taken long."""
        if self._planned and (reading := monotonic() - self._since) > READING:
            self._cut()
            self._spend(reading)

    def _plan(self) -> None:
        self._planned = True
        self._since = monotonic()
        self._loop.run_callback(self._flush)

    def _flush(self) -> None:
        """The end of a turn. What goes to few overtakes slices."""
        self._planned = False
        if len(self._dirty) > SLICE:
            self._cut()
            if not self._timer.active:
                self._spend(0.0)
        else:
            dirty, self._dirty = self._dirty, []
            _send(dirty)

    def _cut(self) -> None:
        dirty, self._dirty = self._dirty, []
        self._slices.extend([dirty[start:start + SLICE] for start in range(0, len(dirty), SLICE)])

    def _next(self) -> None:
        """Another turn has begun."""
        self._timer.stop()
        self._spend(monotonic() - self._since)

    def _spend(self, share: float) -> None:
        """Send slices for some seconds, at least one; the rest in the next turn."""
        slices = self._slices
        now = end = monotonic() + share
        while slices:
            _send(slices.popleft())
            now = monotonic()
            if now >= end:
                break
        self._since = now
        if slices and not self._timer.active:
            self._timer.start(self._next)


def _send(transports: list[Any]) -> None:
    for transport in transports:
        out = transport.out
        if out is None:
            continue  # closed meanwhile
        transport.out = None
        data = _join(out)  # a single item is not copied
        try:
            sent = transport.send(data)
            if sent != len(data):
                transport.blocked(memoryview(data)[sent:])
        except BlockingIOError:
            transport.blocked(data)
        except OSError:
            transport.lost()

"""One coarse timer for everything that waits long: heartbeats and deadlines of thousands.

An entry is an object with ``tick(now)`` and a ``bucket`` slot; it stands in at most one bucket,
and is cancelled by taking it out of that dict. Exact timers belong to the loop itself.
"""

from __future__ import annotations

import math
from time import monotonic
from typing import Any

#: Coarsest and finest width of a bucket, in seconds.
COARSEST, FINEST = 0.5, 0.01


class Wheel:
    """Buckets of entries by due time, walked by one loop timer while there are any.

    :param loop: gevent's event loop.
    :param width: seconds a bucket spans; an entry is called up to that much late, never early.
    """

    def __init__(self, loop: Any, width: float = COARSEST) -> None:
        self._loop = loop
        self._width = width
        self._buckets: dict[float, dict[Any, None]] = {}  # by whole numbers
        self._timer: Any = None
        self._last = 0

    def refine(self, shortest: float) -> None:
        """Make buckets narrow enough for delays of ``shortest`` seconds."""
        width = max(FINEST, min(COARSEST, shortest / 50))
        if width < self._width:
            old, self._buckets = self._buckets, {}
            now = monotonic()
            before, self._width = self._width, width
            self._stop()
            for index, bucket in old.items():
                for entry in list(bucket):
                    self.schedule(entry, index * before - now)

    def schedule(self, entry: Any, delay: float) -> None:
        """Call ``entry.tick`` after ``delay`` seconds; an earlier appointment is dropped."""
        if entry.bucket is not None:
            entry.bucket.pop(entry, None)
        index = (monotonic() + delay) // self._width + 1
        bucket = self._buckets.get(index)
        if bucket is None:
            bucket = self._buckets[index] = {}
            if self._timer is None:
                self._start()
        bucket[entry] = None
        entry.bucket = bucket

    def _start(self) -> None:
        self._last = math.floor(monotonic() / self._width)
        self._timer = self._loop.timer(self._width, self._width, ref=False)
        self._timer.start(self._turn)

    def _turn(self) -> None:
        now = monotonic()
        current = math.floor(now / self._width)
        if current - self._last > len(self._buckets):
            due = sorted(index for index in self._buckets if index <= current)
        else:
            due = [index for index in range(self._last + 1, current + 1) if index in self._buckets]
        self._last = current
        for index in due:
            for entry in list(self._buckets.pop(index)):
                if entry.bucket is None:
                    continue
                entry.bucket = None
                again = entry.tick(now)
                if again is not None:
                    self.schedule(entry, again)
        if not self._buckets:
            self._stop()

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.stop()
            timer.close()

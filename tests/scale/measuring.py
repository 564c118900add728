"""What a piece of work costs, counted so that a busy machine does not change the figure.

Instructions of the calling thread where the processor's counters can be read, CPU time
elsewhere; calls of Python functions; greenlets; objects. Wall-clock time is measured nowhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import platform
import statistics
import struct
import sys
import threading
import time

import gevent
from gevent.hub import get_hub
from greenlet import getcurrent, gettrace, greenlet, settrace

_PERF_EVENT_OPEN = {'x86_64': 298, 'aarch64': 241}.get(platform.machine())
# struct perf_event_attr: hardware, its size, instructions; user space only, all the time.
_ATTRIBUTES = struct.pack('=IIQQQQQ', 0, 112, 1, 0, 0, 0, 0b1100100).ljust(112, b'\0')


def _open_counter():
    if _PERF_EVENT_OPEN is None or not sys.platform.startswith('linux'):
        return None
    fd = ctypes.CDLL(None).syscall(_PERF_EVENT_OPEN, _ATTRIBUTES, 0, -1, -1, 0)
    if fd < 0:
        return None
    if not int.from_bytes(os.read(fd, 8), sys.byteorder):  # a counter that does not count
        os.close(fd)
        return None
    return fd


class Meter:
    """Costs of work on the calling thread.

    :ivar exact: whether instructions are counted; otherwise nanoseconds of CPU time.
    :ivar flat: how many times the smaller cost the larger one may be where both should be equal.
    """

    def __init__(self):
        self._fd = _open_counter()
        self.exact = self._fd is not None
        self.flat = 1.2 if self.exact else 3.0

    def close(self):
        if self._fd is not None:
            os.close(self._fd)

    def now(self):
        if self._fd is None:
            return time.thread_time_ns()
        return int.from_bytes(os.read(self._fd, 8), sys.byteorder)

    def cost(self, work):
        """The cost of ``work()``, after one call that does not count.

        Of several: the median of instructions, but the least CPU time, because a busy machine
        only ever adds to it.
        """
        work()
        costs = []
        for _ in range(7):
            before = self.now()
            work()
            costs.append(self.now() - before)
        return statistics.median(costs) if self.exact else min(costs)


class Calls:
    """Counts the calls of Python functions in the loop and in its workers.

    Profiling is a matter of a thread or of a greenlet, depending on the version of Python: what
    runs in a worker calls :meth:`here` once.

    :ivar total: calls outside the main greenlet so far.
    """

    def __init__(self):
        self.total = 0
        self._main = getcurrent()
        self._thread = threading.get_ident()

    def here(self):
        """Count in the calling greenlet, too."""
        sys.setprofile(self._count)

    def _count(self, frame, event, arg):
        if event == 'call' and getcurrent() is not self._main:
            self.total += 1

    @contextlib.contextmanager
    def counting(self):
        hub = get_hub()
        hub.loop.run_callback(self.here)
        gevent.sleep(0)
        try:
            yield self
        finally:
            hub.loop.run_callback(sys.setprofile, None)
            gevent.sleep(0)
            sys.setprofile(None)


@contextlib.contextmanager
def new_greenlets():
    """A set that, at the end, holds the greenlets that were made meanwhile and have run."""
    before = {thing for thing in gc.get_objects() if isinstance(thing, greenlet)}
    seen = set()
    old = gettrace()
    settrace(lambda event, args: seen.add(args[1]))
    try:
        yield seen
    finally:
        settrace(old)
        seen -= before
        seen.discard(getcurrent())


def in_loop(function, *args):
    """Call a function in the hub's greenlet, as an io watcher would; its result."""
    done = gevent.event.AsyncResult()

    def call():
        try:
            done.set(function(*args))
        except BaseException as error:
            done.set_exception(error)

    get_hub().loop.run_callback(call)
    return done.get(timeout=60)


class LoopWatch:
    """The longest time the loop did not look at its timers, in CPU seconds of its thread.

    What other processes take away from the loop does not count, nor does waiting for sockets, nor
    that the garbage collector looks at what was there before: at all that earlier tests have left.
    """

    def __init__(self):
        self._timer = get_hub().loop.timer(0.001, 0.001)
        self._last = 0.0
        self.longest = 0.0

    def _tick(self):
        now = time.thread_time()
        self.longest = max(self.longest, now - self._last)
        self._last = now

    def __enter__(self):
        gc.collect()
        gc.freeze()
        self._last = time.thread_time()
        self._timer.start(self._tick)
        return self

    def __exit__(self, *exc):
        self._tick()
        self._timer.stop()
        self._timer.close()
        gc.unfreeze()

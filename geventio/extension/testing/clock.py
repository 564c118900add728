"""A clock that stands still until a test moves it.

It takes the place of a loop's timers: periodic pushes, time limits of acks, heartbeats, connect
timeouts and ``socketio.sleep`` then come in their order and without waiting. What does not go
through the runtime keeps real time: gevent.sleep, the network, time.time().
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import AsyncResult, Event
from greenlet import getcurrent

from ...serving.runtime import Runtime
from .stage import waits_for_test
from .wire import bind

if TYPE_CHECKING:
    from ..extension import SocketIO

#: Seconds between two sums of the same decimal fractions that differ by their rounding only.
ROUNDING = 1e-6
#: Real seconds the loop may take to come to rest after each timer.
REST = 1.0

#: What a Runtime has for time.
_TIME = ('now', 'call_later', 'schedule', 'sleep')


class FakeClock:
    """The time of one loop, in the hands of a test. Use it as a context manager.

    Install it before the clients of the test connect: what waits already keeps real time, except
    the periodic pushes of ``socketio``, which begin anew with the clock and again after it. What
    still waits when it is removed goes on in real time.

    :param socketio: the SocketIO object whose loop it is for; other servers on the same loop
        follow it too.
    """

    def __init__(self, socketio: SocketIO) -> None:
        self._socketio = socketio
        self._runtime: Runtime = None  # type: ignore[assignment]
        self._before: dict[str, Any] = {}
        self._now = 0.0
        self._timers: list[tuple[float, int, _Timer | _Entry]] = []
        self._count = itertools.count()
        self._owner: Any = None
        self._advancing = False

    def __enter__(self) -> FakeClock:
        self.install()
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()

    def install(self) -> None:
        """Take over the time of the loop.

        :raises RuntimeError: another fake clock has it, the SocketIO object has no application,
            or its clients are on another thread.
        """
        server = self._socketio.server
        if server is None:
            raise RuntimeError('this SocketIO object has no application yet: call init_app first')
        runtime = bind(server)
        if isinstance(getattr(runtime.now, '__self__', None), FakeClock):
            raise RuntimeError('a fake clock has the time of this loop already: remove it first')
        self._runtime = runtime
        self._owner = getcurrent()
        self._now = monotonic()
        own = vars(runtime)
        self._before = {name: own[name] for name in _TIME if name in own}
        own.update({name: getattr(self, name) for name in _TIME})
        self._begin_pushes()

    def remove(self) -> None:
        """Give the loop its own time back.

        :raises RuntimeError: it is not installed.
        """
        runtime = self._installed()
        own = vars(runtime)
        for name in _TIME:
            del own[name]
        own.update(self._before)
        self._runtime = None  # type: ignore[assignment]
        timers, self._timers = self._timers, []
        for due, _, timer in sorted(timers):
            timer.go_on(runtime, max(due - self._now, 0.0))
        self._begin_pushes()

    def _installed(self) -> Runtime:
        if self._runtime is None:
            raise RuntimeError('the fake clock is not installed: use it as `with FakeClock(...)`')
        return self._runtime

    def _begin_pushes(self) -> None:
        """Start the rhythm of the pushes anew, in the time that counts now."""
        server = self._socketio.server
        for push in self._socketio._pushes:
            push.pause()
            if server.runtime is not None:
                push.start(server)

    # -- for the test -----------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass: do what is due in its order, and let the loop run after each step.

        :param seconds: 0 only lets the loop run. What is due at the very end is done.
        :raises ValueError: less than 0, or not a number.
        :raises RuntimeError: the clock is not installed, or somebody else advances it now.
        """
        self._installed()
        if not 0 <= seconds < float('inf'):
            raise ValueError(f'advance() takes a number of seconds from 0 on, not {seconds!r}: '
                             'time does not run backwards')
        if self._advancing:
            raise RuntimeError('the clock is being advanced already: one advance() at a time')
        self._advancing = True
        try:
            end = self._now + seconds
            self._rest()
            while self._timers and self._timers[0][0] <= end + ROUNDING:
                due, _, timer = heapq.heappop(self._timers)
                if timer.waits:
                    self._now = max(self._now, due)
                    self._fire(timer)
            self._now = max(self._now, end)
        finally:
            self._advancing = False

    def _fire(self, timer: _Timer | _Entry) -> None:
        fired: Any = AsyncResult()

        def fire() -> None:
            try:
                timer.fire()
            except Exception as error:
                fired.set_exception(error)
            else:
                fired.set(None)

        self._runtime.loop.run_callback(fire)
        fired.get()
        self._rest()

    @staticmethod
    def _rest() -> None:
        """Let the loop run until it has nothing to do."""
        with gevent.Timeout(REST, False):
            gevent.idle()

    # -- what the users of the runtime find ------------------------------------------------------

    def now(self) -> float:
        """Seconds on this clock."""
        return self._now

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> _Timer:
        """Call back in the loop when ``delay`` seconds have passed on this clock."""
        timer = _Timer(callback, args)
        heapq.heappush(self._timers, (self._now + max(delay, 0.0), next(self._count), timer))
        return timer

    def schedule(self, entry: Any, delay: float) -> None:
        """Call ``entry.tick`` after ``delay`` seconds; an earlier appointment is dropped."""
        if entry.bucket is not None:
            entry.bucket.pop(entry, None)
        bucket = entry.bucket = {entry: None}
        timer = _Entry(self, bucket)
        heapq.heappush(self._timers, (self._now + delay, next(self._count), timer))

    def sleep(self, seconds: float = 0) -> None:
        """Pause the calling greenlet until the time has passed on this clock.

        The greenlet that installed the clock advances it by this.
        """
        if seconds <= 0:
            gevent.sleep(0)
        elif getcurrent() is self._owner:
            self.advance(seconds)
        else:
            awake = Event()
            timer = self.call_later(seconds, awake.set)
            waits_for_test(lambda: not awake.is_set())
            try:
                awake.wait()
            finally:
                timer.cancel()


class _Timer:
    """One appointment; ends by firing or by ``cancel``."""

    __slots__ = ('_args', '_callback')

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._callback: Callable[..., Any] | None = callback
        self._args = args

    @property
    def waits(self) -> bool:
        return self._callback is not None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(*self._args)

    def cancel(self) -> None:
        self._callback = None

    def go_on(self, runtime: Runtime, delay: float) -> None:
        """Wait for the rest in real time."""
        if self._callback is not None:
            runtime.call_later(delay, self.fire)


class _Entry:
    """An appointment of what stands in the timer wheel otherwise.

    :param bucket: holds the entry until its appointment is cancelled or due.
    """

    __slots__ = ('_bucket', '_clock')

    def __init__(self, clock: FakeClock, bucket: dict[Any, None]) -> None:
        self._clock = clock
        self._bucket = bucket

    @property
    def waits(self) -> bool:
        return bool(self._bucket)

    def fire(self) -> None:
        with suppress(KeyError):
            entry, _ = self._bucket.popitem()
            entry.bucket = None
            again = entry.tick(self._clock.now())
            if again is not None:
                self._clock.schedule(entry, again)

    def go_on(self, runtime: Runtime, delay: float) -> None:
        for entry in list(self._bucket):
            runtime.schedule(entry, delay)

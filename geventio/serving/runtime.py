"""The loop as the state machines see it: one Runtime for each gevent hub.

Implements ``core.runtime.Runtime`` from the outbox, the timer wheel and the workers, and lets
other threads have things done in the loop. Threads are real ones here, whatever is patched.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import ref

import gevent
from gevent.event import AsyncResult
from gevent.hub import get_hub
from gevent.monkey import get_original
from gevent.timeout import Timeout

from ..config import Config
from ..errors import TimeoutError
from ..transports.outbox import Outbox
from .clock import Wheel
from .turns import Turns
from .workers import Workers

#: Seconds another thread waits until the loop has done what it asked for.
LOOP_TIMEOUT = 60.0

_thread_id = get_original('_thread', 'get_ident')
_make_lock = get_original('_thread', 'allocate_lock')
_here = get_original('_thread', '_local')()


class _Sign:
    """A thread keeps one while it lives."""

    __slots__ = ('__weakref__',)


class Runtime:
    """Everything of one hub that servers share.

    :ivar on_wait: called in a greenlet of the loop before it waits for a result.
    """

    def __init__(self) -> None:
        self.hub = get_hub()
        self.loop = self.hub.loop
        self._thread = _thread_id()
        if not hasattr(_here, 'sign'):
            _here.sign = _Sign()
        self._alive = ref(_here.sign)
        self.outbox = Outbox(self.loop)
        self.workers = Workers(self.outbox.pace)
        self.wheel = Wheel(self.loop)
        self.push = self.outbox.push
        self.push_many = self.outbox.push_many
        self.pace = self.outbox.pace
        self.start = self.workers.start
        self.line_up = self.workers.line_up
        self.catch_up = self.workers.catch_up
        self.schedule = self.wheel.schedule
        self.spread = Turns(self.loop).call
        self.now: Callable[[], float] = monotonic
        self.sleep: Callable[[float], None] = gevent.sleep
        self.on_wait: Callable[[_Waiter], None] | None = None

    @classmethod
    def current(cls, config: Config) -> Runtime:
        """The runtime of the calling thread's hub, fine enough for these options."""
        hub = get_hub()
        runtime: Runtime | None = getattr(hub, '_geventio_runtime', None)
        if runtime is None or runtime.loop is not hub.loop:
            runtime = hub._geventio_runtime = cls()
        runtime.wheel.refine(min(config.ping_interval, config.ping_timeout,
                                 config.connect_timeout))
        return runtime

    def here(self) -> bool:
        """Whether the calling thread is the one this runtime belongs to."""
        same: bool = _thread_id() == self._thread
        return same

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function in the loop soon, from any thread; calls of one thread keep their order.
        """
        if self._alive() is None:  # there is nobody any more whom it could get in the way
            function(*args)
        else:
            self.loop.run_callback_threadsafe(function, *args)

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """What a function returns or raises in the loop's thread; it must not wait there.

        :raises geventio.errors.TimeoutError: on another thread, when the loop does not get to it
            within LOOP_TIMEOUT seconds.
        """
        if self.here() or self._alive() is None:
            return function(*args)
        answer = _Answer()

        def work() -> None:
            try:
                result = function(*args)
            except BaseException as error:
                answer.set((error, None))
            else:
                answer.set((None, result))

        self.post(work)
        try:
            error, result = answer.get(LOOP_TIMEOUT)
        except TimeoutError:
            raise TimeoutError(f"the server's loop did nothing for {LOOP_TIMEOUT:g} s: it has "
                               'ended, or a handler holds it up without switching') from None
        if error is not None:
            raise error
        return result

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> _Timer:
        """Call back in the loop after ``delay`` seconds."""
        return _Timer(self.loop, delay, callback, args)

    def waiter(self) -> _Waiter | _Answer:
        """A result that the calling greenlet, or another thread, waits for."""
        return _Waiter(self) if self.here() else _Answer()


class _Timer:
    """One exact timer; ends by firing or by ``cancel``."""

    __slots__ = ('_callback', '_watcher')

    def __init__(self, loop: Any, delay: float, callback: Callable[..., Any],
                 args: tuple[Any, ...]) -> None:
        self._callback = callback
        self._watcher = loop.timer(max(delay, 0.0), ref=False)
        self._watcher.start(self._fire, *args)

    def _fire(self, *args: Any) -> None:
        self.cancel()
        self._callback(*args)

    def cancel(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            watcher.close()


class _Waiter:
    """A result one greenlet waits for."""

    __slots__ = ('_result', '_runtime')

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._result = AsyncResult()

    def ready(self) -> bool:
        """Whether the result is there."""
        return bool(self._result.ready())

    def set(self, value: Any) -> None:
        self._result.set(value)

    def get(self, timeout: float | None) -> Any:
        if self._runtime.on_wait is not None:
            self._runtime.on_wait(self)
        try:
            return self._result.get(timeout=timeout)
        except Timeout:
            raise TimeoutError('no answer in time') from None


class _Answer:
    """A result that a thread other than the loop's waits for."""

    __slots__ = ('_lock', '_value')

    def __init__(self) -> None:
        self._lock = _make_lock()
        self._lock.acquire()
        self._value: Any = None

    def set(self, value: Any) -> None:
        self._value = value
        self._lock.release()

    def get(self, timeout: float | None) -> Any:
        if not self._lock.acquire(True, -1 if timeout is None else timeout):
            raise TimeoutError('no answer in time')
        return self._value

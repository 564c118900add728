"""The loop as the state machines see it: one Runtime for each gevent hub.

Implements ``core.runtime.Runtime`` from the outbox, the timer wheel and the workers.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from gevent.event import AsyncResult
from gevent.hub import get_hub
from gevent.timeout import Timeout

from ..config import Config
from ..errors import TimeoutError
from ..transports.outbox import Outbox
from .clock import Wheel
from .workers import Workers


class Runtime:
    """Everything of one hub that servers share."""

    def __init__(self) -> None:
        self.hub = get_hub()
        self.loop = self.hub.loop
        self.outbox = Outbox(self.loop)
        self.workers = Workers()
        self.wheel = Wheel(self.loop)
        self.push = self.outbox.push
        self.push_many = self.outbox.push_many
        self.start = self.workers.start
        self.enter = self.workers.enter
        self.schedule = self.wheel.schedule
        self.now: Callable[[], float] = monotonic

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
        return get_hub() is self.hub

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> _Timer:
        """Call back in the loop after ``delay`` seconds."""
        return _Timer(self.loop, delay, callback, args)

    def waiter(self) -> _Waiter:
        return _Waiter()


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

    __slots__ = ('_result',)

    def __init__(self) -> None:
        self._result = AsyncResult()

    def set(self, value: Any) -> None:
        self._result.set(value)

    def get(self, timeout: float | None) -> Any:
        try:
            return self._result.get(timeout=timeout)
        except Timeout:
            raise TimeoutError('no answer in time') from None

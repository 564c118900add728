"""How many handlers of one client run at a time, and the events that wait for their turn.

A handler that never waits is over before anybody counts it. Only a client of whom one has waited
gets a Load: from then on its jobs are counted, those over the limit wait in order, and what waits
is bounded in bytes. A job here has ``run()`` and a ``load`` attribute, False until it is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..config import Config


class Load:
    """The running and the waiting jobs of one client.

    :param config: ``max_handlers`` and ``max_waiting_size``; without ``async_handlers`` one job
        runs at a time.
    """

    __slots__ = ('_held', '_limit', '_room', '_running', '_size')

    def __init__(self, config: Config) -> None:
        self._limit = config.max_handlers if config.async_handlers else 1
        self._room = config.max_waiting_size
        self._held: deque[tuple[Any, int]] = deque()
        self._running = 0
        self._size = 0

    def count(self, job: Any) -> None:
        """A job has been started."""
        job.load = self
        self._running += 1

    def put(self, job: Any, size: int, start: Callable[[Any], None]) -> bool:
        """Start a job, now or when its turn comes; False if it cannot even wait."""
        if self.admit(job):
            start(job)
            return True
        return self.hold(job, size)

    def admit(self, job: Any) -> bool:
        """Count a job that is about to start, if it may."""
        if self._running >= self._limit:
            return False
        self.count(job)
        return True

    def hold(self, job: Any, size: int) -> bool:
        """Keep a job until its turn comes; False if it cannot even wait."""
        if self._size + size > self._room:
            return False
        self._size += size
        self._held.append((job, size))
        return True

    def next(self) -> None:
        """A counted job is over: do in its greenlet what waits, each in a context of its own.

        A job that was counted beyond the limit leaves that to the others.
        """
        try:
            while self._held and self._running <= self._limit:
                job, size = self._held.popleft()
                self._size -= size
                job.load = None
                Context().run(job.run)
        finally:
            self._running -= 1


def begin(owner: Any, job: Any, size: int, start: Callable[[Any], None], config: Config) -> bool:
    """Start a job for a client, the ``owner``, whose ``load`` is None or a Load.

    :param size: bytes of the packet that asked for it.
    :param start: starts a job.
    :returns: False when it cannot even wait.
    """
    load: Load | None = owner.load
    if load is not None:
        return load.put(job, size, start)
    start(job)
    if job.load is False:
        waits(owner, job, config)
    return True


def waits(owner: Any, job: Any, config: Config) -> None:
    """A job was started uncounted and is not over: from now on the owner's jobs count."""
    if owner.load is None:
        owner.load = Load(config)
    owner.load.count(job)


def done(job: Any) -> None:
    """A job says this at its end."""
    load, job.load = job.load, None
    if load:
        load.next()

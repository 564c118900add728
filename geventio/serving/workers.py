"""The greenlets that run handlers: pooled, entered by direct switch from the loop.

A handler that does not block costs two switches and no trip through the hub. Each job runs in a
fresh copy of one empty context, so context variables do not leak from one to the next.
"""

from __future__ import annotations

import logging
from contextvars import Context
from typing import Any
from weakref import getweakrefcount

from gevent.hub import get_hub
from greenlet import getcurrent, greenlet

#: Greenlets kept when they have nothing to do.
MAX_IDLE = 1000

log = logging.getLogger('geventio')


class Workers:
    """A pool of greenlets for jobs: objects with ``run()``.

    :ivar busy: jobs that are running or waiting inside a handler.
    """

    __slots__ = ('_base', '_hub', '_idle', 'total')

    def __init__(self) -> None:
        self._hub = get_hub()
        self._idle: list[greenlet] = []
        self._base = Context()
        self.total = 0

    @property
    def busy(self) -> int:
        return self.total - len(self._idle)

    def start(self, job: Any) -> None:
        """Run a job: at once in the loop, otherwise as soon as the loop runs.

        A worker's parent is the hub; entered from anywhere else, control would not come back.
        """
        if getcurrent() is self._hub:
            self.enter(job)
        else:
            self._hub.loop.run_callback(self.enter, job)

    def enter(self, job: Any) -> None:
        """Run a job at once; the caller is the hub."""
        if self._idle:
            self._idle.pop().switch(job)
        else:
            self.total += 1
            # In a list: a greenlet keeps its arguments for as long as it lives.
            greenlet(self._work, self._hub).switch([job])

    def _work(self, first: list[Any]) -> None:
        job = first.pop()
        me = getcurrent()
        back = greenlet.switch.__get__(self._hub)  # Hub.switch() first asks for switch_out
        copy = self._base.copy
        idle = self._idle
        try:
            while True:
                try:
                    copy().run(job.run)
                except Exception:
                    log.exception('a job failed')
                job = None
                # Somebody keyed on this greenlet (gevent.local): its successor must be another.
                if getweakrefcount(me) or len(idle) >= MAX_IDLE:
                    return
                idle.append(me)
                job = back()
        finally:
            self.total -= 1

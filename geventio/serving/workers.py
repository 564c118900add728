"""The greenlets that run handlers: pooled, entered by direct switch from the loop.

Events wait in line until everything that can be read has been: one greenlet then runs them one
after the other, so that a handler that does not block costs no switch and no trip through the hub.
The first one that blocks keeps the greenlet, and another takes the rest. Each job runs in a fresh
copy of one empty context, so context variables do not leak from one to the next.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextvars import Context
from time import monotonic
from typing import Any
from weakref import getweakrefcount

from gevent.hub import get_hub
from greenlet import getcurrent, greenlet

from ..transports.outbox import READING

#: Greenlets kept when they have nothing to do.
MAX_IDLE = 1000

log = logging.getLogger('geventio')


class Workers:
    """A pool of greenlets for jobs: objects with ``run()``.

    :param pace: sends what waits, if the turn has been long; see ``transports.outbox``.
    :ivar busy: jobs that are running or waiting inside a handler.
    """

    __slots__ = ('_base', '_hub', '_idle', '_line', '_pace', '_planned', '_running',
                 '_serving', '_until', 'total')

    def __init__(self, pace: Callable[[], None]) -> None:
        self._hub = get_hub()
        self._idle: list[greenlet] = []
        self._base = Context()
        self._line: deque[Any] = deque()
        self._pace = pace
        self._planned = False
        self._serving = False
        self._running: Any = None  # the job of the line that runs
        self._until = 0.0
        self.total = 0

    @property
    def busy(self) -> int:
        return self.total - len(self._idle)

    # -- jobs of their own ----------------------------------------------------------------------

    def start(self, job: Any) -> None:
        """Run a job: at once in the loop, otherwise as soon as the loop runs.

        A worker's parent is the hub; entered from anywhere else, control would not come back.
        """
        if getcurrent() is not self._hub:
            self._hub.loop.run_callback(self.start, job)
            return
        if self._line:
            self._serve()
        self._enter(job)

    def _enter(self, job: Any) -> None:
        """Have a worker run a job, or the line if it is None; the caller is the hub."""
        if self._idle:
            self._idle.pop().switch(job)
        else:
            self.total += 1
            # In a list: a greenlet keeps its arguments for as long as it lives.
            greenlet(self._work, self._hub).switch([job])

    # -- the line -------------------------------------------------------------------------------

    def line_up(self, event: Any) -> None:
        """Run an event's handler when what can be read has been read; the caller is the hub.

        :param event: a job with ``socket``, ``held()`` and ``waits()``; see ``core.event.Event``.
        """
        self._line.append(event)
        if not self._planned:
            self._planned = True
            self._hub.loop.run_callback(self._turn)

    def catch_up(self) -> None:
        """Run what is in line before anything else happens; in a greenlet, nothing."""
        if self._line and getcurrent() is self._hub:
            self._serve()

    def _turn(self) -> None:
        """What could be read has been read."""
        self._planned = False
        self._serve()

    def _serve(self) -> None:
        """Have workers run what is in line.

        What is sent meanwhile may fail and end a session, which catches up in its turn: then
        nothing is sent further in.
        """
        line = self._line
        outermost = not self._serving
        self._serving = True
        try:
            while line:
                self._until = monotonic() + READING
                self._enter(None)
                waiting, self._running = self._running, None
                if waiting is not None:
                    waiting.waits()
                if line and outermost:
                    self._pace()
        finally:
            self._running = None
            self._serving = not outermost
            if line and not self._planned:  # a job has ended the program, or tries to
                self._planned = True
                self._hub.loop.run_callback(self._turn)

    # -- in a worker ----------------------------------------------------------------------------

    def _work(self, first: list[Any]) -> None:
        job = first.pop()
        me = getcurrent()
        back = greenlet.switch.__get__(self._hub)  # Hub.switch() first asks for switch_out
        idle = self._idle
        try:
            while True:
                if job is None:
                    self._work_off(me)
                else:
                    self._run(job)
                job = None
                # Somebody keyed on this greenlet (gevent.local): its successor must be another.
                if getweakrefcount(me) or len(idle) >= MAX_IDLE:
                    return
                idle.append(me)
                job = back()
        finally:
            self.total -= 1

    def _work_off(self, me: greenlet) -> None:
        """Run what is in line, until a job has waited or keyed on this greenlet."""
        line = self._line
        next_job = line.popleft
        copy = self._base.copy
        while line:
            job = self._running = next_job()
            socket = job.socket
            if socket.left is None and socket.client.load is None or not job.held():
                try:
                    copy().run(job.run)
                except Exception:
                    log.exception('a job failed')
            if self._running is not job:
                return  # it has waited: others serve the line by now
            if getweakrefcount(me) or monotonic() > self._until:
                break
        self._running = None

    def _run(self, job: Any) -> None:
        try:
            self._base.copy().run(job.run)
        except Exception:
            log.exception('a job failed')

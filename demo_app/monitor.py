"""A live monitor of the host: figures from /proc, pushed once a second while somebody watches.

Whoever comes gets `host` (what does not change) and `history` (the last minutes), then `sample`
every second. A sample is a list in the order of FIELDS; shares are from 0 to 1, memory is in
bytes, traffic in bytes a second without the loopback interface. Seconds in which nobody watched
are missing. Clients have nothing to say here.
"""
from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from flask import Blueprint, current_app, render_template, request

from geventio import ConnectionRefusedError, EventBlueprint, emit

INTERVAL = 1.0  # seconds
HISTORY = 300  # samples
FIELDS = ('at', 'cpu', 'memory', 'load', 'received', 'sent')


class Reading(NamedTuple):
    """Counters at one moment; a sample is what lies between two of them."""

    at: float
    processors: list[tuple[int, int]]  # (busy, all) ticks: all processors together, then each
    received: int
    sent: int


class Monitor:
    """The last minutes of a host.

    :param proc: where the kernel tells its figures.
    :ivar clock: tells the seconds since 1970; tests put their own here.
    """

    def __init__(self, proc: str | os.PathLike[str] = '/proc') -> None:
        self.clock: Callable[[], float] = time.time
        self.history: deque[list[float]] = deque(maxlen=HISTORY)
        self.watchers: set[str] = set()  # sids
        self._proc = Path(proc)
        self._last: Reading | None = None

    def _lines(self, name: str) -> list[str]:
        return (self._proc / name).read_text().splitlines()

    def memory(self) -> tuple[int, int]:
        """Bytes in use, and all there are."""
        sizes = dict(line.split(':', 1) for line in self._lines('meminfo'))
        total, available = (int(sizes[name].split()[0]) * 1024
                            for name in ('MemTotal', 'MemAvailable'))
        return total - available, total

    def read(self) -> Reading:
        """The counters as they stand.

        :raises OSError: this system tells no figures there.
        """
        processors = []
        for line in self._lines('stat'):
            if line.startswith('cpu'):
                ticks = [int(number) for number in line.split()[1:9]]
                processors.append((sum(ticks) - ticks[3] - ticks[4], sum(ticks)))
        traffic = [[int(number) for number in line.partition(':')[2].split()]
                   for line in self._lines('net/dev')[2:] if line.split(':')[0].strip() != 'lo']
        return Reading(self.clock(), processors, sum(row[0] for row in traffic),
                       sum(row[8] for row in traffic))

    def host(self) -> dict[str, Any]:
        """What a page has to know once; begins anew where nobody has watched for a while."""
        if self._last is None or self.clock() - self._last.at > 3 * INTERVAL:
            self._last = self.read()
        return {'fields': FIELDS, 'interval': INTERVAL, 'history': HISTORY, 'at': self.clock(),
                'processors': len(self._last.processors) - 1, 'memory': self.memory()[1],
                'up': float(self._lines('uptime')[0].split()[0])}

    def sample(self) -> dict[str, Any] | None:
        """What happened since the last reading; None if that was just now."""
        now, last = self.read(), self._last
        if last is None or now.at - last.at < INTERVAL / 4:
            self._last = last or now
            return None
        self._last = now
        shares = [max(0.0, busy - busy_before) / max(1, ticks - ticks_before)
                  for (busy, ticks), (busy_before, ticks_before)
                  in zip(now.processors, last.processors, strict=False)]
        traffic = [max(0.0, count - before) / (now.at - last.at) for count, before
                   in ((now.received, last.received), (now.sent, last.sent))]
        load = [float(number) for number in self._lines('loadavg')[0].split()[:3]]
        values = [round(now.at, 1), round(shares[0], 3), self.memory()[0], load[0],
                  *map(round, traffic)]
        self.history.append(values)
        return {'values': values, 'shares': [round(share, 3) for share in shares[1:]],
                'load': load, 'watchers': len(self.watchers)}


pages = Blueprint('monitor', __name__)
events = EventBlueprint('monitor', namespace='/monitor')


@pages.record
def _begin(state: Any) -> None:
    state.app.extensions['monitor'] = Monitor()


def _monitor() -> Monitor:
    monitor: Monitor = current_app.extensions['monitor']
    return monitor


@pages.get('/monitor')
def page() -> str:
    return render_template('monitor.html')


@events.on('connect')
def connect() -> None:
    monitor = _monitor()
    try:
        host = monitor.host()
    except OSError:
        raise ConnectionRefusedError('This host has no /proc to read: it takes Linux.') from None
    monitor.watchers.add(request.sid)
    emit('host', host)
    emit('history', list(monitor.history))


@events.on('disconnect')
def disconnect() -> None:
    _monitor().watchers.discard(request.sid)


@events.every(INTERVAL)
def push() -> None:
    """Called only while somebody watches."""
    sample = _monitor().sample()
    if sample is not None:
        emit('sample', sample, broadcast=True)

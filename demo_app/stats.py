"""Live figures of the server, once a second, with the last minutes for whoever opens the page."""
from __future__ import annotations

import re
import resource
import sys
import time
from collections import Counter, deque
from typing import Any

from flask import Blueprint, current_app, render_template

from geventio import EventBlueprint, emit

INTERVAL = 1.0  # seconds
KEPT = 180  # samples
PROBES = 10  # sleeps in an interval whose lateness is the lag of the loop

pages = Blueprint('stats', __name__)
events = EventBlueprint('stats', namespace='/stats')


class Figures:
    """What is counted, and the last samples."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.events = 0
        self.samples: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def sample(self, server: Any, seconds: float, lag: float) -> dict[str, Any]:
        """Make and keep a sample.

        :param server: geventio's server.
        :param seconds: the time since the last sample.
        :param lag: how late a sleep in that time ended at worst, in seconds.
        """
        counts = server.stats()
        events, self.events = self.events, 0
        made = {
            'at': time.time(),
            'transports': Counter(server.eio.transport(sid) for sid in server.eio.sockets),
            'sockets': counts['sockets'],
            'rooms': counts['rooms'],
            'handlers': counts['handlers'],
            'events': events / seconds,
            'lag': lag * 1000,  # milliseconds
            'memory': resident(),
            'uptime': time.monotonic() - self.begun,
        }
        self.samples.append(made)
        return made


def resident() -> int:
    """Most bytes of memory this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024


@pages.record_once
def _prepare(setup: Any) -> None:
    setup.app.extensions['figures'] = Figures()


def _figures() -> Figures:
    figures: Figures = current_app.extensions['figures']
    return figures


@pages.get('/stats')
def page() -> str:
    return render_template('stats.html')


@events.before_event(namespace=re.compile('.*'))
def count() -> None:
    """Every event of every namespace comes by here."""
    _figures().events += 1


@events.on('connect')
def connect(auth: Any = None) -> None:
    emit('history', list(_figures().samples))


@events.on_start
def watch() -> None:
    """Take a sample each second, as long as the server runs."""
    socketio = current_app.extensions['socketio']
    figures = _figures()
    while True:
        begun, lag = time.monotonic(), 0.0
        for _ in range(PROBES):
            before = time.monotonic()
            socketio.sleep(INTERVAL / PROBES)
            lag = max(lag, time.monotonic() - before - INTERVAL / PROBES)
        emit('sample', figures.sample(socketio.server, time.monotonic() - begun, lag),
             namespace='/stats', broadcast=True)

"""Waiting for what no event announces: a count that falls, a state that changes."""

from __future__ import annotations

import gevent

TIMEOUT = 5


def until(condition):
    """Let others run until a condition holds; an error after TIMEOUT seconds."""
    with gevent.Timeout(TIMEOUT):
        while not condition():
            gevent.sleep(0.001)

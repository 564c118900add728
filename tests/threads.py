"""Calls made on an OS thread of its own, while the test's loop goes on."""

from __future__ import annotations

import threading

import gevent

TIMEOUT = 10


def in_thread(function, *args):
    """Call a function in a thread of its own; what it returns or raises."""
    outcome = []

    def work():
        try:
            outcome.append((function(*args), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    with gevent.Timeout(TIMEOUT):
        while thread.is_alive():
            gevent.sleep(0.001)
    (result, error), = outcome
    if error is not None:
        raise error
    return result

"""Background work: greenlets with ``join()``, and those that belong to a client and end with it.

They run on the server's loop, whichever thread starts them. Pushes on a clock live in
``periodic``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from gevent.monkey import get_original
from greenlet import GreenletExit

from ..core.registry import check_function
from .periodic import OwnedEvent

_sleep = get_original('time', 'sleep')


class Task(gevent.Greenlet):
    """A greenlet of the server's loop that other threads may wait for, too."""

    def __init__(self, runtime: Any, run: Callable[..., Any], /, *args: Any, **options: Any
                 ) -> None:
        super().__init__(run, *args, **options)
        self._runtime = runtime

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended.

        :param timeout: seconds to wait at most; None waits as long as it takes.
        """
        runtime = self._runtime
        if runtime is None or runtime.here():
            super().join(timeout)
            return
        waiter = runtime.waiter()
        runtime.post(lambda: self.rawlink(waiter.set))
        try:
            waiter.get(timeout)
        except TimeoutError:
            return


def start(runtime: Any, function: Callable[..., Any], /, *args: Any, **options: Any) -> Task:
    """Run a function in a greenlet of its own, from any thread.

    :param runtime: the server's; None starts it on the calling thread's loop.
    :raises TypeError: it cannot be called, or is a coroutine function.
    """
    check_function('target', function)

    def begin() -> Task:
        task = Task(runtime, function, *args, **options)
        task.start()
        return task

    if runtime is None:
        return begin()
    task: Task = runtime.ask(begin)
    return task


def sleep(runtime: Any, seconds: float) -> None:
    """Pause the caller alone: its greenlet, or its thread when that is not the loop's."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f'seconds must be a number, not {seconds!r}')
    if runtime is None:
        gevent.sleep(seconds)
    elif runtime.here():
        runtime.sleep(seconds)
    else:
        _sleep(seconds)


class _ClientEvent(OwnedEvent):
    """The call of a client's task; being killed is not a failure."""

    __slots__ = ()

    def failed(self, error: BaseException) -> None:
        if not isinstance(error, GreenletExit):
            super().failed(error)


class _Owned:
    """Ties a task to a client: the client's end is the task's."""

    __slots__ = ('_task',)

    def __init__(self, task: Task) -> None:
        self._task = task

    def stop(self) -> None:
        self._task.kill(block=False)


def start_for_client(event: Any, function: Callable[..., Any], /, *args: Any, **options: Any
                     ) -> Task:
    """Run a function with the context of an event's client, until it returns or the client leaves.

    :raises RuntimeError: the event has no client.
    """
    check_function('target', function)
    socket = event.socket
    if socket is None:
        raise RuntimeError('start_client_task() works in the handler of a client: a periodic push '
                           'has none')
    own = _ClientEvent(socket, partial(function, *args, **options), None, (), None)
    own.target = event.default_target
    own.namespace = event.nsp
    runtime = event.server.runtime

    def begin() -> Task:
        task = Task(runtime, own.run)
        owned = _Owned(task)
        task.rawlink(lambda _: socket.disown(owned))
        task.start()
        socket.own(owned)
        return task

    task: Task = runtime.ask(begin)
    return task

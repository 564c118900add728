"""Periodic pushes: a function called at a fixed rhythm while somebody listens.

The rhythm does not drift: the n-th call belongs to start + n * interval. A call that takes
longer than the interval makes the next ones fall out, never overlap. Nothing runs while nobody
would get it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .context import FlaskEvent, PushEvent

if TYPE_CHECKING:
    from .extension import SocketIO

log = logging.getLogger('geventio')


class Push:
    """One periodic push. Calling it calls the function; ``stop()`` ends it.

    :param extension: the SocketIO object.
    :param interval: seconds between two calls.
    :param function: what is called, without arguments.
    :param namespace: name of the namespace it is for.
    :param target: a room (or socket id); None is everybody in the namespace.
    :param socket: the client it belongs to, with which it ends.
    """

    def __init__(self, extension: SocketIO, interval: float, function: Callable[[], Any],
                 namespace: str, target: Any = None, socket: Any = None) -> None:
        self.interval = interval
        self.function = function
        self.namespace = namespace
        self.target = target
        self._extension = extension
        self._socket = socket
        self._timer: Any = None
        self._begin = 0.0
        self._running = False
        self._stopped = False

    def __call__(self) -> Any:
        return self.function()

    def start(self) -> None:
        """Begin the rhythm; the first call comes one interval from now."""
        if self._timer is None and not self._stopped:
            self._begin = self._extension.server.runtime.now()
            self._wait()
            if self._socket is not None:
                self._socket.own(self)

    def stop(self) -> None:
        """End it for good; a call under way ends by itself."""
        self._stopped = True
        self.pause()
        if self._socket is not None:
            self._socket.disown(self)

    def pause(self) -> None:
        """End the rhythm until the next ``start``."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _wait(self) -> None:
        runtime = self._extension.server.runtime
        passed = runtime.now() - self._begin
        turn = math.floor(passed / self.interval + 1e-6) + 1
        self._timer = runtime.call_later(turn * self.interval - passed, self._due)

    def _due(self) -> None:
        self._wait()
        if not self._running and self._wanted():
            self._running = True
            self._extension.server.runtime.start(self)

    def _wanted(self) -> bool:
        """Whether anybody would get what is pushed."""
        if self._socket is not None:
            return bool(self._socket.connected)
        space = self._extension.server.namespaces.get(self.namespace)
        if space is None:
            return False
        if self.target is None:
            return bool(space.rooms.sockets)
        return bool(space.rooms.find(self.target))

    def run(self) -> None:
        """One call, in a pooled greenlet; an exception costs this call only."""
        event: FlaskEvent
        if self._socket is not None:
            event = FlaskEvent(self._socket, self.function, None, (), None)
        else:
            event = PushEvent(self._extension, self.function, self.namespace, self.target)
        try:
            event.call()
        except Exception:
            log.exception('error in the periodic push %r', self.function)
        finally:
            self._running = False

"""Periodic pushes: a function called at a fixed rhythm while somebody listens.

The rhythm does not drift: the n-th call belongs to start + n * interval. A call that takes
longer than the interval makes the next ones fall out, never overlap. The function is not called
while nobody would get what it sends.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..core.checks import as_rooms
from .context import FlaskEvent, PushEvent

if TYPE_CHECKING:
    from .server import FlaskServer


class Push:
    """One periodic push. Calling it calls the function; ``stop()`` ends it.

    :param interval: seconds between two calls.
    :param function: what is called, without arguments.
    :param namespace: name of the namespace it is for.
    :param target: a room, a socket id or a list of them; None is everybody in the namespace, or
        the client it belongs to.
    :param socket: the client it belongs to, with which it ends.
    :ivar home: the list it stands in until it is stopped, or None.
    """

    def __init__(self, interval: float, function: Callable[[], Any], namespace: str,
                 target: Any = None, socket: Any = None) -> None:
        self.interval = interval
        self.function = function
        self.namespace = namespace
        self.target = target
        self._socket = socket
        self._server: FlaskServer = None  # type: ignore[assignment]
        self._timer: Any = None
        self._begin = 0.0
        self._turn = 0
        self._running = False
        self._stopped = False
        self._copies: WeakSet[Push] | None = None
        self.home: list[Push] | None = None
        functools.update_wrapper(self, function)

    def __call__(self) -> Any:
        return self.function()

    def again(self) -> Push:
        """The same push for one more SocketIO object; ``stop`` of this one ends it as well."""
        push = Push(self.interval, self.function, self.namespace, self.target)
        push._stopped = self._stopped
        if self._copies is None:
            self._copies = WeakSet()
        self._copies.add(push)
        return push

    def start(self, server: FlaskServer) -> None:
        """Begin the rhythm on a server that has a loop; the first call comes one interval from now.
        """
        if self._stopped or self._timer is not None and self._server is server:
            return
        self.pause()
        self._server = server
        self._begin = server.runtime.now()
        self._turn = 0
        self._wait()
        if self._socket is not None:
            self._socket.own(self)

    def stop(self) -> None:
        """End it for good, from any thread; a call under way ends by itself."""
        self._stopped = True
        if self._server is None:
            self._leave()
        else:
            self._server.act(self._leave)
        for push in list(self._copies or ()):
            push.stop()

    def _leave(self) -> None:
        self.pause()
        if self._socket is not None:
            self._socket.disown(self)
        if self.home is not None and self in self.home:
            self.home.remove(self)

    def pause(self) -> None:
        """End the rhythm until the next ``start``."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _wait(self) -> None:
        runtime = self._server.runtime
        passed = runtime.now() - self._begin
        # A timer may fire a little early: the turn just called must not come twice.
        self._turn = max(self._turn, math.floor(passed / self.interval)) + 1
        self._timer = runtime.call_later(self._turn * self.interval - passed, self._due)

    def _due(self) -> None:
        self._wait()
        if not self._running and self._wanted():
            self._running = True
            self._server.runtime.start(self)

    def _wanted(self) -> bool:
        """Whether anybody would get what is pushed."""
        if self._stopped or self._server.engine.stopping:
            return False
        if self._socket is not None and not self._socket.connected:
            return False
        if self._socket is not None and self.target is None:
            return True
        space = self._server.namespaces.get(self.namespace)
        return space is not None and bool(
            space.rooms.select(None if self.target is None else as_rooms(self.target)))

    def run(self) -> None:
        """One call, in a pooled greenlet; an exception costs this call only."""
        event: FlaskEvent
        if self._socket is not None:
            event = OwnedEvent(self._socket, self.function, None, (), None)
            event.target = self._socket.sid if self.target is None else self.target
            event.namespace = self.namespace
        else:
            event = PushEvent(self._server, self.function, (), self.namespace, self.target)
        try:
            event.run()
        finally:
            self._running = False


class OwnedEvent(FlaskEvent):
    """A call that belongs to a client, with that client's request and session.

    :ivar target: whom ``emit`` reaches when nobody is named.
    :ivar namespace: the namespace the verbs use when none is named.
    """

    __slots__ = ('namespace', 'target')

    target: Any
    namespace: str

    @property
    def nsp(self) -> str:
        return self.namespace

    @property
    def default_target(self) -> Any:
        return self.target

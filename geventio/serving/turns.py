"""Work that may come in masses, spread over turns of the loop: the end of thousands of sessions.

Nothing is put off that comes alone. What is sent to many is spread by ``transports.outbox``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

#: Calls between two looks at the loop.
SLICE = 100


class Turns:
    """Calls functions in order, at most SLICE of them a turn.

    :param loop: gevent's event loop.
    """

    __slots__ = ('_left', '_queue', '_timer')

    def __init__(self, loop: Any) -> None:
        self._queue: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._left = SLICE
        # A timer, because callbacks run on in the same pass, without a look at the sockets.
        self._timer = loop.timer(0.0)

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function: at once, or in a later turn if there were many in this one."""
        if self._queue or not self._left:
            self._queue.append((function, args))
            return
        if self._left == SLICE:
            self._timer.start(self._turn)
        self._left -= 1
        function(*args)

    def _turn(self) -> None:
        queue = self._queue
        self._left = SLICE
        self._timer.stop()
        if not queue:
            return
        self._timer.start(self._turn)  # first, so that an error does not end it
        for _ in range(min(SLICE, len(queue))):
            function, args = queue.popleft()
            self._left -= 1
            function(*args)

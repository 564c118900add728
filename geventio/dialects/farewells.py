"""How sessions have ended, for clients of SockJS that come to ask later.

A client that polls may have no request open when its session ends, and learns of it from the
next. What is kept for that is bounded in number, size and time.
"""

from __future__ import annotations

from typing import Any

from ..core.engine import Engine
from ..protocol.sockjs import messages

#: Ended sessions that are remembered; the oldest are forgotten first.
MAX_FAREWELLS = 10_000
#: Characters of texts that are kept for all of them.
MAX_FAREWELL_SIZE = 16_000_000


class Farewell:
    """How a session has ended, for requests that come later.

    :param name: the session's id, chosen by the client.
    :param last: the frame that says it.
    :param delay: seconds for which it is kept after it was last asked for.
    :ivar texts: what the client did not get, as JSON strings.
    """

    __slots__ = ('_delay', '_owner', '_until', 'bucket', 'last', 'name', 'texts')

    def __init__(self, owner: Farewells, name: str, last: str, delay: float) -> None:
        self._owner = owner
        self._delay = delay
        self._until = 0.0
        self.name = name
        self.last = last
        self.texts: list[str] = []
        self.bucket: dict[Any, None] | None = None

    def extend(self, now: float) -> None:
        """It was asked for."""
        self._until = now + self._delay

    def tick(self, now: float) -> float | None:
        if now < self._until:
            return self._until - now
        self._owner.forget(self)
        return None


class Farewells:
    """The sessions that have ended lately, by the ids that clients chose.

    :param engine: has the clock.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Farewell] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def add(self, name: str, last: str, delay: float) -> None:
        """Keep the last frame of a session.

        :param delay: seconds for which it is kept after it was last asked for.
        """
        if len(self._known) >= MAX_FAREWELLS:
            self.forget(next(iter(self._known.values())))
        farewell = self._known[name] = Farewell(self, name, last, delay)
        farewell.extend(self._engine.runtime.now())
        self._engine.runtime.schedule(farewell, delay)

    def keep(self, name: str, texts: list[str]) -> None:
        """Keep the texts that a session did not get; all or none."""
        size = sum(map(len, texts))
        if name in self._known and self._size + size <= MAX_FAREWELL_SIZE:
            self._known[name].texts = texts
            self._size += size

    def say(self, name: str, whole: bool) -> list[str]:
        """The frames for a client that comes later; none, if its session is not known.

        The texts are said once, the last frame whenever it is asked for.

        :param whole: whether more than one frame will do.
        """
        farewell = self._known.get(name)
        if farewell is None:
            return []
        farewell.extend(self._engine.runtime.now())
        texts, farewell.texts = farewell.texts, []
        if not texts:
            return [farewell.last]
        self._size -= sum(map(len, texts))
        return [messages(texts), farewell.last] if whole else [messages(texts)]

    def forget(self, farewell: Farewell) -> None:
        """A session is not known any more."""
        del self._known[farewell.name]
        self._size -= sum(map(len, farewell.texts))
        bucket, farewell.bucket = farewell.bucket, None
        if bucket is not None:
            bucket.pop(farewell, None)

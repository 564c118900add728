"""Who is still at work for the test clients of a server, and waiting until nobody is.

A handler that waits for what only the test can bring (an answer, or time on a fake clock) counts
as at rest. What a test calls lives in ``testing``, the connection in ``wire``.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from gevent.event import Event as Flag
from greenlet import getcurrent

from ...core.client import Client
from ...core.load import Load
from ...core.session import Session
from ...core.socket import Socket
from ...errors import NotConnectedError
from ..context import current_event


class Stage:
    """What the test clients of one server have under way, and how one waits for it.

    :ivar reactions: their own handlers at work: objects with ``greenlet`` and ``waiting``.
    """

    _stages: WeakKeyDictionary[Any, Stage] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.reactions: set[Any] = set()
        self._changed = Flag()

    @classmethod
    def of(cls, server: Any) -> Stage:
        """The one of a server."""
        stage = cls._stages.get(server)
        if stage is None:
            stage = cls._stages[server] = cls()
        return stage

    def changed(self) -> None:
        """Have everybody who waits look again."""
        changed, self._changed = self._changed, Flag()
        changed.set()

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds; False if it does not in time."""
        deadline = monotonic() + seconds
        mine = self._mine()
        if mine is not None:
            mine.waiting = True
        try:
            while not condition():
                rest = deadline - monotonic()
                if rest <= 0:
                    return False
                self._changed.wait(rest)
            return True
        finally:
            if mine is not None:
                mine.waiting = False

    def _mine(self) -> Any:
        me = getcurrent()
        return next((each for each in self.reactions if each.greenlet is me), None)

    def busy(self) -> bool:
        """Whether handlers of test clients are at work.

        For one of them that asks, those that wait for the end of something are not: it would wait
        for itself.
        """
        if self.reactions and self._mine() is not None:
            return any(not each.waiting for each in self.reactions)
        return bool(self.reactions)


class _Load(Load):
    """Counts from the first handler on, and tells when one is over."""

    __slots__ = ('_stage',)

    def __init__(self, config: Any, stage: Stage) -> None:
        super().__init__(config)
        self._stage = stage

    @property
    def running(self) -> int:
        return self._running

    def next(self) -> None:
        try:
            super().next()
        finally:
            self._stage.changed()


class WireClient(Client):
    """The server's view of a test client.

    :ivar stage: the server's.
    :ivar failed: gets what its handlers raise and no error handler takes.
    """

    __slots__ = ('_held', 'failed', 'stage')

    load: _Load

    def __init__(self, server: Any, session: Session) -> None:
        super().__init__(server, session)
        self.stage = Stage.of(server)
        self.load = _Load(server.config, self.stage)
        self._held: list[tuple[Any, Callable[[], bool]]] = []
        self.failed: Callable[[BaseException], None] = _ignore

    def handler_failed(self, error: BaseException) -> None:
        if self.session.closed is None or not isinstance(error, NotConnectedError):
            self.failed(error)  # it is no surprise that a client that left does not answer

    def idle(self) -> bool:
        """Whether each handler has ended, or waits for what only the test can bring."""
        self._held = [(event, still) for event, still in self._held if still()]
        return self.load.running <= len({event for event, _ in self._held})

    def hold(self, event: Any, still: Callable[[], bool]) -> None:
        """A handler of this client waits for the test, as long as ``still()``."""
        self._held.append((event, still))
        self.stage.changed()


def _ignore(error: BaseException) -> None:
    """Nobody wants to know yet."""


def waits_for_test(still: Callable[[], bool]) -> None:
    """Say that the handler at hand, if it is one of a test client, waits for the test.

    :param still: whether it still does.
    """
    try:
        event = current_event()
    except RuntimeError:
        return
    # Nobody waits for ack callbacks and pushes, which have no name, nor for copies of an event.
    if event.name is not None and event.socket is not None and not event._over:
        client = event.socket.client
        if isinstance(client, WireClient):
            client.hold(event, still)


def awaits(socket: Socket | None, id: int) -> bool:
    """Whether the server waits for an answer of a socket."""
    return socket is not None and socket.acks is not None and id in socket.acks

"""Acknowledgements the server asked for: who still has to answer, and what happens then.

A pending ack stands in ``Socket.acks`` under its id. It is told exactly one thing for each
socket: the answer, or that there will be none. Blocking waits are made of these in ``operator``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..errors import NotConnectedError, TimeoutError, UnsupportedError

if TYPE_CHECKING:
    from .runtime import Cancellable
    from .socket import Socket

#: What an ack ends with: an error or None, and the values.
Done = Callable[['BaseException | None', list[Any]], None]


class Ack:
    """The answer of one socket, told to ``done(error, args)`` exactly once, in the loop."""

    __slots__ = ('_done', 'timer')

    def __init__(self, done: Done) -> None:
        self._done: Done | None = done
        self.timer: Cancellable | None = None

    def answered(self, socket: Socket, args: list[Any]) -> None:
        self._finish(None, args)

    def gone(self, socket: Socket) -> None:
        self._finish(NotConnectedError('the client disconnected before it answered'), [])

    def unable(self, socket: Socket) -> None:
        dialect = socket.client.session.dialect
        self._finish(UnsupportedError(f'the client {socket.sid!r} cannot answer: its protocol, '
                                      f'{dialect}, has no acknowledgements'), [])

    def expired(self, socket: Socket, id: int) -> None:
        """The time is up: forget the id, so that a late answer is ignored."""
        socket.forget_ack(id)
        self._finish(TimeoutError('the client did not answer in time'), [])

    def _finish(self, error: BaseException | None, args: list[Any]) -> None:
        done, self._done = self._done, None
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()
        if done is not None:
            done(error, args)


class Replies(list[Any]):
    """What the clients of a broadcast answered: the first value of each, in order of arrival.

    :ivar missing: ids of the sockets that did not answer in time, left before, or have no way to
        answer.
    """

    def __init__(self, values: Iterable[Any] = (), missing: Iterable[str] = ()) -> None:
        super().__init__(values)
        self.missing: list[str] = list(missing)

    @property
    def complete(self) -> bool:
        """Whether everybody answered."""
        return not self.missing


class Collector:
    """The answers of many sockets to one broadcast, told to ``done(error, [Replies])``.

    It completes when each socket has answered or left, or when the time is up; the replies
    collected until then are handed over in every case.
    """

    __slots__ = ('_done', '_id', '_open', 'replies', 'timer')

    def __init__(self, id: int, sockets: Iterable[Socket], done: Done) -> None:
        self._id = id
        self._open: dict[Socket, None] = dict.fromkeys(sockets)
        self._done: Done | None = done
        self.replies = Replies()
        self.timer: Cancellable | None = None

    def start(self) -> None:
        """Wait for each socket; ends at once when there is none."""
        for socket in list(self._open):
            socket.expect(self._id, self)
        if not self._open:
            self._finish(None)

    def answered(self, socket: Socket, args: list[Any]) -> None:
        self.replies.append(args[0] if args else None)
        self._close(socket)

    def gone(self, socket: Socket) -> None:
        self.replies.missing.append(socket.sid)
        self._close(socket)

    unable = gone

    def expired(self) -> None:
        """The time is up."""
        late = list(self._open)
        self._open.clear()
        for socket in late:
            socket.forget_ack(self._id)
        self.replies.missing.extend(socket.sid for socket in late)
        self._finish(TimeoutError(f'{len(self.replies.missing)} clients did not answer in time'))

    def _close(self, socket: Socket) -> None:
        self._open.pop(socket, None)
        if not self._open:
            self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        done, self._done = self._done, None
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()
        if done is not None:
            done(error, [self.replies])

"""``to(...).except_(...).emit(...)``: choosing whom something is for, one step at a time.

Each step returns a new operator, so that one can be kept and used again. What is done with the
sockets chosen is the adapter's work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from ..errors import NotConnectedError
from .acks import Done, Replies
from .checks import as_callback, as_rooms, as_timeout
from .parcel import Parcel
from .rooms import Room
from .threads import in_loop

if TYPE_CHECKING:
    from .namespace import Namespace
    from .socket import Socket

#: How long a broadcast waits for its answers when nobody says otherwise, in seconds.
DEFAULT_TIMEOUT = 60.0


class Operator:
    """A choice of sockets of one namespace: at first everybody in it."""

    __slots__ = ('_except', '_local', '_rooms', '_space', '_timeout', '_volatile')

    def __init__(self, namespace: Namespace, rooms: tuple[Room, ...] | None = None,
                 except_: tuple[Room, ...] = (), volatile: bool = False, local: bool = False,
                 timeout: float | None = None) -> None:
        self._space = namespace
        self._rooms = rooms
        self._except = except_
        self._volatile = volatile
        self._local = local
        self._timeout = timeout

    @property
    def runtime(self) -> Any:
        return self._space.server.runtime

    @property
    def _namespace(self) -> Namespace:
        """The namespace as it is now: one that clients made ends with the last of them."""
        space = self._space
        return space.server.namespaces.get(space.name, space)

    def _with(self, **changes: Any) -> Operator:
        state = {'rooms': self._rooms, 'except_': self._except, 'volatile': self._volatile,
                 'local': self._local, 'timeout': self._timeout, **changes}
        return Operator(self._namespace, **state)

    # -- choosing -----------------------------------------------------------------------------

    def to(self, rooms: Any) -> Operator:
        """Add a room, a socket id, or a list of them; several make a union.

        :raises TypeError: something that cannot be a room; likewise below.
        """
        return self._with(rooms=(self._rooms or ()) + as_rooms(rooms))

    in_ = to

    def except_(self, rooms: Any) -> Operator:
        """Leave out the members of a room, a socket id, or a list of them."""
        return self._with(except_=self._except + as_rooms(rooms, 'except_'))

    @property
    def volatile(self) -> Operator:
        """Drop the event for clients that could not be written to at once."""
        return self._with(volatile=True)

    @property
    def local(self) -> Operator:
        """Only the clients of this server."""
        return self._with(local=True)

    def timeout(self, seconds: float) -> Operator:
        """How long answers are waited for."""
        return self._with(timeout=as_timeout(seconds))

    # -- acting -------------------------------------------------------------------------------

    def emit(self, event: Any, *args: Any,
             callback: Callable[[BaseException | None, Replies], Any] | None = None) -> None:
        """Send an event to everybody chosen.

        :param callback: called once as ``callback(error, replies)`` when everybody answered or
            the time is up (then ``error`` is a TimeoutError and the replies are partial).
        :raises ValueError: a reserved event name.
        :raises TypeError: arguments that cannot be sent.
        """
        callback = as_callback(callback)
        if callback is not None and self.runtime is not None:
            self._ask(event, args, callback)
            return
        # Encoded here: the caller may change the data as soon as this returns.
        namespace = self._namespace
        namespace.server.act(namespace.adapter.broadcast, Parcel(namespace.packets(event, args)),
                             self._rooms, self._except, self._volatile, self._local)

    @in_loop
    def _ask(self, event: Any, args: Collection[Any],
             callback: Callable[[BaseException | None, Replies], Any]) -> None:
        namespace = self._namespace
        done = namespace.server.in_background(lambda error, values: callback(error, values[0]))
        namespace.adapter.broadcast_with_ack(event, args, self._rooms, self._except,
                                             self._seconds(), self._local, done)

    def send(self, *args: Any) -> None:
        """Send a ``message`` event to everybody chosen."""
        self.emit('message', *args)

    def emit_with_ack(self, event: Any, *args: Any) -> Replies:
        """Send an event to everybody chosen and wait for the answers.

        Returns the replies there are when everybody answered or the time is up; look at
        ``replies.complete`` and ``replies.missing``. Blocks the calling greenlet only.
        """
        if self.runtime is None:
            return Replies()
        waiter = self.runtime.waiter()
        self._collect(event, args, lambda error, values: waiter.set(values[0]))
        replies: Replies = waiter.get(None)
        return replies

    @in_loop
    def _collect(self, event: Any, args: Collection[Any], done: Done) -> None:
        self._namespace.adapter.broadcast_with_ack(event, args, self._rooms, self._except,
                                                   self._seconds(), self._local, done)

    def _seconds(self) -> float:
        return DEFAULT_TIMEOUT if self._timeout is None else self._timeout

    @in_loop
    def fetch_sockets(self) -> list[RemoteSocket]:
        """The sockets chosen, as far as their connect handlers accepted them."""
        adapter = self._namespace.adapter
        return [RemoteSocket(s) for s in adapter.sockets(self._rooms, self._except)]

    @in_loop
    def sockets_join(self, rooms: Any) -> None:
        """Put everybody chosen into a room or a list of rooms."""
        self._namespace.adapter.join(self._rooms, self._except, as_rooms(rooms, 'rooms'))

    @in_loop
    def sockets_leave(self, rooms: Any) -> None:
        """Take everybody chosen out of a room or a list of rooms."""
        self._namespace.adapter.leave(self._rooms, self._except, as_rooms(rooms, 'rooms'))

    @in_loop
    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect everybody chosen.

        :param close: close their connections too, with every other namespace.
        """
        self._namespace.adapter.disconnect(self._rooms, self._except, close)


class RemoteSocket:
    """A socket as others see it: its id, its rooms and its data, and what can be done to it.

    :ivar sid: the socket id.
    :ivar rooms: its rooms when it was fetched, its own among them.
    :ivar data: the socket's own dict.
    """

    __slots__ = ('_operator', '_socket', 'data', 'rooms', 'sid')

    def __init__(self, socket: Socket) -> None:
        namespace = socket.namespace
        self._socket = socket
        self._operator = Operator(namespace, (socket.sid,))
        self.sid = socket.sid
        self.rooms: Collection[Room] = frozenset(namespace.rooms.rooms_of(socket))
        self.data = socket.data

    def emit(self, event: Any, *args: Any) -> None:
        """Send it an event."""
        self._operator.emit(event, *args)

    def join(self, rooms: Any) -> None:
        """Put it into a room or a list of rooms."""
        self._operator.sockets_join(rooms)

    def leave(self, rooms: Any) -> None:
        """Take it out of a room or a list of rooms."""
        self._operator.sockets_leave(rooms)

    def disconnect(self, close: bool = False) -> None:
        """Disconnect it; ``close`` closes its connection too."""
        self._operator.disconnect_sockets(close)

    def __repr__(self) -> str:
        return f'<RemoteSocket {self.sid} of {self._socket.namespace.name}>'


def call(namespace: Namespace, event: Any, args: Iterable[Any], sid: str,
         timeout: float | None) -> Any:
    """Send an event to one socket and wait for its answer.

    Returns None, the value, or a tuple of several values.

    :raises geventio.errors.NotConnectedError: there is no such socket, it left, or its connect
        handler has not accepted it yet.
    :raises geventio.errors.TimeoutError: no answer in time.
    """
    runtime = namespace.server.runtime
    if runtime is None:
        raise NotConnectedError(f'no client with the id {sid!r}: the server does not run')
    waiter = runtime.waiter()

    def begin() -> None:
        socket = namespace.rooms.sockets.get(sid)
        if socket is None or socket.left is not None:
            raise NotConnectedError(f'no client with the id {sid!r} in {namespace.name}')
        if not socket.connected:
            raise NotConnectedError(f'the client {sid!r} cannot answer yet: its connect handler '
                                    'has not accepted it')
        namespace.ask(event, tuple(args), (socket,), timeout,
                      lambda error, values: waiter.set((error, values)))

    runtime.ask(begin)
    error, values = waiter.get(None)
    if error is not None:
        raise error
    return unwrap(values)


def unwrap(values: list[Any]) -> Any:
    """The values of an answer: None, the one, or a tuple."""
    if not values:
        return None
    return values[0] if len(values) == 1 else tuple(values)

"""Socket.IO for any WSGI application, without Flask.

The server is a WSGI application itself. It runs on geventio's own HTTP server (``run``) or under
any gevent WSGI server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..adapters.memory import MemoryAdapter
from ..config import Config
from ..core.acks import Replies
from ..core.msgpack import MsgpackParser
from ..core.namespace import Namespace as CoreNamespace
from ..core.operator import Operator, as_rooms, call
from ..core.server import SocketIOServer, TextParser
from ..core.session import SHUTTING_DOWN
from ..errors import NotConnectedError
from ..protocol.jsontext import Default
from .engine_server import make_id
from .gateway import Gateway
from .running import run, stop
from .wsgi import WSGIDoor


class Server(SocketIOServer, WSGIDoor):
    """A Socket.IO server without Flask: a WSGI application, or middleware around one.

    Handlers: ``connect(sid, environ[, auth])`` (False or ConnectionRefusedError refuses),
    ``disconnect(sid[, reason])``, and for each event ``handler(sid, *args)`` whose return value
    is the acknowledgement.

    :param app: a WSGI application for every other path.
    :param json_default: see :class:`~geventio.protocol.jsontext.Encoder`.
    :param options: see :class:`~geventio.config.Config`.
    :raises ConfigError: an unknown option or a wrong value.
    """

    def __init__(self, app: Any = None, *, json_default: Default | None = None,
                 **options: Any) -> None:
        config = Config.make(options)
        parser = MsgpackParser() if config.serializer == 'msgpack' \
            else TextParser(config, json_default)
        SocketIOServer.__init__(self, config, make_id, MemoryAdapter, parser)
        WSGIDoor.__init__(self, Gateway(self.engine), app)

    # -- handlers -------------------------------------------------------------------------------

    def on(self, event: str, handler: Callable[..., Any] | None = None,
           namespace: Any = None) -> Any:
        """Register a handler, as a decorator or at once.

        :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default.
        """
        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.registry.add(event, function, namespace or '/')
            return function

        return register if handler is None else register(handler)

    def event(self, *args: Any, **options: Any) -> Any:
        """Register a handler under its own name: ``@server.event``, ``@server.event(namespace=)``.
        """
        if len(args) == 1 and not options and callable(args[0]):
            return self.on(args[0].__name__, args[0])
        return lambda function: self.on(function.__name__, function, *args, **options)

    def register_namespace(self, handler: Any) -> None:
        """Register the handlers of a namespace as one object.

        :param handler: has ``namespace`` and ``find_handler(event)``, which returns a function
            or None.
        """
        self.registry.add_namespace(handler)

    # -- the way out ----------------------------------------------------------------------------

    def of(self, namespace: str | None = None) -> Operator:
        """Everybody in a namespace, to choose from."""
        return Operator(self.namespace(namespace or '/'))

    def to(self, rooms: Any) -> Operator:
        """The members of a room of ``/`` (a socket id, or a list)."""
        return self.of().to(rooms)

    def emit(self, event: Any, data: Any = None, to: Any = None, room: Any = None,
             skip_sid: Any = None, namespace: str | None = None,
             callback: Callable[..., Any] | None = None, *, except_: Any = None,
             volatile: bool = False, local: bool = False, timeout: float | None = None,
             ignore_queue: bool = False) -> None:
        """Send an event.

        :param data: its argument; a tuple is several, None is none.
        :param to: a room, a socket id or a list; None is everybody. ``room`` is the same.
        :param skip_sid: a socket id or a list to leave out.
        :param callback: see :meth:`emit_args`.
        :param except_: rooms whose members are left out.
        :param volatile: drop it for clients that could not be written to at once.
        """
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        self.emit_args(event, args, to if to is not None else room, skip_sid, namespace or '/',
                       callback, except_, volatile, local, timeout)

    def emit_args(self, event: Any, args: tuple[Any, ...], to: Any, skip_sid: Any, namespace: str,
                  callback: Callable[..., Any] | None = None, except_: Any = None,
                  volatile: bool = False, local: bool = False, timeout: float | None = None
                  ) -> None:
        """Send an event with its arguments as a tuple.

        With ``callback`` and one socket as ``to``, the callback gets the values of the answer;
        with ``timeout`` too, it gets an error or None first. For several sockets it is called
        once, as ``callback(error, replies)``. When ``to`` is one name and nobody is there, it is
        called with a NotConnectedError if there is a ``timeout``, and not at all otherwise.

        :raises ValueError: a reserved event name.
        :raises TypeError: arguments that cannot be sent.
        """
        space = self.namespaces.get(namespace)
        if space is None:
            if not self.registry.static(namespace):
                return
            space = self.namespace(namespace)
        rooms = None if to is None else as_rooms(to)
        left_out = as_rooms(except_) + as_rooms(skip_sid)
        if callback is None:
            space.emit(event, args, rooms, left_out, volatile, local)
            return
        if rooms is not None and len(rooms) == 1 and not left_out:
            socket = space.rooms.sockets.get(rooms[0])  # type: ignore[call-overload]
            if socket is not None:
                space.ask(event, args, socket, timeout, self._single(callback, timeout))
                return
            if not space.rooms.find(rooms[0]):
                space.packets(event, args)  # for the errors
                if timeout is not None:
                    error = NotConnectedError(f'nobody is in {rooms[0]!r}')
                    self.in_background(callback)(error, Replies())
                return
        Operator(space, rooms, left_out, False, local, timeout).emit(event, *args,
                                                                     callback=callback)

    def _single(self, callback: Callable[..., Any], timeout: float | None) -> Any:
        """``done`` for one socket: without a time limit the callback only hears of answers."""
        start = self.in_background(callback)
        if timeout is not None:
            return lambda error, values: start(error, *values)

        def done(error: BaseException | None, values: list[Any]) -> None:
            if error is None:
                start(*values)

        return done

    def send(self, data: Any, **options: Any) -> None:
        """Send a ``message`` event; options as for :meth:`emit`."""
        self.emit('message', data, **options)

    def call(self, event: Any, data: Any = None, to: str | None = None, sid: str | None = None,
             namespace: str | None = None, timeout: float | None = 60.0,
             ignore_queue: bool = False) -> Any:
        """Send an event to one socket and wait for its answer.

        Returns None, the value, or a tuple of several. Blocks the calling greenlet only.

        :raises ValueError: no ``to``.
        :raises TimeoutError: no answer within ``timeout`` seconds.
        :raises NotConnectedError: the client is not there, or left.
        """
        target = to if to is not None else sid
        if target is None:
            raise ValueError('call() needs the id of one client in to=')
        space = self.namespaces.get(namespace or '/')
        if space is None:
            raise NotConnectedError(f'no client with the id {target!r} in {namespace or "/"}')
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        return call(space, event, args, target, timeout)

    # -- sockets and rooms ----------------------------------------------------------------------

    def _socket(self, sid: str, namespace: str | None) -> Any:
        space = self.namespaces.get(namespace or '/')
        socket = space.rooms.sockets.get(sid) if space is not None else None
        if socket is None:
            raise NotConnectedError(f'no client with the id {sid!r} in {namespace or "/"}')
        return socket

    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a socket into a room.

        :raises NotConnectedError: there is no such socket.
        :raises ValueError: the room is another socket's own.
        """
        socket = self._socket(sid, namespace)
        socket.namespace.rooms.join(socket, room)

    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a socket out of a room."""
        socket = self._socket(sid, namespace)
        socket.namespace.rooms.leave(socket, room)

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take everybody out of a room."""
        space = self.namespaces.get(namespace or '/')
        if space is not None:
            space.adapter.close_room(room)

    def rooms(self, sid: str, namespace: str | None = None) -> list[Any]:
        """The rooms of a socket, its own among them."""
        socket = self._socket(sid, namespace)
        return list(socket.namespace.rooms.rooms_of(socket))

    def data(self, sid: str, namespace: str | None = None) -> dict[Any, Any]:
        """The dict that belongs to a socket; lives as long as the socket."""
        data: dict[Any, Any] = self._socket(sid, namespace).data
        return data

    get_session = data

    def save_session(self, sid: str, session: dict[Any, Any], namespace: str | None = None
                     ) -> None:
        """Replace the content of the dict that belongs to a socket."""
        data = self.data(sid, namespace)
        if session is not data:
            session = dict(session)
            data.clear()
            data.update(session)

    @contextmanager
    def session(self, sid: str, namespace: str | None = None) -> Iterator[dict[Any, Any]]:
        """The dict that belongs to a socket, for a ``with`` block."""
        yield self.data(sid, namespace)

    def get_environ(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """The WSGI environ of the request a client came with."""
        environ: dict[str, Any] = self._socket(sid, namespace).client.session.handshake.environ()
        return environ

    def transport(self, sid: str, namespace: str | None = None) -> str:
        """``'polling'`` or ``'websocket'``."""
        name: str = self._socket(sid, namespace).client.session.transport.name
        return name

    def disconnect(self, sid: str, namespace: str | None = None, close: bool = False,
                   ignore_queue: bool = False) -> None:
        """Take a client out of a namespace; nothing happens if it is not there.

        :param close: close its connection too.
        """
        space = self.namespaces.get(namespace or '/')
        socket = space.rooms.sockets.get(sid) if space is not None else None
        if socket is not None:
            socket.namespace.disconnect(socket, close)

    def stats(self) -> dict[str, int]:
        """Live counts: sessions, sockets, rooms, and handlers that are running."""
        spaces: list[CoreNamespace] = list(self.namespaces.values())
        runtime: Any = self.runtime
        return {
            'sessions': len(self.engine.sessions),
            'sockets': sum(len(space.rooms.sockets) for space in spaces),
            'rooms': sum(len(space.rooms.members) for space in spaces),
            'handlers': runtime.workers.busy if runtime is not None else 0,
        }

    # -- serving --------------------------------------------------------------------------------

    def run(self, host: str = '127.0.0.1', port: int = 5000, **options: Any) -> None:
        """Serve until :meth:`stop` or a signal; see ``serving.running.run``."""
        run(self, self, host, port, **options)

    def stop(self) -> None:
        """End every session and the server."""
        stop(self)

    def shutdown(self) -> None:
        """End every session; further handshakes are refused."""
        self.engine.stopping = True
        self.engine.close_all(SHUTTING_DOWN)

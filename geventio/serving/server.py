"""Socket.IO for any WSGI application, without Flask.

The server is a WSGI application itself. It runs on geventio's own HTTP server (``run``) or under
any gevent WSGI server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..adapters.memory import MemoryAdapter
from ..config import Config
from ..core.acks import Replies
from ..core.checks import as_callback, as_namespace, as_room, as_rooms, as_sid, as_timeout
from ..core.msgpack import MsgpackParser
from ..core.namespace import Namespace as CoreNamespace
from ..core.operator import Operator, call
from ..core.parcel import Parcel
from ..core.registry import takes_error
from ..core.server import SocketIOServer, TextParser
from ..core.session import SHUTTING_DOWN
from ..core.threads import in_loop
from ..errors import ConfigError, NotConnectedError
from ..protocol.jsontext import Default, OtherJSON
from .gateway import Gateway
from .ids import make_id
from .running import run, stop
from .wsgi import WSGIDoor


def other_json(json: Any) -> OtherJSON:
    """JSON as a module with the functions of the standard library's writes and reads it.

    :raises ConfigError: it has no ``dumps`` and ``loads``.
    """
    if not callable(getattr(json, 'dumps', None)) or not callable(getattr(json, 'loads', None)):
        raise ConfigError(f'json must have the functions dumps and loads, and {json!r} does not')
    return OtherJSON(partial(json.dumps, separators=(',', ':')), json.loads)


class Server(SocketIOServer, WSGIDoor):
    """A Socket.IO server without Flask: a WSGI application, or middleware around one.

    Its methods may be called from any greenlet and any thread.

    Handlers: ``connect(sid, environ[, auth])`` (False or ConnectionRefusedError refuses),
    ``disconnect(sid[, reason])``, and for each event ``handler(sid, *args)`` whose return value
    is the acknowledgement.

    :param app: a WSGI application for every other path.
    :param json_default: see :class:`~geventio.protocol.jsontext.Encoder`.
    :param json: an object with ``dumps(value, separators=...)`` and ``loads(text)``, such as a
        module, that writes and reads JSON instead of our own encoder and decoder.
    :param options: see :class:`~geventio.config.Config`.
    :raises ConfigError: an unknown option or a wrong value.
    """

    def __init__(self, app: Any = None, *, json_default: Default | None = None,
                 json: Any = None, **options: Any) -> None:
        config = Config.make(options)
        other = None if json is None else other_json(json)
        parser = MsgpackParser() if config.serializer == 'msgpack' \
            else TextParser(config, json_default, other)
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

    @in_loop
    def of(self, namespace: str | None = None) -> Operator:
        """Everybody in a namespace, to choose from."""
        name = as_namespace(namespace)
        space = self._find(name)
        if space is None:  # nobody is there: it must not stay for having been asked about
            space = CoreNamespace(self, name)
            self.namespace_emptied(space)
        return Operator(space)

    def to(self, rooms: Any) -> Operator:
        """The members of a room of ``/`` (a socket id, or a list)."""
        return self.of().to(rooms)

    def emit(self, event: Any, data: Any = None, to: Any = None, room: Any = None,
             skip_sid: Any = None, namespace: str | None = None,
             callback: Callable[..., Any] | None = None, ignore_queue: bool = False, *,
             except_: Any = None, volatile: bool = False, local: bool = False,
             timeout: float | None = None) -> None:
        """Send an event.

        :param data: its argument; a tuple is several, None is none.
        :param to: a room, a socket id or a list; None is everybody. ``room`` is the same.
        :param skip_sid: a socket id or a list to leave out.
        :param callback: see :meth:`emit_args`.
        :param except_: rooms whose members are left out.
        :param volatile: drop it for clients that could not be written to at once.
        """
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        self.emit_args(event, args, to if to is not None else room, skip_sid, namespace,
                       callback, except_, volatile, local, timeout)

    def emit_args(self, event: Any, args: tuple[Any, ...], to: Any, skip_sid: Any,
                  namespace: str | None, callback: Callable[..., Any] | None = None,
                  except_: Any = None, volatile: bool = False, local: bool = False,
                  timeout: float | None = None) -> None:
        """Send an event with its arguments as a tuple.

        A callback gets the values of the answer, once for each client that answers. If it has
        a keyword-only parameter ``error``, it is called with that alone for each that will not:
        a NotConnectedError, or a TimeoutError after ``timeout`` seconds. If it has none,
        ``timeout`` makes it be called once: for a socket id as ``callback(error, *values)``,
        for more clients as ``callback(error, replies)``, with None where there is no error.
        When ``to`` is one name and nobody is there, callbacks of both kinds are told so by a
        NotConnectedError.

        :raises ValueError: a reserved event name.
        :raises TypeError: an event that is no text, or arguments that cannot be sent.
        """
        namespace = as_namespace(namespace)
        rooms = None if to is None else as_rooms(to)
        left_out = () if except_ is None else as_rooms(except_, 'except_')
        if skip_sid is not None:
            left_out += as_rooms(skip_sid, 'skip_sid')
        if timeout is not None:
            as_timeout(timeout)
        if callback is not None:
            as_callback(callback)
            self._ask(event, args, rooms, left_out, namespace, callback, local, timeout)
            return
        self.emit_to(rooms, left_out, namespace, event, args, volatile, local)

    def emit_to(self, rooms: tuple[Any, ...] | None, except_: tuple[Any, ...], namespace: str,
                event: Any, args: tuple[Any, ...], volatile: bool, local: bool) -> None:
        """Send an event that nobody answers; the arguments are checked but for the event's.

        :raises ValueError: see :meth:`emit_args`; likewise TypeError.
        """
        # Encoded here: the caller may change the data as soon as this returns.
        parcel = Parcel(self.packets(namespace, event, args))
        runtime = self.runtime
        if runtime is None or runtime.here():
            self._broadcast(namespace, parcel, rooms, except_, volatile, local)
        else:
            runtime.post(self._broadcast, namespace, parcel, rooms, except_, volatile, local)

    def _broadcast(self, namespace: str, parcel: Parcel, rooms: tuple[Any, ...] | None,
                   except_: tuple[Any, ...], volatile: bool, local: bool) -> None:
        space = self.namespaces.get(namespace) or self._find(namespace)
        if space is not None:
            space.adapter.broadcast(parcel, rooms, except_, volatile, local)

    def _find(self, name: str) -> CoreNamespace | None:
        """The namespace of that name, if there is one or there may be without a client."""
        space = self.namespaces.get(name)
        if space is None and self.registry.static(name):
            space = self.namespace(name)
        return space

    @in_loop
    def _ask(self, event: Any, args: tuple[Any, ...], rooms: tuple[Any, ...] | None,
             left_out: tuple[Any, ...], namespace: str, callback: Callable[..., Any],
             local: bool, timeout: float | None) -> None:
        """Send an event whose answers a callback gets."""
        space = self._find(namespace)
        if space is None or self.runtime is None:
            self.packets(namespace, event, args)  # for the errors
            return
        told = takes_error(callback)
        one = rooms[0] if rooms is not None and len(rooms) == 1 and not left_out else None
        if one is not None and not space.rooms.find(one):
            space.packets(event, args)
            error = NotConnectedError(f'nobody is in {one!r}')
            if told:
                self.in_background(partial(callback, error=error))()
            elif timeout is not None:
                self.in_background(callback)(error, Replies())
        elif told or timeout is None or one in space.rooms.sockets:
            sockets = space.rooms.select(rooms, left_out)
            space.ask(event, args, sockets, timeout, self._each(callback, told, timeout))
        else:
            Operator(space, rooms, left_out, False, local, timeout).emit(event, *args,
                                                                         callback=callback)

    def _each(self, callback: Callable[..., Any], told: bool, timeout: float | None) -> Any:
        """``done`` for one client's answer, in the way the callback wants to hear of errors."""
        start = self.in_background(callback)
        fail = self.in_background(lambda error: callback(error=error)) if told else None

        def done(error: BaseException | None, values: list[Any]) -> None:
            if fail is not None:
                if error is None:
                    start(*values)
                else:
                    fail(error)
            elif timeout is not None:
                start(error, *values)
            elif error is None:
                start(*values)

        return done

    def send(self, data: Any, to: Any = None, room: Any = None, skip_sid: Any = None,
             namespace: str | None = None, callback: Callable[..., Any] | None = None,
             ignore_queue: bool = False, **options: Any) -> None:
        """Send a ``message`` event; see :meth:`emit`."""
        self.emit('message', data, to, room, skip_sid, namespace, callback, **options)

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
        as_sid(target, 'to' if to is not None else 'sid')
        namespace = as_namespace(namespace)
        space = self.namespaces.get(namespace)
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        if space is None:
            self.packets(namespace, event, args)  # for the errors
            raise NotConnectedError(f'no client with the id {target!r} in {namespace}')
        return call(space, event, args, target, as_timeout(timeout))

    # -- sockets and rooms ----------------------------------------------------------------------

    def _look(self, sid: str, namespace: str | None) -> Any:
        """A socket, or None."""
        as_sid(sid)
        space = self.namespaces.get(as_namespace(namespace))
        return None if space is None else space.rooms.sockets.get(sid)

    def _socket(self, sid: str, namespace: str | None) -> Any:
        socket = self._look(sid, namespace)
        if socket is None:
            raise NotConnectedError(f'no client with the id {sid!r} in {namespace or "/"}')
        return socket

    @in_loop
    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a socket into a room.

        :raises NotConnectedError: there is no such socket.
        :raises ValueError: the room is another socket's own.
        """
        socket = self._socket(sid, namespace)
        socket.namespace.rooms.join(socket, as_room(room))

    @in_loop
    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a socket out of a room; nothing happens if it is not there."""
        as_room(room)
        socket = self._look(sid, namespace)
        if socket is not None:
            socket.namespace.rooms.leave(socket, room)

    @in_loop
    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take everybody out of a room."""
        as_room(room)
        space = self.namespaces.get(as_namespace(namespace))
        if space is not None:
            space.adapter.close_room(room)

    @in_loop
    def rooms(self, sid: str, namespace: str | None = None) -> list[Any]:
        """The rooms of a socket, its own among them; none if it is not there."""
        socket = self._look(sid, namespace)
        return [] if socket is None else list(socket.namespace.rooms.rooms_of(socket))

    def room_members(self, room: Any, namespace: str | None = None) -> list[str]:
        """The ids of the sockets in a room, as far as their connect handlers accepted them.

        :param room: a room, or a list of rooms, whose members are counted once.
        """
        return [socket.sid for socket in self.of(namespace).to(room).fetch_sockets()]

    def data(self, sid: str, namespace: str | None = None) -> dict[Any, Any]:
        """The dict that belongs to a socket; lives as long as the socket."""
        data: dict[Any, Any] = self._socket(sid, namespace).data
        return data

    get_session = data

    def save_session(self, sid: str, session: dict[Any, Any], namespace: str | None = None
                     ) -> None:
        """Replace the content of the dict that belongs to a socket."""
        if not isinstance(session, Mapping):
            raise TypeError(f'session must be a dict, not {session!r}')
        data = self.data(sid, namespace)
        if session is not data:
            session = dict(session)
            data.clear()
            data.update(session)

    @contextmanager
    def session(self, sid: str, namespace: str | None = None) -> Iterator[dict[Any, Any]]:
        """The dict that belongs to a socket, for a ``with`` block."""
        yield self.data(sid, namespace)

    def get_environ(self, sid: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The WSGI environ of the request a client came with; None if it is not there."""
        socket = self._look(sid, namespace)
        return None if socket is None else socket.client.session.handshake.environ()

    def transport(self, sid: str, namespace: str | None = None) -> str:
        """``'polling'`` or ``'websocket'``."""
        name: str = self._socket(sid, namespace).client.session.transport.name
        return name

    @in_loop
    def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False,
                   close: bool = False) -> None:
        """Take a client out of a namespace; nothing happens if it is not there.

        :param close: close its connection too.
        """
        socket = self._look(sid, namespace)
        if socket is not None:
            socket.namespace.disconnect(socket, close)

    @in_loop
    def stats(self) -> dict[str, int]:
        """Live counts: sessions, sockets, rooms, and handlers that are running."""
        spaces = list(self.namespaces.values())
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

    @in_loop
    def shutdown(self) -> None:
        """End every session; further handshakes are refused."""
        self.engine.stopping = True
        self.engine.close_all(SHUTTING_DOWN)

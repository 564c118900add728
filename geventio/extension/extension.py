"""SocketIO, the object a Flask application uses; spelled as in Flask-SocketIO."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from ..core.event import Event
from ..core.operator import Operator
from ..core.registry import Route, takes
from ..errors import ConfigError
from ..serving.running import run, stop
from ..serving.server import Server
from .context import FlaskEvent, PushEvent, current_event, request_class
from .periodic import Push
from .verbs import flat
from .views import Namespace

log = logging.getLogger('geventio')

_OWN_OPTIONS = ('manage_session', 'message_queue', 'channel', 'resource', 'client_manager',
                'logger', 'engineio_logger', 'json', 'always_connect', 'async_mode',
                'monitor_clients')


class FlaskServer(Server):
    """The Socket.IO server under a SocketIO object: its events are Flask contexts."""

    event_class = FlaskEvent

    def __init__(self, extension: SocketIO, app: Any, options: dict[str, Any]) -> None:
        self.extension = extension
        default = getattr(getattr(extension.app, 'json', None), 'default', None)
        super().__init__(app, json_default=default, **options)

    def adapt(self, route: Route, nsp: str, name: Any, args: list[Any]) -> Any:
        """Handlers of every event get its name first; the namespace is in ``request``."""
        return route.fn, [name, *args] if route.any_event else args

    def connect_event(self, socket: Any, route: Route, auth: Any) -> Event:
        args = (auth,) if takes(route.fn, 1) else ()
        return _ConnectEvent(socket, route.fn, 'connect', args, None)

    def disconnect_event(self, socket: Any, route: Route, reason: str) -> Event:
        args = (_REASONS.get(reason, reason),) if takes(route.fn, 1) else ()
        return FlaskEvent(socket, route.fn, 'disconnect', args, None)

    def in_background(self, callback: Callable[..., Any]) -> Any:
        """A callback gets the context of the event it was given in, as far as there is one."""
        try:
            current = current_event()
        except RuntimeError:
            return super().in_background(callback)
        socket = current.socket

        def done(*args: Any) -> None:
            event: FlaskEvent
            if socket is None:
                event = PushEvent(self.extension, callback, current.nsp, current.default_target)
                event.args = args
            else:
                event = FlaskEvent(socket, callback, None, args, None)
            self.runtime.start(event)

        return done


# What handlers are told, in the words of Flask-SocketIO where it has any.
_REASONS = {
    'client namespace disconnect': 'client disconnect',
    'server namespace disconnect': 'server disconnect',
    'forced server close': 'server disconnect',
}


class _ConnectEvent(FlaskEvent):
    """A connect handler may also refuse with ``abort(401)`` or by returning a Response."""

    __slots__ = ()

    def call(self) -> Any:
        try:
            result = super().call()
        except HTTPException as error:
            result = error.get_response()
            if isinstance(result, Response) or hasattr(result, 'status_code'):
                log.info('connect handler refused with %s', error)
                return False
        if isinstance(result, Response):
            return False
        return result


class SocketIO:
    """Socket.IO for a Flask application.

    :param app: the application; or use :meth:`init_app` later.
    :param options: those of :class:`~geventio.config.Config`, and ``manage_session`` (True: a
        client has a session of its own, made from the cookie it came with; False: Flask's
        session is opened and saved for each event), ``resource`` (another name for ``path``),
        ``logger`` and ``engineio_logger`` (True logs to stderr, or a logger).
    :raises ConfigError: an unknown option, naming the nearest, or a wrong value.
    """

    class reason:  # noqa: N801 - the name users know
        """Why a client left, as ``disconnect`` handlers are told."""

        CLIENT_DISCONNECT = 'client disconnect'
        SERVER_DISCONNECT = 'server disconnect'
        PING_TIMEOUT = 'ping timeout'
        TRANSPORT_CLOSE = 'transport close'
        TRANSPORT_ERROR = 'transport error'

    def __init__(self, app: Flask | None = None, **options: Any) -> None:
        self.app: Any = None
        self.server: FlaskServer = None  # type: ignore[assignment]
        self.server_options: dict[str, Any] = dict(options)
        self.manage_session = True
        self.wsgi_server: Any = None
        self.async_mode = 'gevent'
        self.request_class: Any = None
        self.exception_handlers: dict[str, Callable[..., Any]] = {}
        self.default_exception_handler: Callable[..., Any] | None = None
        self._waiting: list[Callable[[FlaskServer], Any]] = []
        self._pushes: list[Push] = []
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, **options: Any) -> None:
        """Tie the extension to an application; handlers may have been registered before.

        :raises ConfigError: see the class.
        """
        options = {**self.server_options, **options}
        self.server_options = dict(options)
        self.app = app
        self.manage_session = bool(options.pop('manage_session', True))
        _check_foreign(options)
        self.request_class = request_class(app)
        self.server = server = FlaskServer(self, app.wsgi_app, _engine_options(options))
        if not hasattr(app, 'extensions'):
            app.extensions = {}
        app.extensions['socketio'] = self
        app.wsgi_app = server  # type: ignore[method-assign]
        waiting, self._waiting = self._waiting, []
        for register in waiting:
            register(server)
        server.gateway.on_bind.append(self._start_pushes)

    def _register(self, action: Callable[[FlaskServer], Any]) -> None:
        """Do something with the server, now or as soon as there is one."""
        if self.server is None:
            self._waiting.append(action)
        else:
            action(self.server)

    # -- handlers -------------------------------------------------------------------------------

    def on(self, message: str, namespace: Any = None) -> Callable[..., Any]:
        """Decorator: the handler of an event. Returns the function unchanged.

        :param message: event name; ``'*'`` takes every event that has no handler of its own and
            gets its name first.
        :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default.
        """
        def decorator(handler: Callable[..., Any]) -> Callable[..., Any]:
            self._register(lambda server: server.on(message, handler, namespace))
            return handler

        return decorator

    def event(self, *args: Any, **options: Any) -> Any:
        """Decorator: the function's name is the event. ``@socketio.event`` or with
        ``namespace=``."""
        if len(args) == 1 and not options and callable(args[0]):
            return self.on(args[0].__name__)(args[0])
        return lambda handler: self.on(handler.__name__, *args, **options)(handler)

    def on_event(self, message: str, handler: Callable[..., Any], namespace: Any = None) -> None:
        """Register the handler of an event."""
        self.on(message, namespace)(handler)

    def on_namespace(self, namespace_handler: Namespace) -> None:
        """Register a class namespace.

        :raises ValueError: it is not a Namespace object.
        """
        if not isinstance(namespace_handler, Namespace):
            raise ValueError('on_namespace() takes an object of a subclass of geventio.Namespace, '
                             f'not {namespace_handler!r}')
        namespace_handler.socketio = self
        self._register(lambda server: server.register_namespace(namespace_handler))

    def on_error(self, namespace: str | None = None) -> Callable[..., Any]:
        """Decorator: what handles exceptions of a namespace's handlers, as ``handler(error)``."""
        def decorator(handler: Callable[..., Any]) -> Callable[..., Any]:
            if not callable(handler):
                raise ValueError('exception_handler must be callable')
            self.exception_handlers[namespace or '/'] = handler
            return handler

        return decorator

    def on_error_default(self, exception_handler: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: what handles exceptions that no ``on_error`` handler takes."""
        if not callable(exception_handler):
            raise ValueError('exception_handler must be callable')
        self.default_exception_handler = exception_handler
        return exception_handler

    def error_handler(self, namespace: str) -> Callable[..., Any] | None:
        """The handler for exceptions of a namespace, or None."""
        return self.exception_handlers.get(namespace, self.default_exception_handler)

    @property
    def handlers(self) -> Any:
        """Namespace -> event -> handler."""
        return self.server.registry.handlers if self.server is not None else {}

    @property
    def namespace_handlers(self) -> Any:
        """Namespace -> class namespace."""
        return self.server.registry.namespace_handlers if self.server is not None else {}

    # -- the way out ----------------------------------------------------------------------------

    def emit(self, event: Any, *args: Any, namespace: str = '/', to: Any = None, room: Any = None,
             include_self: bool = True, skip_sid: Any = None,
             callback: Callable[..., Any] | None = None, ignore_queue: bool = False,
             broadcast: bool = True, except_: Any = None, volatile: bool = False,
             local: bool = False, timeout: float | None = None) -> None:
        """Send an event, from anywhere on the server's thread; to everybody by default.

        :param to: a room, a socket id or a list of them. ``room`` is the same.
        :param include_self: False leaves out the client whose event is being handled.
        :param skip_sid: a socket id or a list to leave out.
        :param callback: called with the answer; see ``Server.emit_args``.
        :param broadcast: accepted and not needed.
        :param except_: rooms whose members are left out.
        :param volatile: drop it for clients that could not be written to at once.
        :param local: only clients of this server.
        :param timeout: seconds an answer may take.
        """
        if not include_self and skip_sid is None:
            skip_sid = current_event().socket.sid
        self.server.emit_args(event, flat(args), to if to is not None else room, skip_sid,
                              namespace, callback, except_, volatile, local, timeout)

    def send(self, data: Any, json: bool = False, namespace: str | None = None, to: Any = None,
             callback: Callable[..., Any] | None = None, include_self: bool = True,
             skip_sid: Any = None, **options: Any) -> None:
        """Send a ``message`` event (``json`` with ``json=True``)."""
        self.emit('json' if json else 'message', data, namespace=namespace or '/', to=to,
                  callback=callback, include_self=include_self, skip_sid=skip_sid, **options)

    def call(self, event: Any, *args: Any, namespace: str = '/', to: str | None = None,
             room: str | None = None, timeout: float | None = 60, ignore_queue: bool = False
             ) -> Any:
        """Send an event to one client and wait for its answer; see ``Server.call``."""
        return self.server.call(event, flat(args), to=to if to is not None else room,
                                namespace=namespace, timeout=timeout)

    def of(self, namespace: str | None = None) -> Operator:
        """Everybody in a namespace, to choose from: ``of('/chat').to(room).emit(...)``."""
        return self.server.of(namespace)

    def to(self, rooms: Any) -> Operator:
        """A room of ``/``, a socket id or a list of them: ``to(room).except_(other).emit(...)``."""
        return self.server.to(rooms)

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take everybody out of a room."""
        self.server.close_room(room, namespace)

    # -- periodic pushes ------------------------------------------------------------------------

    def every(self, interval: float, to: Any = None, room: Any = None,
              namespace: str | None = None) -> Callable[[Callable[[], Any]], Push]:
        """Decorator: call a function every ``interval`` seconds while somebody listens.

        ``emit`` in it reaches everybody in the namespace, or with ``to`` the members of a room.
        Used inside a handler, without ``to``, the push belongs to that client: ``emit`` reaches
        it alone, and the push ends with it.

        :returns: the :class:`~geventio.extension.periodic.Push`; ``stop()`` ends it.
        :raises ValueError: an interval that is not above 0.
        """
        if not interval > 0:
            raise ValueError(f'every() takes a number of seconds above 0, not {interval!r}')
        target = to if to is not None else room
        try:
            current: FlaskEvent | None = current_event()
        except RuntimeError:
            current = None
        owner = current.socket if current is not None and target is None else None

        def decorator(function: Callable[[], Any]) -> Push:
            name = namespace or (current.nsp if current is not None else '/')
            push = Push(self, interval, function, name, target, owner)
            if owner is None:
                self._pushes.append(push)
            if self.server is not None and self.server.runtime is not None:
                push.start()
            return push

        return decorator

    def _start_pushes(self) -> None:
        """The server has a loop: start what waited for one."""
        for push in self._pushes:
            push.start()

    # -- serving --------------------------------------------------------------------------------

    def run(self, app: Flask, host: str | None = None, port: int | None = None,
            **options: Any) -> None:
        """Serve the application on gevent until :meth:`stop`, SIGINT or SIGTERM.

        :param host: address to listen on, ``127.0.0.1`` by default.
        :param port: by default that of ``SERVER_NAME``, or 5000.
        :param options: ``debug``, ``log_output`` (default: as debug), and those of gevent's
            WSGIServer (``keyfile``, ``certfile``, ``ssl_context``, ...).
        :raises OSError: the address is in use.
        """
        if self.server is None or self.app is not app:
            self.init_app(app)
        if port is None:
            name = app.config.get('SERVER_NAME') or ''
            port = int(name.rsplit(':', 1)[1]) if ':' in name else 5000
        debug = options.pop('debug', None)
        if debug is not None:
            app.debug = bool(debug)
        options.setdefault('log_output', app.debug)
        self._stopped: Any = None
        run(self, app, host or '127.0.0.1', port, **options)
        for push in self._pushes:
            push.pause()

    @property
    def engine(self) -> Any:
        """The engine under the server."""
        return self.server.engine

    def stop(self) -> None:
        """End every client's session and the server; ``run`` returns. From any thread.

        :raises RuntimeError: it is not running.
        """
        stop(self)

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function in a greenlet of its own; returns an object with ``join()``."""
        return gevent.spawn(target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Pause the calling greenlet and let others run."""
        gevent.sleep(seconds)


def _engine_options(options: dict[str, Any]) -> dict[str, Any]:
    options = dict(options)
    resource = options.pop('resource', None)
    if resource is not None:
        options.setdefault('path', resource)
    for name in _OWN_OPTIONS:
        options.pop(name, None)
    return options


def _check_foreign(options: dict[str, Any]) -> None:
    """Judge the options of Flask-SocketIO that have no meaning or another one here."""
    mode = options.get('async_mode')
    if mode not in (None, 'gevent'):
        raise ConfigError(f"async_mode is {mode!r}, but geventio always runs on gevent: leave the "
                          "option out, or write 'gevent'")
    for name in ('message_queue', 'client_manager'):
        if options.get(name) is not None:
            raise ConfigError(f'{name} is not supported: geventio serves from one process')
    if options.get('always_connect'):
        raise ConfigError('always_connect is not supported: nothing is delivered to a client '
                          'before its connect handler has accepted it')
    if options.get('monitor_clients') is False:
        raise ConfigError('monitor_clients=False is not supported: heartbeats are part of the '
                          'protocol')
    if options.get('json') is not None:
        raise ConfigError("json is not supported: the application's JSON provider (app.json) "
                          'decides how values are written')
    for name in ('logger', 'engineio_logger'):
        _set_logger(options.get(name))


def _set_logger(wanted: Any) -> None:
    if isinstance(wanted, logging.Logger):
        log.parent = wanted
        log.setLevel(wanted.level)
    elif wanted:
        log.setLevel(logging.INFO)
        if not log.hasHandlers():
            log.addHandler(logging.StreamHandler())



"""SocketIO, the object a Flask application uses; spelled as in Flask-SocketIO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from flask import Flask
from werkzeug._reloader import run_with_reloader
from werkzeug.debug import DebuggedApplication

from ..core.operator import Operator, as_rooms
from ..core.registry import Registry
from ..serving.running import run, stop
from .context import current_event
from .options import server_options
from .periodic import Push
from .server import FlaskServer
from .verbs import flat
from .views import Namespace


class SocketIO:
    """Socket.IO for a Flask application.

    :param app: the application; or use :meth:`init_app` later.
    :param options: those of :class:`~geventio.config.Config`, and ``manage_session`` (True: a
        client has a session of its own, made from the cookie it came with; False: Flask's
        session is opened and saved for each event), ``resource`` (another name for ``path``),
        ``logger`` and ``engineio_logger`` (True logs to stderr, or a logger).
    :ivar app: the application; None before ``init_app``.
    :ivar server: the Socket.IO server under it; None before ``init_app``.
    :ivar server_options: the options as given.
    :ivar wsgi_server: gevent's WSGI server while ``run`` serves.
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
        self.exception_handlers: dict[str, Callable[..., Any]] = {}
        self.default_exception_handler: Callable[..., Any] | None = None
        self._stopped: Any = None
        self._registrations: list[Callable[[Registry], None]] = []
        self._pushes: list[Push] = []
        if app is not None:
            self.init_app(app)
        elif options:
            server_options(options)  # a mistake is an error on the line that contains it

    def init_app(self, app: Flask, **options: Any) -> None:
        """Tie the extension to an application; handlers may have been registered before.

        An application made anew (by a factory, for each test) may be tied to the same object:
        it gets the same handlers, and from then on the object stands for it.

        :raises ConfigError: see the class.
        """
        self.server_options.update(options)
        ours = server_options(self.server_options)
        self.app = app
        self.manage_session = bool(self.server_options.get('manage_session', True))
        self.server = server = FlaskServer(self, app, self.manage_session, ours)
        if not hasattr(app, 'extensions'):
            app.extensions = {}
        app.extensions['socketio'] = self
        app.wsgi_app = server  # type: ignore[method-assign]
        for register in self._registrations:
            register(server.registry)
        server.engine.on_bind.append(lambda runtime: self._start_pushes(server))

    def _register(self, registration: Callable[[Registry], None]) -> None:
        """Register with the server there is, and with each there will be."""
        if self.server is not None:
            registration(self.server.registry)
        self._registrations.append(registration)

    def _ready(self) -> FlaskServer:
        if self.server is None:
            raise RuntimeError('this SocketIO object has no application yet: call init_app first')
        return self.server

    # -- handlers -------------------------------------------------------------------------------

    def on(self, message: str, namespace: Any = None) -> Callable[..., Any]:
        """Decorator: the handler of an event. Returns the function unchanged.

        :param message: event name; ``'*'`` takes every event that has no handler of its own and
            gets its name first.
        :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default.
        """
        def decorator(handler: Callable[..., Any]) -> Callable[..., Any]:
            self._register(lambda registry: registry.add(message, handler, namespace or '/'))
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
        self._register(lambda registry: registry.add_namespace(namespace_handler))

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

    def error_handler(self, namespace: str, handler: Callable[..., Any]
                      ) -> Callable[..., Any] | None:
        """What takes the exceptions of an event handler in a namespace, or None."""
        found = self.exception_handlers.get(namespace, self.default_exception_handler)
        if found is None:
            owner = getattr(handler, '__self__', None)
            if isinstance(owner, Namespace):
                found = getattr(owner, 'error', None)
        return found

    @property
    def handlers(self) -> dict[Any, dict[str, Callable[..., Any]]]:
        """Namespace -> event -> handler, ``'*'`` among the events."""
        registry = self._all_registered()
        found = {namespace: dict(events) for namespace, events in registry.handlers.items()}
        for namespace, handler in registry.catch_all.items():
            found.setdefault(namespace, {})['*'] = handler
        return found

    @property
    def namespace_handlers(self) -> dict[Any, Namespace]:
        """Namespace -> class namespace."""
        return self._all_registered().namespace_handlers

    def _all_registered(self) -> Registry:
        registry = Registry(())
        for register in self._registrations:
            register(registry)
        return registry

    @property
    def sockio_mw(self) -> FlaskServer:
        """The WSGI middleware around the application, which is the server itself."""
        return self.server

    # -- the way out ----------------------------------------------------------------------------

    def emit(self, event: Any, *args: Any, namespace: str | None = '/', to: Any = None,
             room: Any = None, include_self: bool = True, skip_sid: Any = None,
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
        if not include_self:
            skip_sid = (*as_rooms(skip_sid), current_event().sid)
        self._ready().emit_args(event, flat(args), to if to is not None else room, skip_sid,
                                namespace or '/', callback, except_, volatile, local, timeout)

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
        return self._ready().call(event, flat(args), to=to if to is not None else room,
                                  namespace=namespace, timeout=timeout)

    def of(self, namespace: str | None = None) -> Operator:
        """Everybody in a namespace, to choose from: ``of('/chat').to(room).emit(...)``."""
        return self._ready().of(namespace)

    def to(self, rooms: Any) -> Operator:
        """A room of ``/``, a socket id or a list of them: ``to(room).except_(other).emit(...)``."""
        return self._ready().to(rooms)

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take everybody out of a room."""
        self._ready().close_room(room, namespace)

    # -- periodic pushes ------------------------------------------------------------------------

    def every(self, interval: float, to: Any = None, room: Any = None,
              namespace: str | None = None) -> Callable[[Callable[[], Any]], Push]:
        """Decorator: call a function every ``interval`` seconds while somebody listens.

        ``emit`` in it reaches everybody in the namespace, or with ``to`` the members of a room.
        Used inside a handler the push belongs to that client and ends with it; without ``to``,
        ``emit`` reaches it alone.

        :param interval: seconds, fractions allowed.
        :param to: a room, a socket id or a list of them. ``room`` is the same.
        :param namespace: by default ``'/'``, or the one of the event handled.
        :returns: the :class:`~geventio.extension.periodic.Push`; ``stop()`` ends it.
        :raises ValueError: an interval that is not above 0.
        """
        if not interval > 0:
            raise ValueError(f'every() takes a number of seconds above 0, not {interval!r}')
        target = to if to is not None else room

        def decorator(function: Callable[[], Any]) -> Push:
            try:
                current = current_event()
            except RuntimeError:
                push = Push(interval, function, namespace or '/', target)
            else:
                push = Push(interval, function, namespace or current.nsp, target, current.socket)
                if current.socket is not None:
                    push.start(current.server)
                    return push
            self._pushes.append(push)
            if self.server is not None and self.server.runtime is not None:
                push.start(self.server)
            return push

        return decorator

    def _start_pushes(self, server: FlaskServer) -> None:
        """The server has a loop: start what waited for one."""
        for push in self._pushes:
            push.start(server)

    # -- serving --------------------------------------------------------------------------------

    def run(self, app: Flask, host: str | None = None, port: int | None = None,
            **options: Any) -> None:
        """Serve the application on gevent until :meth:`stop`, SIGINT or SIGTERM.

        :param host: address to listen on, ``127.0.0.1`` by default.
        :param port: by default that of ``SERVER_NAME``, or 5000.
        :param options: ``debug`` (default: as the application has it) with ``log_output`` and
            ``use_reloader`` (default: as debug), ``extra_files`` and ``reloader_options`` for
            the reloader, and those of gevent's WSGIServer (``keyfile``, ``certfile``,
            ``ssl_context``, ...). ``allow_unsafe_werkzeug`` is accepted and not needed.
        :raises OSError: the address is in use.
        """
        if self.server is None or self.app is not app:
            self.init_app(app)
        if port is None:
            name = app.config.get('SERVER_NAME') or ''
            port = int(name.rsplit(':', 1)[1]) if ':' in name else 5000
        app.debug = debug = bool(options.pop('debug', app.debug))
        options.setdefault('log_output', debug)
        options.pop('allow_unsafe_werkzeug', None)
        reload = options.pop('use_reloader', debug)
        reloader = dict(options.pop('reloader_options', None) or {})
        extra_files = options.pop('extra_files', None)
        if extra_files:
            reloader['extra_files'] = extra_files
        server = self.server
        if debug and not isinstance(server.app, DebuggedApplication):
            server.app = DebuggedApplication(server.app, evalex=True)

        def serve() -> None:
            if server.runtime is not None:
                self._start_pushes(server)
            try:
                run(self, app, host or '127.0.0.1', port, **options)
            finally:
                for push in self._pushes:
                    push.pause()

        if reload:
            run_with_reloader(serve, **reloader)
        else:
            serve()

    @property
    def engine(self) -> Any:
        """The engine under the server."""
        return self._ready().engine

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

"""SocketIO, the object a Flask application uses; spelled as in Flask-SocketIO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, has_request_context, request

from ..core.checks import as_rooms
from ..core.operator import Operator
from ..core.registry import Registry
from ..serving import assets
from ..serving.running import stop
from . import tasks
from .blueprint import EventBlueprint, warn_of_forgotten
from .context import current_event
from .hooks import Hooks, applies
from .options import server_options, with_config
from .periodic import Push
from .registrar import Registrar
from .running import serve
from .server import FlaskServer
from .testing.client import SocketIOTestClient
from .verbs import flat
from .views import Namespace


class SocketIO(Registrar):
    """Socket.IO for a Flask application.

    Its methods may be called from any greenlet and any thread.

    :param app: the application; or use :meth:`init_app` later.
    :param options: those of :class:`~geventio.config.Config`, and ``manage_session`` (True: a
        client has a session of its own, made from the cookie it came with; False: Flask's
        session is opened and saved for each event), ``resource`` (another name for ``path``),
        ``logger`` and ``engineio_logger`` (True logs to stderr, or a logger), ``json`` (an object
        with ``dumps`` and ``loads``). Each may also stand in the application's configuration, in
        capitals behind ``SOCKETIO_``: ``SOCKETIO_PING_INTERVAL``; what is given here counts more.
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
        self.exception_handlers: dict[Any, Callable[..., Any]] = {}
        self.default_exception_handler: Callable[..., Any] | None = None
        self._stopped: Any = None
        self._registrations: list[Callable[[Registry], None]] = []
        self.hooks = Hooks()
        self._pushes: list[Push] = []
        self._starters: list[Callable[[], Any]] = []
        if app is not None:
            self.init_app(app)
        elif options:
            server_options(options)  # a mistake is an error on the line that contains it

    def init_app(self, app: Flask | None, **options: Any) -> None:
        """Tie the extension to an application; handlers may have been registered before.

        An application made anew (by a factory, for each test) may be tied to the same object:
        it gets the same handlers, and from then on the object stands for it.

        :param app: None makes an object that can emit, to nobody: no client can come.
        :raises ConfigError: see the class.
        """
        if app is not None and not isinstance(app, Flask):
            raise TypeError(f'app must be a Flask application, not {app!r}')
        self.server_options.update(options)
        wanted = self.server_options if app is None else with_config(self.server_options,
                                                                     app.config)
        ours = server_options(wanted)
        self.app = app
        self.manage_session = bool(wanted.get('manage_session', True))
        self.server = server = FlaskServer(self, app, self.manage_session, ours)
        if app is not None:
            app.extensions['socketio'] = self
            app.wsgi_app = server  # type: ignore[method-assign]
        for register in self._registrations:
            register(server.registry)
        if self.hooks:
            server.set_hooks(self.hooks)
        server.engine.on_bind.append(lambda runtime: self._start_pushes(server))
        server.engine.on_serve.append(lambda: self._serves(server))

    def _ready(self) -> FlaskServer:
        if self.server is None:
            raise RuntimeError('this SocketIO object has no application yet: call init_app first')
        return self.server

    # -- handlers -------------------------------------------------------------------------------

    def on_error_default(self, exception_handler: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: what handles exceptions that no ``on_error`` handler takes."""
        if not callable(exception_handler):
            raise ValueError(f'exception_handler must be callable, not {exception_handler!r}')
        self.default_exception_handler = exception_handler
        return exception_handler

    def register_blueprint(self, blueprint: EventBlueprint) -> None:
        """Register what an EventBlueprint has, and what is added to it later.

        :raises TypeError: it is no EventBlueprint.
        :raises ValueError: it is registered already.
        """
        if not isinstance(blueprint, EventBlueprint):
            raise TypeError(f'blueprint must be a geventio.EventBlueprint, not {blueprint!r}; '
                            "Flask's own are registered with the application")
        blueprint.register(self)

    def _note(self, action: Callable[[SocketIO], None]) -> None:
        action(self)
        if self.server is not None and self.hooks:
            self.server.set_hooks(self.hooks)

    def _register(self, registration: Callable[[Registry], None]) -> None:
        """Register with the server there is, and with each there will be."""
        if self.server is not None:
            registration(self.server.registry)
        self._registrations.append(registration)

    def _register_class(self, namespace: Namespace) -> None:
        namespace.socketio = self
        self._register(lambda registry: registry.add_namespace(namespace))

    def error_handler(self, namespace: str, handler: Callable[..., Any]
                      ) -> Callable[..., Any] | None:
        """What takes the exceptions of an event handler in a namespace, or None."""
        handlers = self.exception_handlers
        found = handlers.get(namespace)
        if found is None:
            for wanted in handlers:
                if wanted != '*' and applies(wanted, namespace):
                    found = handlers[wanted]
                    break
            else:
                found = handlers.get('*', self.default_exception_handler)
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

    def client_url(self, name: str = 'geventio.min.js') -> str:
        """The path of the browser client on this server, for the ``src`` of a page's script.

        It has the client's version in it: browsers keep the file for a year, and fetch another
        version at once.

        :param name: ``'geventio.min.js'``, ``'geventio.js'`` or ``'geventio.esm.js'``.
        :raises ValueError: there is no such file.
        :raises RuntimeError: before ``init_app``.
        """
        if name not in assets.FILES:
            raise ValueError(f'name: there is no {name!r} of the browser client, only '
                             f'{", ".join(sorted(assets.FILES))}')
        root = request.script_root if has_request_context() else ''
        return f'{root}{self._ready().config.engine_path}{assets.versioned(name)}'

    # -- the way out ----------------------------------------------------------------------------

    def emit(self, event: Any, *args: Any, namespace: str | None = '/', to: Any = None,
             room: Any = None, include_self: bool = True, skip_sid: Any = None,
             callback: Callable[..., Any] | None = None, ignore_queue: bool = False,
             broadcast: bool = True, except_: Any = None, volatile: bool = False,
             local: bool = False, timeout: float | None = None) -> None:
        """Send an event, from any greenlet and any thread; to everybody by default.

        :param to: a room, a socket id or a list of them. ``room`` is the same.
        :param include_self: False leaves out the client whose event is being handled.
        :param skip_sid: a socket id or a list to leave out.
        :param callback: called with the answer; told of a client that leaves or is late when it
            has a keyword-only parameter ``error``; see ``Server.emit_args``.
        :param broadcast: accepted and not needed.
        :param except_: rooms whose members are left out.
        :param volatile: drop it for clients that could not be written to at once.
        :param local: only clients of this server.
        :param timeout: seconds an answer may take.
        """
        if not include_self:
            skip_sid = (*as_rooms(skip_sid, 'skip_sid'), current_event().sid)
        self._ready().emit_args(event, flat(args), to if to is not None else room, skip_sid,
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

    def room_members(self, room: Any, namespace: str | None = None) -> list[str]:
        """The ids of the clients in a room (or in any of a list of rooms)."""
        return self._ready().room_members(room, namespace)

    # -- what runs by itself --------------------------------------------------------------------

    def _push(self, interval: float, function: Callable[[], Any], namespace: str | None,
              target: Any) -> Push:
        try:
            current = current_event()
        except RuntimeError:
            return super()._push(interval, function, namespace, target)
        if target is None and current.socket is not None and namespace not in (None, current.nsp):
            raise ValueError(f'namespace: the client is known in {current.nsp} only, so every() '
                             f'in {namespace} needs to=')
        push = Push(interval, function, self._one_namespace(namespace or current.nsp), target,
                    current.socket)
        if current.socket is not None:
            current.server.act(push.start, current.server)
        else:
            self._register_push(push)
        return push

    def _register_push(self, push: Push) -> None:
        push.home = self._pushes
        self._pushes.append(push)
        if self.server is not None and self.server.runtime is not None:
            self.server.act(push.start, self.server)

    def _start_pushes(self, server: FlaskServer) -> None:
        """The server has a loop: start what waited for one."""
        for push in list(self._pushes):
            push.start(server)

    def _register_start(self, function: Callable[[], Any]) -> None:
        self._starters.append(function)
        if self.server is not None and self.server.engine.serving:
            self.server.start_task(function)

    def _serves(self, server: FlaskServer) -> None:
        """Clients can come: start what waited for that."""
        warn_of_forgotten()
        for function in self._starters:
            server.start_task(function)

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any
                              ) -> tasks.Task:
        """Run a function in a greenlet of its own, on the server's loop, from any thread.

        Returns a greenlet; its ``join()`` waits in any thread.
        """
        return tasks.start(self._runtime, target, *args, **kwargs)

    def start_client_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any
                          ) -> tasks.Task:
        """Inside a handler: run a function in a greenlet that is killed when the client leaves.

        It has the context of the client: ``request``, ``session``, and ``emit`` that reaches it.

        :raises RuntimeError: outside a handler.
        """
        return tasks.start_for_client(current_event(), target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Pause the calling greenlet and let others run; in another thread, pause that thread."""
        tasks.sleep(self._runtime, seconds)

    @property
    def _runtime(self) -> Any:
        return None if self.server is None else self.server.runtime

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
        serve(self, app, host, port, **options)

    @property
    def engine(self) -> Any:
        """The engine under the server."""
        return self._ready().engine

    def stop(self) -> None:
        """End every client's session and the server; ``run`` returns. From any thread.

        :raises RuntimeError: it is not running.
        """
        stop(self)

    def test_client(self, app: Flask, namespace: str | None = None, query_string: Any = None,
                    headers: Any = None, auth: Any = None, flask_test_client: Any = None
                    ) -> SocketIOTestClient:
        """A client for tests, connected without a network.

        :param namespace: the namespace it joins; ``'/'`` by default.
        :param query_string: query string of its request.
        :param headers: header fields of its request.
        :param auth: auth payload for the connect handler.
        :param flask_test_client: the application's test client whose cookies it brings.
        """
        return SocketIOTestClient(app, self, namespace=namespace, query_string=query_string,
                                  headers=headers, auth=auth, flask_test_client=flask_test_client)

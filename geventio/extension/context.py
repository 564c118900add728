"""Flask's contexts for events: one small object is app context and request context at once.

Flask finds its contexts in two context variables. For each event both are set to the event
itself; ``request``, ``session``, ``g`` and the rest are made when a handler first reads them.
The Request is made once for each client and namespace and kept on its socket. Everything that
depends on Flask's internals is in this file; what a session is lives in ``session``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Request
from flask.globals import _cv_app, _cv_request
from flask.signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    request_tearing_down,
)
from werkzeug.datastructures import EnvironHeaders

from ..core.event import Event, log, name_of
from ..errors import ConnectionRefusedError
from .session import (
    ClientSession,
    CookieRequest,
    needs_only_cookie,
    open_session,
    save_session,
)

if TYPE_CHECKING:
    from .extension import SocketIO
    from .hooks import Hooks
    from .server import FlaskServer

# Who listens to Flask's signals; without blinker there are none.
_request_listeners: dict[Any, Any] = getattr(request_tearing_down, 'receivers', {})
_app_listeners: dict[Any, Any] = getattr(appcontext_tearing_down, 'receivers', {})
_push_listeners: dict[Any, Any] = getattr(appcontext_pushed, 'receivers', {})
_pop_listeners: dict[Any, Any] = getattr(appcontext_popped, 'receivers', {})


def request_class(app: Any) -> type[Request]:
    """The application's Request with ``sid``, ``namespace`` and ``event``."""

    class SocketRequest(app.request_class):  # type: ignore[misc,name-defined]
        """The request a client connected with, as its handlers see it."""

        sid: str
        namespace: str

        @property
        def event(self) -> dict[str, Any]:
            """``{'message': name, 'args': tuple}``; the name is None in an ack callback."""
            event = current_event()
            return {'message': event.name, 'args': tuple(event.args)}

    return SocketRequest


class _Headers(EnvironHeaders):
    """The headers of a request; to get its cookies does not mean to look through all of them."""

    def getlist(self, key: str, *options: Any, **named: Any) -> Any:
        if key != 'Cookie' or options or named:
            return super().getlist(key, *options, **named)
        cookie = self.environ.get('HTTP_COOKIE')
        return [] if cookie is None else [cookie]


class FlaskEvent(Event):
    """An event that is the app context and the request context of its handler.

    It has a ``__dict__``, because Flask extensions keep things on contexts. What the call is
    stands in slots, what happens in it stands there.
    """

    __slots__ = ('__dict__', '__weakref__')

    flashes: Any = None
    _after: list[Any] | None = None
    _g: Any = None
    _opened: Any = None  # the session, when it was opened for this event alone
    _over = False  # the handler has ended: what enters the context from now on tears down
    _tokens: list[Any] | None = None

    # -- running --------------------------------------------------------------------------------

    def call(self) -> Any:
        _cv_app.set(self)  # type: ignore[arg-type]
        _cv_request.set(self)  # type: ignore[arg-type]
        server: Any = self.socket.client.server
        app = server.flask_app
        if (app.teardown_appcontext_funcs or app.teardown_request_funcs or _app_listeners
                or _request_listeners or _push_listeners or _pop_listeners):
            return self._call_and_tear_down(server.hooks)
        return self._call(server.hooks)

    def _call(self, hooks: Hooks | None) -> Any:
        try:
            if hooks is None or self.name is None:
                return self.handler(*self.args)
            return hooks.call(self)
        except Exception as error:
            return self.handle(error)
        finally:
            # As after a request, what a handler wrote before it failed is kept.
            if self._opened is not None:
                save_session(self.app, self._opened, self.request, self.handler)

    def _call_and_tear_down(self, hooks: Hooks | None) -> Any:
        unhandled: BaseException | None = None
        try:
            if _push_listeners:
                appcontext_pushed.send(self.app)
            return self._call(hooks)
        except BaseException as error:
            unhandled = error
            raise
        finally:
            self._over = True
            if not self._tokens:
                self.tear_down(unhandled)

    def handle(self, error: Exception) -> Any:
        """Have the application's error handler deal with what the handler raises.

        Returns what it returns; raises again when there is none.
        """
        if not isinstance(error, ConnectionRefusedError):
            handler = self.extension.error_handler(self.nsp, self.handler)
            if handler is not None:
                return handler(error)
        raise error

    def tear_down(self, error: BaseException | None) -> None:
        """Run the application's teardown functions, those of the request first."""
        app = self.app
        try:
            if app.teardown_request_funcs or _request_listeners:
                app.do_teardown_request(error)
        finally:
            self._tear_down_app(error)

    def _tear_down_app(self, error: BaseException | None) -> None:
        app = self.app
        if app.teardown_appcontext_funcs or _app_listeners:
            app.do_teardown_appcontext(error)
        if _pop_listeners:
            appcontext_popped.send(app)

    # -- what the verbs ask ---------------------------------------------------------------------

    @property
    def server(self) -> FlaskServer:
        server: FlaskServer = self.socket.client.server  # type: ignore[assignment]
        return server

    @property
    def extension(self) -> SocketIO:
        return self.server.extension

    @property
    def nsp(self) -> str:
        """The namespace the verbs use when none is named."""
        return self.socket.namespace.name

    @property
    def sid(self) -> str:
        """The client the verbs use when none is named."""
        return self.socket.sid

    @property
    def default_target(self) -> Any:
        """Whom ``emit`` reaches when nobody is named; None is everybody."""
        return self.socket.sid

    @property
    def offered(self) -> Any:
        """The arguments middleware gets; a handler may take fewer."""
        return self.args

    def watched(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """The handler, or middleware with all inside of it, as what is around may call it."""
        return step

    # -- what Flask and its extensions read from a context --------------------------------------

    @property
    def app(self) -> Any:
        return self.server.flask_app

    @property
    def g(self) -> Any:
        g = self._g
        if g is None:
            g = self._g = self.app.app_ctx_globals_class()
        return g

    @property
    def request(self) -> Any:
        socket = self.socket
        request = socket.context
        if request is None:
            server = self.server
            environ = socket.client.session.handshake.environ()
            environ['flask.app'] = server.flask_app
            request = socket.context = server.request_class(environ)
            request.sid = socket.sid
            request.namespace = socket.namespace.name
            request.json_module = server.flask_app.json
            if request.headers.__class__ is EnvironHeaders:
                request.headers = _Headers(environ)
        return request

    @property
    def session(self) -> Any:
        client = self.socket.client
        if client.server.manage_session:  # type: ignore[attr-defined]
            # All namespaces of a client share one session, which its environ holds.
            session = client.session.handshake.shared().get('saved_session')
            return self._open_shared() if session is None else session
        session = self._opened
        if session is None:
            session = self._opened = open_session(self.app, self.request)
        return session

    def _open_shared(self) -> Any:
        app = self.app
        handshake = self.socket.client.session.handshake
        cookie_is_all = needs_only_cookie(app)
        environ = handshake.shared() if cookie_is_all else self.request.environ
        request = CookieRequest(handshake.cookie()) if cookie_is_all else self.request
        # Opening may wait for a store: another event of the client may have come first.
        return environ.setdefault('saved_session', ClientSession(open_session(app, request)))

    _session = session

    @property
    def _after_request_functions(self) -> list[Any]:
        """Nobody calls them: an event has no response."""
        if self._after is None:
            self._after = []
        return self._after

    @property
    def url_adapter(self) -> Any:
        return self.app.create_url_adapter(self.request)

    def copy(self) -> _TakenEvent:
        """The same request and session for code that takes them away with it."""
        return _TakenEvent(self)

    def again(self) -> FlaskEvent:
        """A fresh context for the same call, with the same request and session."""
        again = copy.copy(self)
        again.__dict__.clear()
        again._opened = self.session  # opened at the latest now: threads would each open one
        again._over = True
        return again

    def push(self) -> None:
        """Be the context again (``with app_ctx:``)."""
        if self._tokens is None:
            self._tokens = []
        self._tokens.append(self._enter())

    def pop(self, exc: Any = None) -> None:
        """Undo the last ``push``. The last user of an event that is over tears it down."""
        tokens: Any = self._tokens
        try:
            if self._over and len(tokens) == 1:
                self.tear_down(exc)
        finally:
            self._leave(tokens.pop())

    def _enter(self) -> Any:
        return _cv_app.set(self), _cv_request.set(self)  # type: ignore[arg-type]

    def _leave(self, token: Any) -> None:
        app, request = token
        _cv_request.reset(request)
        _cv_app.reset(app)

    def __enter__(self) -> FlaskEvent:
        self.push()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.pop(error)


class _TakenEvent:
    """What ``copy_current_request_context`` carries somewhere else.

    Each time it is entered a fresh context is made, so that several threads may be in it at once.
    """

    def __init__(self, event: FlaskEvent) -> None:
        self._event = event.again()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._event, name)

    def push(self) -> None:
        event = self._event.again()
        event.push()
        if _push_listeners:
            appcontext_pushed.send(event.app)

    def pop(self, exc: Any = None) -> None:
        current_event().pop(exc)

    def __enter__(self) -> _TakenEvent:
        self.push()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.pop(error)


class PushEvent(FlaskEvent):
    """A call that no client asked for, such as a periodic push: no request and no session.

    :param server: the Socket.IO server of the application.
    :param nsp: namespace of the push.
    :param target: room that ``emit`` reaches, or None for everybody.
    """

    __slots__ = ('_nsp', '_server', '_target')

    def __init__(self, server: FlaskServer, handler: Any, args: Any, nsp: str, target: Any
                 ) -> None:
        super().__init__(None, handler, None, args, None)  # type: ignore[arg-type]
        self._server = server
        self._nsp = nsp
        self._target = target

    def call(self) -> Any:
        _cv_app.set(self)  # type: ignore[arg-type]
        return self._call_and_tear_down(None)

    def tear_down(self, error: BaseException | None) -> None:
        self._tear_down_app(error)

    def failed(self, error: BaseException) -> None:
        log.error('error in %s (namespace %s)', name_of(self.handler), self._nsp, exc_info=error)

    @property
    def server(self) -> FlaskServer:
        return self._server

    @property
    def nsp(self) -> str:
        return self._nsp

    @property
    def sid(self) -> str:
        raise RuntimeError('there is no client at hand here: name one with sid= or to=')

    @property
    def default_target(self) -> Any:
        return self._target

    @property
    def url_adapter(self) -> Any:
        return self.app.create_url_adapter(None)

    def _enter(self) -> Any:
        return _cv_app.set(self)  # type: ignore[arg-type]

    def _leave(self, token: Any) -> None:
        _cv_app.reset(token)


def current_event() -> FlaskEvent:
    """The event whose handler is running.

    :raises RuntimeError: outside a handler.
    """
    event = _cv_request.get(None)
    if isinstance(event, FlaskEvent):
        return event
    app_context = _cv_app.get(None)
    if isinstance(app_context, FlaskEvent):
        return app_context
    raise RuntimeError(
        'this function works only inside a geventio event handler; from a view or a background '
        'task use the methods of the SocketIO object (socketio.emit, ...)')

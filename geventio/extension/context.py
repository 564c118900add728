"""Flask's contexts for events: one small object is app context and request context at once.

Flask finds its contexts in two context variables. For each event both are set to the event
itself; ``request``, ``session``, ``g`` and the rest are made when a handler first reads them.
The Request and the session are made once for each client and namespace and kept on its socket.
Everything that depends on Flask's internals is in this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Request
from flask.globals import _cv_app, _cv_request
from flask.sessions import SessionMixin
from flask.signals import appcontext_tearing_down, request_tearing_down

from ..core.event import Event, log, name_of
from ..errors import ConnectionRefusedError

if TYPE_CHECKING:
    from .extension import SocketIO
    from .server import FlaskServer

# Who listens to Flask's signals; without blinker there are none.
_request_listeners: dict[Any, Any] = getattr(request_tearing_down, 'receivers', {})
_app_listeners: dict[Any, Any] = getattr(appcontext_tearing_down, 'receivers', {})


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


class FlaskEvent(Event):
    """An event that is the app context and the request context of its handler.

    It has a ``__dict__``, because Flask extensions keep things on contexts.
    """

    __slots__ = ('__dict__', '__weakref__', '_after', '_flashes_', '_g', '_opened', '_tokens')

    # -- running --------------------------------------------------------------------------------

    def call(self) -> Any:
        _cv_app.set(self)  # type: ignore[arg-type]
        _cv_request.set(self)  # type: ignore[arg-type]
        app = self.socket.client.server.flask_app  # type: ignore[attr-defined]
        if (app.teardown_appcontext_funcs or app.teardown_request_funcs or _app_listeners
                or _request_listeners):
            return self._call_and_tear_down()
        return self._call()

    def _call(self) -> Any:
        try:
            result = self.handler(*self.args)
        except Exception as error:
            return self.handle(error)
        if hasattr(self, '_opened'):
            self._save_session()
        return result

    def _call_and_tear_down(self) -> Any:
        unhandled: BaseException | None = None
        try:
            return self._call()
        except BaseException as error:
            unhandled = error
            raise
        finally:
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
            if app.teardown_appcontext_funcs or _app_listeners:
                app.do_teardown_appcontext(error)

    def _save_session(self) -> None:
        """Write back a session that was opened for this event alone."""
        app, session = self.app, self._opened
        interface = app.session_interface
        if getattr(session, 'modified', True) and not interface.is_null_session(session):
            interface.save_session(app, session, app.response_class())

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

    # -- what Flask and its extensions read from a context --------------------------------------

    @property
    def app(self) -> Any:
        return self.server.flask_app

    @property
    def g(self) -> Any:
        try:
            return self._g
        except AttributeError:
            self._g = g = self.app.app_ctx_globals_class()
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
        return request

    @property
    def session(self) -> Any:
        if not self.server.manage_session:
            try:
                return self._opened
            except AttributeError:
                self._opened = session = _open_session(self.app, self.request)
                return session
        # All namespaces of a client share one session, which its environ holds.
        environ = self.request.environ
        session = environ.get('saved_session')
        if session is None:
            session = environ['saved_session'] = _Session(_open_session(self.app, self.request))
        return session

    _session = session

    @property
    def flashes(self) -> Any:
        return getattr(self, '_flashes_', None)

    @flashes.setter
    def flashes(self, value: Any) -> None:
        self._flashes_ = value

    _flashes = flashes

    @property
    def _after_request_functions(self) -> list[Any]:
        try:
            return self._after
        except AttributeError:
            self._after: list[Any] = []
            return self._after

    @property
    def url_adapter(self) -> Any:
        return self.app.create_url_adapter(self.request)

    def copy(self) -> FlaskEvent:
        """The same request and session for code that takes them away with it."""
        copy = _TakenEvent(self.socket, self.handler, self.name, self.args, None)
        if hasattr(self, '_opened'):
            copy._opened = self._opened
        return copy

    def push(self) -> None:
        """Be the context again (``with app_ctx:``)."""
        if not hasattr(self, '_tokens'):
            self._tokens: list[Any] = []
        self._tokens.append((_cv_app.set(self), _cv_request.set(self)))  # type: ignore[arg-type]

    def pop(self, exc: Any = None) -> None:
        app, request = self._tokens.pop()
        _cv_request.reset(request)
        _cv_app.reset(app)

    def __enter__(self) -> FlaskEvent:
        self.push()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.pop(error)


class _TakenEvent(FlaskEvent):
    """The copy of an event that ``copy_current_request_context`` carries somewhere else."""

    __slots__ = ()

    def pop(self, exc: Any = None) -> None:
        try:
            if len(self._tokens) == 1:
                self.tear_down(exc)
        finally:
            super().pop()


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
        return self._call_and_tear_down()

    def tear_down(self, error: BaseException | None) -> None:
        self.app.do_teardown_appcontext(error)

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

    def push(self) -> None:
        if not hasattr(self, '_tokens'):
            self._tokens = []
        self._tokens.append(_cv_app.set(self))  # type: ignore[arg-type]

    def pop(self, exc: Any = None) -> None:
        _cv_app.reset(self._tokens.pop())


class _Session(dict[str, Any], SessionMixin):
    """A client's session: a copy of what the cookie held when the client connected.

    It lives as long as the connection and is not written back; HTTP requests do not see it.
    """

    modified = accessed = False


def _open_session(app: Any, request: Any) -> Any:
    interface = app.session_interface
    session = interface.open_session(app, request)
    return interface.make_null_session(app) if session is None else session


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

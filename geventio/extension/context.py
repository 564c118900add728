"""Flask's contexts for events: one small object is app context and request context at once.

Flask finds its contexts in two context variables. For each event both are set to the event
itself; ``request``, ``session``, ``g`` and the rest are made when a handler first reads them.
The Request and the session are made once for each client and namespace and kept on its socket.
Everything that depends on Flask's internals is in this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Request
from flask.ctx import RequestContext
from flask.globals import _cv_app, _cv_request

from ..core.event import Event

if TYPE_CHECKING:
    from .extension import SocketIO


def request_class(app: Any) -> type[Request]:
    """The application's Request with ``sid``, ``namespace`` and ``event``."""

    class SocketRequest(app.request_class):  # type: ignore[misc,name-defined]
        """The request a client connected with, as its handlers see it."""

        sid: str
        namespace: str

        @property
        def event(self) -> dict[str, Any]:
            """``{'message': name, 'args': tuple}``; the name is None in an ack callback."""
            event = _cv_request.get()
            return {'message': event.name, 'args': tuple(event.args)}

    return SocketRequest


class FlaskEvent(Event):
    """An event that is the app context and the request context of its handler."""

    __slots__ = ('_after', '_flashes_', '_g', '_opened', '_tokens')

    # -- running --------------------------------------------------------------------------------

    def call(self) -> Any:
        _cv_app.set(self)  # type: ignore[arg-type]
        _cv_request.set(self)  # type: ignore[arg-type]
        app = self.app
        if not (app.teardown_request_funcs or app.teardown_appcontext_funcs):
            result = self.handler(*self.args)
        else:
            result = self._call_and_tear_down(app)
        if hasattr(self, '_opened'):
            self._save_session(app)
        return result

    def _call_and_tear_down(self, app: Any) -> Any:
        error: BaseException | None = None
        try:
            return self.handler(*self.args)
        except BaseException as raised:
            error = raised
            raise
        finally:
            app.do_teardown_request(error)
            app.do_teardown_appcontext(error)

    def _save_session(self, app: Any) -> None:
        """Write back a session that was opened for this event alone."""
        session = self._opened
        if not app.session_interface.is_null_session(session) and session.modified:
            app.session_interface.save_session(app, session, app.response_class())

    def failed(self, error: Exception) -> tuple[Any] | None:
        handler = self.extension.error_handler(self.socket.namespace.name)
        if handler is None:
            return super().failed(error)
        try:
            return (handler(error),)
        except Exception as raised:
            return super().failed(raised)

    # -- what Flask and its extensions read from a context --------------------------------------

    @property
    def extension(self) -> SocketIO:
        extension: SocketIO = self.socket.client.server.extension
        return extension

    @property
    def nsp(self) -> str:
        """The namespace the verbs use when none is named."""
        return self.socket.namespace.name

    @property
    def default_target(self) -> Any:
        """Whom ``emit`` reaches when nobody is named; None is everybody."""
        return self.socket.sid

    @property
    def app(self) -> Any:
        return self.socket.client.server.extension.app

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
            extension = self.extension
            environ = socket.client.session.handshake.environ()
            environ['flask.app'] = extension.app
            request = socket.context = extension.request_class(environ)
            request.sid = socket.sid
            request.namespace = socket.namespace.name
            request.json_module = extension.app.json
        return request

    @property
    def session(self) -> Any:
        if not self.extension.manage_session:
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

    def copy(self) -> RequestContext:
        """A real request context, for code that takes one away with it."""
        request = self.request
        return RequestContext(self.app, request.environ, request, self.session)

    def push(self) -> None:
        """Be the app context again (``with app_ctx:``)."""
        if not hasattr(self, '_tokens'):
            self._tokens: list[Any] = []
        self._tokens.append(_cv_app.set(self))  # type: ignore[arg-type]

    def pop(self, exc: Any = None) -> None:
        _cv_app.reset(self._tokens.pop())

    def __enter__(self) -> FlaskEvent:
        self.push()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.pop()


class PushEvent(FlaskEvent):
    """A call that no client asked for: a periodic push. It has no request and no session.

    :param extension: the SocketIO object.
    :param nsp: namespace of the push.
    :param target: room that ``emit`` reaches, or None for everybody.
    """

    __slots__ = ('_extension', '_nsp', '_target')

    def __init__(self, extension: SocketIO, handler: Any, nsp: str, target: Any) -> None:
        super().__init__(None, handler, None, (), None)  # type: ignore[arg-type]
        self._extension = extension
        self._nsp = nsp
        self._target = target

    @property
    def extension(self) -> SocketIO:
        return self._extension

    @property
    def nsp(self) -> str:
        return self._nsp

    @property
    def default_target(self) -> Any:
        return self._target

    @property
    def app(self) -> Any:
        return self._extension.app

    @property
    def request(self) -> Any:
        raise RuntimeError('a periodic push for many clients has no request')

    @property
    def session(self) -> Any:
        raise RuntimeError('a periodic push for many clients has no session')

    @property
    def url_adapter(self) -> Any:
        return self.app.create_url_adapter(None)


class _Session(dict[str, Any]):
    """A client's session: a copy of what the cookie held when the client connected.

    It lives as long as the connection and is not written back; HTTP requests do not see it.
    """

    modified = accessed = new = permanent = False


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
    raise RuntimeError(
        'this function works only inside a geventio event handler; from a view or a background '
        'task use the methods of the SocketIO object (socketio.emit, ...)')

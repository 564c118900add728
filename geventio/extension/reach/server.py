"""What applications reach through ``socketio.server``, spelled as in python-socketio.

The names that :class:`~geventio.serving.server.Server` does not have itself. Nothing here keeps
state: ``manager``, ``eio`` and ``environ`` are views, made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...core.checks import as_namespace_key
from ...serving.server import Server
from ..views import Namespace
from .engineio import EngineIO
from .liveview import LiveView
from .manager import Manager
from .raw import RawHandler, RawNamespace

if TYPE_CHECKING:
    from ...core.session import Session
    from ..extension import SocketIO


class Environs(LiveView[str, 'dict[str, Any]']):
    """Transport id -> WSGI environ of the request the client came with.

    :param app: the Flask application, which an environ names as ``flask.app``.
    """

    __slots__ = ('_app', '_sessions')

    def __init__(self, app: Any, sessions: dict[str, Session]) -> None:
        self._app = app
        self._sessions = sessions

    def _environ(self, session: Session) -> dict[str, Any]:
        environ = session.handshake.environ()
        environ.setdefault('flask.app', self._app)
        return environ

    def __getitem__(self, eio_sid: str) -> dict[str, Any]:
        return self._environ(self._sessions[eio_sid])

    def __contains__(self, eio_sid: object) -> bool:
        return eio_sid in self._sessions

    def __len__(self) -> int:
        return len(self._sessions)

    def copy(self) -> dict[str, dict[str, Any]]:
        return {session.sid: self._environ(session) for session in list(self._sessions.values())}


class ReachedServer(Server):
    """A server of a Flask application as code for python-socketio knows it.

    Handlers registered here get the socket id first, as ``Server`` describes; they run in the
    same contexts as those of the SocketIO object and share its events with them: the later
    registration counts.
    """

    extension: SocketIO
    flask_app: Any

    async_mode = 'gevent'

    # -- handlers -------------------------------------------------------------------------------

    def on(self, event: str, handler: Callable[..., Any] | None = None,
           namespace: Any = None) -> Any:
        """Register a handler that gets the socket id first, as a decorator or at once.

        :param event: ``'*'`` takes every event that has no handler of its own.
        :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default. Handlers for
            many namespaces get the name of the namespace before the socket id.
        :raises TypeError: the event is no text, the namespace no name or pattern, or the handler
            cannot be called or is a coroutine function.
        """
        if not isinstance(event, str):
            raise TypeError(f'event must be the name of an event, a str, not {event!r}')
        where = as_namespace_key(namespace)

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.registry.add(event, RawHandler(function, event, where), where)
            return function

        return register if handler is None else register(handler)

    def register_namespace(self, namespace_handler: Any) -> None:
        """Register the handlers of a namespace as one object.

        :param namespace_handler: a geventio.Namespace, or any object with ``namespace`` and
            ``trigger_event(event, sid, *args)``.
        :raises ValueError: neither.
        """
        if isinstance(namespace_handler, Namespace):
            namespace_handler.socketio = self.extension
            self.registry.add_namespace(namespace_handler)
        elif hasattr(namespace_handler, 'namespace') and not isinstance(namespace_handler, type) \
                and callable(getattr(namespace_handler, 'trigger_event', None)):
            self.registry.add_namespace(RawNamespace(namespace_handler, self))
        else:
            raise ValueError('namespace_handler must be an object of a subclass of '
                             f'geventio.Namespace, not {namespace_handler!r}')

    @property
    def handlers(self) -> Mapping[Any, Mapping[str, Callable[..., Any]]]:
        """Namespace -> event -> handler, ``'*'`` among the events; as registered, read-only."""
        registry = self.registry
        found = {name: dict(events) for name, events in registry.handlers.items() if events}
        for name, handler in registry.catch_all.items():
            found.setdefault(name, {})['*'] = handler
        return MappingProxyType({
            name: MappingProxyType({event: getattr(handler, 'function', handler)
                                    for event, handler in events.items()})
            for name, events in found.items()})

    @property
    def namespace_handlers(self) -> Mapping[Any, Any]:
        """Namespace -> the object that handles its events; read-only."""
        return MappingProxyType({
            name: getattr(handler, 'target', handler)
            for name, handler in self.registry.namespace_handlers.items()})

    # -- what is there --------------------------------------------------------------------------

    @property
    def manager(self) -> Manager:
        """Who is in which room."""
        return Manager(self)

    @property
    def eio(self) -> EngineIO:
        """The connections under the sockets."""
        return EngineIO(self)

    @property
    def environ(self) -> Environs:
        """Transport id -> WSGI environ of the request the client came with. Live."""
        return Environs(self.flask_app, self.engine.sessions)

    @property
    def async_handlers(self) -> bool:
        """The option of that name."""
        return self.config.async_handlers

    @property
    def reason(self) -> Any:
        """Why a client left; see ``SocketIO.reason``."""
        return self.extension.reason

    # -- doing ----------------------------------------------------------------------------------

    def handle_request(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Serve a request of a client as WSGI application, whatever its path is."""
        return self({**environ, 'PATH_INFO': self.gateway.path}, start_response)

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function in a greenlet of its own; returns an object with ``join()``."""
        return self.extension.start_background_task(target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Pause the calling greenlet and let others run."""
        self.extension.sleep(seconds)

    def instrument(self, auth: Any = None, mode: str = 'development', read_only: bool = False,
                   server_id: str | None = None, namespace: str = '/admin',
                   server_stats_interval: float = 2) -> None:
        """There is no interface to the Admin UI of Socket.IO.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError(
            "geventio has no interface to Socket.IO's Admin UI: take the call of instrument() "
            'out; socketio.server.stats() has live counts to show instead')

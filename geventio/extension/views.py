"""Class namespaces: one class, one method ``on_<event>`` for each event."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..core.checks import as_namespace_key
from ..core.registry import takes
from .context import current_event

if TYPE_CHECKING:
    from .extension import SocketIO


class Namespace:
    """Handlers of one namespace as methods: ``on_connect``, ``on_disconnect``, ``on_<event>``.

    Events without a method are ignored; a client that asks for an answer gets one without values.
    Register it with ``socketio.on_namespace``. A method
    ``error(exception)``, if there is one, gets what its handlers raise and no ``on_error`` or
    ``on_error_default`` handler takes; what it returns is the answer.

    :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default.
    """

    def __init__(self, namespace: Any = None) -> None:
        self.namespace = as_namespace_key(namespace)
        self.socketio: SocketIO = None  # type: ignore[assignment]

    @property
    def server(self) -> Any:
        """The Socket.IO server."""
        return self.socketio.server

    def find_handler(self, event: Any) -> Callable[..., Any] | None:
        """The method for an event, or a call of an overridden ``trigger_event``."""
        if type(self).trigger_event is not Namespace.trigger_event:
            return _Trigger(self, event)
        method = getattr(self, f'on_{event}', None) if event.__class__ is str else None
        if method is None and event not in ('connect', 'disconnect'):
            return _ignore
        return method

    def trigger_event(self, event: str, *args: Any) -> Any:
        """Call the method for an event; override it to see every event.

        :param args: the socket id, then what came with the event; for ``connect`` the WSGI
            environ and the auth payload, for ``disconnect`` the reason.
        """
        handler = getattr(self, f'on_{event}', None)
        if handler is None:
            return None
        args = args[2:] if event == 'connect' else args[1:]
        if event in ('connect', 'disconnect') and not takes(handler, len(args)):
            args = ()
        return handler(*args)

    # -- shortcuts with this namespace as default -------------------------------------------------

    def _where(self, namespace: str | None) -> str:
        """The namespace that is meant: where this one stands for many, that of the event."""
        own = self.namespace
        if namespace:
            return namespace
        return own if isinstance(own, str) and own != '*' else current_event().nsp

    def _options(self, options: dict[str, Any], namespace: str | None) -> dict[str, Any]:
        return {**options, 'namespace': self._where(namespace)}

    def emit(self, event: Any, data: Any = None, room: Any = None, include_self: bool = True,
             namespace: str | None = None, callback: Callable[..., Any] | None = None,
             **options: Any) -> None:
        """Send an event; see :meth:`SocketIO.emit <geventio.SocketIO.emit>`."""
        self.socketio.emit(event, data, room=room, include_self=include_self, callback=callback,
                           **self._options(options, namespace))

    def send(self, data: Any, room: Any = None, include_self: bool = True,
             namespace: str | None = None, callback: Callable[..., Any] | None = None,
             **options: Any) -> None:
        """Send a ``message`` event."""
        self.socketio.send(data, room=room, include_self=include_self, callback=callback,
                           **self._options(options, namespace))

    def call(self, event: Any, data: Any = None, to: str | None = None, sid: str | None = None,
             namespace: str | None = None, timeout: float | None = 60,
             ignore_queue: bool = False) -> Any:
        """Send an event to one client and wait for its answer."""
        return self.server.call(event, data, to=to, sid=sid, timeout=timeout,
                                namespace=self._where(namespace))

    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a client into a room."""
        self.server.enter_room(sid, room, namespace=self._where(namespace))

    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a client out of a room."""
        self.server.leave_room(sid, room, namespace=self._where(namespace))

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take everybody out of a room."""
        self.server.close_room(room, namespace=self._where(namespace))

    def rooms(self, sid: str, namespace: str | None = None) -> list[Any]:
        """The rooms of a client, its own among them."""
        rooms: list[Any] = self.server.rooms(sid, namespace=self._where(namespace))
        return rooms

    def get_session(self, sid: str, namespace: str | None = None) -> dict[Any, Any]:
        """The dict that belongs to a client in this namespace."""
        session: dict[Any, Any] = self.server.get_session(sid, self._where(namespace))
        return session

    def save_session(self, sid: str, session: dict[Any, Any], namespace: str | None = None
                     ) -> None:
        """Replace that dict's content."""
        self.server.save_session(sid, session, self._where(namespace))

    def session(self, sid: str, namespace: str | None = None
                ) -> AbstractContextManager[dict[Any, Any]]:
        """That dict for a ``with`` block."""
        context: AbstractContextManager[dict[Any, Any]] = self.server.session(
            sid, self._where(namespace))
        return context

    def disconnect(self, sid: str, namespace: str | None = None) -> None:
        """Disconnect a client from the namespace."""
        self.server.disconnect(sid, namespace=self._where(namespace))


def _ignore(*args: Any) -> None:
    """Takes the events that have no method."""


class _Trigger:
    """A call of an overridden ``trigger_event``, with the arguments it is used to."""

    __slots__ = ('__self__', '_event')

    def __init__(self, namespace: Namespace, event: Any) -> None:
        self.__self__ = namespace
        self._event = event

    def __call__(self, *args: Any) -> Any:
        current = current_event()
        if self._event == 'connect':
            args = (current.socket.client.session.handshake.environ(), *args)
        return self.__self__.trigger_event(self._event, current.sid, *args)

"""Class namespaces: one class, one method ``on_<event>`` for each event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .extension import SocketIO


class Namespace:
    """Handlers of one namespace as methods: ``on_connect``, ``on_disconnect``, ``on_<event>``.

    Events without a method are ignored. Register it with ``socketio.on_namespace``.

    :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default.
    """

    def __init__(self, namespace: Any = None) -> None:
        self.namespace = namespace or '/'
        self.socketio: SocketIO = None  # type: ignore[assignment]

    @property
    def server(self) -> Any:
        """The Socket.IO server."""
        return self.socketio.server

    def find_handler(self, event: str) -> Callable[..., Any] | None:
        """The method for an event, or a call of an overridden ``trigger_event``."""
        if type(self).trigger_event is not Namespace.trigger_event:
            return lambda *args: self.trigger_event(event, *args)
        return getattr(self, f'on_{event}', None) if isinstance(event, str) else None

    def trigger_event(self, event: str, *args: Any) -> Any:
        """Call the method for an event; override it to see every event."""
        handler = getattr(self, f'on_{event}', None)
        return None if handler is None else handler(*args)

    # -- shortcuts with this namespace as default -------------------------------------------------

    def _options(self, options: dict[str, Any], namespace: str | None) -> dict[str, Any]:
        return {**options, 'namespace': namespace or self.namespace}

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
                                namespace=namespace or self.namespace)

    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a client into a room."""
        self.server.enter_room(sid, room, namespace=namespace or self.namespace)

    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a client out of a room."""
        self.server.leave_room(sid, room, namespace=namespace or self.namespace)

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take everybody out of a room."""
        self.server.close_room(room, namespace=namespace or self.namespace)

    def rooms(self, sid: str, namespace: str | None = None) -> list[Any]:
        """The rooms of a client, its own among them."""
        rooms: list[Any] = self.server.rooms(sid, namespace=namespace or self.namespace)
        return rooms

    def disconnect(self, sid: str, namespace: str | None = None) -> None:
        """Disconnect a client from the namespace."""
        self.server.disconnect(sid, namespace=namespace or self.namespace)

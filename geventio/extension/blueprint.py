"""EventBlueprint: handlers written in one module and registered with the application in another."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from .periodic import Push
from .registrar import Registrar

if TYPE_CHECKING:
    from .extension import SocketIO

log = logging.getLogger('geventio')

_unregistered: WeakSet[EventBlueprint] = WeakSet()


class EventBlueprint(Registrar):
    """Handlers, hooks and pushes that wait for their SocketIO object, as a Flask Blueprint does.

    It has the decorators of :class:`~geventio.SocketIO`. Its hooks and middleware apply to its
    own namespace, unless another is named::

        chat = EventBlueprint('chat', namespace='/chat')

        @chat.on('say')
        def say(text): ...

        socketio.register_blueprint(chat)

    :param name: a name for messages.
    :param namespace: where its handlers belong for which none is named; ``'/'`` by default.
    """

    def __init__(self, name: str, namespace: Any = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f'name must be a str, not {name!r}')
        self.name = name
        self.default_namespace = self._namespace(namespace)
        self.module = sys._getframe(1).f_globals.get('__name__', '?')
        self._actions: list[Callable[[SocketIO], None]] = []
        self._targets: WeakSet[SocketIO] = WeakSet()
        self._registered = False

    def __repr__(self) -> str:
        return f'<EventBlueprint {self.name!r} of {self.module}>'

    def _note(self, action: Callable[[SocketIO], None]) -> None:
        if not self._registered:
            _unregistered.add(self)
        self._actions.append(action)
        for socketio in list(self._targets):
            socketio._note(action)

    def _push(self, interval: float, function: Callable[[], Any], namespace: str | None,
              target: Any) -> Push:
        push = Push(interval, function, self._one_namespace(namespace), target)
        self._note(lambda socketio: socketio._register_push(push.again()))
        return push

    def _wide(self, namespace: Any) -> Any:
        return self._namespace(namespace)

    def register(self, socketio: SocketIO) -> None:
        """Register everything with a SocketIO object; what is added later follows at once.

        :raises ValueError: it is registered with that one already.
        """
        if socketio in self._targets:
            raise ValueError(f'{self!r} is registered already')
        self._targets.add(socketio)
        self._registered = True
        _unregistered.discard(self)
        for action in list(self._actions):
            socketio._note(action)


def warn_of_forgotten() -> None:
    """Log the blueprints that have handlers and were never registered; each once."""
    for blueprint in list(_unregistered):
        log.warning('%r has handlers, but was never registered: call '
                    'socketio.register_blueprint() with it', blueprint)
        _unregistered.discard(blueprint)

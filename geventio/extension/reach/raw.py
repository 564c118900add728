"""Handlers as ``socketio.server.on`` takes them: they get the socket id first.

Those of the SocketIO object find it in ``request``. How an event finds its handler lives in
``core.registry``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.registry import Handler, check_handler, takes
from ..context import current_event


def _wild(namespace: Any) -> bool:
    """Whether a registration stands for many namespaces, so that handlers want the name."""
    return not isinstance(namespace, str) or namespace == '*'


def _arguments(fn: Handler, before: list[Any], args: tuple[Any, ...]) -> list[Any]:
    """What ``fn`` is called with for the event at hand.

    :param before: what comes in front of the socket id.
    :param args: what came with the event.
    """
    current = current_event()
    head = [*before, current.sid]
    if current.name == 'connect':
        head.append(current.request.environ)
    if current.name in ('connect', 'disconnect') and not takes(fn, len(head) + len(args)):
        return head
    return [*head, *args]


class RawHandler:
    """A handler for the registry that calls ``function(sid, *args)``.

    Connect handlers get ``(sid, environ[, auth])``, disconnect handlers ``(sid[, reason])``;
    in front of that stands the event's name for ``'*'``, and the namespace's for ``'*'`` and
    patterns.

    :raises TypeError: the function cannot be called, or is a coroutine function.
    """

    def __init__(self, function: Handler, event: str, namespace: Any) -> None:
        check_handler(event, function)
        self.function = function
        self._any_event = event == '*'
        self._any_namespace = _wild(namespace)
        self.__module__ = getattr(function, '__module__', '')
        self.__qualname__ = getattr(function, '__qualname__', repr(function))

    def __call__(self, *args: Any) -> Any:
        before: list[Any] = []
        if self._any_event:
            before.append(args[0])
            args = args[1:]
        if self._any_namespace:
            before.append(current_event().nsp)
        return self.function(*_arguments(self.function, before, args))


class RawNamespace:
    """An object with ``trigger_event(event, sid, *args)`` as namespace for the registry.

    :param target: has ``namespace`` and ``trigger_event``, and gets the server as ``server``.
    """

    def __init__(self, target: Any, server: Any) -> None:
        self.target = target
        self.namespace = target.namespace
        target.server = server

    def find_handler(self, event: Any) -> Callable[..., Any]:
        """What triggers an event."""
        def trigger(*args: Any) -> Any:
            before = [current_event().nsp] if _wild(self.namespace) else []
            method = getattr(self.target, f'on_{event}', self.target.trigger_event)
            return self.target.trigger_event(event, *_arguments(method, before, args))

        return trigger

"""What runs around handlers: before_event, after_event, middleware.

Only their order and their choice live here; contexts and errors are the event's business, which
treats an exception raised here as one of the handler.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import FlaskEvent


def applies(wanted: Any, namespace: str) -> bool:
    """Whether something for ``wanted`` (a name, a pattern, ``'*'`` or None) is for a namespace."""
    if wanted is None or wanted == '*' or wanted == namespace:
        return True
    return isinstance(wanted, re.Pattern) and wanted.fullmatch(namespace) is not None


class Middleware:
    """A function around handlers, and which ones: see ``Registrar.use``."""

    __slots__ = ('_events', '_namespace', 'function')

    def __init__(self, function: Callable[..., Any], namespace: Any,
                 events: frozenset[str] | None) -> None:
        self.function = function
        self._namespace = namespace
        self._events = events

    def applies(self, namespace: str, event: Any) -> bool:
        return (self._events is None or event in self._events) \
            and applies(self._namespace, namespace)


class Hooks:
    """Everything that runs around the handlers of one SocketIO object."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, Callable[[], Any]]] = []
        self._after: list[tuple[Any, Callable[[Any], Any]]] = []
        self._middleware: list[Middleware] = []

    def __bool__(self) -> bool:
        return bool(self._before or self._after or self._middleware)

    def add(self, when: str, namespace: Any, function: Callable[..., Any]) -> None:
        """Note a function for ``'before'`` or ``'after'`` the events of a namespace."""
        (self._before if when == 'before' else self._after).append((namespace, function))

    def use(self, middleware: Middleware) -> None:
        """Note middleware, inside of what there is."""
        self._middleware.append(middleware)

    def call(self, event: FlaskEvent) -> Any:
        """Call an event's handler with everything around it."""
        nsp = event.nsp
        result = None
        for namespace, before in self._before:
            if applies(namespace, nsp):
                result = before()
                if result is not None:
                    break
        else:
            result = self._chain(event, nsp)
        for namespace, after in reversed(self._after):
            if applies(namespace, nsp):
                changed = after(result)
                if changed is not None:
                    result = changed
        return result

    def _chain(self, event: FlaskEvent, nsp: str) -> Any:
        around = [each.function for each in self._middleware if each.applies(nsp, event.name)]
        call: Callable[..., Any] = event.watched(event.handler)
        if not around:
            return call(*event.args)
        args = event.offered
        if len(args) > len(event.args):  # the handler does not want all of them
            call = partial(_call_with, call, len(event.args))
        for function in reversed(around[1:]):
            call = event.watched(partial(function, call))
        return around[0](call, *args)


def _call_with(handler: Callable[..., Any], count: int, *args: Any) -> Any:
    return handler(*args[:count])

"""Which handler an event goes to: exact names, ``'*'``, patterns of namespaces, classes.

Only the lookup lives here; how a handler is called is decided in ``event`` and by the layer
above.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Handler = Callable[..., Any]
NamespaceKey = Any  # str, or a compiled re.Pattern


class Route:
    """What a lookup found.

    :ivar fn: the handler.
    :ivar any_event: it was registered for every event and wants the name.
    :ivar any_namespace: it was registered for every namespace.
    """

    __slots__ = ('any_event', 'any_namespace', 'fn')

    def __init__(self, fn: Handler, any_event: bool = False, any_namespace: bool = False) -> None:
        self.fn = fn
        self.any_event = any_event
        self.any_namespace = any_namespace


class Registry:
    """Handlers and namespace classes of one server.

    :ivar handlers: namespace (a name, ``'*'`` or a pattern) -> event -> handler.
    :ivar namespace_handlers: namespace -> object with ``trigger_event``.
    """

    def __init__(self, namespaces: tuple[str, ...]) -> None:
        self.handlers: dict[NamespaceKey, dict[str, Handler]] = {}
        self.namespace_handlers: dict[NamespaceKey, Any] = {}
        self.declared = {n if n == '*' or n.startswith('/') else '/' + n for n in namespaces}

    def add(self, event: str, handler: Handler, namespace: NamespaceKey) -> None:
        """Register a handler; a later one for the same event takes its place.

        :raises TypeError: the handler cannot be called.
        """
        if not callable(handler):
            raise TypeError(f'the handler for {event!r} must be a function, not {handler!r}')
        self.handlers.setdefault(namespace, {})[event] = handler

    def events(self, nsp: str) -> dict[str, Handler]:
        """The exact handlers of one namespace (the live dict)."""
        return self.handlers.setdefault(nsp, {})

    def knows(self, nsp: str) -> bool:
        """Whether a client may join ``nsp``."""
        return (self.static(nsp) or '*' in self.declared or bool(self.handlers.get('*'))
                or '*' in self.namespace_handlers or self._pattern(nsp) is not None)

    def static(self, nsp: str) -> bool:
        """Whether ``nsp`` was named by the program (and not matched by a rule)."""
        return (nsp == '/' or bool(self.handlers.get(nsp)) or nsp in self.namespace_handlers
                or nsp in self.declared)

    def _pattern(self, nsp: str) -> NamespaceKey | None:
        for keys in (self.handlers, self.namespace_handlers):
            for key in keys:
                if isinstance(key, re.Pattern) and key.fullmatch(nsp):
                    return key
        return None

    def find(self, nsp: str, event: str) -> Route | None:
        """The handler for an event, or None.

        Exact before ``'*'``, functions before classes; ``connect`` and ``disconnect`` are never
        handed to an ``'*'`` handler of events.
        """
        catch_all = event not in ('connect', 'disconnect')
        pattern = self._pattern(nsp)
        for key, wild in ((nsp, False), (pattern, True), ('*', True)):
            handlers = self.handlers.get(key) if key is not None else None
            if handlers:
                if event in handlers:
                    return Route(handlers[event], any_namespace=wild)
                if catch_all and '*' in handlers:
                    return Route(handlers['*'], True, wild)
        for key, wild in ((nsp, False), (pattern, True), ('*', True)):
            target = self.namespace_handlers.get(key) if key is not None else None
            if target is not None:
                fn = target.find_handler(event)
                if fn is not None:
                    return Route(fn, any_namespace=wild)
        return None


@lru_cache(maxsize=1024)
def takes(fn: Handler, count: int) -> bool:
    """Whether ``fn`` can be called with ``count`` positional arguments.

    Looked up from the signature: calling to find out would run a handler twice.
    """
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True

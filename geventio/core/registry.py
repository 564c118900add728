"""Which handler an event goes to: exact names, ``'*'``, patterns of namespaces, classes.

Only the lookup lives here; how a handler is called is decided in ``event`` and by the layer
above.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
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
    :ivar catch_all: namespace -> handler of every event, ``'*'``.
    :ivar namespace_handlers: namespace -> object with ``find_handler``.
    :ivar defaults: event -> what takes it where nothing else does.
    """

    def __init__(self, namespaces: tuple[str, ...]) -> None:
        self.handlers: dict[NamespaceKey, dict[str, Handler]] = {}
        self.catch_all: dict[NamespaceKey, Handler] = {}
        self.namespace_handlers: dict[NamespaceKey, Any] = {}
        self._patterns: list[re.Pattern[str]] = []
        self.defaults: dict[str, Handler] = {}
        self.declared = {n if n == '*' or n.startswith('/') else '/' + n for n in namespaces}

    def add(self, event: str, handler: Handler, namespace: NamespaceKey) -> None:
        """Register a handler; a later one for the same event takes its place.

        :raises TypeError: the handler cannot be called, or is a coroutine function.
        """
        check_handler(event, handler)
        self._note(namespace)
        if event == '*':
            self.catch_all[namespace] = handler
        else:
            self.handlers.setdefault(namespace, {})[event] = handler

    def add_namespace(self, handler: Any) -> None:
        """Register an object for the namespace in its attribute ``namespace``."""
        self._note(handler.namespace)
        self.namespace_handlers[handler.namespace] = handler

    def _note(self, namespace: NamespaceKey) -> None:
        if isinstance(namespace, re.Pattern) and namespace not in self._patterns:
            self._patterns.append(namespace)

    def events(self, nsp: str) -> dict[str, Handler]:
        """The exact handlers of one namespace (the live dict)."""
        return self.handlers.setdefault(nsp, {})

    def knows(self, nsp: str) -> bool:
        """Whether a client may join ``nsp``: it was named, or a rule lets it in.

        Handlers for ``'*'`` are no such rule: they serve the namespaces that are let in.
        """
        return nsp == '/' or nsp[:1] == '/' and (
            self.static(nsp) or '*' in self.declared
            or any(pattern.fullmatch(nsp) for pattern in self._patterns))

    def static(self, nsp: str) -> bool:
        """Whether ``nsp`` was named by the program (and not matched by a rule)."""
        return (nsp == '/' or bool(self.handlers.get(nsp)) or nsp in self.catch_all
                or nsp in self.namespace_handlers or nsp in self.declared)

    def _keys(self, nsp: str) -> Iterable[tuple[NamespaceKey, bool]]:
        """Where to look, in order, and whether that stands for many namespaces."""
        if not self._patterns:
            return (nsp, False), ('*', True)
        matching = [(pattern, True) for pattern in self._patterns if pattern.fullmatch(nsp)]
        return [(nsp, False), *matching, ('*', True)]

    def find(self, nsp: str, event: str) -> Route | None:
        """The handler for an event, or None.

        Exact before ``'*'``, functions before classes; ``connect`` and ``disconnect`` are never
        handed to an ``'*'`` handler of events.
        """
        exact = self.handlers.get(nsp)
        if exact and event in exact:  # nearly always, and first in any order
            return Route(exact[event])
        if self.catch_all or self.namespace_handlers or self._patterns or '*' in self.handlers:
            route = self._find_wide(nsp, event)
            if route is not None:
                return route
        default = self.defaults.get(event)
        return None if default is None else Route(default)

    def _find_wide(self, nsp: str, event: str) -> Route | None:
        """The same where something is registered for more than one event of one namespace."""
        life = event in ('connect', 'disconnect')
        keys = self._keys(nsp)
        for key, wild in keys:
            handlers = self.handlers.get(key)
            if handlers and event in handlers:
                return Route(handlers[event], any_namespace=wild)
            if not life and key in self.catch_all:
                return Route(self.catch_all[key], True, wild)
        if self.namespace_handlers:
            for key, wild in keys:
                target = self.namespace_handlers.get(key)
                if target is not None:
                    fn = target.find_handler(event)
                    if fn is not None:
                        return Route(fn, any_namespace=wild)
        return None


def check_handler(event: str, handler: Any) -> None:
    """Refuse what cannot be a handler.

    :raises TypeError: it cannot be called, or is a coroutine function.
    """
    check_function(f'the handler for {event!r}', handler)


def check_function(argument: str, function: Any) -> None:
    """Refuse what cannot be called in a greenlet.

    :param argument: what it is, for the message.
    :raises TypeError: it cannot be called, or is a coroutine function.
    """
    if not callable(function):
        raise TypeError(f'{argument} must be a function, not {function!r}')
    if inspect.iscoroutinefunction(function):
        raise TypeError(f'{argument} must not be a coroutine function: geventio runs it in a '
                        'greenlet, so write def, not async def')


def takes(fn: Handler, count: int) -> bool:
    """Whether ``fn`` can be called with ``count`` positional arguments.

    Looked up from the signature: calling to find out would run a handler twice.
    """
    while isinstance(fn, partial):  # often made for one call: not worth a place in the cache
        count += len(fn.args)
        fn = fn.func
    try:
        return _takes(fn, count)
    except TypeError:  # it has no hash
        return _takes.__wrapped__(fn, count)


def takes_error(fn: Handler) -> bool:
    """Whether an ack callback wants to be told that there will be no answer, as ``error=``."""
    code = getattr(fn, '__code__', None)
    if code is not None:  # a function or a method; often a new one at each call
        first = code.co_argcount
        return 'error' in code.co_varnames[first:first + code.co_kwonlyargcount]
    try:
        parameter = inspect.signature(fn).parameters.get('error')
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY


@lru_cache(maxsize=1024)
def _takes(fn: Handler, count: int) -> bool:
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True

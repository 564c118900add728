"""Registering: handlers, hooks, middleware and tasks, on a SocketIO object or on a blueprint.

What is asked for here is checked here, on the line that asks, and noted as an action on a SocketIO
object. Acting on it lives in ``extension``, ``hooks`` and the server's registry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.checks import as_namespace_key, as_rooms
from ..core.registry import check_function, check_handler
from .hooks import Middleware
from .periodic import Push
from .views import Namespace

if TYPE_CHECKING:
    from .extension import SocketIO

Function = TypeVar('Function', bound=Callable[..., Any])


class Registrar:
    """What handlers are registered with. Each decorator returns the function unchanged.

    :ivar default_namespace: where handlers belong for which none is named.
    """

    default_namespace = '/'

    def _note(self, action: Callable[[SocketIO], None]) -> None:
        """Have something registered with a SocketIO object, now or when there is one."""
        raise NotImplementedError

    def _namespace(self, namespace: Any) -> Any:
        """A namespace to register for: a name, ``'*'`` or a compiled pattern."""
        return as_namespace_key(namespace, self.default_namespace)

    # -- handlers -------------------------------------------------------------------------------

    def on(self, message: str, namespace: Any = None) -> Callable[[Function], Function]:
        """Decorator: the handler of an event.

        :param message: event name; ``'*'`` takes every event that has no handler of its own and
            gets its name first.
        :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default.
        :raises TypeError: the event is no text; the handler cannot be called, or is a coroutine
            function.
        """
        if not isinstance(message, str):
            raise TypeError(f'message must be the name of an event, a str, not {message!r}: write '
                            "@socketio.on('name') or @socketio.event")
        nsp = self._namespace(namespace)

        def decorator(handler: Function) -> Function:
            check_handler(message, handler)
            self._note(lambda socketio: socketio._register(
                lambda registry: registry.add(message, handler, nsp)))
            return handler

        return decorator

    def event(self, *args: Any, **options: Any) -> Any:
        """Decorator: the function's name is the event. ``@socketio.event`` or with
        ``namespace=``."""
        if len(args) == 1 and not options and callable(args[0]):
            return self.on(args[0].__name__)(args[0])
        return lambda handler: self.on(handler.__name__, *args, **options)(handler)

    def on_event(self, message: str, handler: Callable[..., Any], namespace: Any = None) -> None:
        """Register the handler of an event."""
        self.on(message, namespace)(handler)

    def on_namespace(self, namespace_handler: Namespace) -> None:
        """Register a class namespace.

        :raises ValueError: it is not a Namespace object.
        """
        if not isinstance(namespace_handler, Namespace):
            raise ValueError('on_namespace() takes an object of a subclass of geventio.Namespace '
                             f'as namespace_handler, not {namespace_handler!r}')
        self._note(lambda socketio: socketio._register_class(namespace_handler))

    def on_error(self, namespace: Any = None) -> Callable[[Function], Function]:
        """Decorator: what handles exceptions of a namespace's handlers, as ``handler(error)``.

        What it returns is the answer to the event.

        :param namespace: a name, ``'*'`` or a compiled pattern; ``'/'`` by default.
        """
        nsp = self._namespace(namespace)

        def decorator(handler: Function) -> Function:
            _check_function('exception_handler', handler)
            self._note(lambda socketio: socketio.exception_handlers.update({nsp: handler}))
            return handler

        return decorator

    # -- around the handlers --------------------------------------------------------------------

    def before_event(self, function: Function | None = None, *, namespace: Any = None
                     ) -> Any:
        """Decorator: call a function without arguments before each event, in its context.

        ``request.event`` says which; connect and disconnect are among them. If it returns
        something else than None, that is the answer, and the handler is not called. For
        ``connect`` every answer refuses the client.

        :param namespace: a name or a compiled pattern; by default every namespace.
        """
        return self._hook('before', function, namespace)

    def after_event(self, function: Function | None = None, *, namespace: Any = None) -> Any:
        """Decorator: call a function with the result of each handler that did not raise.

        What it returns, if not None, takes the result's place; a client that was refused stays
        out all the same. The last one registered is called first.

        :param namespace: a name or a compiled pattern; by default every namespace.
        """
        return self._hook('after', function, namespace)

    def _hook(self, when: str, function: Any, namespace: Any) -> Any:
        nsp = self._wide(namespace)

        def decorator(function: Function) -> Function:
            _check_function(f'{when}_event', function)
            self._note(lambda socketio: socketio.hooks.add(when, nsp, function))
            return function

        return decorator if function is None else decorator(function)

    def use(self, function: Function | None = None, *, namespace: Any = None,
            event: Any = None) -> Any:
        """Decorator: put middleware around handlers, as ``function(call_next, *args)``.

        ``call_next(*args)`` goes on to the next one and in the end to the handler, and returns
        what that returns; not calling it keeps the event from the handler. The first one
        registered is the outermost. For ``connect`` the argument is the auth payload (raise
        ConnectionRefusedError or return False to refuse; who does not get as far as the handler
        is refused, too), for ``disconnect`` the reason; for handlers of every event (``'*'``) the
        event's name comes first, as for the handler.

        :param namespace: a name or a compiled pattern; by default every namespace.
        :param event: the name of an event or a list of them; by default every event, connect
            and disconnect included.
        """
        nsp = self._wide(namespace)
        names = [event] if isinstance(event, str) else event
        if event is not None and not (isinstance(names, (list, tuple, set, frozenset))
                                      and all(isinstance(name, str) for name in names)):
            raise TypeError(f'event must be the name of an event or a list of them, not {event!r}')
        events = None if event is None else frozenset(names)

        def decorator(function: Function) -> Function:
            _check_function('middleware', function)
            self._note(lambda socketio: socketio.hooks.use(Middleware(function, nsp, events)))
            return function

        return decorator if function is None else decorator(function)

    def _wide(self, namespace: Any) -> Any:
        """Where hooks apply when no namespace is named: None is everywhere."""
        return None if namespace is None else self._namespace(namespace)

    # -- beside the handlers --------------------------------------------------------------------

    def on_start(self, function: Function) -> Function:
        """Decorator: call a function in a background greenlet once the server serves.

        Once in each serving process: not in the parent of a reloader, not under a test client.
        It has the application's context, and ``emit`` in it reaches everybody.
        """
        _check_function('on_start', function)
        self._note(lambda socketio: socketio._register_start(function))
        return function

    def every(self, interval: float, to: Any = None, room: Any = None,
              namespace: str | None = None) -> Callable[[Callable[[], Any]], Push]:
        """Decorator: call a function every ``interval`` seconds while somebody listens.

        ``emit`` in it reaches everybody in the namespace, or with ``to`` the members of a room.
        Used inside a handler the push belongs to that client and ends with it; without ``to``,
        ``emit`` reaches it alone.

        :param interval: seconds, fractions allowed.
        :param to: a room, a socket id or a list of them. ``room`` is the same.
        :param namespace: by default ``'/'``, or the one of the event handled.
        :returns: the :class:`~geventio.extension.periodic.Push`; ``stop()`` ends it.
        :raises ValueError: an interval that is not above 0, or no namespace but a rule for many.
        """
        if isinstance(interval, bool) or not isinstance(interval, (int, float)):
            raise TypeError(f'interval must be a number of seconds, not {interval!r}')
        if not interval > 0:
            raise ValueError(f'interval must be above 0 seconds, and is {interval!r}')
        target = to if to is not None else room
        as_rooms(target)

        def decorator(function: Callable[[], Any]) -> Push:
            _check_function('every', function)
            return self._push(interval, function, namespace, target)

        return decorator

    def _push(self, interval: float, function: Callable[[], Any], namespace: str | None,
              target: Any) -> Push:
        push = Push(interval, function, self._one_namespace(namespace), target)
        self._note(lambda socketio: socketio._register_push(push))
        return push


    def _one_namespace(self, namespace: Any) -> str:
        """A namespace that is there to send to."""
        name = self._namespace(namespace)
        if isinstance(name, str) and name != '*':
            return name
        raise ValueError(f'every() pushes to one namespace, and {name!r} stands for many: name '
                         'it with namespace=')


def _check_function(what: str, function: Any) -> None:
    if not callable(function):
        raise ValueError(f'{what} must be callable, not {function!r}')
    check_function(what, function)

"""The Socket.IO server under a SocketIO object: its events are Flask contexts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..core.event import Event
from ..core.registry import Route, takes
from ..core.server import TextParser
from ..errors import ConnectionRefusedError
from ..protocol.jsontext import OtherJSON
from .context import FlaskEvent, PushEvent, current_event, request_class
from .hooks import Hooks
from .reach.server import ReachedServer
from .tasks import start

if TYPE_CHECKING:
    from .extension import SocketIO

log = logging.getLogger('geventio')

# What handlers are told, in the words of Flask-SocketIO where it has any.
_REASONS = {
    'client namespace disconnect': 'client disconnect',
    'server namespace disconnect': 'server disconnect',
    'forced server close': 'server disconnect',
}


class FlaskServer(ReachedServer):
    """The server of one application.

    :param extension: the SocketIO object.
    :param flask_app: the application whose contexts handlers get.
    :param manage_session: see SocketIO.
    :param options: see :class:`~geventio.config.Config`.
    :ivar request_class: the application's Request with ``sid``, ``namespace`` and ``event``.
    """

    event_class = FlaskEvent

    def __init__(self, extension: SocketIO, flask_app: Any, manage_session: bool,
                 options: dict[str, Any]) -> None:
        self.extension = extension
        self.flask_app = flask_app
        self.manage_session = manage_session
        self.hooks: Hooks | None = None
        self._json_given = 'json' in options
        if flask_app is None:
            super().__init__(None, **options)
        else:
            self.request_class = request_class(flask_app)
            super().__init__(flask_app.wsgi_app, json_default=self._json_default, **options)

    def _bound(self, runtime: Any) -> None:
        """The application is complete now: have its own JSON provider write and read."""
        super()._bound(runtime)
        provider = getattr(self.flask_app, 'json', None)
        if self._json_given or self.config.serializer == 'msgpack' or provider is None:
            return
        kind = type(provider)
        if kind.dumps is not DefaultJSONProvider.dumps \
                or kind.loads is not DefaultJSONProvider.loads:
            self.parser = TextParser(self.config, None, OtherJSON(provider.dumps, provider.loads))

    def set_hooks(self, hooks: Hooks) -> None:
        """Run these around every handler, and at connects and disconnects that have none."""
        self.hooks = hooks
        self.registry.defaults = {'connect': _nothing, 'disconnect': _nothing}

    def start_task(self, function: Callable[[], Any]) -> None:
        """Run a function in a greenlet of its own, with the application's context."""
        start(self.runtime, PushEvent(self, function, (), '/', None).run)

    def _json_default(self, value: Any) -> Any:
        """What JSON has no word for is written as the application's JSON provider writes it."""
        default = getattr(self.flask_app.json, 'default', None)
        if default is None:
            raise TypeError(f'{type(value).__name__} cannot be written as JSON')
        return default(value)

    def adapt(self, route: Route, nsp: str, name: Any, args: list[Any]) -> Any:
        """Handlers of every event get its name first; the namespace is in ``request``."""
        return route.fn, [name, *args] if route.any_event else args

    def connect_event(self, socket: Any, route: Route, auth: Any) -> Event:
        args = (auth,) if takes(route.fn, 1) else ()
        event = _ConnectEvent(socket, route.fn, 'connect', args, None)
        event.offered = (auth,)
        return event

    def disconnect_event(self, socket: Any, route: Route, reason: str) -> Event:
        reason = _REASONS.get(reason, reason)
        event = _LifeEvent(socket, route.fn, 'disconnect', (reason,) if takes(route.fn, 1) else (),
                           None)
        event.offered = (reason,)
        return event

    def in_background(self, callback: Callable[..., Any]) -> Any:
        """A callback gets the context of the event it was given in, as far as there is one."""
        try:
            current = current_event()
        except RuntimeError:
            return super().in_background(callback)
        socket = current.socket

        def done(*args: Any) -> None:
            event: FlaskEvent
            if socket is None:
                event = PushEvent(self, callback, args, current.nsp, current.default_target)
            else:
                event = FlaskEvent(socket, callback, None, args, None)
            self.runtime.start(event)

        return done


def _nothing() -> None:
    """The handler of connects and disconnects where only hooks want to know of them."""


class _LifeEvent(FlaskEvent):
    """A connect or a disconnect.

    :ivar offered: what a handler may take, and middleware gets.
    """

    __slots__ = ('offered',)

    offered: tuple[Any, ...]


class _ConnectEvent(_LifeEvent):
    """A connect handler may also refuse with ``abort(401)`` or by returning a Response.

    One that fails refuses too, whatever an error handler makes of the failure. What hooks and
    middleware return or catch further out lets nobody in whom the handler refused, nor anybody
    about whom it was not asked.
    """

    __slots__ = ('_let_in',)

    def handle(self, error: Exception) -> Any:
        if isinstance(error, HTTPException):
            raise ConnectionRefusedError(error.name) from error
        super().handle(error)
        return False

    def call(self) -> Any:
        hooked = self.socket.client.server.hooks is not None  # type: ignore[attr-defined]
        self._let_in = False
        result = super().call()
        if hooked and not self._let_in or result is not None and _refuses(result):
            return False
        return result

    def watched(self, step: Callable[..., Any]) -> Callable[..., Any]:
        innermost = step is self.handler

        def call(*args: Any) -> Any:
            self._let_in = False  # stays so if the step raises
            result = step(*args)
            self._let_in = (innermost or self._let_in) and not _refuses(result)
            return result

        return call


def _refuses(result: Any) -> bool:
    """Whether a connect handler keeps the client out by what it returns."""
    return result is False or isinstance(result, Response)

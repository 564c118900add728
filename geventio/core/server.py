"""The Socket.IO server as a state machine: namespaces above sessions, and the hooks between.

The layers above subclass it: ``serving.server`` adds WSGI and blocking calls, the Flask
extension its contexts. Each hook has the behaviour of Socket.IO without Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from types import MethodType
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..protocol import socketio
from ..protocol.jsontext import Default, Encoder, OtherJSON, loads_at
from ..protocol.socketio import EVENT, RESERVED, Encoded
from .acks import Done
from .checks import unsendable
from .engine import Engine
from .event import Callback, Event
from .namespace import Namespace
from .registry import Handler, Registry, Route, takes
from .session import Session, Upper

if TYPE_CHECKING:
    from ..config import Config
    from .runtime import Runtime
    from .socket import Socket


class TextParser:
    """The default parser: JSON text and attachments.

    :param default: see :class:`~geventio.protocol.jsontext.Encoder`.
    :param other: writes and reads JSON instead of our own encoder and decoder.
    :ivar loads_at: reads the JSON value from a position to the end of a text.
    """

    decode_binary = None
    welcome = staticmethod(socketio.welcome)

    def __init__(self, config: Config, default: Default | None = None,
                 other: OtherJSON | None = None) -> None:
        # A call of a method costs less than that of a partial.
        self.encode = MethodType(socketio.encode, other or Encoder(default))
        self.loads_at = other.loads_at if other else loads_at
        self._max_attachments = config.max_attachments

    def decode(self, text: str) -> socketio.Packet:
        return socketio.decode(text, 1, max_attachments=self._max_attachments,
                               loads_at=self.loads_at)


class SocketIOServer:
    """All namespaces and clients of one server.

    :param config: the options.
    :param make_id: makes a new unguessable id.
    :param make_adapter: makes the adapter of a namespace.
    :param parser: how packets are written; see TextParser.
    :ivar runtime: the loop it lives on; None before it serves.
    """

    #: What carries an event to a handler.
    event_class: Callable[..., Event] = Event

    def __init__(self, config: Config, make_id: Callable[[], str],
                 make_adapter: Callable[[Namespace], Any], parser: Any = None) -> None:
        self.config = config
        self.make_id = make_id
        self.make_adapter = make_adapter
        self.parser = parser or TextParser(config)
        self.registry = Registry(config.namespaces)
        self.namespaces: dict[str, Namespace] = {}
        self.engine = Engine(config, make_id, self._new_client)
        self.engine.on_bind.append(self._bound)
        self.runtime: Runtime = None  # type: ignore[assignment]

    def _bound(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def act(self, function: Callable[..., Any], *args: Any) -> None:
        """Have something done in the loop's thread: at once when the caller is there."""
        runtime = self.runtime
        if runtime is None or runtime.here():
            function(*args)
        else:
            runtime.post(function, *args)

    def _new_client(self, session: Session) -> Upper:
        client: Upper = session.client_class(self, session)
        return client

    # -- namespaces ---------------------------------------------------------------------------

    def namespace(self, name: str) -> Namespace:
        """The namespace of that name, made if it is not there."""
        namespace = self.namespaces.get(name)
        if namespace is None:
            namespace = self.namespaces[name] = Namespace(self, name)
        return namespace

    def find_namespace(self, name: str) -> Namespace | None:
        """The namespace a client asks for, or None when it may not exist."""
        return self.namespace(name) if self.registry.knows(name) else None

    def namespace_emptied(self, namespace: Namespace) -> None:
        """A socket left: namespaces that a client's wish created end with the last one."""
        name = namespace.name
        if not namespace.rooms.sockets and not self.registry.static(name):
            if self.namespaces.get(name) is namespace:
                del self.namespaces[name]
            self.registry.handlers.pop(name, None)

    def sockets(self) -> Iterable[Socket]:
        """Every socket of every namespace."""
        for namespace in list(self.namespaces.values()):
            yield from list(namespace.rooms.sockets.values())

    # -- the way out --------------------------------------------------------------------------

    def packets(self, nsp: str, event: Any, args: Collection[Any], id: int | None = None
                ) -> Encoded:
        """An event as transport packets; from any thread.

        :raises ValueError: a reserved name, or data that contains itself.
        :raises TypeError: an event that is no text, or data that cannot be sent.
        """
        if event.__class__ is not str and not isinstance(event, str):
            raise TypeError(f'event must be the name of an event, a str, not {event!r}')
        if event in RESERVED:
            raise ValueError(f'event: {event!r} is a reserved event name and cannot be emitted')
        try:
            encoded: Encoded = self.parser.encode(EVENT, nsp, id, [event, *args])
        except ConfigError:
            raise
        except (TypeError, ValueError) as error:
            if isinstance(error, TypeError):
                where = f', at {unsendable(args, self._fails)}'
                raise TypeError(f'the arguments of {event!r}{where}: {error}') from None
            raise ValueError(f'the arguments of {event!r}: {error}') from None
        return encoded

    def _fails(self, value: Any) -> bool:
        try:
            self.parser.encode(EVENT, '/', None, [value])
        except (TypeError, ValueError):
            return True
        return False

    def in_background(self, callback: Callable[..., Any]) -> Done:
        """``callback`` as something that may be called in the loop and may block."""
        return lambda *args: self.runtime.start(Callback(callback, args))

    # -- hooks --------------------------------------------------------------------------------

    def adapt(self, route: Route, nsp: str, name: Any, args: list[Any]
              ) -> tuple[Handler, list[Any]]:
        """The handler and the arguments for an event that a catch-all handler takes.

        It gets the event name and then the namespace first, as far as it stands for many.
        """
        before = ([name] if route.any_event else []) + ([nsp] if route.any_namespace else [])
        return (partial(route.fn, *before) if before else route.fn), args

    def connect_event(self, socket: Socket, route: Route, auth: Any) -> Event:
        """The event for a connect handler: ``handler(sid, environ[, auth])``."""
        handler, _ = self.adapt(route, socket.namespace.name, 'connect', [])
        args = [socket.client.session.handshake.environ(), auth]
        if not takes(handler, 3):
            args.pop()
        return self.event_class(socket, handler, 'connect', args, None)

    def disconnect_event(self, socket: Socket, route: Route, reason: str) -> Event:
        """The event for a disconnect handler: ``handler(sid[, reason])``."""
        handler, _ = self.adapt(route, socket.namespace.name, 'disconnect', [])
        args = [reason] if takes(handler, 2) else []
        return self.event_class(socket, handler, 'disconnect', args, None)

"""Events on their way to a handler: one small object each, run in a pooled greenlet.

Calling the handler, answering with its return value and what happens when it raises live here;
the Flask extension brings subclasses that add its contexts. Choosing the handler does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import ConnectionRefusedError
from ..protocol.socketio import ACK
from .load import done, waits

if TYPE_CHECKING:
    from .socket import Socket

log = logging.getLogger('geventio')

#: What a handler may raise to end the program. Everything else is an error of the handler, also
#: what is no Exception: a gevent Timeout nobody caught.
FATAL = (SystemExit, KeyboardInterrupt)


def name_of(function: Callable[..., Any]) -> str:
    """A function's module and name, for the log."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, '__qualname__', None)
    return repr(function) if name is None else f'{function.__module__}.{name}'


class Event:
    """A client's event for a handler.

    :ivar name: event name, ``'connect'``, ``'disconnect'``, or None for an ack callback.
    :ivar args: what came with it.
    :ivar ack: the id the client wants the answer under, or None.
    :ivar size: bytes of its packet.
    """

    __slots__ = ('ack', 'args', 'handler', 'load', 'name', 'size', 'socket')

    def __init__(self, socket: Socket, handler: Callable[..., Any], name: Any,
                 args: Any, ack: int | None, size: int = 0) -> None:
        self.socket = socket
        self.handler = handler
        self.name = name
        self.args = args
        self.ack = ack
        self.size = size
        self.load: Any = False

    def run(self) -> None:
        """Call the handler and answer the client; a handler that raises gives no answer."""
        try:
            result = self.call()
        except FATAL:
            raise
        except BaseException as error:
            self.failed(error)
        else:
            if self.ack is not None:
                self.answer(result)
        if self.load is False:  # nobody has counted it
            self.load = None
        else:
            done(self)

    def held(self) -> bool:
        """Whether it may not run: not yet, because its client has other handlers at work, or not
        at all, because a handler of the same turn has put the client out."""
        if self.socket.left is not None:
            done(self)
            return True
        client = self.socket.client
        if self.load is not False or client.load is None or client.load.admit(self):
            return False
        if not client.load.hold(self, self.size):
            client.overloaded()
        return True

    def waits(self) -> None:
        """Others get their turn, and the handler has not ended."""
        if self.load is False:
            client = self.socket.client
            waits(client, self, client.server.config)

    def call(self) -> Any:
        """Call the handler; the ways of Socket.IO without Flask: ``handler(sid, *args)``."""
        return self.handler(self.socket.sid, *self.args)

    def failed(self, error: BaseException) -> None:
        """The handler raised what nothing else takes care of."""
        log.error('error in %s, the %s (namespace %s)', name_of(self.handler),
                  'callback' if self.name is None else f'handler of {self.name!r}',
                  self.socket.namespace.name, exc_info=error)
        if self.name is not None:
            self.socket.client.handler_failed(error)

    def answer(self, result: Any) -> None:
        """Send the acknowledgement the client asked for."""
        socket = self.socket
        namespace = socket.namespace
        values = [] if result is None else list(result) if result.__class__ is tuple else [result]
        try:
            packets = namespace.server.parser.encode(ACK, namespace.name, self.ack, values)
        except (TypeError, ValueError) as error:
            log.error('%s, the handler of %r (namespace %s), returned what cannot be sent: %s',
                      name_of(self.handler), self.name, namespace.name, error)
            return
        socket.send(packets)


class Connect:
    """The decision about a client that wants in. ``event`` is an Event for the handler."""

    __slots__ = ('event', 'load')

    def __init__(self, event: Event) -> None:
        self.event = event
        self.load: Any = False

    def run(self) -> None:
        socket = self.event.socket
        namespace = socket.namespace
        refusal: dict[str, Any] | None = {'message': 'Internal server error'}
        try:
            refusal = self.refusal(self.event.call())
        except ConnectionRefusedError as error:
            refusal = error.error_args
        except FATAL:
            raise
        except BaseException as error:
            self.event.failed(error)
        finally:
            if refusal is None:
                namespace.accept(socket)
            else:
                namespace.refuse(socket, refusal)
            done(self)

    def refusal(self, result: Any) -> dict[str, Any] | None:
        """What a connect handler's return value means: None lets the client in."""
        if result is False:
            return {'message': 'Connection rejected by server'}
        return None


class Disconnect:
    """The last event of a socket; its rooms end when the handler has ended."""

    __slots__ = ('event', 'load')

    def __init__(self, event: Event) -> None:
        self.event = event
        self.load: Any = False

    def run(self) -> None:
        socket = self.event.socket
        try:
            self.event.run()
        finally:
            socket.namespace.remove(socket)
        done(self)


class Callback:
    """A function to call in a pooled greenlet; errors are logged."""

    __slots__ = ('args', 'fn', 'load')

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.fn = fn
        self.args = args
        self.load: Any = False

    def run(self) -> None:
        try:
            self.fn(*self.args)
        except FATAL:
            raise
        except BaseException as error:
            log.error('error in %s', name_of(self.fn), exc_info=error)
        done(self)

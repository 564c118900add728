"""Events on their way to a handler: one small object each, run in a pooled greenlet.

Calling the handler, answering with its return value and what happens when it raises live here;
the Flask extension brings subclasses that add its contexts. Choosing the handler does not.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ConnectionRefusedError
from ..protocol.socketio import ACK

if TYPE_CHECKING:
    from .socket import Socket

log = logging.getLogger('geventio')


class Event:
    """A client's event for a handler.

    :ivar name: event name, ``'connect'``, ``'disconnect'``, or None for an ack callback.
    :ivar args: what came with it.
    :ivar ack: the id the client wants the answer under, or None.
    """

    __slots__ = ('ack', 'args', 'handler', 'name', 'socket')

    def __init__(self, socket: Socket, handler: Callable[..., Any], name: Any,
                 args: Any, ack: int | None) -> None:
        self.socket = socket
        self.handler = handler
        self.name = name
        self.args = args
        self.ack = ack

    def run(self) -> None:
        """Call the handler and answer the client. Never raises."""
        try:
            result = self.call()
        except Exception as error:
            handled = self.failed(error)
            if handled is None:
                return
            result = handled[0]
        if self.ack is not None:
            self.answer(result)

    def call(self) -> Any:
        """Call the handler; the ways of Socket.IO without Flask: ``handler(sid, *args)``."""
        return self.handler(self.socket.sid, *self.args)

    def failed(self, error: Exception) -> tuple[Any] | None:
        """The handler raised. Returns a 1-tuple with the value to answer with, or None."""
        log.error('error in the handler of %r (namespace %s)', self.name,
                  self.socket.namespace.name, exc_info=error)
        return None

    def answer(self, result: Any) -> None:
        """Send the acknowledgement the client asked for."""
        socket = self.socket
        namespace = socket.namespace
        values = [] if result is None else list(result) if result.__class__ is tuple else [result]
        try:
            packets = namespace.server.parser.encode(ACK, namespace.name, self.ack, values)
        except (TypeError, ValueError) as error:
            log.error('the handler of %r returned what cannot be sent: %s', self.name, error)
            return
        socket.send(packets)


class Connect:
    """The decision about a client that wants in. ``event`` is an Event for the handler."""

    __slots__ = ('event',)

    def __init__(self, event: Event) -> None:
        self.event = event

    def run(self) -> None:
        socket = self.event.socket
        namespace = socket.namespace
        try:
            refusal = self.refusal(self.event.call())
        except ConnectionRefusedError as error:
            refusal = error.error_args
        except Exception as error:
            self.event.failed(error)
            refusal = {'message': 'Internal server error'}
        if refusal is None:
            namespace.accept(socket)
        else:
            namespace.refuse(socket, refusal)

    def refusal(self, result: Any) -> dict[str, Any] | None:
        """What a connect handler's return value means: None lets the client in."""
        if result is False:
            return {'message': 'Connection rejected by server'}
        return None


class Disconnect:
    """The last event of a socket; its rooms end when the handler has ended."""

    __slots__ = ('event',)

    def __init__(self, event: Event) -> None:
        self.event = event

    def run(self) -> None:
        socket = self.event.socket
        try:
            self.event.call()
        except Exception as error:
            self.event.failed(error)
        finally:
            socket.namespace.remove(socket)


class Callback:
    """A function to call in a pooled greenlet; errors are logged."""

    __slots__ = ('args', 'fn')

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.fn = fn
        self.args = args

    def run(self) -> None:
        try:
            self.fn(*self.args)
        except Exception as error:
            log.error('error in %r', self.fn, exc_info=error)


class Mailbox:
    """Events of one socket, run strictly one after another by one greenlet at a time."""

    __slots__ = ('_busy', '_events')

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._busy = False

    def put(self, event: Event, start: Callable[[Any], None]) -> None:
        """Queue an event; ``start`` runs the mailbox if nobody does."""
        self._events.append(event)
        if not self._busy:
            self._busy = True
            start(self)

    def run(self) -> None:
        try:
            while self._events:
                self._events.popleft().run()
        finally:
            self._busy = False

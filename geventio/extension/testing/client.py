"""The client of tests: connects to a server in this process, without a network.

It has the methods of Flask-SocketIO's test client, and it can answer what the server asks. The
connection under it lives in ``wire``. Nothing here changes the server or the application.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.checks import as_namespace
from ...core.operator import unwrap
from ...core.session import TRANSPORT_CLOSE
from ...errors import NotConnectedError, TimeoutError
from ...protocol.socketio import ACK, BINARY_ACK, CONNECT, CONNECT_ERROR, DISCONNECT, Packet
from .received import Reaction, Received
from .stage import Stage
from .wire import Wire, bind, handshake

if TYPE_CHECKING:
    from flask import Flask

    from ..extension import SocketIO


class SocketIOTestClient:
    """A client of a SocketIO object, connected when it is made; use it in the server's thread.

    Its methods return when the handlers they cause have ended, or wait for what only the test can
    bring: an answer, or time on a fake clock. As a context manager it closes itself. What handlers
    raise and no error handler takes, those of the server and its own (see :meth:`on`), is raised
    by the method that waits, or by the next one.

    :param app: the application that the SocketIO object is tied to.
    :param socketio: the SocketIO object.
    :param namespace: the namespace it joins; ``'/'`` by default.
    :param query_string: query string of its request: a str, or a mapping.
    :param headers: header fields of its request.
    :param auth: auth payload for the connect handler, a dict.
    :param flask_test_client: the application's test client whose cookies it brings.
    :cvar clients: transport id -> client, those that are connected.
    :ivar timeout: seconds that handlers may take; 60 by default.
    :ivar answers_pings: False makes it silent, so that the server gives it up in time.
    :ivar connected: namespace -> whether it is joined.
    :ivar connect_error: namespace -> what came with a refusal: ``{'message': ..., 'data': ...}``.
    :ivar queue: what was received and not yet fetched.
    :ivar acks: the last answer that no ``emit`` waited for, ``{'args': list, 'namespace': name}``.
    :ivar eio_sid: its transport id.
    :raises RuntimeError: the SocketIO object has no application, or serves on another thread.
    :raises ValueError: it is tied to another application.
    :raises TimeoutError: the connect handler takes longer than ``timeout``.
    """

    clients: ClassVar[dict[str, SocketIOTestClient]] = {}
    timeout: float = 60.0
    answers_pings: bool = True

    def __init__(self, app: Flask, socketio: SocketIO, namespace: str | None = None,
                 query_string: Any = None, headers: Any = None, auth: Any = None,
                 flask_test_client: Any = None) -> None:
        if socketio.server is None:
            raise RuntimeError('this SocketIO object has no application yet: call init_app first')
        if not app == socketio.app:  # a proxy is equal, not identical
            raise ValueError(f'this SocketIO object is tied to {socketio.app!r}, not to {app!r}: '
                             'the last init_app counts')
        self.app = app
        self.socketio = socketio
        self.flask_test_client = flask_test_client
        self.eio_sid = ''
        self.callback_counter = 0
        self.connected: dict[str, bool] = {}
        self.connect_error: dict[str, Any] = {}
        self.queue: list[Received] = []
        self.acks: dict[str, Any] | None = None
        self._server = socketio.server
        self._stage = Stage.of(self._server)
        self._wire: Wire = None  # type: ignore[assignment]
        self._sids: dict[str, str] = {}
        self._handlers: dict[tuple[str, str], Callable[..., Any]] = {}
        self._awaited: dict[int, list[Any] | None] = {}
        self._failures: list[BaseException] = []
        try:
            self.connect(namespace, query_string, headers, auth)
        except BaseException:
            if self._wire is not None:
                self._server.runtime.post(self._wire.session.end, TRANSPORT_CLOSE)
            raise

    def __enter__(self) -> SocketIOTestClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- connection -----------------------------------------------------------------------------

    @property
    def _open(self) -> bool:
        return self._wire is not None and not self._wire.closed

    def is_connected(self, namespace: str | None = None) -> bool:
        """Whether a namespace is joined."""
        return self.connected.get(namespace or '/', False)

    def sid(self, namespace: str | None = None) -> str:
        """The socket id in a namespace, ``request.sid`` of its handlers.

        :raises NotConnectedError: it is not joined.
        """
        self._check(namespace)
        return self._sids[namespace or '/']

    def connect(self, namespace: str | None = None, query_string: Any = None, headers: Any = None,
                auth: Any = None) -> None:
        """Join a namespace; nothing happens if it is joined. Parameters as for the class.

        Whether the server let it in tells :meth:`is_connected`, and ``connect_error`` why not.
        A query string or headers for a further namespace replace those the connection began with.

        :raises NotConnectedError: the server takes nobody.
        """
        nsp = as_namespace(namespace)
        if self.is_connected(nsp):
            return
        bind(self._server)
        self.connect_error.pop(nsp, None)
        request = None
        if query_string or headers or not self._open:
            request = handshake(self.app, self._server.config.engine_path, query_string, headers,
                                self.flask_test_client)
        self._do(f'the connect handler of {nsp}', self._join, nsp, request, auth)

    def _join(self, nsp: str, request: Any, auth: Any) -> None:
        if not self._open:
            wire = Wire(self, self._server)
            wire.open(request)
            self._wire = wire
            self.eio_sid = wire.session.sid
            self.clients[self.eio_sid] = self
        elif request is not None:
            self._wire.session.handshake = request
        if nsp not in self._wire.core.sockets:  # not on the way in already
            self._wire.send(self._wire.encode(CONNECT, nsp, None, auth))

    def disconnect(self, namespace: str | None = None) -> None:
        """Leave a namespace; with the last one the connection ends.

        :raises NotConnectedError: it is not joined.
        """
        self._check(namespace)
        self._do(f'the disconnect handler of {namespace or "/"}', self._leave, [namespace or '/'])

    def _leave(self, namespaces: list[str]) -> None:
        wire = self._wire
        for nsp in namespaces:
            wire.send(wire.encode(DISCONNECT, nsp, None, None))
            self.connected.pop(nsp, None)
        wire.close_unused()

    def drop(self, reason: str = TRANSPORT_CLOSE) -> None:
        """Lose the connection without a word, with every namespace.

        :param reason: what disconnect handlers are told.
        :raises NotConnectedError: there is no connection.
        """
        if not self._open:
            raise NotConnectedError('not connected')
        self._do('a disconnect handler', self._wire.session.end, reason)

    def close(self) -> None:
        """Leave every namespace and end the connection; nothing happens if there is none."""
        if self._open:
            self._do('a disconnect handler', self._leave, list(self._wire.core.sockets))

    # -- out ------------------------------------------------------------------------------------

    def emit(self, event: str, *args: Any, callback: bool = False, namespace: str | None = None
             ) -> Any:
        """Send an event, and wait for its handler.

        :param callback: ask for an answer and return it: the value, a list of several or of none,
            or None if there was no answer.
        :raises NotConnectedError: the namespace is not joined.
        :raises TimeoutError: handlers take longer than ``timeout``.
        :raises ValueError: a reserved event name.
        :raises TypeError: arguments that cannot be sent.
        """
        self._check(namespace)
        nsp = namespace or '/'
        id = self._next_id() if callback else 0
        packets = self._server.packets(nsp, event, args, id or None)
        try:
            self._do(f'the handler of {event!r} (namespace {nsp})', self._wire.send, packets)
        finally:
            answer = self._awaited.pop(id, None)
        if answer is None:
            return None
        return answer[0] if len(answer) == 1 else answer

    def _next_id(self) -> int:
        self.callback_counter += 1
        self._awaited[self.callback_counter] = None
        return self.callback_counter

    def send(self, data: Any, json: bool = False, callback: bool = False,
             namespace: str | None = None) -> Any:
        """Send a ``message`` event (``json`` with ``json=True``); see :meth:`emit`."""
        return self.emit('json' if json else 'message', data, callback=callback,
                         namespace=namespace)

    def call(self, event: str, *args: Any, timeout: float | None = None,
             namespace: str | None = None) -> Any:
        """Send an event and return its handler's answer: None, the value, or a tuple of several.

        :param timeout: seconds; ``self.timeout`` by default.
        :raises TimeoutError: no answer in time, or a handler that ended without one.
        :raises NotConnectedError: the namespace is not joined, or was left meanwhile.
        """
        self._check(namespace)
        nsp = namespace or '/'
        id = self._next_id()
        seconds = self.timeout if timeout is None else timeout
        packets = self._server.packets(nsp, event, args, id)
        core = self._wire.core

        def over() -> bool:
            return self._awaited[id] is not None or not self.is_connected(nsp) \
                or core.load.running == 0 and not self._stage.busy()

        try:
            in_time = self._perform(over, seconds, self._wire.send, packets)
            answer = self._awaited[id]
        finally:
            del self._awaited[id]
        if answer is not None:
            return unwrap(answer)
        if not self.is_connected(nsp):
            raise NotConnectedError(f'the connection ended before {event!r} was answered')
        raise TimeoutError(f'{event!r} was not answered: there is no handler for it'
                           if in_time else
                           f'{event!r} was not answered within {seconds:g} s')

    # -- in -------------------------------------------------------------------------------------

    def get_received(self, namespace: str | None = None) -> list[Received]:
        """What a namespace has received since the last call.

        :raises NotConnectedError: it is not joined.
        """
        self._check(namespace)
        nsp = namespace or '/'
        found = [received for received in self.queue if received['namespace'] == nsp]
        self.queue = [received for received in self.queue if received['namespace'] != nsp]
        return found

    def wait_for(self, event: str, timeout: float | None = None, namespace: str | None = None
                 ) -> Received:
        """The next event of a name, taken from the queue; waits until there is one.

        :param timeout: seconds; ``self.timeout`` by default.
        :raises TimeoutError: none came in time.
        :raises NotConnectedError: the namespace is not joined, or was left meanwhile.
        """
        self._check(namespace)
        nsp = namespace or '/'
        seconds = self.timeout if timeout is None else timeout

        def find() -> Received | None:
            for received in self.queue:
                if received['name'] == event and received['namespace'] == nsp:
                    return received
            return None

        self._stage.wait(lambda: find() is not None or bool(self._failures)
                         or not self.is_connected(nsp), seconds)
        self._raise_failure()
        received = find()
        if received is not None:
            self.queue = [other for other in self.queue if other is not received]
            return received
        if not self.is_connected(nsp):
            raise NotConnectedError(f'the connection ended before {event!r} came')
        others = sorted({other['name'] for other in self.queue if other['namespace'] == nsp})
        raise TimeoutError(f'no {event!r} came within {seconds:g} s (namespace {nsp}; came: '
                           f'{", ".join(map(repr, others)) or "nothing"})')

    def on(self, event: str, handler: Callable[..., Any] | None = None,
           namespace: str | None = None) -> Any:
        """Have a function called with each such event; as a decorator, or at once.

        What it returns is the answer, if the server wants one: a tuple is several values, None
        is none. The event stands in ``get_received`` as well.
        """
        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._handlers[namespace or '/', event] = function
            return function

        return register if handler is None else register(handler)

    # -- what the wire tells ----------------------------------------------------------------------

    def take(self, packet: Packet) -> None:
        """A packet has come."""
        nsp = packet.nsp
        if packet.type == CONNECT:
            self.connected[nsp] = True
            self._sids[nsp] = packet.data['sid']
        elif packet.type in (CONNECT_ERROR, DISCONNECT):
            self.connected[nsp] = False
            if packet.type == CONNECT_ERROR:
                self.connect_error[nsp] = packet.data
            self._wire.runtime.loop.run_callback(self._wire.close_unused)
        elif packet.type in (ACK, BINARY_ACK):
            if packet.id in self._awaited:
                self._awaited[packet.id] = packet.data
            else:
                self.acks = {'args': packet.data, 'namespace': nsp}
        else:
            received = Received(self, self._wire, packet)
            self.queue.append(received)
            handler = self._handlers.get((nsp, packet.data[0]))
            if handler is not None:
                Reaction(self._wire, handler, received, packet.data[1:], self.failed).start()

    def failed(self, error: BaseException) -> None:
        """Something to tell the test."""
        self._failures.append(error)

    def lost(self) -> None:
        """The connection has ended."""
        self.connected = dict.fromkeys(self.connected, False)
        self.clients.pop(self.eio_sid, None)

    # -- waiting --------------------------------------------------------------------------------

    def _check(self, namespace: str | None) -> None:
        if not self.is_connected(namespace):
            raise NotConnectedError('not connected')

    def _do(self, what: str, action: Callable[..., Any], *args: Any) -> None:
        """Do something in the loop, and wait until what it causes has come to rest."""
        if not self._perform(self._at_rest, self.timeout, action, *args):
            raise TimeoutError(f'{what} has not ended within {self.timeout:g} s{self._hint()}')

    def _perform(self, condition: Callable[[], bool], seconds: float,
                 action: Callable[..., Any], *args: Any) -> bool:
        """Do something in the loop and wait for a condition; False if it does not come in time."""
        runtime = bind(self._server)
        outcome: list[BaseException | None] = []

        def act() -> None:
            try:
                action(*args)
            except Exception as error:
                outcome.append(error)
            else:
                outcome.append(None)
            self._stage.changed()

        runtime.loop.run_callback(act)
        in_time = self._stage.wait(
            lambda: bool(outcome) and (bool(self._failures) or condition()), seconds)
        if outcome and outcome[0] is not None:
            raise outcome[0]
        self._raise_failure()
        return in_time

    def _at_rest(self) -> bool:
        wire = self._wire
        return wire is None or (wire.closed or wire.used()) and wire.core.idle() \
            and not self._stage.busy()

    def _hint(self) -> str:
        names = sorted({received['name'] for received in self.queue if received.wants_ack})
        if self._stage.reactions:
            return '; a handler of a test client (see on()) is at work'
        return f'; the server waits for an answer to {", ".join(map(repr, names))}' \
            if names else ''

    def _raise_failure(self) -> None:
        if self._failures:
            raise self._failures.pop(0)

    def answer(self, received: Received, values: tuple[Any, ...]) -> None:
        """Answer an event; see :meth:`Received.ack`."""
        self._check(received['namespace'])
        self._do(f'what waited for the answer to {received["name"]!r}', self._wire.send,
                 received.answer(values))

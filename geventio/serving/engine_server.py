"""Engine.IO alone, as a WSGI application: messages without Socket.IO's events and namespaces.

The handshake is answered before the connect handler decides. Until it has accepted the client,
what either side sends is held; a client it refuses gets nothing but the close.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..config import ENGINE_DIALECTS, Config
from ..core.engine import Engine
from ..core.event import FATAL, Callback, log, name_of
from ..core.load import Load, begin
from ..core.registry import takes
from ..core.session import FORCED_SERVER_CLOSE, OVERLOADED, SLOW_CLIENT, Session
from ..core.threads import in_loop
from ..errors import ConfigError, NotConnectedError
from .gateway import Gateway
from .ids import make_id
from .running import run, stop
from .wsgi import WSGIDoor

_EVENTS = ('connect', 'message', 'disconnect')


class EngineServer(WSGIDoor):
    """An Engine.IO server that is itself a WSGI application.

    Handlers: ``connect(sid, environ)`` (False, or an exception, refuses), ``message(sid, data)``
    with str or bytes, ``disconnect(sid[, reason])`` for a client that was accepted. The handlers
    of one client's messages start in the order of arrival; with ``async_handlers=False`` each
    ends before the next begins.

    :param app: a WSGI application for every other path.
    :param options: see :class:`~geventio.config.Config`; ``path`` is ``'engine.io'`` by default.
    :raises ConfigError: an unknown option or a wrong value.
    """

    def __init__(self, app: Any = None, **options: Any) -> None:
        options.setdefault('path', 'engine.io')
        self.config = Config.make(options)
        older = [name for name in self.config.dialects if name not in ENGINE_DIALECTS]
        if older:
            raise ConfigError(f'dialects: {older[0]!r} carries events, which Engine.IO alone does '
                              'not know')
        self.engine = Engine(self.config, make_id, lambda session: _Client(self, session))
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.wsgi_server: Any = None
        super().__init__(Gateway(self.engine), app)

    def on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Register a handler, as a decorator or at once.

        :param event: ``'connect'``, ``'message'`` or ``'disconnect'``.
        :raises ValueError: another event.
        """
        if event not in _EVENTS:
            raise ValueError(f'an Engine.IO server has the events {", ".join(_EVENTS)}, '
                             f'not {event!r}')
        if handler is None:
            return lambda function: self.on(event, function)
        self.handlers[event] = handler
        return handler

    @property
    def runtime(self) -> Any:
        """The loop it lives on; None before it serves."""
        return self.engine.runtime

    @in_loop
    def send(self, sid: str, data: str | bytes) -> None:
        """Send a message to one client, from any thread; held while its connect handler decides.

        :raises NotConnectedError: there is no client with that id.
        :raises TypeError: ``data`` is neither text nor bytes.
        """
        if isinstance(data, str):
            packet: str | bytes = '4' + data
        elif isinstance(data, (bytes, bytearray, memoryview)):
            packet = bytes(data)
        else:
            raise TypeError(f'a message is str or bytes, not {type(data).__name__}')
        client: Any = self._session(sid).upper
        client.send(packet)

    @in_loop
    def disconnect(self, sid: str) -> None:
        """Close one client's session; nothing happens if it is gone."""
        session = self.engine.sessions.get(sid)
        if session is not None:
            session.end(FORCED_SERVER_CLOSE)

    def transport(self, sid: str) -> str:
        """``'polling'`` or ``'websocket'``.

        :raises NotConnectedError: there is no client with that id.
        """
        name: str = self._session(sid).transport.name
        return name

    def _session(self, sid: str) -> Session:
        try:
            return self.engine.sessions[sid]
        except KeyError:
            raise NotConnectedError(f'no client with the id {sid!r}') from None

    def run(self, host: str = '127.0.0.1', port: int = 5000, **options: Any) -> None:
        """Serve until :meth:`stop` or a signal; see ``serving.running.run``."""
        run(self, self, host, port, **options)

    def stop(self) -> None:
        """End every session and the server."""
        stop(self)


class _Client:
    """The layer above a session of an EngineServer: hands packets to handlers, in order."""

    __slots__ = ('_held_in', '_held_out', '_left', '_server', '_session', '_size', 'load')

    def __init__(self, server: EngineServer, session: Session) -> None:
        self._server = server
        self._session = session
        self.load: Load | None = None
        # Until the connect handler has decided; None afterwards.
        self._held_in: list[str | bytes] | None = []
        self._held_out: list[str | bytes] = []
        self._size = 0
        self._left: str | None = None

    def opened(self) -> None:
        handler = self._server.handlers.get('connect')
        if handler is None:
            self._held_in = None
        else:
            self._server.engine.runtime.start(_Connect(self, handler, self._session))

    def receive_text(self, packet: str) -> None:
        self._message(packet[1:])

    def receive_binary(self, data: bytes) -> None:
        self._message(data)

    def _message(self, data: str | bytes) -> None:
        if self._held_in is not None:
            self._held_in.append(data)
            self._hold(len(data), self._server.config.max_http_buffer_size)
            return
        handler = self._server.handlers.get('message')
        if handler is not None:
            self._start(Callback(handler, (self._session.sid, data)), len(data))

    def send(self, packet: str | bytes) -> None:
        if self._held_in is None:
            self._session.send([packet])
        else:
            self._held_out.append(packet)
            self._hold(len(packet), self._server.config.max_outbox_size)

    def _hold(self, size: int, limit: int) -> None:
        self._size += size
        if self._size > limit:
            log.warning('a client was closed: more than %d bytes were held while its connect '
                        'handler ran', limit)
            self._session.end(SLOW_CLIENT)

    def accept(self) -> None:
        """Let the client in. Its messages go on from the loop, so that none overtakes another."""
        self._server.engine.runtime.loop.run_callback(  # type: ignore[attr-defined]
            self._release)

    def _release(self) -> None:
        messages, self._held_in = self._held_in, None
        if self._left is not None:
            self._disconnected(self._left)
            return
        for packet in self._held_out:
            self._session.send([packet])
        self._held_out = []
        for data in messages or ():
            self._message(data)

    def refuse(self) -> None:
        """Keep the client out."""
        if self._left is None:
            self._left = FORCED_SERVER_CLOSE
            self._session.end(FORCED_SERVER_CLOSE)

    def closed(self, reason: str) -> None:
        if self._left is None:
            self._left = reason
            if self._held_in is None:
                self._disconnected(reason)

    def _disconnected(self, reason: str) -> None:
        handler = self._server.handlers.get('disconnect')
        if handler is not None:
            args = (self._session.sid, reason) if takes(handler, 2) else (self._session.sid,)
            job = Callback(handler, args)
            if self._server.config.async_handlers:
                self._server.engine.runtime.start(job)
            else:
                self._start(job, 0)

    def transport_changed(self, transport: Any) -> None:
        pass

    def _start(self, job: Any, size: int) -> None:
        server = self._server
        if not begin(self, job, size, server.engine.runtime.start, server.config):
            log.warning('a client was closed: more than %d bytes of messages waited for its '
                        'handlers (max_waiting_size)', server.config.max_waiting_size)
            self._session.end(OVERLOADED, 1008, 'too many messages')


class _Connect:
    """Runs the connect handler."""

    __slots__ = ('_client', '_handler', '_session')

    def __init__(self, client: _Client, handler: Callable[..., Any], session: Session) -> None:
        self._client = client
        self._handler = handler
        self._session = session

    def run(self) -> None:
        session = self._session
        accepted = False
        try:
            accepted = self._handler(session.sid, session.handshake.environ()) is not False
        except FATAL:
            raise
        except BaseException as error:
            log.error('error in %s, the connect handler', name_of(self._handler), exc_info=error)
        finally:
            if accepted:
                self._client.accept()
            else:
                self._client.refuse()

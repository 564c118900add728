"""``socketio.server.eio``: the connections under the sockets, in the words of python-engineio.

It only looks: the sessions belong to ``core.engine``. Options are read here and set when the
SocketIO object is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gevent.event import Event
from gevent.queue import Empty, JoinableQueue

from ...core.session import FORCED_SERVER_CLOSE
from ...core.threads import in_loop
from .liveview import LiveView

if TYPE_CHECKING:
    from ...core.session import Session
    from .server import ReachedServer


class EngineSocket:
    """One connection.

    :ivar server: the engine it belongs to.
    """

    __slots__ = ('_session', 'server')

    def __init__(self, server: EngineIO, session: Session) -> None:
        self.server = server
        self._session = session

    @property
    def runtime(self) -> Any:
        """The loop it lives on."""
        return self.server.runtime

    @property
    def sid(self) -> str:
        """The transport id, a secret of the client."""
        return self._session.sid

    @property
    def connected(self) -> bool:
        """Whether its handshake is answered; stays so when it is closed."""
        return True

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._session.closed is not None

    closing = closed

    @property
    def upgraded(self) -> bool:
        """Whether it is a WebSocket now."""
        return bool(self._session.transport.name == 'websocket')

    @property
    def upgrading(self) -> bool:
        """Whether it is on its way from polling to WebSocket."""
        return self._session.upgrading is not None

    @in_loop
    def send(self, data: Any) -> None:
        """Send a message below Socket.IO; see :meth:`EngineIO.send`."""
        self._session.send([packet_of(data)])

    @in_loop
    def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """Close the connection, with every namespace it is in. Returns at once.

        :param wait: accepted and not needed.
        :param abort: accepted and not needed.
        :param reason: what disconnect handlers are told; ``'server disconnect'`` by default.
        """
        self._session.end(FORCED_SERVER_CLOSE if reason is None else reason)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EngineSocket) and self._session is other._session

    def __hash__(self) -> int:
        return hash(self._session)

    def __repr__(self) -> str:
        return f'<EngineSocket {self._session.transport.name}>'


class EngineSockets(LiveView[str, EngineSocket]):
    """Transport id -> connection."""

    __slots__ = ('_eio', '_sessions')

    def __init__(self, eio: EngineIO, sessions: dict[str, Session]) -> None:
        self._eio = eio
        self._sessions = sessions

    def __getitem__(self, sid: str) -> EngineSocket:
        return EngineSocket(self._eio, self._sessions[sid])

    def __len__(self) -> int:
        return len(self._sessions)

    def copy(self) -> dict[str, EngineSocket]:
        return {session.sid: EngineSocket(self._eio, session)
                for session in list(self._sessions.values())}


def packet_of(data: Any) -> str | bytes:
    """A message as transport packet.

    :raises TypeError: it is no str, bytes, list or dict.
    """
    if isinstance(data, str):
        return '4' + data
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, (list, dict)):
        return '4' + json.dumps(data, separators=(',', ':'))
    raise TypeError(f'data must be a str, bytes, a list or a dict, not {data!r}')


def _option(name: str) -> Any:
    return property(lambda eio: getattr(eio.config, name),
                    doc=f'The option of that name; see :class:`~geventio.config.Config` ({name}).')


class EngineIO:
    """The engine of a server.

    :ivar config: the options.
    """

    __slots__ = ('_server', 'config')

    async_mode = 'gevent'

    ping_interval = _option('ping_interval')
    ping_interval_grace_period = _option('ping_grace')
    ping_timeout = _option('ping_timeout')
    max_http_buffer_size = _option('max_http_buffer_size')
    allow_upgrades = _option('allow_upgrades')
    http_compression = _option('http_compression')
    compression_threshold = _option('compression_threshold')
    cors_allowed_origins = _option('cors_allowed_origins')
    cors_credentials = _option('cors_credentials')
    transports = _option('transports')
    async_handlers = _option('async_handlers')

    def __init__(self, server: ReachedServer) -> None:
        self._server = server
        self.config = server.config

    @property
    def runtime(self) -> Any:
        """The loop it lives on; None before it serves."""
        return self._server.runtime

    @property
    def reason(self) -> Any:
        """Why a client left; see ``SocketIO.reason``."""
        return self._server.reason

    # -- connections ----------------------------------------------------------------------------

    @property
    def sockets(self) -> EngineSockets:
        """Transport id -> connection. Live."""
        return EngineSockets(self, self._server.engine.sessions)

    def transport(self, sid: str) -> str:
        """``'polling'`` or ``'websocket'``.

        :raises KeyError: there is no such connection.
        """
        return 'websocket' if self.sockets[sid].upgraded else 'polling'

    def send(self, sid: str, data: Any) -> None:
        """Send a message below Socket.IO; nothing happens if the connection is not there.

        :param sid: a transport id.
        :param data: str, bytes, or a list or dict that is written as JSON.
        :raises TypeError: other data.
        """
        packet_of(data)
        socket = self.sockets.get(sid)
        if socket is not None:
            socket.send(data)

    def disconnect(self, sid: str | None = None) -> None:
        """Close a connection, or all of them; nothing happens if it is not there.

        :param sid: a transport id.
        """
        sockets = self.sockets
        if sid is None:
            for socket in sockets.values():
                socket.close()
        elif sid in sockets:
            sockets[sid].close()

    def handle_request(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Serve a request of a client; see ``socketio.server.handle_request``."""
        return self._server.handle_request(environ, start_response)

    def shutdown(self) -> None:
        """End every session; further handshakes are refused."""
        self._server.shutdown()

    # -- tools ----------------------------------------------------------------------------------

    def generate_id(self) -> str:
        """A new unguessable id."""
        return self._server.make_id()

    def create_queue(self, *args: Any, **options: Any) -> JoinableQueue[Any]:
        """A queue for greenlets: gevent's JoinableQueue."""
        return JoinableQueue(*args, **options)

    def get_queue_empty_exception(self) -> type[Exception]:
        """What ``get`` of such a queue raises when it is empty."""
        return Empty

    def create_event(self, *args: Any, **options: Any) -> Event:
        """An event that greenlets can wait for: gevent's Event."""
        return Event(*args, **options)

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function in a greenlet of its own; returns an object with ``join()``."""
        return self._server.start_background_task(target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Pause the calling greenlet and let others run."""
        self._server.sleep(seconds)

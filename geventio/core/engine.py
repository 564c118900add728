"""The registry of engine sessions: transport id -> Session, and the limits on their number.

How a session is asked for over HTTP lives in ``dialects`` and ``serving``; what the sessions
carry is the business of the layer above, which hands in ``upper``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..protocol.engineio import open_packet
from .session import SHUTTING_DOWN, Handshake, Session, Upper

if TYPE_CHECKING:
    from ..config import Config
    from .runtime import Runtime


class Engine:
    """All sessions of one server.

    :param config: the options.
    :param make_id: makes a new unguessable transport id.
    :ivar runtime: the loop it lives on; None before it serves.
    :ivar on_bind: called with the runtime once there is one.
    :ivar on_serve: called once, when clients can come over the network.
    :ivar last_words: transport id -> polling transport of a session the server has closed, which
        waits for one more GET to say so.
    :param upper: called with a new session, returns the layer above it. It is called before the
        handshake is answered and may only queue packets.
    """

    def __init__(self, config: Config, make_id: Callable[[], str],
                 upper: Callable[[Session], Upper]) -> None:
        self.config = config
        self.make_id = make_id
        self.make_upper = upper
        self.sessions: dict[str, Session] = {}
        self.last_words: dict[str, Any] = {}
        self.runtime: Runtime = None  # type: ignore[assignment]
        self.on_bind: list[Callable[[Runtime], Any]] = []
        self.on_serve: list[Callable[[], Any]] = []
        self.serving = False
        self.stopping = False
        announced = (config.ping_interval, config.ping_timeout, config.max_http_buffer_size)
        self._hello = (open_packet((), *announced), open_packet(('websocket',), *announced))

    def bind(self, runtime: Runtime) -> None:
        """Live on a loop from now on."""
        self.runtime = runtime
        for callback in self.on_bind:
            callback(runtime)

    def serve(self) -> None:
        """A server listens for clients from now on; once."""
        self.serving = True
        for callback in self.on_serve:
            callback()

    def full(self) -> bool:
        """Whether no further session may be opened."""
        limit = self.config.max_connections
        return self.stopping or (limit is not None and len(self.sessions) >= limit)

    def open(self, dialect: Callable[[Engine, str, Handshake], Session],
             handshake: Handshake, sid: str | None = None) -> Session:
        """Make and register a session; the caller gives it a transport."""
        if sid is None:
            sid = self.make_id()
        session = self.sessions[sid] = dialect(self, sid, handshake)
        return session

    def forget(self, session: Session) -> None:
        """Remove a session from the registry and from the timers."""
        self.sessions.pop(session.sid, None)
        bucket, session.bucket = session.bucket, None
        if bucket is not None:
            bucket.pop(session, None)

    def close_all(self, reason: str = SHUTTING_DOWN) -> None:
        """End every session; many of them in the next turns of the loop."""
        for session in list(self.sessions.values()):
            self.runtime.spread(session.end, reason, 1001, 'server shutting down')

    def hello(self, session: Session, may_upgrade: bool) -> str:
        """The open packet for a session.

        :param may_upgrade: whether it is told that it may move to WebSocket.
        """
        return self._hello[may_upgrade](session.sid)

"""Engine.IO over HTTP: what a request's query asks for, and the answers to wrong ones.

The order of the checks and the error codes are the protocol's (Engine.IO, "HTTP errors").
Parsing HTTP and writing answers live in ``serving``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..core.session import PING_TIMEOUT, Session
from ..errors import GeventioError
from ..protocol.jsontext import Encoder
from .eio3 import Session3
from .eio4 import Session4

if TYPE_CHECKING:
    from ..core.engine import Engine

_MESSAGES = ('Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request',
             'Forbidden', 'Unsupported protocol version')

UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_METHOD, BAD_REQUEST, FORBIDDEN, UNSUPPORTED_VERSION = range(6)

_encode = Encoder().encode


class Refused(GeventioError):
    """A request that Engine.IO refuses.

    :param code: the protocol's error code, 0 to 5.
    :param message: plain text; by default the protocol's own.
    """

    def __init__(self, code: int, message: str | None = None) -> None:
        self.code = code
        self.message = message or _MESSAGES[code]
        super().__init__(self.message)

    @property
    def status(self) -> int:
        return 403 if self.code == FORBIDDEN else 400

    @property
    def body(self) -> bytes:
        """``{"code":N,"message":"..."}``."""
        return _encode({'code': self.code, 'message': self.message})[0].encode()


#: EIO value -> the session class that speaks it, and the dialect that has to be served.
REVISIONS: dict[str, tuple[type[Session], str]] = {
    '4': (Session4, 'eio4'), '3': (Session3, 'eio3'), '2': (Session3, 'eio3')}


def route(engine: Engine, query: Mapping[str, str], method: str, upgrade: bool
          ) -> Session | Callable[..., Session]:
    """Find the session a request is for, or the class of the one it wants opened.

    :param upgrade: whether the request asks for a WebSocket.
    :raises Refused: the request is wrong; nothing was changed.
    """
    config = engine.config
    transport = query.get('transport')
    if transport not in config.transports:
        raise Refused(UNKNOWN_TRANSPORT)
    sid = query.get('sid')
    if sid is not None:
        session = engine.sessions.get(sid)
        if not isinstance(session, (Session3, Session4)):  # those of other dialects have own doors
            raise Refused(UNKNOWN_SID)
        if session.transport.name == 'polling' and session.overdue():
            session.end(PING_TIMEOUT, 1001, 'ping timeout')
            raise Refused(UNKNOWN_SID)
        if transport == 'websocket':
            if not upgrade:
                raise Refused(BAD_REQUEST)
        elif session.transport.name == 'websocket':
            raise Refused(BAD_REQUEST)
        return session
    if method != 'GET':
        raise Refused(BAD_METHOD)
    if transport == 'websocket' and not upgrade:
        raise Refused(BAD_REQUEST)
    revision = REVISIONS.get(query.get('EIO', ''))
    if revision is None or revision[1] not in config.dialects:
        raise Refused(UNSUPPORTED_VERSION)
    return revision[0]

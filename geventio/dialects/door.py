"""Doors: the URLs of a dialect, and what a request to one of them asks for, said as data.

A dialect with URLs of its own is one Door, which knows which paths are its own and what whoever
comes there wants: one of the outcomes below. Doors read no socket and write none; origins, body
sizes and methods that HTTP itself refuses were judged before. ``serving.doors`` carries out what
they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from ..core.engine import Engine
from ..core.session import Handshake
from ..errors import HTTPError
from ..protocol.chunks import chunk
from .older import Framed, OlderSession, Rewrite

Headers = list[tuple[str, str]]

_origin_at = re.compile(r'[a-z][a-z0-9+.-]*://[^/?#]+').match

TEXT = ('Content-Type', 'text/plain; charset=UTF-8')
NO_STORE = ('Cache-Control', 'no-store')


def page_of(headers: Mapping[str, str]) -> str | None:
    """The origin of a page of another site that fetched something without naming it, if it did.

    Scripts, pictures and frames are fetched like that: browsers say in Sec-Fetch-Site whether the
    page is another site's, and the Referer tells whose. Without one it is ``'null'``.
    """
    if headers.get('sec-fetch-site') not in ('cross-site', 'same-site'):
        return None
    page = _origin_at(headers.get('referer', ''))
    return page[0] if page else 'null'


class Request(Protocol):
    """What a Door sees of a request.

    :ivar path: as in the request line, up to the first ``?``.
    :ivar query: decoded query fields.
    :ivar headers: lower-case names.
    :ivar secure: whether it came over TLS.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    secure: bool

    def handshake(self) -> Handshake: ...


class Reply(NamedTuple):
    """Answer at once."""

    status: int
    headers: Headers
    body: bytes = b''


class Hold(NamedTuple):
    """Answer when there is something to say to a session.

    :ivar answer: makes the answer of packets that wait (see ``OlderSession.batch``); of none when
        the time for that is over.
    """

    session: OlderSession
    answer: Callable[[list[str]], Reply]


class Stream(NamedTuple):
    """Answer with a response that goes on.

    :ivar form: how it looks.
    :ivar prelude: how its body begins.
    """

    session: OlderSession
    form: StreamForm
    prelude: bytes = b''


class Replay(NamedTuple):
    """Answer with a response that goes on where an earlier one broke.

    :ivar after: number of the last piece that the client has; None for a new session, which is
        answered once it was let in.
    """

    session: OlderSession
    form: StreamForm
    after: int | None = None


class Upgrade(NamedTuple):
    """Make a WebSocket of the connection.

    :ivar open: makes the session once the WebSocket is agreed on, or finds it. A packet in its
        place is the only one that the client gets.
    :ivar frames: how packets become frames.
    :ivar protocol: the subprotocol to agree on.
    :ivar old_frames: the same for clients of the drafts before RFC 6455; None refuses them.
    :ivar opens: whether ``open`` makes the session, for which there has to be room.
    """

    open: Callable[[], OlderSession | str]
    frames: Any
    protocol: str | None = None
    old_frames: Any = None
    opens: bool = True


Outcome = Reply | Hold | Stream | Replay | Upgrade


class StreamForm:
    """One kind of response that goes on; a single object for all clients that have it.

    :param rewrite: makes the dialect's packet of Engine.IO's.
    :param frame: a packet as a piece of the body.
    :param headers: of the response.
    :param limited: whether ``response_limit`` holds.
    :param chunked: whether HTTP's own chunks may be used; a body without them ends with the
        connection.
    :ivar plain: packets as pieces, and
    :ivar chunks: as chunks (RFC 9112 section 7.1).
    """

    def __init__(self, rewrite: Rewrite, frame: Callable[[str], bytes], headers: Headers, *,
                 limited: bool = False, chunked: bool = True) -> None:
        self.headers = headers
        self.limited = limited
        self.chunked = chunked
        self.plain = Framed(rewrite, frame)
        self.chunks = Framed(rewrite, lambda packet: chunk(frame(packet)))


class Door:
    """Where the clients of one dialect come in.

    :param engine: the registry of sessions.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.config = engine.config

    def claims(self, path: str) -> bool:
        """Whether a path, without its query, is one of the dialect's URLs."""
        raise NotImplementedError

    def enter(self, request: Request, body: bytes | None) -> Outcome:
        """What a request is to get; it may open a session. Runs in the loop.

        :param body: that of a POST, otherwise None.
        :raises HTTPError: what it is refused with, in plain text.
        :raises ProtocolError: the same with 400.
        """
        raise NotImplementedError

    def origin(self, request: Request) -> str | None:
        """The origin of the page that sent a request, as far as it is known; None if not.

        Version 8 of WebSocket names it in a header of its own.
        """
        headers = request.headers
        origin = headers.get('origin', headers.get('sec-websocket-origin'))
        return page_of(headers) if origin is None else origin

    def foreign(self, request: Request) -> Reply:
        """The answer to a request whose Origin is not allowed."""
        return Reply(403, [TEXT], b'origin not allowed')

    def preflight(self, request: Request, cors: Headers) -> Reply:
        """The answer to OPTIONS.

        :param cors: the headers that say what is allowed.
        """
        return Reply(204, cors)

    def open(self, kind: Callable[..., Any], request: Request, sid: str | None = None) -> Any:
        """Make and register a session.

        :param kind: its class.
        :param sid: its transport id; a new one by default.
        :raises HTTPError: 503, there are too many.
        """
        if self.engine.full():
            raise HTTPError(503, 'Too many connections')
        return self.engine.open(kind, request.handshake(), sid)

    def allow(self, transport: str) -> None:
        """Whether a transport is served at all.

        :param transport: ``'websocket'``, or ``'polling'`` for everything that is HTTP.
        :raises HTTPError: 404, it is not.
        """
        if transport not in self.config.transports:
            raise HTTPError(404, f'{transport} is not served here')

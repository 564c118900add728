"""One HTTP request on our path and its one answer, whoever parsed the request.

Subclasses know where the answer goes: into the loop's own HTTP connection or back through WSGI.
What the answers of polling look like (types, caching, compression, JSONP) lives here.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..protocol.jsonp import callback_body

Headers = list[tuple[str, str]]

TEXT = ('Content-Type', 'text/plain; charset=UTF-8')
_BINARY = ('Content-Type', 'application/octet-stream')
_SCRIPT = ('Content-Type', 'text/javascript; charset=UTF-8')
HTML = ('Content-Type', 'text/html')
_JSON = ('Content-Type', 'application/json')
NO_STORE = ('Cache-Control', 'no-store')
_NO_SNIFF = ('X-Content-Type-Options', 'nosniff')
#: What answers to old Internet Explorers carry.
NO_XSS_FILTER = ('X-XSS-Protection', '0')
#: User agents remembered, because a client repeats its own, and the characters of the longest.
MAX_AGENTS = 256
AGENT_SIZE = 500

_OLD_IE = re.compile(r';MSIE|Trident/')


class Exchange:
    """One request and its answer.

    :ivar method: request method.
    :ivar path: request path.
    :ivar query: decoded query fields.
    :ivar headers: request headers, lower-case names.
    :ivar secure: whether the request came over TLS.
    :ivar jsonp: the ``j`` of the query: the answer is to be a script.
    :ivar extra: headers every answer carries (CORS, cookie).
    :ivar waiter: whom ``aborted(exchange)`` tells that the client went away before the answer.
    """

    __slots__ = ('compress_from', 'extra', 'headers', 'jsonp', 'method', 'path', 'query', 'secure',
                 'waiter')

    def __init__(self, method: str, path: str, query: Mapping[str, str],
                 headers: Mapping[str, str], secure: bool, compress_from: int | None) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.secure = secure
        self.jsonp = query.get('j')
        self.extra: Headers = []
        self.compress_from = compress_from
        self.waiter: Any = None

    @property
    def target(self) -> str:
        """The request target: path and query, still encoded."""
        raise NotImplementedError

    # -- for the transports -------------------------------------------------------------------

    def packets(self, body: bytes, binary: bool) -> None:
        """Answer a GET with a payload."""
        if self.jsonp is not None:
            body = callback_body(self.jsonp, body.decode())
            headers = [_SCRIPT, NO_STORE, _NO_SNIFF]
        elif binary:
            headers = [_BINARY, NO_STORE]
        else:
            compress = self.compress_from
            if not self.extra and (compress is None or len(body) < compress) \
                    and not self.is_from_old_ie():
                return self.plain(body)
            headers = [TEXT, NO_STORE]
        body = self._compressed(body, headers)
        self._protect_old_ie(headers)
        return self.reply(200, headers, body)

    def plain(self, body: bytes) -> None:
        """Answer with text and nothing special."""
        self.reply(200, [TEXT, NO_STORE], body)

    def ok(self) -> None:
        """Answer a POST."""
        if not self.extra and not self.is_from_old_ie():
            return self.plain_ok()
        headers = [HTML, NO_STORE]
        self._protect_old_ie(headers)
        return self.reply(200, headers, b'ok')

    def plain_ok(self) -> None:
        """Answer a POST with nothing special."""
        self.reply(200, [HTML, NO_STORE], b'ok')

    def fail(self, status: int, body: bytes = b'') -> None:
        """Answer with an error; a body is JSON."""
        self.reply(status, [_JSON] if body else [], body)

    def abort(self) -> None:
        """The client went away."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            waiter.aborted(self)

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send the answer. Called once."""
        raise NotImplementedError

    def stream(self, session: Any, form: Any, prelude: bytes, budget: int | None) -> Any:
        """Answer with a response that goes on; returns its transport.

        :param form: a ``StreamForm``.
        :param prelude: how the body begins.
        :param budget: bytes after which it ends.
        """
        raise NotImplementedError

    def upgrade(self, agreed: Any, start: Callable[..., Any]) -> None:
        """Make a WebSocket of the connection.

        :param agreed: what ``Gateway.shake`` agreed on.
        :param start: called in the loop with ``agreed``, the raw socket, the bytes read behind the
            request, the head of the answer if it has not been sent, and a watcher if there is one.
        """
        raise NotImplementedError

    def handshake(self) -> Any:
        """The request as the Handshake of a session."""
        raise NotImplementedError

    def is_binary(self) -> bool:
        """Whether the body of the request is binary."""
        return self.headers.get('content-type', '').startswith('application/octet-stream')

    # -- details ------------------------------------------------------------------------------

    def _compressed(self, body: bytes, headers: Headers) -> bytes:
        if self.compress_from is None or len(body) < self.compress_from:
            return body
        accepted = self.headers.get('accept-encoding', '')
        if 'gzip' in accepted:
            headers.append(('Content-Encoding', 'gzip'))
            body = gzip.compress(body, 6, mtime=0)
        elif 'deflate' in accepted:
            headers.append(('Content-Encoding', 'deflate'))
            body = zlib.compress(body, 6)
        else:
            return body
        headers.append(('Vary', 'Accept-Encoding'))
        return body

    def _protect_old_ie(self, headers: Headers) -> None:
        if self.is_from_old_ie():
            headers.append(NO_XSS_FILTER)

    def is_from_old_ie(self) -> bool:
        """Whether the client is an Internet Explorer that sees scripts in answers."""
        agent = self.headers.get('user-agent')
        return agent is not None and (
            _is_old_ie(agent) if len(agent) <= AGENT_SIZE else _OLD_IE.search(agent) is not None)


@lru_cache(maxsize=MAX_AGENTS)
def _is_old_ie(agent: str) -> bool:
    return _OLD_IE.search(agent) is not None

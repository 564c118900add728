"""Requests in the loop as WSGI middleware shows them to an application.

Only for servers whose application is wrapped in middleware that rewrites the environ (see
``middleware``); all others have plain LoopExchanges, which know no environ.
"""

from __future__ import annotations

from ..protocol.http import Request
from .handshake import LoopHandshake, headers_of
from .http import HTTPConnection
from .loopexchange import LoopExchange


class RewrittenExchange(LoopExchange):
    """An exchange whose headers and scheme are the middleware's where they are judged by.

    That is where an Origin is compared with them. Other requests are worth an environ only when
    they open a session and the middleware cannot wait.

    :raises HTTPError: the middleware failed.
    """

    __slots__ = ('_handshake',)

    def __init__(self, connection: HTTPConnection, request: Request, head: bytes) -> None:
        super().__init__(connection, request, head)
        self._handshake = connection.handshake(head)
        judged = 'origin' in request.headers and connection.gateway.origins.looks_around
        if judged or self._handshake.eager and 'sid' not in self.query:
            environ = self._handshake.environ(request)
            self.headers = headers_of(environ)
            self.secure = environ.get('wsgi.url_scheme') == 'https'

    def handshake(self) -> LoopHandshake:
        return self._handshake

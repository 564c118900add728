"""Which origins may use the server, and the CORS headers that say so.

A browser sends cookies with a WebSocket or a script from any page; the Origin header is what
tells the pages apart (cross-site WebSocket hijacking). It is checked before any state exists.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from ..config import Config
from ..core.registry import takes
from .exchange import Exchange

log = logging.getLogger('geventio')

_PORTS = {'http': ':80', 'https': ':443'}


class Origins:
    """Judges Origin headers as ``cors_allowed_origins`` says.

    :ivar looks_around: whether it goes by more of a request than its Origin header.
    :ivar asks: whether a function decides, each time.
    """

    def __init__(self, config: Config) -> None:
        self._allowed = config.cors_allowed_origins
        self.asks = callable(self._allowed)
        self.looks_around = self._allowed is None or self.asks
        self._credentials = config.cors_credentials
        self._told: set[str] = set()

    def allow(self, origin: str, exchange: Exchange) -> bool:
        """Whether a request with this Origin header may be served."""
        allowed = self._allowed
        if allowed == '*' or allowed == ():
            return True
        if callable(allowed):
            if takes(allowed, 2):
                return bool(allowed(origin, exchange.handshake().environ()))
            return bool(allowed(origin))
        if allowed is None:
            scheme = 'https://' if exchange.secure else 'http://'
            if origin == scheme + exchange.headers.get('host', ''):  # nearly always
                return True
            own = _own(exchange.headers, exchange.secure)
        else:
            own = allowed
        if _plain(origin) in [_plain(o) for o in own] or _is_bare(origin, own):
            return True
        if origin not in self._told and len(self._told) < 100:
            self._told.add(origin)
            log.warning('a request from the origin %.200r was refused; allowed: %s. If the page '
                        'is yours, name its origin in cors_allowed_origins; behind a proxy, let '
                        'it pass the Host header on', origin, ', '.join(own))
        return False

    def is_own(self, origin: str, headers: Mapping[str, str]) -> bool:
        """Whether a request without TLS comes plainly from a page of this server.

        It is then allowed, and there are no headers to say so.
        """
        return self._allowed is None and origin == 'http://' + headers.get('host', '')

    def headers(self, origin: str | None) -> list[tuple[str, str]]:
        """The CORS headers of an answer to an allowed origin, or to one that is not known."""
        if self._allowed == '*' and (origin is None or not self._credentials):
            return [('Access-Control-Allow-Origin', '*')]
        if origin is None or self._allowed is None or self._allowed == ():
            return []
        headers = [('Access-Control-Allow-Origin', origin), ('Vary', 'Origin')]
        if self._credentials:
            headers.append(('Access-Control-Allow-Credentials', 'true'))
        return headers

    def preflight(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """The further headers of the answer to OPTIONS (Fetch standard, CORS protocol)."""
        answer = [('Access-Control-Allow-Methods', 'GET,HEAD,PUT,PATCH,POST,DELETE')]
        asked = headers.get('access-control-request-headers')
        if asked:
            answer += [('Access-Control-Allow-Headers', asked),
                       ('Vary', 'Access-Control-Request-Headers')]
        return answer


def _own(headers: Mapping[str, str], secure: bool) -> list[str]:
    """The origins a page of this very server has.

    A proxy's word is taken too: a page of another site cannot make a browser send these headers
    with a WebSocket, a script or a simple request.
    """
    hosts = [headers.get('host', '')]
    schemes = ['https' if secure else 'http']
    forwarded = headers.get('x-forwarded-host')
    if forwarded:
        hosts.append(forwarded.split(',')[0].strip())
    scheme = headers.get('x-forwarded-proto')
    if scheme:
        schemes.append(scheme.split(',')[0].strip().lower())
    return [f'{scheme}://{host}' for scheme in schemes for host in hosts]


def _is_bare(origin: str, own: Iterable[str]) -> bool:
    """Whether it is an allowed origin without its scheme.

    The WebSocket client of Node's first years sends that; browsers send a scheme or ``null``.
    """
    return origin not in ('', 'null') and origin in [o.partition('://')[2] for o in own]


def _plain(origin: str) -> str:
    """An origin in lower case and without its default port."""
    origin = origin.lower()
    scheme, _, _ = origin.partition(':')
    return origin.removesuffix(_PORTS.get(scheme, '\n'))

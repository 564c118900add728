"""Where our client is meant to differ from the official one, as the scenarios see it.

Each entry is a line of the table in docs/client.md, which has the same reasons.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TRANSPORTS = ('websocket', 'polling', 'upgrade', 'jsonp')


@dataclass(frozen=True)
class Difference:
    """Lines of a scenario's log that are not those of the official client.

    :param scenario: its name.
    :param label: first word of the lines.
    :param reason: as in the table of docs/client.md.
    :param ours: what our client makes of them: the values of each line.
    :param transports: those it is seen with.
    """

    scenario: str
    label: str
    reason: str
    ours: list[list[Any]]
    transports: tuple[str, ...] = TRANSPORTS


LISTENERS = 'A listener that throws is reported as uncaught, and the others are still called.'
DETAILS = 'The details of a disconnect are an `Error` wherever there is something to tell.'
ALL_TRIED = 'A transport that fails is followed by the next one, as with `tryAllTransports`.'
NO_HEADERS = 'JSONP sends no `extraHeaders`: a script has none.'
NO_COOKIES = 'JSONP receives in a frame without origin, which sends no `SameSite` cookies.'
JSONP_ERROR = 'An error of JSONP is called `jsonp poll error`.'
ENGINE = "Of the engine's own events there are `upgrade` and `close`."
ERRORS = 'A manager tells `error` of an attempt that failed, not of a connection that was lost.'
URLS = 'The URL is settled: there are no `addTrailingSlash`, `timestampParam`, `timestampRequests`.'
FIRST = 'WebSocket is tried first.'
JSONP = 'There is JSONP, as up to 4.2.'
UNKNOWN = 'A transport of an unknown name is passed over.'
PARSER = 'There is no `parser` option.'
POLLED = ('polling', 'jsonp')

HANDSHAKE = {'auth': None, 'namespace': '/', 'token': 'text', 'header': None, 'cookie': None}

DIFFERENCES = (
    Difference('a listener that throws', 'the next listener', LISTENERS, [[]]),
    Difference('the network is cut', 'details', DETAILS, [['Error: websocket connection closed']],
               ('websocket', 'upgrade')),
    Difference('the network falls silent', 'details', DETAILS, [['Error: timeout']]),
    Difference('the browser goes offline', 'details', DETAILS,
               [['Error: network connection lost']]),
    Difference('nobody listens', 'error', ALL_TRIED,
               [[True, 'websocket error', 'TransportError']], ('upgrade',)),
    Difference('nobody listens', 'error', JSONP_ERROR,
               [[True, 'jsonp poll error', 'TransportError']], ('jsonp',)),
    Difference('the network is cut', 'details', JSONP_ERROR, [['Error: jsonp poll error']],
               ('jsonp',)),
    Difference('the network is cut', 'errors of the manager', ERRORS, [[0]], POLLED),
    Difference('options of the URL', 'timestampParam', URLS, [[False]], (*POLLED, 'upgrade')),
    Difference('options of the URL', 'addTrailingSlash', URLS, [[False]], (*POLLED, 'upgrade')),
    Difference('the transport of choice', 'by default', FIRST, [['websocket']]),
    Difference('names of transports', 'jsonp', JSONP, [['connected']]),
    Difference('names of transports', 'unknown', UNKNOWN,
               [[{'error': 'no usable transport'}]]),
    Difference('a parser of its own', 'made', PARSER, [[0]]),
    Difference('events of the engine', 'packets', ENGINE, [[False]]),
    Difference('what the server is told', 'options of a transport', NO_HEADERS, [[HANDSHAKE]],
               ('jsonp',)),
    Difference('what the server is told', 'handshake', NO_HEADERS,
               [[{**HANDSHAKE, 'auth': {'user': 'Zoë', 'n': [1]}, 'token': 'a&b=ü'}]],
               ('jsonp',)),
    Difference('cookies go if they may', 'withCredentials', NO_COOKIES, [[None]], ('jsonp',)),
)

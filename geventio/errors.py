"""Every exception geventio raises or hands to an application.

Two families, kept apart on purpose. *Remote* errors say that a peer misbehaved: they cost that
peer its connection, carry the answer it gets, and never reach application code as a traceback.
*Local* errors say that the program using geventio made a mistake or that something it waited for
did not come: they are raised to the caller. No I/O and no policy lives here.
"""

from __future__ import annotations

import builtins
from typing import Any


class GeventioError(Exception):
    """Base of every exception defined by geventio."""


# -- remote: the peer misbehaved ------------------------------------------------------------


class ProtocolError(GeventioError, ValueError):
    """Bytes from a peer that break a protocol; the session ends with ``parse error``."""


class FrameError(ProtocolError):
    """A WebSocket violation.

    :param code: close code to send (RFC 6455 section 7.4.1), for example 1002.
    :param reason: plain text for the close frame, at most 123 bytes of UTF-8.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f'{code} {reason}')
        self.code = code
        self.reason = reason


class HTTPError(GeventioError):
    """A request that is answered with an error status instead of being served.

    :param status: HTTP status code.
    :param reason: plain text for the body; may be empty.
    """

    def __init__(self, status: int, reason: str = '') -> None:
        super().__init__(f'{status} {reason}')
        self.status = status
        self.reason = reason


# -- local: the program misused geventio, or waited in vain ---------------------------------


class ConfigError(GeventioError, TypeError):
    """An option is unknown, misspelt or has a value it cannot have."""


class NotConnectedError(GeventioError, RuntimeError):
    """The client that was to answer is gone, or was never there."""


class TimeoutError(GeventioError, builtins.TimeoutError):
    """An acknowledgement did not arrive in time."""


class UnsupportedError(GeventioError, RuntimeError):
    """What was asked of a client cannot be said in the protocol it speaks."""


class ConnectionRefusedError(GeventioError):
    """Raised by a ``connect`` handler to refuse the client.

    ``ConnectionRefusedError('message', *data)``: the message and the data reach the client in
    CONNECT_ERROR (``err.message`` and ``err.data`` there).
    """

    @property
    def error_args(self) -> dict[str, Any]:
        """The CONNECT_ERROR payload: ``message`` and, when more was given, ``data``."""
        args = self.args
        payload: dict[str, Any] = {
            'message': str(args[0]) if args else 'Connection rejected by server'
        }
        if len(args) > 1:
            payload['data'] = args[1] if len(args) == 2 else list(args[1:])
        return payload

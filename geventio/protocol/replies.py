"""HTTP/1.1 replies as bytes: whole ones, and the heads of those that go on.

Source: RFC 9110 and RFC 9112. What is answered to whom does not live here, nor do sockets.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from .fields import LEGAL, NAMES, is_token

_KEEP_ALIVE = 'Connection: keep-alive\r\n\r\n'
_CLOSE = 'Connection: close\r\n\r\n'
_OWN = frozenset({'content-length', 'transfer-encoding', 'connection'})
_STATUS_LINES = {
    status.value: f'HTTP/1.1 {status.value} {status.phrase}\r\n' for status in HTTPStatus
}


def response(
    status: int,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b'',
    keep_alive: bool = True,
) -> bytes:
    """Write a whole reply as one piece: status line, fields, body.

    Content-Length is added, also to a 204 (without it some browsers wait for a body), but never
    to a 1xx, nor to a 304, where it would be that of another reply (RFC 9110 section 8.6).
    Connection is added too, and may therefore only be given for a 1xx. A reply to HEAD needs an
    empty ``body`` and ``keep_alive=False``.

    :param status: a registered status code; its phrase is the registered one.
    :param headers: (name, value) pairs, Latin-1.
    :param body: must be empty for 1xx, 204 and 304.
    :param keep_alive: False announces that the connection ends after this reply.
    :raises ValueError: for an unknown status, a bad name or value (CR, LF, NUL, any control
        character, not Latin-1), a field this function writes itself, or a body not allowed.
    """
    line = _STATUS_LINES.get(status)
    if line is None:
        raise ValueError(f'unknown status {status}')
    interim = status < 200
    if body and (interim or status == 204 or status == 304):
        raise ValueError(f'a {status} has no body')
    parts = [line]
    for name, value in headers:
        key = NAMES.get(name)
        if key is None:
            if is_token(name) is None:
                raise ValueError(f'bad header name {name!r}')
            key = name.lower()
        if key in _OWN and not (interim and key == 'connection'):
            raise ValueError(f'{name} is written by the server')
        parts.append(f'{name}: {value}\r\n')
    if interim:
        parts.append('\r\n')
    else:
        if status != 304:
            parts.append(f'Content-Length: {len(body)}\r\n')
        parts.append(_KEEP_ALIVE if keep_alive else _CLOSE)
    head = ''.join(parts).encode('latin-1')
    lines = len(parts) if interim else len(parts) + 1
    if head.translate(None, LEGAL) != b'\r\n' * lines:
        raise ValueError('control character in a header value')
    return head + body


def stream_head(headers: Sequence[tuple[str, str]], chunked: bool) -> bytes:
    """The head of a 200 after which the connection ends, at the latest.

    :param headers: (name, value) pairs, as for :func:`response`.
    :param chunked: whether the body comes in chunks; otherwise the end of the connection ends it.
    :raises ValueError: a bad name or value, see there.
    """
    head = response(200, headers, keep_alive=False)
    fields = head[:head.rindex(b'Content-Length: ')]
    coding = b'Transfer-Encoding: chunked\r\n' if chunked else b''
    return fields + coding + b'Connection: close\r\n\r\n'

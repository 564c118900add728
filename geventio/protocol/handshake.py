"""The opening handshake of WebSocket (RFC 6455 section 4): what it asks for, and the answer.

Not in here: parsing or writing HTTP, and which extensions are agreed to.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Container, Mapping
from hashlib import sha1

from ..errors import HTTPError

_ACCEPT_GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'  # RFC 6455 section 1.3
_is_key = re.compile(r'[A-Za-z0-9+/]{22}==').fullmatch  # 16 bytes in base64


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept value for a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    digest = sha1(key.encode('ascii') + _ACCEPT_GUID).digest()
    return b2a_base64(digest, newline=False).decode('ascii')


def _has_token(value: str, token: str) -> bool:
    value = value.lower()
    return value == token or token in [item.strip() for item in value.split(',')]


def check_handshake(method: str, headers: Mapping[str, str],
                    versions: Container[str] = ('13',)) -> str:
    """Check a client's opening handshake (RFC 6455 section 4.2.1).

    :param method: request method, upper case as on the wire.
    :param headers: request headers under lower-case names.
    :param versions: protocol versions that will do. Version 8, of the drafts from hybi-08 on, has
        the same handshake and the same frames.
    :returns: the Sec-WebSocket-Accept value for the 101 answer.
    :raises HTTPError: 405 for another method than GET, 426 for another version, 400 for
        everything else, a request body included. :func:`refusal_headers` has the headers that
        belong to the answer.
    """
    if method != 'GET':
        raise HTTPError(405, 'WebSocket handshake needs GET')
    # What nearly every client sends, before the rules for all others.
    upgrade = headers.get('upgrade', '')
    if upgrade != 'websocket' and not _has_token(upgrade, 'websocket'):
        raise HTTPError(400, 'Upgrade header lacks websocket')
    connection = headers.get('connection', '')
    if connection != 'Upgrade' and not _has_token(connection, 'upgrade'):
        raise HTTPError(400, 'Connection header lacks upgrade')
    version = headers.get('sec-websocket-version', '')
    if version not in versions and version.strip() not in versions:
        raise HTTPError(426, 'WebSocket version must be 13')
    # A body would be read as frames: the request must end with its headers.
    if 'transfer-encoding' in headers \
            or 'content-length' in headers and headers['content-length'].strip() != '0':
        raise HTTPError(400, 'WebSocket handshake with a body')
    key = headers.get('sec-websocket-key', '').strip()
    if not _is_key(key):
        raise HTTPError(400, 'Sec-WebSocket-Key is not 16 bytes in base64')
    return accept_key(key)


def refusal_headers(status: int) -> list[tuple[str, str]]:
    """Headers that go with the answer to a refused handshake, by its HTTP status.

    What the client should have asked for: RFC 9110 section 15.5.6 (405, ``Allow``) and section
    15.5.22 (426, ``Upgrade``), RFC 6455 section 4.4 (``Sec-WebSocket-Version``).
    """
    if status == 405:
        return [('Allow', 'GET')]
    if status == 426:
        return [('Upgrade', 'websocket'), ('Sec-WebSocket-Version', '13')]
    return []

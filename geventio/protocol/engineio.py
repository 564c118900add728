"""Engine.IO payloads, revisions 4 and 3: packets to HTTP bodies and back.

A packet is a ``str`` (a text packet, its type digit included: ``'4hello'``, ``'2probe'``) or
``bytes`` (the data of a binary message, type 4 implied). This module turns sequences of them into
the bodies of polling requests and answers, and writes the open packet. It knows no session: what a
packet means, which of them a peer may send, and how large a body may be is judged by its callers.

Every decoder takes time linear in the body, raises :exc:`ProtocolError` and nothing else, checks
each announced length before it slices, and stops after a close packet (``1``): what follows one
is not looked at. ``1`` is then the last packet of the result.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from json import dumps
from json.encoder import encode_basestring_ascii
from typing import TypeAlias

from ..errors import ProtocolError

Packet: TypeAlias = 'str | bytes'

#: Longest decimal length accepted in a revision 3 payload, in digits.
MAX_LENGTH_DIGITS = 10

SEPARATOR = '\x1e'

_TYPES = frozenset('0123456')
_NON_ASCII = re.compile('[^\x00-\x7f]+')
# What comes before the JSON of a Socket.IO packet: type, attachments, namespace, id.
_SOCKETIO_HEAD = re.compile(r'4[0-6](?:[0-9]+-)?(?:/[^,]*,)?[0-9]*(?=[\[{"])')
# Digits of a revision 3 binary payload are the bytes 0..9, not '0'..'9'.
_TO_DIGITS = bytes.maketrans(b'0123456789', bytes(range(10)))
_FROM_DIGITS = b'0123456789'.ljust(256, b'x')


def open_packet(
    upgrades: Sequence[str],
    ping_interval: float,
    ping_timeout: float,
    max_payload: int,
) -> Callable[[str], str]:
    """Return what makes of a session id the packet that answers a handshake (both revisions).

    The id goes into the packet as it is: it must not hold what JSON would escape.

    :param upgrades: transports the client may move to.
    :param ping_interval: seconds; announced in whole milliseconds.
    :param ping_timeout: seconds; announced in whole milliseconds.
    :param max_payload: largest body or message the server takes, in bytes.
    """
    rest = dumps(
        {
            'upgrades': list(upgrades),
            'pingInterval': round(ping_interval * 1000),
            'pingTimeout': round(ping_timeout * 1000),
            'maxPayload': max_payload,
        },
        separators=(',', ':'),
    )
    behind = '",' + rest[1:]
    return lambda sid: '0{"sid":"' + sid + behind


# -- revision 4 -----------------------------------------------------------------------------


def encode_v4(packets: Sequence[Packet]) -> bytes:
    """Return the UTF-8 body that carries *packets* (at least one) to a revision 4 client.

    A lone surrogate, which UTF-8 cannot carry, leaves as its JSON escape.
    """
    if len(packets) == 1:
        packet = packets[0]
        if isinstance(packet, str):
            return packet.encode('utf-8', 'backslashreplace')
    parts = [p if isinstance(p, str) else 'b' + _base64(p) for p in packets]
    return SEPARATOR.join(parts).encode('utf-8', 'backslashreplace')


def decode_v4(body: str | bytes) -> list[Packet]:
    """Return the packets of a revision 4 body, at least one.

    :raises ProtocolError: not UTF-8, an empty packet, an unknown type, malformed base64.
    """
    if isinstance(body, str):
        text = body
    else:
        try:
            text = body.decode()
        except UnicodeDecodeError as exc:
            packets = decode_v4(body[: exc.start])
            if not _closes(packets):
                raise ProtocolError('payload is not UTF-8') from exc
            return packets
    if SEPARATOR not in text:
        return [text if text[:1] in _TYPES else decode_packet_v4(text)]
    packets = []
    append = packets.append
    for part in text.split(SEPARATOR):
        kind = part[:1]
        if kind == '1':
            append(part)
            break
        append(part if kind in _TYPES else decode_packet_v4(part))
    return packets


def decode_packet_v4(text: str) -> Packet:
    """Return the packet written as *text*: itself, or the data after ``b``.

    :raises ProtocolError: an empty packet, an unknown type, malformed base64.
    """
    kind = text[:1]
    if kind in _TYPES:
        return text
    if kind == 'b':
        return _unbase64(text[1:])
    raise ProtocolError('unknown packet type' if text else 'empty packet')


# -- revision 3 -----------------------------------------------------------------------------


def encode_v3(packets: Sequence[Packet], *, binary_ok: bool) -> tuple[bytes, bool]:
    """Return the body for a revision 3 client, and whether it is the binary payload.

    Clients of generation 1.x and 2.x read the same body: they disagree only on string payloads
    that are not ASCII. So whatever is not ASCII text leaves as a binary payload or, to a client
    that takes none, as JSON escapes. A namespace name has no escapes: such a packet is counted
    the way 2.x does.

    :param binary_ok: false for a client that sent ``b64=1`` or uses JSONP.
    """
    for packet in packets:
        if not (isinstance(packet, str) and packet.isascii()):
            break
    else:
        return encode_v3_text(packets), False
    if binary_ok:
        return encode_v3_binary(packets), True
    return encode_v3_text([_escape(p) if isinstance(p, str) else p for p in packets]), False


def encode_v3_text(packets: Sequence[Packet]) -> bytes:
    """Return the string payload ``<length>:<packet>...``, lengths in UTF-16 code units."""
    parts = []
    for packet in packets:
        if isinstance(packet, str):
            if packet.isascii():
                parts.append(f'{len(packet)}:{packet}')
            else:
                text = packet.encode('utf-8', 'backslashreplace').decode()
                parts.append(f'{len(text.encode("utf-16-le")) // 2}:{text}')
        else:
            text = _base64(packet)
            parts.append(f'{len(text) + 2}:b4{text}')
    return ''.join(parts).encode() if parts else b'0:'


def encode_v3_binary(packets: Sequence[Packet]) -> bytes:
    """Return the binary payload: per packet 0 or 1, the length in bytes, ``ff``, the data."""
    parts: list[bytes] = []
    for packet in packets:
        if isinstance(packet, str):
            data = packet.encode('utf-8', 'backslashreplace')
            parts += b'\0', (b'%d' % len(data)).translate(_TO_DIGITS), b'\xff', data
        else:
            parts += b'\1', (b'%d' % (len(packet) + 1)).translate(_TO_DIGITS), b'\xff\4', packet
    return b''.join(parts)


def decode_v3_text(
    body: str | bytes, legacy: bool | None = None
) -> tuple[list[Packet], bool | None]:
    """Return the packets of a string payload, and what is now known of the client.

    Clients of generation 1.x encode each packet to UTF-8 before they count and send it, those of
    2.x do not, and both announce the same revision. A body that could be the work of a 1.x client
    is read as such, until the session has sent one that no 1.x client can have written.

    :param legacy: what the session knew: None nothing, True likely 1.x, False certainly 2.x.
        Hand the second result back with the next body of that session.
    :raises ProtocolError: not UTF-8, malformed or mismatched lengths, an unknown type, malformed
        base64.
    """
    if isinstance(body, str):
        text = body
    else:
        try:
            text = body.decode()
        except UnicodeDecodeError as exc:
            packets, legacy = decode_v3_text(body[: exc.start], legacy)
            if not _closes(packets):
                raise ProtocolError('payload is not UTF-8') from exc
            return packets, legacy
    if text == '0:':
        return [], legacy
    if text.isascii():
        parts = _split(text)
    elif legacy is not False and _looks_legacy(text):
        legacy = True
        # A malformed character is only possible where a close packet was cut short.
        parts = [p.encode('latin-1').decode('utf-8', 'replace') for p in _split(text)]
    else:
        legacy = False
        units = text.encode('utf-16-le', 'surrogatepass')
        parts = _split(text) if len(units) == 2 * len(text) else _split_utf16(units)
    return [p if p[0] in _TYPES else decode_packet_v3(p) for p in parts], legacy


def decode_v3_binary(body: bytes) -> list[Packet]:
    """Return the packets of a binary payload.

    :raises ProtocolError: malformed or mismatched lengths, a text packet that is not UTF-8, an
        unknown type, binary data that is not of type 4.
    """
    packets: list[Packet] = []
    pos, size = 0, len(body)
    while pos < size:
        start = body.find(b'\xff', pos + 1, pos + 2 + MAX_LENGTH_DIGITS) + 1
        digits = body[pos + 1 : start - 1].translate(_FROM_DIGITS) if start else b''
        if not digits.isdigit():
            raise ProtocolError('malformed packet length')
        binary = body[pos]
        pos = start + int(digits)
        if pos > size or pos == start:
            raise ProtocolError('packet length does not match')
        if binary == 0:
            try:
                text = body[start:pos].decode()
            except UnicodeDecodeError as exc:
                raise ProtocolError('packet is not UTF-8') from exc
            packets.append(text if text[0] in _TYPES else decode_packet_v3(text))
            if text[0] == '1':
                break
        elif binary == 1 and body[start] == 4:
            packets.append(body[start + 1 : pos])
        else:
            raise ProtocolError('unknown packet type')
    return packets


def decode_packet_v3(text: str) -> Packet:
    """Return the packet written as *text*: itself, or the data after ``b4``.

    :raises ProtocolError: an empty packet, an unknown type, malformed base64.
    """
    if text[:1] in _TYPES:
        return text
    if text[:2] == 'b4':
        return _unbase64(text[2:])
    raise ProtocolError('unknown packet type' if text else 'empty packet')


# -- parts ----------------------------------------------------------------------------------


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode('ascii')


def _unbase64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as exc:
        raise ProtocolError('malformed base64') from exc


def _closes(packets: list[Packet]) -> bool:
    last = packets[-1] if packets else ''
    return isinstance(last, str) and last[:1] == '1'


def _escape(text: str) -> str:
    """Write what is not ASCII in the JSON of a Socket.IO packet as ``\\uXXXX``."""
    head = None if text.isascii() else _SOCKETIO_HEAD.match(text)
    if head is None:
        return text
    return head[0] + _NON_ASCII.sub(
        lambda run: encode_basestring_ascii(run[0])[1:-1], text[head.end() :]
    )


def _looks_legacy(text: str) -> bool:
    """Tell whether *text*, which is not ASCII, is UTF-8 that was taken for characters."""
    try:
        text.encode('latin-1').decode()
    except UnicodeError:
        return False
    return True


def _split(text: str) -> list[str]:
    """Cut a string payload whose characters are the units counted."""
    parts = []
    find = text.find
    pos, size = 0, len(text)
    while pos < size:
        start = find(':', pos, pos + 1 + MAX_LENGTH_DIGITS) + 1
        digits = text[pos : start - 1] if start else ''
        if not (digits.isdigit() and digits.isascii()):
            raise ProtocolError('malformed packet length')
        pos = start + int(digits)
        if pos > size or pos == start:
            raise ProtocolError('packet length does not match')
        parts.append(text[start:pos])
        if text[start] == '1':
            break
    if not parts:
        raise ProtocolError('empty payload')
    return parts


def _split_utf16(units: bytes) -> list[str]:
    """Cut a string payload given in UTF-16: two bytes for each unit counted."""
    parts = []
    pos, size = 0, len(units)
    while pos < size:
        head = units[pos : pos + 2 * (1 + MAX_LENGTH_DIGITS)].decode('utf-16-le', 'replace')
        digits, colon, _ = head.partition(':')
        if not (colon and digits.isdigit() and digits.isascii()):
            raise ProtocolError('malformed packet length')
        start = pos + 2 * (len(digits) + 1)
        pos = start + 2 * int(digits)
        if pos > size or pos == start:
            raise ProtocolError('packet length does not match')
        try:
            part = units[start:pos].decode('utf-16-le')
        except UnicodeDecodeError as exc:
            raise ProtocolError('packet length cuts a character') from exc
        parts.append(part)
        if part[0] == '1':
            break
    return parts

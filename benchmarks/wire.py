"""Bytes of the wire: WebSocket frames (RFC 6455) and the Socket.IO packets of the application.

Pure functions. They serve a load generator, not the product: a client that sends small unfragmented
text frames and reads unmasked ones. Nothing of the servers under test is imported, so that a fault
in their codec cannot hide here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
_MASK = os.urandom(4)


def header(opcode: int, length: int, masked: bool = False) -> bytes:
    """The first bytes of an unfragmented frame (RFC 6455 section 5.2), without the mask."""
    bit = 0x80 if masked else 0
    if length < 126:
        return bytes((0x80 | opcode, bit | length))
    if length < 65536:
        return bytes((0x80 | opcode, bit | 126)) + length.to_bytes(2, 'big')
    return bytes((0x80 | opcode, bit | 127)) + length.to_bytes(8, 'big')


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A masked frame, as a client must send it."""
    size = len(payload)
    key = int.from_bytes((_MASK * (size // 4 + 1))[:size], 'big')
    body = (int.from_bytes(payload, 'big') ^ key).to_bytes(size, 'big')
    return header(opcode, size, masked=True) + _MASK + body


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """An unmasked frame, as a server must send it."""
    return header(opcode, len(payload)) + payload


def split_frame(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """Opcode, payload and rest of the first whole server frame, or None for part of one.

    :raises ValueError: for a fragmented, masked or compressed frame, none of which was agreed on.
    """
    if len(buffer) < 2:
        return None
    if buffer[0] & 0xF0 != 0x80 or buffer[1] & 0x80:
        raise ValueError(f'a frame that begins with {buffer[:2].hex()}')
    start, length = 2, buffer[1]
    if length >= 126:
        start = 4 if length == 126 else 10
        length = int.from_bytes(buffer[2:start], 'big')
    end = start + length
    if len(buffer) < end or len(buffer) < start:
        return None
    return buffer[0] & 0x0F, buffer[start:end], buffer[end:]


def handshake(port: int, cookie: str = '') -> tuple[bytes, bytes]:
    """An upgrade request for Engine.IO 4, and the header line that must be in its answer."""
    key = base64.b64encode(os.urandom(16)).decode()
    proof = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest())
    request = (
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n'
        f'Host: 127.0.0.1:{port}\r\n'
        'Upgrade: websocket\r\n'
        'Connection: Upgrade\r\n'
        f'Sec-WebSocket-Key: {key}\r\n'
        + (f'Cookie: {cookie}\r\n' if cookie else '')
        + 'Sec-WebSocket-Version: 13\r\n\r\n'
    )
    return request.encode(), proof


def event(name: str, data: Any, ack: str = '') -> bytes:
    """A Socket.IO 5 EVENT on the main namespace inside an Engine.IO message."""
    return f'42{ack}'.encode() + compact([name, data])


def ack(number: str, data: Any) -> bytes:
    """A Socket.IO 5 ACK that brings back ``data``."""
    return f'43{number}'.encode() + compact([data])


def data_of(number: int, padding: str) -> dict[str, str]:
    """Data of always the same size, told apart by their number."""
    return {'n': f'{number:010}', 'p': padding}


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(',', ':')).encode()


def same_packet(one: bytes, other: bytes) -> bool:
    """Whether two packets differ in the spacing of their JSON at most."""
    if one == other:
        return True
    head, bracket, rest = one.partition(b'[')
    other_head, _, other_rest = other.partition(b'[')
    if head != other_head or not bracket:
        return False
    try:
        return bool(json.loads(bracket + rest) == json.loads(bracket + other_rest))
    except ValueError:
        return False

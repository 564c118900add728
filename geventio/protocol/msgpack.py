"""Socket.IO packets as MessagePack: each packet one map in one binary message, no attachments.

Works like :mod:`geventio.protocol.socketio` for sessions whose both ends were configured for it,
with the types 0 to 4 only. The values are written and read by the package ``msgpack``, an
optional extra that is imported at the first use; what a peer announces is checked here before
that package allocates anything for it.

Two codecs are in use by clients. notepack 2, the one of the official parser, writes ``undefined``
as extension 0 with one byte and a date as extension 0 with eight: milliseconds since 1970.
notepack 3 writes nil and the timestamp of the MessagePack specification. Both forms are read.
Dates are written the first way, which either of them understands.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib import import_module
from typing import Any, Final

from ..errors import ConfigError, ProtocolError
from .jsontext import MAX_DEPTH
from .socketio import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, MAX_ID_DIGITS, check_event

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MAX_ID: Final = 10**MAX_ID_DIGITS - 1


def encode(type: int, nsp: str, data: Any, id: int | None) -> bytes:
    """Return the message that carries a packet.

    :param type: 0 to 4; an event with binary values stays an event.
    :param nsp: namespace.
    :param data: of JSON types, bytes-like values and aware :class:`~datetime.datetime` objects;
        None for none.
    :param id: acknowledgement id, or None.
    :raises ConfigError: the package ``msgpack`` is not installed.
    :raises TypeError: a value that has no form in MessagePack, or a datetime without a zone.
    """
    packet: dict[str, Any] = {'type': type}
    if data is not None:
        packet['data'] = data
    packet['nsp'] = nsp
    if id is not None:
        packet['id'] = id
    packb = _library().packb
    try:
        body: bytes = packb(packet, default=_pack_date)
    except UnicodeEncodeError:
        # A lone surrogate: JSON can carry it, UTF-8 cannot.
        body = packb(packet, default=_pack_date, unicode_errors='replace')
    return body


def decode(body: bytes, *, max_depth: int = MAX_DEPTH) -> tuple[int, str, int | None, Any]:
    """Return type, namespace, acknowledgement id or None, and data or None of a packet.

    ``undefined`` reads as None, a date as a :class:`~datetime.datetime` in UTC.

    :param max_depth: deepest nesting of arrays and maps inside the packet.
    :raises ConfigError: the package ``msgpack`` is not installed.
    :raises ProtocolError: anything that is not one whole packet of the right shape.
    """
    unpackb = _library().unpackb
    if len(body) > max_depth or _LONG.search(body):
        body = _checked(body, max_depth + 1)
    try:
        packet = unpackb(body, ext_hook=_unpack_extension, timestamp=3)
    except ProtocolError:
        raise
    except (ValueError, OverflowError) as exc:
        raise ProtocolError('broken MessagePack') from exc
    if packet.__class__ is not dict:
        raise ProtocolError('a packet must be a map')
    get = packet.get
    type, nsp, id, data = get('type'), get('nsp'), get('id'), get('data')
    if nsp.__class__ is not str:
        raise ProtocolError('a namespace must be a string')
    if id is None:
        if 'id' in packet:
            raise ProtocolError('an id must be an integer')
    elif id.__class__ is not int or not 0 <= id <= _MAX_ID:
        raise ProtocolError('an id must be an integer of few digits')
    if type.__class__ is not int or not CONNECT <= type <= CONNECT_ERROR:
        raise ProtocolError('unknown packet type')
    if type == EVENT:
        check_event(data)
    elif type == ACK:
        if data.__class__ is not list:
            raise ProtocolError('the data of an acknowledgement must be an array')
    elif type == CONNECT:
        if data is not None and data.__class__ is not dict:
            raise ProtocolError('the data of CONNECT must be a map')
    elif type == DISCONNECT:
        if data is not None:
            raise ProtocolError('DISCONNECT carries no data')
    elif data.__class__ is not str and data.__class__ is not dict:
        raise ProtocolError('the data of CONNECT_ERROR must be a string or a map')
    return type, nsp, id, data


@cache
def _library() -> Any:
    try:
        return import_module('msgpack')
    except ImportError as exc:
        raise ConfigError(
            'MessagePack needs the package msgpack: pip install geventio[msgpack]'
        ) from exc


# -- values ---------------------------------------------------------------------------------


def _pack_date(value: Any) -> Any:
    if not isinstance(value, datetime):
        raise TypeError(f'{value.__class__.__name__} has no form in MessagePack')
    if value.utcoffset() is None:
        raise TypeError('a datetime without a time zone is not a point in time')
    return _library().ExtType(0, struct.pack('>q', (value - _EPOCH) // _MILLISECOND))


def _unpack_extension(code: int, data: bytes) -> datetime | None:
    if code == 0:
        if len(data) == 1:
            return None
        if len(data) == 8:
            return _EPOCH + int.from_bytes(data, 'big', signed=True) * _MILLISECOND
    raise ProtocolError('unknown MessagePack extension')


# -- structure ------------------------------------------------------------------------------


def _sizes() -> list[int]:
    """Return what each first byte says.

    Positive: the bytes of the whole value. Negative: how many values an array or map has. Zero:
    a length follows.
    """
    sizes = [0] * 256
    for first in (*range(0x80), 0xC0, 0xC2, 0xC3, *range(0xE0, 0x100)):
        sizes[first] = 1
    for length in range(32):
        sizes[0xA0 + length] = 1 + length
    for count in range(16):
        sizes[0x80 + count] = -2 * count or 1
        sizes[0x90 + count] = -count or 1
    sizes[0xCA:0xD4] = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9]  # float, uint, int
    sizes[0xD4:0xD9] = [3, 4, 6, 10, 18]  # fixext: a type byte each
    return sizes


_SIZES: Final = _sizes()
# For str, bin and ext with a length: how many bytes it has, and how many follow besides it.
_LENGTHS: Final = {
    0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0),
    0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1),
    0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0),
}  # fmt: skip
# For arrays and maps with a length: how many bytes it has, and the values per entry.
_COUNTS: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
# Without one of these bytes a body of few bytes cannot announce much, nor hold an ArrayBuffer.
_LONG: Final = re.compile(rb'[\xc7-\xc9\xdc-\xdf]')


def _checked(body: bytes, max_depth: int) -> bytes:
    """Return *body* when it is one whole value of limited depth that keeps its promises.

    An array may announce billions of values in five bytes, and readers allocate what is
    announced. Here the values still owed by all open arrays and maps together never exceed the
    bytes that are left.

    Extension 0 with an explicit length is how notepack 2 writes an ArrayBuffer. It comes back as
    ``bin``, so that one of eight bytes is not taken for a date.
    """
    sizes = _SIZES
    pos, size = 0, len(body)
    owed = 1
    # What was still owed beside each open container: when it is reached again, that one is full.
    marks: list[int] = []
    buffers: list[int] = []
    while owed:
        if owed > size - pos:
            raise ProtocolError('MessagePack announces more than it holds')
        first = body[pos]
        step = sizes[first]
        if step > 0:
            pos += step
            owed -= 1
            continue
        if step:
            pos += 1
            count = -step
        elif first in _LENGTHS:
            width, extra = _LENGTHS[first]
            start = pos + 1 + width
            if extra and body[start : start + 1] == b'\0':
                buffers.append(pos)
            pos = start + extra + int.from_bytes(body[pos + 1 : start], 'big')
            owed -= 1
            continue
        elif first in _COUNTS:
            width, factor = _COUNTS[first]
            start = pos + 1 + width
            count = factor * int.from_bytes(body[pos + 1 : start], 'big')
            pos = start
        else:
            raise ProtocolError('broken MessagePack')
        while marks and marks[-1] >= owed:
            marks.pop()
        owed -= 1
        marks.append(owed)
        if len(marks) > max_depth:
            raise ProtocolError('MessagePack nested too deep')
        owed += count
    if pos != size:
        raise ProtocolError('MessagePack with a wrong length')
    return _with_binary(body, buffers) if buffers else body


def _with_binary(body: bytes, buffers: list[int]) -> bytes:
    """Return *body* with the ext values at these positions turned into bin."""
    parts: list[bytes] = []
    done = 0
    for pos in buffers:
        width = _LENGTHS[body[pos]][0]
        parts += body[done:pos], bytes((body[pos] - 3,)), body[pos + 1 : pos + 1 + width]
        done = pos + 2 + width
    parts.append(body[done:])
    return b''.join(parts)

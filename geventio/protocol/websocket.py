"""WebSocket frames (RFC 6455) as pure functions of bytes.

In here: builders that turn a payload into one frame, and :class:`FrameReader`, which turns
whatever a socket yields into whole messages and control frames. Not in here: the opening
handshake, masking, sockets, clocks, policy on pings, and compression, which reaches the reader
as a callable (see :mod:`geventio.protocol.deflate`).

A server's frames carry no mask, so that one frame can be shared by any number of connections.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TypeAlias

from ..errors import FrameError
from .mask import apply_mask, unmasked

# RFC 6455 section 5.2
OP_CONT = 0x0
OP_TEXT = 0x1
OP_BINARY = 0x2
OP_CLOSE = 0x8
OP_PING = 0x9
OP_PONG = 0xA

#: Fragments one message may come in. Bounds the work a peer can order with empty fragments, which
#: no size limit sees; a message of 1 MB in 16-byte fragments still passes.
MAX_FRAGMENTS = 65_536

_MAX_CONTROL = 125  # RFC 6455 section 5.5

_Utf8Decoder = codecs.getincrementaldecoder('utf-8')


class CloseCode(IntEnum):
    """Close codes of RFC 6455 section 7.4.1 and the IANA registry it opens."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


# 1004 has no meaning; 1005, 1006 and 1015 stand for the absence of a close frame.
_WIRE_CODES = frozenset(set(CloseCode) - {1005, 1006, 1015})


# -- outgoing frames --------------------------------------------------------------------------


_medium_head = struct.Struct('!BBH').pack


def _head(first: int, size: int, mask_bit: int = 0) -> bytes:
    if size < 126:
        return bytes((first, mask_bit | size))
    if size < 65_536:
        return _medium_head(first, mask_bit | 126, size)
    return struct.pack('!BBQ', first, mask_bit | 127, size)


_SHORT_TEXT = tuple(_head(0x80 | OP_TEXT, size) for size in range(126))


def text_frame(text: str) -> bytes:
    """One unmasked text frame.

    :raises UnicodeEncodeError: a lone surrogate, which UTF-8 cannot carry.
    """
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return _SHORT_TEXT[size] + payload
    if size < 65_536:
        return _medium_head(0x80 | OP_TEXT, 126, size) + payload
    return _head(0x80 | OP_TEXT, size) + payload


def binary_frame(payload: bytes) -> bytes:
    """One unmasked binary frame."""
    return _head(0x80 | OP_BINARY, len(payload)) + payload


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False,
          mask: bytes | None = None) -> bytes:
    """Any one frame (RFC 6455 section 5.2).

    :param opcode: one of the ``OP_`` constants.
    :param payload: at most 125 bytes for a control frame.
    :param fin: whether this is the last fragment of its message.
    :param rsv1: set on the first frame of a compressed message (RFC 7692 section 6).
    :param mask: four bytes, which a client's frame must have and a server's must not.
    :raises ValueError: a control frame that is fragmented or too long, a mask of another size.
    """
    size = len(payload)
    if opcode >= OP_CLOSE and (not fin or size > _MAX_CONTROL):
        raise ValueError('a control frame is one fragment of at most 125 bytes')
    first = opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    if mask is None:
        return _head(first, size) + payload
    if len(mask) != 4:
        raise ValueError('a mask is four bytes')
    return _head(first, size, 0x80) + mask + apply_mask(payload, mask)


@lru_cache(maxsize=64)
def close_frame(code: int | None, reason: str = '') -> bytes:
    """One unmasked close frame (RFC 6455 section 5.5.1).

    :param code: None for a frame without status, which then carries no reason either.
    :param reason: cut to 123 bytes of UTF-8, never inside a character.
    :raises ValueError: for a code that must not be sent (RFC 6455 section 7.4).
    """
    if code is None:
        return frame(OP_CLOSE, b'')
    if code not in _WIRE_CODES and not 3000 <= code <= 4999:
        raise ValueError(f'close code {code} cannot be sent')
    text = reason.encode('utf-8', 'replace')
    if len(text) > _MAX_CONTROL - 2:
        text = text[: _MAX_CONTROL - 2].decode('utf-8', 'ignore').encode()
    return frame(OP_CLOSE, struct.pack('!H', code) + text)


# -- incoming frames --------------------------------------------------------------------------


@dataclass(slots=True)
class Ping:
    """A ping; its `data` (at most 125 bytes) is to be returned in a pong."""

    data: bytes


@dataclass(slots=True)
class Pong:
    """A pong, asked for or not."""

    data: bytes


@dataclass(slots=True)
class Close:
    """The peer's close frame: `code` is None when it gave no status."""

    code: int | None
    reason: str


#: ``inflate(payload, limit) -> bytes``; raises FrameError.
Inflate: TypeAlias = Callable[[bytes, int], bytes]

#: What :meth:`FrameReader.feed` yields: ``str`` and ``bytes`` are whole text and binary messages.
Event: TypeAlias = str | bytes | Ping | Pong | Close | FrameError


class _Partial:
    """A message of which some fragments are still to come."""

    __slots__ = ('compressed', 'data', 'decoder', 'fragments', 'text')

    def __init__(self, first: int) -> None:
        self.text = first & 0x0F == OP_TEXT
        self.compressed = bool(first & 0x40)
        self.data = bytearray()
        self.fragments = 0
        self.decoder = _Utf8Decoder() if self.text and not self.compressed else None


class FrameReader:
    """Bytes from a peer in, messages and control frames out (RFC 6455 section 5).

    :param max_size: bytes a message may have, before and after inflating. Judged from a frame's
        header, before any of its payload is kept, and over all fragments of a message.
    :param inflate: ``inflate(payload, limit) -> bytes`` when permessage-deflate was negotiated;
        it raises :exc:`~geventio.errors.FrameError`. Without it RSV1 is a protocol error.
    :param client: read what a server sends, which must be unmasked, instead of what a client
        sends, which must be masked.
    """

    __slots__ = ('_alone', '_buffer', '_client', '_closed', '_inflate', '_max_size', '_need',
                 '_partial', '_small')

    def __init__(
        self, max_size: int, *, inflate: Inflate | None = None, client: bool = False
    ) -> None:
        self._max_size = max_size
        self._inflate = inflate
        self._client = client
        self._closed = False
        self._partial: _Partial | None = None
        self._buffer: bytearray | None = None  # starts at a frame that is not complete
        self._need = 0  # length of _buffer that allows the next step
        # Longest read that may be one small frame; _small is 0 while it could not be.
        self._alone = self._small = 0 if client else 6 + min(_MAX_CONTROL, max_size)

    def lone_text(self, data: bytes) -> str | None:
        """The text of the one whole frame of at most 125 bytes that ``data`` is, as it nearly
        always is; None if it is anything else, which is then for :meth:`feed`."""
        if 6 <= len(data) <= self._small and data[1] == len(data) + 122 and data[0] == 0x81:
            try:
                return unmasked(data).decode()
            except UnicodeDecodeError:
                pass
        return None

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes in the order of arrival and give what they complete.

        Close and FrameError are the last item of a list, and of all lists: what comes after them
        is ignored. A FrameError is an item, not raised, so that the messages before the fault are
        delivered; its code and reason belong in the close frame. 1002 is a breach of framing,
        1007 bad UTF-8 or bad compressed data, 1008 a message in too many fragments, 1009 a
        message that is too big.
        """
        size = len(data)
        # A close frame mostly comes alone.
        if 6 <= size <= self._small and data[1] == size + 122 and data[0] == 0x88:
            self._end()
            try:
                return [_control(OP_CLOSE, unmasked(data))]
            except FrameError as error:
                return [FrameError(error.code, error.reason)]
        if self._closed:
            return []
        events: list[Event] = []
        whole: bytes | bytearray = data
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._need:
                return events
            whole = self._buffer
        try:
            rest = self._parse(whole, events)
        except FrameError as error:
            # A fresh one: the one caught holds on to this call's frames and so to the payload.
            events.append(FrameError(error.code, error.reason))
            self._end()
            return events
        if not self._closed:
            if rest == len(whole):
                self._buffer = None
            elif rest or self._buffer is None:
                self._buffer = bytearray(whole[rest:])
            self._small = 0 if self._buffer or self._partial else self._alone
        return events

    def _end(self) -> None:
        self._closed = True
        self._buffer = self._partial = None
        self._small = 0

    def _parse(self, data: bytes | bytearray, events: list[Event]) -> int:
        """Append what `data` holds to `events`; return the offset of the first incomplete frame.

        Each frame is judged as soon as its header shows a fault, complete or not.
        """
        at = 0
        size = len(data)
        mask_size, mask_bit = (0, 0) if self._client else (4, 0x80)
        while size - at >= 2:
            first = data[at]
            length = data[at + 1] & 0x7F
            if first != 0x81 or self._partial is not None:  # not one whole text message
                self._check_head(first, length)
            if data[at + 1] & 0x80 != mask_bit:
                raise FrameError(CloseCode.PROTOCOL_ERROR, 'mask missing or out of place')
            start = at + 2
            if length > _MAX_CONTROL:
                width, least = (2, 126) if length == 126 else (8, 65_536)
                if size < start + width:
                    self._need = 2 + width
                    return at
                length = int.from_bytes(data[start : start + width], 'big')
                start += width
                # RFC 6455 section 5.2: the shortest form of three, and 63 bits at most
                if length < least or length >> 63:
                    raise FrameError(CloseCode.PROTOCOL_ERROR, 'invalid payload length')
            opcode = first & 0x0F
            if opcode < OP_CLOSE:
                held = len(self._partial.data) if self._partial is not None else 0
                if held + length > self._max_size:
                    reason = f'message over {self._max_size} bytes'
                    raise FrameError(CloseCode.MESSAGE_TOO_BIG, reason)
            end = start + mask_size + length
            if end > size:
                self._need = end - at
                return at
            if mask_size:
                payload = apply_mask(data[start + 4 : end], data[start : start + 4])
            else:
                payload = bytes(data[start:end])
            at = end
            if first == 0x81:
                events.append(_decode(payload))
            elif opcode >= OP_CLOSE:
                events.append(_control(opcode, payload))
                if opcode == OP_CLOSE:
                    self._end()
                    return at
            elif first & 0x80 and opcode:
                events.append(self._message(opcode == OP_TEXT, bool(first & 0x40), payload))
            else:
                message = self._fragment(first, payload)
                if message is not None:
                    events.append(message)
        self._need = 2
        return at

    def _check_head(self, first: int, length: int) -> None:
        """Judge the first byte and the length bits of a frame (sections 5.2, 5.4 and 5.5)."""
        opcode = first & 0x0F
        fault = ''
        if first & 0x30:
            fault = 'reserved bit set'
        elif first & 0x40 and (self._inflate is None or not 0 < opcode < OP_CLOSE):
            fault = 'unexpected compression bit'
        elif OP_BINARY < opcode < OP_CLOSE or opcode > OP_PONG:
            fault = 'reserved opcode'
        elif opcode >= OP_CLOSE:
            if not first & 0x80:
                fault = 'fragmented control frame'
            elif length > _MAX_CONTROL:
                fault = 'control frame over 125 bytes'
        elif opcode == OP_CONT:
            if self._partial is None:
                fault = 'continuation of no message'
        elif self._partial is not None:
            fault = 'new message inside a fragmented one'
        if fault:
            raise FrameError(CloseCode.PROTOCOL_ERROR, fault)

    def _message(self, text: bool, compressed: bool, payload: bytes) -> str | bytes:
        if compressed and self._inflate is not None:
            payload = self._inflate(payload, self._max_size)
        return _decode(payload) if text else payload

    def _fragment(self, first: int, payload: bytes) -> str | bytes | None:
        """Add a fragment to the message in progress, which is returned when complete."""
        partial = self._partial
        if partial is None:
            partial = self._partial = _Partial(first)
        partial.fragments += 1
        if partial.fragments > MAX_FRAGMENTS:
            raise FrameError(CloseCode.POLICY_VIOLATION, f'over {MAX_FRAGMENTS} fragments')
        partial.data += payload
        if partial.decoder is not None:
            _decode(payload, partial.decoder.decode)
        if not first & 0x80:
            return None
        self._partial = None
        return self._message(partial.text, partial.compressed, bytes(partial.data))


def _decode(payload: bytes, decode: Callable[[bytes], str] = bytes.decode) -> str:
    try:
        return decode(payload)
    except UnicodeDecodeError:
        raise FrameError(CloseCode.INVALID_DATA, 'invalid UTF-8') from None


def _control(opcode: int, payload: bytes) -> Ping | Pong | Close:
    """A control frame's payload as an event; section 5.5."""
    if opcode == OP_PING:
        return Ping(payload)
    if opcode == OP_PONG:
        return Pong(payload)
    if not payload:
        return Close(None, '')
    if len(payload) == 1:
        raise FrameError(CloseCode.PROTOCOL_ERROR, 'close frame of one byte')
    code = int.from_bytes(payload[:2], 'big')
    if code not in _WIRE_CODES and not 3000 <= code <= 4999:
        raise FrameError(CloseCode.PROTOCOL_ERROR, 'invalid close code')
    return Close(code, _decode(payload[2:]) if len(payload) > 2 else '')

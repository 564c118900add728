"""permessage-deflate (RFC 7692) without context takeover.

In here: the answer to a client's offer, and the two functions that compress and inflate one
message. Each message stands alone in both directions: a broadcast is compressed once for all
receivers, and no connection keeps a window. Not in here: frames
(:mod:`geventio.protocol.websocket`), and the decision which messages are worth compressing.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from geventio.errors import FrameError

#: Extension token, RFC 7692 section 7.
EXTENSION = 'permessage-deflate'

_WINDOW_BITS = 15
_TAIL = b'\x00\x00\xff\xff'  # what every sync flush ends with; RFC 7692 section 7.2.1
_LAST_BLOCK = b'\x03\x00'  # an empty final block: reached only from a block boundary
_INVALID_DATA = 1007
_MESSAGE_TOO_BIG = 1009

_NO_SEPARATORS = str.maketrans(',;=', '???')
_bits = re.compile('[89]|1[0-5]').fullmatch


@dataclass(frozen=True, slots=True)
class DeflateParams:
    """Agreed parameters under the names of RFC 7692 section 7.1; windows as powers of two.

    Both sides start each message with an empty window. `client_max_window_bits` is the bound the
    client set itself, 15 unless it gave one.
    """

    server_no_context_takeover: bool = True
    client_no_context_takeover: bool = True
    server_max_window_bits: int = _WINDOW_BITS
    client_max_window_bits: int = _WINDOW_BITS


def negotiate(offer_header: str) -> tuple[DeflateParams, str] | None:
    """Answer a Sec-WebSocket-Extensions request header.

    The first acceptable ``permessage-deflate`` element is taken. An element is declined for an
    unknown, repeated or ill-formed parameter (RFC 7692 section 7.1), and for a
    ``server_max_window_bits`` below 15, since one compressed frame serves every receiver.

    :param offer_header: the header's value; several headers joined by commas.
    :returns: the parameters and the response header's value, or None to go without.
    """
    pieces = offer_header.split('"')
    if len(pieces) % 2 == 0 or '\\' in offer_header:
        return None  # an open quote, or an escape, which no parameter of ours can hold
    if len(pieces) > 1:  # what separates elements and parameters does not count inside quotes
        pieces[1::2] = [piece.translate(_NO_SEPARATORS) for piece in pieces[1::2]]
        offer_header = '"'.join(pieces)
    for element in offer_header.split(','):
        name, semicolon, rest = element.partition(';')
        if name.strip(' \t') == EXTENSION:
            asked = _parameters(rest) if semicolon else {}
            if asked is not None:
                return _accept(asked)
    return None


def _parameters(text: str) -> dict[str, str | None] | None:
    """The parameters of one element by name, or None if one of them cannot be accepted."""
    found: dict[str, str | None] = {}
    for item in text.split(';'):
        name, equals, value = (part.strip(' \t') for part in item.partition('='))
        if len(value) > 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if name in found:
            return None
        if name in ('server_no_context_takeover', 'client_no_context_takeover'):
            valid = not equals
        elif name == 'server_max_window_bits':
            valid = value == str(_WINDOW_BITS)
        elif name == 'client_max_window_bits':
            valid = not equals or _bits(value) is not None
        else:
            valid = False
        if not valid:
            return None
        found[name] = value if equals else None
    return found


def _accept(asked: dict[str, str | None]) -> tuple[DeflateParams, str]:
    answer = f'{EXTENSION}; server_no_context_takeover; client_no_context_takeover'
    if 'server_max_window_bits' in asked:
        answer += f'; server_max_window_bits={_WINDOW_BITS}'
    client_bits = asked.get('client_max_window_bits') or _WINDOW_BITS
    return DeflateParams(client_max_window_bits=int(client_bits)), answer


def compress(payload: bytes) -> bytes:
    """The payload of a compressed message, to be sent with RSV1 set (RFC 7692 section 7.2.1)."""
    # A window beyond the message helps nothing and costs its allocation; zlib's least is 2**9.
    bits = min(_WINDOW_BITS, max(9, len(payload).bit_length()))
    deflater = zlib.compressobj(wbits=-bits)
    data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return data[: -len(_TAIL)]


def inflate(payload: bytes, limit: int) -> bytes:
    """The message in a compressed payload (RFC 7692 section 7.2.2).

    Not more than ``limit + 1`` bytes of it are ever made.

    :param payload: of all the message's frames together.
    :param limit: bytes the message may have.
    :raises FrameError: 1009 over `limit`, 1007 for what is not the compressed form of a message.
    """
    if not payload:
        return b''  # not what an empty message should be (one zero byte), but sent by some
    inflater = zlib.decompressobj(wbits=-_WINDOW_BITS)
    try:
        message = inflater.decompress(payload + _TAIL + _LAST_BLOCK, limit + 1)
    except zlib.error:
        raise FrameError(_INVALID_DATA, 'invalid compressed data') from None
    if len(message) > limit:
        raise FrameError(_MESSAGE_TOO_BIG, f'message over {limit} bytes inflated')
    # A sender may set BFINAL itself and has to put an empty block behind it (section 7.2.3.4).
    rest = inflater.unused_data
    if not inflater.eof or (rest and rest != b'\x00' + _TAIL + _LAST_BLOCK):
        raise FrameError(_INVALID_DATA, 'invalid compressed data')
    return message

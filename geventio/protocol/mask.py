"""The mask of WebSocket frames (RFC 6455 section 5.3): exclusive or with four bytes.

``apply_mask(data, mask) -> bytes`` masks and unmasks, ``unmasked(frame) -> bytes`` gives the
payload of a short frame. The compiled routine of the ``websockets`` package serves when it is
installed; what frames mean does not live here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

_SHORT = 1500  # bytes; from here on translating is quicker than calculating

_number = int.from_bytes

# For the sizes of a frame with the shortest header: a mask times the first number is that mask
# again and again, and the second one cuts it to size.
_TINY = tuple((sum(1 << 8 * at for at in range(0, size, 4)), (1 << 8 * size) - 1)
              for size in range(126))


def python_mask(data: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """The mask applied without compiled code."""
    size = len(data)
    if size < 126:
        again, cut = _TINY[size]
        key = _number(mask, 'little') * again & cut
        return (_number(data, 'little') ^ key).to_bytes(size, 'little')
    if size < _SHORT:  # one operation on large numbers
        key = _number((mask * (size // 4 + 1))[:size], 'little')
        return (_number(data, 'little') ^ key).to_bytes(size, 'little')
    out = bytearray(data)
    for lane in range(4):  # every fourth byte meets the same byte of the mask
        out[lane::4] = out[lane::4].translate(_table(mask[lane]))
    return bytes(out)


def python_unmasked(frame: bytes) -> bytes:
    """The payload of a masked frame of at most 125 bytes, without compiled code."""
    again, cut = _TINY[len(frame) - 6]
    masked = _number(frame[2:], 'little')
    return (masked >> 32 ^ (masked & 0xFFFF_FFFF) * again & cut).to_bytes(len(frame) - 6, 'little')


@cache
def _table(key: int) -> bytes:
    """All bytes, masked with one."""
    return bytes([byte ^ key for byte in range(256)])


apply_mask: Callable[[bytes | bytearray, bytes | bytearray], bytes]
unmasked: Callable[[bytes], bytes]

try:
    from websockets.speedups import (  # type: ignore[import-not-found, no-redef, unused-ignore]
        apply_mask,
    )
except ImportError:
    apply_mask, unmasked = python_mask, python_unmasked
else:
    def unmasked(frame: bytes) -> bytes:
        """The payload of a masked frame of at most 125 bytes."""
        return apply_mask(frame[6:], frame[2:6])

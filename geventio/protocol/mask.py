"""The mask of WebSocket frames (RFC 6455 section 5.3): exclusive or with four bytes.

``apply_mask(data, mask) -> bytes`` masks and unmasks. The compiled one of the ``websockets``
package serves when it is installed; frames do not live here.
"""

from __future__ import annotations

from collections.abc import Callable

_BLOCK = 16_384  # bytes at a time: small enough for the processor's cache

_number = int.from_bytes


def python_mask(data: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """The mask applied without compiled code, as one operation on large numbers."""
    size = len(data)
    if size <= _BLOCK:
        key = (mask * (size // 4 + 1))[:size]
        return (_number(data, 'little') ^ _number(key, 'little')).to_bytes(size, 'little')
    return b''.join(
        [python_mask(data[at : at + _BLOCK], mask) for at in range(0, size, _BLOCK)])


apply_mask: Callable[[bytes | bytearray, bytes | bytearray], bytes]

try:
    from websockets.speedups import apply_mask
except ImportError:
    apply_mask = python_mask

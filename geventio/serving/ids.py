"""Ids of sessions and sockets: unguessable, from the system's generator."""

from __future__ import annotations

import os
from binascii import b2a_base64

#: Bytes of one id; a multiple of three makes base64 without padding.
SIZE = 15
#: Ids made of what one call of the system's generator gives.
BATCH = 64

_URL_SAFE = bytes.maketrans(b'+/', b'-_')

_ready: list[str] = []


def make_id() -> str:
    """A new id: 120 bits of the system's generator as 20 URL-safe characters."""
    while True:
        try:
            return _ready.pop()
        except IndexError:
            text = b2a_base64(os.urandom(SIZE * BATCH), newline=False).translate(_URL_SAFE).decode()
            _ready.extend([text[at:at + 20] for at in range(0, len(text), 20)])


# A child process would hand out the same ones.
os.register_at_fork(after_in_child=_ready.clear)

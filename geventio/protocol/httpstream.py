"""HTTP answers whose body goes on for as long as its client listens (RFC 9112 section 7.1).

Whole replies are written in ``http``.
"""

from __future__ import annotations

from collections.abc import Sequence

from .http import response

#: Ends a chunked body.
LAST_CHUNK = b'0\r\n\r\n'


def chunk(data: bytes) -> bytes:
    """One chunk of a body; nothing for nothing, which would end it."""
    return b'%x\r\n%b\r\n' % (len(data), data) if data else b''


def content_size(chunks: bytes, start: int = 0) -> int:
    """Bytes of content in whole chunks, as :func:`chunk` makes them.

    :param start: where the first one begins.
    """
    size = 0
    while start < len(chunks):
        end = chunks.index(b'\r\n', start)
        length = int(chunks[start:end], 16)
        size += length
        start = end + length + 4
    return size


def stream_head(headers: Sequence[tuple[str, str]], chunked: bool) -> bytes:
    """The head of a 200 after which the connection ends, at the latest.

    :param headers: (name, value) pairs, as for :func:`~geventio.protocol.http.response`.
    :param chunked: whether the body comes in chunks; otherwise the end of the connection ends it.
    :raises ValueError: a bad name or value, see there.
    """
    head = response(200, headers, keep_alive=False)
    fields = head[:head.rindex(b'Content-Length: ')]
    coding = b'Transfer-Encoding: chunked\r\n' if chunked else b''
    return fields + coding + b'Connection: close\r\n\r\n'

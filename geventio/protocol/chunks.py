"""Chunked bodies (RFC 9112 section 7.1), both ways: those of requests strictly, those of answers.

Heads, which announce them, are read and written in ``http``.
"""

from __future__ import annotations

import re

from ..errors import HTTPError

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


# States of ChunkedBody: what the next byte belongs to.
_SIZE, _DATA, _LINE_END, _LAST, _DONE = range(5)
# Eight hexadecimal digits announce 4 GiB; more is never wanted.
_size_line = re.compile(rb'([0-9A-Fa-f]{1,8})\r\n').match
_size_start = re.compile(rb'[0-9A-Fa-f]{1,8}\r?\Z').match


class ChunkedBody:
    """Decoder for one chunked request body (RFC 9112 section 7.1), fed as the bytes arrive.

    Stricter than the grammar, since each liberty has been a way to smuggle a second request past
    some reader: chunk extensions, trailer fields and blanks around a size are refused.

    :param max_size: most bytes of decoded body accepted.
    :ivar rest: once the body is complete, the bytes that follow it; ``b''`` before.
    """

    __slots__ = ('max_size', 'rest', '_body', '_pending', '_left', '_state')

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self.rest = b''
        self._body = bytearray()
        self._pending = b''  # an unfinished size line or line end: at most 9 bytes
        self._left = 0  # bytes of the current chunk still to come
        self._state = _SIZE

    def feed(self, data: bytes) -> bytes | None:
        """Take the next bytes; return the whole body when it is complete, None until then.

        :raises HTTPError: 400 for a malformed body, 413 as soon as a chunk announces more than
            ``max_size`` bytes in all. Either way the connection cannot be used further.
        :raises RuntimeError: when the body was already complete.
        """
        if self._state == _DONE:
            raise RuntimeError('the body is complete')
        if self._pending:
            data = self._pending + data
            self._pending = b''
        body = self._body
        pos, end = 0, len(data)
        while pos < end:
            if self._state == _SIZE:
                match = _size_line(data, pos)
                if match is None:
                    if _size_start(data, pos) is None:
                        raise HTTPError(400, 'bad chunk size')
                    break
                pos = match.end()
                self._left = size = int(match[1], 16)
                if size > self.max_size - len(body):
                    raise HTTPError(413, 'request body too large')
                self._state = _DATA if size else _LAST
            elif self._state == _DATA:
                piece = data[pos : pos + self._left]
                body += piece
                pos += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _LINE_END
            else:
                if not data.startswith(b'\r\n', pos):
                    if data[pos:] == b'\r':
                        break
                    trailer = self._state == _LAST
                    raise HTTPError(400, 'trailer refused' if trailer else 'bad chunk end')
                pos += 2
                if self._state == _LAST:
                    self._state = _DONE
                    self.rest = data[pos:]
                    self._body = bytearray()
                    return bytes(body)
                self._state = _SIZE
        self._pending = data[pos:]
        return None

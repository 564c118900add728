"""Knowing a request again: a head that was parsed before, but for what changes with each poll.

A client that polls repeats its requests to the byte, except for the ``t`` of the query, which is
there to get past caches and has no other meaning, and the Content-Length. A few comparisons
recognize such a request, where parsing it would only find out the same again. Parsing lives in
``http``; whatever is not recognized here is parsed there.

What must not live here: sessions, and what is done about a request.
"""

from __future__ import annotations

import re

from .http import MAX_LENGTH_DIGITS, Request

#: Bytes of the largest head for which a pattern is made.
PATTERN_SIZE = 2_048
#: Bytes of the longest ``t`` that is recognized.
MAX_STAMP = 40

_END = b'\r\n\r\n'
# Characters that stand for themselves in a query (RFC 3986 section 2.3, but for the tilde).
_is_stamp = re.compile(rb'[0-9A-Za-z._-]+').fullmatch
_length_in = re.compile(rb'\r\ncontent-length:[ \t]*([0-9]+)\r', re.IGNORECASE).search


class HeadPattern:
    """A request head in which the value of ``t`` and the Content-Length are left open.

    :param start: the bytes before what is open first.
    :param middle: what is between ``t`` and the length, or behind ``t``; empty without a ``t``.
    :param end: what is behind the length; empty if there is none.
    """

    __slots__ = ('_end', '_mark', '_middle', '_size', '_start')

    def __init__(self, start: bytes, middle: bytes, end: bytes) -> None:
        self._start = start
        self._size = len(start)
        self._middle = middle
        self._mark = middle[:1]
        self._end = end

    @classmethod
    def of(cls, head: bytes, request: Request) -> HeadPattern | None:
        """The pattern of a head; None if there is nothing to gain from one.

        :param head: the bytes before CRLFCRLF.
        :param request: what ``parse_head`` has made of them.
        """
        if len(head) > PATTERN_SIZE or request.chunked or request.expect_continue:
            return None
        whole = head + _END
        cuts = []
        line = head.find(b'\r\n')
        # Behind the first ``?`` this is always a field. Of two the first one is meant.
        stamp = head.find(b'&t=', head.find(b'?'), line) + 3
        if stamp > 2:
            stop = min(place for mark in b'& ' if (place := head.find(mark, stamp)) > 0)
            cuts.append((stamp, stop))
        length = _length_in(whole)
        if length is not None:
            cuts.append(length.span(1))
        elif request.content_length:
            return None
        parts = []
        done = 0
        for begin, stop in cuts:
            parts.append(whole[done:begin])
            done = stop
        parts.append(whole[done:])
        start = parts.pop(0)
        end = parts.pop() if length is not None else b''
        return cls(start, parts[0] if parts else b'', end)

    def body(self, data: bytes) -> bytes | None:
        """The body of a request whose head is the same.

        :param data: what came from the client.
        :returns: None if ``data`` is anything else than one whole request of this pattern.
        """
        if not data.startswith(self._start):
            return None
        at = self._size
        middle = self._middle
        if middle:
            stop = data.find(self._mark, at, at + MAX_STAMP + 1)
            stamp = data[at:stop]
            if not data.startswith(middle, stop) or not stamp.isalnum() and not _is_stamp(stamp):
                return None
            at = stop + len(middle)
        end = self._end
        if not end:
            return b'' if at == len(data) else None
        stop = data.find(b'\r', at, at + MAX_LENGTH_DIGITS + 1)
        if not data.startswith(end, stop):
            return None
        body = data[stop + len(end):]
        return body if data[at:stop] == b'%d' % len(body) else None

"""Strict HTTP/1.1 request heads.

What lives here: a pure parser for request heads and query strings (RFC 9110, RFC 9112). Chunked
bodies live in ``chunks``, the grammar of header fields in ``fields``, what is answered in
``replies``. It serves the server's own paths only, inside an event-loop callback, so it is built to
be fast on the heads browsers send and to refuse, rather than to repair, everything else: a request
that two readers could understand differently is answered with an error and its connection ends.

What must not live here: sockets, clocks, WSGI, routing and any knowledge of sessions.
"""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from urllib.parse import unquote_plus

from ..errors import HTTPError
from .fields import NAMES, is_token

#: Bytes of a request head, request line included, up to but excluding its final CRLFCRLF.
MAX_HEAD_SIZE = 16_384
#: Header fields in one request.
MAX_HEADERS = 100
#: ``name=value`` pairs in one query string.
MAX_QUERY_FIELDS = 100
#: Header blocks remembered because a client repeats its own (see :func:`parse_head`), and the
#: bytes of the largest one remembered: together about 2.5 MB at worst.
MAX_REMEMBERED = 512
REMEMBERED_SIZE = 2_048
#: Header lines remembered because those of many clients are alike, and the bytes of the longest
#: one remembered: together about 400 KB at worst.
MAX_KNOWN = 512
KNOWN_SIZE = 200
#: Request lines remembered because those that open a session are all alike, and their bytes.
MAX_LINES = 64
LINE_SIZE = 200
#: Digits of a Content-Length; 18 decimal digits fit a signed 64-bit integer everywhere.
MAX_LENGTH_DIGITS = 18

_is_legal = re.compile(r'[\t\x20-\x7e\x80-\xff]*').fullmatch
_is_host = re.compile(r"[0-9A-Za-z._~%!$&'()*+,;=:\[\]\-]+").fullmatch  # RFC 3986 section 3.2
_cookie_fields = re.compile(rb'\r\n[Cc][Oo][Oo][Kk][Ii][Ee]:([^\r]*)').findall
_is_version = re.compile(r'HTTP/[0-9]\.[0-9]').fullmatch

_METHODS = frozenset({'GET', 'POST', 'OPTIONS', 'HEAD', 'PUT', 'DELETE', 'PATCH'})

# Fields whose repetition could make two readers disagree; any other repetition is joined.
_SINGLE = frozenset({
    'host', 'content-length', 'content-type', 'transfer-encoding', 'expect', 'origin', 'upgrade',
    'authorization', 'sec-websocket-key', 'sec-websocket-version', 'access-control-request-method',
})  # fmt: skip
# Fields that say the same in the requests of many clients: their lines are worth remembering.
_COMMON = frozenset({
    'host', 'connection', 'user-agent', 'accept', 'accept-encoding', 'accept-language', 'origin',
    'cache-control', 'pragma', 'upgrade', 'sec-websocket-version', 'sec-websocket-extensions',
    'sec-fetch-site', 'sec-fetch-mode', 'sec-fetch-dest', 'sec-ch-ua', 'sec-ch-ua-mobile',
    'sec-ch-ua-platform', 'priority', 'dnt', 'x-forwarded-proto', 'x-forwarded-host',
})  # fmt: skip
#: Query fields that select a session; see :func:`parse_query`.
SESSION_FIELDS = frozenset({'EIO', 'transport', 'sid'})


class Request:
    """A parsed request head.

    :ivar method: as sent; methods are case-sensitive.
    :ivar target: request target, origin-form, as sent.
    :ivar path: the target up to the first ``?``, still percent-encoded.
    :ivar query: what follows that ``?``, still encoded; ``''`` without one.
    :ivar version: ``'HTTP/1.1'`` or ``'HTTP/1.0'``.
    :ivar headers: lower-case name -> value, decoded as Latin-1, without surrounding blanks.
        Repeated fields are joined with ``', '`` (``cookie``: ``'; '``).
    :ivar keep_alive: whether the connection may carry another request afterwards.
    :ivar content_length: bytes of body; 0 when none was announced (RFC 9112 section 6.3), None
        for a chunked body.
    :ivar chunked: the body comes in chunks; ``chunks`` reads them.
    :ivar expect_continue: the peer waits for ``100 Continue`` before it sends the body.
    """

    __slots__ = (
        'method', 'target', 'path', 'query', 'version', 'headers', 'keep_alive', 'content_length',
        'chunked', 'expect_continue',
    )  # fmt: skip

    method: str
    target: str
    path: str
    query: str
    version: str
    headers: dict[str, str]
    keep_alive: bool
    content_length: int | None
    chunked: bool
    expect_continue: bool


def parse_head(head: bytes) -> Request:
    """Parse a request head.

    :param head: the bytes before CRLFCRLF. A caller that holds more than :data:`MAX_HEAD_SIZE`
        bytes without having seen CRLFCRLF passes them too, to get the right refusal.
    :raises HTTPError: 400 for a malformed head, 414 or 431 for one over a limit, 417 for an
        unknown expectation, 501 for an unknown transfer coding, 505 for another HTTP version.
    """
    if len(head) > MAX_HEAD_SIZE:
        if b'\r\n' in head[:MAX_HEAD_SIZE]:
            raise HTTPError(431, 'request head too large')
        raise HTTPError(414, 'request target too long')
    first, _, fields = head.partition(b'\r\n')
    request = Request()
    joins = first.find(b'sid=') >= 0  # `in` would first try to make an integer of it
    read_line = _request_line if joins or len(first) > LINE_SIZE else _opening_line
    request.method, request.target, request.path, request.query, request.version = read_line(first)
    remembered = joins and len(fields) <= REMEMBERED_SIZE
    read_fields = _known_fields if remembered else _read_fields
    (headers, request.keep_alive, request.content_length, request.chunked,
     request.expect_continue) = read_fields(fields, request.version == 'HTTP/1.1')
    request.headers = headers.copy() if remembered else headers
    return request


def cookie_of(head: bytes) -> str | None:
    """The Cookie field of a request head, as :func:`parse_head` would give it; None without one.

    :param head: one that ``parse_head`` has accepted.
    """
    values = _cookie_fields(head)
    return b'; '.join([value.strip(b' \t') for value in values]).decode('latin-1') \
        if values else None


def _request_line(first: bytes) -> tuple[str, str, str, str, str]:
    """RFC 9112 section 3: exactly ``method SP origin-form SP version``; splits the target too."""
    line = first.decode('latin-1')
    # Printable ASCII is 0x20 to 0x7E: no control character, bare CR or LF gets past this.
    if not line.isascii() or not line.isprintable():
        raise HTTPError(400, 'illegal character in request line')
    parts = line.split(' ')
    if len(parts) != 3:
        raise HTTPError(400, 'bad request line')
    method, target, version = parts
    if method not in _METHODS and is_token(method) is None:
        raise HTTPError(400, 'bad method')
    if version != 'HTTP/1.1' and version != 'HTTP/1.0':
        if _is_version(version) is None:
            raise HTTPError(400, 'bad request line')
        raise HTTPError(505, 'HTTP version not supported')
    if target[:1] != '/' or '#' in target:
        raise HTTPError(400, 'bad request target')
    path, _, query = target.partition('?')
    return method, target, path, query, version


_opening_line = lru_cache(maxsize=MAX_LINES)(_request_line)


# headers, keep_alive, content_length, chunked, expect_continue
_Fields = tuple[dict[str, str], bool, int | None, bool, bool]


class _Lines(dict[bytes, tuple[str, str]]):
    """Header line -> name and value; a line that is not known is read, and checked by itself."""

    def __missing__(self, line: bytes) -> tuple[str, str]:
        text = line.decode('latin-1')
        # No bare CR, bare LF, NUL or other control character is printable.
        if not text.isprintable() and _is_legal(text) is None:
            raise HTTPError(400, 'control character in header')
        name, colon, value = text.partition(':')
        key = NAMES.get(name)
        if key is None:
            # Also refuses obs-fold and blanks before the colon: no blank is part of a token.
            if is_token(name) is None:
                raise HTTPError(400, 'bad header name')
            key = name.lower()
        if not colon:
            raise HTTPError(400, 'header without colon')
        field = key, value.strip(' \t')
        if key in _COMMON:
            if key == 'host' and _is_host(field[1]) is None:
                raise HTTPError(400, 'bad host')
            if len(line) <= KNOWN_SIZE:
                if len(self) >= MAX_KNOWN:
                    self.clear()
                self[line] = field
        return field


_known_lines = _Lines()
_read_field = _known_lines.__getitem__


def parse_headers(fields: bytes, modern: bool) -> dict[str, str]:
    """Parse the header fields of a request; none of them is judged but Host.

    :param fields: the bytes between the CRLF of the request line and CRLFCRLF.
    :param modern: whether the request is one of HTTP/1.1 rather than 1.0.
    :returns: see :attr:`Request.headers`.
    :raises HTTPError: 400 for malformed ones, 431 for too many.
    """
    lines = fields.split(b'\r\n') if fields else []
    if len(lines) > MAX_HEADERS:
        raise HTTPError(431, 'too many header fields')
    headers = dict(map(_read_field, lines))
    if len(headers) < len(lines):
        headers = _joined(lines)
    if modern and 'host' not in headers:
        raise HTTPError(400, 'missing host')
    return headers


def _read_fields(fields: bytes, modern: bool) -> _Fields:
    """Parse the header fields, and judge those about the message; see :func:`parse_headers`."""
    headers = parse_headers(fields, modern)
    length: int | None = 0
    chunked = expects = False
    if 'content-length' in headers or 'transfer-encoding' in headers:
        length, chunked = _body_length(headers, modern)
    if 'expect' in headers:
        expects = _expects(headers['expect'], modern)
    return headers, _keeps_alive(headers.get('connection'), modern), length, chunked, expects


def _joined(lines: list[bytes]) -> dict[str, str]:
    """The fields of header lines among which some come again."""
    headers: dict[str, str] = {}
    for key, value in map(_read_field, lines):
        if key not in headers:
            headers[key] = value
        elif key in _SINGLE:
            raise HTTPError(400, 'repeated ' + key)
        else:
            headers[key] += ('; ' if key == 'cookie' else ', ') + value
    return headers


# A client repeats its header fields to the byte with every poll of a connection. Only what passed
# every check is remembered, and each request gets its own copy.
_known_fields = lru_cache(maxsize=MAX_REMEMBERED)(_read_fields)


def _body_length(headers: dict[str, str], modern: bool) -> tuple[int | None, bool]:
    """Content length (None: unknown) and whether the body is chunked (RFC 9112 section 6).

    :param headers: with at least one of the two fields about it.
    """
    length = headers.get('content-length')
    coding = headers.get('transfer-encoding')
    if coding is None:
        assert length is not None
        if len(length) > MAX_LENGTH_DIGITS or not length.isdigit() or not length.isascii():
            raise HTTPError(400, 'bad content-length')
        return int(length), False
    if length is not None:
        raise HTTPError(400, 'content-length with transfer-encoding')
    if not modern:
        raise HTTPError(400, 'transfer-encoding in HTTP/1.0')
    if coding.lower() != 'chunked':
        raise HTTPError(501, 'transfer coding not supported')
    return None, True


def _keeps_alive(connection: str | None, modern: bool) -> bool:
    """Whether the connection persists after this request (RFC 9112 section 9.3)."""
    if connection is None or connection == 'Upgrade':
        return modern
    if connection == 'keep-alive':
        return True
    options = [option.strip(' \t') for option in connection.lower().split(',')]
    return 'close' not in options and (modern or 'keep-alive' in options)


def _expects(expect: str, modern: bool) -> bool:
    """Whether 100 Continue is awaited (RFC 9110 section 10.1.1: ignored in HTTP/1.0)."""
    if not modern:
        return False
    if expect.lower() != '100-continue':
        raise HTTPError(417, 'unknown expectation')
    return True


def parse_query(
    query: str, max_fields: int = MAX_QUERY_FIELDS, single: Container[str] = SESSION_FIELDS
) -> dict[str, str]:
    """Decode ``a=1&b=2``: percent-encoded UTF-8 (bad sequences replaced), ``+`` for a space.

    Of a repeated name the first value counts. A name without ``=`` has the value ``''``.

    :param query: the text after ``?``, or a form body.
    :param max_fields: most fields accepted.
    :param single: names that may not be repeated.
    :raises HTTPError: 400 for too many fields or a repeated ``single`` one.
    """
    parts = query.split('&', max_fields)
    if len(parts) > max_fields:
        raise HTTPError(400, 'too many query fields')
    encoded = '%' in query or '+' in query
    fields: dict[str, str] = {}
    if not encoded:
        for part in parts:
            name, _, value = part.partition('=')
            fields[name] = value
        if len(fields) == len(parts) and '' not in fields:  # nothing is repeated
            return fields
        fields = {}
    for part in parts:
        name, _, value = part.partition('=')
        if encoded:
            name = unquote_plus(name)
            value = unquote_plus(value)
        if name not in fields:
            fields[name] = value
        elif name in single:
            raise HTTPError(400, 'repeated ' + name)
    fields.pop('', None)
    return fields

"""The request a session began with, kept small: the WSGI environ is built when it is asked for."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from ..protocol.http import parse_head

_CGI_NAMES = {'content-type': 'CONTENT_TYPE', 'content-length': 'CONTENT_LENGTH'}


class LoopHandshake:
    """A request that the loop parsed.

    :param head: the bytes of its head.
    :param address: the peer's address.
    :param base: what every environ of this server starts with.
    """

    __slots__ = ('_address', '_base', '_environ', '_head')

    def __init__(self, head: bytes, address: Any, base: Mapping[str, Any]) -> None:
        self._head = head
        self._address = address
        self._base = base
        self._environ: dict[str, Any] | None = None

    def environ(self) -> dict[str, Any]:
        """The WSGI environ of the request (PEP 3333); the same dict at each call."""
        if self._environ is None:
            request = parse_head(self._head)
            environ = {
                **self._base, **environ_of(request.headers),
                'REQUEST_METHOD': request.method,
                'SCRIPT_NAME': '',
                'PATH_INFO': unquote_to_bytes(request.path).decode('latin-1'),
                'QUERY_STRING': request.query,
                'SERVER_PROTOCOL': request.version,
                'wsgi.input': io.BytesIO(),
            }
            if isinstance(self._address, tuple):
                environ['REMOTE_ADDR'] = self._address[0]
                environ['REMOTE_PORT'] = str(self._address[1])
            else:
                environ['REMOTE_ADDR'] = environ['REMOTE_PORT'] = ''
            self._environ = environ  # other threads may ask at the same time
        return self._environ


class WSGIHandshake:
    """A request that came through WSGI; what belongs to that one request is dropped."""

    __slots__ = ('_environ',)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = {
            key: value for key, value in environ.items()
            if isinstance(value, (str, bool)) or key in ('wsgi.version', 'wsgi.errors')}
        self._environ['wsgi.input'] = io.BytesIO()
        self._environ.setdefault('wsgi.errors', sys.stderr)

    def environ(self) -> dict[str, Any]:
        return self._environ


def environ_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Header fields as CGI variables. Names with an underscore could pose as others: dropped."""
    return {_CGI_NAMES.get(name) or 'HTTP_' + name.upper().replace('-', '_'): value
            for name, value in headers.items() if '_' not in name}


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """The header fields of an environ, lower-case names."""
    headers = {key[5:].replace('_', '-').lower(): value
               for key, value in environ.items() if key.startswith('HTTP_')}
    for name, key in _CGI_NAMES.items():
        if environ.get(key):
            headers[name] = environ[key]
    return headers

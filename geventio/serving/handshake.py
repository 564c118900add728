"""The request a session began with, kept small: the WSGI environ is built when it is asked for."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from ..protocol.http import Request, cookie_of, parse_head
from .middleware import Rewrite

_CGI_NAMES = {'content-type': 'CONTENT_TYPE', 'content-length': 'CONTENT_LENGTH'}


class Environs:
    """Makes the WSGI environs (PEP 3333) of the requests that one server parses in the loop.

    :param base: what each of them starts with.
    :param rewrite: the middleware they go through.
    """

    __slots__ = ('_base', 'rewrite')

    def __init__(self, base: Mapping[str, Any], rewrite: Rewrite | None = None) -> None:
        self._base = base
        self.rewrite = rewrite

    def plain(self, request: Request, address: Any) -> dict[str, Any]:
        """The environ of a request before any middleware.

        :param address: the peer's address.
        """
        environ = {
            **self._base, **environ_of(request.headers),
            'REQUEST_METHOD': request.method,
            'SCRIPT_NAME': '',
            'PATH_INFO': unquote_to_bytes(request.path).decode('latin-1'),
            'QUERY_STRING': request.query,
            'SERVER_PROTOCOL': request.version,
            'wsgi.input': io.BytesIO(),
        }
        if isinstance(address, tuple):
            environ['REMOTE_ADDR'] = address[0]
            environ['REMOTE_PORT'] = str(address[1])
        else:
            environ['REMOTE_ADDR'] = environ['REMOTE_PORT'] = ''
        return environ

    def make(self, request: Request, address: Any) -> dict[str, Any]:
        """The environ as the application gets it.

        :raises HTTPError: the middleware failed.
        """
        environ = self.plain(request, address)
        return environ if self.rewrite is None else self.rewrite(environ)


class LoopHandshake:
    """A request that the loop parsed.

    :param head: the bytes of its head.
    :param address: the peer's address.
    :param environs: makes its environ.
    """

    __slots__ = ('_address', '_environ', '_environs', '_head')

    def __init__(self, head: bytes, address: Any, environs: Environs) -> None:
        self._head = head
        self._address = address
        self._environs = environs
        self._environ: dict[str, Any] | None = None

    @property
    def eager(self) -> bool:
        """Whether its environ must be made when it comes, and not when somebody asks."""
        rewrite = self._environs.rewrite
        return rewrite is not None and rewrite.eager

    def environ(self, request: Request | None = None) -> dict[str, Any]:
        """The WSGI environ of the request; the same dict at each call.

        :param request: its head as parsed, if that is at hand.
        :raises HTTPError: the middleware failed.
        """
        environ = self.shared()
        if 'REQUEST_METHOD' not in environ:  # other threads may ask at the same time
            environ.update(self._environs.make(request or parse_head(self._head), self._address))
        return environ

    def shared(self) -> dict[str, Any]:
        if self._environ is None:
            self._environ = {}
        return self._environ

    def cookie(self) -> str | None:
        if self._environs.rewrite is None:
            return cookie_of(self._head)
        return self.environ().get('HTTP_COOKIE')


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

    shared = environ

    def cookie(self) -> str | None:
        return self._environ.get('HTTP_COOKIE')


@lru_cache(256)
def _cgi_name(name: str) -> str:
    return _CGI_NAMES.get(name) or 'HTTP_' + name.upper().replace('-', '_')


@lru_cache(256)
def _header_name(key: str) -> str:
    return key[5:].replace('_', '-').lower() if key.startswith('HTTP_') else ''


def environ_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Header fields as CGI variables. Names with an underscore could pose as others: dropped."""
    return {_cgi_name(name): value for name, value in headers.items() if '_' not in name}


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """The header fields of an environ, lower-case names."""
    headers = {name: value for key, value in environ.items() if (name := _header_name(key))}
    for name, key in _CGI_NAMES.items():
        if environ.get(key):
            headers[name] = environ[key]
    return headers

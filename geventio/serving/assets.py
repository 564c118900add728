"""The browser client, served beside the server's own path: ``/socket.io/geventio.js``."""

from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.resources import files
from typing import Any

#: Name -> content type of the files that are served.
FILES = {'geventio.js': 'text/javascript; charset=UTF-8'}

_made: dict[str, tuple[str, bytes, bytes]] = {}


def serve(name: str, environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer a request for one of FILES; a browser that has it already gets 304."""
    if environ['REQUEST_METHOD'] not in ('GET', 'HEAD'):
        start_response('405 Method Not Allowed', [('Allow', 'GET, HEAD')])
        return [b'']
    etag, plain, packed = _load(name)
    headers = [('Content-Type', FILES[name]), ('ETag', etag), ('Cache-Control', 'no-cache'),
               ('Vary', 'Accept-Encoding'), ('X-Content-Type-Options', 'nosniff')]
    if environ.get('HTTP_IF_NONE_MATCH', '').removeprefix('W/') == etag:
        start_response('304 Not Modified', headers)
        return []
    body = plain
    if 'gzip' in environ.get('HTTP_ACCEPT_ENCODING', ''):
        headers.append(('Content-Encoding', 'gzip'))
        body = packed
    headers.append(('Content-Length', str(len(body))))
    start_response('200 OK', headers)
    return [b'' if environ['REQUEST_METHOD'] == 'HEAD' else body]


def _load(name: str) -> tuple[str, bytes, bytes]:
    """ETag, text and compressed text; read once."""
    if name not in _made:
        text = files('geventio').joinpath('static', name).read_bytes()
        _made[name] = f'"{sha256(text).hexdigest()[:20]}"', text, gzip.compress(text, 9, mtime=0)
    return _made[name]

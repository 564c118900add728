"""The browser client, served beside the server's own path: ``/socket.io/geventio.js``.

What is served is what lies in ``geventio/static``; nothing is looked up by a name from outside.
"""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

_SCRIPT = 'text/javascript; charset=UTF-8'

#: Name in the URL -> name of the file, content type. Pages written for a Node server find the
#: client under the names that they know.
FILES = {
    'geventio.js': ('geventio.js', _SCRIPT),
    'geventio.esm.js': ('geventio.esm.js', _SCRIPT),
    'geventio.min.js': ('geventio.min.js', _SCRIPT),
    'geventio.min.js.map': ('geventio.min.js.map', 'application/json'),
    'socket.io.js': ('geventio.min.js', _SCRIPT),
    'socket.io.min.js': ('geventio.min.js', _SCRIPT),
    'socket.io.esm.min.js': ('geventio.esm.js', _SCRIPT),
}

#: For URLs that change with the file's bytes, and for those that stay.
_FOREVER = 'public, max-age=31536000, immutable'
_ASK_AGAIN = 'public, no-cache'

_NOT_WANTED = re.compile(r'\s*q\s*=\s*0(\.0*)?\s*', re.IGNORECASE)


class Asset(NamedTuple):
    """A file that is served.

    :ivar version: hexadecimal digest of the bytes.
    :ivar plain: the bytes.
    :ivar packed: the same, compressed with gzip.
    """

    version: str
    plain: bytes
    packed: bytes


_loaded: dict[str, Asset] = {}


def versioned(name: str) -> str:
    """The name with a query that changes with the bytes: browsers keep that URL for a year.

    :param name: one of FILES.
    :raises KeyError: it is none of them.
    """
    return f'{name}?v={_load(FILES[name][0]).version}'


def serve(name: str, environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer a request for one of FILES; a browser that has it already gets 304."""
    method = environ['REQUEST_METHOD']
    if method not in ('GET', 'HEAD'):
        start_response('405 Method Not Allowed', [('Allow', 'GET, HEAD'), ('Content-Length', '0')])
        return [b'']
    file_name, content_type = FILES[name]
    asset = _load(file_name)
    is_versioned = environ.get('QUERY_STRING') == f'v={asset.version}'
    headers = [('ETag', f'W/"{asset.version}"'),
               ('Cache-Control', _FOREVER if is_versioned else _ASK_AGAIN),
               ('Vary', 'Accept-Encoding'),
               # modules of other origins are read with CORS; there is nothing private in it
               ('Access-Control-Allow-Origin', '*'),
               ('Cross-Origin-Resource-Policy', 'cross-origin')]
    if _has(asset.version, environ.get('HTTP_IF_NONE_MATCH', '')):
        start_response('304 Not Modified', headers)
        return [b'']
    body = asset.plain
    if _takes_gzip(environ.get('HTTP_ACCEPT_ENCODING', '')):
        headers.append(('Content-Encoding', 'gzip'))
        body = asset.packed
    headers += [('Content-Type', content_type), ('Content-Length', str(len(body))),
                ('X-Content-Type-Options', 'nosniff')]
    start_response('200 OK', headers)
    return [b'' if method == 'HEAD' else body]


def _has(version: str, known: str) -> bool:
    """Whether an If-None-Match names the version; HTTP has it compare weakly."""
    tags = [tag.strip().removeprefix('W/') for tag in known.split(',')]
    return f'"{version}"' in tags or tags == ['*']


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header lets the answer be compressed."""
    for coding in accepted.split(','):
        name, _, weight = coding.partition(';')
        if name.strip().lower() in ('gzip', '*'):
            return not _NOT_WANTED.fullmatch(weight)
    return False


def _load(file_name: str) -> Asset:
    """Read and compressed once."""
    if file_name not in _loaded:
        plain = (files('geventio') / 'static' / file_name).read_bytes()
        _loaded[file_name] = Asset(sha256(plain).hexdigest()[:20], plain,
                                   gzip.compress(plain, 9, mtime=0))
    return _loaded[file_name]

"""SockJS 0.3: frames, what each transport wraps them in, and the paths and pages of its URLs.

A frame is text: ``o``, ``h``, ``a["one","two"]`` or ``c[3000,"reason"]``. Messages are text too;
JSON carries them in both directions. Sessions, HTTP heads and timers do not live here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import md5
from html import escape
from json import decoder
from json.encoder import encode_basestring
from typing import Final, NamedTuple

from ..errors import HTTPError, ProtocolError
from .browser import form_field, script_string
from .jsontext import loads_at

#: Characters a server's or a session's part of a path may have.
MAX_ID_SIZE = 256
#: Characters the name of a callback may have.
MAX_CALLBACK_SIZE = 32

#: Body of the answer to the base URL.
GREETING = b'Welcome to SockJS!\n'
#: Body of a 404.
NOT_FOUND = b'404 Error: Page not found\n'

#: The first frame of a session.
OPEN = 'o'
#: The frame that shows that the connection lives.
HEARTBEAT = 'h'

#: Messages of the ProtocolErrors that clients expect as the body of a 500.
PAYLOAD_EXPECTED = 'Payload expected.'
BROKEN_JSON = 'Broken JSON encoding.'

#: Sent before the first frame, so that browsers begin to hand out what they have.
XHR_STREAMING_PRELUDE = b'h' * 2048 + b'\n'
EVENTSOURCE_PRELUDE = b'\r\n'

# -- frames to the client ---------------------------------------------------------------------

# What JSON asks for, and what some browser or proxy changes on its way.
_escapable: Final = re.compile(
    '["\\\\\x00-\x1f\u200c-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufff0-\uffff]'
)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return '\\' + character if character in '"\\' else f'\\u{ord(character):04x}'


def quote(text: str) -> str:
    """A message as a JSON string; any str goes, lone surrogates included."""
    if text.isascii() and text.isprintable():
        return encode_basestring(text)
    return f'"{_escapable.sub(_escape, text)}"'


def messages(quoted: Iterable[str]) -> str:
    """The frame of messages that were quoted before, so that a broadcast is quoted once."""
    return f'a[{",".join(quoted)}]'


def close(code: int, reason: str) -> str:
    """The frame that ends a session.

    :param code: 1000, 3000 to 4999 for the application, or one the protocol names: 1002
        connection interrupted, 2010 another connection still open.
    """
    return f'c[{code},{quote(reason)}]'


def rewrite(name: str, args: str, array: str) -> str:
    """The message that stands for a Socket.IO event.

    An event ``message`` with one string is that string, lone surrogates included, which this
    protocol can carry. Any other is the text of its array.

    :param name: event name.
    :param args: JSON of the arguments, as the inside of an array: ``'"a",1'``.
    :param array: JSON of name and arguments, as one array: ``'["chat","a",1]'``.
    """
    if name == 'message' and args.startswith('"'):
        text: str
        text, end = decoder.scanstring(args, 1, False)  # type: ignore[attr-defined]
        if end == len(args):
            return text
    return array


# -- messages from the client -----------------------------------------------------------------


def decode_messages(text: str) -> list[str]:
    """The messages in a JSON array, the body of xhr_send and jsonp_send.

    :raises ProtocolError: with :data:`PAYLOAD_EXPECTED` for nothing and for anything but an array
        of strings, with :data:`BROKEN_JSON` for what is not JSON.
    """
    if not text:
        raise ProtocolError(PAYLOAD_EXPECTED)
    return _strings(_json(text))


def decode_frame(text: str) -> list[str]:
    """The messages in a WebSocket message: an array, one bare string, or nothing.

    :raises ProtocolError: as :func:`decode_messages`.
    """
    if not text:
        return []
    value = _json(text)
    return [value] if isinstance(value, str) else _strings(value)


def _json(text: str) -> object:
    try:
        value: object = loads_at(text, 0)
    except ProtocolError:
        raise ProtocolError(BROKEN_JSON) from None
    return value


def _strings(value: object) -> list[str]:
    if isinstance(value, list) and all(item.__class__ is str for item in value):
        return value
    raise ProtocolError(PAYLOAD_EXPECTED)


def body_text(body: bytes, *, form: bool = False) -> str:
    """The JSON text in the body of xhr_send or jsonp_send.

    :param body: as received.
    :param form: whether it is ``application/x-www-form-urlencoded`` with the text in its first
        field ``d``; otherwise it is the text itself, whatever its type.
    :returns: ``''`` for a form without that field.
    :raises ProtocolError: with :data:`BROKEN_JSON` for a text that is not UTF-8, or whose
        percent-encoding is malformed.
    """
    try:
        return form_field(body, 'd') or '' if form else body.decode()
    except (ProtocolError, UnicodeDecodeError):
        raise ProtocolError(BROKEN_JSON) from None


# -- a frame on its transport -----------------------------------------------------------------


def xhr(frame: str) -> bytes:
    """A frame for xhr and xhr_streaming."""
    return f'{frame}\n'.encode()


def eventsource(frame: str) -> bytes:
    """A frame as a server-sent event; the client undoes the percent-escapes."""
    data = frame.replace('%', '%25').replace('\r', '%0D').replace('\n', '%0A').replace('\0', '%00')
    return f'data: {data}\r\n\r\n'.encode()


def htmlfile(frame: str) -> bytes:
    """A frame as a script in the page that :func:`htmlfile_head` begins."""
    return f'<script>\np({script_string(frame)});\n</script>\r\n'.encode('ascii')


def jsonp(callback: str, frame: str) -> bytes:
    """A frame as a script that calls `callback`, which :func:`check_callback` has let pass."""
    return f'/**/{callback}({script_string(frame)});\r\n'.encode('ascii')


_is_callback: Final = re.compile(rf'[A-Za-z0-9\-_.]{{1,{MAX_CALLBACK_SIZE}}}').fullmatch


def check_callback(callback: str | None) -> str:
    """Return the name of a callback, the decoded query field ``c``, if it is safe to echo.

    :raises HTTPError: 500 when it is missing or empty, has other characters than ASCII letters,
        digits, ``-``, ``_`` and ``.``, or more than :data:`MAX_CALLBACK_SIZE` of them.
    """
    if not callback:
        raise HTTPError(500, '"callback" parameter required')
    if _is_callback(callback) is None:
        raise HTTPError(500, 'invalid "callback" parameter')
    return callback


_HTMLFILE_HEAD = """<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.CALLBACK;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"""
_HTMLFILE_PADDING = 1024  # from more bytes than these on, browsers render what there is


def htmlfile_head(callback: str) -> bytes:
    """The beginning of an htmlfile page, the prelude of that transport.

    :param callback: name that :func:`check_callback` has let pass.
    """
    head = _HTMLFILE_HEAD.replace('CALLBACK', callback)
    return head.ljust(_HTMLFILE_PADDING + 1).encode() + b'\r\n\r\n'


# -- pages ------------------------------------------------------------------------------------

_IFRAME = """<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="URL"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"""


def iframe(client_url: str) -> tuple[bytes, str]:
    """The iframe page and its ETag, quotes included.

    :param client_url: where browsers find the client's script; begins with ``/`` or ``http``.
    :raises ValueError: for another beginning.
    """
    if not client_url.startswith(('/', 'http')):
        raise ValueError(f"{client_url!r} does not begin with '/' or 'http'")
    body = _IFRAME.replace('URL', escape(client_url)).encode()
    return body, f'"{md5(body, usedforsecurity=False).hexdigest()}"'


def info(*, websocket: bool, cookie_needed: bool, entropy: int, base_url: str = '') -> bytes:
    """The body of ``/info``, from which clients choose a transport.

    :param websocket: whether WebSocket is served.
    :param cookie_needed: whether a load balancer goes by the cookie JSESSIONID.
    :param entropy: a new random number of 32 bits, from the system's generator.
    :param base_url: where the client is to connect instead, if not here.
    """
    flags = ['false', 'true']
    extra = f',"base_url":{quote(base_url)}' if base_url else ''
    return (
        f'{{"websocket":{flags[websocket]},"origins":["*:*"],'
        f'"cookie_needed":{flags[cookie_needed]},"entropy":{entropy}{extra}}}'
    ).encode()


# -- paths ------------------------------------------------------------------------------------


class Route(NamedTuple):
    """What a path below the prefix asks for.

    :ivar kind: ``'greeting'``, ``'info'``, ``'iframe'``, ``'raw'`` (a WebSocket without frames of
        SockJS), or ``'session'``; only that one has the other three.
    :ivar server: for load balancers; says nothing about the session.
    :ivar session: chosen by the client, and secret.
    :ivar transport: last part of the path, for example ``'xhr_send'``.
    """

    kind: str
    server: str = ''
    session: str = ''
    transport: str = ''


_PAGES = {
    '': Route('greeting'),
    '/info': Route('info'),
    '/websocket': Route('raw'),
}
_is_iframe: Final = re.compile(r'/iframe[0-9\-.a-z_]*\.html').fullmatch
_session_path: Final = re.compile(
    rf'/([^/.]{{1,{MAX_ID_SIZE}}})/([^/.]{{1,{MAX_ID_SIZE}}})/'
    '(websocket|xhr|xhr_streaming|xhr_send|eventsource|htmlfile|jsonp|jsonp_send)'
).fullmatch


def parse_path(path: str, *, websocket: bool = True) -> Route | None:
    """Tell what the part of a path behind the prefix asks for; None means 404.

    One slash at the end changes nothing. The path is taken as it was sent, not percent-decoded.

    :param path: ``''``, or from the first slash behind the prefix to the end; without a query.
    :param websocket: False when WebSocket is switched off, so that its paths do not exist.
    """
    path = path.removesuffix('/')
    route = _PAGES.get(path)
    if route is None:
        found = _session_path(path)
        if found is None:
            return Route('iframe') if _is_iframe(path) else None
        route = Route('session', *found.groups())
    if not websocket and (route.kind == 'raw' or route.transport == 'websocket'):
        return None
    return route

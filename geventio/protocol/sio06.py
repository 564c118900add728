"""The protocol of Socket.IO 0.6 and before: frames ``~m~<length>~m~<body>``, nothing else.

Source: server 0.6.17 and its client 0.6.2; the bodies that dojox.socket posts besides. Text only;
lengths are in UTF-16 code units. There are messages and heartbeats, but no namespaces, events or
acknowledgements: an event other than ``message`` is a JSON body
``{"event":"name","args":[...]}``, both ways. Also here is how its HTTP transports wrap frames.
URLs, sessions and HTTP headers live in the dialect.

Every decoder takes time linear in its input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ..errors import ProtocolError
from . import jsontext, socketio
from .browser import form_field, script_index, script_string
from .canonical import is_one, only_text, take_apart
from .utf16 import take_utf16, utf16_length

MARK: Final = '~m~'

#: Longest frame length and heartbeat number accepted, in digits.
MAX_DIGITS: Final = 9

#: Begins the response of an htmlfile request; browsers wait for some bytes before they run it.
HTMLFILE_HEAD: Final = '<html><body>' + ' ' * 244
#: Begins the response of an xhr-multipart request, of the type MULTIPART_TYPE.
MULTIPART_HEAD: Final = '--socketio\n'
MULTIPART_TYPE: Final = 'multipart/x-mixed-replace;boundary="socketio"'

_parse_length: Final = re.compile('~m~([0-9]*)~m~').match
_parse_heartbeat: Final = re.compile(f'~h~([0-9]{{1,{MAX_DIGITS}}})').fullmatch
# The second is what examples for dojox.socket send.
_FORM_TYPES: Final = ('application/x-www-form-urlencoded', 'application/x-www-urlencoded')


def encode(body: str) -> str:
    """Return the frame that carries *body*."""
    return f'{MARK}{utf16_length(body)}{MARK}{body}'


def decode(text: str, limit: int) -> list[str]:
    """Return the bodies of the frames in *text*.

    What does not begin as a frame ends the decoding, and a length beyond the end means the rest,
    as in the original.

    :param limit: longest text and longest frame accepted, in characters.
    :raises ProtocolError: more than that, or a length of more than ``MAX_DIGITS`` digits.
    """
    if len(text) > limit:
        raise ProtocolError('batch too large')
    bodies = []
    pos = 0
    while (head := _parse_length(text, pos)) is not None:
        digits = head[1]
        if len(digits) > MAX_DIGITS:
            raise ProtocolError(f'a frame length of more than {MAX_DIGITS} digits')
        length = int(digits or 0)
        if length > limit:
            raise ProtocolError('frame too large')
        body = take_utf16(text, head.end(), length)
        bodies.append(body)
        pos = head.end() + len(body)
    return bodies


# -- bodies ---------------------------------------------------------------------------------


def heartbeat(number: int) -> str:
    """Return the frame of a heartbeat; its echo looks the same."""
    return encode(f'~h~{number}')


def heartbeat_of(body: str) -> int | None:
    """Return the number of a heartbeat, or None for any other body."""
    found = _parse_heartbeat(body)
    return int(found[1]) if found else None


def event_of(body: str, *, loads_at: Callable[[str, int], Any] = jsontext.loads_at
             ) -> list[Any] | None:
    """Return ``[name, *args]`` of a body that is no heartbeat.

    A JSON object of exactly a text ``event`` and an array ``args`` is that event, everything
    else an event ``message``.

    :param loads_at: reads the JSON value from a position to the end of a text.
    :returns: None for what nothing handles: broken JSON, or an event whose name no side may send.
    """
    if not body.startswith('~j~'):
        return ['message', body]
    try:
        value = loads_at(body, 3)
        if value.__class__ is dict and value.keys() == {'event', 'args'}:
            name, args = value['event'], value['args']
            if name.__class__ is str and args.__class__ is list:
                event = [name, *args]
                socketio.check_event(event)
                return event
    except ProtocolError:
        return None
    return ['message', value]


def rewrite(packets: socketio.Encoded) -> str:
    """Return the frame that says in this protocol what *packets* say; ``''`` if none does.

    Only events on the main namespace do. An event ``message`` with one argument is that text, or
    that value as JSON; a text that begins with ``~j~`` or ``~h~`` is misread by the client, for
    which the protocol has no remedy. An id is left out: the client cannot answer it. Attachments
    are base64 strings.

    :param packets: a packet as :func:`geventio.protocol.socketio.encode` returns it, or an
        Engine.IO packet.
    """
    parts = take_apart(packets)
    if parts is None or parts.type != socketio.EVENT or parts.nsp != '/':
        return ''
    args = parts.args
    if parts.name == 'message':
        text = only_text(args)
        if text is not None:
            return encode(text)
        if is_one(args):
            return encode('~j~' + args)
    return encode(f'~j~{{"event":{parts.name_json},"args":[{args}]}}')


# -- HTTP and dojox.socket ------------------------------------------------------------------


def decode_message(text: str, limit: int) -> list[str]:
    """Return the bodies of a text that may come without frames: then it is one body itself.

    :raises ProtocolError: see :func:`decode`.
    """
    if text.startswith(MARK):
        return decode(text, limit)
    return [text] if text else []


def decode_form(body: bytes, limit: int) -> list[str]:
    """Return the bodies of a POST of Socket.IO's own client: frames in the form field ``data``.

    :raises ProtocolError: not percent-encoded UTF-8, or see :func:`decode`.
    """
    return decode(form_field(body, 'data') or '', limit)


def decode_post(body: bytes, content_type: str, limit: int) -> list[str]:
    """Return the bodies of a POST of dojox.socket: a form, frames, or one body without frame.

    :param content_type: of the request, ``''`` without one. A form is only what is called one
        and begins with ``data=``: Dojo calls everything a form.
    :raises ProtocolError: not UTF-8, or see :func:`decode`.
    """
    if body.startswith(b'data=') and _media_type(content_type) in _FORM_TYPES:
        return decode_form(body, limit)
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise ProtocolError('body is not UTF-8') from exc
    return decode_message(text, limit)


def _media_type(content_type: str) -> str:
    return content_type.partition(';')[0].strip(' \t').lower()


def jsonp_body(index: str, frames: str) -> bytes:
    """Return the script that hands *frames* to the client.

    :param index: of the URL; ``0`` stands in for one that is not all digits.
    """
    return f'io.JSONP[{script_index(index)}]._({script_string(frames)});'.encode('ascii')


def htmlfile_chunk(frames: str) -> bytes:
    """Return the script element that hands *frames* to the page around it."""
    return f'<script>parent.s._({script_string(frames)}, document);</script>'.encode('ascii')


def multipart_part(frames: str) -> bytes:
    """Return the part of an xhr-multipart response that carries *frames*."""
    return f'Content-Type: text/plain\n\n{frames}\n--socketio\n'.encode()

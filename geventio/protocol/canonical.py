"""The server's own packets, taken apart without parsing their JSON, for other dialects.

Inside the server a packet is the text of Engine.IO 4 with Socket.IO 5 (see
:func:`geventio.protocol.socketio.encode`). An older dialect says the same in other words, so it
rewrites that text: the JSON of the arguments is cut out and put elsewhere as it stands. It may
come from an application's own encoder, with white space between the tokens. What the words of a
dialect are does not live here.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from json import decoder
from typing import Final

from .socketio import ACK, BINARY_EVENT, EVENT, Encoded

_scan_string: Final = decoder.scanstring  # type: ignore[attr-defined]
_scan_value: Final = json.JSONDecoder().raw_decode

_BLANKS: Final = ' \t\n\r'
_HEAD: Final = re.compile(r'4([0-6])(?:[0-9]+-)?(?:(/[^,]*),)?([0-9]*)')
# An object that begins like this cannot be part of a JSON string: its quotes would be escaped.
_PLACEHOLDER: Final = re.compile(
    r'\{\s*"_placeholder"\s*:\s*true\s*,\s*"num"\s*:\s*([0-9]{1,9})\s*\}')


class Parts:
    """A Socket.IO packet in pieces of its own text.

    :ivar type: CONNECT .. CONNECT_ERROR; what had attachments is EVENT or ACK.
    :ivar nsp: namespace.
    :ivar id: acknowledgement id, or None.
    :ivar name: event name; for a number its digits. ``''`` for other types.
    :ivar name_json: the name as JSON.
    :ivar args: the arguments of an event or an acknowledgement, as the inside of a JSON array;
        ``''`` for none.
    """

    __slots__ = ('args', 'id', 'name', 'name_json', 'nsp', 'type')

    def __init__(self, type: int, nsp: str, id: int | None) -> None:
        self.type = type
        self.nsp = nsp
        self.id = id
        self.name = ''
        self.name_json = '""'
        self.args = ''


def take_apart(packets: Encoded) -> Parts | None:
    """Return the pieces of a packet, or None when it is not one of Socket.IO.

    An attachment becomes a base64 string in the place of its placeholder: ``b'\\1\\2\\3'`` is
    ``"AQID"``. What :func:`~geventio.protocol.socketio.encode` returned raises nothing.

    :param packets: one text, or a text and its attachments.
    """
    if isinstance(packets, str):
        text = packets
    else:
        first, *others = packets
        if not isinstance(first, str):
            return None
        text = _with_attachments(first, [p for p in others if isinstance(p, bytes)])
    head = _HEAD.match(text)
    if head is None:
        return None
    kind, nsp, id = head.groups()
    type = int(kind)
    if type >= BINARY_EVENT:
        type -= BINARY_EVENT - EVENT
    parts = Parts(type, nsp or '/', int(id) if id else None)
    if type in (EVENT, ACK):
        args = text[head.end() :].strip(_BLANKS)[1:-1].strip(_BLANKS)
        if type == EVENT and args:
            args = _take_name(parts, args)
        parts.args = args
    return parts


def _with_attachments(text: str, attachments: list[bytes]) -> str:
    def fill(found: re.Match[str]) -> str:
        num = int(found[1])
        if num >= len(attachments):
            return found[0]  # the application's own data
        return '"' + b2a_base64(attachments[num], newline=False).decode('ascii') + '"'

    return _PLACEHOLDER.sub(fill, text)


def _take_name(parts: Parts, items: str) -> str:
    """Set the name in *parts* from the items of an event's array; return the others."""
    if items[0] != '"':
        name, _, rest = items.partition(',')
        parts.name = parts.name_json = name.rstrip(_BLANKS)
        return rest.lstrip(_BLANKS)
    parts.name, end = _scan_string(items, 1, False)
    parts.name_json = items[:end]
    return items[end:].lstrip(_BLANKS)[1:].lstrip(_BLANKS)


def only_text(args: str) -> str | None:
    """Return the argument when it is the only one and a string, else None.

    None also for a string with a lone surrogate: JSON can carry it, plain UTF-8 cannot.
    """
    if args[:1] != '"':
        return None
    text: str
    text, end = _scan_string(args, 1, False)
    if end != len(args):
        return None
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return None
    return text


def is_one(args: str) -> bool:
    """Whether *args* are exactly one argument.

    The application's own encoder may write numbers or depths that cannot be read here; these
    count as several.
    """
    if ',' not in args:
        return bool(args)
    try:
        return _scan_value(args)[1] == len(args)
    except (ValueError, RecursionError):
        return False

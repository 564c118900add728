"""What old browsers take and give besides plain bodies: script text, and fields of forms.

Which function a script calls and which field counts is the business of each protocol.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring_ascii
from urllib.parse import unquote_to_bytes

from ..errors import ProtocolError

#: Most digits of a JSONP index that are taken for one.
MAX_INDEX_DIGITS = 10

_BAD_PERCENT = re.compile(rb'%(?![0-9A-Fa-f]{2})')
_is_index = re.compile(f'[0-9]{{1,{MAX_INDEX_DIGITS}}}').fullmatch


def script_string(text: str) -> str:
    """Return *text* as a string literal for a script, quotes included.

    It is ASCII and holds no ``<``: it means the same in any charset and in scripts of any age,
    and cannot end the script element it stands in.
    """
    return encode_basestring_ascii(text).replace('<', '\\u003c')


def script_index(index: str) -> str:
    """Return the *index* of a JSONP callback, ``'0'`` unless it is all ASCII digits."""
    return index if _is_index(index) else '0'


def form_field(body: bytes, name: str) -> str | None:
    """Return a field of an ``application/x-www-form-urlencoded`` body; the first of the name.

    :returns: None without such a field. Other fields are not looked at.
    :raises ProtocolError: malformed percent-encoding, or not UTF-8.
    """
    wanted = name.encode()
    for field in body.split(b'&'):
        found, _, value = field.partition(b'=')
        if found == wanted:
            break
    else:
        return None
    if _BAD_PERCENT.search(value):
        raise ProtocolError('malformed percent-encoding')
    try:
        return unquote_to_bytes(value.replace(b'+', b' ')).decode()
    except UnicodeDecodeError as exc:
        raise ProtocolError('form is not UTF-8') from exc

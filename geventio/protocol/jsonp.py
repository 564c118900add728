"""JSONP polling: an Engine.IO payload as a script, and as a field of a form.

Both directions are text: the payload itself, in either revision, is the business of
:mod:`geventio.protocol.engineio`. HTTP headers are not written here.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring_ascii
from urllib.parse import unquote_to_bytes

from ..errors import ProtocolError

#: Most digits of the callback's index that are echoed; the others are dropped.
MAX_INDEX_DIGITS = 10

_NOT_DIGITS = re.compile('[^0-9]+')
_BAD_PERCENT = re.compile(rb'%(?![0-9A-Fa-f]{2})')
_NEWLINE = re.compile(r'\\?\\n')


def callback_body(index: str, payload: str) -> bytes:
    """Return the script that hands *payload* to the client's callback.

    The result is ASCII, whatever the payload: it means the same in any charset and in scripts of
    any age, and as ``<`` is escaped too, a page that inlines it stays as it is.

    :param index: the ``j`` of the query; only its ASCII digits count, at most
        ``MAX_INDEX_DIGITS`` of them.
    :param payload: any text; the callback gets an equal string.
    """
    digits = _NOT_DIGITS.sub('', index)[:MAX_INDEX_DIGITS]
    literal = encode_basestring_ascii(payload).replace('<', '\\u003c')
    return f'___eio[{digits}]({literal});'.encode('ascii')


def form_payload(body: bytes) -> str | None:
    """Return the payload in the field ``d`` of an ``application/x-www-form-urlencoded`` body.

    The first ``d`` counts. Clients protect newlines from browsers that rewrite them: a newline
    comes as backslash, ``n``, and those two characters come with one more backslash in front.

    :returns: None without a field ``d``.
    :raises ProtocolError: malformed percent-encoding, or not UTF-8.
    """
    for field in body.split(b'&'):
        name, _, value = field.partition(b'=')
        if name == b'd':
            break
    else:
        return None
    if _BAD_PERCENT.search(value):
        raise ProtocolError('malformed percent-encoding')
    try:
        text = unquote_to_bytes(value.replace(b'+', b' ')).decode()
    except UnicodeDecodeError as exc:
        raise ProtocolError('form is not UTF-8') from exc
    if '\\n' not in text:
        return text
    return _NEWLINE.sub(lambda found: '\n' if found[0] == '\\n' else '\\n', text)

"""JSONP polling: an Engine.IO payload as a script, and as a field of a form.

Both directions are text: the payload itself, in either revision, is the business of
:mod:`geventio.protocol.engineio`. HTTP headers are not written here.
"""

from __future__ import annotations

import re

from .browser import MAX_INDEX_DIGITS, form_field, script_string

_NOT_DIGITS = re.compile('[^0-9]+')
_NEWLINE = re.compile(r'\\?\\n')


def callback_body(index: str, payload: str) -> bytes:
    """Return the script that hands *payload* to the client's callback.

    :param index: the ``j`` of the query; only its ASCII digits count, at most
        ``MAX_INDEX_DIGITS`` of them.
    :param payload: any text; the callback gets an equal string.
    """
    digits = _NOT_DIGITS.sub('', index)[:MAX_INDEX_DIGITS]
    return f'___eio[{digits}]({script_string(payload)});'.encode('ascii')


def form_payload(body: bytes) -> str | None:
    """Return the payload in the field ``d`` of an ``application/x-www-form-urlencoded`` body.

    The first ``d`` counts. Clients protect newlines from browsers that rewrite them: a newline
    comes as backslash, ``n``, and those two characters come with one more backslash in front.

    :returns: None without a field ``d``.
    :raises ProtocolError: malformed percent-encoding, or not UTF-8.
    """
    text = form_field(body, 'd')
    if text is None or '\\n' not in text:
        return text
    return _NEWLINE.sub(lambda found: '\n' if found[0] == '\\n' else '\\n', text)

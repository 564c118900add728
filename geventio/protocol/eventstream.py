"""Server-Sent Events as text: what an event stream is made of.

Source: WHATWG HTML, section 9.2 "Server-sent events". Which events there are, and their ids, is
the dialect's business.
"""

from __future__ import annotations

import re

_line_ends = re.compile('\r\n|\r|\n').split


def event(data: str, name: str = '') -> str:
    """Return a block that dispatches an event.

    A lone surrogate, which UTF-8 cannot carry, is replaced.

    :param data: any text; each of its lines becomes a line of data. A line may end in CR, LF or
        both, and arrives ending in LF.
    :param name: of the event; ``''`` means ``message``. Line ends in it become spaces.
    """
    lines = [f'data: {line}\n' for line in _line_ends(data)]
    if name:
        lines.insert(0, 'event: ' + ' '.join(_line_ends(name)) + '\n')
    text = ''.join(lines) + '\n'
    return text if text.isascii() else text.encode('utf-8', 'replace').decode()


def comment() -> str:
    """Return what a client ignores: it shows that the stream still lives."""
    return ':\n\n'

"""What every trial of ``trial.js`` has to have seen."""

from __future__ import annotations

from typing import Any

#: Texts that are sent back.
TEXTS = ['a', '', 'é€😀', '\u2028\u2029\u200d\ufff0\uffff', '"\\/\b\f\n\r\t\x00\x1f\x7f',
         '%41+&=;', '</script><!--', "'", '{"not": "an event"}', '[1,2]']
#: Length of a large text.
LARGE = 300_000


def expected(transport: str) -> dict[str, Any]:
    """What is seen over a transport."""
    kind = 'websocket' if transport == 'websocket' else \
        'polling' if 'polling' in transport else 'streaming'
    return {
        'transport': transport,
        'named': [kind],
        'texts': TEXTS,
        'told': ['told', {'from': ['other']}],
        'burst': True,
        'large': LARGE,
        'order': '0123456789',
        'last': 'last words',
        'close': {'code': 1000, 'reason': 'Normal closure', 'wasClean': True},
        'closed': {'code': 3001, 'reason': 'enough', 'wasClean': True},
        'reasons': ['server disconnect', 'transport close'],
    }

"""Answers, questions and errors, on Flask-SocketIO and on geventio."""

from __future__ import annotations

import pytest

from .conftest import Play
from .transcripts import LIBRARIES, TRANSPORTS, Transcript

pytestmark = pytest.mark.timeout(120)

BLOB = {'$bytes': '000102feff'}
TWICE = {'$bytes': '000102feff' * 2}

#: Seen over the first transport only: errors that nobody handles yet have no answer.
UNHANDLED = [
    ['ann', 'answer to one', 'alive'],
    ['ann in loose', 'answer to divide', 3],
]

#: What the clients see, in the order of the play: who, what, and the values.
EXPECTED = [
    ['ann', 'connected'],
    ['bob', 'connected'],
    ['ann', 'answer to nothing'],
    ['ann', 'answer to one'],
    ['ann', 'answer to one', {'ключ 🗝': ['é', {'深': []}]}],
    ['ann', 'answer to one', [1, 'two', [3]]],
    ['ann', 'answer to one', 0],
    ['ann', 'answer to one', ''],
    ['ann', 'answer to one', BLOB],
    ['ann', 'answer to several', 1, 'two', {'three': 3}],
    ['ann', 'answer to several', BLOB, 'between', {'$bytes': ''}],
    ['ann', 'answer to listed', [1, 2]],
    ['ann', 'answer to reverse', {'size': 5, 'blob': {'$bytes': 'fffe020100'}, 'name': 'ünï'}],
    ['ann', 'answer to reverse', {'size': 12, 'blob': {'$bytes': '626165646362616564636261'},
     'name': 'big'}],
    ['ann', 'answer to types', ['str', 'int', 'float', 'bool', 'NoneType', 'list', 'dict',
     'bytes']],
    ['ann', 'answer to no such event', 'no handler for no such event', 3],
    ['ann', 'gift', 'ключ 🗝', {'$bytes': '0001ff'}, {'inside': [{'$bytes': '64656570'},
     {'deeper': {'$bytes': ''}}], 'π': 3.14}],
    ['ann', 'gift'],
    ['ann', 'gift', [1, None, True, 'quote " and \\']],
    ['ann', 'question', 'simple'],
    ['ann', 'you said', {'sid': '<ann>', 'answers': [{'ann': 'simple'}]}],
    ['ann', 'question', 'no value'],
    ['ann', 'you said', {'sid': '<ann>', 'answers': []}],
    ['ann', 'question', 'two values'],
    ['ann', 'you said', {'sid': '<ann>', 'answers': ['first', ['second']]}],
    ['ann', 'question', {'blob': BLOB}],
    ['ann', 'you said', {'sid': '<ann>', 'answers': [{'blob': TWICE}]}],
    ['bob', 'question', 'from ann'],
    ['ann', 'they said', {'bob': 'from ann'}],
    ['ann', 'answer to interview', [{'ann': 'a'}, None, ['first', ['second']], {'blob': TWICE}]],
    ['ann', 'question', 'a'],
    ['ann', 'question', 'no value'],
    ['ann', 'question', 'two values'],
    ['ann', 'question', {'blob': BLOB}],
    ['ann', 'answer to interview other', {'bob': ['nested', {'question': '?'}]}],
    ['bob', 'question', ['nested', {'question': '?'}]],
    ['ann', 'answer to impatient', 'TimeoutError'],
    ['ann', 'silence'],
    ['ann', 'answer to poll'],
    ['ann', 'question', 'vote'],
    ['ann', 'polled', [{'ann': 'vote'}, {'bob': 'vote'}]],
    ['bob', 'question', 'vote'],
    ['view', 'POST /ask', 200, {'answer': {'bob': 'from the view'}}],
    ['bob', 'question', 'from the view'],
    ['view', 'POST /ask', 200, {'answer': ['first', ['second']]}],
    ['bob', 'question', 'two values'],
    ['view', 'POST /ask', 504, {'error': 'TimeoutError'}],
    ['bob', 'silence', ''],
    ['ann in strict', 'connected'],
    ['ann in loose', 'connected'],
    ['ann', 'answer to divide', 0.25],
    ['ann in strict', 'answer to divide', {'error': 'division by zero'}],
    ['ann in strict', 'strict error', {'event': 'divide', 'args': [1, 0]}],
    *UNHANDLED,
    ['view', 'POST /forgive', 200, {'ok': True}],
    ['ann in loose', 'answer to divide', '/loose ZeroDivisionError'],
    ['ann', 'answer to divide', '/ TypeError'],
    ['ann in strict', 'answer to divide', {'error': 'division by zero'}],
    ['ann in strict', 'strict error', {'event': 'divide', 'args': [2, 0]}],
]


@pytest.fixture(scope='module')
def heard(play: Play) -> dict[str, Transcript]:
    return play('calls.py', 'calls')


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('transport', TRANSPORTS)
def test_what_clients_see(heard: dict[str, Transcript], library: str, transport: str) -> None:
    expected = EXPECTED
    if transport != TRANSPORTS[0]:  # by then there is a handler for them
        expected = [line for line in EXPECTED if line not in UNHANDLED]
    assert heard[library].lines[transport] == expected


@pytest.mark.parametrize('library', LIBRARIES)
def test_errors_without_a_handler_are_logged(heard: dict[str, Transcript], library: str) -> None:
    assert heard[library].log.count('ZeroDivisionError: division by zero') == 2
    assert heard[library].log.count('Traceback') == 2

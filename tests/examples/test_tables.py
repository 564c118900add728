"""Class namespaces, on Flask-SocketIO and on geventio."""

from __future__ import annotations

import pytest

from .conftest import Play
from .transcripts import LIBRARIES, TRANSPORTS, Transcript

pytestmark = pytest.mark.timeout(120)

#: What the clients see, in the order of the play: who, what, and the values.
EXPECTED = [
    ['ann', 'connected'],
    ['ann', 'welcome', {'to': '/', 'sid': '<ann>'}],
    ['bob', 'connected'],
    ['bob', 'welcome', {'to': '/', 'sid': '<bob>'}],
    ['ann', 'answer to rooms', ['visitors']],
    ['ann', 'answer to invite'],
    ['bob', 'invited', {'table': 'oak', 'by': '<ann>'}],
    ['ann', 'answer to vote', ['Another round? Yes!']],
    ['bob', 'vote', 'Another round?'],
    ['ann', 'answer to broken', {'error': 'LookupError', 'args': [1, 'two']}],
    ['ann', 'answer to broken', {'error': 'TypeError', 'args': []}],
    ['bob at tables', 'refused', 'who are you?', None],
    ['ann at tables', 'connected'],
    ['bob at tables', 'connected'],
    ['ann at tables', 'answer to sit', {'table': 'oak', 'rooms': 2}],
    ['bob at tables', 'answer to sit', {'table': 'oak', 'rooms': 2}],
    ['ann at tables', 'sat down', 'Bob'],
    ['ann at tables', 'answer to draw', ['ace']],
    ['ann at tables', 'answer to draw', ['ace', 'two']],
    ['bob at tables', 'answer to draw', ['king']],
    ['ann at tables', 'answer to play'],
    ['ann at tables', 'played', 'Ann', 'ace'],
    ['bob at tables', 'played', 'Ann', 'ace'],
    ['bob at tables', 'answer to play', {'error': 'ValueError', 'args': ['oak', 'joker']}],
    ['bob at tables', 'answer to rules', 'be kind'],
    ['ann at tables', 'message', {'text': 'hi', 'list': [1, [2]]}],
    ['bob at tables', 'message', {'text': 'hi', 'list': [1, [2]]}],
    ['ann', 'answer to join', ['/', 'oak']],
    ['ann at tables', 'closed', 'oak'],
    ['bob at tables', 'closed', 'oak'],
    ['ann at tables', 'answer to stand', 1],
    ['bob at tables', 'answer to chat'],
    ['bob at tables', 'answer to sit', {'table': 'elm', 'rooms': 2}],
    ['ann at tables', 'answer to sit', {'table': 'elm', 'rooms': 2}],
    ['bob at tables', 'sat down', 'Ann'],
    ['ann in garden', 'connected'],
    ['bob in garden', 'connected'],
    ['ann in garden', 'answer to join', ['/garden', 'oak']],
    ['bob in garden', 'answer to join', ['/garden', 'oak']],
    ['bob in garden', 'answer to dig', {'in': '/garden', 'args': [1, {'deep': True}],
     'event': 'dig'}],
    ['ann in garden', 'shut', {'room': 'oak', 'in': '/garden'}],
    ['bob in garden', 'shut', {'room': 'oak', 'in': '/garden'}],
    ['ann at monitor', 'connected'],
    ['ann at monitor', 'answer to seen', ['connect', 'seen']],
    ['ann at monitor', 'answer to add', 3],
    ['ann at monitor', 'answer to add', {'error': 'TypeError'}],
    ['ann at monitor', 'answer to seen', ['this and that', 'add', 'add', 'seen']],
    ['bob at tables', '(disconnect)', 'io server disconnect'],
    ['ann at tables', 'stood up', {'name': 'Bob', 'reason': 'server disconnect'}],
    ['bob at tables', 'connected'],
    ['bob at tables', '(disconnect)', 'io server disconnect'],
    ['ann at tables', 'stood up', {'name': 'Bob', 'reason': 'server disconnect'}],
    ['bob at tables', 'connected'],
    ['bob at tables', '(disconnect)', 'io client disconnect'],
    ['ann at tables', 'stood up', {'name': 'Bob', 'reason': 'client disconnect'}],
    ['bob', 'answer to rooms', ['visitors']],
    ['bob at tables', 'connected'],
    ['ann at tables', 'alone without', 'Bob'],
    ['ann at tables', '(disconnect)', 'io client disconnect'],
    ['ann', 'answer to rooms', ['oak', 'visitors']],
]


@pytest.fixture(scope='module')
def heard(play: Play) -> dict[str, Transcript]:
    return play('tables.py', 'tables')


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('transport', TRANSPORTS)
def test_what_clients_see(heard: dict[str, Transcript], library: str, transport: str) -> None:
    assert heard[library].lines[transport] == EXPECTED


@pytest.mark.parametrize('library', LIBRARIES)
def test_nothing_fails_unseen(heard: dict[str, Transcript], library: str) -> None:
    assert 'Traceback' not in heard[library].log

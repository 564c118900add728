"""An application factory with blueprints, on Flask-SocketIO and on geventio."""

from __future__ import annotations

import pytest

from .conftest import Play
from .transcripts import LIBRARIES, TRANSPORTS, Transcript

pytestmark = pytest.mark.timeout(120)

#: What the clients see, in the order of the play: who, what, and the values.
EXPECTED = [
    ['pirate', 'status', 400],
    ['lost', 'status', 404],
    ['editor', 'POST /reset', 200, {'ok': True}],
    ['browser', 'status', 200, 'http://news.example', 'true'],
    ['editor', 'POST /articles/', 201, {'url': '/articles/0'}],
    ['ann', 'connected'],
    ['bob', 'connected'],
    ['ann', 'answer to follow', {'edition': 'morning', 'app': 'newsroom'}],
    ['ann', 'article', {'title': 'Old news', 'url': None}],
    ['bob', 'answer to follow', {'edition': 'morning', 'app': 'newsroom'}],
    ['ann', 'answer to fresh', False, True],
    ['ann', 'answer to fresh', False, True],
    ['ann', 'answer to search', ['Old news']],
    ['ann', 'answer to search', {'not found': 'nothing like it'}],
    ['bob', 'refused', 'Connection rejected by server', None],
    ['desk', 'connected'],
    ['editor', 'POST /articles/', 201, {'url': '/articles/1'}],
    ['ann', 'article', {'title': 'A goal', 'url': '/articles/1'}],
    ['desk', 'counted', 2],
    ['editor', 'POST /articles/', 201, {'url': '/articles/2'}],
    ['bob', 'article', {'title': 'Rain', 'url': '/articles/2'}],
    ['desk', 'counted', 3],
    ['desk', 'answer to correct', 'Eve', 'north'],
    ['ann', 'corrected', {'title': 'Corrected news', 'url': '/articles/0'}],
    ['bob', 'answer to follow', {'edition': 'morning', 'app': 'newsroom'}],
    ['bob', 'article', {'title': 'Corrected news', 'url': None}],
    ['bob', 'article', {'title': 'A goal', 'url': None}],
    ['bob', 'answer to unfollow', ['sport']],
    ['desk', 'answer to withdraw', 'sport'],
    ['ann', 'withdrawn', 'sport'],
    ['bob', 'withdrawn', 'sport'],
    ['bob', 'answer to unfollow', []],
    ['ann', 'GET /articles/0', 200, {'title': 'Corrected news', 'topic': 'sport'}],
    ['ann', 'GET /articles/1000', 404, None],
    ['ann', 'GET /articles/', 200, [{'title': 'Corrected news', 'topic': 'sport'},
     {'title': 'A goal', 'topic': 'sport'}, {'title': 'Rain', 'topic': 'weather'}]],
    ['ann', 'GET /stats', 200, {'closed': 12, 'opened': 12}],
]


@pytest.fixture(scope='module')
def heard(play: Play) -> dict[str, Transcript]:
    return play('newsroom_server.py', 'newsroom', path='/live/news')


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('transport', TRANSPORTS)
def test_what_clients_see(heard: dict[str, Transcript], library: str, transport: str) -> None:
    assert heard[library].lines[transport] == EXPECTED


@pytest.mark.parametrize('library', LIBRARIES)
def test_nothing_fails_unseen(heard: dict[str, Transcript], library: str) -> None:
    assert 'Traceback' not in heard[library].log

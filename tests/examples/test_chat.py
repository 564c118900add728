"""A chat with logins, on Flask-SocketIO and on geventio."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Play
from .transcripts import LIBRARIES, TRANSPORTS, Transcript

pytestmark = pytest.mark.timeout(120)

#: The end of a play whose connections have sessions of their own: a logout is not noticed.
OWN_ENDING = [
    ['bob', 'json', {'from': 'bob', 'color': 'blue', 'text': 'me again'}],
    ['ann', 'json', {'from': 'bob', 'color': 'blue', 'text': 'me again'}],
    ['ann at staff', 'answer to online', ['ann', 'bob']],
    ['ann', 'online', ['ann']],
    ['ann', 'message', 'bob has left (client disconnect)'],
]

#: The end of a play whose connections share the session: the next handler shuts the user out.
SHARED_ENDING = [
    ['bob', '(disconnect)', 'io server disconnect'],
    ['ann', 'online', ['ann']],
    ['ann', 'message', 'bob has left (server disconnect)'],
    ['ann at staff', 'answer to online', ['ann']],
]


def expected(shared: bool) -> list[Any]:
    """What the clients see, in the order of the play: who, what, and the values.

    :param shared: whether views and all connections of a user share one session.
    """
    told = 2 if shared else 0  # how often Ann spoke, as others of her session know

    def farewell(name: str) -> list[Any]:
        # Only a shared session tells the second tab in which room the first one is.
        return [[name, 'message', 'ann has left (client disconnect)']] if shared else []

    return [
        ['stranger', 'refused', 'please log in', {'login': '/login'}],
        ['stranger', 'refused', 'Connection rejected by server', None],
        ['ann', 'POST /login', 401, {'error': 'wrong name or password'}],
        ['ann', 'POST /login', 200, {'name': 'ann'}],
        ['bob', 'POST /login', 200, {'name': 'bob'}],
        ['ann', 'connected'],
        ['ann', 'online', ['ann']],
        ['bob', 'connected'],
        ['bob', 'online', ['ann', 'bob']],
        ['ann', 'online', ['ann', 'bob']],
        ['ann at staff', 'connected'],
        ['bob', 'refused', 'Connection rejected by server', None],
        ['ann', 'answer to whoami', {'name': 'ann', 'color': 'red', 'said': 0}],
        ['ann', 'answer to join', ['garden']],
        ['ann', 'message', 'ann has entered'],
        ['bob', 'answer to join', ['garden']],
        ['bob', 'message', 'bob has entered'],
        ['ann', 'message', 'bob has entered'],
        ['ann', 'answer to text'],
        ['ann', 'answer to text'],
        ['bob', 'answer to text'],
        ['ann', 'json', {'from': 'ann', 'color': 'red', 'text': 'Grüße 🌻'}],
        ['ann', 'json', {'from': 'ann', 'color': 'red', 'text': 'still there?'}],
        ['ann', 'json', {'from': 'bob', 'color': 'blue', 'text': 'yes'}],
        ['bob', 'json', {'from': 'ann', 'color': 'red', 'text': 'Grüße 🌻'}],
        ['bob', 'json', {'from': 'ann', 'color': 'red', 'text': 'still there?'}],
        ['bob', 'json', {'from': 'bob', 'color': 'blue', 'text': 'yes'}],
        ['bob', 'answer to typing'],
        ['ann', 'typing', 'bob'],
        ['ann', 'answer to whisper', 1],
        ['bob', 'whisper', 'ann', 'psst'],
        ['ann', 'answer to whoami', {'name': 'ann', 'color': 'red', 'said': 2}],
        ['bob', 'answer to whoami', {'name': 'bob', 'color': 'blue', 'said': 1}],
        ['ann', 'GET /me', 200, {'color': 'red', 'name': 'ann', 'said': told}],
        ['tab', 'connected'],
        ['tab', 'online', ['ann', 'ann', 'bob']],
        ['ann', 'online', ['ann', 'ann', 'bob']],
        ['bob', 'online', ['ann', 'ann', 'bob']],
        ['tab', 'answer to whoami', {'name': 'ann', 'color': 'red', 'said': told}],
        ['bob', 'answer to whisper', 2],
        ['tab', 'whisper', 'bob', 'to all tabs'],
        ['ann', 'whisper', 'bob', 'to all tabs'],
        ['ann', 'online', ['ann', 'bob']],
        *farewell('ann'),
        ['bob', 'online', ['ann', 'bob']],
        *farewell('bob'),
        ['bob', 'answer to leave', []],
        ['ann', 'message', 'bob has gone'],
        ['bob', 'answer to join', ['attic']],
        ['bob', 'message', 'bob has entered'],
        ['bob', 'answer to join', ['attic', 'garden']],
        ['bob', 'message', 'bob has entered'],
        ['ann', 'message', 'bob has entered'],
        ['bob', 'POST /logout', 200, {'bye': True}],
        ['bob', 'GET /me', 401, None],
        *(SHARED_ENDING if shared else OWN_ENDING),
        ['ann', '(disconnect)', 'io client disconnect'],
        ['ann at staff', 'answer to online', []],
    ]


@pytest.fixture(scope='module', params=[False, True], ids=['own sessions', 'shared sessions'])
def shared(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope='module')
def heard(play: Play, shared: bool) -> dict[str, Transcript]:
    return play('chat.py', 'chat', session_dir=shared, shared=shared)


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('transport', TRANSPORTS)
def test_what_clients_see(heard: dict[str, Transcript], shared: bool, library: str,
                          transport: str) -> None:
    assert heard[library].lines[transport] == expected(shared)


@pytest.mark.parametrize('library', LIBRARIES)
def test_nothing_fails_unseen(heard: dict[str, Transcript], library: str) -> None:
    assert 'Traceback' not in heard[library].log

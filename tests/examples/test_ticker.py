"""Background tasks and views that push, on Flask-SocketIO and on geventio."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Play
from .transcripts import LIBRARIES, TRANSPORTS, Transcript

pytestmark = pytest.mark.timeout(120)

#: Transport of the play -> what the server calls it in the end.
NAMES = {'websocket': 'websocket', 'polling': 'polling', 'upgrade': 'websocket'}


def expected(transport: str) -> list[Any]:
    """What the clients see, in the order of the play: who, what, and the values."""
    ann, bob = ({'agent': name, 'connected': True, 'sid': f'<{name}>', 'transport': transport}
                for name in ('ann', 'bob'))
    return [
        ['watcher', 'connected'],
        ['watcher', 'hello', {'threads': 1}],
        ['watcher', 'steady tick', True],
        ['watcher', 'answer to subscribe', True],
        ['watcher', 'symbol', 'GEV'],
        ['watcher', 'answer to unsubscribe', True],
        ['ann', 'connected'],
        ['bob', 'connected'],
        ['ann', 'hello', {'threads': 1}],
        ['bob', 'hello', {'threads': 1}],
        ['ann', 'progress', {'step': 1, 'of': 3}],
        ['ann', 'progress', {'step': 2, 'of': 3}],
        ['ann', 'progress', {'step': 3, 'of': 3}],
        ['ann', 'done', 12],
        ['bob', 'job ended', {'total': 12}],
        ['bob', 'answer to run job', 'finished'],
        ['bob', 'progress', {'step': 1, 'of': 2}],
        ['bob', 'progress', {'step': 2, 'of': 2}],
        ['bob', 'done', 3],
        ['ann', 'job ended', {'total': 3}],
        ['editor', 'POST /announce', 200, {'ok': True}],
        ['ann', 'news', 'to everybody'],
        ['ann', 'json', {'announced': 'to everybody'}],
        ['bob', 'news', 'to everybody'],
        ['bob', 'json', {'announced': 'to everybody'}],
        ['editor', 'POST /announce', 200, {'ok': True}],
        ['ann', 'news', 'not to bob'],
        ['ann', 'json', {'announced': 'not to bob'}],
        ['bob', 'json', {'announced': 'not to bob'}],
        ['editor', 'POST /announce', 200, {'ok': True}],
        ['ann', 'json', {'announced': 'not to both'}],
        ['bob', 'json', {'announced': 'not to both'}],
        ['editor', 'POST /announce', 200, {'ok': True}],
        ['ann', 'news', 'to ann'],
        ['ann', 'json', {'announced': 'to ann'}],
        ['editor', 'POST /move', 200, {'rooms': ['cellar']}],
        ['editor', 'POST /announce', 200, {'ok': True}],
        ['bob', 'news', 'to the cellar'],
        ['bob', 'json', {'announced': 'to the cellar'}],
        ['editor', 'GET /who', 200, [bob]],
        ['editor', 'GET /who', 200, []],
        ['editor', 'GET /who', 200, [ann, bob]],
        ['editor', 'POST /close', 200, {'ok': True}],
        ['editor', 'GET /who', 200, []],
        ['editor', 'POST /announce', 200, {'ok': True}],
        ['ann', 'news', 'to ann and bob'],
        ['ann', 'json', {'announced': 'to ann and bob'}],
        ['bob', 'news', 'to ann and bob'],
        ['bob', 'json', {'announced': 'to ann and bob'}],
        ['editor', 'POST /kick', 200, {'ok': True}],
        ['bob', '(disconnect)', 'io server disconnect'],
        ['editor', 'GET /who', 200, [ann]],
    ]


@pytest.fixture(scope='module')
def heard(play: Play) -> dict[str, Transcript]:
    return play('ticker.py', 'ticker')


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('transport', TRANSPORTS)
def test_what_clients_see(heard: dict[str, Transcript], library: str, transport: str) -> None:
    assert heard[library].lines[transport] == expected(NAMES[transport])


@pytest.mark.parametrize('library', LIBRARIES)
def test_nothing_fails_unseen(heard: dict[str, Transcript], library: str) -> None:
    assert 'Traceback' not in heard[library].log

"""One client of every dialect and transport in one room: each speaks, all hear all in one order."""

from __future__ import annotations

import json

import pytest

from ..tools import MissingToolError, install_packages, unable
from .conftest import KINDS, StartServer
from .harness import FOLDER, driver, outcome_of

#: Dialects besides Engine.IO: official libraries where they run here, otherwise clients that the
#: tests have written themselves.
VISITORS = {
    'sio09': ['websocket', 'xhr-polling', 'htmlfile', 'jsonp-polling'],
    'sio06': ['websocket', 'flashsocket', 'xhr-polling', 'jsonp-polling', 'xhr-multipart',
              'htmlfile'],
    'dojox': ['websocket', 'long-poll'],
    'sockjs': ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource', 'htmlfile', 'jsonp'],
    'plain': ['websocket'],
    'sse': ['eventsource'],
}


@pytest.fixture
def with_sockjs(node_path: str) -> None:
    try:
        install_packages(FOLDER / 'sockjs')
    except MissingToolError as missing:
        unable(str(missing))


@pytest.mark.timeout(120)
@pytest.mark.usefixtures('with_sockjs')
def test_everyone_in_one_room(node_path: str, start_server: StartServer) -> None:
    server = start_server(dialects='all', sse_rooms=['everyone'])
    kinds = [*KINDS, *((name, transport) for name in VISITORS for transport in VISITORS[name])]
    members = [{'client': client, 'transport': transport} for client, transport in kinds]
    command = [node_path, 'driver/everyone.js', json.dumps({'port': server.port,
                                                            'members': members})]
    with driver(command) as running:
        problem = outcome_of(running.line())
    assert problem is None, problem
    assert 'Traceback' not in server.log_text()

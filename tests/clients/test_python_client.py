"""python-socketio's own client, as released, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from typing import Any

import pytest

from .conftest import Runs, StartServer
from .harness import FOLDER, ServerProcess, driver, outcome_of

pytestmark = pytest.mark.timeout(120)

SCENARIOS = [
    'connect', 'events', 'questions', 'rooms', 'refused', 'leaving', 'kicked', 'large', 'many',
]
TRANSPORTS = {
    'websocket': ['websocket'],
    'polling': ['polling'],
    'upgrade': ['polling', 'websocket'],
}
SERIALIZERS = ('default', 'msgpack')


@pytest.fixture(scope='session', autouse=True)
def installed() -> None:
    """The client and what its transports need: skipped without, except in CI."""
    needed = ('socketio', 'requests', 'websocket', 'msgpack')
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing and os.environ.get('CI') == 'true':
        pytest.fail(f'not installed: {missing}')
    if missing:
        pytest.skip(f'not installed: {missing}')


def command(scenarios: list[str], transport: str, port: int, serializer: str) -> list[str]:
    """The command line of the client's process."""
    settings: dict[str, Any] = {
        'port': port,
        'transports': TRANSPORTS[transport],
        'scenarios': scenarios,
        'serializer': serializer,
    }
    return [sys.executable, str(FOLDER / 'python_client.py'), json.dumps(settings)]


@pytest.fixture(scope='session')
def python_runs(runs: Runs, server: ServerProcess, msgpack_server: ServerProcess) -> Runs:
    """The processes of the client, under way."""
    for serializer, running in zip(SERIALIZERS, (server, msgpack_server), strict=True):
        for transport in TRANSPORTS:
            line = command(SCENARIOS, transport, running.port, serializer)
            runs.start(('python', serializer, transport), line, SCENARIOS)
    return runs


@pytest.mark.parametrize('scenario', SCENARIOS)
@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('serializer', SERIALIZERS)
def test_scenario(python_runs: Runs, serializer: str, transport: str, scenario: str) -> None:
    """The client and the server agree on everything the scenario looks at."""
    problem = outcome_of(python_runs.result(('python', serializer, transport), scenario))
    assert problem is None, problem


@pytest.mark.parametrize('transport', TRANSPORTS)
def test_comes_back_after_the_server_died(start_server: StartServer, transport: str) -> None:
    """The client reconnects to a server that was killed and started again."""
    server = start_server()
    with driver(command(['restart'], transport, server.port, 'default')) as running:
        assert running.line() == {'state': 'ready'}
        server.kill()
        assert running.line() == {'state': 'lost'}
        start_server(server.port)
        problem = outcome_of(running.line())
        assert problem is None, problem

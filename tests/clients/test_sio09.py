"""The official client of Socket.IO 0.9, unmodified, in Node over both transports it has there."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest

from .conftest import Runs, StartServer
from .harness import FOLDER, ServerProcess, driver, outcome_of

pytestmark = pytest.mark.timeout(200)

TRANSPORTS = ('websocket', 'xhr-polling')
SCENARIOS = (
    'connect',
    'messages and json',
    'receipts of messages',
    'events',
    'acks from the server',
    'acks to the server',
    'rooms',
    'namespaces',
    'a namespace closed by the server',
    'refused at the handshake',
    'client disconnects',
    'server disconnects',
    'comes back after a cut',
    'large text',
    'order both ways',
)
OPTIONS = {'dialects': ['eio4', 'sio09']}


@pytest.fixture(scope='module')
def old_server(start_server: StartServer) -> ServerProcess:
    """A server that speaks 0.9 as well."""
    return start_server(**OPTIONS)


@pytest.fixture(scope='module')
def old_runs(node_path: str, runs: Runs, old_server: ServerProcess) -> Runs:
    """One process for each transport, which runs every scenario."""
    for transport in TRANSPORTS:
        runs.start(('sio09', transport), command(node_path, transport, old_server.port,
                                                 scenarios=SCENARIOS), list(SCENARIOS))
    return runs


def command(node_path: str, transport: str, port: int, **settings: Any) -> list[str]:
    """The command line of one client."""
    settings = {'transport': transport, 'port': port, **settings}
    return [node_path, 'driver/run09.js', json.dumps(settings)]


@pytest.mark.parametrize('scenario', SCENARIOS)
@pytest.mark.parametrize('transport', TRANSPORTS)
def test_scenario(old_runs: Runs, transport: str, scenario: str) -> None:
    """The client and the server agree on everything the scenario looks at."""
    problem = outcome_of(old_runs.result(('sio09', transport), scenario))
    assert problem is None, problem


def test_every_scenario_is_run(node_path: str) -> None:
    """The table above and the driver name the same scenarios."""
    listed = subprocess.check_output([node_path, 'driver/run09.js'], cwd=FOLDER, timeout=30)
    assert sorted(json.loads(listed)) == sorted(SCENARIOS)


@pytest.mark.parametrize('transport', TRANSPORTS)
def test_idle(node_path: str, start_server: StartServer, transport: str) -> None:
    """An idle client lives on heartbeats, or on polls that are let go."""
    server = start_server(ping_interval=0.3, ping_timeout=1.2, polling_duration=0.4,
                          disconnect_delay=1, **OPTIONS)
    with driver(command(node_path, transport, server.port, act='idle', stay=2500)) as running:
        problem = outcome_of(running.line())
    assert problem is None, problem
    assert 'Traceback' not in server.log_text()


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM], ids=['killed', 'ended'])
@pytest.mark.parametrize('transport', TRANSPORTS)
def test_server_returns(node_path: str, start_server: StartServer, transport: str,
                        number: signal.Signals) -> None:
    """The client notices that the server died, or ended in order, and comes back to the next."""
    server = start_server(**OPTIONS)
    with driver(command(node_path, transport, server.port, act='restart')) as running:
        assert running.line() == {'state': 'ready'}
        if number == signal.SIGTERM:
            assert server.terminate() == 0
        else:
            server.kill()
        assert running.line() == {'state': 'lost'}
        start_server(server.port, **OPTIONS)
        problem = outcome_of(running.line())
    assert problem is None, problem


def test_the_server_reports_no_error(old_runs: Runs, old_server: ServerProcess) -> None:
    """After all that, the server has written no traceback."""
    for transport in TRANSPORTS:
        old_runs.result(('sio09', transport), SCENARIOS[-1])
    assert 'Traceback' not in old_server.log_text()

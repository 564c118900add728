"""Clients of every generation and transport at once, on one server."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from .conftest import KINDS, StartServer
from .harness import ServerProcess, driver, outcome_of

pytestmark = pytest.mark.timeout(120)

#: Interval and timeout of the heartbeat test, in seconds, and how long its clients are idle: longer
#: than the sum of both, after which either side would have given up without a heartbeat.
INTERVAL, TIMEOUT, STAY = 0.3, 1.2, 2.0


def command(node_path: str, act: str, port: int, **settings: Any) -> list[str]:
    """The command line of a crowd of one client of each kind."""
    members = [{'client': client, 'transport': transport} for client, transport in KINDS]
    settings = {'act': act, 'port': port, 'members': members, **settings}
    return [node_path, 'driver/crowd.js', json.dumps(settings)]


@pytest.mark.parametrize('act', ['room', 'question'])
def test_in_one_room(node_path: str, server: ServerProcess, act: str) -> None:
    """All speak and all hear all in one order; all answer a question put to the room."""
    with driver(command(node_path, act, server.port)) as running:
        problem = outcome_of(running.line())
    assert problem is None, problem


def test_heartbeat(node_path: str, start_server: StartServer) -> None:
    """Idle clients stay connected; of a silent connection both sides report a ping timeout."""
    server = start_server(ping_interval=INTERVAL, ping_timeout=TIMEOUT)
    with driver(command(node_path, 'heartbeat', server.port, stay=STAY * 1000)) as running:
        problem = outcome_of(running.line())
    assert problem is None, problem
    assert 'Traceback' not in server.log_text()


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM], ids=['killed', 'ended'])
def test_server_returns(node_path: str, start_server: StartServer, number: signal.Signals) -> None:
    """Every client notices that the server died, or ended in order, and comes back to the next."""
    server = start_server()
    with driver(command(node_path, 'restart', server.port)) as running:
        assert running.line() == {'state': 'ready'}
        if number == signal.SIGTERM:
            assert server.terminate() == 0
        else:
            server.kill()
        assert running.line() == {'state': 'lost'}
        start_server(server.port)
        problem = outcome_of(running.line())
    assert problem is None, problem

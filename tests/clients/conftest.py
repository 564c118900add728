"""Servers for the tests of this folder, and the clients' processes, each run once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from ..tools import MissingToolError, unable
from .harness import Environment, ServerProcess, driver, install_clients, node

#: Names of the package.json and of the drivers.
CLIENTS = ('sio17', 'sio25', 'sio31', 'sio41', 'sio48')
TRANSPORTS = ('websocket', 'polling', 'upgrade', 'jsonp', 'jsonp-upgrade')
KINDS = [
    (client, transport)
    for client in CLIENTS
    for transport in TRANSPORTS
    if not (client == 'sio48' and transport.startswith('jsonp'))  # gone since 4.3
]
MSGPACK = 'socket.io-msgpack-parser'
StartServer = Callable[..., ServerProcess]
OPTIONS = {'namespaces': ['/', '/spare']}


@pytest.fixture(scope='session')
def node_path() -> str:
    """Node, with the clients installed: skipped where that cannot be, except in CI."""
    try:
        path = node()
        install_clients()
    except MissingToolError as missing:
        unable(str(missing))
    return path


@pytest.fixture(scope='session')
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts app.py with options; what still runs at the end of the session is ended."""
    started: list[ServerProcess] = []
    folder = tmp_path_factory.mktemp('servers')

    def start(port: int = 0, **options: Any) -> ServerProcess:
        log = folder / f'{len(started)}.log'
        server = ServerProcess(log, port, **{**OPTIONS, **options})
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope='session')
def server(start_server: StartServer) -> ServerProcess:
    """The server with the defaults."""
    return start_server()


@pytest.fixture(scope='session')
def deflate_server(start_server: StartServer) -> ServerProcess:
    """The server that compresses its WebSocket messages."""
    return start_server(per_message_deflate=True)


@pytest.fixture(scope='session')
def msgpack_server(start_server: StartServer) -> ServerProcess:
    """The server that speaks MessagePack."""
    return start_server(serializer='msgpack')


class Runs:
    """The drivers' processes, two at a time, each started once with all that is asked of it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._futures: dict[Any, Future[dict[str, Any]]] = {}

    def start(self, key: Any, command: list[str], scenarios: list[str]) -> None:
        """Begin a process that reports on these scenarios in this order."""
        self._futures[key] = self._pool.submit(
            self._run, command, scenarios, os.environ.copy())

    @staticmethod
    def _run(command: list[str], scenarios: list[str], env: Environment) -> dict[str, Any]:
        results: dict[str, Any] = {}
        with driver(command, env=env) as running:
            for name in scenarios:
                try:
                    result = running.line()
                except AssertionError as silence:
                    results[name] = {'ok': False, 'error': str(silence)}
                    return results
                results[result['name']] = result
        return results

    def result(self, key: Any, scenario: str) -> dict[str, Any]:
        """How a scenario went, waited for."""
        results = self._futures[key].result()
        missing = {'ok': False, 'error': 'the driver ended before this scenario'}
        return results.get(scenario, missing)


@pytest.fixture(scope='session')
def runs() -> Iterator[Runs]:
    """The pool of the drivers' processes; what was never begun is dropped at the end."""
    pool = ThreadPoolExecutor(2)
    yield Runs(pool)
    pool.shutdown(cancel_futures=True)


@pytest.fixture(scope='session')
def node_runs(request: pytest.FixtureRequest, runs: Runs, node_path: str) -> Runs:
    """The Node clients' processes that the tests of this session ask for, under way."""
    wanted: dict[tuple[str, str, str], list[str]] = {}
    for item in request.session.items:
        if 'node_runs' in getattr(item, 'fixturenames', ()) and hasattr(item, 'callspec'):
            parameters = item.callspec.params
            wanted.setdefault(parameters['kind'], []).append(parameters['scenario'])
    for key, scenarios in wanted.items():
        client, transport, server_name = key
        settings: dict[str, Any] = {
            'client': client,
            'transport': transport,
            'port': request.getfixturevalue(server_name).port,
            'scenarios': scenarios,
        }
        if server_name == 'msgpack_server':
            settings['parser'] = MSGPACK
        runs.start(key, [node_path, 'driver/run.js', json.dumps(settings)], scenarios)
    return runs

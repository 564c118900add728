"""Servers of both kinds, and the origin of the pages."""
from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ...clients.harness import install_clients, node
from ...ports import free_port
from ...tools import MissingToolError, unable
from ..served import PATIENCE, Served
from .app import KINDS
from .stage import Stage

Ports = dict[str, int]  # kind of server -> port


@pytest.fixture(scope='session')
def stage() -> Iterator[Stage]:
    """Where the pages come from."""
    running = Stage()
    yield running
    running.close()


@pytest.fixture(scope='session')
def geventio_ports() -> Iterator[Ports]:
    """geventio, one process for each kind of server."""
    with ExitStack() as stack:
        ports = {}
        for kind in KINDS:
            running = Served('tests.browser.client.app', '{port}', kind)
            stack.callback(running.stop)
            ports[kind] = running.port
        yield ports


@pytest.fixture(scope='session')
def node_ports(official: None) -> Iterator[Ports]:
    """The official server, one process."""
    process = subprocess.Popen([node(), str(Path(__file__).with_name('peer.js'))], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, 'the official server does not start'
        yield json.loads(line)
    finally:
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture(scope='session')
def official() -> None:
    """The official client and server: skipped where they cannot be had, except in CI."""
    try:
        node()
        install_clients()
    except MissingToolError as missing:
        unable(str(missing))


@pytest.fixture(scope='session')
def dead_port() -> int:
    """Nobody listens on it."""
    return free_port()

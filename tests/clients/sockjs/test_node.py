"""The official SockJS client, unmodified, in Node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...browser.served import Served
from ...tools import MissingToolError, install_packages, unable
from ..harness import driver, node
from .expected import LARGE, TEXTS, expected

FOLDER = Path(__file__).parent


@pytest.fixture(scope='module')
def node_path() -> str:
    """Node, with the client installed."""
    try:
        install_packages(FOLDER)
        return node()
    except MissingToolError as missing:
        unable(str(missing))


@pytest.fixture(scope='module')
def url() -> Iterator[str]:
    running = Served('tests.clients.sockjs.app', '{port}')
    yield running.url + 'sockjs'
    running.stop()


@pytest.mark.parametrize('transport', [
    'websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'])
def test_a_trial(node_path: str, url: str, transport: str) -> None:
    command = [node_path, str(FOLDER / 'run.js'), url, transport, json.dumps(TEXTS), str(LARGE)]
    with driver(command) as running:
        assert running.line() == expected(transport)

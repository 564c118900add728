"""An echo costs a fraction of what it costs in Flask-SocketIO, in CPU time of the server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ..conftest import WebSocket
from ..ports import free_port
from ..serving.support import Process

PROGRAM = Path(__file__).with_name('echo_program.py')
EVENTS = 500
#: Times an echo must be cheaper.
LEAST = 3


@pytest.fixture
def start(tmp_path):
    """``start(module)``: the program on that package, and a client in ``/``."""
    running = []

    def make(module):
        port = free_port()
        process = Process(tmp_path, [sys.executable, str(PROGRAM), module, str(port)], port, {})
        running.append(process)
        process.listens()
        client = WebSocket(('127.0.0.1', port), '/socket.io/?EIO=4&transport=websocket')
        running.append(client)
        assert client.receive()[0] == '0'
        client.send('40')
        assert client.receive()[:2] == '40'
        return client

    yield make
    for thing in reversed(running):
        thing.kill() if isinstance(thing, Process) else thing.close()


def echo(client):
    client.send('421["echo",{"text":"hello"}]')
    assert client.receive() == '431[{"text":"hello"}]'


def cpu(client):
    """Seconds of CPU time the server has used so far."""
    client.send('422["cpu"]')
    return json.loads(client.receive()[3:])[0]


def cost(client):
    for _ in range(50):
        echo(client)
    before = cpu(client)
    for _ in range(EVENTS):
        echo(client)
    return (cpu(client) - before) / EVENTS


def test_an_echo_costs_less_than_in_flask_socketio(start):
    ours, theirs = start('geventio'), start('flask_socketio')
    ratios = sorted(cost(theirs) / cost(ours) for _ in range(3))
    print('times cheaper:', [round(ratio, 1) for ratio in ratios])
    assert ratios[1] >= LEAST

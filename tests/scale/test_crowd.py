"""Ten thousand clients: held with their heartbeats, what each weighs, and gone all at once."""

from __future__ import annotations

import gc
import tracemalloc

import gevent
import pytest
from flask import Flask, request, session

from geventio import SocketIO

from .crowd import largest
from .measuring import LoopWatch

pytestmark = pytest.mark.timeout(180)

#: Longest time in seconds for which nobody else is served.
LONGEST = 0.3
#: Bytes a client may take: one that waits, and one whose handler read ``request`` and ``session``.
IDLE, SEEN = 3 * 1024, 8 * 1024
#: Seconds between two pings: short enough for a few of them during the test.
PING_INTERVAL = 3


@pytest.fixture
def ends():
    """Why clients left, as their disconnect handler was told."""
    return []


@pytest.fixture
def socketio(ends):
    app = Flask('crowded')
    app.secret_key = 'key'
    socketio = SocketIO(app, ping_interval=PING_INTERVAL, ping_timeout=30)

    @socketio.on('look')
    def look():
        return request.sid, session.get('user')

    @socketio.on('disconnect')
    def disconnect(reason):
        ends.append(reason)

    return socketio


@pytest.fixture
def number():
    found = largest(10_000)
    if found < 2000:
        pytest.skip(f'a process may open only {found} sockets here (ulimit -Hn)')
    return found


def wait(condition):
    with gevent.Timeout(60):
        while not condition():
            gevent.sleep(0.02)


def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_what_a_client_weighs(host, crowd, socketio):
    number = largest(2000)
    served = host(socketio.server, socketio.app)
    # What is made once, for the first client, belongs to nobody.
    first = crowd(served, 1)
    first.ask('look')
    first.close()
    wait(lambda: not served.sessions)

    tracemalloc.start()
    try:
        before = traced()
        clients = crowd(served, number)
        idle = (traced() - before) / number
        clients.ask('look')
        sockets = socketio.server.namespaces['/'].rooms.sockets.values()
        wait(lambda: all(socket.context is not None for socket in sockets))
        seen = (traced() - before) / number
    finally:
        tracemalloc.stop()
    print(f'{idle:.0f} bytes a client, {seen:.0f} after request and session')
    assert len(served.sessions) == number
    assert 0 < idle <= IDLE
    assert idle < seen <= SEEN


def test_all_are_held_and_vanish_at_once(host, crowd, socketio, number, ends):
    served = host(socketio.server, socketio.app)
    clients = crowd(served, number)
    pings = clients.figures()[0]
    wait(lambda: clients.figures()[0] >= pings + 2 * number)
    heard = {sid: each.heard for sid, each in served.sessions.items()}
    wait(lambda: all(each.heard > heard[sid] for sid, each in served.sessions.items()))
    assert len(served.sessions) == number and not ends
    with LoopWatch() as watch:
        clients.process.kill()
        wait(lambda: not served.sessions and len(ends) == number)
    assert set(ends) == {'transport close'}
    assert watch.longest < LONGEST, f'the loop was held for {watch.longest * 1000:.0f} ms'


@pytest.mark.parametrize('how', ['shutdown', 'disconnect_sockets'])
def test_the_server_ends_all_at_once(host, crowd, socketio, number, ends, how):
    served = host(socketio.server, socketio.app)
    clients = crowd(served, number)
    with LoopWatch() as watch:
        if how == 'shutdown':
            socketio.server.shutdown()
        else:
            socketio.of('/').disconnect_sockets(close=True)
        wait(lambda: not served.sessions and len(ends) == number)
        wait(lambda: clients.figures()[1] == number)
    assert len(set(ends)) == 1
    assert watch.longest < LONGEST, f'the loop was held for {watch.longest * 1000:.0f} ms'

"""Tasks: those of a client, which end with it, and those that start with the server."""

from __future__ import annotations

import gevent
import pytest
from flask import current_app, g, request, session

from geventio import ConnectionRefusedError, SocketIO, emit, join_room, start_client_task
from geventio.serving.runtime import Runtime

from ..waiting import until
from .support import Refused


def test_a_task_has_its_clients_context(socketio, joined):
    def work(start, *, step):
        g.value = start
        for _ in range(2):
            emit('value', (g.value, request.sid, session['name'], current_app.name))
            g.value += step
            socketio.sleep(0.001)

    @socketio.on('start')
    def start():
        session['name'] = 'n'
        start_client_task(work, 10, step=5)

    client = joined()
    client.emit('start')
    name = socketio.app.name
    assert client.event() == ['value', 10, client.sid, 'n', name]
    assert client.event() == ['value', 15, client.sid, 'n', name]


@pytest.mark.parametrize('leave', ['leave', 'close'])
def test_it_is_killed_when_the_client_leaves(socketio, app, joined, leave, caplog):
    ended, torn_down = [], []
    app.teardown_appcontext(torn_down.append)

    def work():
        try:
            gevent.sleep(60)
        finally:
            ended.append(request.sid)

    @socketio.on('start')
    def start():
        start_client_task(work)
        socketio.start_client_task(work)

    client, other = joined(), joined()
    for each in client, other:
        each.call('start')
    getattr(client, leave)()
    until(lambda: len(ended) == 2)
    assert ended == [client.sid] * 2
    until(lambda: sum(isinstance(error, gevent.GreenletExit) for error in torn_down) == 2)
    assert caplog.text == ''


def test_a_refused_client_has_none(socketio, client):
    ended = []

    def work():
        try:
            gevent.sleep(60)
        finally:
            ended.append(True)

    @socketio.on('connect')
    def connect():
        start_client_task(work)
        gevent.sleep(0.001)
        raise ConnectionRefusedError('no')

    with pytest.raises(Refused):
        client().connect()
    until(lambda: ended)


def test_one_that_ends_is_forgotten(socketio, joined):
    tasks = []
    socketio.on('start', )(lambda: tasks.append(start_client_task(lambda: 'result')))
    client = joined()
    client.call('start')
    tasks[0].join(timeout=5)
    socket, = socketio.server.sockets()
    until(lambda: not socket.owned)
    assert tasks[0].dead


def test_one_that_fails_is_logged(socketio, joined, caplog):
    def work():
        raise KeyError('from the task')

    socketio.on('start')(lambda: start_client_task(work) and None)
    client = joined()
    client.call('start')
    until(lambda: 'from the task' in caplog.text)
    assert client.call('start') == []


def test_one_that_disconnects_its_own_client(socketio, joined):
    from geventio import disconnect
    after = []

    def work():
        disconnect()
        after.append('goes on to the next switch')
        gevent.sleep(0.001)
        after.append('never')

    socketio.on('start')(lambda: start_client_task(work) and None)
    client = joined()
    client.emit('start')
    assert client.packet()[0] == 1
    until(lambda: after)
    gevent.sleep(0.01)
    assert after == ['goes on to the next switch']


def test_there_must_be_a_client(socketio, app, host):
    failed = []

    @socketio.on_start
    def start():
        with pytest.raises(RuntimeError, match='the handler of a client') as info:
            start_client_task(print)
        failed.append(info)

    with pytest.raises(RuntimeError, match='inside a geventio event handler'):
        socketio.start_client_task(print)
    host(socketio.server, app)
    until(lambda: failed)


def test_at_the_start_once_and_only_when_serving(app, host, caplog):
    socketio, started = SocketIO(app), []

    @socketio.on_start
    def first():
        started.append((current_app.name, emit('to all', broadcast=True)))
        gevent.sleep(60)

    @socketio.on_start
    def fails():
        raise KeyError('at the start')

    socketio.server.engine.bind(Runtime.current(socketio.server.config))
    gevent.sleep(0.01)
    assert started == []  # bound, as by a test client, is not serving
    for _ in range(2):
        host(socketio.server, app)
        until(lambda: 'at the start' in caplog.text)
    assert len(started) == 1
    assert caplog.text.count("KeyError: 'at the start'") == 1
    late = []
    socketio.on_start(lambda: late.append(True))
    until(lambda: late)


def test_emit_from_the_start_reaches_rooms(app, joined):
    socketio = SocketIO(app)
    socketio.on('connect')(lambda: join_room('r'))

    @socketio.on_start
    def push():
        while True:
            emit('push', to='r')
            socketio.sleep(0.005)

    assert joined(socketio).event() == ['push']


def test_arguments_may_have_any_name(socketio, joined):
    got = []

    def work(**options):
        got.append(options)

    @socketio.on('start')
    def start():
        start_client_task(work, event='e', function=1, runtime=2)

    joined().emit('start')
    until(lambda: got)
    socketio.start_background_task(work, function=3, runtime=4).join()
    assert got == [{'event': 'e', 'function': 1, 'runtime': 2}, {'function': 3, 'runtime': 4}]

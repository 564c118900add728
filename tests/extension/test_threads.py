"""Calls from other OS threads, from signal handlers, and before and after the server's life."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gevent
import pytest
from flask import copy_current_request_context, request

from geventio import NotConnectedError, SocketIO, TimeoutError, emit, join_room
from geventio.serving import runtime as runtime_module

from ..threads import TIMEOUT, in_thread
from ..waiting import until
from .support import Client

ROOT = Path(__file__).parents[2]
APP = Path(__file__).with_name('signalled_app.py')


def test_many_threads_each_in_order(socketio, joined):
    client = joined()

    def work(number):
        for turn in range(200):
            socketio.emit('turn', (number, turn))

    with ThreadPoolExecutor(4) as pool:
        for number in range(4):
            pool.submit(work, number)
        heard = [client.event()[1:] for _ in range(800)]
    for number in range(4):
        assert [turn for who, turn in heard if who == number] == list(range(200))


@pytest.mark.parametrize('verb', ['socketio.emit', 'emit'])
def test_an_idle_loop_wakes_up_at_once(socketio, joined, verb):
    client = joined()
    delays = []

    @socketio.on('start')
    def start():
        @copy_current_request_context
        def later():
            time.sleep(0.05)
            begin.append(time.monotonic())
            (socketio.emit if verb == 'socketio.emit' else emit)('now')

        threading.Thread(target=later).start()

    for _ in range(9):
        begin = []
        client.emit('start')
        assert client.event() == ['now']
        delays.append(time.monotonic() - begin[0])
    # A loop that nobody wakes looks for signals three times a second by itself.
    assert sorted(delays)[4] < 0.05, delays


def test_from_asyncio(socketio, joined):
    client = joined()

    async def main():
        socketio.emit('first')
        answer = await asyncio.to_thread(socketio.call, 'question', 1, to=client.sid)
        socketio.emit('last', answer)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert client.event() == ['first']
    id, data = client.question()
    assert data == ['question', 1]
    client.answer(id, 'answer')
    assert client.event() == ['last', 'answer']
    thread.join(TIMEOUT)


def test_calls_that_return_something(socketio, joined):
    first, second = joined(), joined()
    server = socketio.server

    def work():
        server.enter_room(first.sid, 'a')
        socketio.to(second.sid).sockets_join(['a', 'b'])
        found = [sorted(server.rooms(second.sid)), sorted(socketio.room_members('a'))]
        server.leave_room(first.sid, 'a')
        found.append(socketio.room_members('a'))
        found.append([socket.sid for socket in socketio.to('b').fetch_sockets()])
        socketio.close_room('a')
        found.append(socketio.room_members('a'))
        found.append(server.stats()['sockets'])
        found.append(server.transport(first.sid))
        return found

    assert in_thread(work) == [sorted([second.sid, 'a', 'b']), sorted([first.sid, second.sid]),
                               [second.sid], [second.sid], [], 2, 'websocket']
    in_thread(server.disconnect, first.sid)
    assert first.packet()[0] == 1
    assert in_thread(server.rooms, first.sid) == []
    with pytest.raises(NotConnectedError):
        in_thread(server.enter_room, first.sid, 'room')


def test_answers(socketio, joined):
    client = joined()
    thread = gevent.spawn(in_thread, lambda: socketio.call('q', to=client.sid))
    id, _ = client.question()
    client.answer(id, 1, 2)
    assert thread.get(timeout=TIMEOUT) == (1, 2)

    thread = gevent.spawn(in_thread, lambda: socketio.to(client.sid).emit_with_ack('q'))
    id, _ = client.question()
    client.answer(id, 3)
    assert thread.get(timeout=TIMEOUT) == [3]

    with pytest.raises(TimeoutError):
        in_thread(lambda: socketio.call('q', to=client.sid, timeout=0.05))
    client.question()

    thread = gevent.spawn(in_thread, lambda: socketio.call('q', to=client.sid))
    client.question()
    client.close()
    with pytest.raises(NotConnectedError):
        thread.get(timeout=TIMEOUT)
    with pytest.raises(NotConnectedError):
        in_thread(lambda: socketio.call('q', to=client.sid))


def test_callbacks_run_in_the_loop(socketio, joined):
    client = joined()
    heard = []

    def callback(*values):
        heard.append((values, threading.get_ident()))

    in_thread(lambda: socketio.emit('q', to=client.sid, callback=callback))
    in_thread(lambda: socketio.to(client.sid).emit('q', callback=callback))
    for answer in 'ab':
        id, _ = client.question()
        client.answer(id, answer)
    until(lambda: len(heard) == 2)
    assert heard == [(('a',), threading.get_ident()), ((None, ['b']), threading.get_ident())]


def test_data_is_taken_when_emit_returns(socketio, joined):
    client = joined()

    def work():
        data = {'n': 0}
        for data['n'] in range(5):
            socketio.emit('n', data)
            socketio.to(client.sid).emit('n', data)

    in_thread(work)
    assert [client.event()[1]['n'] for _ in range(10)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_what_cannot_be_sent_is_told_to_the_thread(socketio, joined):
    joined()
    with pytest.raises(TypeError, match=r"the arguments of 'e', at \[0\]\['user'\]\[1\]: "):
        in_thread(socketio.emit, 'e', {'user': [1, object()]})
    with pytest.raises(ValueError, match='reserved'):
        in_thread(socketio.emit, 'connect')


def test_a_handler_that_works_in_a_thread(socketio, joined):
    @socketio.on('work')
    def work():
        @copy_current_request_context
        def offloaded():
            join_room('workers')
            emit('result', threading.get_ident() != loop)
            emit('to all', request.sid, to='workers')
            return 'done'

        return gevent.get_hub().threadpool.apply(offloaded)

    loop = threading.get_ident()
    client = joined()
    client.emit('work')
    assert client.event() == ['result', True]
    assert client.event() == ['to all', client.sid]
    assert socketio.room_members('workers') == [client.sid]


def test_background_tasks_belong_to_the_loop(socketio, joined):
    client = joined()
    loop = threading.get_ident()

    def work():
        def task(greeting, name):
            socketio.sleep(0.01)
            socketio.emit(greeting, (name, threading.get_ident() == loop))
            return 'result'

        task = socketio.start_background_task(task, 'hello', name='you')
        task.join()
        socketio.sleep(0.01)
        return task.value

    assert in_thread(work) == 'result'
    assert client.event() == ['hello', 'you', True]


def test_joining_a_task_from_a_thread_takes_no_longer_than_asked(socketio, joined):
    joined()

    def work():
        task = socketio.start_background_task(gevent.sleep, 60)
        task.join(timeout=0.05)
        dead = task.dead
        socketio.server.runtime.post(task.kill)
        task.join()
        return dead, task.dead

    assert in_thread(work) == (False, True)


def test_before_there_is_a_loop(app):
    socketio = SocketIO(app)
    in_thread(socketio.emit, 'nobody hears')
    assert in_thread(socketio.room_members, 'room') == []
    with pytest.raises(NotConnectedError):
        in_thread(lambda: socketio.call('q', to='sid'))
    assert in_thread(lambda: socketio.of().emit_with_ack('q')) == []


def test_a_server_in_a_thread_and_after_its_end(app):
    socketio = SocketIO(app)

    @socketio.on('connect')
    def connect():
        join_room('all')

    for _ in range(2):  # a second thread may serve when the first one has ended
        serving = threading.Thread(target=socketio.run, args=(app,), kwargs={'port': 0})
        serving.start()
        until(lambda: socketio.wsgi_server is not None)
        client = Client(RemoteHost(socketio.wsgi_server.server_port))
        client.connect()
        assert socketio.room_members('all') == [client.sid]
        socketio.emit('hello', to='all')
        assert client.event() == ['hello']
        socketio.stop()
        assert client.ended() == []
        serving.join(TIMEOUT)
        assert not serving.is_alive()
        socketio.emit('nobody hears')
        assert socketio.room_members('all') == []
        client.close()


class RemoteHost:
    """What Client needs to know of a server that this thread does not run."""

    def __init__(self, port):
        self.address = ('127.0.0.1', port)

    def websocket(self, headers=(), **query):
        from urllib.parse import urlencode

        from ..conftest import WebSocket
        return WebSocket(self.address, '/socket.io/?' + urlencode(query), headers)


def test_a_loop_that_is_held_up(socketio, joined, monkeypatch):
    joined()
    monkeypatch.setattr(runtime_module, 'LOOP_TIMEOUT', 0.05)
    failed = []

    def work():
        with pytest.raises(TimeoutError, match='did nothing for 0.05 s') as info:
            socketio.room_members('room')
        failed.append(info.value)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(TIMEOUT)  # which holds the loop up
    assert len(failed) == 1


@pytest.mark.parametrize('patched', ['patched', 'plain'])
def test_signal_handlers_and_threads_whatever_is_patched(patched):
    process = subprocess.Popen([sys.executable, '-W', 'ignore::DeprecationWarning', APP, patched],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, 'PYTHONPATH': str(ROOT)})
    client = None
    try:
        port = int(process.stdout.readline())
        client = Client(RemoteHost(port))
        client.connect()
        # While nothing happens, and while the loop is busy with events.
        process.send_signal(signal.SIGUSR1)
        assert client.event() == ['signal', 1]
        signals, acks = [1], 0
        for number in range(100):
            client._send(2, '/', number, ['echo', 'x' * number])
            process.send_signal(signal.SIGUSR1)
        while acks < 100:  # signals that come together are one
            kind, _, id, data = client.packet()
            if kind == 3:
                assert (id, data) == (acks, ['x' * acks])
                acks += 1
            else:
                signals.append(data[1])
        client.emit('thread', 7)
        while (event := client.event())[0] == 'signal':
            signals.append(event[1])
        assert event == ['thread', 7]
        # One signal may come while another is handled, and its event then goes first.
        assert len(signals) > 1 and sorted(signals) == list(range(1, client.call('count')[0] + 1))
    finally:
        if client is not None:
            client.close()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0 and errors == ''

"""The fake clock: everything that goes by the runtime's time comes in order and without waiting."""

from __future__ import annotations

import time

import gevent
import pytest
from flask import Flask

import geventio
from geventio import TimeoutError, call, emit
from geventio.extension.testing.client import SocketIOTestClient
from geventio.extension.testing.clock import FakeClock

from ..waiting import until


@pytest.fixture(autouse=True)
def quick():
    """Hours on the clock must not take long, however busy the machine is."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < 30


@pytest.fixture
def clock(socketio):
    with FakeClock(socketio) as clock:
        yield clock


@pytest.fixture
def runtime(clock, socketio):
    with SocketIOTestClient(socketio.app, socketio):
        yield socketio.server.runtime


@pytest.fixture
def client(clock, socketio, monkeypatch):
    monkeypatch.setattr(SocketIOTestClient, 'timeout', 4)
    with SocketIOTestClient(socketio.app, socketio) as client:
        yield client


class Entry:
    """What stands in the timer wheel."""

    def __init__(self, tick):
        self.bucket = None
        self.tick = tick


# -- timers -------------------------------------------------------------------------------------


def test_timers_in_order(clock, runtime):
    begin = clock.now()
    seen = []

    def note(name):
        seen.append((name, round(runtime.now() - begin, 6)))

    runtime.call_later(2, note, 'b')
    runtime.call_later(1, note, 'a')
    runtime.call_later(2, note, 'c')
    runtime.call_later(3, note, 'd')
    runtime.call_later(1.5, lambda: runtime.call_later(0.25, note, 'nested'))
    runtime.call_later(0, note, 'now')
    gevent.sleep(0.01)
    assert seen == []
    clock.advance(0)
    assert seen == [('now', 0)]
    clock.advance(2)
    assert seen[1:] == [('a', 1), ('nested', 1.75), ('b', 2), ('c', 2)]
    assert clock.now() == pytest.approx(begin + 2)
    clock.advance(0.5)
    assert len(seen) == 5
    clock.advance(0.5)
    assert seen[5:] == [('d', 3)]


def test_cancelled_timers(clock, runtime):
    seen = []
    timer = runtime.call_later(1, seen.append, 1)
    timer.cancel()
    other = runtime.call_later(2, lambda: last.cancel())
    last = runtime.call_later(2, seen.append, 2)
    clock.advance(3)
    other.cancel()
    assert seen == []


def test_the_loop_runs_between_timers(clock, runtime):
    seen = []

    class Job:
        def run(self):
            gevent.sleep(0)
            seen.append('job')

    runtime.call_later(1, runtime.start, Job())
    runtime.call_later(2, seen.append, 'timer')
    clock.advance(2)
    assert seen == ['job', 'timer']


def test_sums_of_fractions(clock, runtime):
    for step in (0.1, 0.2, 0.3, 0.7, 0.9, 0.11, 0.13):
        seen = []
        runtime.call_later(step * 10, seen.append, step)
        for _ in range(10):
            clock.advance(step)
        assert seen == [step]


def test_entries_of_the_wheel(clock, runtime):
    begin = clock.now()
    seen = []

    def tick(now):
        seen.append(round(now - begin, 6))
        return 0.5 if len(seen) < 3 else None

    entry = Entry(tick)
    runtime.schedule(entry, 1)
    clock.advance(1)
    assert seen == [1]
    clock.advance(10)
    assert seen == [1, 1.5, 2]
    assert entry.bucket is None
    runtime.schedule(entry, 1)
    runtime.schedule(entry, 3)
    clock.advance(2)
    assert len(seen) == 3
    entry.bucket.pop(entry)
    clock.advance(2)
    assert len(seen) == 3


def test_a_timer_that_fails_fails_the_test(clock, runtime):
    def fail():
        raise KeyError('x')

    runtime.call_later(1, fail)
    with pytest.raises(KeyError):
        clock.advance(2)
    clock.advance(1)


# -- what the server does in time ---------------------------------------------------------------


def test_pushes(socketio, clock, client):
    @socketio.every(1)
    def tick():
        emit('tick')

    @socketio.every(2.5, to='nobody')
    def never():
        raise AssertionError

    clock.advance(0.9)
    assert client.get_received() == []
    clock.advance(0.1)
    assert len(client.get_received()) == 1
    clock.advance(600)
    assert len(client.get_received()) == 600
    tick.stop()
    clock.advance(10)
    assert client.get_received() == []


def test_pushes_that_ran_before_begin_anew(app, socketio):
    @socketio.every(0.5)
    def tick():
        emit('tick')

    with SocketIOTestClient(app, socketio) as client:
        with FakeClock(socketio) as clock:
            gevent.sleep(0.01)
            clock.advance(0.5)
            assert len(client.get_received()) == 1
            clock.advance(0.4)
        tick.interval = 0.01
        client.wait_for('tick')
        client.wait_for('tick')
        tick.stop()


def test_time_limits_of_calls(socketio, clock, client):
    @socketio.on('ask')
    def ask():
        try:
            call('question', timeout=30)
        except TimeoutError:
            emit('nothing came')

    client.emit('ask')
    clock.advance(29)
    question, = client.get_received()
    assert question.wants_ack
    clock.advance(1)
    assert [each['name'] for each in client.get_received()] == ['nothing came']
    assert not question.wants_ack


def test_time_limits_of_callbacks(socketio, clock, client):
    got = []
    socketio.emit('question', to=client.sid(), timeout=5,
                  callback=lambda error, *values: got.append(error))
    clock.advance(5)
    assert isinstance(got[0], TimeoutError)


def test_heartbeats(app):
    socketio = geventio.SocketIO(app, ping_interval=25, ping_timeout=20)
    left = []
    socketio.on('disconnect')(left.append)
    with FakeClock(socketio) as clock, SocketIOTestClient(app, socketio) as client:
        silent = SocketIOTestClient(app, socketio)
        silent.answers_pings = False
        clock.advance(44)
        assert silent.is_connected()
        clock.advance(2)
        assert left == ['ping timeout']
        clock.advance(3600)
        assert client.is_connected()
        assert left == ['ping timeout']


def test_connect_timeout(app, clock, socketio, host, client):
    silent = host(socketio.server, app).websocket(EIO='4', transport='websocket')
    assert silent.receive().startswith('0')
    assert len(socketio.server.engine.sessions) == 2
    clock.advance(socketio.server.config.connect_timeout)
    assert len(socketio.server.engine.sessions) == 1
    assert client.is_connected()


def test_sleep_in_background_tasks(socketio, clock, client):
    def work():
        for number in range(3):
            socketio.sleep(60)
            socketio.emit('step', number)

    socketio.start_background_task(work)
    clock.advance(59)
    assert client.get_received() == []
    clock.advance(1)
    assert client.get_received()[0]['args'] == [0]
    clock.advance(120)
    assert [each['args'] for each in client.get_received()] == [[1], [2]]


def test_sleep_in_handlers(socketio, clock, client):
    @socketio.on('slow')
    def slow():
        socketio.sleep(10)
        emit('done')
        return 'ack'

    assert client.emit('slow', callback=True) is None
    assert client.get_received() == []
    clock.advance(10)
    assert [each['name'] for each in client.get_received()] == ['done']
    assert client.acks == {'args': ['ack'], 'namespace': '/'}


@pytest.mark.parametrize('async_handlers', [True, False])
def test_sleep_in_connect_and_disconnect_handlers(app, async_handlers):
    socketio = geventio.SocketIO(app, async_handlers=async_handlers)
    seen = []

    @socketio.on('connect')
    def connected():
        socketio.sleep(10)

    @socketio.on('disconnect')
    def left():
        socketio.sleep(10)
        seen.append('left')

    with FakeClock(socketio) as clock:
        client = SocketIOTestClient(app, socketio)
        assert not client.is_connected()
        client.connect()
        assert not client.is_connected()
        clock.advance(10)
        assert client.is_connected()
        client.disconnect()
        assert seen == []
        clock.advance(10)
        assert seen == ['left']


def test_the_tests_own_sleep_advances(socketio, clock, client):
    begin = clock.now()
    seen = []
    socketio.server.runtime.call_later(1, seen.append, 1)
    socketio.sleep(1)
    assert seen == [1]
    assert clock.now() == pytest.approx(begin + 1)
    socketio.sleep(0)
    assert clock.now() == pytest.approx(begin + 1)


def test_a_sleeper_that_is_killed(socketio, clock, client):
    task = socketio.start_background_task(socketio.sleep, 10)
    clock.advance(1)
    task.kill()
    assert task.ready()
    clock.advance(10)


# -- installing and removing ----------------------------------------------------------------------


def test_the_runtime_is_as_it_was(app, socketio):
    with SocketIOTestClient(app, socketio):
        runtime = socketio.server.runtime
        before = dict(vars(runtime))
        call_later = runtime.call_later
        with FakeClock(socketio):
            assert vars(runtime) != before
        assert vars(runtime) == before
        assert runtime.call_later == call_later


def test_what_waits_goes_on_afterwards(app, socketio):
    seen = []
    slept = []

    def sleep():
        socketio.sleep(5.01)
        slept.append(True)

    entry, cancelled, other = (Entry(lambda now: seen.append('entry')) for _ in range(3))
    with SocketIOTestClient(app, socketio):
        runtime = socketio.server.runtime
        with FakeClock(socketio) as clock:
            runtime.call_later(5.01, seen.append, 'timer')
            cancelled_before = runtime.call_later(5.01, seen.append, 'never')
            cancelled_after = runtime.call_later(5.01, seen.append, 'never')
            runtime.schedule(entry, 5.01)
            runtime.schedule(cancelled, 5.01)
            runtime.schedule(other, 5.01)
            socketio.start_background_task(sleep)
            clock.advance(5)
            cancelled_before.cancel()
            cancelled.bucket.pop(cancelled)
            assert seen == slept == []
        cancelled_after.cancel()
        other.bucket.pop(other)
        until(lambda: len(seen) == 2 and slept)
        assert sorted(seen) == ['entry', 'timer']


def test_what_waited_before_keeps_real_time(app, socketio):
    seen = []
    with SocketIOTestClient(app, socketio):
        runtime = socketio.server.runtime
        runtime.call_later(0.01, seen.append, 'timer')
        runtime.schedule(Entry(lambda now: seen.append('entry')), 0.01)
        moved = Entry(lambda now: seen.append('moved'))
        runtime.schedule(moved, 0.01)
        with FakeClock(socketio) as clock:
            runtime.schedule(moved, 10)
            until(lambda: sorted(seen) == ['entry', 'timer'])
            clock.advance(10)
            assert seen[2:] == ['moved']


def test_before_the_server_has_a_loop(app):
    socketio = geventio.SocketIO(app)
    ticks = []
    socketio.every(10)(lambda: ticks.append(1))
    with FakeClock(socketio) as clock, SocketIOTestClient(app, socketio):
        clock.advance(30)
    assert len(ticks) == 3


def test_an_application_made_anew(app, socketio):
    ticks = []
    socketio.every(10)(lambda: ticks.append(socketio.app))
    with SocketIOTestClient(app, socketio):
        pass
    other = Flask('other')
    socketio.init_app(other)
    with FakeClock(socketio) as clock, SocketIOTestClient(other, socketio):
        clock.advance(10)
    assert ticks == [other]


@pytest.mark.parametrize('seconds', [-1, -0.001, float('nan'), float('inf')])
def test_wrong_steps(clock, seconds):
    begin = clock.now()
    with pytest.raises(ValueError, match='backwards'):
        clock.advance(seconds)
    assert clock.now() == begin


def test_wrong_use(app, socketio):
    clock = FakeClock(socketio)
    for use in (clock.remove, lambda: clock.advance(1)):
        with pytest.raises(RuntimeError, match='not installed'):
            use()
    with clock:
        with pytest.raises(RuntimeError, match='already'):
            FakeClock(socketio).install()
        with SocketIOTestClient(app, socketio):
            errors = []

            def nested():
                with pytest.raises(RuntimeError, match='one advance') as caught:
                    clock.advance(1)
                errors.append(caught.value)

            socketio.server.runtime.call_later(1, nested)
            clock.advance(1)
            assert len(errors) == 1
    with pytest.raises(RuntimeError, match='init_app'):
        FakeClock(geventio.SocketIO()).install()


def test_on_another_thread(app, socketio):
    with SocketIOTestClient(app, socketio):
        before = dict(vars(socketio.server.runtime))
        with pytest.raises(RuntimeError, match='loop of another thread'):
            gevent.get_hub().threadpool.apply(FakeClock(socketio).install)
        assert vars(socketio.server.runtime) == before

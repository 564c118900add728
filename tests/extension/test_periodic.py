"""Periodic pushes: their rhythm by a clock that the test moves, whom they reach for real."""

from __future__ import annotations

import re

import gevent
import pytest
from flask import Flask, current_app, g, has_request_context, request, url_for
from gevent.event import Event

from geventio import EventBlueprint, SocketIO, call, disconnect, emit, join_room, rooms
from geventio.extension.periodic import Push

from ..core.support import Runtime
from ..threads import in_thread
from ..waiting import until
from .support import Refused


class Clock(Runtime):
    """A runtime for a server that is not served: timers fire when the test says so."""

    def ticks(self, count, seconds):
        for _ in range(count):
            self.pass_time(seconds)


@pytest.fixture
def socketio():
    return SocketIO(Flask('app_under_test'))


@pytest.fixture
def clock(socketio):
    socketio.server.engine.bind(Clock())
    return socketio.server.runtime


def someone(socketio, nsp='/'):
    """A socket in the registry, as far as pushes look at it."""

    class Someone:
        sid = 'someone'
        rooms = None

    socket = Someone()
    socketio.server.namespace(nsp).rooms.add(socket)
    return socket


# -- rhythm -------------------------------------------------------------------------------------


def test_the_rhythm(socketio, clock):
    someone(socketio)
    times = []
    push = socketio.every(5)(lambda: times.append(clock.time - 1000))
    clock.ticks(170, 0.1)
    assert [round(time, 1) for time in times] == [5, 10, 15]
    assert push.interval == 5 and len(clock.open_timers()) == 1


def test_the_rhythm_does_not_drift(socketio, clock):
    someone(socketio)
    times = []
    socketio.every(1)(lambda: times.append(clock.time - 1000))
    for _ in range(20):  # each timer fires 0.3 late
        clock.time = clock.open_timers()[0].due
        clock.pass_time(0.3)
    assert [round(time, 1) for time in times] == [number + 0.3 for number in range(1, 21)]


def test_a_timer_that_fires_early_does_not_double_a_call(socketio, clock):
    someone(socketio)
    times = []
    socketio.every(1)(lambda: times.append(clock.time))
    timer, = clock.open_timers()
    clock.time = timer.due - 0.01
    clock.timers.remove(timer)
    timer.callback(*timer.args)
    assert len(times) == 1
    assert clock.open_timers()[0].due == pytest.approx(1002)


def test_calls_that_were_missed_fall_out(socketio, clock):
    someone(socketio)
    times = []
    socketio.every(1)(lambda: times.append(clock.time - 1000))
    clock.pass_time(7.5)
    assert times == [7.5]
    clock.pass_time(0.5)
    assert times == [7.5, 8]


def test_a_call_does_not_overlap_itself(socketio, clock):
    someone(socketio)
    calls = []
    clock.held = True
    socketio.every(1)(lambda: calls.append(clock.time - 1000))
    clock.ticks(3, 1)
    assert len(clock.jobs) == 1
    clock.run_jobs()
    clock.ticks(2, 1)
    clock.run_jobs()
    assert calls == [3, 5]


def test_nothing_is_called_while_nobody_listens(socketio, clock):
    calls = []
    socketio.every(1)(lambda: calls.append('all'))
    socketio.every(1, to='room')(lambda: calls.append('room'))
    socketio.every(1, to=['room', 'other'])(lambda: calls.append('rooms'))
    socketio.every(1, namespace='/x')(lambda: calls.append('/x'))
    clock.pass_time(1)
    assert calls == []
    socket = someone(socketio)
    clock.pass_time(1)
    assert calls == ['all']
    socketio.server.namespace('/').rooms.join(socket, 'room')
    clock.pass_time(1)
    assert calls == ['all', 'all', 'room', 'rooms']
    socketio.server.namespace('/').rooms.remove(socket)
    someone(socketio, '/x')
    clock.pass_time(1)
    assert calls[4:] == ['/x']


def test_an_error_costs_one_call(socketio, clock, caplog):
    someone(socketio)
    calls = []

    @socketio.every(1)
    def failing():
        calls.append(1)
        raise KeyError('x')

    clock.ticks(3, 1)
    assert len(calls) == 3 and len(caplog.records) == 3
    assert caplog.records[0].getMessage() == (
        f'error in {__name__}.test_an_error_costs_one_call.<locals>.failing (namespace /)')


def test_error_handlers_take_the_errors_of_pushes(socketio, clock, caplog):
    someone(socketio)
    errors = []
    socketio.on_error_default(lambda error: errors.append(repr(error)))

    @socketio.every(1)
    def failing():
        raise KeyError('x')

    clock.ticks(2, 1)
    assert errors == ["KeyError('x')"] * 2 and not caplog.records


def test_stop_ends_it_for_good(socketio, clock):
    someone(socketio)
    calls = []
    push = socketio.every(1)(lambda: calls.append(1))
    clock.pass_time(1)
    push.stop()
    push.start(socketio.server)
    clock.pass_time(5)
    assert calls == [1] and clock.open_timers() == []
    push.stop()


def test_nothing_is_called_while_the_server_stops(socketio, clock):
    someone(socketio)
    calls = []
    socketio.every(1)(lambda: calls.append(1))
    socketio.server.engine.stopping = True
    clock.pass_time(1)
    assert calls == []


@pytest.mark.parametrize('interval', [0, -1, float('nan')])
def test_an_interval_that_is_none(socketio, interval):
    with pytest.raises(ValueError, match='interval must be above 0 seconds'):
        socketio.every(interval)


def test_the_function_stays_callable_and_keeps_its_name(socketio):
    @socketio.every(1)
    def tick():
        """What it does."""
        return 'called'

    assert isinstance(tick, Push) and tick() == 'called'
    assert (tick.__name__, tick.__doc__) == ('tick', 'What it does.')


# -- for real -----------------------------------------------------------------------------------

OFTEN = 0.02


def test_for_everybody_a_room_a_namespace(socketio, client, joined):
    socketio.on('x', namespace='/x')(lambda: None)
    socketio.every(OFTEN)(lambda: emit('all'))
    socketio.every(OFTEN, to='room')(lambda: emit('room'))
    socketio.every(OFTEN, namespace='/x')(lambda: emit('x'))
    one, two, three = joined(), joined(), client()
    three.connect('/x')
    socketio.server.enter_room(two.sid, 'room')
    assert three.event('/x') == ['x'] and one.event() == one.event() == ['all']
    seen = {two.event()[0] for _ in range(8)}
    assert seen == {'all', 'room'}


def test_what_a_push_can_use(socketio, joined):
    told = []

    @socketio.every(OFTEN)
    def push():
        told.append([current_app.name, g.get('x'), has_request_context()])
        g.x = 1
        for verb in (rooms, disconnect, lambda: join_room('x'), lambda: call('x')):
            with pytest.raises(RuntimeError, match='there is no client at hand'):
                verb()
        with pytest.raises(RuntimeError, match='SERVER_NAME'):
            url_for('static', filename='x')
        emit('pushed', broadcast=True, include_self=False)

    assert joined().event() == ['pushed']
    until(lambda: len(told) > 1)
    assert told[:2] == [['app_under_test', None, False]] * 2


def test_a_push_made_in_a_handler_belongs_to_its_client(socketio, joined):
    calls = []

    @socketio.on('subscribe')
    def subscribe(*room):
        @socketio.every(OFTEN, *room)
        def push():
            calls.append(request.sid)
            emit('news', request.sid)

        if room:
            join_room('room')

    one, two = joined(), joined()
    one.emit('subscribe')
    assert one.event() == one.event() == ['news', one.sid]
    two.emit('subscribe', 'room')
    socketio.server.enter_room(one.sid, 'room')
    until(lambda: two.sid in calls)
    assert two.event() == ['news', two.sid]
    two.close()
    until(lambda: two.sid not in socketio.server.namespace('/').rooms.sockets)
    calls.clear()
    one.pending()
    until(lambda: len(calls) > 3)
    assert set(calls) == {one.sid}
    one.leave()
    until(lambda: not socketio.server.namespace('/').rooms.sockets)
    calls.clear()
    gevent.sleep(3 * OFTEN)
    assert calls == []


def test_a_push_can_be_stopped_in_itself(socketio, joined):
    @socketio.on('subscribe')
    def subscribe():
        @socketio.every(OFTEN)
        def push():
            push.stop()
            emit('once')

    client = joined()
    client.emit('subscribe')
    assert client.event() == ['once']
    gevent.sleep(3 * OFTEN)
    assert client.pending() == []
    assert not socketio.server.namespace('/').rooms.sockets[client.sid].owned


def test_a_push_of_a_client_that_is_refused(socketio, client):
    calls = []

    @socketio.on('connect')
    def connect():
        socketio.every(OFTEN)(lambda: calls.append(1))
        return False

    with pytest.raises(Refused):
        client().connect()
    gevent.sleep(3 * OFTEN)
    assert calls == []


def test_a_push_of_a_client_that_has_left(socketio, joined):
    gate, pushes, calls = Event(), [], []

    @socketio.on('subscribe')
    def subscribe():
        gate.wait()
        pushes.append(socketio.every(OFTEN)(lambda: calls.append(1)))

    client = joined()
    client.emit('subscribe')
    client.close()
    client.host.settle()
    gate.set()
    until(lambda: pushes)
    gevent.sleep(3 * OFTEN)
    assert calls == []


def test_pushes_run_again_when_the_server_does(socketio, joined):
    app, calls = socketio.app, []
    socketio.on('connect')(lambda: None)
    socketio.every(OFTEN)(lambda: calls.append(1))
    for _ in range(2):
        serving = gevent.spawn(socketio.run, app, port=0)
        until(lambda: socketio.wsgi_server is not None and socketio.server.runtime is not None)
        socket = someone(socketio)
        until(lambda: calls)
        socketio.stop()
        serving.join(timeout=5)
        assert serving.successful()
        socketio.server.namespace('/').rooms.remove(socket)
        calls.clear()
        gevent.sleep(3 * OFTEN)
        assert calls == []


def test_an_application_made_anew_gets_the_pushes(app, client):
    socketio = SocketIO(app)

    @socketio.every(0.01)
    def tick():
        emit('tick')

    first = client(socketio)
    first.connect()
    assert first.event() == ['tick']
    socketio.init_app(Flask('another'))
    second = client(socketio)
    second.connect()
    assert second.event() == ['tick']
    first.pending()
    gevent.sleep(0.03)
    assert first.pending() == []


# -- namespaces, threads, and what stays ----------------------------------------------------------


@pytest.mark.parametrize(('owner', 'namespace'), [
    (SocketIO(), '*'), (SocketIO(), re.compile('/a')), (EventBlueprint('b'), '*'),
    (EventBlueprint('b', namespace=re.compile('/a')), None)])
def test_a_push_needs_one_namespace(owner, namespace):
    with pytest.raises(ValueError, match=r'every\(\) pushes to one namespace'):
        owner.every(1, namespace=namespace)(lambda: None)


def test_a_push_from_another_thread_lives_in_the_loop(app, client):
    socketio = SocketIO(app)
    client(socketio).connect()
    threads = []
    starts = []
    runtime = socketio.server.runtime
    call_later = runtime.call_later
    runtime.call_later = lambda *args: starts.append(runtime.here()) or call_later(*args)
    try:
        push = in_thread(lambda: socketio.every(0.001)(lambda: threads.append(runtime.here())))
        until(lambda: len(threads) > 2)
        assert all(starts) and all(threads)
        in_thread(push.stop)
        until(lambda: push not in socketio._pushes)
        count = len(threads)
        gevent.sleep(0.01)
        assert len(threads) == count
    finally:
        runtime.call_later = call_later


def test_a_stopped_push_leaves_nothing(socketio, clock):
    pushes = [socketio.every(1)(lambda: None) for _ in range(3)]
    pushes[1].stop()
    pushes[1].stop()
    assert socketio._pushes == [pushes[0], pushes[2]]
    assert len(clock.open_timers()) == 2


def test_a_push_of_a_blueprint_for_two_objects(client):
    calls = []
    blueprint = EventBlueprint('b')
    push = blueprint.every(0.001)(lambda: calls.append(current_app.name))
    objects = [SocketIO(Flask(name)) for name in ('one', 'two')]
    for each in objects:
        each.register_blueprint(blueprint)
        client(each).connect()
    until(lambda: {'one', 'two'} <= set(calls))
    push.stop()
    assert [each._pushes for each in objects] == [[], []]
    late = SocketIO(Flask('late'))
    late.register_blueprint(blueprint)
    del calls[:]
    client(late).connect()
    gevent.sleep(0.01)
    assert calls == []


def test_a_push_that_is_stopped_in_a_thread_is_not_called_any_more(socketio, clock):
    someone(socketio)
    calls = []
    push = socketio.every(1)(lambda: calls.append(1))
    clock.pass_time(1)
    late = []
    clock.here = lambda: False  # for stop(): it is called elsewhere
    clock.post = lambda function, *args: late.append(function)
    push.stop()
    clock.pass_time(1)
    assert calls == [1] and len(late) == 1
    late[0]()
    assert clock.open_timers() == [] and socketio._pushes == []


def test_a_push_of_a_client_in_a_namespace_it_is_not_known_in(socketio, joined):
    @socketio.on('start')
    def start():
        with pytest.raises(ValueError, match='so every\\(\\) in /other needs to='):
            socketio.every(1, namespace='/other')(lambda: None)
        socketio.every(1, namespace='/other', to='room')(lambda: None).stop()
        return 'refused'

    assert joined().call('start') == ['refused']

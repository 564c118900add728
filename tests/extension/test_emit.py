"""Whom emit, send and call reach, from handlers and from outside, over real connections."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone

import gevent
import pytest
from flask import request
from gevent.event import Event

from geventio import (
    NotConnectedError,
    TimeoutError,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    room_members,
    rooms,
    send,
)

from ..waiting import until


class Crowd(list):
    """Clients, the first of which has handlers do things."""

    def __init__(self, socketio, clients):
        super().__init__(clients)
        self._actions = []
        socketio.on('do')(lambda: self._actions.pop()())

    def run(self, action):
        """Do something in a handler of the first client; who gets the event ``x`` then."""
        done = Event()

        def whole():
            action()
            done.set()

        self._actions.append(whole)
        self[0].emit('do')
        assert done.wait(5)
        return self.reached()

    def reached(self):
        """Who has got the event ``x`` (and nothing else)."""
        got = [client.pending() for client in self]
        assert all(frames in ([], ['42["x"]']) for frames in got)
        return [index for index, frames in enumerate(got) if frames]


@pytest.fixture
def crowd(socketio, joined):
    """Four clients; the first two in room a, the second and third in room b."""
    crowd = Crowd(socketio, [joined() for _ in range(4)])
    for client, names in zip(crowd, ('a', 'ab', 'b', ''), strict=True):
        for name in names:
            socketio.server.enter_room(client.sid, name)
    return crowd


VERBS = [
    (lambda c: emit('x'), [0]),
    (lambda c: emit('x', broadcast=True), [0, 1, 2, 3]),
    (lambda c: emit('x', broadcast=True, include_self=False), [1, 2, 3]),
    (lambda c: emit('x', broadcast=True, skip_sid=c[2].sid), [0, 1, 3]),
    (lambda c: emit('x', broadcast=True, skip_sid=[c[2].sid, c[3].sid]), [0, 1]),
    (lambda c: emit('x', broadcast=True, include_self=False, skip_sid=c[2].sid), [1, 3]),
    (lambda c: emit('x', broadcast=True, except_='a'), [2, 3]),
    (lambda c: emit('x', to='a'), [0, 1]),
    (lambda c: emit('x', room='b'), [1, 2]),
    (lambda c: emit('x', to='a', include_self=False), [1]),
    (lambda c: emit('x', to=['a', 'b']), [0, 1, 2]),
    (lambda c: emit('x', to=['a', 'b'], except_=c[1].sid), [0, 2]),
    (lambda c: emit('x', to=c[3].sid), [3]),
    (lambda c: emit('x', to=[]), []),
    (lambda c: emit('x', to='nobody'), []),
    (lambda c: emit('x', include_self=False), []),
    (lambda c: emit('x', broadcast=True, volatile=True, local=True), [0, 1, 2, 3]),
    (lambda c: emit('x', namespace='/empty', broadcast=True), []),
]


@pytest.mark.parametrize(('action', 'expected'), VERBS)
def test_whom_emit_in_a_handler_reaches(crowd, action, expected):
    assert crowd.run(lambda: action(crowd)) == expected


METHODS = [
    (lambda s, c: s.emit('x'), [0, 1, 2, 3]),
    (lambda s, c: s.emit('x', broadcast=True), [0, 1, 2, 3]),
    (lambda s, c: s.emit('x', to='a'), [0, 1]),
    (lambda s, c: s.emit('x', room='b'), [1, 2]),
    (lambda s, c: s.emit('x', to=['a', 'b']), [0, 1, 2]),
    (lambda s, c: s.emit('x', to=c[3].sid), [3]),
    (lambda s, c: s.emit('x', skip_sid=c[3].sid), [0, 1, 2]),
    (lambda s, c: s.emit('x', except_=['a', c[3].sid]), [2]),
    (lambda s, c: s.emit('x', namespace='/empty'), []),
    (lambda s, c: s.emit('x', namespace=None, ignore_queue=True), [0, 1, 2, 3]),
    (lambda s, c: s.to('a').to('b').except_(c[1].sid).emit('x'), [0, 2]),
    (lambda s, c: s.of('/').volatile.local.emit('x'), [0, 1, 2, 3]),
    (lambda s, c: s.of('/empty').emit('x'), []),
    (lambda s, c: s.server.emit('x', to='a', skip_sid=c[0].sid), [1]),
]


@pytest.mark.parametrize(('action', 'expected'), METHODS)
def test_whom_the_methods_reach_from_outside(socketio, crowd, action, expected):
    action(socketio, crowd)
    assert crowd.reached() == expected


def test_the_methods_in_a_handler_know_its_client(socketio, crowd):
    assert crowd.run(lambda: socketio.emit('x', include_self=False)) == [1, 2, 3]
    assert crowd.run(
        lambda: socketio.emit('x', include_self=False, skip_sid=crowd[1].sid)) == [2, 3]
    with pytest.raises(RuntimeError, match='inside a geventio event handler'):
        socketio.emit('x', include_self=False)


@pytest.mark.parametrize(('args', 'data'), [
    ((), []), ((1,), [1]), ((1, 'b'), [1, 'b']), (((1, 'b'),), [1, 'b']), (([1],), [[1]]),
    ((None,), []), ((None, 1), [None, 1]), ((float('nan'),), [None]), (((),), []),
])
def test_arguments(socketio, joined, args, data):
    client = joined()
    socketio.emit('x', *args)
    assert client.event() == ['x', *data]


def test_messages(socketio, joined):
    client = joined()

    @socketio.on('message')
    def message(data):
        send([data])
        send({'data': data}, json=True)

    client.emit('message', 'hi')
    assert client.event() == ['message', ['hi']] and client.event() == ['json', {'data': 'hi'}]
    socketio.send('all')
    socketio.send({'a': 1}, json=True, to=client.sid)
    socketio.server.send('plain', to=client.sid)
    assert [client.event() for _ in range(3)] == [
        ['message', 'all'], ['json', {'a': 1}], ['message', 'plain']]


def test_the_applications_json_provider_writes_what_json_cannot(app, socketio, joined):
    client = joined()
    socketio.emit('x', uuid.UUID(int=1), datetime(2024, 2, 3, tzinfo=timezone.utc))
    assert client.event() == ['x', str(uuid.UUID(int=1)), 'Sat, 03 Feb 2024 00:00:00 GMT']
    app.json.default = lambda value: 'own'
    socketio.emit('x', object())
    assert client.event() == ['x', 'own']
    app.json = object()
    with pytest.raises(TypeError, match='object cannot be written as JSON'):
        socketio.emit('x', object())


def test_reserved_names(socketio):
    with pytest.raises(ValueError, match="'connect' is a reserved event name"):
        socketio.emit('connect')
    with pytest.raises(ValueError, match='reserved'):
        socketio.emit('disconnect', to='nobody', callback=print)


def test_volatile_events_wait_for_nobody(socketio, host):
    one = host(socketio.server, socketio.app)
    sid = _polling_client(one)
    socketio.emit('lost', volatile=True)
    socketio.emit('kept')
    body = one.request(EIO='4', transport='polling', sid=sid).body.decode()
    assert body == '42["kept"]'
    waiting = one.connection()
    waiting.send('GET', one.target(EIO='4', transport='polling', sid=sid))
    until(lambda: one.sessions[sid].transport.writable())
    socketio.emit('now', volatile=True)
    assert waiting.receive().body == b'42["now"]'


def _polling_client(host):
    """Join ``/`` over polling; the transport's id."""
    sid = json.loads(host.request(EIO='4', transport='polling').body[1:])['sid']
    host.request('POST', b'40', EIO='4', transport='polling', sid=sid)
    assert host.request(EIO='4', transport='polling', sid=sid).body.startswith(b'40{')
    return sid


# -- rooms --------------------------------------------------------------------------------------


def test_rooms_in_handlers(socketio, joined):
    @socketio.on('do')
    def do(other):
        join_room('mine')
        join_room('theirs', sid=other)
        seen = [sorted(rooms()), sorted(rooms(sid=other))]
        leave_room('mine')
        leave_room('theirs', sid=other)
        join_room('closed')
        close_room('closed')
        join_room('elsewhere', sid=elsewhere, namespace='/other')
        return [*seen, rooms(), rooms(other), sorted(rooms(elsewhere, namespace='/other'))]

    socketio.on('x', namespace='/other')(lambda: None)
    one, two = joined(), joined()
    elsewhere = two.connect('/other')
    assert one.call('do', two.sid) == [[
        sorted([one.sid, 'mine']), sorted([two.sid, 'theirs']), [one.sid], [two.sid],
        sorted([elsewhere, 'elsewhere'])]]


def test_the_room_of_another_client_cannot_be_joined(socketio, joined):
    @socketio.on('do')
    def do(other):
        with pytest.raises(ValueError, match="another client's own room"):
            join_room(other)
        return rooms()

    one, two = joined(), joined()
    assert one.call('do', two.sid) == [[one.sid]]


def test_who_is_not_there(socketio, joined):
    @socketio.on('do')
    def do():
        with pytest.raises(NotConnectedError, match="no client with the id 'nobody' in /"):
            join_room('room', sid='nobody')
        leave_room('room', sid='nobody')
        assert rooms(sid='nobody') == []
        disconnect(sid='nobody')
        return 'fine'

    assert joined().call('do') == ['fine']


def test_rooms_joined_in_connect_count(socketio, client):
    @socketio.on('connect')
    def connect():
        join_room('early')
        emit('x', to='early')

    one = client()
    one.connect()
    assert one.event() == ['x']
    assert [found.sid for found in socketio.to('early').fetch_sockets()] == [one.sid]


def test_disconnecting_in_a_handler(socketio, joined):
    left = []
    socketio.on('disconnect')(lambda reason: left.append((request.sid, reason, rooms())))

    @socketio.on('do')
    def do(*sid):
        disconnect(*sid)
        emit('nothing reaches it any more', to=sid[0] if sid else None)

    one, two = joined(), joined()
    one.emit('do', two.sid)
    assert two.packet() == (1, '/', None, None)
    one.emit('do')
    assert one.packet() == (1, '/', None, None)
    until(lambda: len(left) == 2)
    assert left == [(two.sid, 'server disconnect', [two.sid]),
                    (one.sid, 'server disconnect', [one.sid])]
    assert one.pending() == two.pending() == []


# -- before a client is in ----------------------------------------------------------------------


def test_nothing_leaks_to_a_client_that_is_refused(socketio, client, joined):
    @socketio.on('connect', namespace='/closed')
    def connect():
        emit('to itself')
        emit('to all', broadcast=True)
        socketio.emit('to all', namespace='/closed')
        gevent.sleep(0.01)
        return False

    one = client()
    one.ask_in('/closed')
    until(lambda: '/closed' in socketio.server.namespaces)
    socketio.emit('from outside', namespace='/closed')
    assert one.packet() == (4, '/closed', None, {'message': 'Connection rejected by server'})
    assert one.pending() == []


def test_a_client_that_is_accepted_gets_it_behind_connect(socketio, client):
    @socketio.on('connect')
    def connect():
        emit('one')
        emit('two', broadcast=True)
        gevent.sleep(0.01)
        emit('three')

    one = client()
    one.connect()
    assert [one.event() for _ in range(3)] == [['one'], ['two'], ['three']]


def test_a_client_that_leaves_while_connect_runs(socketio, client):
    gate, calls = Event(), []

    @socketio.on('connect')
    def connect():
        calls.append('connect')
        join_room('room')
        gate.wait()

    socketio.on('disconnect')(lambda reason: calls.append(reason))
    one = client()
    one.ask_in()
    until(lambda: calls)
    one.close()
    one.host.settle()
    space = socketio.server.namespace('/')
    assert calls == ['connect'] and space.rooms.sockets
    gate.set()
    until(lambda: not space.rooms.sockets)
    assert calls == ['connect', 'transport close'] and not space.rooms.members


# -- answers ------------------------------------------------------------------------------------


def test_call_in_a_handler(socketio, joined):
    @socketio.on('do')
    def do(other):
        emit('got', [call('q', 1), call('q', (1, 2), to=other), call('q', to=other, timeout=None)])

    one, two = joined(), joined()
    one.emit('do', two.sid)
    id, data = one.question()
    assert data == ['q', 1]
    one.answer(id, 'x')
    id, data = two.question()
    assert data == ['q', 1, 2]
    two.answer(id, 'y', 'z')
    id, data = two.question()
    assert data == ['q']
    two.answer(id)
    assert one.event() == ['got', ['x', ['y', 'z'], None]]


@pytest.mark.parametrize(('values', 'result'), [((), None), ((1,), 1), ((1, 2), (1, 2))])
def test_call_from_outside(socketio, joined, values, result):
    client = joined()
    waiting = gevent.spawn(socketio.call, 'q', 'a', 'b', to=client.sid)
    id, data = client.question()
    client.answer(id, *values)
    assert data == ['q', 'a', 'b'] and waiting.get(timeout=5) == result


def test_call_to_a_client_that_leaves_ends_at_once(socketio, joined):
    client = joined()
    waiting = gevent.spawn(socketio.call, 'q', to=client.sid, timeout=60)
    client.question()
    client.close()
    with pytest.raises(NotConnectedError):
        waiting.get(timeout=5)


def test_call_to_a_silent_client(socketio, joined):
    client = joined()
    with pytest.raises(TimeoutError):
        socketio.call('q', to=client.sid, timeout=0.01)
    assert issubclass(TimeoutError, OSError)
    for sid, namespace in (('nobody', '/'), (client.sid, '/other')):
        with pytest.raises(NotConnectedError):
            socketio.call('q', to=sid, namespace=namespace)
    assert '/other' not in socketio.server.namespaces
    with pytest.raises(ValueError, match='needs the id of one client'):
        socketio.call('q')


def test_call_in_a_connect_handler_cannot_be_answered(socketio, client):
    errors = []

    @socketio.on('connect')
    def connect():
        try:
            call('q')
        except NotConnectedError as error:
            errors.append(str(error))

    client().connect()
    assert len(errors) == 1 and 'its connect handler has not accepted it' in errors[0]


def test_a_callback_of_one_client(socketio, joined):
    told = []
    client, silent = joined(), joined()
    socketio.emit('q', to=client.sid, callback=lambda *args: told.append(args))
    id, _ = client.question()
    client.answer(id, 1, 2)
    until(lambda: told)
    socketio.emit('q', to=client.sid, timeout=5, callback=lambda *args: told.append(args))
    id, _ = client.question()
    client.answer(id, 3)
    until(lambda: len(told) == 2)
    assert told == [(1, 2), (None, 3)]
    socketio.emit('q', to=silent.sid, timeout=0.01, callback=lambda *args: told.append(args))
    until(lambda: len(told) == 3)
    assert isinstance(told[2][0], TimeoutError) and len(told[2]) == 1
    socketio.emit('q', to=silent.sid, timeout=60, callback=lambda *args: told.append(args))
    silent.question()
    silent.close()
    until(lambda: len(told) == 4)
    assert isinstance(told[3][0], NotConnectedError)


def test_a_callback_with_nobody_there(socketio, joined):
    told = []
    client = joined()
    socketio.emit('q', to='nobody', callback=lambda *args: told.append(args))
    socketio.emit('q', to='nobody', timeout=1, callback=lambda *args: told.append(args))
    until(lambda: told)
    client.pending()
    (error, replies), = told
    assert isinstance(error, NotConnectedError) and replies == []


def test_a_callback_may_want_to_be_told_of_errors(socketio, joined):
    heard = []

    def told(*values, error=None):
        heard.append((values, type(error).__name__))

    client = joined()
    socketio.emit('q', to=client.sid, callback=told)
    client.answer(client.question()[0], 1, 2)
    until(lambda: heard)
    assert heard.pop() == ((1, 2), 'NoneType')

    socketio.emit('q', to=client.sid, callback=told, timeout=5)
    client.answer(client.question()[0], 3)
    until(lambda: heard)
    assert heard.pop() == ((3,), 'NoneType')

    socketio.emit('q', to=client.sid, callback=told, timeout=0.01)
    until(lambda: heard)
    assert heard.pop() == ((), 'TimeoutError')

    socketio.emit('q', to=client.sid, callback=told)
    client.close()
    until(lambda: heard)
    assert heard.pop() == ((), 'NotConnectedError')

    socketio.emit('q', to=client.sid, callback=told)
    until(lambda: heard)
    assert heard.pop() == ((), 'NotConnectedError')
    socketio.emit('q', to='nobody', callback=lambda *values: heard.append(values))
    assert heard == []


def test_a_callback_of_a_room_is_called_for_each_answer(socketio, joined):
    heard = []

    def told(*values, error=None):
        heard.append((*values, type(error).__name__))

    one, two, silent = joined(), joined(), joined()
    for to in [one.sid, two.sid], 'room', None:
        socketio.to([one.sid, two.sid]).sockets_join('room')
        socketio.emit('q', to=to, skip_sid=silent.sid,
                      callback=lambda *values: heard.append(values))
        one.answer(one.question()[0], 'a', 2)
        two.answer(two.question()[0])
        until(lambda: len(heard) == 2)
        assert sorted(heard) == [(), ('a', 2)]
        del heard[:]
    socketio.emit('q', callback=told, timeout=0.05)
    one.answer(one.question()[0], 'a', 2)
    two.question()
    two.close()
    silent.question()
    until(lambda: len(heard) == 3)
    assert sorted(heard) == [('NotConnectedError',), ('TimeoutError',), ('a', 2, 'NoneType')]


def test_a_callback_told_of_an_error_has_the_events_context(socketio, joined):
    heard = []

    class Told:
        def __call__(self, *values, error=None):
            heard.append((request.sid, request.event, type(error).__name__))

    socketio.on('ask')(lambda sid: emit('q', to=sid, callback=Told()))
    client, other = joined(), joined()
    client.call('ask', other.sid)
    other.close()
    until(lambda: heard)
    (sid, event, error), = heard
    assert (sid, error) == (client.sid, 'NotConnectedError') and event['message'] is None


def test_who_is_in_a_room(socketio, joined):
    one, two = joined(), joined()
    socketio.to([one.sid, two.sid]).sockets_join('r')
    socketio.to(two.sid).sockets_join('s')
    assert sorted(socketio.room_members('r')) == sorted([one.sid, two.sid])
    assert socketio.room_members('s') == socketio.server.room_members('s') == [two.sid]
    assert len(socketio.room_members(['r', 's'])) == 2
    assert socketio.room_members('r', namespace='/other') == socketio.room_members('none') == []
    waiting = Event()

    @socketio.on('connect', namespace='/slow')
    def connect():
        join_room('r')
        waiting.wait()

    socketio.on('who')(lambda room: room_members(room))
    one.ask_in('/slow')
    until(lambda: waiting.linkcount())
    assert socketio.room_members('r', '/slow') == []  # not accepted yet
    waiting.set()
    assert one.packet()[0] == 0
    assert len(socketio.room_members('r', '/slow')) == 1
    assert one.call('who', 's') == [[two.sid]]


def test_a_broadcast_collects_answers(socketio, joined):
    clients = [joined() for _ in range(3)]
    everybody = socketio.of().timeout(5)
    waiting = gevent.spawn(everybody.emit_with_ack, 'q', 1)
    for number, client in enumerate(clients):
        id, data = client.question()
        client.answer(id, number)
    replies = waiting.get(timeout=5)
    assert sorted(replies) == [0, 1, 2] and replies.complete
    told = []
    socketio.emit('q', timeout=0.05, callback=lambda *args: told.append(args))
    for client in clients[:2]:
        id, _ = client.question()
        client.answer(id, 'here')
    until(lambda: told)
    (error, replies), = told
    assert isinstance(error, TimeoutError) and replies == ['here', 'here']
    assert replies.missing == [clients[2].sid] and not replies.complete


def test_an_error_in_a_callback_is_logged(socketio, joined, caplog):
    client = joined()

    def failing(value):
        raise KeyError(value)

    @socketio.on('do')
    def do():
        emit('q', callback=failing)

    client.emit('do')
    id, _ = client.question()
    client.answer(id, 'x')
    until(lambda: caplog.records)
    assert 'failing, the callback (namespace /)' in caplog.text
    assert client.pending() == []


# -- data ---------------------------------------------------------------------------------------


def test_data_of_a_socket(socketio, joined):
    client, other = joined(), joined()
    data = socketio.server.data(client.sid)
    data['name'] = 'Ann'
    with socketio.server.session(client.sid) as session:
        session['age'] = 7
    socketio.server.save_session(client.sid, data)
    assert socketio.server.get_session(client.sid) == {'name': 'Ann', 'age': 7}
    assert {found.sid: found.data for found in socketio.of().fetch_sockets()} == {
        client.sid: {'name': 'Ann', 'age': 7}, other.sid: {}}
    socketio.server.save_session(client.sid, {'new': 1})
    assert data == {'new': 1}


def test_background_work(socketio, joined):
    client = joined()

    def work(name, times=1):
        for _ in range(times):
            socketio.sleep(0)
            socketio.emit(name)
        return 'done'

    task = socketio.start_background_task(work, 'x', times=2)
    task.join(timeout=5)
    assert client.event() == client.event() == ['x'] and task.value == 'done'

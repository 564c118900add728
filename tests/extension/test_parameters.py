"""Every parameter of the public calls, one by one, seen by the clients they reach."""

from __future__ import annotations

import gevent
import pytest
from flask import request
from gevent.event import Event

from geventio import (
    Namespace,
    SocketIO,
    TimeoutError,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)

from ..waiting import until


class Trio:
    """Clients a, b and c in ``/``; b is in ``/other`` too. a and b are in room r, everywhere.

    :ivar space: the class namespace ``/other``.
    """

    def __init__(self, socketio, joined):
        self.socketio = socketio
        self.space = Namespace('/other')
        socketio.on_namespace(self.space)
        socketio.on('do')(lambda: self._action(self))
        self.a, self.b, self.c = joined(), joined(), joined()
        self.b.connect('/other')
        for sid, nsp in ((self.a.sid, '/'), (self.b.sid, '/'), (self.other, '/other')):
            socketio.server.enter_room(sid, 'r', nsp)

    @property
    def other(self):
        """The id of b in ``/other``."""
        return self.b.sids['/other']

    def handle(self, action):
        """Do something in a handler of a."""
        done = Event()

        def whole(trio):
            action(trio)
            done.set()

        self._action = whole
        self.a.emit('do')
        assert done.wait(5)

    def got(self):
        """What each of them has got, as ``'a:...'``."""
        return [f'{name}:{frame}' for name in 'abc' for frame in getattr(self, name).pending()]


@pytest.fixture
def trio(socketio, joined):
    return Trio(socketio, joined)


M = '42["message","m"]'
J = '42["json","m"]'
X = '42["x"]'
OTHER = 'b:42/other,["x"]'

IN_A_HANDLER = [
    (lambda t: emit('x', ignore_queue=True), ['a:' + X]),
    (lambda t: emit('x', namespace='/other', to=t.other), [OTHER]),
    (lambda t: emit('x', namespace='/other', room='r'), [OTHER]),
    (lambda t: emit('x', namespace='/other', broadcast=True, skip_sid=t.other), []),
    (lambda t: send('m'), ['a:' + M]),
    (lambda t: send('m', True), ['a:' + J]),
    (lambda t: send('m', json=True, to=t.c.sid), ['c:' + J]),
    (lambda t: send('m', namespace='/other', broadcast=True), ['b:42/other,["message","m"]']),
    (lambda t: send('m', broadcast=True), ['a:' + M, 'b:' + M, 'c:' + M]),
    (lambda t: send('m', broadcast=True, include_self=False), ['b:' + M, 'c:' + M]),
    (lambda t: send('m', broadcast=True, skip_sid=[t.a.sid, t.c.sid]), ['b:' + M]),
    (lambda t: send('m', to=['r', t.c.sid]), ['a:' + M, 'b:' + M, 'c:' + M]),
    (lambda t: send('m', room='r', include_self=False, ignore_queue=True), ['b:' + M]),
    (lambda t: (join_room('n', t.b.sid, '/'), emit('x', to='n')), ['b:' + X]),
    (lambda t: (join_room('n', sid=t.other, namespace='/other'),
                emit('x', to='n', namespace='/other'), emit('x', to='n')), [OTHER]),
    (lambda t: (leave_room('r', t.b.sid, '/'), emit('x', to='r')), ['a:' + X]),
    (lambda t: (leave_room('r', sid=t.other, namespace='/other'),
                emit('x', to='r', namespace='/other')), []),
    (lambda t: (close_room('r'), emit('x', to='r'), emit('x', to='r', namespace='/other')),
     [OTHER]),
    (lambda t: (close_room('r', namespace='/other'), emit('x', to='r', namespace='/other'),
                emit('x', to='r', include_self=False)), ['b:' + X]),
    (lambda t: emit('x', sorted(rooms(t.other, '/other'), key=len)[0]), ['a:42["x","r"]']),
    (lambda t: disconnect(t.other, namespace='/other'), ['b:41/other,']),
    (lambda t: disconnect(sid=t.b.sid, silent=True), ['b:41']),
    (lambda t: disconnect(silent=True), ['a:41']),
    (lambda t: t.socketio.send('m', include_self=False, namespace=None), ['b:' + M, 'c:' + M]),
    (lambda t: t.space.emit('x', include_self=False, namespace='/', room='r'), ['b:' + X]),
    (lambda t: t.space.send('m', include_self=False, namespace='/'), ['b:' + M, 'c:' + M]),
]


@pytest.mark.parametrize(('action', 'expected'), IN_A_HANDLER)
def test_in_a_handler(trio, action, expected):
    trio.handle(action)
    assert trio.got() == expected


FROM_OUTSIDE = [
    (lambda t: t.socketio.emit('x', namespace='/other', include_self=True), [OTHER]),
    (lambda t: t.socketio.send('m', True, '/', t.c.sid), ['c:' + J]),
    (lambda t: t.socketio.send('m', skip_sid=t.b.sid, ignore_queue=True), ['a:' + M, 'c:' + M]),
    (lambda t: t.socketio.send('m', json=False, namespace='/other'),
     ['b:42/other,["message","m"]']),
    (lambda t: t.socketio.send('m', room='r'), ['a:' + M, 'b:' + M]),
    (lambda t: (t.socketio.close_room('r'), t.socketio.emit('x', to='r'),
                t.socketio.emit('x', to='r', namespace='/other')), [OTHER]),
    (lambda t: (t.socketio.close_room('r', namespace='/other'),
                t.socketio.emit('x', to='r', namespace='/other')), []),
    (lambda t: t.space.emit('x'), [OTHER]),
    (lambda t: t.space.emit('x', ('d', 1), 'r'), ['b:42/other,["x","d",1]']),
    (lambda t: t.space.emit('x', room='none'), []),
    (lambda t: t.space.emit('x', data='d', namespace='/', to='r', skip_sid=t.a.sid),
     ['b:42["x","d"]']),
    (lambda t: t.space.send('m', room='r'), ['b:42/other,["message","m"]']),
    (lambda t: t.space.send('m', namespace='/'), ['a:' + M, 'b:' + M, 'c:' + M]),
    (lambda t: (t.space.enter_room(t.c.sid, 'n', namespace='/'),
                t.socketio.emit('x', to='n')), ['c:' + X]),
    (lambda t: (t.space.leave_room(t.b.sid, 'r', namespace='/'),
                t.socketio.emit('x', to='r')), ['a:' + X]),
    (lambda t: (t.space.close_room('r', namespace='/'), t.socketio.emit('x', to='r'),
                t.space.emit('x', room='r')), [OTHER]),
    (lambda t: t.socketio.emit('x', sorted(t.space.rooms(t.c.sid, namespace='/')) == [t.c.sid],
                               to=t.c.sid), ['c:42["x",true]']),
    (lambda t: t.space.disconnect(t.c.sid, namespace='/'), ['c:41']),
    (lambda t: (t.space.save_session(t.c.sid, {'k': 1}, namespace='/'),
                t.socketio.emit('x', t.space.get_session(t.c.sid, namespace='/'), to=t.c.sid)),
     ['c:42["x",{"k":1}]']),
]


@pytest.mark.parametrize(('action', 'expected'), FROM_OUTSIDE)
def test_from_outside(trio, action, expected):
    action(trio)
    assert trio.got() == expected


ASKING = [
    (lambda t, told: emit('q', callback=told), 'a', '/'),
    (lambda t, told: send('q', callback=told), 'a', '/'),
    (lambda t, told: send('q', namespace='/other', to=t.other, callback=told), 'b', '/other'),
    (lambda t, told: t.socketio.send('q', to=t.c.sid, callback=told), 'c', '/'),
    (lambda t, told: t.space.emit('q', room=t.other, callback=told), 'b', '/other'),
    (lambda t, told: t.space.send('q', room=t.other, callback=told), 'b', '/other'),
]


@pytest.mark.parametrize(('ask', 'name', 'nsp'), ASKING)
def test_callbacks(trio, ask, name, nsp):
    told = []
    trio.handle(lambda t: ask(t, lambda *values: told.append(values)))
    client = getattr(trio, name)
    id, data = client.question(nsp)
    assert data in (['q'], ['message', 'q'])
    client.answer(id, 1, 'two', nsp=nsp)
    until(lambda: told)
    assert told == [(1, 'two')]


CALLS = [
    (lambda t: call('q', 1), 'a', '/'),
    (lambda t: call('q', 1, room=t.b.sid, ignore_queue=True), 'b', '/'),
    (lambda t: call('q', 1, namespace='/other', to=t.other), 'b', '/other'),
    (lambda t: t.socketio.call('q', 1, room=t.c.sid, ignore_queue=True), 'c', '/'),
    (lambda t: t.socketio.call('q', 1, to=t.other, namespace='/other', timeout=5), 'b', '/other'),
    (lambda t: t.space.call('q', 1, sid=t.other, ignore_queue=True), 'b', '/other'),
    (lambda t: t.space.call('q', data=1, to=t.c.sid, namespace='/', timeout=None), 'c', '/'),
    (lambda t: t.socketio.server.call('q', 1, t.c.sid), 'c', '/'),
    (lambda t: t.socketio.server.call('q', 1, sid=t.other, namespace='/other', timeout=5,
                                      ignore_queue=True), 'b', '/other'),
]


@pytest.mark.parametrize(('ask', 'name', 'nsp'), CALLS)
def test_calls(trio, ask, name, nsp):
    results = []
    client = getattr(trio, name)

    def answer():
        id, data = client.question(nsp)
        assert data == ['q', 1]
        client.answer(id, 'answer', nsp=nsp)

    answering = gevent.spawn(answer)
    trio.handle(lambda t: results.append(ask(t)))
    answering.get(timeout=5)
    assert results == ['answer']


@pytest.mark.parametrize('ask', [
    lambda t: call('q', timeout=0.01), lambda t: t.space.call('q', sid=t.other, timeout=0.01),
    lambda t: t.socketio.server.call('q', to=t.c.sid, timeout=0.01),
])
def test_the_time_a_call_may_take(trio, ask):
    errors = []

    def expect(t):
        with pytest.raises(TimeoutError) as raised:
            ask(t)
        errors.append(raised.type)

    trio.handle(expect)
    assert errors == [TimeoutError]


def test_a_class_for_every_namespace(app, client):
    socketio = SocketIO(app, namespaces='*')

    class Everywhere(Namespace):
        def on_x(self, value):
            emit('seen', (request.namespace, value))

    socketio.on_namespace(Everywhere('*'))
    one = client(socketio)
    one.connect('/any')
    one.emit('x', 1, nsp='/any')
    assert one.event('/any') == ['seen', '/any', 1]

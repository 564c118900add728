"""Wrong arguments: each is a TypeError or ValueError that names the argument, raised to the caller.

Ids and rooms that are not there are no mistake of this kind: sending to them is silent.
"""

from __future__ import annotations

import re

import pytest
from gevent.event import Event

from geventio import (
    Namespace,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)


class Chat(Namespace):
    pass


async def coroutine(*args):
    return args


class Stage:
    """What the rows below call.

    :ivar io: the SocketIO object.
    :ivar sid: the id of a client in ``/``.
    """

    def __init__(self, socketio, client):
        self.io = socketio
        self.server = socketio.server
        self.chat = Chat('/chat')
        socketio.on_namespace(self.chat)
        self.client = client
        self.sid = client.sid


@pytest.fixture
def stage(socketio, joined):
    return Stage(socketio, joined())


def names(error, argument):
    return re.search(rf'\b{argument}\b', str(error))


#: (call, the argument that is wrong); what ``on`` gives is called at once.
FROM_OUTSIDE = [
    # registering
    (lambda s: s.io.on(5), 'message'),
    (lambda s: s.io.on(None), 'message'),
    (lambda s: s.io.on(print), 'message'),
    (lambda s: s.io.on('x', namespace=5), 'namespace'),
    (lambda s: s.io.on('x', namespace=['/a']), 'namespace'),
    (lambda s: s.io.on('x')(5), 'handler'),
    (lambda s: s.io.on('x')(coroutine), 'handler'),
    (lambda s: s.io.event(namespace=5)(print), 'namespace'),
    (lambda s: s.io.event(coroutine), 'handler'),
    (lambda s: s.io.on_event('x', None), 'handler'),
    (lambda s: s.io.on_event('x', coroutine), 'handler'),
    (lambda s: s.io.on_event(5, print), 'message'),
    (lambda s: s.io.on_event('x', print, 5), 'namespace'),
    (lambda s: s.io.on_namespace(Chat), 'namespace_handler'),
    (lambda s: s.io.on_namespace('/chat'), 'namespace_handler'),
    (lambda s: s.io.on_error(5), 'namespace'),
    (lambda s: s.io.on_error()(5), 'exception_handler'),
    (lambda s: s.io.on_error_default(5), 'exception_handler'),
    (lambda s: Namespace(5), 'namespace'),
    (lambda s: s.io.every('1'), 'interval'),
    (lambda s: s.io.every(None), 'interval'),
    (lambda s: s.io.every(0), 'interval'),
    (lambda s: s.io.every(float('nan')), 'interval'),
    (lambda s: s.io.every(1, namespace=5)(print), 'namespace'),
    (lambda s: s.io.every(1, to={})(print), 'to'),
    (lambda s: s.io.every(1)(5), 'every'),
    # SocketIO: emit, send, call, rooms
    (lambda s: s.io.emit(5), 'event'),
    (lambda s: s.io.emit(None, 'data'), 'event'),
    (lambda s: s.io.emit('connect'), 'event'),
    (lambda s: s.io.emit('x', object()), 'arguments'),
    (lambda s: s.io.emit('x', {'a': [object()]}), 'arguments'),
    (lambda s: s.io.emit('x', {1, 2}, to='nobody'), 'arguments'),
    (lambda s: s.io.emit('x', namespace=5), 'namespace'),
    (lambda s: s.io.emit('x', to={}), 'to'),
    (lambda s: s.io.emit('x', to=[['a']]), 'to'),
    (lambda s: s.io.emit('x', room={}), 'room'),
    (lambda s: s.io.emit('x', skip_sid={}), 'skip_sid'),
    (lambda s: s.io.emit('x', skip_sid=[[]]), 'skip_sid'),
    (lambda s: s.io.emit('x', except_={}), 'except_'),
    (lambda s: s.io.emit('x', callback=5), 'callback'),
    (lambda s: s.io.emit('x', callback=print, timeout='1'), 'timeout'),
    (lambda s: s.io.emit('x', callback=print, timeout=-1), 'timeout'),
    (lambda s: s.io.emit('x', brodcast=True), 'brodcast'),
    (lambda s: s.io.send(object()), 'arguments'),
    (lambda s: s.io.send('x', namespace=5), 'namespace'),
    (lambda s: s.io.send('x', to={}), 'to'),
    (lambda s: s.io.send('x', callback=5), 'callback'),
    (lambda s: s.io.send('x', skip_sid={}), 'skip_sid'),
    (lambda s: s.io.send('x', brodcast=True), 'brodcast'),
    (lambda s: s.io.call(5, to=s.sid), 'event'),
    (lambda s: s.io.call('x'), 'to'),
    (lambda s: s.io.call('x', to=5), 'to'),
    (lambda s: s.io.call('x', to=[s.sid]), 'to'),
    (lambda s: s.io.call('x', object(), to=s.sid), 'arguments'),
    (lambda s: s.io.call('x', to=s.sid, namespace=5), 'namespace'),
    (lambda s: s.io.call('x', to=s.sid, timeout='1'), 'timeout'),
    (lambda s: s.io.close_room({}), 'room'),
    (lambda s: s.io.close_room('x', namespace=5), 'namespace'),
    (lambda s: s.io.of(5), 'namespace'),
    (lambda s: s.io.to({}), 'to'),
    (lambda s: s.io.to('a').to([{}]), 'to'),
    (lambda s: s.io.to('a').except_({}), 'except_'),
    (lambda s: s.io.to('a').timeout('1'), 'timeout'),
    (lambda s: s.io.to('a').emit(5), 'event'),
    (lambda s: s.io.to('a').emit('x', object()), 'arguments'),
    (lambda s: s.io.to('a').emit('x', callback=5), 'callback'),
    (lambda s: s.io.to('a').emit_with_ack(5), 'event'),
    (lambda s: s.io.to('a').sockets_join({}), 'rooms'),
    (lambda s: s.io.to('a').sockets_leave({}), 'rooms'),
    # SocketIO: the rest
    (lambda s: s.io.start_background_task(5), 'target'),
    (lambda s: s.io.start_background_task(coroutine), 'target'),
    (lambda s: s.io.sleep('1'), 'seconds'),
    (lambda s: s.io.init_app(5), 'app'),
    (lambda s: s.io.run(s.io.app, host=5), 'host'),
    (lambda s: s.io.run(s.io.app, port='http'), 'port'),
    (lambda s: s.io.run(s.io.app, port=70000), 'port'),
    # Namespace
    (lambda s: s.chat.emit(5), 'event'),
    (lambda s: s.chat.emit('x', object()), 'arguments'),
    (lambda s: s.chat.emit('x', room={}), 'room'),
    (lambda s: s.chat.emit('x', namespace=5), 'namespace'),
    (lambda s: s.chat.emit('x', callback=5), 'callback'),
    (lambda s: s.chat.send(object()), 'arguments'),
    (lambda s: s.chat.send('x', room={}), 'room'),
    (lambda s: s.chat.send('x', callback=5), 'callback'),
    (lambda s: s.chat.call('x'), 'to'),
    (lambda s: s.chat.call('x', to=5), 'to'),
    (lambda s: s.chat.call('x', to=s.sid, namespace='/', timeout='1'), 'timeout'),
    (lambda s: s.chat.enter_room(5, 'r'), 'sid'),
    (lambda s: s.chat.enter_room(s.sid, {}, namespace='/'), 'room'),
    (lambda s: s.chat.leave_room(5, 'r'), 'sid'),
    (lambda s: s.chat.close_room({}), 'room'),
    (lambda s: s.chat.rooms(5), 'sid'),
    (lambda s: s.chat.rooms(s.sid, namespace=5), 'namespace'),
    (lambda s: s.chat.get_session(5), 'sid'),
    (lambda s: s.chat.save_session(s.sid, 5, namespace='/'), 'session'),
    (lambda s: s.chat.disconnect(5), 'sid'),
    # socketio.server
    (lambda s: s.server.on(5, print), 'event'),
    (lambda s: s.server.on('x', 5), 'handler'),
    (lambda s: s.server.on('x', print, namespace=5), 'namespace'),
    (lambda s: s.server.event(coroutine), 'handler'),
    (lambda s: s.server.register_namespace(Chat), 'namespace_handler'),
    (lambda s: s.server.emit(5), 'event'),
    (lambda s: s.server.emit('x', object()), 'arguments'),
    (lambda s: s.server.emit('x', to={}), 'to'),
    (lambda s: s.server.emit('x', skip_sid={}), 'skip_sid'),
    (lambda s: s.server.emit('x', namespace=5), 'namespace'),
    (lambda s: s.server.emit('x', callback=5), 'callback'),
    (lambda s: s.server.send(object()), 'arguments'),
    (lambda s: s.server.send('x', to={}), 'to'),
    (lambda s: s.server.call('x'), 'to'),
    (lambda s: s.server.call('x', sid=5), 'sid'),
    (lambda s: s.server.call('x', to=s.sid, timeout='1'), 'timeout'),
    (lambda s: s.server.enter_room(5, 'r'), 'sid'),
    (lambda s: s.server.enter_room(s.sid, {}), 'room'),
    (lambda s: s.server.enter_room(s.sid, None), 'room'),
    (lambda s: s.server.enter_room(s.sid, 'r', namespace=5), 'namespace'),
    (lambda s: s.server.leave_room(s.sid, {}), 'room'),
    (lambda s: s.server.close_room({}), 'room'),
    (lambda s: s.server.rooms(5), 'sid'),
    (lambda s: s.server.get_session(5), 'sid'),
    (lambda s: s.server.save_session(s.sid, 5), 'session'),
    (lambda s: s.server.session(5).__enter__(), 'sid'),
    (lambda s: s.server.get_environ(5), 'sid'),
    (lambda s: s.server.transport(5), 'sid'),
    (lambda s: s.server.disconnect(5), 'sid'),
    (lambda s: s.server.disconnect(s.sid, namespace=5), 'namespace'),
    (lambda s: s.server.start_background_task(5), 'target'),
    (lambda s: s.server.manager.enter_room(s.sid, '/', {}), 'room'),
    (lambda s: s.server.manager.emit(5, None, '/'), 'event'),
    (lambda s: s.server.eio.send('nobody', 5), 'data'),
]

IN_A_HANDLER = [
    (lambda s: emit(5), 'event'),
    (lambda s: emit('disconnect'), 'event'),
    (lambda s: emit('x', object()), 'arguments'),
    (lambda s: emit('x', {'a': {1}}, broadcast=True), 'arguments'),
    (lambda s: emit('x', namespace=5), 'namespace'),
    (lambda s: emit('x', to={}), 'to'),
    (lambda s: emit('x', room={}), 'room'),
    (lambda s: emit('x', skip_sid={}), 'skip_sid'),
    (lambda s: emit('x', except_={}), 'except_'),
    (lambda s: emit('x', callback=5), 'callback'),
    (lambda s: emit('x', callback=print, timeout='1'), 'timeout'),
    (lambda s: emit('x', brodcast=True), 'brodcast'),
    (lambda s: send(object()), 'arguments'),
    (lambda s: send('x', namespace=5), 'namespace'),
    (lambda s: send('x', to={}), 'to'),
    (lambda s: send('x', callback=5), 'callback'),
    (lambda s: send('x', brodcast=True), 'brodcast'),
    (lambda s: call(5), 'event'),
    (lambda s: call('x', object()), 'arguments'),
    (lambda s: call('x', to=5), 'to'),
    (lambda s: call('x', namespace=5), 'namespace'),
    (lambda s: call('x', timeout='1'), 'timeout'),
    (lambda s: join_room({}), 'room'),
    (lambda s: join_room(None), 'room'),
    (lambda s: join_room('r', sid=5), 'sid'),
    (lambda s: join_room('r', namespace=5), 'namespace'),
    (lambda s: leave_room({}), 'room'),
    (lambda s: leave_room('r', sid=5), 'sid'),
    (lambda s: leave_room('r', namespace=5), 'namespace'),
    (lambda s: close_room({}), 'room'),
    (lambda s: close_room('r', namespace=5), 'namespace'),
    (lambda s: rooms(sid=5), 'sid'),
    (lambda s: rooms(namespace=5), 'namespace'),
    (lambda s: disconnect(sid=5), 'sid'),
    (lambda s: disconnect(namespace=5), 'namespace'),
    (lambda s: s.io.emit('x', include_self=False, to={}), 'to'),
]


def table(rows):
    """The rows as parameters, with the line of each in its id."""
    return [pytest.param(wrong, argument, id=f'{wrong.__code__.co_firstlineno}-{argument}')
            for wrong, argument in rows]


@pytest.mark.parametrize(('wrong', 'argument'), table(FROM_OUTSIDE))
def test_from_outside(stage, wrong, argument):
    with pytest.raises((TypeError, ValueError)) as raised:
        wrong(stage)
    assert names(raised.value, argument), str(raised.value)
    assert stage.client.pending() == []


@pytest.mark.parametrize(('wrong', 'argument'), table(IN_A_HANDLER))
def test_in_a_handler(stage, wrong, argument):
    done, raised = Event(), []

    @stage.io.on('do')
    def do():
        try:
            wrong(stage)
        except Exception as error:
            raised.append(error)
        done.set()

    stage.client.emit('do')
    assert done.wait(5)
    assert len(raised) == 1 and isinstance(raised[0], TypeError | ValueError), raised
    assert names(raised[0], argument), str(raised[0])
    assert stage.client.pending() == []


def test_who_is_not_there_is_no_mistake(stage):
    for to in ('nobody', 5, None, ['nobody', ('a', 'b')], frozenset('ab')):
        stage.io.emit('x', to=to, skip_sid=stage.sid)
        stage.server.emit('x', to=to, skip_sid=stage.sid)
    stage.io.emit('x', namespace='/nowhere')
    stage.server.disconnect('nobody')
    stage.io.close_room('nobody')
    stage.server.eio.disconnect('nobody')
    stage.server.eio.send('nobody', 'x')
    assert stage.client.pending() == []

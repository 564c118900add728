"""``socketio.server``, ``.manager`` and ``.eio`` where they go further than python-socketio's."""

from __future__ import annotations

import threading

import pytest
from flask import request

import geventio

from ..conftest import Connection
from ..waiting import until
from .stage import here, in_room, on_stage


@pytest.fixture
def ours():
    """A server of this library alone."""
    yield from on_stage(here)


def test_iterating_while_it_changes(ours):
    a, b = ours.join('a', 'b')
    in_room(ours, 'room', a, b)
    rooms = ours.server.manager.rooms['/']
    members = rooms['room']
    for sid in members:
        ours.server.leave_room(sid, 'room')
    assert len(members) == 0 and members == {} and 'room' not in rooms
    for sid, _ in rooms[None].items():
        ours.server.disconnect(sid)
    assert not ours.server.manager.rooms and not rooms
    for socket in ours.server.eio.sockets.values():
        socket.close()
    assert repr(ours.server.eio.sockets) == repr(rooms) == repr(ours.server.environ) == '{}'


def test_from_other_threads(ours):
    """Looking and acting while the loop serves."""
    a, b = ours.join('a', 'b')
    seen = []

    def work():
        server = ours.server
        server.manager.enter_room(a.sid, '/', 'room')
        seen.append([len(server.manager.rooms['/']['room']),
                     sorted(server.eio.sockets) == sorted([a.engine_sid, b.engine_sid]),
                     server.transport(a.sid), len(server.environ)])
        server.eio.send(a.engine_sid, '2["below"]')
        server.emit('above', to='room')
        server.eio.disconnect(b.engine_sid)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: not thread.is_alive())
    assert seen == [[1, True, 'websocket', 2]]
    assert [a.event(), a.event()] == [['below'], ['above']] and b.ended() == []


def test_raw_handlers_have_the_contexts_of_the_others(ours):
    @ours.server.on('raw')
    def raw(sid):
        geventio.join_room('room')
        return [request.sid == sid, request.event['message'], geventio.rooms()[1:]]

    @ours.socketio.on_error_default
    def on_error(error):
        return str(error)

    @ours.server.on('failing')
    def failing(sid):
        raise ValueError('no')

    a = ours.join('a')
    assert a.call('raw') == [[True, 'raw', ['room']]] and a.call('failing') == ['no']
    ours.socketio.on('raw')(lambda: 'the later one counts')
    assert a.call('raw') == ['the later one counts']


def test_an_error_in_a_raw_handler_names_it(ours, caplog):
    @ours.server.on('failing')
    def failing(sid):
        raise ValueError('no')

    a = ours.join('a')
    a.emit('failing')
    until(lambda: caplog.records)
    assert "failing, the handler of 'failing' (namespace /)" in caplog.text


def test_a_class_namespace_of_our_own(ours):
    class Chat(geventio.Namespace):
        def on_hi(self, value):
            return [request.sid, value]

    chat = Chat('/chat')
    ours.server.register_namespace(chat)
    a = ours.join('a', nsp='/chat')
    assert a.call('hi', 1, nsp='/chat') == [[a.sids['/chat'], 1]]
    assert ours.server.namespace_handlers['/chat'] is chat and chat.server is ours.server


@pytest.mark.parametrize('wrong', [None, geventio.Namespace, object(), 'chat'])
def test_what_is_no_namespace_is_refused(ours, wrong):
    with pytest.raises(ValueError, match='namespace_handler must be an object of a subclass'):
        ours.server.register_namespace(wrong)


async def coroutine(sid):
    return sid


@pytest.mark.parametrize(('options', 'sentence'), [
    ({'handler': 5}, "the handler for 'x' must be a function"),
    ({'handler': coroutine}, "the handler for 'x' must not be a coroutine function"),
    ({'event': 5, 'handler': print}, 'event must be the name of an event, a str, not 5'),
    ({'namespace': 5, 'handler': print}, "namespace must be a str such as '/chat'"),
])
def test_what_is_no_handler_is_refused(ours, options, sentence):
    with pytest.raises(TypeError, match=sentence):
        ours.server.on(**{'event': 'x', **options})
    assert ours.server.handlers == {}


def test_the_views_are_read_only(ours):
    ours.server.on('x', print)
    with pytest.raises(TypeError):
        ours.server.handlers['/']['x'] = None
    with pytest.raises(TypeError):
        ours.server.namespace_handlers['/x'] = None
    with pytest.raises(TypeError):
        ours.server.manager.rooms['/'] = {}
    with pytest.raises(AttributeError):
        ours.server.eio.ping_timeout = 5
    assert ours.server.handlers == {'/': {'x': print}}


def test_what_cannot_be_sent_below(ours):
    a = ours.join('a')
    with pytest.raises(TypeError, match='data must be a str, bytes, a list or a dict, not 5'):
        ours.server.eio.send('nobody', 5)
    ours.server.eio.sockets[a.engine_sid].send(['m'])
    assert a.ws.receive() == '4["m"]'


def test_the_socket_of_a_connection(ours):
    a, b = ours.join('a', 'b')
    sockets = ours.server.eio.sockets
    one = sockets[a.engine_sid]
    assert one == sockets[a.engine_sid] != sockets[b.engine_sid]
    assert len({one, sockets[a.engine_sid], sockets[b.engine_sid]}) == 2
    assert one.server.sockets[a.engine_sid] == one and one != 5
    assert repr(one) == '<EngineSocket websocket>' and a.engine_sid not in repr(one)
    one.close()
    assert one.closed and one.closing and one.connected and not one.upgraded
    assert repr(one) == '<EngineSocket none>'


def test_shutting_the_engine_down(ours):
    a = ours.join('a')
    ours.server.eio.shutdown()
    assert a.ended() == [] and not ours.server.eio.sockets
    connection = Connection(ours.address)
    assert connection.request('GET', '/socket.io/?EIO=4&transport=polling').status == 503
    connection.close()


def test_the_admin_interface(ours):
    with pytest.raises(NotImplementedError, match=r'instrument\(\) out; socketio.server.stats'):
        ours.server.instrument(auth=False, mode='production', read_only=True, server_id='x',
                               namespace='/a', server_stats_interval=1)

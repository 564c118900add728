"""Getting in and out of a namespace, and what reaches whom meanwhile."""

from __future__ import annotations

import pytest

from geventio.core.operator import Operator
from geventio.errors import ConnectionRefusedError

from .support import World


@pytest.fixture
def life(world):
    """Handlers of connect and disconnect that note their calls and do as they are told."""

    class Life:
        answer = None
        calls = []

    def connect(sid, environ, auth):
        life.calls.append(('connect', sid, auth))
        if isinstance(life.answer, Exception):
            raise life.answer
        return life.answer

    life = Life()
    life.calls = []
    world.on('connect', connect)
    world.on('disconnect', lambda sid, reason: life.calls.append(('disconnect', sid, reason)))
    return life


def test_an_accepted_client(world, life):
    peer = world.peer()
    peer.says('40{"token":1}')
    socket = peer.client.sockets['/']
    assert life.calls == [('connect', socket.sid, {'token': 1})]
    assert peer.hears() == [f'40{{"sid":"{socket.sid}"}}']
    assert socket.sid != peer.session.sid
    assert list(world.space.rooms.sockets.values()) == [socket]


@pytest.mark.parametrize(('answer', 'packet'), [
    (False, '44{"message":"Connection rejected by server"}'),
    (ConnectionRefusedError('nope'), '44{"message":"nope"}'),
    (ConnectionRefusedError('nope', {'x': 1}), '44{"message":"nope","data":{"x":1}}'),
    (ConnectionRefusedError('nope', 1, 2), '44{"message":"nope","data":[1,2]}'),
    (ConnectionRefusedError(), '44{"message":"Connection rejected by server"}'),
    (OSError('a secret'), '44{"message":"Internal server error"}'),
])
def test_a_refused_client(world, life, answer, packet):
    life.answer = answer
    peer = world.peer()
    peer.says('40')
    assert peer.hears() == [packet]
    assert [name for name, *_ in life.calls] == ['connect']
    assert not world.space.rooms.sockets and not peer.client.sockets
    assert peer.session.closed is None


def test_a_refused_client_may_try_again(world, life):
    life.answer = False
    peer = world.peer()
    peer.says('40')
    life.answer = None
    peer.says('40')
    assert [packet[:3] for packet in peer.hears()] == ['44{', '40{']


@pytest.mark.parametrize('answer', [None, True, 0, '', 'anything'])
def test_everything_but_false_lets_a_client_in(world, life, answer):
    life.answer = answer
    peer = world.peer()
    peer.says('40')
    assert peer.client.sockets['/'].connected


def test_an_error_without_a_handler_of_its_own_kind_refuses(world):
    class Expired(BaseException):
        """Such as gevent's Timeout."""

    def connect(sid, environ):
        raise Expired

    world.on('connect', connect)
    peer = world.peer()
    peer.says('40')
    assert peer.hears() == ['44{"message":"Internal server error"}']


def waiting(world):
    """A client whose connect handler has not been started yet."""
    world.runtime.held = True
    peer = world.peer()
    peer.says('40')
    assert peer.hears() == []
    return peer


def test_nothing_reaches_a_client_that_is_then_refused(world, life):
    life.answer = False
    peer = waiting(world)
    Operator(world.space).emit('to all')
    Operator(world.space).to(peer.client.sockets['/'].sid).emit('to it')
    Operator(world.space).volatile.emit('fleeting')
    assert peer.hears() == []
    world.runtime.run_jobs()
    Operator(world.space).emit('after')
    assert peer.hears() == ['44{"message":"Connection rejected by server"}']


def test_a_client_gets_what_was_held_behind_connect_in_order(world, life):
    peer = waiting(world)
    socket = peer.client.sockets['/']
    everybody = Operator(world.space)
    everybody.emit('one')
    everybody.to(socket.sid).emit('two', b'\x01')
    everybody.volatile.emit('fleeting')
    world.space.rooms.join(socket, 'room')
    everybody.to('room').emit('three')
    world.runtime.run_jobs()
    everybody.emit('four')
    assert peer.hears() == [
        f'40{{"sid":"{socket.sid}"}}', '42["one"]',
        ['451-["two",{"_placeholder":true,"num":0}]', b'\x01'], '42["three"]', '42["four"]']


def test_what_is_held_is_bounded(life):
    world = World(max_outbox_size=100)
    world.on('connect', lambda sid, environ: None)
    peer = waiting(world)
    for _ in range(50):
        Operator(world.space).emit('x' * 50)
    world.runtime.run_jobs()
    assert peer.session.closed == 'slow client'
    assert not world.space.rooms.sockets


@pytest.mark.parametrize('answer', [None, False, OSError()])
def test_a_client_that_vanishes_while_its_connect_handler_runs(world, life, answer):
    life.answer = answer
    peer = waiting(world)
    sid = peer.client.sockets['/'].sid
    peer.vanishes()
    assert life.calls == []
    world.runtime.run_jobs()
    world.runtime.run_jobs()
    told = [call for call in life.calls if call[0] == 'disconnect']
    assert told == ([('disconnect', sid, 'transport close')] if answer is None else [])
    assert not world.space.rooms.sockets and not world.space.rooms.members
    assert not world.server.engine.sessions and peer.hears() == []


def test_a_client_that_vanishes_without_handlers_leaves_nothing(world):
    peer = world.peer()
    world.space.rooms.join(peer.join(), 'room')
    peer.vanishes()
    assert not world.space.rooms.sockets and not world.space.rooms.members


def test_rooms_are_readable_while_the_disconnect_handler_runs(world):
    seen = []
    world.on('disconnect', lambda sid: seen.append(
        world.space.rooms.rooms_of(world.space.rooms.sockets[sid])))
    peer = world.peer()
    socket = peer.join()
    world.space.rooms.join(socket, 'room')
    peer.says('41')
    assert seen == [[socket.sid, 'room']]
    assert not world.space.rooms.sockets and not world.space.rooms.members


def test_a_failing_disconnect_handler_leaks_nothing(world, caplog):
    def disconnect(sid, reason):
        raise KeyError('lost')

    world.on('disconnect', disconnect)
    peer = world.peer()
    peer.join()
    peer.vanishes()
    assert not world.space.rooms.sockets
    assert 'test_namespace' in caplog.text and "handler of 'disconnect'" in caplog.text


def test_events_after_leaving_are_ignored_and_coming_back_is_fine(world, life):
    peer = world.peer()
    first = peer.join()
    peer.says('41', '42["late"]', '431[]')
    assert life.calls[-1] == ('disconnect', first.sid, 'client namespace disconnect')
    assert peer.session.closed is None
    assert peer.join().sid != first.sid


def test_the_server_takes_a_client_out(world, life):
    peer = world.peer()
    socket = peer.join()
    world.space.disconnect(socket)
    world.space.disconnect(socket)
    assert peer.hears() == ['41']
    assert life.calls[1:] == [('disconnect', socket.sid, 'server namespace disconnect')]


def test_a_lost_client_is_lost_to_each_of_its_namespaces(world):
    gone = []
    for nsp in ('/', '/a'):
        world.on('disconnect', lambda sid, reason: gone.append(sid), nsp)
    peer = world.peer()
    sids = [peer.join().sid, peer.join('/a').sid]
    peer.vanishes()
    assert gone == sids


def test_data_belongs_to_the_socket(world):
    peer = world.peer()
    here, there = peer.join(), None
    world.on('x', lambda sid: None, '/a')
    there = peer.join('/a')
    here.data['x'] = 1
    assert here.data == {'x': 1} and there.data == {}


def test_clients_of_protocol_4_are_in_without_asking(world, life):
    peer = world.old_peer()
    assert peer.hears() == ['40']
    assert life.calls == [('connect', peer.session.sid, None)]


def test_refused_clients_of_protocol_4(world, life):
    life.answer = ConnectionRefusedError('nope', {'x': 1})
    peer = world.old_peer()
    assert peer.hears() == ['44{"x":1}']


# -- dynamic namespaces -------------------------------------------------------------------------


def test_a_namespace_a_rule_made_ends_with_its_last_client(world):
    world.server.registry.declared.add('*')
    one, two = world.peer(), world.peer()
    one.join('/any')
    two.join('/any')
    one.vanishes()
    assert '/any' in world.server.namespaces
    two.says('41/any,')
    assert '/any' not in world.server.namespaces and '/any' not in world.server.registry.handlers
    two.join('/any')


def test_a_namespace_that_only_exists_lets_nobody_in(world):
    world.server.namespace('/secret')
    peer = world.peer()
    peer.says('40/secret,')
    assert peer.hears() == ['44/secret,{"message":"Invalid namespace"}']


def test_a_namespace_of_the_program_stays(world):
    world.on('x', lambda sid: None, '/mine')
    peer = world.peer()
    peer.join('/mine')
    peer.vanishes()
    assert '/mine' in world.server.namespaces


def test_an_unknown_namespace_is_refused(world):
    peer = world.peer()
    peer.says('40/unknown,')
    assert peer.hears() == ['44/unknown,{"message":"Invalid namespace"}']
    assert world.server.namespaces == {} and world.server.registry.handlers == {}


# -- order --------------------------------------------------------------------------------------


def test_without_async_handlers_one_ends_before_the_next_begins():
    world = World(async_handlers=False)
    done = []
    world.on('x', lambda sid, n: done.append(n))
    world.on('disconnect', lambda sid: done.append('left'))
    peer = world.peer()
    peer.join()
    world.runtime.held = True
    peer.says('42["x",1]', '42["x",2]', '41')
    assert len(world.runtime.jobs) == 1 and done == []
    world.runtime.run_jobs()
    assert done == [1, 2, 'left'] and world.runtime.jobs == []
    assert not world.space.rooms.sockets


def test_a_client_that_no_namespace_lets_in_is_closed_in_the_end(world, life):
    peer = world.peer()
    client = peer.client
    life.answer = False
    peer.says('40')
    assert client.bucket is not None, 'the time runs on'
    assert client.tick(0.0) is None
    assert peer.session.closed == 'forced server close'


def test_a_client_about_whom_a_handler_still_decides_is_not_closed(world, life):
    world.runtime.held = True
    peer = world.peer()
    peer.says('40')
    assert peer.client.tick(0.0) == world.server.config.connect_timeout
    world.runtime.run_jobs()
    assert peer.client.bucket is None, 'it was let in'
    assert peer.session.closed is None

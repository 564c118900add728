"""Emitting: whom it reaches, what it is encoded for, what comes back."""

from __future__ import annotations

import pytest

from geventio.core.operator import DEFAULT_TIMEOUT, Operator, as_rooms, call, unwrap
from geventio.errors import NotConnectedError, TimeoutError

from .support import Plain

HELLO = '42["hello",1]'


@pytest.fixture
def peers(world):
    """Four clients; the first two in room a, the second and third in room b."""
    peers = [world.peer() for _ in range(4)]
    for peer, rooms in zip(peers, ('a', 'ab', 'b', ''), strict=True):
        peer.socket = peer.join()
        for room in rooms:
            world.space.rooms.join(peer.socket, room)
    return peers


@pytest.fixture
def everybody(world):
    return Operator(world.space)


def reached(peers):
    return [index for index, peer in enumerate(peers) if peer.hears()]


def test_rooms_as_a_tuple():
    assert as_rooms(None) == ()
    assert as_rooms('room') == ('room',)
    assert as_rooms(7) == (7,)
    assert as_rooms(['a', 'b']) == ('a', 'b') == as_rooms(('a', 'b'))
    assert set(as_rooms({'a', 'b'})) == {'a', 'b'}


@pytest.mark.parametrize(('choose', 'expected'), [
    (lambda o, p: o, [0, 1, 2, 3]),
    (lambda o, p: o.to('a'), [0, 1]),
    (lambda o, p: o.to('a').to('b'), [0, 1, 2]),
    (lambda o, p: o.to(['a', 'b']), [0, 1, 2]),
    (lambda o, p: o.in_('b'), [1, 2]),
    (lambda o, p: o.to(p[3].socket.sid), [3]),
    (lambda o, p: o.to([p[3].socket.sid, 'a']), [0, 1, 3]),
    (lambda o, p: o.except_('a'), [2, 3]),
    (lambda o, p: o.to('a').except_('b'), [0]),
    (lambda o, p: o.to('a').to('b').except_(p[1].socket.sid), [0, 2]),
    (lambda o, p: o.except_('a').except_(['b']), [3]),
    (lambda o, p: o.to('nobody'), []),
    (lambda o, p: o.to([]), []),
    (lambda o, p: o.local, [0, 1, 2, 3]),
])
def test_whom_an_event_reaches(peers, everybody, choose, expected):
    choose(everybody, peers).emit('hello', 1)
    assert reached(peers) == expected


def test_each_gets_it_once_and_it_is_packed_once(peers, everybody):
    before = Plain.encoded
    everybody.to('a').to('b').emit('hello', 1)
    assert [peer.hears() for peer in peers] == [[HELLO], [HELLO], [HELLO], []]
    assert Plain.encoded == before + 1


def test_an_operator_can_be_kept(peers, everybody):
    room = everybody.to('a')
    room.except_('b').emit('x')
    assert reached(peers) == [0]
    room.emit('x')
    assert reached(peers) == [0, 1]


def test_send_is_an_event_of_its_own_name(peers, everybody):
    everybody.to('a').send('text', 2)
    assert peers[0].hears() == ['42["message","text",2]']


def test_binary_arguments_follow_the_text(peers, everybody):
    everybody.to('a').emit('x', b'\x01')
    assert peers[0].hears() == [['451-["x",{"_placeholder":true,"num":0}]', b'\x01']]


def test_volatile_events_are_dropped_where_they_would_wait(peers, everybody):
    peers[1].transport.ready = False
    everybody.volatile.emit('hello', 1)
    assert reached(peers) == [0, 2, 3]
    everybody.emit('hello', 1)
    assert reached(peers) == [0, 1, 2, 3]


@pytest.mark.parametrize('name', ['connect', 'connect_error', 'disconnect', 'disconnecting',
                                  'newListener', 'removeListener'])
def test_reserved_names_cannot_be_emitted(peers, everybody, name):
    with pytest.raises(ValueError, match=f"'{name}' is a reserved event name"):
        everybody.emit(name)
    with pytest.raises(ValueError, match='reserved'):
        everybody.emit_with_ack(name)
    assert reached(peers) == []


def test_what_cannot_be_sent_reaches_nobody(peers, everybody):
    with pytest.raises(TypeError):
        everybody.emit('x', object())
    assert reached(peers) == []


# -- answers ------------------------------------------------------------------------------------


def test_a_broadcast_collects_the_first_value_of_each_answer(world, peers, everybody):
    def answers():
        assert [peer.hears() for peer in peers] == [['421["q",7]'], ['421["q",7]'], [], []]
        peers[1].says('431["one","ignored"]')
        peers[0].says('431[]')

    world.runtime.meanwhile = answers
    replies = everybody.to('a').emit_with_ack('q', 7)
    assert replies == ['one', None]
    assert replies.complete and replies.missing == []
    assert world.runtime.open_timers() == []


def test_a_broadcast_hands_over_what_there_is_when_the_time_is_up(world, peers, everybody):
    def answers():
        peers[2].says('431["here"]')
        world.runtime.pass_time(2.9)
        assert world.runtime.open_timers()
        world.runtime.pass_time(0.2)
        peers[0].says('431["late"]')

    world.runtime.meanwhile = answers
    replies = everybody.timeout(3).emit_with_ack('q')
    assert replies == ['here']
    assert not replies.complete
    assert replies.missing == [peer.socket.sid for peer in (peers[0], peers[1], peers[3])]
    assert all(not peer.socket.acks for peer in peers)


def test_who_leaves_is_missing_and_not_waited_for(world, peers, everybody):
    def answers():
        peers[0].says('431["here"]')
        peers[1].vanishes()

    world.runtime.meanwhile = answers
    replies = everybody.to('a').emit_with_ack('q')
    assert replies == ['here'] and replies.missing == [peers[1].socket.sid]
    assert world.runtime.open_timers() == []


def test_a_broadcast_to_nobody_is_answered_at_once(world, everybody):
    replies = everybody.emit_with_ack('q')
    assert replies == [] and replies.complete


def test_a_broadcast_waits_a_minute_by_default(world, peers, everybody):
    world.runtime.meanwhile = lambda: world.runtime.pass_time(DEFAULT_TIMEOUT)
    assert len(everybody.emit_with_ack('q').missing) == 4


def test_a_client_that_is_not_accepted_yet_is_not_asked(world, peers, everybody):
    world.on('connect', lambda sid, environ: None)
    world.runtime.held = True
    newcomer = world.peer()
    newcomer.says('40')
    world.runtime.meanwhile = lambda: [peer.says('431[]') for peer in peers]
    assert everybody.emit_with_ack('q').complete
    world.runtime.run_jobs()
    assert newcomer.hears() == [f'40{{"sid":"{newcomer.client.sockets["/"].sid}"}}']


def test_a_callback_is_told_once(world, peers, everybody):
    told = []
    everybody.to('a').timeout(1).emit('q', callback=lambda *args: told.append(args))
    peers[0].says('431["x"]', '431["again"]')
    assert told == []
    world.runtime.pass_time(1)
    peers[1].says('431["late"]')
    (error, replies), = told
    assert isinstance(error, TimeoutError) and str(error) == '1 clients did not answer in time'
    assert replies == ['x'] and replies.missing == [peers[1].socket.sid]


def test_a_callback_without_trouble_gets_no_error(peers, everybody):
    told = []
    everybody.to(peers[3].socket.sid).emit('q', callback=lambda *args: told.append(args))
    peers[3].says('431[5]')
    assert told == [(None, [5])]


def test_answers_nobody_asked_for_are_ignored(world, peers):
    peers[0].says('4399["x"]', '43[]')
    assert peers[0].session.closed is None


@pytest.mark.parametrize(('answer', 'value'), [
    ('431[]', None), ('431["x"]', 'x'), ('431[null]', None), ('431[1,2]', (1, 2)),
    ('431[[1,2]]', [1, 2]),
])
def test_call_returns_what_the_client_answers(world, peers, answer, value):
    world.runtime.meanwhile = lambda: peers[0].says(answer)
    assert call(world.space, 'q', (1,), peers[0].socket.sid, 5) == value
    assert peers[0].hears() == ['421["q",1]'] and reached(peers) == []
    assert world.runtime.open_timers() == []


def test_call_ends_at_once_when_the_client_leaves(world, peers):
    world.runtime.meanwhile = peers[0].vanishes
    with pytest.raises(NotConnectedError, match='disconnected before it answered'):
        call(world.space, 'q', (), peers[0].socket.sid, None)


def test_call_ends_when_the_time_is_up(world, peers):
    world.runtime.meanwhile = lambda: world.runtime.pass_time(5)
    with pytest.raises(TimeoutError, match='did not answer in time'):
        call(world.space, 'q', (), peers[0].socket.sid, 5)
    assert not peers[0].socket.acks


def test_call_to_nobody(world, peers):
    with pytest.raises(NotConnectedError, match="no client with the id 'x' in /"):
        call(world.space, 'q', (), 'x', 5)
    with pytest.raises(NotConnectedError):
        call(world.space, 'q', (), 'a', 5)


def test_call_to_a_client_that_cannot_answer_yet(world):
    world.on('connect', lambda sid, environ: call(world.space, 'q', (), sid, 5))
    peer = world.peer()
    peer.says('40')
    assert peer.hears() == ['44{"message":"Internal server error"}']


def test_unwrap():
    assert unwrap([]) is None and unwrap([1]) == 1 and unwrap([1, 2]) == (1, 2)


# -- sockets ------------------------------------------------------------------------------------


def test_fetched_sockets_show_rooms_and_data(peers, everybody):
    peers[1].socket.data['name'] = 'Ann'
    found = everybody.to('b').fetch_sockets()
    assert [socket.sid for socket in found] == [peers[1].socket.sid, peers[2].socket.sid]
    assert found[0].rooms == {'a', 'b', peers[1].socket.sid}
    assert found[0].data == {'name': 'Ann'} and found[1].data == {}
    assert repr(found[0]) == f'<RemoteSocket {peers[1].socket.sid} of />'


def test_a_fetched_socket_can_be_acted_on(world, peers, everybody):
    one, = everybody.to(peers[3].socket.sid).fetch_sockets()
    one.emit('hello', 1)
    one.join(['c', 'd'])
    one.leave('d')
    assert peers[3].hears() == [HELLO] and reached(peers) == []
    assert world.space.rooms.rooms_of(peers[3].socket) == [one.sid, 'c']
    one.disconnect()
    assert peers[3].hears() == ['41'] and everybody.to(one.sid).fetch_sockets() == []
    assert peers[3].session.closed is None


def test_joining_and_leaving_many(world, peers, everybody):
    everybody.to('a').sockets_join(['c', 'd'])
    assert [s.sid for s in everybody.to('c').to('d').fetch_sockets()] \
        == [peers[0].socket.sid, peers[1].socket.sid]
    everybody.sockets_leave('c')
    assert everybody.to('c').fetch_sockets() == []
    assert 'c' not in world.space.rooms.members


def test_disconnecting_many(peers, everybody):
    everybody.to('a').disconnect_sockets()
    assert [peer.hears() for peer in peers] == [['41'], ['41'], [], []]
    everybody.disconnect_sockets(close=True)
    assert [peer.session.closed for peer in peers] \
        == [None, None, 'forced server close', 'forced server close']
    assert everybody.fetch_sockets() == []

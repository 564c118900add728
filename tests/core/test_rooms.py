"""Who is in which room: both indexes, unions, what a disconnect costs, against a naive model."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from geventio.core.rooms import Rooms


class Member:
    """As much of a Socket as the registry looks at."""

    def __init__(self, sid):
        self.sid = sid
        self.rooms = None

    def __repr__(self):
        return self.sid


@pytest.fixture
def rooms():
    return Rooms()


@pytest.fixture
def members(rooms):
    made = [Member(f's{number}') for number in range(4)]
    for member in made:
        rooms.add(member)
    return made


def test_everybody_is_in_the_namespace_and_in_the_own_room(rooms, members):
    assert list(rooms.select(None)) == members
    assert list(rooms.find('s1')) == [members[1]]
    assert rooms.rooms_of(members[1]) == ['s1']


def test_the_own_room_costs_nothing_and_cannot_be_left(rooms, members):
    rooms.join(members[0], 's0')
    rooms.leave(members[0], 's0')
    assert rooms.members == {} and list(rooms.find('s0')) == [members[0]]


def test_anothers_own_room_cannot_be_joined(rooms, members):
    with pytest.raises(ValueError, match="'s1' is another client's own room"):
        rooms.join(members[0], 's1')
    assert list(rooms.find('s1')) == [members[1]] and members[0].rooms is None


def test_a_union_holds_each_socket_once(rooms, members):
    for member in members[:3]:
        rooms.join(member, 'a')
    for member in members[1:]:
        rooms.join(member, 'b')
    assert list(rooms.select(('a', 'b'))) == members
    assert list(rooms.select(('a', 's0', 'a'))) == members[:3]


def test_except_takes_members_out_of_everybody_and_of_unions(rooms, members):
    rooms.join(members[0], 'a')
    rooms.join(members[1], 'a')
    assert list(rooms.select(None, ('a',))) == members[2:]
    assert list(rooms.select(('a',), ('s0',))) == [members[1]]
    assert list(rooms.select(('a', 's3'), ('a',))) == [members[3]]
    assert list(rooms.select(None, ('nobody',))) == members


def test_an_empty_choice_is_nobody(rooms, members):
    assert list(rooms.select(())) == []
    assert list(rooms.select(('nobody',))) == []


def test_any_hashable_is_a_room(rooms, members):
    for room in (7, 1.5, ('a', 1), frozenset('x'), None):
        rooms.join(members[0], room)
        assert list(rooms.find(room)) == [members[0]]
    assert rooms.rooms_of(members[0])[0] == 's0' and len(rooms.rooms_of(members[0])) == 6


def test_a_room_ends_with_its_last_member(rooms, members):
    rooms.join(members[0], 'a')
    rooms.join(members[1], 'a')
    rooms.leave(members[0], 'a')
    assert list(rooms.find('a')) == [members[1]]
    rooms.remove(members[1])
    assert rooms.members == {}


def test_closing_a_room_takes_everybody_out(rooms, members):
    for member in members:
        rooms.join(member, 'a')
        rooms.join(member, 'b')
    rooms.close('a')
    assert list(rooms.find('a')) == [] and len(rooms.find('b')) == 4
    assert all(member.rooms == {'b'} for member in members)
    rooms.close('never was')


def test_a_socket_that_has_left_joins_nothing(rooms, members):
    rooms.remove(members[0])
    rooms.join(members[0], 'a')
    assert rooms.members == {} and members[0].rooms is None


def test_the_successor_of_a_socket_with_the_same_id_stays(rooms, members):
    successor = Member('s0')
    rooms.add(successor)
    rooms.remove(members[0])
    assert rooms.sockets['s0'] is successor


def test_a_disconnect_looks_at_the_own_rooms_only():
    class Counting(dict):
        looked = 0

        def get(self, *args):
            Counting.looked += 1
            return super().get(*args)

        def __iter__(self):
            raise AssertionError('all rooms were walked')

    rooms = Rooms()
    rooms.members = Counting()
    members = [Member(f's{number}') for number in range(200)]
    for number, member in enumerate(members):
        rooms.add(member)
        rooms.join(member, number)
        rooms.join(member, f'{number} too')
    Counting.looked = 0
    rooms.remove(members[77])
    assert Counting.looked == 2


NAMES = st.sampled_from(['a', 'b', 'c', 1, ('t', 2)])


class RoomsLikeTheModel(RuleBasedStateMachine):
    """The registry against a set of (sid, room) pairs."""

    sockets = Bundle('sockets')

    def __init__(self):
        super().__init__()
        self.rooms = Rooms()
        self.here = {}
        self.pairs = set()
        self.number = 0

    @rule(target=sockets)
    def enter(self):
        self.number += 1
        member = Member(f'sid{self.number}')
        self.rooms.add(member)
        self.here[member.sid] = member
        return member

    @rule(member=sockets, room=NAMES)
    def join(self, member, room):
        self.rooms.join(member, room)
        self.pairs.add((member.sid, room))

    @rule(member=sockets, room=NAMES)
    def leave(self, member, room):
        self.rooms.leave(member, room)
        self.pairs.discard((member.sid, room))

    @rule(member=consumes(sockets))
    def go(self, member):
        self.rooms.remove(member)
        del self.here[member.sid]
        self.pairs = {(sid, room) for sid, room in self.pairs if sid != member.sid}
        self.rooms.join(member, 'a')

    @rule(room=NAMES)
    def close(self, room):
        self.rooms.close(room)
        self.pairs = {(sid, name) for sid, name in self.pairs if name != room}

    @rule(rooms=st.none() | st.lists(NAMES, max_size=3), out=st.lists(NAMES, max_size=2),
          member=sockets)
    def select(self, rooms, out, member):
        rooms = rooms if rooms is None else (*rooms, member.sid)

        def inside(sid, names):
            return sid in names or any((sid, name) in self.pairs for name in names)

        wanted = {sid for sid in self.here
                  if (rooms is None or inside(sid, rooms)) and not inside(sid, out)}
        chosen = [found.sid for found in self.rooms.select(rooms, out)]
        assert sorted(chosen) == sorted(wanted)

    @invariant()
    def both_indexes_agree(self):
        assert {(m.sid, room) for room, found in self.rooms.members.items() for m in found} \
            == self.pairs
        assert {(sid, room) for sid, m in self.here.items() for room in m.rooms or ()} \
            == self.pairs
        assert all(self.rooms.members.values()), 'an empty room was kept'


RoomsLikeTheModel.TestCase.settings = settings(max_examples=50, stateful_step_count=30,
                                               deadline=None)
TestRoomsLikeTheModel = RoomsLikeTheModel.TestCase

"""Who is here now."""
from __future__ import annotations

from demo_app.presence import Presence


def test_users_are_counted_once():
    here = Presence()
    for sid, user in (('1', 'ann'), ('2', 'ann'), ('3', 'bob')):
        here.add(sid, user)
        assert here.move(sid, 'lobby') is None
    assert here.users() == here.users_in('lobby') == ['ann', 'bob']
    assert here.move('1', 'music') == 'lobby'
    assert here.users_in('lobby') == ['ann', 'bob']
    assert here.rooms_of('ann') == ['lobby', 'music']
    assert here.remove('2') == 'lobby'
    assert here.users_in('lobby') == ['bob']
    assert here.users() == ['ann', 'bob']
    assert here.remove('1') == 'music'
    assert here.users() == ['bob']
    assert here.users_in('music') == []


def test_connection_that_was_refused_leaves_nothing():
    assert Presence().remove('unknown') is None

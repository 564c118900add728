"""How much one client may send."""
from __future__ import annotations

from demo_app.pace import Pace


def test_burst_and_recovery():
    pace = Pace(rate=2, burst=3)
    assert [pace.allows('a', 10.0) for _ in range(4)] == [True, True, True, False]
    assert not pace.allows('a', 10.4)
    assert pace.allows('a', 10.5)
    assert not pace.allows('a', 10.5)
    assert [pace.allows('a', 99.0) for _ in range(4)] == [True, True, True, False]


def test_each_has_a_budget_of_its_own():
    pace = Pace(rate=1, burst=1)
    assert pace.allows('a', 0.0)
    assert pace.allows('b', 0.0)
    assert not pace.allows('a', 0.0)
    pace.forget('a')
    pace.forget('never seen')
    assert pace.allows('a', 0.0)


def test_what_is_refused_costs_nothing():
    pace = Pace(rate=1, burst=10)
    assert not pace.allows('a', 0.0, cost=11)
    assert pace.allows('a', 0.0, cost=10)

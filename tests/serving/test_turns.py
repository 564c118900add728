"""Calls in masses: a slice a turn, in order, whatever one of them raises."""

from __future__ import annotations

import gevent
import pytest
from gevent.hub import get_hub

from geventio.serving.turns import SLICE, Turns

from ..waiting import until


@pytest.fixture
def turns():
    return Turns(get_hub().loop)


def test_few_are_called_at_once(turns):
    done = []
    for number in range(SLICE):
        turns.call(done.append, number)
    assert len(done) == SLICE


def test_many_are_called_in_order_with_looks_at_the_loop(turns):
    done, seen = [], []
    looks = get_hub().loop.check()
    looks.start(lambda: seen.append(len(done)))
    for number in range(5 * SLICE):
        turns.call(done.append, number)
    assert len(done) == SLICE
    until(lambda: len(done) == 5 * SLICE)
    looks.stop()
    looks.close()
    assert done == list(range(5 * SLICE))
    assert set(seen) == {SLICE, 2 * SLICE, 3 * SLICE, 4 * SLICE, 5 * SLICE}


def test_a_call_from_a_call_waits_for_its_turn(turns):
    done = []
    for number in range(2 * SLICE):
        turns.call(turns.call, done.append, number)
    until(lambda: len(done) == 2 * SLICE)
    assert done == list(range(2 * SLICE))


def test_a_failure_does_not_hold_up_the_others(turns, monkeypatch):
    failures, done = [], []
    monkeypatch.setattr(get_hub(), 'handle_error', lambda *args: failures.append(args[1]))

    def fail():
        raise ValueError('an example')

    for _ in range(SLICE):
        turns.call(done.append, 'before')
    turns.call(fail)
    turns.call(done.append, 'after')
    until(lambda: done[-1] == 'after')
    assert failures == [ValueError]


def test_afterwards_calls_are_at_once_again(turns):
    done = []
    for number in range(3 * SLICE):
        turns.call(done.append, number)
    until(lambda: len(done) == 3 * SLICE)
    gevent.sleep(0.005)
    turns.call(done.append, 'alone')
    assert done[-1] == 'alone'

"""The outbox: one joined send for each client and turn, in order, and fair to the loop."""

from __future__ import annotations

import pytest

from geventio.core.parcel import Parcel
from geventio.transports.outbox import SLICE, Outbox


class Loop:
    """An event loop whose turns the test takes."""

    def __init__(self):
        self.callbacks = []
        self.timers = []

    def run_callback(self, callback, *args):
        self.callbacks.append(callback)

    def timer(self, seconds):
        return Timer(self)

    def turn(self):
        callbacks, self.callbacks = self.callbacks, []
        timers, self.timers = self.timers, []
        for callback in callbacks + timers:
            callback()
        return bool(callbacks or timers)


class Timer:
    def __init__(self, loop):
        self.loop = loop

    def start(self, callback):
        self.loop.timers.append(callback)

    def stop(self):
        pass


class Encoding:
    """Counts how often it is asked."""

    def __init__(self):
        self.packed = 0

    def pack(self, packets):
        self.packed += 1
        return ''.join(packets).encode()


class Transport:
    def __init__(self, encoding=None, takes=None, fails=None):
        self.encoding = encoding
        self.out = None
        self.sent = []
        self.rest = []
        self.takes = takes
        self.fails = fails
        self.was_lost = False

    def send(self, data):
        if self.fails is not None:
            raise self.fails
        self.sent.append(data)
        return len(data) if self.takes is None else self.takes

    def blocked(self, rest):
        self.rest.append(rest)

    def lost(self):
        self.was_lost = True


class Socket:
    def __init__(self, transport):
        self.transport = transport


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def outbox(loop):
    return Outbox(loop)


def test_nothing_is_sent_before_the_turn_ends(outbox, loop):
    transport = Transport()
    outbox.push(transport, b'a')
    assert transport.sent == []
    loop.turn()
    assert transport.sent == [b'a']
    assert not loop.turn()


def test_one_joined_send_in_order(outbox, loop):
    transport = Transport()
    for data in (b'a', b'b', b'c'):
        outbox.push(transport, data)
    loop.turn()
    assert transport.sent == [b'abc']
    assert transport.out is None


def test_a_parcel_is_encoded_once_for_each_encoding(outbox, loop):
    one, other = Encoding(), Encoding()
    transports = [Transport(one), Transport(other), Transport(one), Transport(one)]
    outbox.push(transports[0], b'0')
    outbox.push_many([Socket(t) for t in transports], Parcel(['x', 'y']))
    loop.turn()
    assert [t.sent for t in transports] == [[b'0xy'], [b'xy'], [b'xy'], [b'xy']]
    assert (one.packed, other.packed) == (1, 1)


def test_what_the_kernel_refuses_is_handed_back(outbox, loop):
    part = Transport(takes=2)
    full = Transport(fails=BlockingIOError())
    gone = Transport(fails=ConnectionResetError())
    for transport in (part, full, gone):
        outbox.push(transport, b'abcd')
    loop.turn()
    assert part.rest == [b'cd']
    assert full.rest == [b'abcd']
    assert gone.was_lost


def test_a_transport_that_keeps_its_own_queue(outbox, loop):
    transport = Transport(Encoding())
    transport.out = own = type('Queue', (list,), {})()
    outbox.push(transport, b'a')
    outbox.push_many([Socket(transport)], _Made(b'b'))
    assert own == [b'a', b'b']
    assert not loop.turn()


class _Made:
    def __init__(self, item):
        self._item = item

    def item(self, encoding):
        return self._item


def test_a_transport_closed_meanwhile(outbox, loop):
    transport = Transport()
    outbox.push(transport, b'a')
    transport.out = None
    loop.turn()
    assert transport.sent == []


def test_broadcasts_leave_in_slices_and_small_ones_overtake(outbox, loop):
    many = [Transport(Encoding()) for _ in range(2 * SLICE + 1)]
    outbox.push_many([Socket(t) for t in many], _Made(b'all'))
    loop.turn()
    assert sum(bool(t.sent) for t in many) == SLICE
    late = Transport()
    outbox.push(late, b'late')
    outbox.push(many[-1], b'!')
    loop.turn()
    assert late.sent == [b'late']
    while loop.turn():
        pass
    assert [t.sent for t in many[:-1]] == [[b'all']] * (2 * SLICE)
    assert many[-1].sent == [b'all!']

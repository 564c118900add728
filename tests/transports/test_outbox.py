"""The outbox: one joined send for each client and turn, in order, and fair to the loop."""

from __future__ import annotations

import pytest

from geventio.core.parcel import Parcel
from geventio.transports import outbox as outbox_module
from geventio.transports.outbox import READING, SLICE, Outbox


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
        self.active = False

    def start(self, callback):
        assert not self.active
        self.active = True
        self.loop.timers.append(callback)

    def stop(self):
        self.active = False


class Encoding:
    """Counts how often it is asked."""

    def __init__(self):
        self.packed = 0
        self.rewrite = None

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


def test_what_many_could_not_take_is_kept_once(outbox, loop):
    transports = [Transport(Encoding(), takes=1) for _ in range(3)]
    item = bytes(1000)
    outbox.push_many([Socket(t) for t in transports], _Made(item))
    loop.turn()
    for transport in transports:
        (rest,) = transport.rest
        assert rest == item[1:] and rest.obj is item


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


@pytest.fixture
def clock(monkeypatch):
    """What the outbox takes for the time; sending one byte takes a second."""
    clock = [100.0]
    monkeypatch.setattr(outbox_module, 'monotonic', lambda: clock[0])
    return clock


class Slow(Transport):
    def __init__(self, clock):
        super().__init__(Encoding())
        self.clock = clock

    def send(self, data):
        self.clock[0] += len(data)
        return super().send(data)


def test_a_turn_that_reads_for_long_sends_in_between(outbox, loop, clock):
    transport = Transport()
    outbox.push(transport, b'a')
    clock[0] += 0.9 * READING
    outbox.pace()
    assert transport.sent == []
    clock[0] += 0.2 * READING
    outbox.pace()
    assert transport.sent == [b'a']
    outbox.push(transport, b'b')
    outbox.pace()  # what was sent in between counts for this turn
    assert transport.sent == [b'a']
    loop.turn()
    assert transport.sent == [b'a', b'b']
    assert not loop.turn()


def test_nothing_to_send_needs_no_pace(outbox, loop, clock):
    clock[0] += 10 * READING
    outbox.pace()
    assert not loop.turn()


def test_sending_gets_as_much_time_as_reading_had(outbox, loop, clock):
    many = [Slow(clock) for _ in range(5 * SLICE)]
    outbox.push_many([Socket(t) for t in many], _Made(b'x'))
    clock[0] += 1.5 * SLICE  # reading
    outbox.pace()
    assert sum(bool(t.sent) for t in many) == 2 * SLICE
    loop.turn()  # nothing was read since, so one slice
    assert sum(bool(t.sent) for t in many) == 3 * SLICE
    clock[0] += 10 * SLICE
    loop.turn()
    assert [t.sent for t in many] == [[b'x']] * len(many)
    assert not loop.turn()

"""What one delivery, one event and one connection cost does not depend on how many there are.

A cost is counted in instructions where that is possible; where it is not, in CPU time, and the
bounds are wide.
"""

from __future__ import annotations

import gevent
import pytest

from ..waiting import until
from .measuring import in_loop

pytestmark = pytest.mark.timeout(120)


def compare(meter, what, costs):
    """Nothing costs more at a larger size than at a smaller one."""
    print(what, {size: round(cost, 1) for size, cost in costs.items()},
          'instructions' if meter.exact else 'ns')
    sizes = sorted(costs)
    for small, large in zip(sizes, sizes[1:], strict=False):
        assert 0 < costs[large] <= costs[small] * meter.flat, (
            f'{what}: with {large} it costs {costs[large]:.0f}, with {small} '
            f'{costs[small]:.0f}: something on this path looks at all there are')


class LastWire:
    """Tells when the last client of a broadcast has got its frame."""

    def __init__(self, peer):
        self._arrived = gevent.event.Event()
        self._transport = peer.session.transport
        self._before = self._transport.send
        self._transport.send = self._send

    def _send(self, data):
        self._arrived.set()
        return len(data)

    def wait(self):
        assert self._arrived.wait(30)
        self._arrived.clear()

    def remove(self):
        self._transport.send = self._before


def delivery(meter, made):
    """The cost of a delivery beyond that of a broadcast to one client alone."""
    peer = made.peers[-1]
    last = LastWire(peer)

    def to_all():
        made.server.emit('news', {'text': 'something happened'})
        last.wait()

    def to_one():
        made.server.emit('news', {'text': 'something happened'}, room=peer.socket.sid)
        last.wait()

    cost = (meter.cost(to_all) - meter.cost(to_one)) / (len(made.peers) - 1)
    last.remove()
    return cost


def event(meter, made):
    """The cost of an event that is answered."""
    return meter.cost(lambda: in_loop(made.peers[0].says, '421["echo","hello"]', 200)) / 200


def connection(meter, made):
    """The cost of a client that comes, joins a room and goes."""
    def come_and_go():
        made.add(20)
        peers = [made.peers.pop() for _ in range(20)]
        in_loop(lambda: [peer.vanishes() for peer in peers])
        until(lambda: len(made.server.engine.sessions) == len(made.peers))

    return meter.cost(come_and_go) / 20


def test_with_many_clients(world, meter):
    made = world()
    made.server.on('connect', lambda sid, environ: made.server.enter_room(sid, 'all'))
    made.server.on('echo', lambda sid, text: text)
    costs = {delivery: {}, event: {}, connection: {}}
    for peers in (100, 1000, 10_000):
        made.add(peers - len(made.peers))
        for measure, found in costs.items():
            found[peers] = measure(meter, made)
        assert len(made.space.rooms.members['all']) == peers
    for measure, found in costs.items():
        compare(meter, measure.__name__, found)


def test_an_event_with_many_rooms(world, meter):
    made = world(peers=5)
    speaker, *others = made.peers
    for peer in others:
        made.space.rooms.join(peer.socket, 'team')
    made.server.on('say', lambda sid, text: made.server.emit('said', text, room='team'))
    made.server.on('move', move(made))
    costs = {'say': {}, 'move': {}}
    for rooms in (10, 1000, 10_000):
        for number in range(len(made.space.rooms.members), rooms):
            made.space.rooms.join(others[number % len(others)].socket, f'room {number}')
        assert len(made.space.rooms.members) == rooms
        for name, found in costs.items():
            packet = f'42["{name}","hello"]'
            found[rooms] = meter.cost(lambda packet=packet: in_loop(
                speaker.says, packet, 200)) / 200
    for name, found in costs.items():
        compare(meter, name, found)


def move(made):
    """A handler that joins a room of its own and leaves it."""
    def handler(sid, text):
        made.server.enter_room(sid, 'here and now')
        made.server.leave_room(sid, 'here and now')

    return handler

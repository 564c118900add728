"""A million rooms, joined and left, leave no memory behind."""

from __future__ import annotations

import gc
import sys

import pytest

from ..waiting import until
from .measuring import in_loop

pytestmark = pytest.mark.timeout(120)

PEERS = 500
#: Rooms each client is in at a time, and how often: a million joins in all.
EACH, ROUNDS = 500, 4
#: Blocks the interpreter may keep for itself, and bytes a table of few entries may take.
BLOCKS, TABLE = 1000, 100_000


def blocks():
    gc.collect()
    return sys.getallocatedblocks()


def tables(rooms):
    """Bytes of the two indexes, which Python's dicts and sets keep for entries that have gone."""
    return sys.getsizeof(rooms.members) + sum(
        sys.getsizeof(socket.rooms) for socket in rooms.sockets.values()
        if socket.rooms is not None)


@pytest.mark.parametrize('way', ['leave', 'close_room', 'disconnect'])
def test_a_million_rooms(world, way):
    made = world(peers=PEERS)
    rooms = made.space.rooms
    sockets = [peer.socket for peer in made.peers]
    stays = made.peers[0].socket
    rooms.join(stays, 'lobby')
    before = blocks()
    rounds, each = (ROUNDS, EACH) if way == 'leave' else (1, 100)
    for turn in range(rounds):
        for socket in sockets:
            for number in range(each):
                rooms.join(socket, (turn, number, socket.sid))
        assert len(rooms.members) == PEERS * each + 1
        if way == 'leave':
            for socket in sockets:
                for number in range(each):
                    rooms.leave(socket, (turn, number, socket.sid))
        elif way == 'close_room':
            for room in [room for room in rooms.members if room != 'lobby']:
                made.server.close_room(room)
        else:
            in_loop(lambda: [peer.vanishes() for peer in reversed(made.peers[1:])])
            until(lambda: len(rooms.sockets) == 1)
            for number in range(each):
                rooms.leave(stays, (turn, number, stays.sid))
    assert list(rooms.members) == ['lobby']
    assert tables(rooms) < TABLE
    assert blocks() - before < BLOCKS

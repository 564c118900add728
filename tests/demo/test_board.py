"""What the whiteboard keeps, and its bounds."""
from __future__ import annotations

import pytest

from demo_app.board import MAX_POINTS, MAX_STROKE, MAX_STROKES, Board

from .records import record


@pytest.fixture
def painter():
    """A board, and ``draw(record)`` of the painter with number 3."""
    board = Board()
    return board, lambda batch: board.draw(3, 'ann', batch)


def test_a_stroke_has_an_end(painter):
    board, draw = painter
    half = record(3, 1, [(0, 0)] * (MAX_STROKE // 2))
    draw(half)
    for batch in (half + record(3, 1, [(0, 0)]), record(3, 2) + half + half):
        with pytest.raises(ValueError, match='^A stroke has at most'):
            draw(batch)
        assert board.picture() == half
    draw(half)


def test_the_oldest_strokes_go_when_there_are_too_many_points(painter):
    board, draw = painter
    gone = []
    for count in range(1, 101):
        gone += draw(record(3, count, [(0, 0)] * 1000))
    kept = MAX_POINTS // 1000
    assert gone == [3 << 16 | count for count in range(1, 101 - kept)]
    assert len(board.picture()) == kept * (8 + 4000)
    assert board.last_of('ann') == 3 << 16 | 100
    board.clear()
    assert draw(record(3, 1, [(0, 0)] * MAX_STROKE)) == []


def test_the_oldest_strokes_go_when_there_are_too_many_strokes(painter):
    board, draw = painter
    gone = []
    for count in range(MAX_STROKES + 5):
        gone += draw(record(3, count, [(0, 0)]))
    assert gone == [3 << 16 | count for count in range(5)]
    assert len(board.strokes) == MAX_STROKES

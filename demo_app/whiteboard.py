"""A shared whiteboard: strokes on their way as binary batches, the picture for whoever comes later.

A batch is a few records as `board` describes them, and goes on to the others as it came; the
picture is one batch with everything. An event that cannot be done answers `{'error': <sentence>}`.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, current_app, render_template, request

from demo_app.board import POINT, Board
from demo_app.pace import Pace
from demo_app.visitors import visitor
from geventio import ConnectionRefusedError, EventBlueprint, emit

MAX_BATCH = 8192  # bytes of one event
MAX_PAINTERS = 500
CHANGE = 200  # points that an undo or a clear counts for
TOO_FAST = 'Not so fast: the others cannot follow.'


class Whiteboard:
    """The board, and who is there.

    :ivar clock: tells the seconds; tests put their own here.
    """

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.board = Board()
        self.painters: dict[str, tuple[int, dict[str, str]]] = {}  # sid -> (number, person)
        self.pace = Pace(rate=2000, burst=8000)  # points
        self._last_number = 0

    def enter(self, sid: str, person: dict[str, str]) -> int:
        """A painter comes; returns the number for ids."""
        taken = {number for number, _ in self.painters.values()}
        while True:
            self._last_number = self._last_number % 0xFFFF + 1
            if self._last_number not in taken:
                self.painters[sid] = (self._last_number, person)
                return self._last_number


pages = Blueprint('whiteboard', __name__)
events = EventBlueprint('whiteboard', namespace='/whiteboard')


@pages.record
def _begin(state: Any) -> None:
    state.app.extensions['whiteboard'] = Whiteboard()


def _whiteboard() -> Whiteboard:
    whiteboard: Whiteboard = current_app.extensions['whiteboard']
    return whiteboard


def _in_time(points: float) -> bool:
    whiteboard = _whiteboard()
    return whiteboard.pace.allows(request.sid, whiteboard.clock(), points)


def _announce_people() -> None:
    people = _whiteboard().painters.values()
    emit('people', [{'number': number, **person} for number, person in people], broadcast=True)


@pages.get('/whiteboard')
def page() -> str:
    return render_template('whiteboard.html')


@events.on('connect')
def connect(auth: Any = None) -> None:
    whiteboard = _whiteboard()
    if len(whiteboard.painters) >= MAX_PAINTERS:
        raise ConnectionRefusedError('Too many people are at the board. Try again later.')
    person = visitor(auth)
    number = whiteboard.enter(request.sid, person)
    emit('picture', ({**person, 'number': number}, whiteboard.board.picture()))
    _announce_people()


@events.on('disconnect')
def disconnect() -> None:
    whiteboard = _whiteboard()
    whiteboard.pace.forget(request.sid)
    if whiteboard.painters.pop(request.sid, None) is not None:
        _announce_people()


@events.on('draw')
def draw(data: Any = None, *rest: Any) -> dict[str, str]:
    """Add a batch of points and pass it on; the answer is empty when it is on the board."""
    whiteboard = _whiteboard()
    if not isinstance(data, bytes) or not 0 < len(data) <= MAX_BATCH:
        return {'error': f'A batch is 1 to {MAX_BATCH} bytes.'}
    if not _in_time(len(data) / POINT.size):
        return {'error': TOO_FAST}
    number, person = whiteboard.painters[request.sid]
    try:
        gone = whiteboard.board.draw(number, person['id'], data)
    except ValueError as error:
        return {'error': str(error)}
    emit('drawn', data, broadcast=True, include_self=False)
    if gone:
        emit('removed', gone, broadcast=True)
    return {}


@events.on('undo')
def undo(*rest: Any) -> dict[str, str]:
    """Take back the stroke that this person began last."""
    whiteboard = _whiteboard()
    if not _in_time(CHANGE):
        return {'error': TOO_FAST}
    _, person = whiteboard.painters[request.sid]
    stroke_id = whiteboard.board.last_of(person['id'])
    if stroke_id is None:
        return {'error': 'Nothing on the board is yours.'}
    whiteboard.board.remove(stroke_id)
    emit('removed', [stroke_id], broadcast=True)
    return {}


@events.on('clear')
def clear(*rest: Any) -> dict[str, str]:
    """Take away what everybody has drawn."""
    whiteboard = _whiteboard()
    if not _in_time(CHANGE):
        return {'error': TOO_FAST}
    if not whiteboard.board.strokes:
        return {'error': 'The board is empty already.'}
    whiteboard.board.clear()
    emit('cleared', whiteboard.painters[request.sid][1], broadcast=True)
    return {}

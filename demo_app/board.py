"""What is on the whiteboard: strokes, and how their points travel. No network here.

Points travel as records: stroke id (u32), colour (u8), width (u8) and number of points (u16), then
x and y (u16 each), all little-endian. A record with a known id goes on with that stroke; the upper
half of an id is the painter's number, the lower one the painter counts.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass, field

WIDTH, HEIGHT = 1600, 1200  # what coordinates go up to
COLOURS, WIDTHS = 8, 3  # how many there are to choose from
MAX_STROKE = 2000  # points
MAX_STROKES = 2000  # on the board; beyond, and beyond as many points, the oldest ones go
MAX_POINTS = 40_000
POINT = struct.Struct('<HH')

_HEAD = struct.Struct('<IBBH')


@dataclass
class Stroke:
    """One line that somebody draws, with its points as they travel."""

    author: str  # user id
    colour: int
    width: int
    points: bytearray = field(default_factory=bytearray)

    def __len__(self) -> int:
        return len(self.points) // POINT.size


def records(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """Take a batch apart into (id, colour, width, points).

    :raises ValueError: it breaks a rule; says which.
    """
    found, at = [], 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise ValueError('A record is cut off.')
        stroke_id, colour, width, count = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        points = data[at:at + count * POINT.size]
        at += len(points)
        if not count or len(points) != count * POINT.size:
            raise ValueError('A record is cut off.')
        if colour >= COLOURS or width >= WIDTHS:
            raise ValueError('There is no such pen.')
        if any(x > WIDTH or y > HEIGHT for x, y in POINT.iter_unpack(points)):
            raise ValueError('A point lies beside the board.')
        found.append((stroke_id, colour, width, points))
    return found


class Board:
    """What has been drawn."""

    def __init__(self) -> None:
        self.strokes: dict[int, Stroke] = {}  # the oldest first
        self._points = 0

    def draw(self, number: int, author: str, data: bytes) -> list[int]:
        """Add a batch; returns the ids of the strokes that had to go for it.

        :param number: of the painter, in all ids of the batch.
        :param author: the painter's user id.
        :raises ValueError: it breaks a rule, and nothing of it was added.
        """
        batch = records(data)
        lengths: dict[int, int] = {}
        for stroke_id, _, _, points in batch:
            known = self.strokes.get(stroke_id)
            if stroke_id >> 16 != number or known and known.author != author:
                raise ValueError('That stroke is somebody else’s.')
            before = lengths.get(stroke_id, len(known) if known else 0)
            lengths[stroke_id] = before + len(points) // POINT.size
            if lengths[stroke_id] > MAX_STROKE:
                raise ValueError(f'A stroke has at most {MAX_STROKE} points.')
        for stroke_id, colour, width, points in batch:
            stroke = self.strokes.setdefault(stroke_id, Stroke(author, colour, width))
            stroke.points += points
            self._points += len(points) // POINT.size
        gone = []
        while self._points > MAX_POINTS or len(self.strokes) > MAX_STROKES:
            gone.append(next(iter(self.strokes)))
            self.remove(gone[-1])
        return gone

    def remove(self, stroke_id: int) -> None:
        """Take a stroke away."""
        self._points -= len(self.strokes.pop(stroke_id))

    def last_of(self, user_id: str) -> int | None:
        """The stroke that somebody began last."""
        return next((stroke_id for stroke_id in reversed(self.strokes)
                     if self.strokes[stroke_id].author == user_id), None)

    def clear(self) -> None:
        """Take everything away."""
        self.strokes.clear()
        self._points = 0

    def picture(self) -> bytes:
        """Everything as one batch."""
        return b''.join(_HEAD.pack(stroke_id, stroke.colour, stroke.width, len(stroke))
                        + stroke.points for stroke_id, stroke in self.strokes.items())

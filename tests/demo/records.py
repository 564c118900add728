"""Strokes as they travel to and from the whiteboard."""
from __future__ import annotations

import struct

LINE = [(1, 2), (300, 400), (1600, 1200)]


def record(number, count, points=LINE, colour=0, width=1):
    """The record of some points of a painter's stroke."""
    flat = [value for point in points for value in point]
    return struct.pack(f'<IBBH{len(flat)}H', number << 16 | count, colour, width, len(points),
                       *flat)

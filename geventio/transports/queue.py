"""What waits for a client that fetches it by requests of its own."""

from __future__ import annotations

from typing import Any

_append = list.append


class Queue(list[Any]):
    """The ``out`` of a transport for good: it outlives the turn, and its sizes are known.

    :param transport: its ``queued()`` is called after each item.
    :ivar size: bytes of all items (characters, of items that are text).
    :ivar first: those of the first, which may be one large message and counts for no limit.
    """

    __slots__ = ('first', 'size', 'transport')

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self.transport = transport
        self.size = 0
        self.first = 0

    def append(self, item: Any) -> None:
        size = sum(map(len, item)) if item.__class__ is list else len(item)
        if not size:
            return
        if not self:
            self.first = size
        self.size += size
        _append(self, item)
        self.transport.queued()

    def take(self, count: int | None = None) -> list[Any]:
        """Take the first items out; all of them, if no count is given."""
        items = self[:count]
        self.size = self.first = 0
        if count is None:
            self.clear()
            return items
        del self[:count]
        for item in self:
            self.size += sum(map(len, item)) if item.__class__ is list else len(item)
            self.first = self.first or self.size
        return items

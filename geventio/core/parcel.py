"""A packet on its way to many: encoded and framed at most once for each encoding.

Whoever sends one packet to several clients makes one Parcel; the transports ask it for their
item. Choosing the recipients does not live here.
"""

from __future__ import annotations

from typing import Any


class Parcel:
    """One Socket.IO packet as transport packets, with a cache ``{encoding: item}``."""

    __slots__ = ('_items', 'packets')

    def __init__(self, packets: list[str | bytes]) -> None:
        self.packets = packets
        self._items: dict[Any, Any] = {}

    def item(self, encoding: Any) -> Any:
        """The parcel as ``encoding`` wants it."""
        try:
            return self._items[encoding]
        except KeyError:
            item = self._items[encoding] = encoding.pack(self.packets)
            return item

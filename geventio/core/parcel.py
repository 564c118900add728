"""A packet on its way to many: encoded and framed at most once for each encoding.

Whoever sends one packet to several clients makes one Parcel; the transports ask it for their
item. Choosing the recipients does not live here.
"""

from __future__ import annotations

from typing import Any

from ..protocol.socketio import Encoded


class Parcel:
    """One Socket.IO packet as transport packets, with a cache ``{encoding: item}``."""

    __slots__ = ('_items', 'packets')

    def __init__(self, packets: Encoded) -> None:
        self.packets = packets
        self._items: dict[Any, Any] = {}

    def item(self, encoding: Any) -> Any:
        """The parcel as ``encoding`` wants it."""
        item = self._items.get(encoding)
        if item is None:
            packets = self.packets
            item = self._items[encoding] = (
                encoding.text(packets) if packets.__class__ is str else encoding.pack(packets))
        return item

"""A packet on its way to many: rewritten at most once for each dialect, framed once for each
encoding.

Whoever sends one packet to several clients makes one Parcel; the transports ask it for their
item. Choosing the recipients does not live here.
"""

from __future__ import annotations

from typing import Any

from ..protocol.socketio import Encoded


class Parcel:
    """One Socket.IO packet as transport packets, with a cache: ``{encoding: item}``, and
    ``{rewrite: packet}`` of the dialects that have packets of their own."""

    __slots__ = ('_items', 'packets')

    def __init__(self, packets: Encoded) -> None:
        self.packets = packets
        self._items: dict[Any, Any] = {}

    def item(self, encoding: Any) -> Any:
        """The parcel as ``encoding`` wants it."""
        item = self._items.get(encoding)
        if item is None:
            packets = self.packets
            rewrite = encoding.rewrite
            if rewrite is not None:
                packet = self._items.get(rewrite)
                if packet is None:
                    packet = self._items[rewrite] = rewrite(packets)
                item = encoding.wrap(packet)
            elif packets.__class__ is str:
                item = encoding.text(packets)
            else:
                item = encoding.pack(packets)
            self._items[encoding] = item
        return item

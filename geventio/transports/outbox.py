"""The way out: what is queued in a loop turn leaves at its end, one send for each client.

``Outbox`` is the only caller of a socket's ``send`` for WebSocket frames. Pushing never blocks
and never writes; one loop callback a turn takes every transport that has something and sends it,
joined. Broadcasts to many are sent in slices, so that the loop reads in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

#: Sends of one broadcast between two looks at the loop.
SLICE = 200

_join = b''.join


class Outbox:
    """Queues items for transports and flushes them once a turn.

    :param loop: gevent's event loop.
    """

    __slots__ = ('_dirty', '_loop', '_planned', '_slices', '_timer')

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._dirty: list[Any] = []
        self._planned = False
        self._slices: deque[list[Any]] = deque()
        self._timer: Any = None

    def push(self, transport: Any, item: Any) -> None:
        """Queue one item for one transport."""
        out = transport.out
        if out is None:
            transport.out = item
            self._dirty.append(transport)
            if not self._planned:
                self._planned = True
                self._loop.run_callback(self._flush)
        elif out.__class__ is bytes:
            transport.out = [out, item]
        else:
            out.append(item)

    def push_many(self, sockets: Iterable[Any], parcel: Any) -> None:
        """Queue a parcel for the transports of many sockets."""
        add = self._dirty.append
        known = item = None
        for socket in sockets:
            transport = socket.transport
            encoding = transport.encoding
            if encoding is not known:
                item = parcel.item(encoding)
                known = encoding
            out = transport.out
            if out is None:
                transport.out = item
                add(transport)
            elif out.__class__ is bytes:
                transport.out = [out, item]
            else:
                out.append(item)
        if self._dirty and not self._planned:
            self._planned = True
            self._loop.run_callback(self._flush)

    def _flush(self) -> None:
        self._planned = False
        dirty, self._dirty = self._dirty, []
        if len(dirty) <= SLICE:
            _send(dirty)
            return
        under_way = bool(self._slices)
        self._slices.extend([dirty[start:start + SLICE] for start in range(0, len(dirty), SLICE)])
        if not under_way:
            self._flush_slice()

    def _flush_slice(self) -> None:
        _send(self._slices.popleft())
        if self._slices:
            # A timer, because callbacks run on in the same pass, without a look at the sockets.
            if self._timer is None:
                self._timer = self._loop.timer(0.0)
            self._timer.stop()
            self._timer.start(self._flush_slice)


def _send(transports: list[Any]) -> None:
    for transport in transports:
        out = transport.out
        if out is None or out.__class__ is not bytes and out.__class__ is not list:
            continue  # closed meanwhile
        transport.out = None
        if out.__class__ is list:
            out = _join(out)
        try:
            sent = transport.send(out)
            if sent != len(out):
                transport.blocked(out[sent:])
        except BlockingIOError:
            transport.blocked(out)
        except OSError:
            transport.lost()

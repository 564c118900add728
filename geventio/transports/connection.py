"""The write side of a connection on a raw non-blocking socket, and its end.

Whoever owns a socket for good is one of these: a WebSocket, or an HTTP response that goes on. What
the Outbox sends and the kernel refuses waits here, in a bounded backlog, for a write watcher.
What is read from the socket is the subclass's business.
"""

from __future__ import annotations

import _socket
import logging
from collections import deque
from typing import Any

from ..core.session import SLOW_CLIENT, TRANSPORT_ERROR

#: Seconds a closing connection waits for the peer to close, and bytes it reads meanwhile.
CLOSE_LINGER = 2.0
LINGER_BYTES = 4_000_000

READ, WRITE = 1, 2
# Has the kernel wait for what follows; an older one, or another, sends at once.
_MORE = getattr(_socket, 'MSG_MORE', 0)

log = logging.getLogger('geventio')


class Connection:
    """One socket that carries one session.

    :param sock: raw non-blocking socket; the connection owns it from now on.
    :param runtime: the loop and its services.
    :param encoding: how packets become bytes.
    :param limit: bytes that may wait behind the piece being sent.
    :param watcher: of the loop, started, for reading from ``sock``; if there is none yet, it is
        made in :meth:`watch`.
    :ivar session: whom it carries; None once they have parted.
    """

    __slots__ = ('_backlog', '_limit', '_linger', '_lingered', '_size', '_watcher', '_writer',
                 'encoding', 'out', 'runtime', 'send', 'session', 'sock')

    def __init__(self, sock: Any, runtime: Any, encoding: Any, limit: int,
                 watcher: Any = None) -> None:
        self.sock = sock
        self.send = sock.send
        self.out: Any = None
        self.encoding = encoding
        self.runtime = runtime
        self.session: Any = None
        self._limit = limit
        self._backlog: deque[bytes | memoryview] | None = None
        self._size = 0
        self._writer: Any = None
        self._linger: Any = None
        self._lingered = 0
        self._watcher = watcher
        if watcher is not None:
            watcher.callback = self._readable

    # -- in -----------------------------------------------------------------------------------

    def watch(self) -> None:
        """Read from now on."""
        if self.sock is not None and self._watcher is None:
            self._watcher = self.runtime.loop.io(self.sock.fileno(), READ)
            self._watcher.start(self._readable)

    def _readable(self) -> None:
        """Bytes can be read, or the end."""
        raise NotImplementedError

    # -- out ----------------------------------------------------------------------------------

    def _sender(self) -> Any:
        """``send`` while the kernel takes what it is given."""
        return self.sock.send

    def writable(self) -> bool:
        return self.out is None and self._backlog is None

    def blocked(self, rest: bytes | memoryview) -> None:
        """The kernel took less than all: keep the rest; whatever follows waits behind it."""
        if self.sock is None:
            return
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(rest)
        self._size += len(rest)
        self.send = self._queue
        if self._writer is None:
            self._writer = self.runtime.loop.io(self.sock.fileno(), WRITE)
            self._writer.start(self._drained)

    def _queue(self, data: bytes) -> int:
        """``send`` while the kernel refuses."""
        assert self._backlog is not None
        # The piece being sent does not count: it may be one large message on its way.
        if self._size - len(self._backlog[0]) + len(data) > self._limit:
            log.warning('a client that does not read was closed: more than %d bytes waited '
                        '(max_outbox_size)', self._limit)
            self.lost(SLOW_CLIENT)
        else:
            self._backlog.append(data)
            self._size += len(data)
        return len(data)

    def _drained(self) -> None:
        """The socket takes bytes again."""
        backlog = self._backlog
        send = self.sock.send
        try:
            while backlog:
                data = backlog[0]
                sent = send(data)
                self._size -= sent
                if sent == len(data):
                    backlog.popleft()
                else:
                    backlog[0] = memoryview(data)[sent:]
                    return
        except BlockingIOError:
            return
        except OSError:
            return self.lost()
        self._writer.stop()
        self._writer.close()
        self._writer = self._backlog = None
        self.send = self._sender()
        if self._linger is not None:
            self._said()
        return None

    # -- end ----------------------------------------------------------------------------------

    def lost(self, reason: str = TRANSPORT_ERROR) -> None:
        """The connection is gone."""
        session, self.session = self.session, None
        self._release()
        if session is not None:
            self.runtime.spread(session.end, reason)

    def _say(self, last: bytes, closing: bool = False) -> bool:
        """Send what waits, and ``last`` behind it; False if the connection is gone.

        :param closing: the socket will be closed at once, so that the end may travel with it.
        """
        out, self.out = self.out, None
        data = last if out is None else b''.join([*out, last])
        try:
            # Of the kernel's own sockets one knows what flags they take.
            if closing and self.sock.__class__ is _socket.socket:
                sent = self.send(data, _MORE)
            else:
                sent = self.send(data)
            if sent != len(data):
                self.blocked(memoryview(data)[sent:])
        except BlockingIOError:
            self.blocked(data)
        except OSError:
            self._release()
        return self.sock is not None

    def _await_end(self) -> None:
        """Everything was said: give the peer a moment to close."""
        self._linger = self.runtime.call_later(CLOSE_LINGER, self._release)
        if self._backlog is None:
            self._said()

    def _said(self) -> None:
        """The last bytes are with the kernel; closing could destroy them on their way."""
        self._say_no_more()

    def _say_no_more(self) -> None:
        if self.sock is None:
            return
        try:
            self.sock.shutdown(1)
        except OSError:
            self._release()

    def _drain(self, count: int) -> None:
        """Bytes came that nobody wants any more."""
        self._lingered += count
        if self._lingered > LINGER_BYTES:
            self._release()

    def _release(self) -> None:
        """Close the socket and every watcher."""
        sock, self.sock = self.sock, None
        if sock is None:
            return
        if self._watcher is not None:
            self._watcher.close()  # which stops it
        if self._writer is not None:
            self._writer.close()
        self._watcher = self._writer = None
        linger, self._linger = self._linger, None
        if linger is not None:
            linger.cancel()
        self.out = self._backlog = None
        self.send = _swallow
        sock.close()


def _swallow(data: bytes) -> int:
    return len(data)

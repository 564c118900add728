"""WebSocket on a raw non-blocking socket: read in the loop, written by the Outbox.

A connection costs no greenlet. Bytes in go through the frame reader to the session; what the
kernel refuses on the way out waits in a bounded backlog for a write watcher. The codec lives in
``protocol.websocket``.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from ..core.session import (
    MESSAGE_TOO_BIG,
    PARSE_ERROR,
    SLOW_CLIENT,
    TRANSPORT_CLOSE,
    TRANSPORT_ERROR,
)
from ..errors import FrameError, ProtocolError
from ..protocol.websocket import Close, CloseCode, FrameReader, Ping, close_frame, frame

OP_PONG = 0xA

#: Bytes read at a time: a message of 64 KiB with its header, and room.
READ_SIZE = 131_072
#: Seconds a closing connection waits for the peer's close frame, and bytes it reads meanwhile.
CLOSE_LINGER = 2.0
LINGER_BYTES = 4_000_000

_READ, _WRITE = 1, 2

log = logging.getLogger('geventio')

# glibc returns memory to the system, and fetches it again, around every large message, until it
# has seen an allocation of at least half that size come and go.
bytes(1_048_576)


class WebSocketTransport:
    """One WebSocket connection.

    :param sock: raw non-blocking socket; the transport owns it from now on.
    :param runtime: the loop and its services.
    :param encoding: how packets become frames.
    :param reader: the frame reader.
    :param limit: bytes that may wait behind the piece being sent.
    :param watcher: of the loop, started, for reading from ``sock``; if there is none yet, it is
        made in :meth:`start`.
    :ivar session: who takes the packets: the session, or the probe of an upgrade.
    """

    __slots__ = ('_backlog', '_done', '_limit', '_linger', '_lingered', '_reader', '_size',
                 '_watcher', '_writer', 'encoding', 'out', 'runtime', 'send', 'session', 'sock')

    name = 'websocket'

    def __init__(self, sock: Any, runtime: Any, encoding: Any, reader: FrameReader,
                 limit: int, watcher: Any = None) -> None:
        self.sock = sock
        self.send = sock.send
        self.out: Any = None
        self.encoding = encoding
        self.runtime = runtime
        self.session: Any = None
        self._reader: FrameReader | None = reader
        self._limit = limit
        self._backlog: deque[bytes | memoryview] | None = None
        self._size = 0
        self._writer: Any = None
        self._linger: Any = None
        self._lingered = 0
        self._done = False  # the peer has said that it sends nothing more
        self._watcher = watcher
        if watcher is not None:
            watcher.callback = self._readable

    def start(self, early: bytes = b'') -> None:
        """Begin to read. Runs in the loop.

        :param early: bytes that were read behind the handshake.
        """
        if early:
            self._feed(early)
        self._watch()

    def _watch(self) -> None:
        if self.sock is not None and self._watcher is None:
            self._watcher = self.runtime.loop.io(self.sock.fileno(), _READ)
            self._watcher.start(self._readable)

    # -- in -----------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if data:
            self._feed(data)
            self.runtime.pace()
        else:
            self.lost(TRANSPORT_CLOSE)

    def _feed(self, data: bytes) -> None:
        if self._reader is None:
            return self._drain(len(data))
        for event in self._reader.feed(data):
            kind = event.__class__
            if kind is str or kind is bytes:
                session = self.session
                if session is None:
                    continue  # we have said goodbye
                try:
                    session.receive(event)
                except ProtocolError as error:
                    log.info('parse error: %s', error)
                    session.end(PARSE_ERROR, CloseCode.POLICY_VIOLATION, str(error))
                except Exception:  # a defect of ours must not leave half a connection
                    log.exception('error while a packet was taken')
                    session.end(TRANSPORT_ERROR, CloseCode.INTERNAL_ERROR)
            elif kind is Ping:
                self.runtime.push(self, frame(OP_PONG, event.data))
            elif kind is Close:
                self._reader = None
                self._peer_closed(event.code)
            elif kind is FrameError:
                self._reader = None
                self._broken(event)
            if self._reader is None:
                break
        return None

    def _peer_closed(self, code: int | None) -> None:
        self._done = True
        session = self.session
        if session is not None:
            self.runtime.spread(session.end, TRANSPORT_CLOSE, code)
        elif self._linger is not None:  # the answer to our close frame
            self._release()

    def _broken(self, error: FrameError) -> None:
        too_big = error.code == CloseCode.MESSAGE_TOO_BIG
        if too_big:
            log.warning('a WebSocket message was refused: %s (max_http_buffer_size)', error.reason)
        if self.session is not None:
            self.session.end(MESSAGE_TOO_BIG if too_big else TRANSPORT_ERROR, error.code,
                             error.reason)
        else:
            self._release()

    # -- out ----------------------------------------------------------------------------------

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
            self._writer = self.runtime.loop.io(self.sock.fileno(), _WRITE)
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
        self.send = send
        if self._linger is not None:
            self._say_no_more()
        return None

    # -- end ----------------------------------------------------------------------------------

    def lost(self, reason: str = TRANSPORT_ERROR) -> None:
        """The connection is gone."""
        session, self.session = self.session, None
        self._release()
        if session is not None:
            self.runtime.spread(session.end, reason)

    def close(self, code: int | None, reason: str) -> None:
        """Send what waits and a close frame, then wait a moment for the peer's."""
        self.session = None
        if self.sock is None:
            return
        out, self.out = self.out, None
        goodbye = close_frame(code, reason)
        data = goodbye if out is None else b''.join([*([out] if isinstance(out, bytes) else out),
                                                     goodbye])
        try:
            sent = self.send(data)
            if sent != len(data):
                self.blocked(memoryview(data)[sent:])
        except BlockingIOError:
            self.blocked(data)
        except OSError:
            return self._release()
        if self._done and self._backlog is None:  # both have said goodbye, and nothing is unread
            return self._release()
        self._linger = self.runtime.call_later(CLOSE_LINGER, self._release)
        if self._reader is not None:
            self._watch()
        elif self._backlog is None:
            self._say_no_more()
        return None

    def _say_no_more(self) -> None:
        """Everything is sent. Closing now could destroy it on its way if bytes are unread."""
        if self._reader is not None or self.sock is None:
            return
        try:
            self.sock.shutdown(1)
        except OSError:
            self._release()

    def _drain(self, count: int) -> None:
        self._lingered += count
        if self._lingered > LINGER_BYTES:
            self._release()

    def _release(self) -> None:
        """Close the socket and every watcher."""
        sock, self.sock = self.sock, None
        if sock is None:
            return
        for watcher in (self._watcher, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._watcher = self._writer = None
        linger, self._linger = self._linger, None
        if linger is not None:
            linger.cancel()
        self.out = self._backlog = self._reader = None
        self.send = _swallow
        sock.close()


def _swallow(data: bytes) -> int:
    return len(data)

"""A WebSocket for greenlets that read and write it themselves: ``environ['wsgi.websocket']``.

In here: one connection after its 101, with the methods users of gevent-websocket know. Each call
blocks its greenlet only. Not in here: the handshake (:mod:`geventio.serving.handler`), and
Socket.IO, whose connections wait in the loop instead of in a greenlet.
"""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gevent import Timeout
from gevent.event import Event
from gevent.lock import RLock
from geventwebsocket.exceptions import WebSocketError

from ..errors import FrameError
from ..protocol import deflate
from ..protocol.websocket import (
    OP_BINARY,
    OP_CLOSE,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    Close,
    CloseCode,
    FrameReader,
    Ping,
    close_frame,
    frame,
)

log = logging.getLogger('geventio')

#: Bytes a message may have by default, the same as for Socket.IO.
MAX_MESSAGE_SIZE = 1_000_000

#: Seconds that closing may take: sending the close frame and waiting for the peer's.
CLOSE_TIMEOUT = 5.0

#: Bytes from which a message is compressed, when permessage-deflate was agreed.
COMPRESSION_THRESHOLD = 1024

_READ_SIZE = 65_536


class WebSocket:
    """One WebSocket connection of a WSGI application.

    Any greenlet may send and close; one at a time may receive.

    :param environ: WSGI environ of the request that opened the connection.
    :param sock: gevent socket, whose closing stays the business of its owner.
    :param rfile: buffered reader over `sock` that read the request; what it already holds comes
        first.
    :param handler: the WSGI handler, for applications that look at it.
    :param max_message_size: bytes a received message may have; a peer that sends more is closed
        with 1009.
    :param close_timeout: seconds that closing may take.
    :param compressed: whether permessage-deflate was agreed on.
    """

    __slots__ = (
        '_close_timeout',
        '_compressed',
        '_events',
        '_lock',
        '_peer_done',
        '_read',
        '_reader',
        '_receiving',
        '_sock',
        'closed',
        'environ',
        'handler',
    )

    OPCODE_TEXT = OP_TEXT
    OPCODE_BINARY = OP_BINARY
    OPCODE_CLOSE = OP_CLOSE
    OPCODE_PING = OP_PING
    OPCODE_PONG = OP_PONG

    def __init__(
        self,
        environ: dict[str, Any],
        sock: Any,
        rfile: Any,
        handler: Any = None,
        *,
        max_message_size: int = MAX_MESSAGE_SIZE,
        close_timeout: float = CLOSE_TIMEOUT,
        compressed: bool = False,
    ) -> None:
        self.environ = environ
        self.handler = handler
        #: True from the moment either side closes; nothing can be sent then.
        self.closed = False
        self._sock = sock
        # One read1 of at least the buffer's size empties it; the socket serves from then on.
        self._read: Callable[[int], bytes] = rfile.read1
        self._reader = FrameReader(
            max_message_size, inflate=deflate.inflate if compressed else None
        )
        self._compressed = compressed
        self._close_timeout = close_timeout
        self._events: deque[Any] = deque()
        self._lock = RLock()
        self._receiving = False
        self._peer_done = Event()
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- what the request said -----------------------------------------------------------------

    @property
    def path(self) -> str:
        """``PATH_INFO`` of the request."""
        return str(self.environ['PATH_INFO'])

    @property
    def origin(self) -> str | None:
        """The Origin header."""
        return self.environ.get('HTTP_ORIGIN')

    @property
    def protocol(self) -> str | None:
        """The subprotocols the client asked for, as in its Sec-WebSocket-Protocol header."""
        return self.environ.get('HTTP_SEC_WEBSOCKET_PROTOCOL')

    @property
    def version(self) -> str | None:
        """The Sec-WebSocket-Version header: ``'13'``."""
        return self.environ.get('HTTP_SEC_WEBSOCKET_VERSION')

    # -- receiving -----------------------------------------------------------------------------

    def receive(self) -> str | bytes | None:
        """Wait for the next message.

        Pings that come before it are answered. A peer that breaks the protocol is closed with
        the code for it: 1002, 1007, 1008 or 1009.

        :returns: ``str`` for text, ``bytes`` for binary, None when the connection ended.
        :raises WebSocketError: if the connection had already ended before the call.
        """
        self._check_open()
        self._receiving = True
        try:
            while True:
                event = self._next_event()
                kind = type(event)
                if self.closed:  # from another greenlet: only the end is waited for
                    if event is None or kind is Close or kind is FrameError:
                        return None
                elif kind is str or kind is bytes:
                    return event
                elif kind is Ping:
                    self._write(frame(OP_PONG, event.data))
                elif kind is Close:
                    self._end(close_frame(event.code))
                    return None
                elif kind is FrameError:
                    log.warning('WebSocket %s closed: %s', self.path, event)
                    self._end(close_frame(event.code, event.reason), self._drain)
                    return None
                elif event is None:
                    self._abort()
                    return None
        except WebSocketError:  # from _write: the connection broke under a pong
            return None
        finally:
            self._receiving = False

    def _next_event(self) -> Any:
        """The next event from the peer; None at the end of the stream."""
        events = self._events
        while not events:
            data = self._recv()
            if not data:
                self._peer_done.set()
                return None
            events.extend(self._reader.feed(data))
        event = events.popleft()
        if isinstance(event, Close | FrameError):
            self._peer_done.set()
        return event

    def _recv(self) -> bytes:
        try:
            data = self._read(_READ_SIZE)
        except OSError:
            return b''
        self._read = self._sock.recv
        return data

    # -- sending -------------------------------------------------------------------------------

    def send(
        self, message: str | bytes | bytearray | memoryview, binary: bool | None = None
    ) -> None:
        """Send one message; blocks while the peer does not read.

        :param message: what to send.
        :param binary: True for a binary message, False for text, None by the type of `message`.
        :raises WebSocketError: if the connection is closed or breaks.
        :raises ValueError: if a text message is not UTF-8.
        :raises TypeError: if `message` is neither text nor bytes.
        """
        self._check_open()
        if isinstance(message, str):
            data = message.encode()
            opcode = OP_BINARY if binary else OP_TEXT
        else:
            data = bytes(memoryview(message))
            opcode = OP_BINARY
            if binary is False:
                data.decode()
                opcode = OP_TEXT
        if self._compressed and len(data) >= COMPRESSION_THRESHOLD:
            self._write(frame(opcode, deflate.compress(data), rsv1=True))
        else:
            self._write(frame(opcode, data))

    def send_frame(self, message: str | bytes, opcode: int) -> None:
        """Send one frame, for example ``send_frame(b'', ws.OPCODE_PING)``.

        :raises WebSocketError: if the connection is closed or breaks.
        :raises ValueError: if a control frame is longer than 125 bytes.
        """
        self._write(frame(opcode, message.encode() if isinstance(message, str) else bytes(message)))

    def _write(self, data: bytes) -> None:
        self._check_open()
        with self._lock:
            self._check_open()  # it may have ended while other senders had their turn
            try:
                self._sock.sendall(data)
            except OSError as error:
                self._abort()
                raise WebSocketError('Socket is dead') from error
            except BaseException:
                self._abort()  # a frame may be out in part: nothing can follow it
                raise

    def _check_open(self) -> None:
        if self.closed:
            raise WebSocketError('Connection is already closed')

    # -- closing -------------------------------------------------------------------------------

    def close(
        self,
        code: int = CloseCode.NORMAL_CLOSURE,
        message: str | bytes = '',
        timeout: float | None = None,
    ) -> None:
        """Close the connection; does nothing if it is closed.

        The peer's close frame is waited for. Messages that arrive before it are dropped.

        :param code: close code (RFC 6455 section 7.4).
        :param message: reason, cut to 123 bytes.
        :param timeout: seconds closing may take; None for the connection's ``close_timeout``.
        :raises ValueError: for a code that must not be sent.
        """
        if isinstance(message, bytes):
            message = message.decode('utf-8', 'replace')
        data = close_frame(code, message)
        if not self.closed:
            self._end(data, self._handshake, timeout)

    def _end(
        self, data: bytes, wait: Callable[[], None] | None = None, timeout: float | None = None
    ) -> None:
        """The one way to a closed state with a close frame: send, wait, shut, in bounded time."""
        self.closed = True
        try:
            with Timeout(self._close_timeout if timeout is None else timeout, False), self._lock:
                self._sock.sendall(data)
                if wait is not None:
                    wait()
        except OSError:
            pass  # the peer is gone, which is what was wanted
        finally:
            self._abort()

    def _handshake(self) -> None:
        """Wait for the peer's close frame."""
        if self._receiving:
            self._peer_done.wait()
        while not self._peer_done.is_set():
            self._next_event()

    def _drain(self) -> None:
        """Let the peer read its close frame: unread data would turn it into a reset."""
        self._sock.shutdown(socket.SHUT_WR)
        while self._recv():
            pass

    def _abort(self) -> None:
        self.closed = True
        with suppress(OSError):  # it may not be connected any more
            self._sock.shutdown(socket.SHUT_RDWR)

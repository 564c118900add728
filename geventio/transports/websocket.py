"""WebSocket on a raw non-blocking socket: read in the loop, written by the Outbox.

A connection costs no greenlet. Bytes in go through the frame reader to the session. The codec
lives in ``protocol.websocket``, the write side in ``connection``.
"""

from __future__ import annotations

import logging
from typing import Any

from ..core.session import MESSAGE_TOO_BIG, PARSE_ERROR, TRANSPORT_CLOSE, TRANSPORT_ERROR
from ..errors import FrameError, ProtocolError
from ..protocol.websocket import Close, CloseCode, FrameReader, Ping, Pong, close_frame, frame
from .connection import Connection

OP_PING, OP_PONG = 0x9, 0xA

#: Bytes read at a time: a message of 64 KiB with its header, and room.
READ_SIZE = 131_072

log = logging.getLogger('geventio')

# glibc returns memory to the system, and fetches it again, around every large message, until it
# has seen an allocation of at least half that size come and go. A message of 1 MB is there up to
# five times: in pieces, whole, twice while it is unmasked, and framed.
bytes(4_194_304)


class WebSocketTransport(Connection):
    """One WebSocket connection.

    :param reader: the frame reader. For the other parameters see :class:`Connection`.
    :ivar session: who takes the packets: the session, or the probe of an upgrade.
    """

    __slots__ = ('_done', '_reader')

    name = 'websocket'

    def __init__(self, sock: Any, runtime: Any, encoding: Any, reader: FrameReader,
                 limit: int, watcher: Any = None) -> None:
        super().__init__(sock, runtime, encoding, limit, watcher)
        self._reader: FrameReader | None = reader
        self._done = False  # the peer has said that it sends nothing more

    def start(self, early: bytes = b'') -> None:
        """Begin to read. Runs in the loop.

        :param early: bytes that were read behind the handshake.
        """
        if early:
            self._feed(early)
        self.watch()

    # -- in -----------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            return self.lost(TRANSPORT_CLOSE)
        reader = self._reader
        text = None if reader is None else reader.lone_text(data)
        if text is None:
            self._feed(data)
            self.runtime.pace()  # for pongs and the like; events are paced where they run
        else:
            self._receive(text)
        return None

    def _feed(self, data: bytes) -> None:
        if self._reader is None:
            return self._drain(len(data))
        for event in self._reader.feed(data):
            kind = event.__class__
            if kind is str or kind is bytes:
                self._receive(event)
            elif kind is Ping:
                self.runtime.push(self, frame(OP_PONG, event.data))
            elif kind is Pong:
                if self.session is not None:
                    self.session.pong()
            elif kind is Close:
                self._reader = None
                self._peer_closed(event.code)
            elif kind is FrameError:
                self._reader = None
                self._broken(event)
            if self._reader is None:
                break
        return None

    def _receive(self, packet: Any) -> None:
        session = self.session
        if session is None:
            return  # we have said goodbye
        try:
            session.receive(packet)
        except ProtocolError as error:
            log.info('parse error: %s', error)
            session.end(PARSE_ERROR, CloseCode.POLICY_VIOLATION, str(error))
        except Exception:  # a defect of ours must not leave half a connection
            log.exception('error while a packet was taken')
            session.end(TRANSPORT_ERROR, CloseCode.INTERNAL_ERROR)

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

    def ping(self) -> bool:
        """Ask the peer for a sign of life; the session hears of its pong.

        :returns: whether the peer can be asked.
        """
        self.runtime.push(self, frame(OP_PING, b''))
        return True

    # -- end ----------------------------------------------------------------------------------

    def close(self, code: int | None, reason: str) -> None:
        """Send what waits and a close frame, then wait a moment for the peer's."""
        self.session = None
        closing = self._done and self._backlog is None
        if self.sock is None or not self._say(self._goodbye(code, reason), closing):
            return
        if self._done and self._backlog is None:  # both have said goodbye, and nothing is unread
            self._release()
            return
        self._await_end()
        if self._reader is not None:
            self.watch()

    def hang_up(self) -> None:
        """Send what waits and end the connection without a close frame, as if it had broken."""
        self.session = self._reader = None
        if self.sock is not None and self._say(b''):
            self.watch()
            self._await_end()

    def _goodbye(self, code: int | None, reason: str) -> bytes:
        return close_frame(code, reason)

    def _said(self) -> None:
        if self._reader is None:  # otherwise the peer's close frame comes first
            self._say_no_more()

    def _release(self) -> None:
        super()._release()
        self._reader = None

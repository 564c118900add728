"""Engine.IO 4, which carries Socket.IO 5: clients 3.x and 4.x. The server beats the heart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.client import Client
from ..core.session import PING_TIMEOUT, TRANSPORT_ERROR, Session
from ..protocol.deflate import compress
from ..protocol.engineio import Packet, decode_v4, encode_v4
from ..protocol.websocket import OP_BINARY, OP_TEXT, binary_frame, frame, text_frame

#: Seconds a heartbeat may be late before the client gets them back.
COARSE = 0.05


class WebSocketFrames:
    """Packets as WebSocket frames: text as it is, binary as it is."""

    rewrite = None

    text: Callable[[str], bytes] = staticmethod(text_frame)
    binary: Callable[[bytes], bytes] = staticmethod(binary_frame)

    def pack(self, packets: list[Packet]) -> bytes:
        if len(packets) == 1 and packets[0].__class__ is str:
            return self.text(packets[0])  # type: ignore[arg-type]
        return b''.join([self.text(p) if isinstance(p, str) else self.binary(p)
                         for p in packets])


class DeflatedFrames(WebSocketFrames):
    """The same with permessage-deflate. No context is kept, so a frame serves every client.

    :param plain: the frames without compression.
    :param threshold: bytes from which a message is compressed.
    """

    def __init__(self, plain: WebSocketFrames, threshold: int) -> None:
        self._plain = plain
        self._threshold = threshold

    def text(self, packet: str) -> bytes:
        payload = packet.encode()
        if len(payload) < self._threshold:
            return frame(OP_TEXT, payload)
        return frame(OP_TEXT, compress(payload), rsv1=True)

    def binary(self, data: bytes) -> bytes:
        payload = self._plain_payload(data)
        if len(payload) < self._threshold:
            return binary_frame(payload)
        return frame(OP_BINARY, compress(payload), rsv1=True)

    def _plain_payload(self, data: bytes) -> bytes:
        return data


class PollingPayload:
    """Packets as chunks of a payload; a body is chunks joined by the record separator."""

    rewrite = None

    def text(self, packet: str) -> bytes:
        return packet.encode()

    def pack(self, packets: list[Packet]) -> bytes:
        return encode_v4(packets)

    def body(self, items: list[bytes]) -> tuple[bytes, bool]:
        """The body made of queued items, and whether it is binary."""
        return (items[0] if len(items) == 1 else b'\x1e'.join(items)), False

    def unpack(self, items: list[bytes]) -> list[Packet]:
        """The packets of queued items, for a transport that takes over."""
        return decode_v4(b'\x1e'.join(items)) if items else []

    def decode(self, session: Any, body: bytes, binary: bool) -> list[Packet]:
        """The packets of a POST body.

        :raises ProtocolError: see the codec.
        """
        return decode_v4(body)


class Session4(Session):
    """A session whose server sends the pings."""

    __slots__ = ()

    dialect = 'Engine.IO 4'
    client_class = Client
    frames = WebSocketFrames()
    deflated = DeflatedFrames
    payload: Any = PollingPayload()
    text_payload: Any = payload
    binary_posts = False

    def begin(self, transport: Any) -> None:
        self.transport = transport
        self.engine.runtime.schedule(self, self.engine.config.ping_interval)

    def control(self, packet: str) -> None:
        digit = packet[:1]
        if digit == '3':
            if self.waiting_since:
                self.waiting_since = 0.0
                self.heard = self.engine.runtime.now()
        elif digit == '2':  # only the server sends pings
            self.end(TRANSPORT_ERROR, 1002, 'a ping from a client')
        else:
            super().control(packet)

    def tick(self, now: float) -> float | None:
        config = self.engine.config
        if self.waiting_since:
            rest = self.waiting_since + config.ping_timeout + config.ping_grace - now
            if rest > 0:
                return min(rest, config.ping_interval)  # the answer may still come
            self.engine.runtime.spread(self.end, PING_TIMEOUT, 1001, 'ping timeout')
            return None
        rest = self.heard + config.ping_interval - now
        if rest > 0:
            return rest
        # A coarse timer's lateness is not the client's time; that of a stalled loop is.
        self.waiting_since = max(self.heard + config.ping_interval, now - COARSE)
        self.send('2')
        deadline = self.waiting_since + config.ping_timeout + config.ping_grace
        return min(config.ping_interval, deadline - now)

    def overdue(self) -> bool:
        if not self.waiting_since:
            return False
        config = self.engine.config
        return self.engine.runtime.now() >= \
            self.waiting_since + config.ping_timeout + config.ping_grace

"""Engine.IO 3 (and 2), which carries Socket.IO 4: clients 1.x and 2.x. The client beats the heart.

What differs from the fourth revision: who pings, the payloads of polling, a type byte in front
of binary frames, the implicit CONNECT of ``/``, and how refusals are written.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from ..core.client import Client
from ..core.session import PING_TIMEOUT, TRANSPORT_ERROR, Session
from ..core.socket import Socket
from ..errors import HTTPError, ProtocolError
from ..protocol import socketio
from ..protocol.engineio import (
    Packet,
    decode_packet_v3,
    decode_v3_binary,
    decode_v3_text,
    encode_v3,
)
from ..protocol.http import parse_query
from ..protocol.socketio import Packet as SocketPacket
from ..protocol.websocket import binary_frame, text_frame
from .eio4 import DeflatedFrames, WebSocketFrames


class WebSocketFrames3(WebSocketFrames):
    """Packets as frames; binary messages carry their type in a byte in front."""

    def binary(self, data: bytes) -> bytes:
        return binary_frame(b'\x04' + data)


class DeflatedFrames3(DeflatedFrames):
    """The same with permessage-deflate."""

    def _plain_payload(self, data: bytes) -> bytes:
        return b'\x04' + data


class Base64Frames(WebSocketFrames):
    """For clients that take no binary frames (``b64=1``)."""

    def binary(self, data: bytes) -> bytes:
        return text_frame('b4' + b64encode(data).decode())


class PollingPayload3:
    """Packets of a payload; how they are written depends on all of them together.

    :param binary_ok: False for JSONP and for clients that sent ``b64=1``.
    """

    rewrite = None

    def __init__(self, binary_ok: bool) -> None:
        self._binary_ok = binary_ok

    def text(self, packet: str) -> list[Packet]:
        return [packet]

    def pack(self, packets: list[Packet]) -> list[Packet]:
        return packets

    def body(self, items: list[list[Packet]]) -> tuple[bytes, bool]:
        return encode_v3(self.unpack(items), binary_ok=self._binary_ok)

    def unpack(self, items: list[list[Packet]]) -> list[Packet]:
        return [packet for item in items for packet in item]

    def decode(self, session: Any, body: bytes, binary: bool) -> list[Packet]:
        if binary:
            return decode_v3_binary(body)
        packets, session.legacy = decode_v3_text(body, legacy=session.legacy)
        return packets


class Client4(Client):
    """One client of Socket.IO protocol 4."""

    __slots__ = ()

    def opened(self) -> None:
        """``/`` is joined without being asked for."""
        super().opened()
        self.connect('/', None)

    def connect(self, nsp: str, auth: Any) -> None:
        """CONNECT; a query string behind the name takes the place of auth."""
        name, _, query = nsp.partition('?')
        if query:
            try:
                auth = parse_query(query, single=())
            except HTTPError as error:
                raise ProtocolError(error.reason) from None
        super().connect(name, auth)

    def new_sid(self, nsp: str) -> str:
        """Clients of this generation work their ids out themselves."""
        sid = self.session.sid
        return sid if nsp == '/' else f'{nsp}#{sid}'

    def welcome(self, socket: Socket) -> None:
        self.send_packet(socketio.CONNECT, socket.namespace.name, None)

    def refuse(self, nsp: str, payload: dict[str, Any]) -> None:
        data = payload.get('data', payload['message'])
        self.send_packet(socketio.CONNECT_ERROR, nsp, data)

    def not_joined(self, packet: SocketPacket) -> None:
        """Ignored, as servers of that generation did."""


class Session3(Session):
    """A session whose client sends the pings.

    :ivar legacy: whether it is a 1.x client, which encodes text twice; None while unknown.
    """

    __slots__ = ('legacy',)

    dialect = 'Engine.IO 3'
    client_class = Client4
    frames = WebSocketFrames3()
    base64_frames = Base64Frames()
    deflated = DeflatedFrames3
    payload: Any = PollingPayload3(True)
    text_payload: Any = PollingPayload3(False)
    binary_posts = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.legacy: bool | None = None

    def begin(self, transport: Any) -> None:
        super().begin(transport)
        self.engine.runtime.schedule(self, self._patience)

    def switch(self, transport: Any) -> None:
        self.heard = self.engine.runtime.now()
        super().switch(transport)

    @property
    def _patience(self) -> float:
        config = self.engine.config
        return config.ping_interval + config.ping_timeout + config.ping_grace

    def receive(self, packet: str | bytes) -> None:
        if packet.__class__ is bytes and self.transport.name == 'websocket':
            if packet[:1] != b'\x04':
                self.end(TRANSPORT_ERROR, 1002, 'a binary frame without its type')
                return
            packet = packet[1:]
        elif packet[:2] == 'b4':
            packet = decode_packet_v3(packet)  # type: ignore[arg-type]
        super().receive(packet)

    def control(self, packet: str) -> None:
        digit = packet[:1]
        if digit == '2':
            self.heard = self.engine.runtime.now()
            self.send('3')
        elif digit == '3':  # only the client sends pings
            self.end(TRANSPORT_ERROR, 1002, 'a pong from a client')
        else:
            super().control(packet)

    def overdue(self) -> bool:
        return self.engine.runtime.now() >= self.heard + self._patience

    def tick(self, now: float) -> float | None:
        rest = self.heard + self._patience - now
        if rest > 0:
            return rest
        self.engine.runtime.spread(self.end, PING_TIMEOUT, 1001, 'ping timeout')
        return None

"""The parser for MessagePack: one binary message for each packet, no attachments."""

from __future__ import annotations

from typing import Any

from ..errors import ProtocolError
from ..protocol import msgpack
from ..protocol.socketio import CONNECT, Packet


class MsgpackParser:
    """See :class:`~geventio.core.server.TextParser`, whose place it takes."""

    def encode(self, type: int, nsp: str, id: int | None, data: Any) -> list[str | bytes]:
        return [msgpack.encode(type, nsp, data, id)]

    def welcome(self, nsp: str, sid: str) -> list[str | bytes]:
        return self.encode(CONNECT, nsp, None, {'sid': sid})

    def decode(self, text: str) -> Packet:
        raise ProtocolError('text from a client of a MessagePack server')

    def loads_at(self, text: str, pos: int) -> Any:
        raise ProtocolError('text from a client of a MessagePack server')

    def decode_binary(self, data: bytes) -> Packet:
        type, nsp, id, payload = msgpack.decode(data)
        return Packet(type, nsp, id, payload)

"""A WebSocket without any library on top: what an IoT board or ten lines of JavaScript speak.

A text message that is a JSON array whose first item is a string is the event of that name, the
other items its arguments; any other text is the event ``message`` with that text. The other way
round, ``message`` with one text is sent as that text, and every other event as the array. The
subprotocol is called ``geventio.events``; a client that offers others gets none. Binary messages
are the event ``message`` with bytes. Acknowledgements and namespaces there are none.
"""

from __future__ import annotations

from typing import Any

from ..errors import HTTPError, ProtocolError
from ..protocol import hixie
from ..protocol.canonical import Parts, only_text, take_apart
from ..protocol.jsontext import loads_at
from ..protocol.socketio import EVENT, Encoded
from ..protocol.websocket import text_frame
from .door import Door, Outcome, Request, Upgrade
from .older import Framed, OlderSession, RootClient, Texts

SUBPROTOCOL = 'geventio.events'


def rewrite(packets: Encoded) -> str:
    """A plain client's message of a packet: ``["event",...args]``, or the text of ``message``."""
    parts = take_apart(packets)
    if parts is None or parts.type != EVENT:
        return ''
    if parts.name == 'message' and (text := only_text(parts.args)) is not None:
        return text
    return array_of(parts)


def array_of(parts: Parts) -> str:
    """An event as the text of a JSON array, ``["event",...args]``."""
    return f'[{parts.name_json},{parts.args}]' if parts.args else f'[{parts.name_json}]'


class PlainClient(RootClient):
    """A client that sends messages."""

    __slots__ = ()

    def receive_text(self, packet: str) -> None:
        self.deliver('/', event_of(packet), None, len(packet))

    def receive_binary(self, data: bytes) -> None:
        self.deliver('/', ['message', data], None, len(data))


def event_of(text: str) -> list[Any]:
    """The event that a text message stands for."""
    if text.lstrip()[:1] == '[':
        try:
            data = loads_at(text, 0)
        except ProtocolError:
            data = None
        if isinstance(data, list) and data and isinstance(data[0], str):
            return data
    return ['message', text]


class PlainSession(OlderSession):
    """The session of a plain WebSocket."""

    __slots__ = ()

    dialect = 'plain WebSocket'
    client_class = PlainClient
    texts = Texts(rewrite)

    def receive(self, packet: str | bytes) -> None:
        if packet.__class__ is str:
            super().receive(packet)
        else:
            self.pong()
            self.upper.receive_binary(packet)  # type: ignore[arg-type]


class WebSocketDoor(Door):
    """One URL: ``websocket_path``."""

    frames = Framed(rewrite, text_frame)
    old_frames = Framed(rewrite, hixie.text_frame)

    def claims(self, path: str) -> bool:
        return path.strip('/') == self.config.websocket_path

    def enter(self, request: Request, body: bytes | None) -> Outcome:
        self.allow('websocket')
        if 'upgrade' not in request.headers:
            raise HTTPError(426, 'this URL is a WebSocket')
        offered = request.headers.get('sec-websocket-protocol', '')
        agreed = SUBPROTOCOL in [name.strip() for name in offered.split(',')]
        return Upgrade(lambda: self.open(PlainSession, request), self.frames,
                       SUBPROTOCOL if agreed else None, self.old_frames)

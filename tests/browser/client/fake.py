"""A server that says what a test tells it to, over every transport; nothing of it is careful."""
from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.utils import accept_key

OPEN = '0' + json.dumps({'sid': 'engine', 'upgrades': [], 'pingInterval': 25000,
                         'pingTimeout': 20000, 'maxPayload': 1000000})
CONNECTED = '40{"sid":"public"}'
Frame = Any  # a string, or {'bytes': [...]}, or {'text': [...]} for what is not UTF-8


class Fake(ThreadingHTTPServer):
    """One server for a script; what is not told is what a good server says.

    The keys of a script: ``open`` (the handshake packet), ``connect`` (the answer to CONNECT),
    ``frames`` (what follows it in the first session only), ``status``, ``body`` and ``type`` (the
    answer to every first GET in place of the handshake), ``close`` (whether the WebSocket is
    closed after the frames of the first session).
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, script: dict[str, Any]) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.script = script
        self.port: int = self.server_address[1]
        self.received: list[str] = []
        self._heard = threading.Condition()
        self.sessions = 0
        self.ended = threading.Event()
        self.joined: dict[str, threading.Event] = {}
        self.told: set[str] = set()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """End everything."""
        self.ended.set()
        self.shutdown()
        self.server_close()

    def hear(self, texts: list[str]) -> None:
        """Packets of a client have come."""
        with self._heard:
            self.received += texts
            self._heard.notify_all()

    def await_text(self, text: str) -> None:
        """Wait until a packet has come."""
        with self._heard:
            assert self._heard.wait_for(lambda: text in self.received, 10), self.received

    def begin(self) -> tuple[str, str]:
        """A new session: its id, and its handshake packet."""
        self.sessions += 1
        sid = f'engine{self.sessions}'
        self.joined[sid] = threading.Event()
        return sid, self.script.get('open', OPEN).replace('"engine"', f'"{sid}"')

    def frames(self, sid: str) -> list[Frame]:
        """What follows a CONNECT."""
        connected = self.script.get('connect', CONNECTED)
        return [connected] + (self.script.get('frames', []) if sid == 'engine1' else [])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Fake

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        sid = query.get('sid', [''])[0]
        if 'websocket' in query.get('transport', []):
            self._websocket()
        elif sid:
            self._answer_poll(self._poll(sid))
        else:
            script = self.server.script
            if 'status' in script or 'body' in script:
                self.server.sessions += 1
                self._answer(script.get('body', ''), script.get('status', 200),
                             script.get('type', 'text/plain; charset=UTF-8'))
            else:
                self._answer_poll(self.server.begin()[1])

    def do_POST(self) -> None:
        sid = parse_qs(urlsplit(self.path).query)['sid'][0]
        text = self.rfile.read(int(self.headers['Content-Length'])).decode()
        if text.startswith('d='):
            text = parse_qs(text)['d'][0]
        self.server.hear(text.split('\x1e'))
        if '40' in self.server.received:
            self.server.joined[sid].set()
        self._answer('ok', 200, 'text/html')

    def do_OPTIONS(self) -> None:
        self._answer('', 204, 'text/plain')

    def _poll(self, sid: str) -> str:
        server = self.server
        if sid in server.told or not server.joined[sid].wait(20):
            server.ended.wait(30)
            return '6'
        server.told.add(sid)
        return '\x1e'.join(
            frame if isinstance(frame, str)
            else 'b' + base64.b64encode(bytes(frame['bytes'])).decode()
            for frame in server.frames(sid))

    def _answer_poll(self, payload: str) -> None:
        index = parse_qs(urlsplit(self.path).query).get('j')
        if index:
            self._answer(f'___eio[{index[0]}]({json.dumps(payload)});', 200, 'text/javascript')
        else:
            self._answer(payload, 200, 'text/plain; charset=UTF-8')

    def _answer(self, body: str, status: int, kind: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header('Access-Control-Allow-Origin', '*')
        self.send_header('Access-Control-Allow-Headers', '*')
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _websocket(self) -> None:
        if 'status' in self.server.script or 'body' in self.server.script:
            self.server.sessions += 1
            self._answer(self.server.script.get('body', ''), 400, 'text/plain')
            return
        sid, opening = self.server.begin()
        self.send_response(101)
        self.send_header('Upgrade', 'websocket')
        self.send_header('Connection', 'Upgrade')
        self.send_header('Sec-WebSocket-Accept', accept_key(self.headers['Sec-WebSocket-Key']))
        self.end_headers()
        self.close_connection = True
        self._talk(ServerProtocol(state=State.OPEN), sid, opening)

    def _talk(self, protocol: ServerProtocol, sid: str, opening: str) -> None:
        def send(frame: Frame) -> None:
            if isinstance(frame, str):
                protocol.send_text(frame.encode())
            elif 'text' in frame:
                protocol.send_text(bytes(frame['text']))
            else:
                protocol.send_binary(bytes(frame['bytes']))

        send(opening)
        self.wfile.write(b''.join(protocol.data_to_send()))
        while data := self.connection.recv(65536):
            protocol.receive_data(data)
            for event in protocol.events_received():
                if getattr(event, 'opcode', None) is Opcode.TEXT:
                    self.server.hear([event.data.decode()])  # type: ignore[union-attr]
                    if event.data == b'40':  # type: ignore[union-attr]
                        for frame in self.server.frames(sid):
                            send(frame)
                        if self.server.script.get('close') and sid == 'engine1':
                            protocol.send_close(1001)
            for data in protocol.data_to_send():
                self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Nothing."""

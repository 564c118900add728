"""One client of the generator: it connects, answers heartbeats and doubts what it is sent."""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Iterator

from . import wire

RECEIVE = 16384
PATIENCE = 10.0
"""Seconds without any progress after which what is missing counts as lost."""


class Inexact(Exception):
    """A delivery that should not have been, or one that did not come."""


def log_in(user: str, port: int) -> str:
    """The cookie that a view of the application gives to a user."""
    with socket.create_connection(('127.0.0.1', port), PATIENCE) as sock:
        head = f'GET /login/{user} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close'
        sock.sendall(f'{head}\r\n\r\n'.encode())
        answer = b''
        while data := sock.recv(RECEIVE):
            answer += data
    found = re.search(rb'\r\nSet-Cookie: ([^;\r]+)', answer, re.IGNORECASE)
    if not answer.startswith(b'HTTP/1.1 200 ') or found is None:
        raise Inexact(f'the login was answered {answer!r}')
    return found[1].decode()


class Client:
    """One Socket.IO connection over WebSocket. Blocking; the scenarios read it when it is ready.

    :param cookie: what its upgrade request brings along.
    :ivar sid: the id that the server gave it.
    """

    def __init__(self, number: int, port: int, cookie: str = '') -> None:
        self.number = number
        self.sock = socket.create_connection(('127.0.0.1', port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A limit of the kernel's on each recv costs no system call, unlike Python's timeouts.
        limit = struct.pack('@ll', int(PATIENCE), int(PATIENCE % 1 * 1e6))
        self.sock.setblocking(True)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self.rest = b''
        request, proof = wire.handshake(port, cookie)
        self.sock.sendall(request)
        while b'\r\n\r\n' not in self.rest:
            self.rest += self.receive()
        head, _, self.rest = self.rest.partition(b'\r\n\r\n')
        if not head.startswith(b'HTTP/1.1 101 ') or proof not in head:
            raise Inexact(f'the upgrade was answered {head!r}')
        if not self.packet().startswith(b'0{'):
            raise Inexact('no Engine.IO open packet')
        self.send(wire.client_frame(b'40'))
        answer = self.packet()
        if not answer.startswith(b'40{'):
            raise Inexact('the namespace was refused')
        self.sid: str = json.loads(answer[2:])['sid']
        # An answered event proves that the server's connect handler, and so its join, is done.
        self.send(wire.client_frame(wire.event('echo', 'ready', '0')))
        if self.packet() != wire.ack('0', 'ready'):
            raise Inexact('the first event was not acknowledged')
        if self.rest:
            raise Inexact(f'{self.rest!r} came unasked')

    def send(self, frame: bytes) -> None:
        self.sock.sendall(frame)

    def receive(self) -> bytes:
        try:
            data = self.sock.recv(RECEIVE)
        except BlockingIOError:
            raise Inexact(f'client {self.number} waited {PATIENCE:g} s in vain') from None
        except ConnectionError as error:
            raise Inexact(f'client {self.number}: {error}') from None
        if not data:
            raise self.disconnected()
        return data

    def disconnected(self) -> Inexact:
        return Inexact(f'client {self.number} was disconnected')

    def packet(self) -> bytes:
        """The next packet that is not a heartbeat."""
        while True:
            for packet in self.packets():
                return packet
            self.rest += self.receive()

    def packets(self) -> Iterator[bytes]:
        """Packets that ``rest`` holds, each taken off it; heartbeats are answered on the way."""
        while (frame := wire.split_frame(self.rest)) is not None:
            opcode, payload, self.rest = frame
            if opcode == wire.PING:
                self.send(wire.client_frame(payload, wire.PONG))
            elif opcode == wire.TEXT and payload == b'2':
                self.send(wire.client_frame(b'3'))
            elif opcode == wire.TEXT:
                yield payload
            else:
                raise Inexact(f'client {self.number}: opcode {opcode}, {payload!r}')

"""Thousands of Socket.IO clients in one process, without anything but sockets and epoll.

A program of its own: ``crowd_program.py PORT COUNT``. It connects the clients one behind the
other, answers the server's pings, and obeys one-word lines on its standard input, answering each
with one line. Nothing of geventio is used here.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import sys

#: Clients between their connect and the server's answer.
AT_A_TIME = 64

# What a browser sends.
REQUEST = (
    b'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n'
    b'Host: 127.0.0.1\r\n'
    b'Connection: Upgrade\r\n'
    b'Upgrade: websocket\r\n'
    b'Sec-WebSocket-Version: 13\r\n'
    b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    b'Pragma: no-cache\r\n'
    b'Cache-Control: no-cache\r\n'
    b'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n'
    b'Accept-Encoding: gzip, deflate, br\r\n'
    b'Accept-Language: en-GB,en;q=0.5\r\n'
    b'\r\n')


def masked(text: str) -> bytes:
    """A short text frame with the mask zero, which leaves the bytes as they are."""
    payload = text.encode()
    assert len(payload) < 126
    return bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload


CONNECT, PONG, LOOK = masked('40'), masked('3'), masked('42["look"]')


class Crowd:
    """All clients.

    :ivar pings: pings that were answered.
    :ivar joined: clients that are in the main namespace.
    :ivar ended: clients whose connection the server has ended.
    """

    def __init__(self, port: int) -> None:
        self.address = ('127.0.0.1', port)
        self.poll = select.epoll()
        self.socks: dict[int, socket.socket] = {}
        self.halves: dict[int, bytes] = {}
        self.pings = self.joined = self.ended = 0

    def open(self) -> None:
        """One more client; the server's answers are read in :meth:`turn`."""
        sock = socket.create_connection(self.address)
        sock.sendall(REQUEST)
        sock.setblocking(False)
        self.socks[sock.fileno()] = sock
        self.poll.register(sock.fileno(), select.EPOLLIN)

    def fill(self, count: int) -> None:
        """Open clients until there are ``count``, and wait until all are in the namespace."""
        while self.joined < count:
            while len(self.socks) < count and len(self.socks) - self.joined < AT_A_TIME:
                self.open()
            self.turn()

    def turn(self) -> bool:
        """Take what has come; returns whether a line waits on the standard input."""
        asked = False
        for fd, _ in self.poll.poll():
            if fd == 0:
                asked = True
            else:
                self.read(fd)
        return asked

    def read(self, fd: int) -> None:
        try:
            data = self.socks[fd].recv(65536)
        except ConnectionResetError:
            data = b''
        if not data:
            self.end(fd)
            return
        if data.startswith(b'HTTP/1.1 101'):
            data = data.partition(b'\r\n\r\n')[2]
        data = self.halves.pop(fd, b'') + data
        while len(data) >= 2:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], 'big'), 4
            if len(data) < start + size:
                break
            self.take(fd, data[0] & 15, data[start:start + size])
            data = data[start + size:]
        if data and fd in self.socks:
            self.halves[fd] = data

    def take(self, fd: int, opcode: int, payload: bytes) -> None:
        if opcode == 8:
            self.end(fd)
        elif payload == b'2':
            self.socks[fd].send(PONG)
            self.pings += 1
        elif payload[:2] == b'40':
            self.joined += 1
        elif payload[:1] == b'0':
            self.socks[fd].send(CONNECT)

    def end(self, fd: int) -> None:
        sock = self.socks.pop(fd, None)
        if sock is not None:
            self.poll.unregister(fd)
            sock.close()
            self.ended += 1

    # -- what it is asked to do ---------------------------------------------------------------

    def figures(self) -> str:
        """What has happened so far."""
        return f'{self.pings} {self.ended}'

    def look(self) -> str:
        """Every client sends an event."""
        for sock in self.socks.values():
            sock.send(LOOK)
        return 'sent'


def main(port: int, count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(port)
    crowd.fill(count)
    print('ready', flush=True)
    crowd.poll.register(0, select.EPOLLIN)
    while True:
        if crowd.turn():
            word = sys.stdin.readline().strip()
            if not word:
                return
            print(getattr(crowd, word)(), flush=True)


if __name__ == '__main__':
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]), int(sys.argv[2]))

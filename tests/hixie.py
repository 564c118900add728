"""A client of the WebSocket drafts hixie-75 and hixie-76 on a raw socket."""

from __future__ import annotations

from gevent import socket

from .conftest import TIMEOUT, host_of

# The draft's own example.
KEYS = ('4 @1  46546xW%0l 1 5', '12998 5 Y3 1  .P00')
BODY, ANSWER = b'^n:ds[4U', b"8jKS'y:G*Co,Wxa-"


class HixieSocket:
    """A WebSocket of a draft, opened unless ``challenge`` is None: then the test sends it.

    :ivar head: status line and header lines of the answer.
    """

    def __init__(self, address, target, draft=76, headers=(), challenge=BODY):
        host = host_of(address)
        self.sock = socket.create_connection(address, timeout=TIMEOUT)
        lines = [f'GET {target} HTTP/1.1', f'Host: {host}', 'Connection: Upgrade',
                 'Upgrade: WebSocket', *(f'{name}: {value}' for name, value in headers)]
        if draft == 76:
            lines += [f'Sec-WebSocket-Key{n}: {key}' for n, key in enumerate(KEYS, 1)]
        self.sock.sendall('\r\n'.join([*lines, '', '']).encode('latin-1'))
        if draft == 76 and challenge is not None:
            self.sock.sendall(challenge)
        self._data = b''
        self.head = self._until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        self.status = int(self.head[0].split(' ')[1])
        if draft == 76 and challenge is not None and self.status == 101:
            assert self.read(16) == ANSWER

    def _until(self, end):
        while end not in self._data:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(self._data)
            self._data += data
        found, _, self._data = self._data.partition(end)
        return found

    def read(self, size):
        while len(self._data) < size:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(self._data)
            self._data += data
        found, self._data = self._data[:size], self._data[size:]
        return found

    def receive(self):
        """The next message."""
        assert self.read(1) == b'\0'
        return self._until(b'\xff').decode()

    def send(self, text):
        self.sock.sendall(b'\0' + text.encode() + b'\xff')

    def receive_until_end(self):
        """All bytes up to the end of the connection."""
        while True:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b''
            if not data:
                return self._data
            self._data += data

    def close(self):
        self.sock.close()

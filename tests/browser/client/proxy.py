"""A TCP relay that plays the networks between a page and its server: cut, silent, picky."""
from __future__ import annotations

import contextlib
import socket
import struct
import threading

_LINGER_NOT = struct.pack('ii', 1, 0)  # closing resets the connection
_BAD_REQUEST = (b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')


class Proxy:
    """Relays connections to a port of the loopback address.

    :param upgrades: what becomes of WebSocket handshakes: they ``pass``, are answered 400
        (``refuse``), cut off (``drop``) or never answered (``hang``).
    """

    def __init__(self, target: int, upgrades: str = 'pass') -> None:
        self.upgrades = upgrades
        self._target = target
        self._cut = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def cut(self) -> None:
        """Reset every connection, and those that come, until `mend`."""
        with self._lock:
            self._cut = True
            cut, self._sockets = self._sockets, set()
        for sock in cut:
            _reset(sock)

    def mend(self) -> None:
        """Relay new connections again."""
        self._cut = False

    def freeze(self) -> None:
        """Keep every connection and pass nothing on, not even its end, until `thaw`."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on again."""
        self._flowing.set()

    def close(self) -> None:
        """End everything."""
        self.thaw()
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @staticmethod
    def _start(function: object, *args: object) -> None:
        threading.Thread(target=function, args=args, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                _reset(client)
            else:
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        try:
            first = client.recv(65536)
            upgrades = self.upgrades if b'upgrade: websocket' in first.lower() else 'pass'
            if upgrades == 'pass':
                self._relay(client, first)
            elif upgrades == 'hang' and self._keep(client):
                client.recv(1)  # until the client gives up, or all is cut
            elif upgrades == 'refuse':
                client.sendall(_BAD_REQUEST)
        except OSError:
            pass
        _reset(client)

    def _relay(self, client: socket.socket, first: bytes) -> None:
        self._flowing.wait()
        with socket.create_connection(('127.0.0.1', self._target)) as server:
            if self._keep(client, server):
                server.sendall(first)
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._pump(client, server)
                back.join()

    def _keep(self, *sockets: socket.socket) -> bool:
        """Remember sockets for `cut`; false when that has come first."""
        with self._lock:
            if not self._cut:
                self._sockets.update(sockets)
            return not self._cut

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        self._flowing.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()

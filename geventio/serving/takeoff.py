"""Taking a connection off the server that accepted it: gevent socket -> raw socket.

Each way a foreign server offers its socket is one function here; public names of gevent are used
where there are any.
"""

from __future__ import annotations

import _socket
import contextlib
import ssl
from typing import Any

from gevent.event import Event


def take_off(gevent_socket: Any, reader: Any) -> tuple[Any, bytes]:
    """Return the raw non-blocking socket under a gevent socket, and what was read too early.

    :param reader: the buffered reader over that socket, or None.
    """
    early = b''
    if reader is not None:
        gevent_socket.settimeout(0.0)  # or peek() on an empty buffer would block this greenlet
        early = reader.peek()
    family, proto = gevent_socket.family, gevent_socket.proto
    raw = _socket.socket(family, _socket.SOCK_STREAM, proto, gevent_socket.detach())
    raw.setblocking(False)  # a new one starts with the default time-out
    set_nodelay(raw)
    return raw, early or b''


def set_nodelay(sock: Any) -> None:
    """Send small packets at once (not possible, and not needed, on Unix sockets)."""
    if sock.family in (_socket.AF_INET, getattr(_socket, 'AF_INET6', None)):
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)


class BorrowedSocket:
    """A socket its server wants back: looks like a raw one; ``close`` only ends the loan.

    The greenlet of the request waits in :meth:`wait` until then.

    :param sock: a gevent socket, plain or TLS.
    """

    def __init__(self, sock: Any) -> None:
        sock.settimeout(0.0)
        self._sock = sock
        self._over = Event()
        self.fileno = sock.fileno
        self.family = sock.family
        tls = getattr(sock, '_sslobj', None)
        self._read = tls.read if tls is not None else sock.recv
        self._write = tls.write if tls is not None else sock.send

    def recv(self, size: int) -> bytes:
        try:
            data: bytes = self._read(size)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        return data

    def send(self, data: bytes) -> int:
        try:
            sent: int = self._write(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        return sent

    def pending(self) -> bytes:
        """What was decrypted already: no poll of the socket would announce it."""
        count = getattr(self._sock, 'pending', None)
        data = b''
        while count is not None and count():
            data += self.recv(count())
        return data

    def shutdown(self, how: int) -> None:
        if getattr(self._sock, '_sslobj', None) is None:
            self._sock.shutdown(how)
        else:
            self.close()

    def close(self) -> None:
        self._over.set()

    def wait(self) -> None:
        """Block the calling greenlet until the socket is not needed any more."""
        self._over.wait()
        self._sock.settimeout(None)
        with contextlib.suppress(OSError):  # gone already
            self._sock.shutdown(2)

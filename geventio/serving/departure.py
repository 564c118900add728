"""Noticing that the client of a waiting request has gone, where a foreign server owns the socket.

A WSGI server does not look at a connection while the application works on its request. The
watcher here does, without taking a byte away from the server. What is inside TLS it cannot see:
there only the end of the TCP connection counts.
"""

from __future__ import annotations

import _socket
import os
from collections.abc import Callable
from typing import Any

_READ = 1


class Departure:
    """Calls back once if the peer of a socket goes away; ``close`` ends the watch.

    :param sock: the server's socket; only a duplicate of its descriptor is used.
    :param loop: gevent's event loop.
    """

    def __init__(self, sock: Any, loop: Any, callback: Callable[[], Any]) -> None:
        self._callback = callback
        self._sock: Any = _socket.socket(sock.family, _socket.SOCK_STREAM, sock.proto,
                                         os.dup(sock.fileno()))
        self._watcher = loop.io(self._sock.fileno(), _READ)
        self._watcher.start(self._readable)

    def _readable(self) -> None:
        try:
            here = bool(self._sock.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT))
        except BlockingIOError:
            return
        except OSError:
            here = False
        self.close()  # bytes that wait would announce themselves for ever
        if not here:
            self._callback()

    def close(self) -> None:
        """Stop watching."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._watcher.stop()
            self._watcher.close()
            sock.close()


def socket_of(environ: dict[str, Any]) -> Any:
    """The socket a request came on, as far as its server shows it; otherwise None."""
    sock = environ.get('gunicorn.socket')
    if sock is None:  # pywsgi
        reader = getattr(environ.get('wsgi.input'), 'rfile', None)
        sock = getattr(getattr(reader, 'raw', None), '_sock', None)
    return sock

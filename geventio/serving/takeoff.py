"""Taking a connection off the server that accepted it: gevent socket -> raw socket.

Each way a foreign server offers its socket is one function here; public names of gevent are used
where there are any. A socket its server wants back is borrowed.
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
        with contextlib.suppress(OSError):  # reset already
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)


class BorrowedSocket:
    """A socket its server wants back: looks like a raw one; ``close`` only ends the loan.

    The greenlet of the request waits in :meth:`wait` until then.

    :param sock: a gevent socket, plain or TLS.
    :ivar holder: who uses it; its ``lost()`` is called when the server takes the socket back.
    """

    def __init__(self, sock: Any) -> None:
        sock.settimeout(0.0)
        set_nodelay(sock)
        self.holder: Any = None
        self._sock = sock
        self._over = Event()
        self.fileno = sock.fileno
        self.family = sock.family
        self._tls = tls = getattr(sock, '_sslobj', None)
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
        data = b''
        while self._tls is not None and self._tls.pending():
            data += self.recv(self._tls.pending())
        return data

    def shutdown(self, how: int) -> None:
        if self._tls is None:
            self._sock.shutdown(how)
        else:
            self._close_notify()

    def _close_notify(self) -> None:
        """Say in TLS that nothing more comes (RFC 8446 section 6.1)."""
        with contextlib.suppress(OSError, ValueError):  # gone, or the answer is not there yet
            self._tls.shutdown()

    def close(self) -> None:
        self._over.set()

    def wait(self) -> None:
        """Block the calling greenlet until the socket is not needed any more."""
        try:
            self._over.wait()
        except BaseException:  # the server ends this greenlet
            if self.holder is not None:
                self.holder.lost()
            raise
        if self._tls is not None:
            self._close_notify()
        with contextlib.suppress(OSError):
            self._sock.settimeout(None)
            self._sock.shutdown(_socket.SHUT_RDWR)


def _take(sock: Any, reader: Any) -> tuple[Any, bytes]:
    """A socket of pywsgi: borrowed if it is TLS, since only Python can decrypt it."""
    if getattr(sock, '_sslobj', None) is None:
        return take_off(sock, reader)
    borrowed = BorrowedSocket(sock)
    try:
        early = reader.peek()
    except OSError:  # nothing there yet; TLS says so in its own way
        early = b''
    return borrowed, (early or b'') + borrowed.pending()


def has_socket(environ: dict[str, Any]) -> bool:
    """Whether the server of a request lets its socket be taken."""
    return _websocket(environ) is not None or 'gunicorn.socket' in environ \
        or _pywsgi_socket(environ) is not None


def upgrade(environ: dict[str, Any], start_response: Any, agreed: Any
            ) -> tuple[Any, bytes, bool | None, Any]:
    """Answer a request with 101 in the way of the server at hand, and take its socket.

    :param agreed: what ``Gateway.shake`` agreed on.
    :returns: the socket, the bytes read behind the request, whether permessage-deflate was agreed
        on (None: as the headers say), and what the WSGI application has to return.
    """
    websocket = _websocket(environ)
    if websocket is not None:
        return (*_from_handler(websocket), [])
    if 'gunicorn.socket' in environ:
        # The gevent worker goes on with the socket when the application returns.
        from gunicorn.workers.base_async import ALREADY_HANDLED

        source = environ['gunicorn.socket']
        source.sendall(agreed.head())
        return BorrowedSocket(source), b'', None, ALREADY_HANDLED
    write = start_response(agreed.status, agreed.headers)
    write(b'')
    reader = environ['wsgi.input']
    sock, early = _take(_pywsgi_socket(environ), reader)
    if not isinstance(sock, BorrowedSocket):
        reader.close()  # tells pywsgi that the connection is not its own any more
    return sock, early, None, []


def _websocket(environ: dict[str, Any]) -> Any:
    """The WebSocket that the handler of gevent-websocket, or ours, has made of the request."""
    websocket = environ.get('wsgi.websocket')
    return websocket if getattr(websocket, 'handler', None) is not None else None


def _pywsgi_socket(environ: dict[str, Any]) -> Any:
    """The gevent socket of a request on pywsgi: for upgrades ``wsgi.input`` is its reader."""
    raw = getattr(environ.get('wsgi.input'), 'raw', None)
    return getattr(raw, '_sock', None)


def _from_handler(websocket: Any) -> tuple[Any, bytes, bool]:
    """The handler has sent a 101 of its own; from now on its WebSocket must not write."""
    handler = websocket.handler
    websocket.closed = True
    if hasattr(websocket, 'raw_write'):  # gevent-websocket's
        websocket.raw_write = websocket.raw_read = websocket.stream = None
    deflated = any(name.lower() == b'sec-websocket-extensions'
                   for name, _ in handler.response_headers)
    sock, early = _take(handler.socket, handler.rfile)
    if not isinstance(sock, BorrowedSocket):
        handler.socket = None
    return sock, early, deflated

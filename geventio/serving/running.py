"""Starting and stopping: one HTTP server for one door, ended by ``stop`` or a signal.

What the server does in between lives in ``httpd``.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import ssl
import stat
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import gevent
import gevent.ssl
from gevent import socket
from gevent.event import Event

from ..config import unknown_option
from ..core.session import SHUTTING_DOWN
from ..errors import ConfigError
from .httpd import BACKLOG, Server
from .wsgi import WSGIDoor

log = logging.getLogger('geventio')

#: Seconds that stopping may take: closing every client, disconnect handlers, requests under way.
STOP_TIMEOUT = 5.0

_SERVER_OPTIONS = {'backlog', 'environ', 'error_log', 'handler_class', 'log', 'spawn'}
_TLS_OPTIONS = {'ca_certs', 'cert_reqs', 'certfile', 'ciphers', 'keyfile', 'ssl_context',
                'ssl_version'}


def make_server(app: Any, host: str, port: int, door: WSGIDoor | None = None, *,
                log_output: bool = False, unix_socket: str | None = None,
                **options: Any) -> Server:
    """The HTTP server for an application, listening but not started yet.

    :param port: 0 takes a free one, then found in the server's ``server_port``.
    :param door: the door in the application, if it is known.
    :param log_output: whether requests are logged.
    :param unix_socket: path of a Unix socket to listen on instead of host and port.
    :param options: for gevent's WSGIServer: ``backlog``, ``spawn``, ``environ``, ``log``,
        ``error_log``, ``handler_class``; for TLS either ``ssl_context`` or ``certfile``,
        ``keyfile``, ``ca_certs``, ``cert_reqs``, ``ciphers``, ``ssl_version``.
    :raises ConfigError: another option, or one that cannot be.
    :raises OSError: the address is taken (with a sentence that says so) or not ours.
    """
    for name in options:
        if name not in _SERVER_OPTIONS | _TLS_OPTIONS:
            raise unknown_option(name, _SERVER_OPTIONS | _TLS_OPTIONS
                                 | {'log_output', 'unix_socket'})
    tls = {name: options.pop(name) for name in _TLS_OPTIONS & set(options)}
    tls = {name: value for name, value in tls.items() if value is not None}
    if tls:
        options['ssl_context'] = _tls_context(**tls)
    if not log_output:
        options.setdefault('log', None)
    backlog = options.pop('backlog', None) or BACKLOG
    if unix_socket is not None:
        listener = _listen_unix(unix_socket, backlog)
    else:
        listener = _listen(host, port, backlog)
        if host:  # pywsgi would ask the name service
            options['environ'] = {'SERVER_NAME': host, **(options.get('environ') or {})}
    return Server(listener, app, door, **options)


def _tls_context(ssl_context: Any = None, certfile: Any = None, keyfile: Any = None,
                 ca_certs: Any = None, cert_reqs: Any = None, ciphers: str | None = None,
                 ssl_version: Any = ssl.PROTOCOL_TLS_SERVER) -> Any:
    if ssl_context is not None:
        if not isinstance(ssl_context, gevent.ssl.SSLContext):
            raise ConfigError('ssl_context must be a gevent.ssl.SSLContext (or monkey-patch '
                              'before making it): the one of the ssl module blocks every client '
                              'while it waits for one')
        return ssl_context
    if certfile is None:
        raise ConfigError('TLS needs certfile (and keyfile), or ssl_context')
    context = gevent.ssl.SSLContext(ssl_version)
    context.load_cert_chain(certfile, keyfile)
    if ca_certs is not None:
        context.load_verify_locations(ca_certs)
    if cert_reqs is not None:
        context.verify_mode = cert_reqs
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


def _listen(host: str, port: int, backlog: int) -> Any:
    """A listening TCP socket; the empty host is every IPv4 address."""
    listener = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OverflowError:
        listener.close()
        raise ConfigError(f'port must be a number from 0 to 65535, not {port}') from None
    except OSError as error:
        listener.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise OSError(error.errno, f'{host} is not an address of this machine') from None
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f'port {port} on {host} is in use by another program; '
                          'choose another port') from None
        if error.errno == errno.EACCES:
            raise OSError(error.errno, f'this user may not listen on port {port}; choose a port '
                          'above 1023') from None
        raise
    return listener


def _listen_unix(path: str, backlog: int) -> Any:
    """A listening Unix socket; one that nobody listens on any more is replaced."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        _remove_unix(path)
        listener.bind(path)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f'{path} is in use by another program, or not a socket; '
                          'choose another path') from None
        raise
    return listener


def _remove_unix(path: str) -> None:
    """Remove a Unix socket on which nobody listens."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(path) == errno.ECONNREFUSED:
                    os.unlink(path)


def run(owner: Any, app: Any, host: str, port: int, **options: Any) -> None:
    """Serve until ``stop(owner)``, SIGINT or SIGTERM.

    A signal for which the application has a handler of its own is left to it. Stopping ends every
    session with ``server shutting down`` and takes STOP_TIMEOUT seconds at most.

    :param owner: a door, or has one as ``server``; gets ``wsgi_server`` while it serves.
    :param options: see :func:`make_server`.
    :raises OSError: the address is taken (with a sentence that says so) or not ours.
    :raises ConfigError: a wrong option.
    :raises RuntimeError: it is running already.
    """
    if getattr(owner, 'wsgi_server', None) is not None:
        raise RuntimeError('the server is running already')
    door = owner if isinstance(owner, WSGIDoor) else owner.server
    server = make_server(app, host, port, door, **options)
    owner.wsgi_server = server
    over = owner._stopped = Event()
    try:
        with _signals(over.set):
            try:
                server.start()
                over.wait()
            finally:
                shut_down(server)
    except KeyboardInterrupt:  # before the handlers were there, or from a handler of its own
        pass
    finally:
        owner.wsgi_server = None
        if options.get('unix_socket') is not None:
            _remove_unix(options['unix_socket'])


def stop(owner: Any) -> None:
    """Make ``run`` return soon, from any greenlet or thread.

    :raises RuntimeError: it is not running.
    """
    server = getattr(owner, 'wsgi_server', None)
    if server is None:
        raise RuntimeError('the server is not running')
    server.loop.run_callback_threadsafe(owner._stopped.set)


def shut_down(server: Server, timeout: float = STOP_TIMEOUT) -> None:
    """Stop accepting, end every session, and let everything finish that does so in time."""
    deadline = monotonic() + timeout
    server.close()
    door = server.door
    engine = door.gateway.engine if door is not None else None
    runtime: Any = engine.runtime if engine is not None else None
    open_sockets: list[Any] = []
    if engine is not None:
        engine.stopping = True
        open_sockets = [session.transport for session in engine.sessions.values()
                        if session.transport.name == 'websocket']
        engine.close_all(SHUTTING_DOWN)
    try:
        while True:
            gevent.sleep(0.01)  # nothing announces the last of all these
            busy = server.close_idle()
            handlers = runtime.workers.busy if runtime is not None else 0
            open_sockets = [transport for transport in open_sockets if transport.sock is not None]
            if not (busy or handlers or open_sockets):
                return
            if monotonic() > deadline:
                log.warning('stopped without waiting any longer: after %g s there were %d '
                            'handlers, %d requests and %d WebSockets left', timeout, handlers,
                            len(server.connections) + len(server.pool or ()), len(open_sockets))
                return
    finally:
        for transport in open_sockets:
            transport.lost()
        server.close_all()
        if engine is not None:
            engine.stopping = False


@contextlib.contextmanager
def _signals(callback: Callable[[], Any]) -> Iterator[None]:
    """Call back in the loop on SIGINT and SIGTERM instead of what Python does by default."""
    taken: list[tuple[int, Any, Any]] = []
    if gevent.get_hub().loop.default:  # signals come to the main thread
        for number, default in ((signal.SIGINT, signal.default_int_handler),
                                (signal.SIGTERM, signal.SIG_DFL)):
            if signal.getsignal(number) is default:
                taken.append((number, default, gevent.signal_handler(number, callback)))
    try:
        yield
    finally:
        for number, default, watcher in taken:
            watcher.cancel()
            signal.signal(number, default)  # the loop has left the signal to the system

"""Starting and stopping: one HTTP server for one door, ended by ``stop`` or a signal.

What the server does in between lives in ``httpd``, certificates in ``tls``.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import stat
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event

from ..config import Config, unknown_option
from ..core.session import SHUTTING_DOWN
from ..errors import ConfigError
from . import tls
from .collector import settled
from .flashpolicy import PolicyServer
from .httpd import BACKLOG, Server
from .patching import warn_if_late
from .wsgi import WSGIDoor

log = logging.getLogger('geventio')

#: Seconds that stopping may take: closing every client, disconnect handlers, requests under way.
STOP_TIMEOUT = 5.0

_SERVER_OPTIONS = {'backlog', 'environ', 'error_log', 'handler_class', 'log', 'spawn'}
#: What :func:`make_server` takes besides host and port.
OPTIONS = _SERVER_OPTIONS | tls.OPTIONS | tls.SOCKET_OPTIONS | {'log_output', 'unix_socket'}


def make_server(app: Any, host: str, port: int, door: WSGIDoor | None = None, *,
                listener: Any = None, log_output: bool = False, unix_socket: str | None = None,
                **options: Any) -> Server:
    """The HTTP server for an application, listening but not started yet.

    :param host: see :func:`listen`.
    :param port: see :func:`listen`.
    :param door: the door in the application, if it is known.
    :param listener: a socket that listens already, of :func:`listen`.
    :param log_output: whether requests are logged.
    :param unix_socket: see :func:`listen`.
    :param options: for gevent's WSGIServer: ``backlog``, ``spawn``, ``environ``, ``log``,
        ``error_log``, ``handler_class``; for TLS see :func:`~geventio.serving.tls.make_context`.
    :raises ConfigError: another option, or one that cannot be.
    :raises OSError: the address is taken (with a sentence that says so) or not ours.
    """
    for name in options:
        if name not in OPTIONS:
            raise unknown_option(name, OPTIONS)
    secure = {name: options.pop(name) for name in tls.OPTIONS & set(options)}
    secure = {name: value for name, value in secure.items() if value is not None}
    if secure:
        options['ssl_context'] = tls.make_context(**secure)
    else:
        for name in tls.SOCKET_OPTIONS:
            options.pop(name, None)
    if options.get('server_side') is False:
        raise ConfigError('server_side must be True: a server is no TLS client')
    if not log_output:
        options.setdefault('log', None)
    backlog = options.pop('backlog', None) or BACKLOG
    if listener is None:
        listener = listen(host, port, unix_socket, backlog)
    if host and listener.family != socket.AF_UNIX:  # pywsgi would ask the name service
        options['environ'] = {'SERVER_NAME': host, **(options.get('environ') or {})}
    return Server(listener, app, door, **options)


def listen(host: str, port: Any, unix_socket: str | None = None, backlog: int = BACKLOG) -> Any:
    """A listening socket.

    :param host: an address of this machine; empty for every IPv4 address; ``unix://`` and a
        path for a Unix socket.
    :param port: 0 takes a free one. A string of digits will do.
    :param unix_socket: path of a Unix socket to listen on instead of host and port; one that
        nobody listens on any more is replaced.
    :param backlog: connections the kernel keeps until they are accepted.
    :raises ConfigError: a host or port that cannot be.
    :raises OSError: the address is taken, not ours or not allowed, in a plain sentence.
    """
    path = unix_path(host, unix_socket)
    if path is not None:
        return _listen_unix(path, backlog)
    port = port_number(port)
    listener = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise OSError(error.errno, f'{host} is not an address of this machine') from None
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f'port {port} on {host} is in use by another program; '
                          'choose another port, or end that program') from None
        if error.errno == errno.EACCES:
            raise OSError(error.errno, f'this user may not listen on port {port}; choose a port '
                          'above 1023') from None
        raise
    return listener


def unix_path(host: Any, unix_socket: str | None = None) -> str | None:
    """The path to listen on, ``unix_socket`` or in a host with ``unix://``; None means TCP."""
    if not isinstance(host, str):
        raise ConfigError(f"host must be a string such as '127.0.0.1', not {host!r}")
    if unix_socket is None and host.startswith('unix://'):
        return host[len('unix://'):]
    return unix_socket


def port_number(port: Any) -> int:
    """A port as a number; from the environment it often comes as a string."""
    number = int(port) if isinstance(port, str) and port.isascii() and port.isdigit() else port
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 65535:
        raise ConfigError(f'port must be a number from 0 to 65535, not {port!r}')
    return number


def _listen_unix(path: str, backlog: int) -> Any:
    listener = socket.socket(socket.AF_UNIX)
    try:
        remove_unix(path)
        listener.bind(path)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f'{path} is in use by another program, or not a socket; '
                          'choose another path') from None
        raise OSError(error.errno, f'cannot listen on the Unix socket {path}: {error}') from None
    return listener


def remove_unix(path: str) -> None:
    """Remove a Unix socket on which nobody listens."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(path) == errno.ECONNREFUSED:
                    os.unlink(path)


def run(owner: Any, app: Any, host: str, port: int, *, stop_timeout: float = STOP_TIMEOUT,
        started: Callable[[Server], Any] | None = None, **options: Any) -> None:
    """Serve until ``stop(owner)``, SIGINT or SIGTERM.

    A signal for which the application has a handler of its own is left to it. Stopping ends every
    session with ``server shutting down``.

    :param owner: a door, or has one as ``server``; gets ``wsgi_server`` while it serves.
    :param stop_timeout: seconds that stopping may take.
    :param started: called with the server as soon as clients are accepted.
    :param options: see :func:`make_server`.
    :raises OSError: the address is taken (with a sentence that says so) or not ours.
    :raises ConfigError: a wrong option.
    :raises RuntimeError: it is running already.
    """
    if getattr(owner, 'wsgi_server', None) is not None:
        raise RuntimeError(f'the server is running already, on {owner.wsgi_server.address}: call '
                           'stop() first, or use another object for a second server')
    door = owner if isinstance(owner, WSGIDoor) else owner.server
    server = make_server(app, host, port, door, **options)
    over = owner._stopped = Event()
    owner.wsgi_server = server  # from here on stop() may come
    warn_if_late()
    beside = None
    try:
        with _signals(over.set), settled():
            try:
                server.start()
                beside = _answer_flash(server, door.gateway.config)
                if started is not None:
                    started(server)
                over.wait()
            finally:
                if beside is not None:
                    beside.stop(timeout=0)
                shut_down(server, stop_timeout)
    except KeyboardInterrupt:  # before the handlers were there, or from a handler of its own
        pass
    finally:
        owner.wsgi_server = None
        path = unix_path(host, options.get('unix_socket'))
        if path is not None:
            remove_unix(path)


def _answer_flash(server: Server, config: Config) -> PolicyServer | None:
    """Serve ``flash_policy_port`` beside a server, if that is wanted and can be."""
    if config.flash_policy_port is None or not isinstance(server.address, tuple):
        return None
    try:
        listener = listen(server.address[0], config.flash_policy_port)
    except OSError as error:
        log.warning('nobody answers Flash clients on flash_policy_port: %s', error.strerror)
        return None
    beside = PolicyServer(listener, config, server.server_port)
    beside.start()
    return beside


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
            busy = server.close_idle() or engine is not None and bool(engine.sessions)
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
    taken: list[tuple[signal.Signals, Any, Any]] = []
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

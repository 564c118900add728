"""Starting and stopping: one HTTP server for one door, ended by ``stop`` or a signal."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import threading
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import get_hub

from ..core.session import SHUTTING_DOWN
from .httpd import Server

log = logging.getLogger('geventio')

#: Seconds that closing every client may take.
STOP_TIMEOUT = 5.0


def make_server(app: Any, host: str, port: int, *, log_output: bool = False,
                unix_socket: str | None = None, **options: Any) -> Server:
    """The HTTP server for an application, not started yet.

    :param log_output: whether requests are logged.
    :param unix_socket: path of a Unix socket to listen on instead of host and port.
    :param options: for gevent's WSGIServer: ``keyfile``, ``certfile``, ``ssl_context``,
        ``backlog``, ``spawn``, ``environ``, ``log``, ``error_log``.
    """
    if not log_output:
        options.setdefault('log', None)
    listener: Any = (host, port)
    if unix_socket is not None:
        listener = _unix_listener(unix_socket)
    return Server(listener, app, **options)


def _unix_listener(path: str) -> Any:
    import os

    from gevent import socket

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener.bind(path)
    listener.listen(1024)
    return listener


def run(owner: Any, app: Any, host: str, port: int, **options: Any) -> None:
    """Serve until ``stop(owner)``, SIGINT or SIGTERM.

    :param owner: has ``engine``; gets ``wsgi_server`` while it serves.
    :raises OSError: the address is taken (with a sentence that says so) or not ours.
    """
    server = make_server(app, host, port, **options)
    try:
        server.init_socket()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f'port {port} on {host} is in use by another program; '
                          'choose another port') from None
        raise
    owner.wsgi_server = server
    over = owner._stopped = Event()
    handlers = _on_signals(over.set)
    try:
        server.start()
        over.wait()
    except KeyboardInterrupt:
        pass
    finally:
        shut_down(owner.engine, server)
        for handler in handlers:
            handler.cancel()
        owner.wsgi_server = None


def stop(owner: Any) -> None:
    """Make ``run`` return, from any greenlet or thread.

    :raises RuntimeError: it is not running.
    """
    server = getattr(owner, 'wsgi_server', None)
    if server is None:
        raise RuntimeError('the server is not running')
    if get_hub() is owner.engine.runtime.hub if owner.engine.runtime is not None else True:
        owner._stopped.set()
    else:
        owner.engine.runtime.loop.run_callback_threadsafe(owner._stopped.set)


def shut_down(engine: Any, server: Any) -> None:
    """Stop accepting, end every session, and wait a bounded time for their goodbyes."""
    engine.stopping = True
    if server is not None:
        server.close()
    engine.close_all(SHUTTING_DOWN)
    deadline = gevent.Timeout(STOP_TIMEOUT)
    deadline.start()
    try:
        runtime = engine.runtime
        while runtime is not None and runtime.workers.busy:  # disconnect handlers
            gevent.sleep(0.01)
        gevent.sleep(0.05)  # close frames leave
        if server is not None:
            server.stop(timeout=1)
    except gevent.Timeout as expired:
        if expired is not deadline:
            raise
        log.warning('handlers were still running %g s after the stop', STOP_TIMEOUT)
    finally:
        deadline.close()
        engine.stopping = False


def _on_signals(callback: Any) -> list[Any]:
    if threading.current_thread() is not threading.main_thread():
        return []
    return [gevent.signal_handler(number, callback)
            for number in (signal.SIGTERM, signal.SIGINT)]

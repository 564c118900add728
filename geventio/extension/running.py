"""``SocketIO.run``: what it takes, debugging, and whether this process is the one that serves.

Shared with the command ``flask run``. The server itself is in ``serving.running``, restarting in
``reloader``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from flask.cli import ScriptInfo
from werkzeug.debug import DebuggedApplication
from werkzeug.serving import get_interface_ip, is_running_from_reloader

from ..config import unknown_option
from ..errors import ConfigError
from ..serving import tls
from ..serving.running import (
    OPTIONS,
    STOP_TIMEOUT,
    listen,
    port_number,
    remove_unix,
    run,
    stop,
    unix_path,
)
from . import reloader
from .reloader import Reloader, inherited_listener

if TYPE_CHECKING:
    from .extension import SocketIO

_OWN_OPTIONS = {'allow_unsafe_werkzeug', 'debug', 'extra_files', 'log_output', 'reloader_options',
                'use_debugger', 'use_reloader'}


def serve(socketio: SocketIO, app: Any, host: str | None = None, port: Any = None,
          **options: Any) -> None:
    """Serve an application until ``stop``, SIGINT or SIGTERM; see ``SocketIO.run``.

    :param options: ``debug`` (by default as the application has it); by default as ``debug``:
        ``log_output``, ``use_reloader`` and ``use_debugger``; ``extra_files`` and
        ``reloader_options`` for :class:`~geventio.extension.reloader.Reloader`; those of
        :func:`~geventio.serving.running.make_server`. ``allow_unsafe_werkzeug`` is accepted and
        not needed.
    :raises ConfigError: a wrong option.
    :raises OSError: the address is taken or not ours.
    :raises RuntimeError: it is running already.
    """
    if _being_loaded():
        click.secho(" * Ignoring a call to 'socketio.run()' that would hold up the 'flask' command "
                    "while it loads the application.\n   Put it under 'if __name__ == "
                    '"__main__":\'.', fg='red', err=True)
        return
    for name in options:
        if name not in OPTIONS | _OWN_OPTIONS:
            raise unknown_option(name, OPTIONS | _OWN_OPTIONS | {'host', 'port'})
    if not hasattr(app, 'wsgi_app') or not hasattr(app, 'config'):
        raise ConfigError(f'run() takes the Flask application first, not {app!r}')
    if socketio.server is None or socketio.app is not app:
        socketio.init_app(app)
    host = '127.0.0.1' if host is None else host
    port = port_number(_port(app) if port is None else port)
    options.pop('allow_unsafe_werkzeug', None)
    app.debug = debug = bool(options.pop('debug', app.debug))
    debugger = options.pop('use_debugger', debug)
    options.setdefault('log_output', debug)
    reload = options.pop('use_reloader', debug)
    watching = dict(options.pop('reloader_options', None) or {})
    extra_files = options.pop('extra_files', None)
    if extra_files:
        watching['extra_files'] = extra_files
    if reload and not is_running_from_reloader():
        _supervise(Reloader(watching), host, port, options)
    with _debugging(socketio.server, host) if debugger else contextlib.nullcontext():
        _serve(socketio, app, host, port, Reloader(watching) if reload else None, options)


def _being_loaded() -> bool:
    """Whether a ``flask`` command is importing the application at this moment."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code is ScriptInfo.load_app.__code__:
            return True
        frame = frame.f_back
    return False


def _port(app: Any) -> int:
    """The port of ``SERVER_NAME``, or 5000."""
    port = (app.config.get('SERVER_NAME') or '').rpartition(':')[2]
    return int(port) if port.isascii() and port.isdigit() else 5000


def _supervise(watcher: Reloader, host: str, port: int, options: dict[str, Any]) -> None:
    """Hold the address while children serve; ends the process with the last of them."""
    path = unix_path(host, options.get('unix_socket'))
    listener = listen(host, port, path, **{
        name: options[name] for name in ('backlog',) if options.get(name)})
    try:
        if options['log_output']:
            secure = any(options.get(name) is not None for name in tls.OPTIONS)
            announce(listener.getsockname(), secure)
        status = watcher.supervise(listener)
    finally:
        listener.close()
        if path is not None:
            remove_unix(path)
    sys.exit(status)


def _serve(socketio: SocketIO, app: Any, host: str, port: int, watcher: Reloader | None,
           options: dict[str, Any]) -> None:
    """Serve in this process."""
    path = unix_path(host, options.get('unix_socket'))
    server = socketio.server
    if server.runtime is not None:
        socketio._start_pushes(server)

    def started(server: Any) -> None:
        if options['log_output'] and not is_running_from_reloader():
            announce(server.address, server.ssl_enabled)

    if watcher is not None:
        watcher.watch(lambda: stop(socketio))
    try:
        run(socketio, app, host, port, listener=inherited_listener(port, path), started=started,
            stop_timeout=STOP_TIMEOUT if watcher is None else reloader.STOP_TIMEOUT, **options)
    finally:
        for push in socketio._pushes:
            push.pause()
    if watcher is not None:
        watcher.leave()


@contextlib.contextmanager
def _debugging(server: Any, host: str) -> Iterator[None]:
    """Put Werkzeug's debugger between the door and the application."""
    app = server.app
    server.app = debugged = DebuggedApplication(app, evalex=True)
    hosts: list[str] | None = getattr(debugged, 'trusted_hosts', None)  # since Werkzeug 3.0.3
    if hosts is not None:
        hosts.append(host)
    try:
        yield
    finally:
        server.app = app


def announce(address: Any, secure: bool) -> None:
    """Tell on standard error where the server is.

    :param address: what it listens on, as of ``getsockname``.
    :param secure: whether it speaks TLS.
    """
    if isinstance(address, (str, bytes)):
        lines = [f' * Running on unix://{os.fsdecode(address)}']
    else:
        host, port = address[:2]
        lines = []
        hosts = [host]
        if host == '0.0.0.0':
            hosts = ['127.0.0.1', get_interface_ip(socket.AF_INET)]
        elif host == '::':
            hosts = ['::1', get_interface_ip(socket.AF_INET6)]
        if len(hosts) > 1:
            lines.append(f' * Running on all addresses ({host})')
        scheme = 'https' if secure else 'http'
        lines += [f' * Running on {scheme}://[{name}]:{port}' if ':' in name
                  else f' * Running on {scheme}://{name}:{port}' for name in dict.fromkeys(hosts)]
    click.echo('\n'.join([*lines, 'Press CTRL+C to quit']), err=True)

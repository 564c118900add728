"""The application that hostile clients are let loose on, run as its own process.

``python hostile_app.py PORT [JSON OPTIONS]`` serves it on the loopback address until SIGTERM; the
options go to ``SocketIO`` unchanged. Besides the Socket.IO handlers it has plain views that show
the process from within: what is still alive, and what handlers were made to run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from flask import Flask, request

from geventio import SocketIO

PAGE_SIZE = os.sysconf('SC_PAGE_SIZE')

#: What ran, in order: ``[name, ...]``; read and emptied by ``/_seen``.
seen: list[list[Any]] = []


def create_app(options: dict[str, Any]) -> tuple[Flask, SocketIO]:
    """The Flask app and its SocketIO, with handlers on ``/``, ``/chat`` and ``/refuse``."""
    app = Flask(__name__)
    socketio = SocketIO(app, **options)
    add_views(app, socketio)
    for namespace in ('/', '/chat'):
        add_handlers(socketio, namespace)

    @socketio.on('connect', namespace='/refuse')
    def refuse() -> bool:
        return False

    return app, socketio


def add_views(app: Flask, socketio: SocketIO) -> None:
    """The views under ``/_``."""

    @app.get('/_counts')
    def counts() -> dict[str, float]:
        with open('/proc/self/statm') as statm:
            resident = int(statm.read().split()[1]) * PAGE_SIZE
        return {
            **socketio.server.stats(),
            'fds': len(os.listdir('/proc/self/fd')),
            'rss': resident,
            'cpu': time.process_time(),
        }

    @app.get('/_seen')
    def take() -> list[list[Any]]:
        taken = seen[:]
        seen.clear()
        return taken

    @app.route('/_mark', methods=['GET', 'POST'])
    def mark() -> str:
        seen.append(['mark', request.method])
        return 'marked'

    @app.post('/_unread')
    def unread() -> tuple[str, int]:
        return 'not read', 401


def add_handlers(socketio: SocketIO, namespace: str) -> None:
    """Handlers that note each call; ``echo`` also answers with its arguments."""

    @socketio.on('connect', namespace=namespace)
    def connect() -> None:
        seen.append(['connect', namespace])

    @socketio.on('disconnect', namespace=namespace)
    def disconnect(reason: str) -> None:
        seen.append(['disconnect', namespace, reason])

    @socketio.on('echo', namespace=namespace)
    def echo(*args: Any) -> tuple[Any, ...]:
        return args

    @socketio.on('*', namespace=namespace)
    def other(event: Any, *args: Any) -> None:
        seen.append(['event', event, repr(args)[:100]])


def main() -> None:
    """Serve on the port of the command line."""
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    app, socketio = create_app(options)
    socketio.run(app, host='127.0.0.1', port=int(sys.argv[1]))


if __name__ == '__main__':
    main()

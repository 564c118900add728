"""Runs the demo site: `python -m demo_app`."""
from __future__ import annotations

import argparse
import errno
import sqlite3
import sys

from demo_app import create_app, socketio


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError('a port is a number from 1 to 65535')
    return port


def main() -> int | str:
    """Serve until interrupted; returns what the process exits with."""
    parser = argparse.ArgumentParser(prog='python -m demo_app', description='The demo site.')
    parser.add_argument('--host', default='127.0.0.1',
                        help='address to listen on (default: %(default)s, this machine only)')
    parser.add_argument('--port', type=_port, default=5000, help='default: %(default)s')
    parser.add_argument('--db', metavar='PATH',
                        help='SQLite file of the history (default: instance/demo.sqlite3)')
    options = parser.parse_args()
    try:
        app = create_app(options.db)
    except (OSError, sqlite3.Error) as error:
        return f'Cannot keep the history in {options.db or "the instance folder"}: {error}.'
    # Runs as soon as the server does, so not at all when the port is taken.
    socketio.start_background_task(
        print, f'Open http://{options.host}:{options.port}/ (Ctrl+C stops it)', flush=True)
    try:
        socketio.run(app, host=options.host, port=options.port)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f'Port {options.port} is already in use; choose another one with --port.'
        return f'Cannot listen on {options.host}, port {options.port}: {error.strerror}.'
    return 0


if __name__ == '__main__':
    sys.exit(main())

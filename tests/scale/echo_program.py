"""One application for two packages: ``echo_program.py geventio|flask_socketio PORT``."""

from __future__ import annotations

import importlib
import sys
import time

from flask import Flask


def main(module: str, port: int) -> None:
    app = Flask(__name__)
    socketio = importlib.import_module(module).SocketIO(app, async_mode='gevent')

    @socketio.on('echo')
    def echo(data):
        return data

    @socketio.on('cpu')
    def cpu():
        return time.process_time()

    socketio.run(app, host='127.0.0.1', port=port)


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]))

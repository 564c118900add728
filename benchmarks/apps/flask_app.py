"""The measured application, written once: only the package that it imports differs.

usage: python -m benchmarks.apps.flask_app geventio|flask_socketio PORT
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from flask import Flask, request, session

package = importlib.import_module(sys.argv[1])
port = int(sys.argv[2])

app = Flask(__name__)
app.secret_key = 'benchmark'
socketio = package.SocketIO(app)


@socketio.on('connect')
def connect() -> None:
    package.join_room('all')


@socketio.on('bcast')
def bcast(data: Any) -> None:
    package.emit('msg', data, to='all')


@socketio.on('echo')
def echo(data: Any) -> Any:
    return data


@socketio.on('context')
def context(data: Any) -> Any:
    return {**data, 'sid': request.sid, 'user': session['user']}


@app.get('/login/<user>')
def login(user: str) -> str:
    session['user'] = user
    return 'welcome'


if __name__ == '__main__':
    if socketio.async_mode != 'gevent':
        sys.exit(f'{package.__name__} chose {socketio.async_mode}, not gevent')
    socketio.run(app, host='127.0.0.1', port=port)

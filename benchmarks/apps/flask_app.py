"""The measured application, written once: only the package that it imports differs.

usage: python -m benchmarks.apps.flask_app geventio|flask_socketio [--without PACKAGE]
           [--dialects all] PORT
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from flask import Flask, request, session

parser = argparse.ArgumentParser(description='The measured application.')
parser.add_argument('module', choices=['geventio', 'flask_socketio'])
parser.add_argument('port', type=int)
parser.add_argument(
    '--without',
    metavar='PACKAGE',
    action='append',
    default=[],
    help='as if that were not installed',
)
parser.add_argument('--dialects', help='those that geventio serves, if not its default')
options = parser.parse_args()
for name in options.without:
    sys.modules[name] = None  # type: ignore[assignment]

package = importlib.import_module(options.module)
app = Flask(__name__)
app.secret_key = 'benchmark'
further = {'dialects': options.dialects} if options.dialects else {}
socketio = package.SocketIO(app, **further)


@socketio.on('connect')
def connect() -> None:
    package.join_room('all')


@socketio.on('connect', namespace='/session')
def connect_session() -> None:
    package.join_room(session['user'])


@socketio.on('bcast')
def bcast(data: Any) -> None:
    package.emit('msg', data, to='all')


@socketio.on('tell')
def tell(data: Any) -> None:
    package.emit('told', data)


@socketio.on('join')
def join(room: str) -> str:
    package.join_room(room)
    return room


@socketio.on('say')
def say(room: str, data: Any) -> None:
    package.emit('said', data, to=room)


@socketio.on('echo')
def echo(data: Any) -> Any:
    return data


@socketio.on('context')
def context(data: Any) -> Any:
    return {**data, 'sid': request.sid, 'user': session['user']}


@socketio.on('upload')
def upload(data: Any) -> tuple[str, int, str]:
    return data['n'], len(data['p']), data['p'][-10:]


@app.get('/login/<user>')
def login(user: str) -> str:
    session['user'] = user
    return 'welcome'


if __name__ == '__main__':
    if socketio.async_mode != 'gevent':
        sys.exit(f'{package.__name__} chose {socketio.async_mode}, not gevent')
    socketio.run(app, host='127.0.0.1', port=options.port)

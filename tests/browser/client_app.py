"""A small application for the tests of the browser client: run with a port as the argument."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory

from geventio import ConnectionRefusedError, SocketIO, disconnect, emit

STATIC = Path(__file__).resolve().parents[2] / 'static'

app = Flask(__name__)
socketio = SocketIO(app, max_http_buffer_size=200_000)


@app.get('/')
def page() -> str:
    return '<!doctype html><title>client</title><script src="/geventio.js"></script>'


@app.get('/geventio.js')
def client() -> Response:
    return send_from_directory(STATIC, 'geventio.js')


@socketio.on('echo')
@socketio.on('echo', namespace='/one')
def echo(*args: Any) -> Any:
    emit('echoed', args)
    return args


@socketio.on('ask me')
def ask_me(question: Any) -> None:
    emit('question', question, callback=lambda *answer: emit('you said', answer))


@socketio.on('throw me out')
def throw_me_out() -> None:
    disconnect()


@socketio.on('connect', namespace='/private')
def connect_private(auth: Any = None) -> None:
    if auth != {'token': 'right'}:
        raise ConnectionRefusedError('wrong token', {'hint': 'right'})


@socketio.on('who', namespace='/private')
def who() -> list[str]:
    return [request.namespace, request.args['colour']]


if __name__ == '__main__':
    socketio.run(app, port=int(sys.argv[1]))

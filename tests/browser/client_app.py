"""A small application for the tests of the browser client: run with a port as the argument."""
from __future__ import annotations

import sys
from typing import Any

from flask import Flask, request

from geventio import ConnectionRefusedError, SocketIO, disconnect, emit

PAGE = '<!doctype html><title>client</title>'

app = Flask(__name__)
# the frame in which the client runs the scripts of JSONP has the origin 'null'
socketio = SocketIO(app, max_http_buffer_size=200_000, cors_allowed_origins='*')


@app.get('/script/<name>')
def script_page(name: str) -> str:
    return f'{PAGE}<script src="/socket.io/{name}"></script>'


@app.get('/module/<name>')
def module_page(name: str) -> str:
    return f"""{PAGE}<script type="module">
        import standard, * as names from '/socket.io/{name}';
        window.imported = {{standard, ...names}};
    </script>"""


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

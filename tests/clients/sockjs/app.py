"""The application that the SockJS client talks to: ``python -m tests.clients.sockjs.app PORT``.

It serves pages of the origins 127.0.0.1 and localhost, and the client itself. Those of another
process, on another port, are of a foreign origin.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from flask import Flask, Response, request, send_from_directory
from gevent.event import AsyncResult

from geventio import SocketIO, disconnect, emit, join_room, send

FOLDER = Path(__file__).parent
CLIENT = FOLDER / 'node_modules' / 'sockjs-client' / 'dist'
#: Small enough that streams end several times in a trial.
RESPONSE_LIMIT = 20_000
#: Short, because a script cannot be given up: its poll is held until a heartbeat answers it.
PING_INTERVAL = 0.5
#: Short as well: until then a client that left between two polls is expected back.
DISCONNECT_DELAY = 2


def create_app(port: int) -> tuple[Flask, SocketIO]:
    app = Flask(__name__)
    socketio = SocketIO(
        app, dialects=['sockjs'], sockjs_client_url='/sockjs.js', response_limit=RESPONSE_LIMIT,
        ping_interval=PING_INTERVAL, disconnect_delay=DISCONNECT_DELAY,
        cors_allowed_origins=[f'http://127.0.0.1:{port}', f'http://localhost:{port}'])
    names: dict[str, str] = {}
    reasons: defaultdict[str, AsyncResult] = defaultdict(AsyncResult)

    @app.get('/')
    def page() -> str:
        return ('<!doctype html><title>SockJS</title><script src="/sockjs.js"></script>'
                '<script src="/trial.js"></script>')

    @app.get('/sockjs.js')
    def client() -> Response:
        return send_from_directory(CLIENT, 'sockjs.js')

    @app.get('/trial.js')
    def trial() -> Response:
        return send_from_directory(FOLDER, 'trial.js')

    @app.get('/left/<name>')
    def left(name: str) -> tuple[str, dict[str, str]]:
        return reasons[name].get(timeout=20), {'Access-Control-Allow-Origin': '*'}

    @socketio.on('name')
    def name_client(name: str) -> None:
        names[request.sid] = name
        emit('named', (name, socketio.server.transport(request.sid)))

    @socketio.on('message')
    def echo(text: str) -> None:
        send(text)

    @socketio.on('join')
    def join(room: str) -> None:
        join_room(room)
        emit('joined', room)

    @socketio.on('tell')
    def tell(room: str, data: object) -> None:
        emit('told', data, to=room)

    @socketio.on('burst')
    def burst(count: int) -> None:
        for number in range(count):
            send(f'burst {number}')

    @socketio.on('close')
    def close() -> None:
        send('last words')
        disconnect()

    @socketio.on('disconnect')
    def gone(reason: str) -> None:
        reasons[names.pop(request.sid, '')].set(reason)

    return app, socketio


if __name__ == '__main__':
    number = int(sys.argv[1])
    application, server = create_app(number)
    server.run(application, host='127.0.0.1', port=number)

"""A small application for pages with the official client of Socket.IO 0.9: run with a port."""
from __future__ import annotations

import sys
from typing import Any

from flask import Flask, send_from_directory

from geventio import SocketIO, disconnect, emit, join_room, send

from ..clients.harness import FOLDER

PAGE = '<!doctype html><meta charset="utf-8"><title>0.9</title><script src="/client.js"></script>'

app = Flask(__name__)
socketio = SocketIO(app, dialects=['eio4', 'sio09'])


@app.get('/')
def page() -> str:
    return PAGE


@app.get('/client.js')
def client() -> Any:
    return send_from_directory(FOLDER / 'node_modules' / 'sio09' / 'dist', 'socket.io.js')


@socketio.on('message')
def message(*args: Any) -> None:
    send(*args)


@socketio.on('echo')
@socketio.on('echo', namespace='/chat')
def echo(*args: Any) -> Any:
    emit('echoed', args)
    return args


@socketio.on('ask me')
def ask_me(question: Any) -> None:
    emit('question', question, callback=lambda *answer: emit('you said', answer))


@socketio.on('join')
def join(room: str) -> str:
    join_room(room)
    return 'joined'


@socketio.on('say')
def say(room: str, text: str) -> None:
    emit('said', text, to=room)


@socketio.on('burst')
def burst(count: int) -> None:
    for number in range(count):
        emit('number', number)


@socketio.on('throw me out')
def throw_me_out() -> None:
    disconnect()


@socketio.on('connect', namespace='/private')
def connect_private() -> bool:
    return False


if __name__ == '__main__':
    socketio.run(app, port=int(sys.argv[1]))

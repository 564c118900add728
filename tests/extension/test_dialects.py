"""Flask's request and session in handlers, whatever dialect the client speaks."""

from __future__ import annotations

import json

import pytest
from flask import Flask, g, request, session
from gevent.event import AsyncResult

from geventio import SocketIO, UnsupportedError, call, emit, join_room, send

TIMEOUT = 5


@pytest.fixture
def server(host):
    app = Flask(__name__)
    app.secret_key = 'test'
    socketio = SocketIO(app, dialects=['websocket', 'sse', 'eio4'])
    socketio.left = AsyncResult()

    @app.get('/login')
    def login():
        session['name'] = 'Ann'
        return 'welcome'

    @socketio.on('connect')
    def connect():
        join_room(request.args.get('team', 'none'))
        return session.get('name') != 'Eve'

    @socketio.on('who')
    def who():
        g.seen = session.get('name')
        emit('you', (g.seen, request.args.get('team'), request.headers['X-Board'], request.path))

    @socketio.on('message')
    def message(text):
        send(text.upper(), to=request.args['team'])

    @socketio.on('ask me')
    def ask_me():
        try:
            call('question', timeout=TIMEOUT)
        except UnsupportedError as error:
            emit('cannot', str(error).partition(' cannot')[2])

    @socketio.on('disconnect')
    def disconnect(reason):
        socketio.left.set((reason, session.get('name'), request.args.get('team')))

    server = host(socketio.server, app)
    server.socketio = socketio
    return server


@pytest.fixture
def cookie(server):
    answer = server.connection().request('GET', '/login')
    return 'Cookie', answer.headers['set-cookie'].partition(';')[0]


def test_a_board(server, cookie):
    board = server.websocket([cookie, ('X-Board', 'esp32')], target='/ws?team=red')
    board.send('["who"]')
    assert json.loads(board.receive()) == ['you', 'Ann', 'red', 'esp32', '/ws']
    board.send('hello')
    assert board.receive() == 'HELLO'
    board.send('["ask me"]')
    assert board.receive() == '["question"]'
    assert 'plain WebSocket, has no acknowledgements' in board.receive()
    board.protocol.send_close(1000)
    board._flush()
    assert server.socketio.left.get(timeout=TIMEOUT) == ('transport close', 'Ann', 'red')


def test_a_stream_beside_a_board(server, cookie):
    stream = server.connection()
    stream.send('GET', '/events?team=red', headers=[cookie])
    board = server.websocket(target='/ws?team=red')
    board.send('hello')
    assert board.receive() == 'HELLO'
    data = b''
    while b'HELLO' not in data:
        data += stream.sock.recv(65536)
    assert data.endswith(b'data: HELLO\n\n\r\n')
    stream.close()

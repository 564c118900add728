"""A server that is sent signals and works in threads: ``signalled_app.py patched|plain``."""

from __future__ import annotations

import sys

if sys.argv[1] == 'patched':
    from gevent import monkey

    monkey.patch_all()

import signal

from flask import Flask
from gevent.monkey import get_original

from geventio import SocketIO

app = Flask(__name__)
socketio = SocketIO(app)
count = 0


def on_signal(number, frame):
    global count
    count += 1
    socketio.emit('signal', count)


signal.signal(signal.SIGUSR1, on_signal)


@socketio.on('echo')
def echo(value):
    return value


@socketio.on('count')
def count_signals():
    return count


@socketio.on('thread')
def thread(value):
    def work():
        socketio.emit('thread', value)

    get_original('threading', 'Thread')(target=work).start()


@socketio.on_start
def announce():
    print(socketio.wsgi_server.server_port, flush=True)


socketio.run(app, port=0)

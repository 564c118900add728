"""What the clients of 2010 talk to, and their pages: run with a port as the argument."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory

from geventio import SocketIO, disconnect, emit, join_room, send

PACKAGES = Path(__file__).with_name('node_modules')

# `take` gives the next thing in a list, when it is there.
PAGE = """<!doctype html><title>2010</title><body><script>
  window.take = (list, patience = 8000) => new Promise((resolve, reject) => {
    const deadline = Date.now() + patience;
    (function look() {
      if (list.length) resolve(list.shift());
      else if (Date.now() > deadline) reject(new Error('nothing came'));
      else setTimeout(look, 10);
    }());
  });
</script>"""

app = Flask(__name__)
socketio = SocketIO(app, dialects=['sio06'], polling_duration=0.5, ping_interval=0.5)


@app.get('/socket')
def socket_page() -> str:
    return f'{PAGE}<script src="/node/sio06/support/socket.io-client/socket.io.js"></script>'


@app.get('/dojo')
def dojo_page() -> str:
    return f"""{PAGE}<script>dojoConfig = {{async: true}};</script>
        <script src="/node/dojo/dojo.js"></script>"""


@app.get('/node/<path:name>')
def package(name: str) -> Response:
    return send_from_directory(PACKAGES, name)


@socketio.on('message')
def message(data: Any) -> None:
    if data == 'tick':
        join_room('ticking')
    elif data == 'how':
        send(socketio.server.transport(request.sid))  # type: ignore[attr-defined]
    elif data == 'bye':
        disconnect()
    else:
        send(data)


@socketio.on('buy')
def buy(*args: Any) -> None:
    emit('bought', args)


@socketio.every(0.1)
def push() -> None:
    """The tutorial's push, for those who want it."""
    send('The time has come', to='ticking')


if __name__ == '__main__':
    socketio.run(app, port=int(sys.argv[1]))

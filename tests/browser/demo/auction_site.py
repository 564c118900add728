"""The demo site with an auction whose clock can be set forward: run with a port as the argument.

POST to `/forward/<seconds>`: everybody is told the new time as with a bid.
"""
from __future__ import annotations

import sys
import time

from demo_app import create_app, socketio

app = create_app(':memory:')
auction = app.extensions['auction']
forward = 0.0
auction.clock = lambda: time.monotonic() + forward


@app.post('/forward/<int:seconds>')
def set_forward(seconds: int) -> str:
    global forward
    forward += seconds
    socketio.emit('auction', auction.state(), namespace='/auction')
    return ''


if __name__ == '__main__':
    socketio.run(app, port=int(sys.argv[1]))

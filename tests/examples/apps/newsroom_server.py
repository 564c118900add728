"""Runs the newsroom.

    python newsroom_server.py
"""

import os

from newsroom import create_app
from newsroom.extensions import socketio

app = create_app({'EDITION': os.environ.get('EDITION', 'morning')})

if __name__ == '__main__':
    socketio.run(app, port=int(os.environ.get('PORT', 5000)))

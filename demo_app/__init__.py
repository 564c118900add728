"""The demo site: what applications built on geventio look like.

Each page is a module with a Flask blueprint `pages` and an event blueprint `events`, on a
namespace of its own; only public names of geventio are used. This module makes the application.
"""
from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response

from demo_app import auction, chat, files, monitor, stats, visitors, whiteboard
from demo_app.store import Store
from geventio import SocketIO

MODULES = (chat, auction, whiteboard, monitor, stats)
PAGES = (('chat.page', 'Chat'), ('auction.page', 'Auction'), ('whiteboard.page', 'Whiteboard'),
         ('monitor.page', 'Monitor'), ('stats.page', 'Server figures'))

__all__ = ['create_app', 'socketio']

# Half as much again as a file: over polling it travels as base64. Event streams are for shells,
# which have no Socket.IO: the monitor's page says how.
socketio = SocketIO(max_http_buffer_size=files.MAX_FILE * 3 // 2,
                    dialects=['eio4', 'eio3', 'sse'])
for module in MODULES:
    socketio.register_blueprint(module.events)


def create_app(db: str | os.PathLike[str] | None = None) -> Flask:
    """Make the site.

    :param db: path of the SQLite file; by default `demo.sqlite3` in the instance folder, and
               `':memory:'` keeps nothing.
    """
    app = Flask(__name__)
    if db is None:
        Path(app.instance_path).mkdir(parents=True, exist_ok=True)
        db = Path(app.instance_path, 'demo.sqlite3')
    store = Store(db)
    app.secret_key = store.secret_key()
    app.config.update(SESSION_COOKIE_SAMESITE='Lax')
    app.extensions['chat'] = chat.Chat(store)
    app.jinja_env.globals['site_pages'] = PAGES
    app.before_request(visitors.remember)
    for module in MODULES:
        app.register_blueprint(module.pages)
    socketio.init_app(app)
    app.jinja_env.globals['client_url'] = socketio.client_url

    @app.after_request
    def forbid_foreign_content(response: Response) -> Response:
        # Pictures from the socket are shown from blob: addresses.
        response.headers['Content-Security-Policy'] = (
            "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
            "frame-ancestors 'none'")
        response.headers['X-Content-Type-Options'] = 'nosniff'
        return response

    return app

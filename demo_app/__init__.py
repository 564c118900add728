"""The demo chat site: what an application built on geventio looks like.

Only public names of geventio are used here. `store` keeps what outlives the process, `presence`
knows who is here now, `chat` answers the clients' events; this module makes the Flask application.
"""
from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, render_template, session

from demo_app.chat import Chat, socketio
from demo_app.store import Store

__all__ = ['create_app', 'socketio']


def create_app(db: str | os.PathLike[str] | None = None) -> Flask:
    """Make the chat site.

    :param db: path of the SQLite file; by default `chat.sqlite3` in the instance folder, and
               `':memory:'` keeps nothing.
    """
    app = Flask(__name__)
    if db is None:
        Path(app.instance_path).mkdir(parents=True, exist_ok=True)
        db = Path(app.instance_path, 'chat.sqlite3')
    store = Store(db)
    app.secret_key = store.secret_key()
    app.config.update(SESSION_COOKIE_SAMESITE='Lax')
    app.extensions['chat'] = Chat(store)
    socketio.init_app(app)

    @app.get('/')
    def index() -> str:
        # The signed cookie tells who is who: all tabs of one browser are one person.
        if 'user_id' not in session:
            session['user_id'] = store.new_user()
            session.permanent = True
        return render_template('chat.html')

    @app.after_request
    def forbid_foreign_content(response: Response) -> Response:
        response.headers['Content-Security-Policy'] = "default-src 'self'; frame-ancestors 'none'"
        response.headers['X-Content-Type-Options'] = 'nosniff'
        return response

    return app

"""Browsers, and applications that keep sessions for them: with cookies, or on the server."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing, contextmanager, nullcontext

import pytest
from flask import session

from .support import Client


class Browser:
    """Views and sockets of one application as one browser sees them, with its cookies."""

    def __init__(self, host):
        self.host = host
        self.cookies = {}

    def headers(self):
        jar = '; '.join(f'{name}={value}' for name, value in self.cookies.items())
        return [('Cookie', jar)] if jar else []

    def get(self, path):
        """What a view says."""
        connection = self.host.connection()
        response = connection.request('GET', path, headers=self.headers())
        connection.close()
        if 'set-cookie' in response.headers:
            name, value = response.headers['set-cookie'].partition(';')[0].split('=', 1)
            self.cookies[name] = value
        assert response.status == 200
        return response.json

    def socket(self, nsp='/'):
        client = Client(self.host, self.headers())
        client.connect(nsp)
        return client


class Browsers:
    """``browsers(socketio)``: a new browser; applications are served when the first one comes.

    :param host: the fixture.
    """

    def __init__(self, host):
        self._host = host
        self._hosts = {}

    def __call__(self, socketio):
        if socketio not in self._hosts:
            self._hosts[socketio] = self._host(socketio.server, socketio.app)
        return Browser(self._hosts[socketio])


def add_views(app):
    """Views that read and write the session."""
    @app.get('/read')
    def read():
        return dict(session)

    @app.get('/write/<name>/<value>')
    def write(name, value):
        session[name] = value
        return {}


def _table(cachelib, path):
    """A cache in a table of SQLite, and what closes it."""
    class Table(cachelib.BaseCache):
        def get(self, key):
            row = database.execute('select data from cache where id = ?', (key,)).fetchone()
            return row and pickle.loads(row[0])

        def set(self, key, value, timeout=None):
            database.execute('replace into cache values (?, ?)', (key, pickle.dumps(value)))
            database.commit()
            return True

        def delete(self, key):
            database.execute('delete from cache where id = ?', (key,))
            database.commit()
            return True

    database = sqlite3.connect(path)
    database.execute('create table cache (id primary key, data)')
    return Table(), closing(database)


@contextmanager
def sessions_on_server(app, kind, directory):
    """Have Flask-Session keep an application's sessions in files or in SQLite (``kind``)."""
    flask_session = pytest.importorskip('flask_session')
    cachelib = pytest.importorskip('cachelib')
    if kind == 'sqlite':
        cache, context = _table(cachelib, directory / 'sessions.db')
    else:
        cache, context = cachelib.FileSystemCache(str(directory)), nullcontext()
    with context:
        app.config.update(SESSION_TYPE='cachelib', SESSION_CACHELIB=cache)
        flask_session.Session(app)
        yield


def warnings(caplog):
    """What the library warned about."""
    return [record.getMessage() for record in caplog.records
            if record.name == 'geventio' and record.levelname == 'WARNING']

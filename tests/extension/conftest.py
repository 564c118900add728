"""One Flask application with its SocketIO for each test, served for real when clients come."""

from __future__ import annotations

import pytest
from flask import Flask

from geventio import SocketIO

from .support import Client


@pytest.fixture
def app():
    app = Flask('app_under_test')
    app.secret_key = 'key'
    return app


@pytest.fixture
def socketio(app):
    return SocketIO(app)


@pytest.fixture
def client(request, host):
    """``client(socketio)``: a new client of its server, in no namespace yet."""
    hosts = {}

    def make(socketio=None, headers=(), **query):
        if socketio is None:
            socketio = request.getfixturevalue('socketio')
        server = socketio.server
        if server not in hosts:
            hosts[server] = host(server, socketio.app)
        return Client(hosts[server], headers, **query)

    return make


@pytest.fixture
def joined(client):
    """A client in ``/``, of the fixture ``socketio`` or another one."""

    def make(*args, **query):
        made = client(*args, **query)
        made.connect()
        return made

    return make

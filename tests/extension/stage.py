"""Servers of this library and of Flask-SocketIO, and clients that come to either."""

from __future__ import annotations

import warnings
from urllib.parse import urlencode

import flask_socketio
from flask import Flask
from gevent import pywsgi

import geventio
from geventio.extension.reach.liveview import LiveView
from geventio.serving.httpd import Server as HTTPServer
from geventio.serving.running import shut_down

from ..conftest import WebSocket
from .support import Client

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    from geventwebsocket.handler import WebSocketHandler


class Stage:
    """One server and the clients that came to it.

    :ivar socketio: the SocketIO object.
    :ivar server: what it has as ``server``.
    """

    def __init__(self, socketio, http):
        self.socketio = socketio
        self.server = socketio.server
        self.address = ('127.0.0.1', http.server_port)
        self.clients = {}
        self._open = []

    def websocket(self, headers=(), **query):
        websocket = WebSocket(self.address, '/socket.io/?' + urlencode(query), headers)
        self._open.append(websocket)
        return websocket

    def new(self, name, **query):
        """A client in no namespace; ``name`` stands for its ids in results."""
        client = self.clients[name] = Client(self, **query)
        return client

    def join(self, *names, nsp='/'):
        """Clients by their names, made where they are not there yet, in a namespace."""
        clients = [self.clients.get(name) or self.new(name) for name in names]
        for client in clients:
            client.connect(nsp)
        return clients if len(clients) > 1 else clients[0]

    def label(self, value):
        """A result with the names of the clients in the place of their ids."""
        ids = {}
        for name, client in self.clients.items():
            ids[client.engine_sid] = f'connection of {name}'
            ids.update(dict.fromkeys(client.sids.values(), name))

        def clean(value):
            if isinstance(value, dict | LiveView) or hasattr(value, 'inverse'):
                return {clean(key): clean(item) for key, item in value.items()}
            if isinstance(value, list | tuple):
                return type(value)(map(clean, value))
            if isinstance(value, set):
                return set(map(clean, value))
            return ids.get(value, value) if isinstance(value, str) else value

        return clean(value)

    def close(self):
        for websocket in self._open:
            websocket.close()


def here(app, **options):
    """A server of this library: its SocketIO object, the HTTP server, and what stops it."""
    socketio = geventio.SocketIO(app, **options)
    http = HTTPServer(('127.0.0.1', 0), socketio.server, log=None, error_log=None)
    return socketio, http, lambda: shut_down(http, 5)


def there(app, **options):
    """The same of Flask-SocketIO."""
    socketio = flask_socketio.SocketIO(app, async_mode='gevent', **options)
    http = pywsgi.WSGIServer(('127.0.0.1', 0), app, log=None, error_log=None,
                             handler_class=WebSocketHandler)
    return socketio, http, lambda: http.stop(timeout=1)


def on_stage(library, **options):
    """Serve with a library and end it; a generator for fixtures."""
    socketio, http, stop = library(Flask('app_under_test'), **options)
    http.start()
    stage = Stage(socketio, http)
    yield stage
    stage.close()
    stop()


def in_room(stage, room, *clients):
    """Put clients into a room of ``/``."""
    for client in clients:
        stage.server.enter_room(client.sid, room)

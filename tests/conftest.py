"""Fixtures for servers in this process: gevent serves while the test talks over real sockets.

The raw client parses HTTP with h11 and WebSocket with the ``websockets`` package, so that nothing
of geventio judges itself.
"""

from __future__ import annotations

import gc
import json
import signal
from urllib.parse import urlencode

import h11
import pytest
from gevent import socket
from gevent.event import Event
from hypothesis import HealthCheck, settings
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from geventio import EngineServer, Server
from geventio.serving.httpd import Server as HTTPServer
from geventio.serving.running import shut_down

from .waiting import until

# The machine that runs the tests may be busy: how long an example takes says nothing.
settings.register_profile('patient', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('patient')

# A shell that starts the tests in the background has them ignore this signal, and with them every
# server they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TIMEOUT = 5


def host_of(address):
    """What the Host header says."""
    return f'{address[0]}:{address[1]}'


class Response:
    """An answer: ``status``, ``headers`` (lower-case dict) and ``body``."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Connection:
    """One TCP connection that speaks HTTP/1.1."""

    def __init__(self, address):
        self.address = address
        self.sock = socket.create_connection(address, timeout=TIMEOUT)
        self.http = h11.Connection(h11.CLIENT)

    def send(self, method, target, body=b'', headers=()):
        if self.http.our_state is h11.DONE:
            self.http.start_next_cycle()
        fields = [('Host', host_of(self.address)), *headers]
        if body or method == 'POST':
            fields.append(('Content-Length', str(len(body))))
        data = self.http.send(h11.Request(method=method, target=target, headers=fields))
        data += self.http.send(h11.Data(data=body)) if body else b''
        data += self.http.send(h11.EndOfMessage())
        self.sock.sendall(data)

    def receive(self):
        status, headers, body = None, {}, b''
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                self.http.receive_data(self.sock.recv(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return Response(status, headers, body)

    def request(self, *args, **options):
        self.send(*args, **options)
        return self.receive()

    def close(self):
        self.sock.close()


class WebSocket:
    """A WebSocket client over ``websockets``' protocol object."""

    def __init__(self, address, target, headers=(), extensions=None):
        host = host_of(address)
        self.sock = socket.create_connection(address, timeout=TIMEOUT)
        self.protocol = ClientProtocol(parse_uri(f'ws://{host}{target}'), extensions=extensions)
        request = self.protocol.connect()
        for name, value in headers:
            request.headers[name] = value
        self.protocol.send_request(request)
        self._flush()
        self._events = []
        self.response = self._next()

    def _flush(self):
        for data in self.protocol.data_to_send():
            if data:
                self.sock.sendall(data)
            else:
                self.sock.shutdown(socket.SHUT_WR)

    def _next(self):
        while not self._events:
            data = self.sock.recv(65536)
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()
                self._events += self.protocol.events_received()
                if not self._events:
                    return None
            self._events += self.protocol.events_received()
            self._flush()
        return self._events.pop(0)

    def receive(self):
        """The next message: str or bytes; None when the connection has ended."""
        while True:
            event = self._next()
            if event is None or getattr(event, 'opcode', None) is Opcode.CLOSE:
                return None
            if event.opcode is Opcode.TEXT:
                return event.data.decode()
            if event.opcode is Opcode.BINARY:
                return bytes(event.data)

    def receive_until_closed(self):
        """Everything up to the close frame, and its (code, reason)."""
        messages = []
        while (message := self.receive()) is not None:
            messages.append(message)
        close = self.protocol.close_rcvd
        return messages, ((close.code, close.reason) if close else (None, None))

    def send(self, data):
        if isinstance(data, str):
            self.protocol.send_text(data.encode())
        else:
            self.protocol.send_binary(data)
        self._flush()

    def send_raw(self, data):
        self.sock.sendall(data)

    def close(self):
        self.sock.close()


class Echo(EngineServer):
    """Sends back what it gets; remembers why clients left."""

    def __init__(self, **options):
        super().__init__(**options)
        self.reasons = []
        self.left = Event()
        self.on('message', lambda sid, data: self.send(sid, data))
        self.on('disconnect', self._disconnect)

    def _disconnect(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


class Host:
    """A server under test and ways to talk to it."""

    def __init__(self, http, owner):
        self.http = http
        self.owner = owner
        self.address = ('127.0.0.1', http.server_port)
        self.path = owner.engine.config.engine_path
        self._open = []

    def keep(self, thing):
        """Have something closed at the end of the test."""
        self._open.append(thing)
        return thing

    def connection(self):
        return self.keep(Connection(self.address))

    def target(self, **query):
        return self.path + '?' + urlencode(query)

    def request(self, method='GET', body=b'', headers=(), **query):
        """One request on a connection of its own."""
        connection = self.connection()
        try:
            return connection.request(method, self.target(**query), body=body, headers=headers)
        finally:
            connection.close()

    def websocket(self, headers=(), extensions=None, target=None, **query):
        """A WebSocket to the server's own path, or to another ``target``."""
        target = target or self.target(**query)
        return self.keep(WebSocket(self.address, target, headers, extensions))

    @property
    def sessions(self):
        return self.owner.engine.sessions

    def settle(self):
        """Let the loop do what it has to do until every session is gone."""
        until(lambda: not self.sessions)
        gc.collect()

    def close(self):
        for thing in self._open:
            thing.close()


class Outer:
    """Middleware that could do anything: what stands behind it is served through WSGI."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


@pytest.fixture
def host():
    """``host(owner)`` or ``host(**options)``: serve, and talk to it."""
    hosts = []

    def start(owner=None, app=None, **options):
        if owner is None:
            owner = Server(**options)
        http = HTTPServer(('127.0.0.1', 0), app or owner, log=None, error_log=None)
        http.start()
        hosts.append(Host(http, owner))
        return hosts[-1]

    yield start
    for started in hosts:
        started.close()
        shut_down(started.http, TIMEOUT)


@pytest.fixture(params=['loop', 'wsgi'])
def serve_both_ways(request, host):
    """``serve_both_ways(owner)``: in the loop, or behind middleware that has to see everything."""
    def start(owner):
        server = host(owner, Outer(owner) if request.param == 'wsgi' else None)
        assert (server.http.gateway is None) == (request.param == 'wsgi')
        return server

    return start

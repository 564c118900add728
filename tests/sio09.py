"""Clients of Socket.IO 0.9 made of raw requests, and a server that notes what they do."""

from __future__ import annotations

import gevent
import h11
from gevent.event import Event

from geventio import Server

from .waiting import until

MARK = '\ufffd'
HEAD = ('<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>'
        + ' ' * 173)


def payload(*packets):
    """Several packets in one body."""
    return ''.join(f'{MARK}{len(packet.encode("utf-16-le")) // 2}{MARK}{packet}'
                   for packet in packets).encode()


class Owner(Server):
    """Notes what comes; acknowledges what it says it does."""

    def __init__(self, app=None, **options):
        options.setdefault('dialects', ['eio4', 'sio09'])
        super().__init__(app, **options)
        self.events, self.reasons, self.sids, self.auths = [], [], [], []
        self.left = Event()
        for namespace in ('/', '/chat'):
            self.on('connect', self.came, namespace=namespace)
            self.on('disconnect', self.gone, namespace=namespace)
            for name in ('message', 'ev', 'ask'):
                self.on(name, self.noting(name), namespace=namespace)

    def noting(self, name):
        def handler(sid, *args):
            self.events.append((name, *args))
            if name == 'ask':
                return 'ok', 1
            return None
        return handler

    def came(self, sid, environ, auth=None):
        self.sids.append(sid)
        self.auths.append(auth)

    def gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


def handshake(server, query='', **options):
    return server.connection().request('GET', f'/socket.io/1/?t=1{query}', **options)


def sid_of(server, **options):
    response = handshake(server, **options)
    assert response.status == 200, response.body
    return response.body.decode().split(':')[0]


class Poller:
    """A client that polls."""

    def __init__(self, server, transport='xhr-polling', sid=None, query='?t=1', headers=()):
        self.server = server
        self.sid = sid or sid_of(server, headers=headers)
        self.path = f'/socket.io/1/{transport}/{self.sid}{query}'
        self.headers = headers
        self.get, self.post = server.connection(), server.connection()

    def poll(self):
        return self.get.request('GET', self.path, headers=self.headers)

    def begin(self):
        assert self.poll().body == b'1::'
        return self

    def hear(self):
        return self.poll().body.decode()

    def say(self, body):
        body = body.encode() if isinstance(body, str) else body
        return self.post.request('POST', self.path, body, headers=self.headers)

    def hold(self):
        """A poll that waits."""
        waiting = gevent.spawn(self.hear)
        session = self.server.sessions[self.sid]
        until(lambda: session.transport is session.held and session.held.held)
        return waiting


def websocket(server, sid=None, transport='websocket', **options):
    sid = sid or sid_of(server)
    return server.websocket(target=f'/socket.io/1/{transport}/{sid}', **options)


def connected(server, **options):
    client = websocket(server, **options)
    assert client.receive() == '1::'
    return client


def empty(server):
    """Whether nothing is left of anybody."""
    until(lambda: not server.owner.stats()['sockets'])
    stats = server.owner.stats()
    return not (stats['sessions'] or stats['rooms'])


class Page:
    """A response that goes on."""

    def __init__(self, server, sid=None):
        self.poller = Poller(server, 'htmlfile', sid)
        self.sid = self.poller.sid
        self.connection = server.connection()
        self.connection.send('GET', self.poller.path)
        self.response = None
        self.data = b''

    def until(self, end):
        """The body up to something."""
        http = self.connection.http
        while not self.data.endswith(end):
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(self.connection.sock.recv(65536))
            elif isinstance(event, h11.Response):
                self.response = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                self.data += bytes(event.data)
            else:
                raise AssertionError(f'the page ended: {event!r} after {self.data!r}')
        found, self.data = self.data, b''
        return found.decode()

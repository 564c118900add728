"""Clients of Socket.IO 0.6 over raw requests, one class for each kind of transport."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import gevent
import h11

from .hixie import HixieSocket
from .waiting import until

POLLS = ['xhr-polling', 'jsonp-polling']
STREAMS = ['xhr-multipart', 'htmlfile']
EVERY = ['websocket', 'hixie-75', 'hixie-76', *POLLS, *STREAMS]
#: The frame of a session id, of at least 120 random bits.
ID = '~m~20~m~([A-Za-z0-9_-]{20})'


def frame(body):
    return f'~m~{len(body.encode("utf-16-le")) // 2}~m~{body}'


class Poller:
    """Polls, by XMLHttpRequest or by scripts."""

    def __init__(self, server, transport='xhr-polling'):
        self.transport = transport
        self.gets, self.posts = server.connection(), server.connection()
        self.first = self.get('')
        found = re.fullmatch(ID, self.first)
        assert found, self.first
        self.sid = found[1]

    def get(self, sid=None):
        sid = self.sid if sid is None else sid
        path = f'/socket.io/{self.transport}/{sid}/{1290000000000}'
        if self.transport == 'xhr-polling':
            answer = self.gets.request('GET', path)
            assert answer.status == 200, answer.body
            assert answer.headers['content-type'] == 'text/plain; charset=UTF-8'
            return answer.body.decode()
        answer = self.gets.request('GET', path + '/3')
        assert answer.status == 200, answer.body
        assert answer.headers['content-type'] == 'text/javascript; charset=UTF-8'
        found = re.fullmatch(rb'io\.JSONP\[3\]\._\((".*")\);', answer.body)
        return json.loads(found[1])

    def hold(self, server):
        """A GET that is being held."""
        waiting = gevent.spawn(self.get)
        until(lambda: server.sessions[self.sid].transport.held)
        return waiting

    def post(self, body):
        rest = '1290000000000/3' if self.transport == 'jsonp-polling' else 'send'
        return self.posts.request(
            'POST', f'/socket.io/{self.transport}/{self.sid}/{rest}', body,
            [('Content-Type', 'application/x-www-form-urlencoded; charset=utf-8')])

    def send(self, *bodies):
        data = quote(''.join(map(frame, bodies)), safe="~()*!.'")
        answer = self.post(f'data={data}'.encode())
        assert (answer.status, answer.body) == (200, b'ok')
        assert answer.headers['content-type'].startswith('text/plain')


class Streamer:
    """A response that goes on; what is sent goes by POSTs."""

    def __init__(self, server, transport):
        self.transport = transport
        self.body = b''
        self.down, self.up = server.connection(), server.connection()
        path = 'xhr-multipart/' if transport == 'xhr-multipart' else 'htmlfile//1290000000000'
        self.down.send('GET', f'/socket.io/{path}')
        self.sid = re.fullmatch(ID, self.receive())[1]

    def more(self):
        event = self.down.http.next_event()
        if event is h11.NEED_DATA:
            self.down.http.receive_data(self.down.sock.recv(65536))
        elif isinstance(event, h11.Response):
            self.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            self.body += bytes(event.data)
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            raise EOFError

    def receive(self):
        """The frames of the next piece."""
        head, piece = {
            'xhr-multipart': (rb'--socketio\n',
                              rb'Content-Type: text/plain\n\n(.*?)\n--socketio\n'),
            'htmlfile': (rb'<html><body> {244}',
                         rb'<script>parent\.s\._\((".*?"), document\);</script>'),
        }[self.transport]
        while True:
            found = re.match(rb'(?:%b)?%b' % (head, piece), self.body, re.DOTALL)
            if found:
                self.body = self.body[found.end():]
                text = found[1].decode()
                return json.loads(text) if self.transport == 'htmlfile' else text
            self.more()

    def send(self, *bodies):
        data = quote(''.join(map(frame, bodies)))
        answer = self.up.request('POST', f'/socket.io/{self.transport}/{self.sid}/send',
                                 f'data={data}'.encode())
        assert (answer.status, answer.body) == (200, b'ok')


class Wire:
    """A WebSocket."""

    def __init__(self, server, transport='websocket', draft=None):
        target = f'/socket.io/{transport}'
        self.socket = server.websocket(target=target) if draft is None \
            else server.keep(HixieSocket(server.address, target, draft))
        self.receive = self.socket.receive
        self.sid = re.fullmatch(ID, self.receive())[1]

    def send(self, *bodies):
        self.socket.send(''.join(map(frame, bodies)))


def connect(server, transport):
    if transport in POLLS:
        return Poller(server, transport)
    if transport in STREAMS:
        return Streamer(server, transport)
    draft = {'hixie-75': 75, 'hixie-76': 76}.get(transport)
    return Wire(server, 'flashsocket' if draft else transport, draft)


def receive(client):
    return client.get() if isinstance(client, Poller) else client.receive()

"""Polls that repeat: they are answered as if each had been parsed, and are judged each time."""

from __future__ import annotations

import gc
import itertools
import weakref

import pytest
from gevent import socket
from werkzeug.middleware.proxy_fix import ProxyFix

from geventio.serving import http, loopexchange
from geventio.serving.httpd import Server as HTTPServer
from geventio.serving.repeats import Repeat
from geventio.serving.running import shut_down

from ..conftest import Echo, Host
from ..waiting import until

TIMEOUT = 5


class Log(list):
    write = list.append


@pytest.fixture
def parsed(monkeypatch):
    """How many heads were parsed."""
    counter = itertools.count()
    monkeypatch.setattr(http, 'parse_head', lambda head, parse=http.parse_head:
                        (next(counter), parse(head))[1])
    return lambda: counter.__reduce__()[1][0]


class Poller:
    """One polling session on a connection for GETs and one for POSTs, byte for byte."""

    def __init__(self, server, fields='', query='EIO=4', version='HTTP/1.1'):
        self.query = f'{query}&transport=polling'
        self.fields = f'{version}\r\nHost: {server.address[0]}:{server.address[1]}\r\n{fields}'
        self.reads = server.connection()
        self.writes = server.connection()
        self.stamp = itertools.count()
        self.sid = ''
        self.get()
        self.sid = next(iter(server.sessions))
        self.session = server.sessions[self.sid]

    def head(self, method, fields=''):
        sid = self.sid and f'&sid={self.sid}'
        return (f'{method} /engine.io/?{self.query}&t=a{next(self.stamp)}{sid} {self.fields}'
                f'{fields}\r\n').encode()

    def ask(self, connection, data):
        connection.sock.sendall(data)
        return connection.sock.recv(65536)

    def get(self, fields=''):
        return self.ask(self.reads, self.head('GET', fields))

    def post(self, body, fields=''):
        return self.ask(self.writes, self.head(
            'POST', f'{fields}Content-Length: {len(body)}\r\n') + body)


@pytest.fixture
def echo(host):
    return lambda **options: host(Echo(**options))


def warm(client, body=b'4x'):
    """Have a client ask so often that it is known; returns the last answers."""
    for _ in range(3):
        answers = client.post(body), client.get()
    return answers


def status(answer):
    return int(answer.split(b' ', 2)[1])


def test_what_repeats_is_not_parsed(echo, parsed):
    client = Poller(echo())
    warm(client)
    before = parsed()
    for body in b'4', b'4' + b'y' * 1000, b'4z':
        assert client.post(body).endswith(b'\r\n\r\nok')
        assert client.get().endswith(b'\r\n\r\n' + body)
    assert parsed() == before


@pytest.mark.parametrize(('options', 'fields', 'query', 'body'), [
    ({}, '', 'EIO=4', b'4x'),
    ({}, 'Connection: keep-alive\r\nUser-Agent: x;MSIE 8\r\n', 'EIO=4', b'4x'),
    ({'cors_allowed_origins': '*'}, 'Origin: http://a\r\n', 'EIO=4', b'4x'),
    ({'cors_allowed_origins': ['http://a%d'], 'cors_credentials': True}, 'Origin: http://a%d\r\n',
     'EIO=4', b'4x'),
    ({'cors_allowed_origins': 'http://a'}, 'Origin: http://a\r\nUser-Agent: Trident/7\r\n',
     'EIO=4', b'4x'),
    ({'compression_threshold': 10}, 'Accept-Encoding: gzip\r\n', 'EIO=4', b'4' + b'x' * 99),
    ({'compression_threshold': 10}, 'Accept-Encoding: deflate\r\n', 'EIO=4', b'4' + b'x' * 99),
    ({'compression_threshold': 10}, '', 'EIO=4', b'4' + b'x' * 99),
    ({}, '', 'EIO=4&j=3', b'd=4x'),
    ({}, '', 'EIO=4&b64=1', b'bYWJj'),
    ({}, '', 'EIO=4', b'4x\x1ebYWJj\x1e4y'),
    ({'dialects': ['eio3']}, '', 'EIO=3', b'2:4x'),
    ({'dialects': ['eio3']}, 'Content-Type: application/octet-stream\r\n', 'EIO=3',
     b'\x01\x03\xff\x04ab'),
    ({'dialects': ['eio3']}, '', 'EIO=3&b64=1', b'6:b4YWJj'),
])
@pytest.mark.parametrize('version', ['HTTP/1.1', 'HTTP/1.0\r\nConnection: keep-alive'])
def test_the_answers_are_the_same(echo, parsed, options, fields, query, body, version):
    def answers(repeats):
        server = echo(**options)
        if not repeats:
            server.http.access_log = Log()
        client = Poller(server, fields, query, version)
        before = parsed()
        given = [(client.post(body), client.get()) for _ in range(4)]
        return given, parsed() - before

    if 'keep-alive' in fields and 'keep-alive' in version:
        fields = fields.partition('\r\n')[2]
    parsing, eight = answers(False)
    repeating, four = answers(True)
    assert repeating == parsing
    assert status(parsing[0][0]) == status(parsing[0][1]) == 200
    assert (eight, four) == (8, 4)


def test_what_comes_behind_the_last_request_is_not_served(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    answer = client.ask(client.writes, client.head(
        'POST', 'Connection: close\r\nContent-Length: 2\r\n') + b'4x')
    assert b'Connection: close' in answer
    assert client.writes.sock.recv(1) == b''
    client.writes.sock.sendall(client.head('POST', 'Content-Length: 2\r\n') + b'4y')
    until(lambda: any(connection._lingered for connection in server.http.connections))
    assert client.get().endswith(b'\r\n\r\n4x')


def test_a_get_with_a_body(echo):
    client = Poller(echo())
    for _ in range(4):
        client.post(b'4x')
        assert status(client.get('Content-Length: 0\r\n')) == 200
    client.post(b'4x')
    client.reads.sock.sendall(client.head('GET', 'Content-Length: 1\r\n') + b'x')
    assert status(client.reads.sock.recv(65536)) == 400


def test_a_session_that_has_ended(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    server.owner.disconnect(client.sid)
    until(lambda: not server.sessions)
    assert client.get().endswith(b'\r\n\r\n1')  # the last word
    answer = client.get()
    assert (status(answer), answer[-42:]) == (400, b'{"code":1,"message":"Session ID unknown"}'
                                             .rjust(42, b'\n'))


def test_a_session_that_is_overdue(echo):
    server = echo(ping_timeout=0.01)
    client = Poller(server)
    warm(client)
    client.session.waiting_since = 1.0
    assert status(client.get()) == 400
    assert server.owner.reasons == ['ping timeout']


def test_a_session_that_has_moved_to_websocket(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    websocket = server.websocket(EIO='4', transport='websocket', sid=client.sid)
    websocket.send('2probe')
    assert websocket.receive() == '3probe'
    websocket.send('5')
    until(lambda: client.session.transport.name == 'websocket')
    assert status(client.get()) == 400
    assert status(client.post(b'4x')) == 400
    assert server.sessions


def test_a_second_get_ends_the_session(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    other = server.connection()
    other.sock.sendall(client.head('GET'))
    until(lambda: client.session.transport._get)
    assert status(client.get()) == 400
    assert server.owner.reasons == ['transport error']


def test_a_second_post_ends_the_session(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    other = server.connection()
    other.sock.sendall(client.head('POST', 'Content-Length: 5\r\n') + b'4a')
    until(lambda: client.session.transport._posting)
    assert status(client.post(b'4x')) == 400
    assert server.owner.reasons == ['transport error']


def test_a_body_over_the_limit(echo):
    server = echo(max_http_buffer_size=100)
    client = Poller(server)
    warm(client)
    assert status(client.post(b'4' + b'x' * 99)) == 200
    client.get()
    assert status(client.post(b'4' + b'x' * 100)) == 413
    assert server.sessions


def test_a_broken_body(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    client.post(b'x')
    assert server.owner.reasons == ['parse error']


def test_a_request_in_pieces(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    client.writes.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = client.head('POST', 'Content-Length: 5\r\n') + b'4abcd'
    for cut in range(1, len(data)):
        client.writes.sock.sendall(data[:cut])
        until(lambda: any(c._buffer or c._body is not None for c in server.http.connections))
        client.writes.sock.sendall(data[cut:])
        assert client.writes.sock.recv(65536).endswith(b'ok')
    assert client.get().count(b'4abcd') == len(data) - 1


def test_a_request_behind_the_beginning_of_another(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    client.writes.sock.sendall(b'POST /engine.io/?EIO=4&a=')
    until(lambda: any(connection._buffer for connection in server.http.connections))
    assert status(client.post(b'4x')) == 400  # a space in the request line


def test_requests_behind_each_other(echo):
    client = Poller(echo())
    warm(client)
    head = client.head('POST', 'Content-Length: 2\r\n')
    client.writes.sock.sendall((head + b'4a') * 20)
    answers = b''
    while answers.count(b'\r\n\r\nok') < 20:
        answers += client.writes.sock.recv(65536)
    assert client.get().count(b'4a') == 20


def test_a_client_that_leaves(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    client.reads.sock.sendall(client.head('GET'))
    until(lambda: client.session.transport._get)
    client.reads.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport error']


def test_an_answer_that_the_kernel_does_not_take_at_once(echo):
    server = echo(max_outbox_size=20_000_000, http_compression=False)
    client = Poller(server)
    warm(client)
    server.owner.send(client.sid, 'x' * 10_000_000)
    client.reads.sock.sendall(client.head('GET'))
    until(lambda: any(connection._out for connection in server.http.connections))
    client.reads.sock.sendall(client.head('GET'))
    until(lambda: any(connection._buffer for connection in server.http.connections))
    server.owner.send(client.sid, 'y')
    data = b''
    while not data.endswith(b'\r\n\r\n4y'):
        data += client.reads.sock.recv(1 << 20)
    assert data.count(b'HTTP/1.1 200 OK') == 2


def test_heads_that_are_kept_ready_are_few():
    for i in range(2 * loopexchange.MAX_HEADS):
        text, ok = loopexchange.heads((('Access-Control-Allow-Origin', f'http://{i}'),))
        assert f': http://{i}\r\n'.encode() in text
        assert f': http://{i}\r\n'.encode() in ok
    assert loopexchange.heads.cache_info().currsize <= loopexchange.MAX_HEADS


def test_a_function_that_allows_origins_is_asked_each_time(echo, parsed):
    allowed, asked = ['http://a'], []

    def judge(origin):
        asked.append(origin)
        return origin in allowed

    client = Poller(echo(cors_allowed_origins=judge), 'Origin: http://a\r\n')
    warm(client)
    before = len(asked)
    warm(client)
    assert len(asked) == before + 6
    allowed.clear()
    assert status(client.get()) == 400


def test_every_request_is_in_the_access_log():
    log = Log()
    owner = Echo()
    server = HTTPServer(('127.0.0.1', 0), owner, log=log, error_log=None)
    server.start()
    host = Host(server, owner)
    try:
        client = Poller(host)
        warm(client)
        warm(client)
    finally:
        host.close()
        shut_down(server, TIMEOUT)
    assert [f'&t=a{i}' in line for i, line in enumerate(log[:13])] == [True] * 13
    assert len(log) == 13


def test_middleware_sees_each_request(host, parsed):
    owner = Echo()
    server = host(owner, ProxyFix(owner))
    client = Poller(server)
    warm(client)
    before = parsed()
    warm(client)
    assert parsed() == before + 6


def test_a_connection_on_which_nothing_comes_forgets(echo, monkeypatch, parsed):
    monkeypatch.setattr(http, 'IDLE_TIMEOUT', 1000.0)
    server = echo()
    client = Poller(server)
    warm(client)
    before = parsed()
    for _ in range(2):
        for connection in server.http.connections:
            connection.look(1.0)
    assert status(client.post(b'4x')) == 200
    assert parsed() == before + 1


def test_nobody_holds_on_to_a_session(echo):
    server = echo()
    client = Poller(server)
    warm(client)
    session = weakref.ref(client.session)
    client.session = None
    server.owner.disconnect(client.sid)
    client.get()
    server.settle()
    gc.collect()
    assert len(server.http.connections) == 2
    assert session() is None


def test_what_is_known_ends_with_its_connection(echo):
    def known():
        return sum(isinstance(thing, Repeat) for thing in gc.get_objects())

    server = echo()
    gc.collect()
    gc.disable()
    try:
        client = Poller(server)
        warm(client)
        assert known() == 2
        client.reads.close()
        client.writes.close()
        until(lambda: not server.http.connections)
        assert known() == 0
    finally:
        gc.enable()

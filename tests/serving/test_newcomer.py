"""The first request of a connection: taken as a WebSocket at once, or left to HTTP."""

from __future__ import annotations

import re

import pytest
from gevent import socket

from geventio import Server
from geventio.serving import http

TIMEOUT = 5
LINE = 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1'
KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
FIELDS = ('Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', KEY)


def opening(*more, line=LINE, without=(), end=b''):
    fields = [field for field in FIELDS if not field.startswith(tuple(without))] if without \
        else FIELDS
    return '\r\n'.join([line, *fields, *more, '', '']).encode('latin-1') + end


def answer(server, *pieces):
    """The head of what is answered, and whether it is an open packet that follows."""
    with socket.create_connection(server.address, timeout=TIMEOUT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        data = b''
        while b'\r\n\r\n' not in data or data.startswith(b'HTTP/1.1 101') and b'}' not in data:
            data += sock.recv(65536)
    head, _, rest = data.partition(b'\r\n\r\n')
    return re.sub(rb'io=[^;]*', b'io=', head), b'{"sid":"' in rest


@pytest.fixture
def no_http(monkeypatch):
    """Nothing is left to HTTP."""
    def made(*args):
        raise AssertionError('a connection was left to HTTP')

    monkeypatch.setattr(http, 'HTTPConnection', made)


@pytest.mark.parametrize('request_', [
    opening(),
    opening(line='GET /socket.io/?transport=websocket&EIO=4 HTTP/1.1'),
    opening(line='GET /socket.io/?EIO=3&transport=websocket HTTP/1.1'),
    opening('Origin: http://x', 'Cookie: a=b; c=d', 'User-Agent: \xe9',
            'Sec-WebSocket-Extensions: permessage-deflate'),
    opening('Connection: keep-alive', without=['Connection: Upgrade'], end=b'').replace(
        b'keep-alive', b'keep-alive, Upgrade'),
])
def test_a_plain_request_for_a_websocket_is_taken_at_once(host, no_http, request_):
    head, opened = answer(host(Server()), request_)
    assert opened
    assert head.split(b'\r\n') == [
        b'HTTP/1.1 101 Switching Protocols', b'Upgrade: websocket', b'Connection: Upgrade',
        b'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']


def test_the_handlers_see_the_request(host, no_http):
    seen = []
    server = host(Server())
    server.owner.on('connect', lambda sid, environ: seen.append(environ))
    with socket.create_connection(server.address, timeout=TIMEOUT) as sock:
        sock.sendall(opening('Cookie: a=b', 'X-A: 1'))
        while b'}' not in sock.recv(65536):
            pass
        sock.sendall(b'\x81\x82\0\0\0\x0040')
        while b'40{' not in sock.recv(65536):
            pass
        port = str(sock.getsockname()[1])
    (environ,) = seen
    assert environ['QUERY_STRING'] == 'EIO=4&transport=websocket'
    assert (environ['HTTP_COOKIE'], environ['HTTP_X_A']) == ('a=b', '1')
    assert (environ['REMOTE_ADDR'], environ['REMOTE_PORT']) == ('127.0.0.1', port)


@pytest.mark.parametrize(('pieces', 'status'), [
    ([opening(line='GET /socket.io/?EIO=4&transport=websocket&t=a HTTP/1.1')], 101),
    ([opening()[:50], opening()[50:]], 101),
    ([opening()[:-2], opening()[-2:]], 101),
    ([opening(end=b'\x81\x82\0\0\0\x0040')], 101),
    ([opening(end=b'\x81\x84\0\0\0\0\r\n\r\n')], 101),
    ([opening('Origin: null')], 400),
    ([opening('Origin: http://elsewhere')], 400),
    ([opening('Expect: 100-continue')], 101),
    ([opening('Expect: money')], 417),
    ([opening('Content-Length: 0')], 101),
    ([opening('Content-Length: 1')], 400),
    ([opening('Transfer-Encoding: chunked')], 400),
    ([opening(KEY)], 400),
    ([opening('Host: x')], 400),
    ([opening('A : b')], 400),
    ([opening('A: b\nC: d')], 400),
    ([opening('A: \x7f')], 400),
    ([opening(without=['Host'])], 400),
    ([opening(without=['Upgrade'])], 400),
    ([opening(without=['Sec-WebSocket-Key'])], 400),
    ([opening('Sec-WebSocket-Version: 12', without=['Sec-WebSocket-Version'])], 426),
    ([opening(line=LINE.replace('GET', 'POST'))], 400),
    ([opening(line=LINE.replace('1.1', '1.0'))], 101),
    ([opening(line=LINE.replace('1.1', '2.0'))], 505),
    ([opening(line=LINE.replace('EIO=4', 'EIO=5'))], 400),
    ([opening(*[f'X-{i}: y' for i in range(100)])], 431),
    ([opening('A: ' + 'x' * 16_384)], 431),
])
def test_others_are_answered_as_http_answers_them(host, pieces, status):
    server = host(Server())
    mine = answer(server, *pieces)
    server.http.openings = None
    assert mine == answer(server, *pieces)
    assert mine[0].startswith(b'HTTP/1.1 %d ' % status)


@pytest.mark.parametrize('options', [
    {'cookie': 'io'}, {'per_message_deflate': True}, {'cors_allowed_origins': '*'},
    {'cors_allowed_origins': []}, {'cors_allowed_origins': 'http://y'},
    {'transports': ['polling']}, {'dialects': ['eio3']},
])
def test_options_hold_for_plain_requests(host, options):
    server = host(Server(**options))
    request = opening('Origin: http://x', 'Sec-WebSocket-Extensions: permessage-deflate')
    mine = answer(server, request)
    server.settle()
    server.http.openings = None
    assert mine == answer(server, request)


def test_a_full_server_takes_nobody(host):
    server = host(Server(max_connections=1))
    with socket.create_connection(server.address, timeout=TIMEOUT) as sock:
        sock.sendall(opening())
        assert sock.recv(65536).startswith(b'HTTP/1.1 101 ')
        assert answer(server, opening())[0].startswith(b'HTTP/1.1 503 ')

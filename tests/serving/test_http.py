"""HTTP in the loop: the limits of a connection, and how it ends."""

from __future__ import annotations

import json

import gevent
import pytest
from gevent import socket

from geventio import EngineServer, Server
from geventio.serving import exchange, http
from geventio.serving.running import shut_down

from ..waiting import until

TIMEOUT = 5


@pytest.fixture
def server(host):
    return host(Server())


def connect(server):
    return socket.create_connection(server.address, timeout=TIMEOUT)


def everything(sock):
    data = b''
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    finally:
        sock.close()
    return data


def waiting_get(server):
    """A connection whose GET waits for packets."""
    sock = connect(server)
    target = server.target(EIO='4', transport='polling')
    sock.sendall(f'GET {target} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
    sock.recv(65536)
    sid = next(iter(server.sessions))
    sock.sendall(f'GET {target}&sid={sid} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
    return sock


def test_idle_connections_are_closed(server, monkeypatch):
    monkeypatch.setattr(http, 'IDLE_TIMEOUT', 0.05)
    silent, slow = connect(server), connect(server)
    slow.sendall(b'GET /socket.io/?EIO=4&tra')
    assert everything(silent) == b''
    assert everything(slow) == b''
    assert not server.http.connections


def test_a_connection_that_asked_and_is_silent_is_closed(server, monkeypatch):
    monkeypatch.setattr(http, 'IDLE_TIMEOUT', 0.05)
    sock = connect(server)
    sock.sendall(b'OPTIONS /socket.io/ HTTP/1.1\r\nHost: x\r\n\r\n')
    assert everything(sock).startswith(b'HTTP/1.1 204 ')
    assert not server.http.connections


def test_connections_are_looked_at_as_long_as_there_are_any(server, monkeypatch):
    monkeypatch.setattr(http, 'IDLE_TIMEOUT', 0.05)
    for _ in range(2):
        assert everything(connect(server)) == b''
        until(lambda: server.http.bucket is None)


def test_a_server_that_has_ended_is_kept_by_no_timer(host):
    server = host(Server())
    wheel = server.owner.engine.runtime.wheel
    sock = connect(server)
    until(lambda: server.http.connections)
    sock.close()
    until(lambda: not server.http.connections)
    assert any(server.http in bucket for bucket in wheel._buckets.values())
    server.http.stop(timeout=0)
    assert not any(server.http in bucket for bucket in wheel._buckets.values())


def test_all_that_wait_to_be_accepted_are(server):
    socks = [connect(server) for _ in range(2 * server.http.max_accept + 10)]
    until(lambda: len(server.http.connections) == len(socks))
    for sock in socks:
        sock.close()
    until(lambda: not server.http.connections)


@pytest.mark.parametrize(('agent', 'protected'), [
    ('', False), ('User-Agent: Mozilla/5.0 Chrome/126\r\n', False),
    ('User-Agent: Mozilla/4.0 (compatible;MSIE 8.0)\r\n', True),
    ('User-Agent: ' + 'x' * exchange.AGENT_SIZE + 'Trident/7.0\r\n', True),
])
@pytest.mark.parametrize('connection', ['keep-alive', 'close'])
def test_answers_of_polling(server, agent, protected, connection):
    sock = connect(server)
    target = server.target(EIO='4', transport='polling')
    common = f'HTTP/1.1\r\nHost: x\r\n{agent}Connection: '
    answers = []
    sock.sendall(f'GET {target} {common}keep-alive\r\n\r\n'.encode())
    answers.append(sock.recv(65536))
    sid = next(iter(server.sessions))
    sock.sendall(f'POST {target}&sid={sid} {common}{connection}\r\n'
                 'Content-Length: 1\r\n\r\n1'.encode())
    answers.append(sock.recv(65536))
    for answer, kind in zip(answers, (b'plain; charset=UTF-8', b'html'), strict=True):
        head, _, body = answer.partition(b'\r\n\r\n')
        lines = head.split(b'\r\n')
        assert lines[0] == b'HTTP/1.1 200 OK'
        assert sorted(lines[1:]) == sorted([
            b'Content-Type: text/' + kind, b'Cache-Control: no-store',
            b'Content-Length: %d' % len(body),
            b'Connection: ' + (b'keep-alive' if kind != b'html' else connection.encode()),
            *([b'X-XSS-Protection: 0'] if protected else [])])
    assert answers[1].endswith(b'ok')
    sock.close()
    server.settle()


def test_user_agents_that_are_remembered_are_few():
    for i in range(2 * exchange.MAX_AGENTS):
        exchange._is_old_ie(str(i))
    assert exchange._is_old_ie.cache_info().currsize <= exchange.MAX_AGENTS


def test_a_waiting_get_is_not_idle(server, monkeypatch):
    monkeypatch.setattr(http, 'IDLE_TIMEOUT', 0.05)
    sock = waiting_get(server)
    gevent.sleep(0.3)  # nothing must happen meanwhile
    assert len(server.sessions) == 1
    assert len(server.http.connections) == 1
    sock.close()
    server.settle()


def test_a_connection_just_opened_is_answered_when_the_server_stops(server, monkeypatch):
    monkeypatch.setattr(http, 'FIRST_REQUEST', 2.0)
    sock = connect(server)
    until(lambda: server.http.connections)
    stopping = gevent.spawn(shut_down, server.http, TIMEOUT)
    until(lambda: server.owner.engine.stopping)
    sock.sendall(b'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n')
    assert everything(sock).startswith(b'HTTP/1.1 503 ')
    stopping.get(timeout=1)


def test_one_that_says_nothing_does_not_hold_it_up_for_long(server, monkeypatch):
    monkeypatch.setattr(http, 'FIRST_REQUEST', 0.05)
    sock = connect(server)
    until(lambda: server.http.connections)
    gevent.spawn(shut_down, server.http, TIMEOUT).get(timeout=1)
    assert everything(sock) == b''


def test_what_is_pipelined_behind_a_waiting_get_is_bounded(server):
    sock = waiting_get(server)
    sock.sendall(b'x' * (http.MAX_PIPELINED + 1))
    assert everything(sock) == b''
    server.settle()
    assert not server.http.connections


@pytest.mark.parametrize(('request_', 'status'), [
    (b'GET /socket.io/?x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', b'400'),
    (b'GET /socket.io/?x HTTP/1.1\r\n\r\n', b'400'),
    (b'GET /socket.io/?x HTTP/3.0\r\nHost: x\r\n\r\n', b'505'),
    (b'GET /socket.io/?' + b'x' * 20_000, b'414'),
    (b'GET /socket.io/?x HTTP/1.1\r\nHost: x\r\nA: ' + b'x' * 20_000, b'431'),
    (b'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx',
     b'400'),
])
def test_refused_requests_end_the_connection(server, request_, status):
    sock = connect(server)
    sock.sendall(request_)
    answer = everything(sock)
    assert answer.startswith(b'HTTP/1.1 ' + status + b' ')
    assert b'Connection: close' in answer
    assert answer.count(b'HTTP/1.1 ') == 1
    until(lambda: not server.http.connections)


def test_what_is_read_after_the_last_answer_is_bounded(server, monkeypatch):
    monkeypatch.setattr(http, 'LINGER_BYTES', 100_000)
    sock = connect(server)
    sock.sendall(b'GET /socket.io/?x HTTP/1.1\r\n\r\n')
    with pytest.raises(OSError), gevent.Timeout(TIMEOUT):
        while True:
            sock.sendall(b'x' * 65536)
    assert not server.http.connections
    sock.close()


def test_a_client_that_does_not_close(server, monkeypatch):
    monkeypatch.setattr(http, 'LINGER', 0.05)
    sock = connect(server)
    sock.sendall(b'GET /socket.io/?x HTTP/1.1\r\n\r\n')
    until(lambda: server.http.connections)
    until(lambda: not server.http.connections)
    assert everything(sock).startswith(b'HTTP/1.1 400 ')


def test_a_large_answer_to_a_slow_reader(host):
    owner = EngineServer(http_compression=False)
    server = host(owner)
    sock = waiting_get(server)
    owner.send(next(iter(server.sessions)), 'z' * 5_000_000)
    gevent.sleep(0)
    data = b''
    while len(data) < 5_000_000:
        data += sock.recv(65536)
    assert data.endswith(b'z' * 1000)
    assert data.count(b'z') == 5_000_000
    sock.close()


def test_a_request_behind_an_answer_that_is_not_all_sent_waits_for_it(host):
    """Otherwise what takes the connection over would cut the answer off."""
    server = host(max_http_buffer_size=30_000_000, max_outbox_size=100_000_000)
    server.owner.on('connect', lambda sid, environ: None)
    connection = server.connection()
    opened = connection.request('GET', server.target(EIO='4', transport='polling'))
    sid = json.loads(opened.body[1:])['sid']
    target = server.target(EIO='4', transport='polling', sid=sid)
    assert server.connection().request('POST', target, b'40').body == b'ok'
    assert connection.request('GET', target).body.startswith(b'40')
    server.owner.emit('large', 'x' * 20_000_000)
    poll = f'GET {target} HTTP/1.1\r\nHost: x\r\n\r\n'
    upgrade = (f'GET {server.target(EIO="4", transport="websocket")} HTTP/1.1\r\nHost: x\r\n'
               'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
    connection.sock.sendall((poll + upgrade).encode())
    data = b''
    while b'HTTP/1.1 101 ' not in data[-1000:]:
        piece = connection.sock.recv(1_000_000)
        assert piece, data[-200:]
        data += piece
    assert data.count(b'x') >= 20_000_000

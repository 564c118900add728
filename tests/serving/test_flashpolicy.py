"""Flash's question for a policy on real sockets: on the server's own port, and on a further one."""

from __future__ import annotations

import gc

import gevent
import pytest
from gevent import select, socket
from gevent.event import AsyncResult

from geventio import Server
from geventio.serving import flashpolicy

from ..conftest import TIMEOUT, Outer
from ..ports import free_port

REQUEST = b'<policy-file-request/>\0'
POLICY = ('<?xml version="1.0"?>\n<!DOCTYPE cross-domain-policy SYSTEM '
          '"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd">\n'
          '<cross-domain-policy>\n{}</cross-domain-policy>\n\0')


def expected(port, *domains):
    line = '<allow-access-from domain="{}" to-ports="{}"/>\n'
    return POLICY.format(''.join(line.format(domain, port) for domain in domains)).encode()


@pytest.fixture(params=['loop', 'wsgi'])
def serve(request, host):
    """Serve in the loop, or behind middleware that has to see every request."""
    def start(dialects=('eio4', 'sio06'), **options):
        owner = Server(dialects=dialects, **options)
        return host(owner, Outer(owner) if request.param == 'wsgi' else None)

    return start


def ask(address, *pieces):
    """Send some bytes; all that is answered until the end."""
    answer = b''
    with socket.create_connection(address, timeout=TIMEOUT) as sock:
        for piece in pieces:
            sock.sendall(piece)
        while data := sock.recv(65536):
            answer += data
    return answer


@pytest.mark.parametrize('dialect', ['sio06', 'sio09'])
def test_own_host_and_port_by_default(serve, dialect):
    server = serve([dialect])
    port = server.http.server_port
    assert ask(server.address, REQUEST) == expected(port, '127.0.0.1', 'localhost')


@pytest.mark.parametrize(('origins', 'domains'), [
    ('http://page.example', ['127.0.0.1', 'page.example', 'localhost']),
    (['https://a.example:8443', 'http://b.example'],
     ['127.0.0.1', 'a.example', 'b.example', 'localhost']),
    ([], ['127.0.0.1', 'localhost']),
    (lambda origin: True, ['127.0.0.1', 'localhost']),
])
def test_allowed_origins(serve, origins, domains):
    server = serve(cors_allowed_origins=origins)
    assert ask(server.address, REQUEST) == expected(server.http.server_port, *domains)


def test_every_origin_only_where_the_option_says_so(serve):
    server = serve(cors_allowed_origins='*')
    assert ask(server.address, REQUEST) == expected('*', '*')


def test_the_question_in_pieces(serve):
    server = serve()
    answer = ask(server.address, *[bytes([byte]) for byte in REQUEST])
    assert answer == expected(server.http.server_port, '127.0.0.1', 'localhost')


def test_half_a_question_ends_the_connection(serve, monkeypatch):
    monkeypatch.setattr(flashpolicy, 'POLICY_TIMEOUT', 0.2)
    server = serve(ping_interval=1)
    assert ask(server.address, REQUEST[:-1]) == b''
    assert ask(server.address, b'<') == b''


def test_bytes_that_come_slowly_do_not_extend_the_time(serve, monkeypatch):
    monkeypatch.setattr(flashpolicy, 'POLICY_TIMEOUT', 0.2)
    server = serve(ping_interval=1)
    with socket.create_connection(server.address, timeout=TIMEOUT) as sock, \
            gevent.Timeout(TIMEOUT):
        sent = 0
        while not select.select([sock], [], [], 0.06)[0]:
            sock.sendall(REQUEST[sent:sent + 1])
            sent += 1
        assert sent < 20


@pytest.mark.parametrize('data', [
    b'<html>', b'<policy-file-request>\0\0', b'<policy-file-request/>\n', b'<' * 100_000])
def test_what_is_no_question_costs_that_client_alone(serve, data, capfd):
    server = serve()
    try:
        answer = ask(server.address, data)
    except ConnectionResetError:  # more came than anybody read
        answer = b''
    assert answer == b'' or answer.startswith(b'HTTP/1.1 400 ')
    assert b'cross-domain-policy' not in answer
    assert server.request(EIO='4', transport='polling').status == 200
    assert 'Traceback' not in capfd.readouterr().err


def test_what_comes_behind_the_question_is_ignored(serve):
    server = serve()
    answer = ask(server.address, REQUEST + b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert answer == expected(server.http.server_port, '127.0.0.1', 'localhost')


def test_nobody_answers_without_a_dialect_that_asks(serve):
    server = serve(['eio4', 'websocket'])
    assert b'cross-domain-policy' not in ask(server.address, REQUEST, b'\r\n\r\n')


def test_requests_go_on_as_ever(serve):
    server = serve()
    connection = server.connection()
    for _ in range(2):
        answer = connection.request('GET', server.target(EIO='4', transport='polling'))
        assert answer.status == 200
        assert connection.request('GET', '/elsewhere').status == 404
        connection = server.connection()


# -- a port of its own ----------------------------------------------------------------------------


@pytest.fixture
def run():
    """``run(**options)``: serve until the end of the test; gives the port."""
    running = []

    def start(**options):
        owner, port = Server(**options), AsyncResult()
        serving = gevent.spawn(owner.run, port=0,
                               started=lambda server: port.set(server.server_port))
        running.append((owner, serving))
        return port.get(timeout=TIMEOUT)

    def stop():
        while running:
            owner, serving = running.pop()
            owner.stop()
            serving.get(timeout=TIMEOUT)

    start.stop = stop
    yield start
    stop()


def test_a_further_port(run):
    further = free_port()
    port = run(dialects=['sio06'], flash_policy_port=further)
    address = ('127.0.0.1', further)
    assert ask(address, REQUEST) == expected(port, '127.0.0.1', 'localhost')
    assert ask(address, b'GET / HTTP/1.1\r\n\r\n') == b''
    with socket.create_connection(address, timeout=TIMEOUT) as silent:
        run.stop()
        assert silent.recv(1) == b''
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=TIMEOUT)


def test_a_further_port_has_its_time_limit(run, monkeypatch):
    monkeypatch.setattr(flashpolicy, 'POLICY_TIMEOUT', 0.1)
    further = free_port()
    run(dialects=['sio06'], flash_policy_port=further)
    assert ask(('127.0.0.1', further), REQUEST[:5]) == b''


def test_a_further_port_that_is_taken(run, caplog):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        taken = other.getsockname()[1]
        port = run(dialects=['sio06'], flash_policy_port=taken)
        assert [record.getMessage() for record in caplog.records] == [
            f'nobody answers Flash clients on flash_policy_port: port {taken} on 127.0.0.1 is in '
            'use by another program; choose another port, or end that program']
        assert ask(('127.0.0.1', port), REQUEST) == expected(port, '127.0.0.1', 'localhost')
    gc.collect()


# -- the answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(('address', 'host'), [
    (('192.0.2.1', 5000), '192.0.2.1'), (('fe80::1%eth0', 5000, 0, 2), '[fe80::1]'),
    (('::1', 5000, 0, 0), '[::1]')])
def test_addresses(address, host):
    config = Server(dialects=['sio06']).config
    assert f'domain="{host}" to-ports="5000"'.encode() in flashpolicy.answer(config, address)
    assert f'domain="{host}" to-ports="80"'.encode() in flashpolicy.answer(config, address, 80)


def test_a_unix_socket_has_no_policy():
    assert flashpolicy.answer(Server(dialects=['sio06']).config, '/run/socket') == b''

"""Through WSGI: middleware in front of us, foreign servers, and Flask's own test client."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import geventio

from .support import (
    HANDSHAKE,
    PASSWORD,
    PATIENCE,
    UPGRADE,
    Poller,
    Process,
    client,
    create_app,
    leave_a_waiting_poll,
    open_websocket,
    served,
)

WAYS = (['websocket'], ['polling'], None)
KINDS = ('pywsgi', 'gevent-websocket', 'geventio', 'pool')


def websocket_url(server: Process) -> str:
    return server.url.replace('http', 'ws') + HANDSHAKE + 'websocket'


# -- middleware -----------------------------------------------------------------------------


@pytest.fixture(scope='module')
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The application with ProxyFix put on after SocketIO."""
    with served(tmp_path_factory.mktemp('proxied'), wrap='proxy') as process:
        yield process
        process.clean_log()


@pytest.mark.parametrize('transports', WAYS, ids=str)
def test_handlers_see_what_middleware_made_of_the_request(
    proxied: Process, transports: list[str] | None
) -> None:
    headers = {'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https',
               'X-Forwarded-Host': 'outside.test'}
    with client(proxied.url, transports, **headers) as peer:
        expected = 'polling' if transports == ['polling'] else 'websocket'
        assert peer.call('who', timeout=PATIENCE) == [
            '192.0.2.1', 'https', 'outside.test', expected]
        assert peer.call('echo', b'\0\1', timeout=PATIENCE) == b'\0\1'


def test_a_client_can_end_its_session(proxied: Process) -> None:
    with contextlib.closing(Poller(proxied.port).open()) as poller:
        poller.post('421["echo",1]')
        assert poller.get() == '431[1]'
        poller.post('1')
        # A GET that comes in the same turn of the loop as the POST still gets a noop.
        answer = poller.request('GET', poller.path)
        if answer == (200, '6'):
            answer = poller.request('GET', poller.path)
        assert answer[0] == 400


@pytest.fixture(scope='module', params=['auth', 'closed'])
def guarded(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The application behind a password, in a middleware of each sort."""
    with served(tmp_path_factory.mktemp('guarded'), wrap=request.param) as process:
        yield process
        process.clean_log()


def test_nothing_gets_past_middleware(guarded: Process) -> None:
    sid = 'nobody'
    poller = Poller(guarded.port, Authorization=PASSWORD).open()
    sid = poller.path.rpartition('=')[2]
    stranger = Poller(guarded.port)
    for method, path in (('GET', '/hello'), ('GET', stranger.path),
                         ('GET', f'{stranger.path}&sid={sid}'),
                         ('POST', f'{stranger.path}&sid={sid}')):
        assert stranger.request(method, path)[0] == 401
    with pytest.raises(InvalidStatus) as caught, connect(websocket_url(guarded)):
        pass
    assert caught.value.response.status_code == 401
    poller.post('421["echo","still there"]')
    assert poller.get() == '431["still there"]'
    poller.post('1')
    poller.close()
    stranger.close()


@pytest.mark.parametrize('transports', WAYS, ids=str)
def test_the_password_lets_in(guarded: Process, transports: list[str] | None) -> None:
    with client(guarded.url, transports, Authorization=PASSWORD) as peer:
        assert peer.call('echo', 1, timeout=PATIENCE) == 1


# -- other servers --------------------------------------------------------------------------


@pytest.fixture(scope='module', params=KINDS)
def foreign(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The application on a plain pywsgi server with the handler of the name."""
    with served(tmp_path_factory.mktemp('foreign'), server=request.param) as process:
        yield process
        process.clean_log()


@pytest.mark.parametrize('transports', WAYS, ids=str)
def test_other_servers_serve_every_transport(
    foreign: Process, transports: list[str] | None
) -> None:
    with client(foreign.url, transports) as peer:
        assert peer.transport() == ('polling' if transports == ['polling'] else 'websocket')
        for size in (1, 10_000, 200_000):
            assert peer.call('echo', ('x' * size, b'\0' * size), timeout=PATIENCE) == (
                'x' * size, b'\0' * size)


def test_other_servers_keep_a_connection(foreign: Process) -> None:
    poller = Poller(foreign.port)
    assert poller.request('GET', '/hello')[0] == 200
    used = poller.connection.sock
    poller.open()
    poller.post('421["echo",1]')
    assert poller.get() == '431[1]'
    assert poller.request('GET', '/hello')[0] == 200
    assert poller.connection.sock is used
    poller.post('1')
    poller.close()


def test_websockets_do_not_fill_the_pool(foreign: Process) -> None:
    with contextlib.ExitStack() as stack:
        many = [open_websocket(stack.enter_context(connect(websocket_url(foreign))))
                for _ in range(8)]
        plain = Poller(foreign.port)
        assert plain.request('GET', '/hello')[0] == 200
        plain.close()
        for number, websocket in enumerate(many):
            websocket.send(f'42{number}["echo"]')
            assert websocket.recv(PATIENCE) == f'43{number}[]'


def test_the_end_of_a_websocket_is_clean(foreign: Process) -> None:
    with connect(websocket_url(foreign)) as websocket:
        open_websocket(websocket).send('\0')
        with pytest.raises(ConnectionClosed):
            websocket.recv(PATIENCE)
    with connect(websocket_url(foreign)) as websocket:
        open_websocket(websocket)
    with socket.create_connection(('127.0.0.1', foreign.port), PATIENCE) as sock:
        sock.sendall(UPGRADE)
        assert sock.recv(1000).startswith(b'HTTP/1.1 101')
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # a reset

    def counts() -> dict[str, int]:
        plain = Poller(foreign.port)
        found: dict[str, int] = json.loads(plain.request('GET', '/counts')[1])
        plain.close()
        return found

    foreign.until(lambda: counts()['sessions'] == 0, 'the end of all sessions')
    before = counts()['fds']
    for _ in range(5):
        with connect(websocket_url(foreign)) as websocket:
            open_websocket(websocket)
    foreign.until(lambda: counts()['fds'] <= before, 'the end of all sockets')


def test_a_client_that_leaves_a_waiting_poll_is_noticed(foreign: Process) -> None:
    leave_a_waiting_poll(foreign)


def test_wrong_handshakes_are_refused(foreign: Process) -> None:
    plain = Poller(foreign.port)
    for path in (HANDSHAKE + 'websocket', '/socket.io/?EIO=9&transport=polling',
                 '/socket.io/', HANDSHAKE + 'polling&sid=unknown'):
        assert plain.request('GET', path)[0] == 400
    assert plain.request('PUT', HANDSHAKE + 'polling')[0] == 400
    plain.close()


# -- Flask's test client --------------------------------------------------------------------


def test_flasks_test_client_can_poll() -> None:
    app, _ = create_app({})
    test_client = app.test_client()
    answer = test_client.get(HANDSHAKE + 'polling')
    assert answer.status_code == 200
    path = f'{HANDSHAKE}polling&sid=' + json.loads(answer.text[1:])['sid']
    assert test_client.post(path, data='40').text == 'ok'
    assert test_client.get(path).text.startswith('40{"sid":')
    assert test_client.get('/hello').text.startswith('hello')
    assert test_client.get('/socket.io/?EIO=4&transport=nothing').json == {
        'code': 0, 'message': 'Transport unknown'}
    assert test_client.post(path, data='1').text == 'ok'


def test_several_servers_can_stand_in_a_row() -> None:
    inner = geventio.EngineServer(lambda environ, start: (start('200 OK', []), [b'app'])[1])
    outer = geventio.Server(inner)
    answers = []
    for path in ('/engine.io/', '/socket.io/', '/other'):
        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': path,
                   'QUERY_STRING': 'EIO=4&transport=polling', 'wsgi.url_scheme': 'http'}
        answers.append(b''.join(outer(environ, lambda *args: None))[:3])
    assert answers == [b'0{"', b'0{"', b'app']

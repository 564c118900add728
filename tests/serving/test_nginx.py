"""Behind nginx: with upgrade headers, under a sub-path, and with another origin outside."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ..ports import free_port
from ..tools import unable
from .support import (
    HANDSHAKE,
    PATIENCE,
    Poller,
    Process,
    client,
    open_websocket,
    process,
    served,
)

ORIGIN = 'https://chat.example.org'
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For 198.51.100.9;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header X-Forwarded-Host chat.example.org;
        location / {{ proxy_pass http://backend; }}
        location /app/ {{ proxy_pass http://backend/; }}
    }}
}}
"""


@pytest.fixture(scope='module', params=[None, 'proxy'], ids=['bare', 'proxyfix'])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """The application, without and with ProxyFix."""
    options = {'wrap': request.param} if request.param else {}
    with served(tmp_path_factory.mktemp('backend'), **options) as running:
        yield running
        running.clean_log('was refused', 'request refused')


@pytest.fixture(scope='module')
def nginx(backend: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """nginx in front of it."""
    program = shutil.which('nginx') or shutil.which('nginx', path='/usr/sbin:/usr/local/sbin')
    if program is None:
        unable('nginx is not installed')
    folder = tmp_path_factory.mktemp('nginx')
    port = free_port()
    configuration = folder / 'nginx.conf'
    configuration.write_text(
        CONFIGURATION.format(folder=folder, port=port, backend=backend.port))
    command = [program, '-p', str(folder), '-e', 'stderr', '-c', str(configuration)]
    with process(folder, command, port) as running:
        yield running.listens()


@pytest.mark.parametrize('path', ['socket.io', 'app/socket.io'])
@pytest.mark.parametrize('transports', [['websocket'], ['polling'], None], ids=str)
def test_clients_of_every_transport_get_through(
    nginx: Process, transports: list[str] | None, path: str
) -> None:
    with client(nginx.url, transports, socketio_path=path, Origin=ORIGIN) as peer:
        assert peer.transport() == ('polling' if transports == ['polling'] else 'websocket')
        for size in (1, 10_000, 200_000):
            sent = ('x' * size, b'\0' * size)
            assert peer.call('echo', sent, timeout=PATIENCE) == sent


def test_views_get_through_on_the_same_connection(nginx: Process) -> None:
    poller = Poller(nginx.port, '/app', Origin=ORIGIN)
    assert poller.request('GET', '/app/hello')[0] == 200
    poller.open()
    poller.post('421["echo",1]')
    assert poller.get() == '431[1]'
    assert poller.request('POST', '/hello', 'x' * 50_000)[1].endswith('x' * 50_000)
    poller.post('1')
    poller.close()


def test_proxyfix_tells_handlers_of_the_outside(
    nginx: Process, request: pytest.FixtureRequest
) -> None:
    expected = ['127.0.0.1', 'http', 'backend']
    if request.node.callspec.params['backend'] == 'proxy':
        expected = ['198.51.100.9', 'https', 'chat.example.org']
    for transports in (['websocket'], ['polling']):
        with client(nginx.url, transports) as peer:
            assert peer.call('who', timeout=PATIENCE) == expected + transports


@pytest.mark.parametrize('prefix', ['', '/app'])
@pytest.mark.parametrize(
    'origin', ['https://evil.example.org', 'https://chat.example.org.evil.test', 'null'])
def test_a_foreign_origin_is_refused(nginx: Process, prefix: str, origin: str) -> None:
    poller = Poller(nginx.port, prefix, Origin=origin)
    status, body = poller.request('GET', poller.path)
    poller.close()
    assert status == 400
    assert 'Access-Control' not in body
    assert json.loads(body)['code'] == 3
    url = f'ws://127.0.0.1:{nginx.port}{prefix}{HANDSHAKE}websocket'
    with pytest.raises(InvalidStatus) as caught, connect(url, origin=origin):
        pass
    assert caught.value.response.status_code == 400


def test_the_origin_outside_is_our_own(nginx: Process) -> None:
    with contextlib.ExitStack() as stack:
        for prefix in ('', '/app'):
            url = f'ws://127.0.0.1:{nginx.port}{prefix}{HANDSHAKE}websocket'
            websocket = stack.enter_context(connect(url, origin=ORIGIN))
            open_websocket(websocket).send('421["echo",2]')
            assert websocket.recv(PATIENCE) == '431[2]'


def test_a_client_that_leaves_nginx_leaves_us(nginx: Process, backend: Process) -> None:
    poller = Poller(nginx.port).open()
    poller.park()
    poller.connection.sock.close()
    poller.close()
    with connect(f'ws://127.0.0.1:{nginx.port}{HANDSHAKE}websocket') as websocket:
        open_websocket(websocket)
    backend.until(lambda: backend.log.count('disconnected') >= 1, 'the end of a session')

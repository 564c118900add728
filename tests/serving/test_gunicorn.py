"""Under gunicorn: our own worker, and those of gevent-websocket and of gunicorn itself."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ..ports import free_port
from .support import (
    FOLDER,
    HANDSHAKE,
    PATIENCE,
    UPGRADE,
    Poller,
    Process,
    await_end,
    client,
    leave_a_waiting_poll,
    open_websocket,
    process,
)

pytest.importorskip('gunicorn')

OWN = 'geventio.gunicorn.Worker'
GEVENT = 'gevent'
WORKERS = (OWN, 'geventwebsocket.gunicorn.workers.GeventWebSocketWorker', 'gevent_pywsgi', GEVENT)
GRACE = 4  # --graceful-timeout
BOUND = GRACE + 8.0  # seconds that ending may take; gunicorn looks once a second


@contextlib.contextmanager
def gunicorn(folder: Path, worker: str, *arguments: str, **options: Any) -> Iterator[Process]:
    """The application under gunicorn."""
    port = free_port()
    command = [sys.executable, '-m', 'gunicorn', '-k', worker, '-b', f'127.0.0.1:{port}',
               '--graceful-timeout', str(GRACE), '--pythonpath', str(FOLDER),
               '--worker-tmp-dir', str(folder), *arguments, 'support:application()']
    with process(folder, command, port, SUPPORT_OPTIONS=json.dumps(options),
                 HOME=str(folder)) as running:
        yield running.serves()


@pytest.fixture(scope='module', params=WORKERS)
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The application under each of the workers, ended in the end as a user would."""
    with gunicorn(tmp_path_factory.mktemp('gunicorn'), request.param) as running:
        yield running
        running.send(signal.SIGTERM)
        assert running.ended(BOUND) == 0
        running.clean_log()


@pytest.mark.parametrize('transports', [['websocket'], ['polling'], None], ids=str)
def test_clients_of_every_transport_are_served(
    server: Process, transports: list[str] | None
) -> None:
    with client(server.url, transports) as peer:
        expected = 'polling' if transports == ['polling'] else 'websocket'
        assert peer.transport() == expected
        for _ in range(3):
            assert peer.call('echo', ('é', b'\0'), timeout=PATIENCE) == ('é', b'\0')
        assert peer.call('who', timeout=PATIENCE) == [
            '127.0.0.1', 'http', f'127.0.0.1:{server.port}', expected]


def test_the_collector_passes_over_the_application(tmp_path: Path) -> None:
    with gunicorn(tmp_path, OWN) as running:
        plain = Poller(running.port)
        assert json.loads(plain.request('GET', '/counts')[1])['frozen'] > 10_000
        plain.close()


def test_a_client_that_leaves_a_waiting_poll_is_noticed(server: Process) -> None:
    leave_a_waiting_poll(server)


def test_views_mix_with_polling_on_one_connection(server: Process) -> None:
    poller = Poller(server.port)
    assert poller.request('GET', '/hello') == (200, 'hello 127.0.0.1 ')
    poller.open()
    assert poller.request('POST', '/hello', 'x')[1] == 'hello 127.0.0.1 x'
    poller.post('421["echo",1]')
    assert poller.get() == '431[1]'
    poller.post('1')
    poller.close()


def test_clients_that_go_away_leave_nothing(server: Process) -> None:
    with connect(server.url.replace('http', 'ws') + HANDSHAKE + 'websocket') as websocket:
        open_websocket(websocket)
    for data in (UPGRADE, UPGRADE[:50], UPGRADE + b'GET / HTTP/1.1\r\n\r\n'):
        sock = socket.create_connection(('127.0.0.1', server.port), PATIENCE)
        sock.sendall(data)
        if data is UPGRADE:
            assert sock.recv(1000).startswith(b'HTTP/1.1 101')
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.close()

    def gone() -> bool:
        plain = Poller(server.port)
        counts = json.loads(plain.request('GET', '/counts')[1])
        plain.close()
        return not counts['sessions'] and not counts['sockets']

    server.until(gone, 'the end of all sessions')


@pytest.mark.parametrize('arguments', [(), ('--preload',)], ids=['', 'preload'])
@pytest.mark.parametrize('worker', WORKERS)
def test_stopping_tells_every_client(
    worker: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with gunicorn(tmp_path, worker, *arguments) as running:
        poller = Poller(running.port).open()
        poller.park()
        with connect(running.url.replace('http', 'ws') + HANDSHAKE + 'websocket') as websocket:
            open_websocket(websocket)
            running.send(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as caught:
                websocket.recv(PATIENCE)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert poller.answer() == (200, '1')
        assert running.ended(BOUND) == 0
        poller.close()
        lines = running.clean_log()
        assert lines.count('disconnect server shutting down') == 2


def test_our_worker_ends_within_its_bound_when_a_handler_hangs(tmp_path: Path) -> None:
    with gunicorn(tmp_path, OWN, hang=600) as running:
        with client(running.url) as peer:
            running.send(signal.SIGTERM)
            await_end(peer)
        assert running.ended(BOUND) == 0
        assert '1 handlers' in running.log
        assert 'Traceback' not in running.log


def test_our_worker_writes_gunicorns_access_log(tmp_path: Path) -> None:
    with gunicorn(tmp_path, OWN, '--access-logfile', '-', '--access-logformat',
                  'seen %(h)s "%(r)s" %(s)s "%(a)s"') as running:
        poller = Poller(running.port, **{'User-Agent': 'tester'}).open()
        poller.request('GET', '/hello')
        with socket.create_connection(('127.0.0.1', running.port), PATIENCE) as sock:
            sock.sendall(b'nonsense\r\n\r\n')
            assert sock.recv(1000).startswith(b'HTTP/1.1 400')
        poller.close()
        # Of pywsgi's answers gunicorn 22 writes the whole status line, as bytes.
        line = re.compile(r'seen 127\.0\.0\.1 "GET /hello HTTP/1\.1" (200|b\'200 OK\') "tester"')
        running.until(lambda: line.search(running.log), 'the line of the view')
        assert f'seen 127.0.0.1 "GET {HANDSHAKE}polling HTTP/1.1" 200 "tester"' in running.log
        running.clean_log()


def test_several_workers_are_worth_one_warning(tmp_path: Path) -> None:
    with gunicorn(tmp_path, OWN, '--workers', '2') as running:
        running.wrote('sticky sessions')
        assert running.log.count('sticky sessions') == 1


def test_a_worker_without_gevent_is_refused_with_a_reason(tmp_path: Path) -> None:
    with gunicorn(tmp_path, 'sync') as running:
        for transport in ('polling', 'websocket'):
            plain = Poller(running.port)
            assert plain.request('GET', HANDSHAKE + transport)[0] == 501
            plain.close()
        assert running.log.count('use gunicorn -k geventio.gunicorn.Worker') == 1
        assert 'Traceback' not in running.log


def test_our_worker_behind_middleware(tmp_path: Path) -> None:
    with gunicorn(tmp_path, OWN, wrap='proxy') as running:
        for transports in (['polling'], ['websocket'], None):
            with client(running.url, transports, **{'X-Forwarded-For': '192.0.2.7'}) as peer:
                assert peer.call('who', timeout=PATIENCE)[0] == '192.0.2.7'
        poller = Poller(running.port).open()
        poller.park()
        running.serves()  # what was sent before has arrived
        running.send(signal.SIGTERM)
        assert poller.answer() == (200, '1')
        poller.close()
        assert running.ended(BOUND) == 0
        running.clean_log()

"""``run`` and ``stop`` on real sockets: what is served, and that stopping leaves nothing."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.ssl
import greenlet
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect, unix_connect

import geventio
from geventio import Server
from geventio.errors import ConfigError
from geventio.serving import running

from .support import (
    FOLDER,
    HANDSHAKE,
    PATIENCE,
    Poller,
    Process,
    UnixConnection,
    await_end,
    client,
    create_app,
    open_websocket,
    served,
)

WAYS = (['websocket'], ['polling'], None)
BOUND = running.STOP_TIMEOUT + 1.5  # seconds that ending may take, with a slow machine's share


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The application by ``run``, with an access log."""
    with served(tmp_path_factory.mktemp('run'), run={'log_output': True}) as process:
        yield process
        process.clean_log()


# -- serving --------------------------------------------------------------------------------


@pytest.mark.parametrize('transports', WAYS, ids=str)
def test_clients_of_every_transport_are_served(
    server: Process, transports: list[str] | None
) -> None:
    with client(server.url, transports) as peer:
        expected = 'polling' if transports == ['polling'] else 'websocket'
        assert peer.transport() == expected
        assert peer.call('echo', ('grüße', b'\0\xff', {'a': [1]}), timeout=PATIENCE) == (
            'grüße', b'\0\xff', {'a': [1]})
        assert peer.call('who', timeout=PATIENCE) == [
            '127.0.0.1', 'http', f'127.0.0.1:{server.port}', expected]


def test_views_and_static_files_are_flasks_own(server: Process) -> None:
    plain = Poller(server.port)
    assert plain.request('GET', '/hello') == (200, 'hello 127.0.0.1 ')
    status, body = plain.request('GET', '/static/support.py')
    assert (status, body) == (200, (FOLDER / 'support.py').read_text())
    assert plain.request('GET', '/nothing')[0] == 404
    assert plain.request('POST', '/hello', 'x' * 100_000)[1].endswith('x' * 100_000)
    plain.close()


def test_one_connection_mixes_views_and_polling(server: Process) -> None:
    poller = Poller(server.port)
    assert poller.request('GET', '/hello')[0] == 200
    used = poller.connection.sock
    poller.open()
    assert poller.request('GET', '/hello')[0] == 200
    poller.post('421["echo",1]')
    assert poller.get() == '431[1]'
    assert poller.request('POST', '/hello', 'body') == (200, 'hello 127.0.0.1 body')
    poller.post('1')
    assert poller.connection.sock is used
    poller.close()


def test_pipelined_requests_are_answered_in_order(server: Process) -> None:
    poller = Poller(server.port).open()
    big = json.dumps('x' * 30_000)
    packet = f'421["echo",{big}]'
    hello = b'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n'
    post = (f'POST {poller.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(packet)}\r\n\r\n'
            f'{packet}').encode()
    get = f'GET {poller.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
    with socket.create_connection(('127.0.0.1', server.port), PATIENCE) as sock:
        sock.sendall(hello + post + hello + get + hello)
        data = b''
        while data.count(b'hello 127.0.0.1') < 3:
            piece = sock.recv(65536)
            assert piece, data
            data += piece
    assert re.findall(rb'hello 127|\r\n\r\nok|431\["x{30000}"', data) == [
        b'hello 127', b'\r\n\r\nok', b'hello 127', b'431["' + b'x' * 30_000 + b'"', b'hello 127']
    poller.close()


def test_both_kinds_of_requests_are_in_the_access_log(server: Process) -> None:
    poller = Poller(server.port)
    poller.request('GET', '/hello?logged')
    poller.open()
    sid = poller.path.rpartition('=')[2]
    with connect(f'ws://127.0.0.1:{server.port}{HANDSHAKE}websocket&logged=ws'):
        pass
    poller.close()
    server.wrote('logged=ws')
    lines = [line for line in server.log.splitlines() if '?logged' in line or sid in line
             or '&logged' in line]
    found = [re.fullmatch(r'127\.0\.0\.1 - - \[[\d :-]+\] "(\w+) \S+ HTTP/1\.1" (\d+) \d+.*', line)
             for line in lines]
    assert [match and match.groups() for match in found[:3]] == [
        ('GET', '200'), ('POST', '200'), ('GET', '200')], lines
    assert found[-1] is not None
    assert found[-1].groups() == ('GET', '101')


def test_an_engine_server_alone() -> None:
    engine = geventio.EngineServer()
    engine.on('message', engine.send)

    def work(port: int) -> Any:
        with connect(f'ws://127.0.0.1:{port}/engine.io/?EIO=4&transport=websocket') as websocket:
            assert websocket.recv(PATIENCE)[:1] == '0'
            websocket.send('4text')
            websocket.send(b'\0')
            return [websocket.recv(PATIENCE), websocket.recv(PATIENCE)]

    with in_thread(engine, work) as results:
        engine.run(port=0)
    assert results == [['4text', b'\0']]


def test_without_flask() -> None:
    plain = geventio.Server(lambda environ, start: (start('200 OK', []), [b'plain'])[1])
    plain.on('echo', lambda sid, *args: args)
    with in_thread(plain, lambda port: exchange(plain, port)) as results:
        plain.run(port=0)
    assert results == [[(1, 2), (200, 'plain')]]


def exchange(plain: Any, port: int) -> Any:
    with client(f'http://127.0.0.1:{port}') as peer:
        poller = Poller(port)
        got = [peer.call('echo', (1, 2), timeout=PATIENCE), poller.request('GET', '/other')]
        poller.close()
    return got


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / 'socket')
    # What a server that was killed has left behind must not be in the way.
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    with served(tmp_path, run={'unix_socket': path}) as process:
        poller = Poller(UnixConnection(path))
        poller.request('GET', '/hello')
        poller.open()
        poller.post('421["who"]')
        assert json.loads(poller.get()[3:])[0][0] in ('', None)
        poller.close()
        with unix_connect(path, 'ws://localhost' + HANDSHAKE + 'websocket') as websocket:
            open_websocket(websocket).send('422["echo",5]')
            assert websocket.recv(PATIENCE) == '432[5]'
        with pytest.raises(OSError, match='in use'):
            running.make_server(None, '', 0, unix_socket=path)
        process.send(signal.SIGTERM)
        assert process.ended(BOUND) == 0
        process.clean_log()
    assert not os.path.exists(path)


def test_a_unix_socket_as_host(tmp_path: Path) -> None:
    path = str(tmp_path / 'socket')
    app, extension = create_app({})

    def work(port: Any) -> Any:
        poller = Poller(UnixConnection(path))
        status, _ = poller.request('GET', '/hello')
        poller.close()
        return status

    with in_thread(extension, work) as results:
        extension.run(app, host=f'unix://{path}')
    assert results == [200]
    assert not os.path.exists(path)


def test_a_unix_socket_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match='cannot listen on the Unix socket .*nothing/socket'):
        running.listen('', 0, str(tmp_path / 'nothing' / 'socket'))


def test_a_port_from_the_environment_is_a_string(server: Process) -> None:
    with running.listen('127.0.0.1', '0') as listener:
        assert listener.getsockname()[1] > 0


def test_a_file_is_not_overwritten_by_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    path.write_text('precious')
    with pytest.raises(OSError, match='not a socket'):
        running.make_server(None, '', 0, unix_socket=str(path))
    assert path.read_text() == 'precious'


def test_running_twice_is_told(server: Process) -> None:
    app, extension = create_app({})

    def work(port: int) -> str:
        with pytest.raises(RuntimeError) as caught:
            extension.run(app, port=0)
        return str(caught.value)

    with in_thread(extension, work) as results:
        extension.run(app, port=0)
    assert len(results) == 1
    assert re.match(r"the server is running already, on \('127.0.0.1', \d+\): call stop\(\) first",
                    results[0])


def test_running_in_a_second_thread(server: Process) -> None:
    app, extension = create_app({})
    with in_thread(extension, lambda port: exchange(extension, port)) as results:
        thread = threading.Thread(target=extension.run, args=(app,), kwargs={'port': 0})
        thread.start()
        thread.join(2 * PATIENCE)
        assert not thread.is_alive()
    assert results == [[(1, 2), (404, results[0][1][1])]]


@pytest.mark.parametrize('host', ['192.0.2.1', 'no.such.host.invalid'])
def test_an_address_that_is_not_ours(host):
    with pytest.raises(OSError, match=f'{host} is not an address of this machine'):
        Server().run(host=host, port=0)


def test_a_port_that_cannot_be():
    with pytest.raises(ConfigError, match='port must be a number from 0 to 65535, not 99999'):
        Server().run(port=99999)


def test_a_taken_port_is_told_in_a_plain_sentence(server: Process) -> None:
    app, extension = create_app({})
    with pytest.raises(OSError, match=f'port {server.port} on 127.0.0.1 is in use') as caught:
        extension.run(app, port=server.port)
    assert caught.value.errno == errno.EADDRINUSE
    assert extension.wsgi_server is None


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'certfil': 'x'}, "did you mean 'certfile'"),
        ({'keyfile': 'x'}, 'certfile'),
        ({'certfile': 'no/such/file'}, "certfile 'no/such/file' cannot be read: No such file"),
        ({'certfile': 5.5}, 'certfile must be the name of a file, not 5.5'),
        ({'ssl_context': 'adhok'}, "'adhoc', not 'adhok'"),
        ({'ssl_context': ()}, r'must be \(certfile, keyfile\)'),
        ({'ssl_context': ssl.create_default_context()}, 'is one for clients'),
        ({'ssl_context': gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), 'certfile': 'x'},
         'certfile cannot be given together with ssl_context'),
        ({'port': 'http'}, "port must be a number from 0 to 65535, not 'http'"),
        ({'port': -1}, 'port must be a number from 0 to 65535, not -1'),
        ({'port': True}, 'port must be a number from 0 to 65535, not True'),
        ({'host': 80}, "host must be a string such as '127.0.0.1', not 80"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], message: str) -> None:
    app, extension = create_app({})
    with pytest.raises(ConfigError, match=message):
        extension.run(app, **{'port': 0, **options})
    assert extension.wsgi_server is None


# -- stopping -------------------------------------------------------------------------------


@contextlib.contextmanager
def in_thread(owner: Any, work: Callable[[int], Any]) -> Iterator[list[Any]]:
    """Do something on another thread as soon as ``owner`` serves, then stop it from there."""
    results: list[Any] = []

    def body() -> None:
        deadline = time.monotonic() + PATIENCE
        while not (server := getattr(owner, 'wsgi_server', None)) or not server.started:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        try:
            results.append(work(server.server_port))
        finally:
            with contextlib.suppress(RuntimeError):  # it has stopped already
                owner.stop()

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield results
    finally:
        thread.join(2 * PATIENCE)
    assert not thread.is_alive()


class Guests:
    """One client of each kind, told what they saw of the end."""

    def __init__(self, port: int) -> None:
        self._stack = contextlib.ExitStack()
        self.silent = self._stack.enter_context(
            socket.create_connection(('127.0.0.1', port), PATIENCE))
        self.idle = Poller(port)
        assert self.idle.request('GET', '/hello')[0] == 200
        self.poller = Poller(port).open()
        self.poller.park()
        self.websocket = open_websocket(self._stack.enter_context(
            connect(f'ws://127.0.0.1:{port}{HANDSHAKE}websocket', close_timeout=PATIENCE)))
        self.upgraded = self._stack.enter_context(client(f'http://127.0.0.1:{port}'))
        assert self.upgraded.transport() == 'websocket'

    def farewell(self) -> list[Any]:
        answer = self.poller.answer()
        with pytest.raises(ConnectionClosed) as caught:
            self.websocket.recv(PATIENCE)
        received = caught.value.rcvd
        await_end(self.upgraded)
        seen = [answer, received and received.code, self.upgraded.connected, self.silent.recv(1)]
        self._stack.close()
        self.poller.close()
        self.idle.close()
        return seen


GOODBYE = [(200, '1'), 1001, False, b'']


def living() -> list[Any]:
    """Greenlets that have begun and not ended, but for those kept for handlers to come."""
    gc.collect()
    return [found for found in gc.get_objects() if isinstance(found, greenlet.greenlet)
            and found and not found.dead and found is not gevent.get_hub()
            and found is not greenlet.getcurrent()]


def test_stopping_leaves_nothing_and_running_again_works(capfd: Any) -> None:
    app, extension = create_app({})
    counts = []
    for _ in range(3):
        with in_thread(extension, lambda port: visit(extension, port)) as results:
            extension.run(app, port=0)
        assert results == [GOODBYE]
        stats = extension.server.stats()
        assert not any(stats.values()), stats
        busy = extension.server.runtime.workers
        counts.append((len(os.listdir('/proc/self/fd')), len(living()) - busy.total))
        assert extension.wsgi_server is None
        with pytest.raises(RuntimeError, match='not running'):
            extension.stop()
    # Fewer are no fault: what earlier tests left may have ended meanwhile.
    assert all(after <= before for before, after in zip(counts[1], counts[2], strict=True)), counts
    out, err = capfd.readouterr()
    assert out.count('disconnect server shutting down') == out.count('disconnected') == 9
    assert 'Traceback' not in err


def visit(extension: Any, port: int) -> Any:
    guests = Guests(port)
    extension.stop()
    return guests.farewell()


@pytest.mark.parametrize('how', ['signal', 'interrupt', 'view', 'handler'])
def test_every_way_to_stop_is_clean(tmp_path: Path, how: str) -> None:
    with served(tmp_path) as process:
        guests = Guests(process.port)
        if how == 'view':
            plain = Poller(process.port)
            assert plain.request('GET', '/stop') == (200, 'stopping')
            plain.close()
        elif how == 'handler':
            guests.upgraded.emit('stop')
        else:
            process.send(signal.SIGTERM if how == 'signal' else signal.SIGINT)
        assert guests.farewell() == GOODBYE
        assert process.ended(BOUND) == 0
        lines = process.clean_log()
        assert lines.count('disconnect server shutting down') == 3
        assert lines.count('disconnected') == 3
        assert lines[-1] == 'run returned'


def test_a_disconnect_handler_that_hangs_does_not_hold_the_server(tmp_path: Path) -> None:
    with served(tmp_path, hang=600) as process:
        guests = Guests(process.port)
        process.send(signal.SIGTERM)
        assert guests.farewell() == GOODBYE
        assert process.ended(BOUND) == 0
        assert '3 handlers' in process.log
        assert 'Traceback' not in process.log


def test_clients_that_do_not_answer_the_close_frame_do_not_hold_the_server(tmp_path: Path) -> None:
    with served(tmp_path) as process:
        with socket.create_connection(('127.0.0.1', process.port), PATIENCE) as sock:
            sock.sendall(f'GET {HANDSHAKE}websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'
                         'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
                         'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'.encode())
            assert sock.recv(1000).startswith(b'HTTP/1.1 101')
            process.send(signal.SIGTERM)
            assert process.ended(BOUND) == 0
        process.clean_log()


def test_signals_of_the_application_are_left_to_it() -> None:
    app, extension = create_app({})
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *args: seen.append(args[0]))

    def work(port: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while not seen and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert extension.wsgi_server is not None

    try:
        with in_thread(extension, work):
            extension.run(app, port=0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupting_after_run_is_pythons_again() -> None:
    script = (
        'import os, signal, threading, time, geventio\n'
        'server = geventio.Server()\n'
        'def later():\n'
        '    while not getattr(server, "wsgi_server", None): time.sleep(0.01)\n'
        '    server.stop()\n'
        'threading.Thread(target=later).start()\n'
        'server.run(port=0)\n'
        'try:\n'
        '    os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\n'
        'except KeyboardInterrupt:\n'
        '    print("interrupted")\n')
    path = os.pathsep.join(filter(None, [str(FOLDER.parents[1]), os.environ.get('PYTHONPATH')]))
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True,
                          timeout=2 * PATIENCE, env={**os.environ, 'PYTHONPATH': path})
    assert (done.stdout, done.stderr, done.returncode) == ('interrupted\n', '', 0)

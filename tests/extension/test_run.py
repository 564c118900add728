"""``run``: its options, the port, debugging, the reloader; serving itself is tested below it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import gevent
import pytest
from gevent import socket
from werkzeug.debug import DebuggedApplication

from geventio import ConfigError, SocketIO
from geventio.extension import extension

from ..waiting import until

ROOT = Path(__file__).parents[2]


def get(port, path):
    """A page, read without blocking the server of this process."""
    with socket.create_connection(('127.0.0.1', port), timeout=5) as sock:
        sock.sendall(f'GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n'.encode())
        answer = b''
        while data := sock.recv(65536):
            answer += data
    return answer.decode()


@pytest.fixture
def run(app):
    """``run(socketio, **options)``: serve in the background; the port."""
    running = []

    def start(socketio, **options):
        serving = gevent.spawn(socketio.run, app, **{'port': 0, **options})
        running.append((socketio, serving))
        until(lambda: socketio.wsgi_server is not None or serving.dead)
        return socketio.wsgi_server.server_port if socketio.wsgi_server else serving.get()

    yield start
    for socketio, serving in running:
        if not serving.dead:
            socketio.stop()
        serving.join(timeout=5)
        assert serving.dead and socketio.wsgi_server is None


def test_run_serves_until_stop(app, socketio, run):
    app.get('/page')(lambda: 'a page')
    assert get(run(socketio), '/page').endswith('a page')
    assert socketio.engine is socketio.server.engine


def test_run_ties_an_object_without_application(app, run):
    socketio = SocketIO()
    app.get('/page')(lambda: 'a page')
    assert get(run(socketio), '/page').endswith('a page') and socketio.app is app


def test_debug_shows_the_debugger(app, socketio, run, capfd):
    @app.get('/fail')
    def fail():
        raise KeyError('x')

    port = run(socketio, debug=True, log_output=False, use_reloader=False,
               allow_unsafe_werkzeug=True)
    assert app.debug and isinstance(socketio.server.app, DebuggedApplication)
    assert 'Werkzeug Debugger' in get(port, '/fail')
    assert "KeyError: 'x'" in capfd.readouterr().err


@pytest.mark.parametrize(('name', 'expected'), [
    ('example.com:8123', 8123), ('example.com', 5000), (None, 5000)])
def test_the_port_is_the_one_of_the_server_name(app, socketio, monkeypatch, name, expected):
    app.config['SERVER_NAME'] = name
    asked = []
    monkeypatch.setattr(extension, 'run', lambda owner, app, host, port, **options: asked.append(
        (host, port, options)))
    socketio.run(app)
    assert asked == [('127.0.0.1', expected, {'log_output': False})]


def test_a_misspelt_option_of_run(app, socketio):
    with pytest.raises(ConfigError, match="did you mean 'certfile'"):
        socketio.run(app, port=0, certfil='x')


PROGRAM = """
import os
from flask import Flask
from geventio import SocketIO

app = Flask('reloaded')
app.get('/pid')(lambda: str(os.getpid()))
socketio = SocketIO(app)
socketio.run(app, port=PORT, debug=True, log_output=False,
             reloader_options={'reloader_type': 'stat', 'interval': 0.1})
"""


def test_the_reloader_starts_the_program_again(tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM.replace('PORT', str(port)))
    environ = {**os.environ, 'PYTHONPATH': os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))}
    with (tmp_path / 'log').open('wb') as log:
        process = subprocess.Popen([sys.executable, str(program)], env=environ, stdout=log,
                                   stderr=log, start_new_session=True)
    try:
        first = new_pid(port, None)
        os.utime(program, (1, 2_000_000_000))
        assert new_pid(port, first) != first
        process.terminate()
        assert process.wait(10) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def new_pid(port, old):
    """The id of the process that serves, as soon as it is another one."""
    with gevent.Timeout(20):
        while True:
            try:
                connection = HTTPConnection('127.0.0.1', port, timeout=5)
                connection.request('GET', '/pid')
                pid = int(connection.getresponse().read())
                if pid != old:
                    return pid
            except OSError:
                pass
            finally:
                connection.close()
            gevent.sleep(0.05)

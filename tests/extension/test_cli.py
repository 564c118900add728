"""``flask run``: the real server for applications with our SocketIO, Flask's own for all others."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from http.client import HTTPSConnection

import flask.cli
import pytest
from click.testing import CliRunner
from flask import Flask
from websockets.sync.client import connect
from werkzeug.debug import DebuggedApplication

from geventio.extension import cli

from ..ports import free_port
from ..serving.support import HANDSHAKE, PATIENCE, Poller, await_end, client, trusting
from ..tools import unable
from .programs import PATCHES, Program, program, touch, write

APP = """
import os
from flask import Flask
from geventio import SocketIO, emit

print('imported', flush=True)
socketio = SocketIO()

def create_app(name='made'):
    app = Flask(name)
    app.add_url_rule('/pid', 'pid', lambda: str(os.getpid()))
    app.add_url_rule('/name', 'name', lambda: f'{name} debug={app.debug}')
    @app.get('/boom')
    def boom():
        answer = 6 * 7
        raise RuntimeError('out of luck')
    socketio.init_app(app)
    return app

@socketio.on('connect')
def connect():
    emit('served by', os.getpid())

@socketio.on('disconnect')
def disconnect(reason):
    print('disconnect', reason, flush=True)

app = create_app('plain')
"""


@pytest.fixture
def flask_run(tmp_path):
    """``flask_run(text, *arguments)``: the command with a program as its application ``site_``.

    The command is found by its entry point, as in an environment where geventio is installed.
    """
    installed = tmp_path / 'geventio_command-1.dist-info'
    installed.mkdir()
    (installed / 'METADATA').write_text('Metadata-Version: 2.1\nName: geventio-command\n'
                                        'Version: 1\n')
    (installed / 'entry_points.txt').write_text('[flask.commands]\n'
                                                'run = geventio.extension.cli:run\n')

    def start(text, *arguments, app='site_', port=None, **environ):
        port = free_port() if port is None else port
        command = ['-m', 'flask', '--app', app, 'run', '--port', str(port), *arguments]
        return program(tmp_path, text, name='site_', port=port, command=command, **environ)

    return start


def websocket(running):
    """Open a WebSocket; the process that serves it."""
    with connect(running.url.replace('http', 'ws') + HANDSHAKE + 'websocket') as peer:
        peer.recv(PATIENCE)
        peer.send('40')
        peer.recv(PATIENCE)
        return int(re.fullmatch(r'42\["served by",(\d+)]', peer.recv(PATIENCE))[1])


# -- our applications -----------------------------------------------------------------------


@pytest.mark.parametrize('before', PATCHES.values(), ids=PATCHES)
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_real_server(flask_run, before, number):
    with flask_run(before + APP) as running:
        pid = running.pid()
        assert websocket(running) == pid
        with client(running.url) as peer:
            assert peer.transport() == 'websocket'
            running.send(number)
            await_end(peer)
        assert running.ended(PATIENCE) == 0
        lines = running.clean_log()
        assert lines.count(f' * Running on {running.url}') == 1
        assert " * Serving Flask app 'site_'" in lines
        assert ' * Debug mode: off' in lines
        assert any('"GET /pid HTTP/1.1" 200' in line for line in lines)
        assert 'disconnect server shutting down' in lines
        assert lines.count('imported') == 1
        assert 'too late' not in running.log


@pytest.mark.parametrize('before', PATCHES.values(), ids=PATCHES)
def test_debug(flask_run, tmp_path, before):
    with flask_run(before + APP, '--debug') as running:
        first = running.pid()
        assert running.children() == [first]
        assert websocket(running) == first
        assert running.get('/name') == (200, 'plain debug=True')
        page = running.page('/boom', 'out of luck')
        assert 'Werkzeug Debugger' in page and 'EVALEX = true' in page
        assert running.get('/?__debugger__=yes&cmd=resource&f=style.css')[0] == 200
        touch(tmp_path / 'site_.py')
        second = running.pid(first)
        assert websocket(running) == second
        running.send(signal.SIGTERM)
        assert running.ended(PATIENCE) == 0
        assert running.log.count(' * Running on ') == 1
        assert running.log.count('imported') == 3


def test_debug_without_reloader_and_debugger(flask_run):
    with flask_run(APP, '--debug', '--no-reload', '--no-debugger') as running:
        running.pid()
        assert running.children() == []
        status, page = running.get('/boom')
        assert status == 500 and 'Debugger' not in page


@pytest.mark.skipif(not hasattr(DebuggedApplication(None), 'trusted_hosts'),
                    reason='this Werkzeug trusts every host')
def test_the_debugger_may_be_asked_for_by_name(flask_run):
    with flask_run(APP, '--host', 'localhost', '--debug', '--no-reload') as running:
        running.pid()
        assert 'EVALEX = true' in running.get('/boom', Host='localhost')[1]
        assert 'EVALEX = false' in running.get('/boom', Host='elsewhere.example')[1]


@pytest.mark.parametrize(('app', 'name'), [
    ('site_:create_app', 'made'), ('site_:create_app("given")', 'given'), ('site_', 'plain')])
def test_factories(flask_run, app, name):
    with flask_run(APP, app=app) as running:
        assert running.pid() == websocket(running)
        assert running.get('/name')[1] == f'{name} debug=False'


def test_host_and_port_from_the_environment(flask_run, tmp_path):
    port = free_port()
    with flask_run(APP) as running:  # takes another port; the program is written
        running.pid()
        command = [sys.executable, '-m', 'flask', '--app', 'site_', 'run']
        other = Program(tmp_path, command, port, {'FLASK_RUN_PORT': str(port),
                                                  'FLASK_RUN_HOST': 'localhost'})
        try:
            assert other.pid() != running.pid()
            other.wrote(' * Running on http://127.0.0.1:')
        finally:
            other.kill()


def test_extra_files_and_excluded_ones(flask_run, tmp_path):
    (tmp_path / 'settings.ini').touch()
    (tmp_path / 'left_out.py').touch()
    with flask_run(APP, '--debug', '--extra-files', 'settings.ini', '--exclude-patterns',
                   '*left_out*') as running:
        first = running.pid()
        touch(tmp_path / 'left_out.py')
        touch(tmp_path / 'settings.ini')
        running.pid(first)
        assert 'left_out' not in running.log
        assert "settings.ini', reloading" in running.log


def test_a_certificate(flask_run, tmp_path):
    if shutil.which('openssl') is None:
        unable('openssl is not installed')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout',
                    'key.pem', '-out', 'cert.pem', '-subj', '/CN=localhost'], check=True,
                   cwd=tmp_path, capture_output=True, timeout=2 * PATIENCE)
    with flask_run(APP, '--cert', 'cert.pem', '--key', 'key.pem', '--debug') as running:
        running.listens()
        poller = Poller(HTTPSConnection('127.0.0.1', running.port, context=trusting(),
                                        timeout=PATIENCE))
        assert poller.request('GET', '/name') == (200, 'plain debug=True')
        poller.close()
        running.wrote(f' * Running on https://127.0.0.1:{running.port}')


def test_a_unix_socket(flask_run, tmp_path):
    with flask_run(APP, '--host', 'unix://here') as running:
        running.listens(str(tmp_path / 'here'))
        running.wrote(' * Running on unix://here')


@pytest.mark.parametrize('arguments', [(), ('--debug',)])
def test_a_taken_port_is_told_in_one_line(flask_run, arguments):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        with flask_run(APP, *arguments, port=port) as running:
            assert running.ended(PATIENCE) == 1
            assert running.log.splitlines()[-1] == (
                f'Error: port {port} on 127.0.0.1 is in use by another program; choose another '
                'port, or end that program')
            assert 'Traceback' not in running.log


def test_a_run_that_is_not_guarded_does_not_hold_up_the_command(flask_run):
    with flask_run(APP + '\nsocketio.run(app)\n') as running:
        assert running.pid() == websocket(running)
        assert "Ignoring a call to 'socketio.run()'" in running.log


def test_a_command_of_the_application_may_run(flask_run, tmp_path):
    port = free_port()
    text = APP + f"""
@app.cli.command('serve')
def serve():
    socketio.run(app, port={port})
"""
    with flask_run(text):
        other = Program(tmp_path, [sys.executable, '-m', 'flask', '--app', 'site_', 'serve'],
                        port, {})
        try:
            assert other.pid() == websocket(other)
        finally:
            other.kill()


# -- errors while the application is loaded -------------------------------------------------


def test_an_error_at_first_ends_the_command(flask_run):
    with flask_run('import no_such_module', '--debug') as running:
        assert running.ended(PATIENCE) == 2
        assert "No module named 'no_such_module'" in running.log


@pytest.mark.parametrize('before', PATCHES.values(), ids=PATCHES)
def test_an_error_after_a_change_is_shown_until_the_next(flask_run, tmp_path, before):
    broken = before + "\nprint('imported', flush=True)\nraise KeyError('mistyped')"
    with flask_run(before + APP, '--debug') as running:
        first = running.pid()
        write(tmp_path, broken, 'site_')
        assert 'Werkzeug Debugger' in running.page('/', 'mistyped')
        assert running.log.count('imported') == 3  # not twice for one process
        write(tmp_path, before + APP, 'site_')
        second = running.pid(first)
        assert websocket(running) == second
        running.send(signal.SIGTERM)
        assert running.ended(PATIENCE) == 0


def test_an_application_may_get_its_socketio_later(flask_run, tmp_path):
    """Flask's own parent, then our child, then Flask's own again."""
    plain = 'import os\nfrom flask import Flask\napp = Flask("x")\n' \
            'app.get("/pid")(lambda: str(os.getpid()))'
    with flask_run(plain, '--debug') as running:
        first = running.pid()
        write(tmp_path, APP, 'site_')
        second = running.pid(first)
        assert websocket(running) == second
        write(tmp_path, plain, 'site_')
        third = running.pid(second)
        assert len({first, second, third}) == 3


# -- applications of others -----------------------------------------------------------------

OTHERS = {
    'none': 'from flask import Flask\napp = Flask("x")',
    'flask-socketio': 'from flask import Flask\nfrom flask_socketio import SocketIO\n'
                      'app = Flask("x")\nsocketio = SocketIO(app, async_mode="threading")',
}


@pytest.mark.parametrize('text', OTHERS.values(), ids=OTHERS)
def test_other_applications_get_flasks_own_server(flask_run, text):
    if 'flask_socketio' in text:
        pytest.importorskip('flask_socketio')
    with flask_run(text) as running:
        running.listens()
        running.page('/nothing', '404')
        poller = Poller(running.port)
        poller.connection.request('GET', '/')
        response = poller.connection.getresponse()
        assert response.headers['Server'].startswith('Werkzeug')
        poller.close()
        running.wrote('This is a development server')


def test_flasks_own_gets_what_it_would_have_got(monkeypatch):
    """The same parameters, in the same context."""
    asked = []
    monkeypatch.setattr(flask.cli, 'run_simple', lambda *args, **options: asked.append(
        (args[:2], options)))
    app = Flask('other')
    arguments = ['--port', '5050', '--no-reload', '--debugger', '--without-threads',
                 '--extra-files', os.pathsep.join(['a', 'b'])]
    for command in (flask.cli.run_command, cli.run):
        info = flask.cli.ScriptInfo(create_app=lambda: app)
        result = CliRunner().invoke(command, arguments, obj=info)
        assert result.exit_code == 0, result.output
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_the_options_are_flasks():
    assert [param.to_info_dict() for param in cli.run.params] == [
        param.to_info_dict() for param in flask.cli.run_command.params]
    assert json.dumps(cli.run.name) == '"run"'
    assert cli.run is not flask.cli.run_command

"""``run``: its options, the port, debugging, the reloader; serving itself is tested below it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import textwrap
import threading
from http.client import HTTPConnection
from pathlib import Path

import gevent
import pytest
from gevent import socket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from werkzeug.debug import DebuggedApplication

from geventio import ConfigError, SocketIO
from geventio.extension import running as extension_running

from ..ports import free_port
from ..serving.support import HANDSHAKE, PATIENCE, UnixConnection
from ..waiting import until
from .programs import PATCHES, program, touch, write


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
    ('example.com:8123', 8123), ('example.com', 5000), ('[::1]', 5000), (None, 5000)])
def test_the_port_is_the_one_of_the_server_name(app, socketio, monkeypatch, name, expected):
    app.config['SERVER_NAME'] = name
    asked = []
    monkeypatch.setattr(extension_running, 'run', lambda owner, app, host, port, **options: (
        asked.append((host, port, options['log_output']))))
    socketio.run(app)
    assert asked == [('127.0.0.1', expected, False)]


def test_a_misspelt_option_of_run(app, socketio):
    with pytest.raises(ConfigError, match="did you mean 'certfile'"):
        socketio.run(app, port=0, certfil='x')


def test_the_debugger_is_gone_when_run_returns(app, socketio, run):
    before = socketio.server.app
    with pytest.raises(ConfigError):
        socketio.run(app, port=0, debug=True, use_reloader=False, ssl_context='nonsense')
    assert socketio.server.app is before


@pytest.mark.parametrize(('options', 'message'), [
    ({'debuf': True}, "did you mean 'debug'"),
    ({'use_reload': True}, "did you mean 'use_reloader'"),
    ({'use_reloader': True, 'reloader_options': {'intervall': 1}},
     "did you mean 'reloader_options.interval'"),
    ({'use_reloader': True, 'reloader_options': {'reloader_type': 'inotify'}},
     "reloader_type must be one of auto, stat, watchdog, not 'inotify'"),
    ({'use_reloader': True, 'extra_files': 'settings.ini'}, 'extra_files must be a list'),
])
def test_wrong_options_of_the_reloader(app, socketio, options, message):
    with pytest.raises(ConfigError, match=message):
        socketio.run(app, port=0, **options)


def test_something_else_than_the_application(socketio):
    with pytest.raises(ConfigError, match='run\\(\\) takes the Flask application first, not 5000'):
        socketio.run(5000)


def test_the_reloader_needs_the_main_thread(app, socketio):
    caught = []

    def body():
        try:
            socketio.run(app, port=0, use_reloader=True)
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join(5)
    assert caught == ['the reloader works on the main thread only: give use_reloader=False to '
                      'run() in another one']


def test_without_debug_nothing_is_written(tmp_path):
    with program(tmp_path, APP + 'socketio.run(app, port=PORT)') as running:
        running.pid()
        running.send(signal.SIGINT)
        assert running.ended(PATIENCE) == 0
        assert running.log == ''


def test_the_address_and_requests_are_written_if_asked_for(tmp_path):
    with program(tmp_path, APP + 'socketio.run(app, port=PORT, log_output=True)') as running:
        running.pid()
        running.send(signal.SIGINT)
        assert running.ended(PATIENCE) == 0
        first, second, *requests = running.log.splitlines()
        assert first == f' * Running on {running.url}'
        assert second == 'Press CTRL+C to quit'
        assert all('"GET /pid HTTP/1.1" 200' in line for line in requests) and requests


# -- the reloader ---------------------------------------------------------------------------

APP = """
import os
from flask import Flask
from geventio import SocketIO, emit

app = Flask('reloaded')
app.get('/pid')(lambda: str(os.getpid()))
socketio = SocketIO(app)

@app.get('/boom')
def boom():
    answer = 6 * 7
    raise RuntimeError('out of luck')

@socketio.on('connect')
def connect():
    emit('served by', os.getpid())

@socketio.on('disconnect')
def disconnect(reason):
    print('disconnect', reason, flush=True)
"""
RUN = """
print('about to run', flush=True)
socketio.run(app, port=PORT, debug=True, extra_files=['extra.txt'],
             reloader_options={'reloader_type': 'stat', 'interval': 0.1})
"""


@pytest.fixture(params=PATCHES.values(), ids=PATCHES)
def reloaded(request, tmp_path):
    """The program under the reloader, plain and patched."""
    (tmp_path / 'extra.txt').touch()
    with program(tmp_path, request.param + APP + RUN) as running:
        yield running


@contextlib.contextmanager
def joined(running):
    """A client, and the process it is served by."""
    with connect(running.url.replace('http', 'ws') + HANDSHAKE + 'websocket') as websocket:
        websocket.recv(PATIENCE)
        websocket.send('40')
        websocket.recv(PATIENCE)
        greeting = websocket.recv(PATIENCE)
        yield websocket, int(re.fullmatch(r'42\["served by",(\d+)]', greeting)[1])


def goodbye(websocket):
    """The close code, when the server closes."""
    with pytest.raises(ConnectionClosed) as caught:
        websocket.recv(PATIENCE)
    return caught.value.rcvd and caught.value.rcvd.code


def test_a_changed_file_starts_the_program_again(reloaded, tmp_path):
    first = reloaded.pid()
    assert reloaded.children() == [first]  # the parent does not serve
    pids = []
    for name in ('program.py', 'extra.txt', None):
        with joined(reloaded) as (websocket, pid):  # without trying twice
            pids.append(pid)
            if name is not None:
                touch(tmp_path / name)
                assert goodbye(websocket) == 1001
    assert pids[0] == first and len(set(pids)) == 3
    reloaded.send(signal.SIGTERM)
    assert reloaded.ended(PATIENCE) == 0
    lines = reloaded.clean_log()
    # Once in the parent and once in each child: no child does anything twice.
    assert lines.count('about to run') == 4
    assert lines.count('disconnect server shutting down') == 2
    assert lines.count(f' * Running on {reloaded.url}') == 1
    with socket.socket() as probe:
        assert probe.connect_ex(('127.0.0.1', reloaded.port)) != 0


def test_nobody_is_refused_while_the_program_starts_again(reloaded, tmp_path):
    first = reloaded.pid()
    touch(tmp_path / 'program.py')
    pids = {str(first)}
    while len(pids) < 2:
        with contextlib.suppress(ConnectionResetError):  # open already when the first one ended
            status, pid = reloaded.get('/pid')
            assert status == 200
            pids.add(pid)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_parent_ends_both_cleanly(reloaded, number):
    first = reloaded.pid()
    with joined(reloaded) as (websocket, _):
        reloaded.send(number)
        assert goodbye(websocket) == 1001
    assert reloaded.ended(PATIENCE) == 0
    assert not os.path.exists(f'/proc/{first}')
    assert 'disconnect server shutting down' in reloaded.clean_log()


def test_a_terminal_interrupts_both(reloaded):
    first = reloaded.pid()
    os.kill(first, signal.SIGINT)
    reloaded.send(signal.SIGINT)
    assert reloaded.ended(PATIENCE) == 0
    reloaded.clean_log()


def test_a_program_that_fails_waits_for_the_next_change(reloaded, tmp_path):
    first = reloaded.pid()
    good = (tmp_path / 'program.py').read_text()
    write(tmp_path, 'import no_such_module')
    reloaded.wrote('it starts again when a file changes')
    assert "No module named 'no_such_module'" in reloaded.log
    write(tmp_path, good)
    reloaded.pid(first)
    write(tmp_path, 'import no_such_module')
    reloaded.until(lambda: reloaded.log.count('it starts again') == 2, 'the second failure')
    reloaded.send(signal.SIGTERM)
    assert reloaded.ended(PATIENCE) == 0


def test_a_program_that_fails_at_first_ends(tmp_path):
    with program(tmp_path, """
        import os
        if os.environ.get('WERKZEUG_RUN_MAIN'):
            raise SystemExit(7)
    """ + textwrap.indent(APP + RUN, ' ' * 8)) as running:
        assert running.ended(PATIENCE) == 7


def test_a_child_whose_parent_was_killed_ends(reloaded):
    child = reloaded.pid()
    reloaded._process.kill()
    reloaded._process.wait()
    until(lambda: not os.path.exists(f'/proc/{child}') or 'Z' in state(child))


def state(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except OSError:
        return 'Z'


def test_a_handler_that_blocks_does_not_hold_the_reloader(tmp_path):
    text = """
import ctypes
import geventio.extension.reloader
geventio.extension.reloader.PATIENCE = 0.5
""" + APP + """
@app.get('/block')
def block():
    print('blocking', flush=True)
    ctypes.CDLL(None).sleep(60)
""" + RUN
    with program(tmp_path, text) as running:
        first = running.pid()
        with socket.create_connection(('127.0.0.1', running.port), PATIENCE) as blocking:
            blocking.sendall(b'GET /block HTTP/1.0\r\n\r\n')
            running.wrote('blocking')
            touch(tmp_path / 'program.py')
            assert running.pid(first) != first


def test_a_new_port_is_taken(tmp_path):
    with program(tmp_path, APP + RUN) as running:
        running.pid()
        text = (tmp_path / 'program.py').read_text()
        old, running.port = running.port, free_port()
        write(tmp_path, text.replace(f'port={old}', f'port={running.port}'))
        running.pid()


def test_a_taken_port_is_told_before_anything_starts(tmp_path):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        with program(tmp_path, APP + RUN, port=port) as running:
            assert running.ended(PATIENCE) == 1
            assert f'port {port} on 127.0.0.1 is in use by another program' in running.log
            assert running.log.count('about to run') == 1


def test_a_unix_socket_is_kept_and_removed(tmp_path):
    with program(tmp_path, APP + RUN.replace('port=PORT', "host='unix://socket'")) as running:
        path = tmp_path / 'socket'
        running.listens(str(path))
        first = pid_over_unix(path)
        touch(tmp_path / 'program.py')
        while pid_over_unix(path) in (first, None):
            pass
        running.send(signal.SIGTERM)
        assert running.ended(PATIENCE) == 0
        assert not path.exists()


def pid_over_unix(path):
    with contextlib.closing(UnixConnection(str(path))) as connection, \
            contextlib.suppress(ConnectionResetError):  # open already when the first one ended
        connection.request('GET', '/pid')
        return connection.getresponse().read()
    return None


def test_the_debugger_answers(reloaded):
    """The page, what it loads, and a line of Python in the frame that failed."""
    page = reloaded.page('/boom', 'out of luck')
    assert 'Werkzeug Debugger' in page
    secret = re.search(r'SECRET = "(\w+)"', page)[1]
    frames = re.findall(r'id="frame-(\d+)"', page)
    assert 'EVALEX = true' in page
    ask = '/?__debugger__=yes&cmd='
    status, script = reloaded.get(ask + 'resource&f=debugger.js')
    assert status == 200 and 'function' in script
    pin = re.search(r'Debugger PIN: ([\d-]+)', reloaded.log)[1]
    with contextlib.closing(HTTPConnection('127.0.0.1', reloaded.port, timeout=PATIENCE)) as plain:
        plain.request('GET', f'{ask}pinauth&pin={pin}&s={secret}')
        response = plain.getresponse()
        assert json.loads(response.read()) == {'auth': True, 'exhausted': False}
        cookie = response.headers['Set-Cookie'].partition(';')[0]
    status, answer = reloaded.get(f'{ask}answer&frm={frames[-1]}&s={secret}', Cookie=cookie)
    assert status == 200 and '42' in answer

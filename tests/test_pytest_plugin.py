"""The pytest plugin, in a pytest of its own on a small application."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import geventio

ROOT = Path(geventio.__file__).parents[1]

APP = """
import pytest
from flask import Flask, request, session
from geventio import SocketIO, emit

socketio = SocketIO()
present = []

@socketio.on('connect')
def connected(auth):
    present.append(request.sid)
    return auth != 'no'

@socketio.on('disconnect')
def left():
    present.remove(request.sid)

@socketio.on('who')
def who():
    return session.get('name')

@socketio.on('later')
def later():
    def work(sid):
        socketio.sleep(60)
        socketio.emit('now', to=sid)
    socketio.start_background_task(work, request.sid)

@socketio.every(3600)
def hourly():
    emit('hour')

def create_app():
    app = Flask('chat')
    app.secret_key = 'key'
    app.add_url_rule('/login', 'login', lambda: session.update(name='ann') or '')
    socketio.init_app(app)
    return app
"""

CONFTEST = """
import pytest
from chat import create_app

@pytest.fixture
def app():
    return create_app()
"""


@pytest.fixture
def run(tmp_path):
    """``run(test_source, conftest=...)``: the exit code and the output of a pytest process."""

    def run(source, conftest=CONFTEST, app=APP):
        (tmp_path / 'chat.py').write_text(app)
        (tmp_path / 'conftest.py').write_text(conftest)
        (tmp_path / 'test_chat.py').write_text(source)
        environ = {**os.environ, 'PYTHONPATH': f'{ROOT}{os.pathsep}{tmp_path}',
                   'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1'}
        environ.pop('PYTEST_ADDOPTS', None)
        done = subprocess.run(
            [sys.executable, '-m', 'pytest', '-p', 'geventio.pytest_plugin', '-W', 'error', '-q',
             '-p', 'no:cacheprovider', '--rootdir', tmp_path, tmp_path],
            cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=50)
        return done.returncode, done.stdout + done.stderr

    return run


def test_fixtures(run):
    code, output = run("""
import chat
from geventio import SocketIO

def test_the_object(socketio, app):
    assert socketio is chat.socketio
    assert socketio.app is app

def test_clients(socketio_client):
    one, two = socketio_client(), socketio_client('/', query_string='a=1', headers={'X': 'y'})
    assert chat.present == [one.sid(), two.sid()]
    two.disconnect()

def test_they_are_closed_after_each_test(socketio):
    assert chat.present == []
    assert not socketio.server.engine.sessions

def test_refused(socketio_client):
    assert not socketio_client(auth={'a': 1}).connect_error

def test_cookies(app, socketio_client):
    browser = app.test_client()
    browser.get('/login')
    assert socketio_client(flask_test_client=browser).call('who') == 'ann'
    assert socketio_client().call('who') is None

def test_clock(socketio_client, socketio_clock):
    client = socketio_client()
    client.emit('later')
    socketio_clock.advance(59)
    assert client.get_received() == []
    socketio_clock.advance(1)
    assert [each['name'] for each in client.get_received()] == ['now']
    socketio_clock.advance(3540)
    assert [each['name'] for each in client.get_received()] == ['hour']

def test_the_clock_is_gone(socketio, socketio_client):
    from time import monotonic
    socketio_client()
    assert abs(socketio.server.runtime.now() - monotonic()) < 5
""")
    assert code == 0, output
    assert '7 passed' in output


def test_a_test_that_fails_leaves_no_client(run):
    code, output = run("""
import chat

def test_fails(socketio_client):
    socketio_client()
    assert False

def test_next():
    assert chat.present == []
""")
    assert code == 1, output
    assert '1 failed, 1 passed' in output


def test_a_fixture_of_ones_own(run):
    code, output = run("""
def test_it(socketio, socketio_client):
    assert socketio.mine
    assert socketio_client().is_connected()
""", conftest="""
import pytest
from chat import create_app, socketio as the_object

@pytest.fixture
def socketio():
    create_app()
    the_object.mine = True
    return the_object
""")
    assert code == 0, output


def test_clear_errors(run):
    code, output = run("""
import pytest
from flask import Flask

def test_no_app(socketio_client):
    pass

class TestNoSocketIO:
    @pytest.fixture
    def app(self):
        return Flask('bare')

    def test_it(self, socketio):
        pass

class TestNoFlask:
    @pytest.fixture
    def app(self):
        return 'an app'

    def test_it(self, socketio_clock):
        pass

class TestAnotherExtension:
    @pytest.fixture
    def app(self):
        app = Flask('other')
        app.extensions['socketio'] = 'something else'
        return app

    def test_it(self, socketio):
        pass

class TestTheFixtureFails:
    @pytest.fixture
    def app(self, database):
        pass

    def test_it(self, socketio):
        pass
""", conftest='')
    assert code == 1
    assert '5 errors' in output
    assert 'needs a fixture `app` that returns your Flask application' in output
    assert "<Flask 'bare'> has none: call socketio.init_app(app)" in output
    assert "'an app' has none" in output
    assert "has 'something else'" in output
    assert "fixture 'database' not found" in output
    assert 'Traceback' not in output


def test_nothing_is_imported_before_it_is_needed(run):
    code, output = run("""
import sys

def test_it():
    assert 'geventio.pytest_plugin' in sys.modules
    assert not {'gevent', 'flask', 'geventio.extension'} & set(sys.modules)
""", conftest='')
    assert code == 0, output

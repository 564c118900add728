"""Flask-Login in handlers: who the user is, and who gets in."""

from __future__ import annotations

import pytest
from flask import abort

from geventio import Namespace, SocketIO

from .browser import Browsers, add_views, sessions_on_server, warnings
from .support import Client, Refused


@pytest.fixture
def browser(host):
    """``browser(socketio)``: a new browser for the views and the sockets of its application."""
    return Browsers(host)


@pytest.fixture
def views(app):
    add_views(app)


@pytest.fixture(params=['files', 'sqlite'])
def store(request, app, tmp_path):
    """The application's sessions are kept on the server."""
    with sessions_on_server(app, request.param, tmp_path):
        yield


@pytest.fixture
def login(app):
    """The module flask_login, on the application; ``login.loaded`` are the users it loaded."""
    login = pytest.importorskip('flask_login')
    manager = login.LoginManager(app)
    manager.loaded = []

    @manager.user_loader
    def load(id):
        manager.loaded.append(id)
        user = login.UserMixin()
        user.id = id
        user.turn = len(manager.loaded)
        return user

    @app.get('/login/<name>')
    def log_in(name):
        login.login_user(load(name))
        return {}

    @app.get('/logout')
    def log_out():
        login.logout_user()
        return {}

    @app.get('/who')
    def who():
        return {'who': login.current_user.get_id()}

    def register(socketio):
        socketio.on_event('who', lambda: login.current_user.get_id() or 'nobody')
        socketio.on_event('in', lambda name: login.login_user(load(name)))
        socketio.on_event('out', lambda: login.logout_user())

    manager.register = register
    return manager


def test_the_user_is_loaded_for_each_event(login, socketio, browser):
    from flask_login import current_user

    socketio.on_event('turn', lambda: [current_user.turn, current_user.turn, current_user.id])
    visitor = browser(socketio)
    visitor.get('/login/ann')
    socket = visitor.socket()
    login.loaded.clear()
    assert socket.call('turn') == [[1, 1, 'ann']]
    assert socket.call('turn') == [[2, 2, 'ann']]
    assert login.loaded == ['ann', 'ann']


def test_a_login_lasts_as_long_as_the_connection(login, socketio, browser, caplog):
    login.register(socketio)
    visitor = browser(socketio)
    socket = visitor.socket()
    assert socket.call('who') == ['nobody']
    assert socket.call('in', 'ann') == [True]
    assert socket.call('who') == ['ann']
    assert visitor.get('/who') == {'who': None}
    assert socket.call('out') == [True]
    assert socket.call('who') == ['nobody']
    assert visitor.socket().call('who') == ['nobody']
    assert warnings(caplog) == []


def test_logins_are_shared_with_views(app, views, store, login, browser, caplog):
    socketio = SocketIO(app, manage_session=False)
    login.register(socketio)
    visitor = browser(socketio)
    visitor.get('/write/x/1')
    socket = visitor.socket()
    assert socket.call('in', 'ann') == [True]
    assert visitor.get('/who') == {'who': 'ann'} and socket.call('who') == ['ann']
    visitor.get('/logout')
    assert socket.call('who') == ['nobody']
    visitor.get('/login/bob')
    assert socket.call('who') == ['bob']
    assert socket.call('out') == [True]
    assert visitor.get('/who') == {'who': None}
    assert warnings(caplog) == []


def test_a_login_that_a_cookie_cannot_keep_is_warned_about(app, login, browser, caplog):
    socketio = SocketIO(app, manage_session=False)
    login.register(socketio)
    socket = browser(socketio).socket()
    assert socket.call('in', 'ann') == [True]
    assert socket.call('who') == ['nobody']
    assert len(warnings(caplog)) == 1


def test_handlers_that_require_a_login(login, socketio, browser):
    from flask_login import current_user, login_required

    called = []
    socketio.on_error_default(lambda error: error.code)

    @socketio.on('ask')
    @login_required
    def handler(value):
        called.append(value)
        return current_user.id

    visitor = browser(socketio)
    assert visitor.socket().call('ask', 1) == [401]
    visitor.get('/login/ann')
    assert visitor.socket().call('ask', 2) == ['ann']
    assert called == [2]


@pytest.fixture(params=['abort', 'False', 'decorator', 'login page', 'class'])
def guarded(request, app, login):
    """A SocketIO that lets in who is logged in."""
    from flask_login import current_user, login_required

    socketio = SocketIO(app)
    if request.param == 'abort':
        @socketio.on('connect')
        def connect():
            if not current_user.is_authenticated:
                abort(401)
    elif request.param == 'False':
        @socketio.on('connect')
        def connect(auth):
            return current_user.is_authenticated
    elif request.param == 'class':
        class Guarded(Namespace):
            @login_required
            def on_connect(self, auth):
                pass

        socketio.on_namespace(Guarded('/'))
    else:
        socketio.on_event('connect', login_required(lambda: None))
        if request.param == 'login page':
            login.login_view = 'who'
    return socketio


def test_who_is_not_logged_in_stays_out(guarded, browser):
    visitor = browser(guarded)
    stranger = Client(visitor.host)
    with pytest.raises(Refused):
        stranger.connect()
    visitor.get('/login/ann')
    friend = visitor.socket()
    guarded.emit('secret')
    assert friend.event() == ['secret']
    assert guarded.server.rooms(friend.sid) == [friend.sid]
    assert stranger.pending() == []

"""Sessions in handlers: a connection's own, and Flask's, which views share."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from flask import Flask, Request, abort, request, session
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from gevent.event import Event
from itsdangerous import BadSignature

from geventio import Namespace, SocketIO, emit
from geventio.extension.session import (
    COOKIE_SIZE,
    FIELD_SIZE,
    MAX_COOKIES,
    MAX_FIELDS,
    CookieRequest,
    _known_cookies,
    _secure_cookies,
    open_session,
)

from ..waiting import until
from .browser import Browsers, add_views, sessions_on_server, warnings
from .support import Refused


def cookie(app, **values):
    """The header with which a browser brings a session that it keeps itself."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    return [('Cookie', 'session=' + serializer.dumps(values))]


def count():
    session['count'] = session.get('count', 0) + 1
    return [session['count'], session.get('name')]


def ask(socketio, joined, function, *args, **options):
    """What a function returns when it is the handler of an event."""
    socketio.on_event('ask', function)
    return joined(socketio, **options).call('ask', *args)


@pytest.fixture
def browser(host):
    """``browser(socketio)``: a new browser for the views and the sockets of its application."""
    return Browsers(host)


@pytest.fixture
def views(app):
    add_views(app)


# -- a connection's own ---------------------------------------------------------------------------


def test_a_client_has_a_session_copied_from_its_cookie(app, socketio, client):
    for namespace in ('/', '/other'):
        socketio.on_event('count', count, namespace=namespace)
    one = client(headers=cookie(app, name='Ann', count=5))
    two = client(headers=cookie(app, name='Ann', count=5))
    three = client()
    for each in (one, two, three):
        each.connect()
        each.connect('/other')
    assert one.call('count') == [[6, 'Ann']]
    assert one.call('count', nsp='/other') == [[7, 'Ann']]
    assert two.call('count') == [[6, 'Ann']]
    assert three.call('count') == [[1, None]]


def test_a_session_outlives_a_namespace_and_not_the_connection(app, socketio, joined):
    socketio.on_event('count', count)
    one = joined()
    assert one.call('count') == [[1, None]]
    one.leave()
    one.connect()
    assert one.call('count') == [[2, None]]
    assert joined().call('count') == [[1, None]]


def test_views_and_a_connections_session_do_not_see_each_other(views, socketio, browser, caplog):
    socketio.on_event('count', count)
    visitor = browser(socketio)
    visitor.get('/write/name/Ann')
    socket = visitor.socket()
    assert socket.call('count') == [[1, 'Ann']]
    assert visitor.get('/read') == {'name': 'Ann'}
    visitor.get('/write/name/Bob')
    assert socket.call('count') == [[2, 'Ann']]
    assert visitor.socket().call('count') == [[1, 'Bob']]
    assert warnings(caplog) == []


def test_a_handler_that_fails_keeps_what_it_wrote(socketio, joined, caplog):
    @socketio.on('fail')
    def fail():
        session['count'] = 5
        raise KeyError

    socketio.on_event('count', count)
    client = joined()
    client.emit('fail')
    assert client.call('count') == [[6, None]]
    assert 'KeyError' in caplog.text


def test_events_that_open_the_session_at_once_share_it(app, joined):
    gate = Event()

    class Slow(SecureCookieSessionInterface):
        opened = 0

        def open_session(self, app, request):
            self.opened += 1
            gate.wait()
            return super().open_session(app, request)

    app.session_interface = interface = Slow()
    socketio = SocketIO(app)
    socketio.on_event('write', lambda name: session.setdefault(name, 1))
    socketio.on_event('read', lambda: sorted(session))
    client = joined(socketio)
    client.emit('write', 'a')
    client.emit('write', 'b')
    until(lambda: interface.opened == 2)
    gate.set()
    assert client.call('read') == [['a', 'b']]


def test_a_session_without_a_key_and_with_a_forged_cookie(app, joined):
    forged = cookie(app, name='Ann')
    app.secret_key = 'another'
    socketio = SocketIO(app)
    socketio.on_event('count', count)
    assert joined(socketio, headers=forged).call('count') == [[1, None]]
    app.secret_key = None
    assert joined(socketio, headers=forged).call('count') == [[1, None]]


def test_a_cookie_is_judged_by_what_holds_at_the_moment(app, socketio, client, monkeypatch):
    def read(header):
        one = client(headers=header)
        one.connect()
        return one.call('name')[0]

    socketio.on_event('name', lambda: session.get('name', 'nobody'))
    ann, first = cookie(app, name='Ann'), app.secret_key
    assert [read(ann), read(cookie(app, name='Bob')), read(())] == ['Ann', 'Bob', 'nobody']
    app.secret_key = 'another'
    assert [read(ann), read(cookie(app, name='Bob'))] == ['nobody', 'Bob']
    if 'SECRET_KEY_FALLBACKS' in app.config:  # since Flask 3.1
        app.config['SECRET_KEY_FALLBACKS'] = keys = ['unknown']
        assert read(ann) == 'nobody'
        keys.append(first)
        assert [read(ann), read(cookie(app, name='Bob'))] == ['Ann', 'Bob']
        keys.clear()
        assert read(ann) == 'nobody'
    app.secret_key = first
    assert read(ann) == 'Ann'
    with monkeypatch.context() as patched:
        patched.setattr(SecureCookieSessionInterface, 'salt', 'pepper')
        assert [read(ann), read(cookie(app, name='Bob'))] == ['nobody', 'Bob']
    assert read(ann) == 'Ann'
    app.permanent_session_lifetime = timedelta(seconds=-1)
    assert read(ann) == 'nobody'


@pytest.mark.parametrize('change', [
    lambda text: text, lambda text: text[:-1], lambda text: text + 'A', lambda text: text + '.',
    lambda text: '', lambda text: '.', lambda text: '..', lambda text: text.replace('.', '..'),
    lambda text: 'A' + text, lambda text: text.swapcase(), lambda text: text + '=',
    lambda text: text + '\xe9', lambda text: text.rpartition('.')[0],
    lambda text: text.replace('.', '.A', 1), lambda text: 'x' * 5000,
])
@pytest.mark.parametrize('values', [{}, {'name': 'Ann'}, {'long': 'x' * 2000}, {'pair': (1, 2)}])
@pytest.mark.parametrize('age', [0, 5, 100, -100])
def test_a_cookie_is_read_as_flask_reads_it(app, monkeypatch, change, values, age):
    interface = SecureCookieSessionInterface()
    now = time.time()
    with monkeypatch.context() as patched:
        patched.setattr(time, 'time', lambda: now - age)  # when it was signed
        signed = interface.get_signing_serializer(app).dumps(values)
    text = change(signed)
    app.permanent_session_lifetime = timedelta(seconds=50)
    request = CookieRequest('session=' + text.encode().decode('latin-1'))
    mine = open_session(app, request)
    assert dict(mine) == dict(interface.open_session(app, request))
    assert type(mine) is type(interface.open_session(app, request))
    if text == signed and 0 <= age <= 50:
        assert dict(mine) == values


def test_a_known_cookie_is_judged_by_its_age_at_each_reading(app, monkeypatch):
    request = CookieRequest(cookie(app, name='Ann')[0][1])
    app.permanent_session_lifetime = timedelta(seconds=50)
    now = time.time()
    for later, good in [(0, 1), (49, 1), (60, 0), (0, 1), (-60, 0), (0, 1)]:
        with monkeypatch.context() as patched:
            patched.setattr(time, 'time', lambda later=later: now + later)
            assert dict(open_session(app, request)) == ({'name': 'Ann'} if good else {})
    app.permanent_session_lifetime = timedelta(seconds=-1)
    assert dict(open_session(app, request)) == {}


@pytest.mark.parametrize('values', [{'name': 'Ann'}, {'list': ['Ann']}, {'deep': {'list': [1]}}])
def test_each_reading_of_a_cookie_gives_a_session_of_its_own(app, values):
    request = CookieRequest(cookie(app, **values)[0][1])
    for _ in range(3):
        mine = open_session(app, request)
        assert dict(mine) == values
        mine['more'] = 1
        if 'list' in mine:
            mine['list'].append('Bob')
        if 'deep' in mine:
            mine['deep']['list'].append(2)


def test_cookies_that_are_remembered_are_few_and_short(app):
    serializer = _secure_cookies.get_signing_serializer(app)
    known = serializer.loads._known
    for size in range(2 * COOKIE_SIZE):
        text = serializer.dumps({'x': 'a' * size})
        assert serializer.loads(text, max_age=60) == {'x': 'a' * size}
        assert (text in known) == (len(text) <= COOKIE_SIZE)
    for number in range(2 * MAX_COOKIES):
        serializer.loads(serializer.dumps({'x': number}), max_age=60)
        assert len(known) <= MAX_COOKIES
    with pytest.raises(BadSignature):
        serializer.loads('forged', max_age=60)
    assert 'forged' not in known
    for number in range(2 * MAX_FIELDS):
        assert CookieRequest(f'a={number}').cookies == {'a': str(number)}
    assert _known_cookies.cache_info().currsize == MAX_FIELDS
    _known_cookies.cache_clear()
    assert CookieRequest('a=' + 'b' * FIELD_SIZE).cookies == {'a': 'b' * FIELD_SIZE}
    assert _known_cookies.cache_info().currsize == 0


def test_of_two_cookies_with_one_name_the_first_counts(app, socketio, client):
    socketio.on_event('name', lambda: [session.get('name'), request.cookies.get('session')[:1]])
    (_, ann), = cookie(app, name='Ann')
    (_, bob), = cookie(app, name='Bob')
    one = client(headers=[('Cookie', f'a=b; {ann}; {bob}')])
    one.connect()
    assert one.call('name') == [['Ann', ann[8]]]


def test_the_session_is_the_same_before_and_after_request_is_read(app, socketio, client):
    def read():
        session['count'] = session.get('count', 0) + 1
        return [session['count'], request.environ['saved_session'] is session._get_current_object()]

    @socketio.on('connect')
    def connect():
        read()

    socketio.on_event('read', read)
    one = client(headers=cookie(app, count=5))
    one.connect()
    assert one.call('read') == [[7, True]]


def test_a_request_class_of_the_application_is_asked_for_its_cookies(app, client):
    class Mine(Request):
        @property
        def cookies(self):
            return {'session': ann.partition('=')[2]}

    (_, ann), = cookie(app, name='Ann')
    app.request_class = Mine
    socketio = SocketIO(app)
    socketio.on_event('name', lambda: session.get('name'))
    one = client(socketio)
    one.connect()
    assert one.call('name') == ['Ann']


def test_applications_do_not_share_keys(client):
    apps = [Flask(__name__), Flask(__name__)]
    for key, app in enumerate(apps):
        app.secret_key = f'key {key}'
    seen = []
    for app in apps:
        socketio = SocketIO(app)
        socketio.on_event('name', lambda: session.get('name', 'nobody'))
        for maker in apps:
            one = client(socketio, headers=cookie(maker, name='Ann'))
            one.connect()
            seen += one.call('name')
    assert seen == ['Ann', 'nobody', 'nobody', 'Ann']


def test_another_interface_opens_the_session_itself(app, socketio, client):
    class Own(SecureCookieSessionInterface):
        def get_signing_serializer(self, app):
            opened.append(app)
            return super().get_signing_serializer(app)

    opened = []
    socketio.on_event('name', lambda: session.get('name'))
    salted = SecureCookieSessionInterface()
    salted.salt = 'pepper'
    for interface in (Own(), salted):
        app.session_interface = interface
        header = [('Cookie', 'session='
                   + interface.get_signing_serializer(app).dumps({'name': 'Ann'}))]
        opened.clear()
        for _ in range(2):
            one = client(headers=header)
            one.connect()
            assert one.call('name') == ['Ann']
        assert len(opened) == (2 if interface is not salted else 0)


def test_a_session_looks_like_one(socketio, joined):
    def handler():
        session.permanent = True
        session.modified = True
        return [isinstance(session._get_current_object(), SessionMixin), session.permanent,
                session.new]

    assert ask(socketio, joined, handler) == [[True, True, False]]


# -- Flask's --------------------------------------------------------------------------------------


class Backend(SessionInterface):
    """Keeps sessions on the server, as extensions do."""

    class Session(dict, SessionMixin):
        modified = False

        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            self.modified = True

    def __init__(self):
        self.stored = {}
        self.opened = self.saved = 0

    def open_session(self, app, request):
        self.opened += 1
        return self.Session(self.stored)

    def save_session(self, app, session, response):
        assert response.status_code == 200
        self.saved += 1
        self.stored = dict(session)


@pytest.fixture
def backend(app):
    app.session_interface = Backend()
    return app.session_interface


def test_flasks_session_is_opened_and_saved_for_each_event(app, backend, joined):
    socketio = SocketIO(app, manage_session=False)
    socketio.on_event('count', count)
    socketio.on_event('read', lambda: session.get('count'))
    socketio.on_event('neither', lambda: 1)
    client = joined(socketio)
    assert client.call('count') == [[1, None]]
    backend.stored['count'] = 41  # a view
    assert client.call('count') == [[42, None]]
    assert (backend.opened, backend.saved) == (2, 2)
    assert client.call('read') == [42] and client.call('neither') == [1]
    assert (backend.opened, backend.saved) == (3, 2)


def mark(name):
    session['mark'] = name


@pytest.fixture
def shared(app, backend):
    return SocketIO(app, manage_session=False)


def test_a_failed_event_saves_too(backend, shared, joined, caplog):
    @shared.on('fail')
    def fail():
        mark('fail')
        raise KeyError('x')

    client = joined(shared)
    client.emit('fail')
    until(lambda: caplog.records)
    assert backend.stored == {'mark': 'fail'}
    assert "KeyError: 'x'" in caplog.text


def test_an_error_handler_writes_too(backend, shared, joined):
    @shared.on_error_default
    def handled(error):
        session['handled'] = True
        return 'handled'

    def fail():
        mark('fail')
        raise KeyError

    assert ask(shared, joined, fail) == ['handled']
    assert backend.stored == {'mark': 'fail', 'handled': True} and backend.saved == 1


def test_a_refused_client_saves_too(backend, shared, client):
    @shared.on('connect')
    def connect():
        mark('refused')
        abort(403)

    with pytest.raises(Refused, match='Forbidden'):
        client(shared).connect()
    assert backend.stored == {'mark': 'refused'}


def test_connect_and_disconnect_handlers_write(backend, shared, joined):
    shared.on_event('connect', lambda: mark('connect'))
    shared.on_event('disconnect', lambda: mark('disconnect'))
    client = joined(shared)
    assert backend.stored == {'mark': 'connect'}
    client.close()
    until(lambda: backend.stored == {'mark': 'disconnect'})


def test_class_namespaces_write(backend, shared, client):
    class Plain(Namespace):
        def on_connect(self):
            mark('connect')

        def on_ask(self):
            mark('ask')

    class Overridden(Namespace):
        def trigger_event(self, event, *args):
            mark('overridden ' + event)

    shared.on_namespace(Plain('/plain'))
    shared.on_namespace(Overridden('/overridden'))
    one = client(shared)
    one.connect('/plain')
    assert backend.stored == {'mark': 'connect'}
    one.call('ask', nsp='/plain')
    assert backend.stored == {'mark': 'ask'}
    one.connect('/overridden')
    assert backend.stored == {'mark': 'overridden connect'}
    one.call('ask', nsp='/overridden')
    assert backend.stored == {'mark': 'overridden ask'}


def test_ack_callbacks_write(backend, shared, joined):
    shared.on_event('ask', lambda: emit('question', callback=mark))
    client = joined(shared)
    client.emit('ask')
    client.answer(client.question()[0], 'answered')
    until(lambda: backend.stored == {'mark': 'answered'})


def test_pushes_that_belong_to_a_client_write(backend, shared, joined):
    @shared.on('ask')
    def handler():
        shared.every(0.01)(lambda: mark('push'))

    joined(shared).call('ask')
    until(lambda: backend.stored == {'mark': 'push'})


def test_with_teardown_functions_a_session_is_saved_before_them(app, backend, shared, joined):
    order = []
    app.teardown_appcontext(lambda error: order.append(backend.saved))
    assert ask(shared, joined, count) == [[1, None]]
    assert order == [1]


def test_a_null_session_is_not_saved(app, joined):
    app.secret_key = None
    socketio = SocketIO(app, manage_session=False)
    assert ask(socketio, joined, lambda: [session.get('x')]) == [[None]]


# -- sessions on the server -----------------------------------------------------------------------


@pytest.fixture(params=['files', 'sqlite'])
def store(request, app, tmp_path):
    """The application's sessions are kept on the server."""
    with sessions_on_server(app, request.param, tmp_path):
        yield


def test_views_and_handlers_share_a_session_on_the_server(app, views, store, browser, caplog):
    socketio = SocketIO(app, manage_session=False)
    socketio.on_event('count', count)
    socketio.on_event('clear', lambda: session.clear())
    visitor = browser(socketio)
    visitor.get('/write/name/Ann')
    socket = visitor.socket()
    assert socket.call('count') == [[1, 'Ann']]
    assert visitor.get('/read').items() >= {'name': 'Ann', 'count': 1}.items()
    visitor.get('/write/name/Bob')
    assert visitor.socket().call('count') == [[2, 'Bob']]
    assert socket.call('count') == [[3, 'Bob']]
    socket.call('clear')
    assert 'name' not in visitor.get('/read')
    assert warnings(caplog) == []


def test_a_connections_own_session_begins_with_the_one_on_the_server(app, views, store, browser):
    socketio = SocketIO(app)
    socketio.on_event('count', count)
    visitor = browser(socketio)
    visitor.get('/write/name/Ann')
    socket = visitor.socket()
    assert socket.call('count') == [[1, 'Ann']]
    assert socket.call('count') == [[2, 'Ann']]
    assert 'count' not in visitor.get('/read')


def test_an_event_reads_the_store_once(app, views, store, browser, monkeypatch):
    socketio = SocketIO(app, manage_session=False)
    socketio.on_event('count', count)
    visitor = browser(socketio)
    visitor.get('/write/name/Ann')
    socket = visitor.socket()
    opened = []
    interface = app.session_interface
    monkeypatch.setattr(app.session_interface, 'open_session', lambda app, request: (
        opened.append(request.sid), type(interface).open_session(interface, app, request))[1])
    assert socket.call('count') == [[1, 'Ann']]
    assert opened == [socket.sid]


# -- what cannot be kept --------------------------------------------------------------------------


def write():
    session['x'] = session.get('x', 0) + 1


def test_a_write_into_a_cookie_is_warned_about_once(app, client, caplog):
    for name in ('one', 'two'):
        one = Flask(name)
        one.secret_key = 'key'
        socketio = SocketIO(one, manage_session=False)
        socketio.on_event('read', lambda: session.get('x', 0))
        socketio.on_event('write', write)
        known, unknown = client(socketio, cookie(one, name='Ann')), client(socketio)
        for each in (known, unknown):
            each.connect()
            assert each.call('read') == [0]
            for _ in range(2):
                each.call('write')
            assert each.call('read') == [0]
    first, second = warnings(caplog)
    assert first == second
    assert f'what {__name__}.write wrote into flask.session is lost' in first
    assert 'open connection cannot set cookies' in first
    assert 'manage_session' in first and 'Flask-Session' in first and 'in a view' in first


def test_a_deleted_cookie_is_warned_about(app, joined, caplog):
    socketio = SocketIO(app, manage_session=False)
    ask(socketio, joined, lambda: session.clear(), headers=cookie(app, name='Ann'))
    assert len(warnings(caplog)) == 1


def test_a_session_that_begins_on_the_server_is_warned_about_once(app, store, joined, caplog):
    socketio = SocketIO(app, manage_session=False)
    socketio.on_event('write', write)
    for client in (joined(socketio), joined(socketio)):
        for _ in range(2):
            client.call('write')
    warning, = warnings(caplog)
    assert f'the session that {__name__}.write began is lost' in warning
    assert 'Have a view write into flask.session before the page connects' in warning


def test_a_new_id_for_a_session_is_warned_about(app, views, store, browser, caplog):
    socketio = SocketIO(app, manage_session=False)
    socketio.on_event('renew', lambda: app.session_interface.regenerate(session))
    visitor = browser(socketio)
    visitor.get('/write/name/Ann')
    visitor.socket().call('renew')
    warning, = warnings(caplog)
    assert 'the browser would need a new cookie' in warning


def permanent():
    session.permanent = True


@pytest.mark.parametrize('handler', [
    lambda: session.get('name'),
    lambda: None,
    lambda: permanent() or session.get('name'),
    lambda: setattr(session, 'modified', True),
    lambda: session.update(name='Ann'),
])
def test_what_loses_nothing_is_not_warned_about(app, joined, caplog, monkeypatch, handler):
    socketio = SocketIO(app, manage_session=False)
    yesterday = time.time() - 86400
    with monkeypatch.context() as then:
        then.setattr('time.time', lambda: yesterday)  # the cookie's signature has its time in it
        headers = cookie(app, name='Ann', _permanent=True)
    ask(socketio, joined, handler, headers=headers)
    assert warnings(caplog) == []


def test_a_connections_own_session_is_not_warned_about(app, socketio, joined, caplog):
    assert ask(socketio, joined, count, headers=cookie(app, name='Ann')) == [[1, 'Ann']]
    assert warnings(caplog) == []

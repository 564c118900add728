"""WSGI middleware: what only rewrites the environ leaves clients in the loop, the rest sees all."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from flask import Flask, request
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware import proxy_fix
from werkzeug.middleware.proxy_fix import ProxyFix

from geventio import ConfigError, EngineServer, Server, SocketIO
from geventio.serving.httpd import Handler
from geventio.serving.httpd import Server as HTTPServer
from geventio.serving.running import shut_down

from ..conftest import TIMEOUT
from ..ports import free_port
from ..waiting import until
from .support import FOLDER, HANDSHAKE, Poller, process

OUTSIDE = {'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https',
           'X-Forwarded-Host': 'chat.example', 'X-Forwarded-Prefix': '/app'}
POLLING = {'EIO': '4', 'transport': 'polling'}
WEBSOCKET = {'EIO': '4', 'transport': 'websocket'}
TRANSPORTS = ('polling', 'websocket', 'upgrade')


# -- middleware of all sorts ------------------------------------------------------------------


def proxied(app):
    return ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)


class Stamp:
    """Rewrites the environ: counts, and passes on another dict."""

    def __init__(self, app):
        self.app = app
        self.calls = []

    def __call__(self, environ, start_response):
        self.calls.append(environ['PATH_INFO'])
        return self.app({**environ, 'stamp': len(self.calls)}, start_response)


class Template(Stamp):
    """Is called by code that leaves the rest to others."""

    def __call__(self, environ, start_response):
        return self.serve(environ, start_response)

    def serve(self, environ, start_response):
        return self.app(environ, start_response)


class Log(Template):
    """Notes each request and refuses some."""

    def serve(self, environ, start_response):
        self.calls.append((environ['REQUEST_METHOD'], environ['PATH_INFO'],
                           'sid=' in environ['QUERY_STRING']))
        if 'HTTP_X_BAD' in environ:
            start_response('403 Forbidden', [('Content-Length', '0')])
            return []
        return self.app(environ, start_response)


class Unknown:
    """Does nothing, which nobody can know."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


class CheckedProxyFix(ProxyFix):
    """ProxyFix that refuses some."""

    def __call__(self, environ, start_response):
        if 'HTTP_X_BAD' in environ:
            start_response('403 Forbidden', [('Content-Length', '0')])
            return []
        return super().__call__(environ, start_response)


class Fails:
    """Raises for some."""

    def __init__(self, app):
        self.application = app

    def __call__(self, environ, start_response):
        if 'HTTP_X_BAD' in environ:
            raise LookupError('no such tenant')
        return self.application(environ, start_response)


class Extension:
    """Puts itself into an application and keeps that as well."""

    def __init__(self, app):
        self.app = app
        self.wsgi_app = app.wsgi_app
        app.wsgi_app = self

    def __call__(self, environ, start_response):
        environ['REMOTE_ADDR'] = '192.0.2.9'
        return self.wsgi_app(environ, start_response)


# -- an application and its clients -----------------------------------------------------------


@pytest.fixture
def app():
    app = Flask('app_under_test')
    app.add_url_rule('/who', view_func=lambda: json.dumps(who()))
    return app


def who():
    """What the application knows of the one who asks."""
    return [request.remote_addr, request.url_root, request.is_secure, request.script_root,
            request.environ.get('stamp')]


@pytest.fixture
def make(app):
    """``make(**options)``: the SocketIO object of the application."""
    def make(**options):
        socketio = SocketIO(app, **options)
        socketio.on_event('who', who)
        return socketio

    return make


@pytest.fixture
def entered(monkeypatch):
    """The connections that came to pywsgi: for each, True."""
    entered = []
    handle = Handler.handle

    def noted(self):
        entered.append(True)
        handle(self)

    monkeypatch.setattr(Handler, 'handle', noted)
    return entered


def fields(**headers):
    return [(name.replace('_', '-'), value) for name, value in headers.items()]


def poll(connection, host, sid, headers, body=b''):
    """A POST, or the packets of a GET."""
    method = 'POST' if body else 'GET'
    answer = connection.request(method, host.target(**POLLING, sid=sid), body, headers)
    assert answer.status == 200, answer.body
    return answer.body.decode().split('\x1e')


def open_polling(host, headers):
    """A session in the main namespace; its connection and id."""
    connection = host.connection()
    answer = connection.request('GET', host.target(**POLLING), headers=headers)
    assert answer.status == 200, answer.body
    sid = json.loads(answer.body[1:])['sid']
    poll(connection, host, sid, headers, b'40')
    assert poll(connection, host, sid, headers)[0].startswith('40')
    return connection, sid


def ask(host, transport, headers=()):
    """What a client of the transport is told by the handler of ``who``."""
    headers = list(headers)
    if transport == 'websocket':
        ws = host.websocket(headers, **WEBSOCKET)
        assert ws.response.status_code == 101
        ws.receive()
        ws.send('40')
        ws.receive()
    else:
        connection, sid = open_polling(host, headers)
        if transport == 'polling':
            poll(connection, host, sid, headers, b'421["who"]')
            return json.loads(poll(connection, host, sid, headers)[0][3:])[0]
        ws = host.websocket(headers, **WEBSOCKET, sid=sid)
        ws.send('2probe')
        assert ws.receive() == '3probe'
        ws.send('5')
    ws.send('421["who"]')
    return json.loads(ws.receive()[3:])[0]


def view(host, headers=()):
    """What the view tells."""
    return host.connection().request('GET', '/who', headers=list(headers)).json


# -- what events see --------------------------------------------------------------------------


def around(app, make):
    socketio = make()
    app.wsgi_app = proxied(app.wsgi_app)
    return socketio


def inside(app, make):
    app.wsgi_app = proxied(app.wsgi_app)
    return make()


def inside_the_debugger(app, make):
    app.wsgi_app = DebuggedApplication(proxied(app.wsgi_app))
    return make()


def two_around(app, make):
    socketio = make(environ_middleware=[Stamp])
    app.wsgi_app = proxied(Stamp(app.wsgi_app))
    return socketio


def one_on_each_side(app, make):
    app.wsgi_app = proxied(app.wsgi_app)
    socketio = make(environ_middleware=Stamp)
    app.wsgi_app = Stamp(app.wsgi_app)
    return socketio


WAYS = (around, inside, inside_the_debugger, two_around, one_on_each_side)


@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('headers', [OUTSIDE, {'X-Forwarded-Port': '8443'}, {}], ids=len)
@pytest.mark.parametrize('way', WAYS)
def test_events_see_the_client_as_views_do_and_stay_in_the_loop(
    app, make, host, entered, way, headers, transport
):
    served = host(way(app, make).server, app)
    told = ask(served, transport, headers.items())
    assert not entered
    seen = view(served, headers.items())
    assert entered
    assert told[:4] == seen[:4]
    if headers is OUTSIDE:
        assert told[:4] == ['192.0.2.1', 'https://chat.example/app/', True, '/app']
    assert (told[4] is not None) == (seen[4] is not None) == (way in (two_around, one_on_each_side))


@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('way', WAYS)
def test_the_same_through_wsgi(app, make, host, entered, way, transport):
    socketio = way(app, make)
    app.wsgi_app = Log(app.wsgi_app)
    served = host(socketio.server, app)
    assert ask(served, transport, OUTSIDE.items())[:4] == [
        '192.0.2.1', 'https://chat.example/app/', True, '/app']
    assert entered


@pytest.mark.parametrize('transport', TRANSPORTS)
def test_forwarding_headers_count_only_with_proxyfix(app, make, host, transport):
    served = host(make().server, app)
    assert ask(served, transport, OUTSIDE.items()) == [
        '127.0.0.1', f'http://127.0.0.1:{served.address[1]}/', False, '', None]


@pytest.mark.parametrize('place', ['around', 'inside'])
def test_an_extension_that_is_the_wsgi_app_of_what_it_keeps(app, make, host, entered, place):
    if place == 'inside':
        Extension(app)
    socketio = make(environ_middleware=[Extension])
    if place == 'around':
        Extension(app)
    served = host(socketio.server, app)
    assert ask(served, 'websocket')[0] == '192.0.2.9'
    assert not entered
    assert view(served)[0] == '192.0.2.9'


@pytest.mark.parametrize('place', ['around', 'inside'])
@pytest.mark.parametrize('kind', [Server, EngineServer])
def test_without_flask(host, entered, kind, place):
    def application(environ, start_response):
        raise AssertionError

    seen = []
    server = kind(proxied(application) if place == 'inside' else application)
    server.on('connect', lambda sid, environ: seen.append(environ['REMOTE_ADDR']))
    served = host(server, proxied(server) if place == 'around' else server)
    ws = served.websocket(OUTSIDE.items(), **WEBSOCKET)
    ws.receive()
    ws.send('40')
    until(lambda: seen)
    assert seen == ['192.0.2.1'] and not entered


@pytest.mark.parametrize('named', [True, False])
def test_a_subclass_of_proxyfix_counts_when_it_is_named(app, make, host, entered, named):
    class Mine(ProxyFix):
        pass

    socketio = make(environ_middleware=[Mine] if named else None)
    app.wsgi_app = Mine(app.wsgi_app)
    assert ask(host(socketio.server, app), 'polling', OUTSIDE.items())[0] == '192.0.2.1'
    assert bool(entered) is not named


def test_what_is_around_the_flask_object(app, make, host, entered):
    served = host(make().server, proxied(app))
    assert ask(served, 'polling', OUTSIDE.items())[0] == '192.0.2.1'
    assert not entered


def test_middleware_that_hides_what_it_wraps_and_shows_the_application(app, make):
    class Shows:
        def __init__(self, app):
            self.app, self.hidden = app, app.wsgi_app

        def __call__(self, environ, start_response):
            return self.hidden(environ, start_response)

    socketio = make()
    app.wsgi_app = Shows(app)  # each leads to the other
    server = started(app, socketio)
    assert server.gateway is None and server.door is socketio.server


# -- when it runs -----------------------------------------------------------------------------


def test_proxyfix_runs_when_somebody_asks(app, make, host, monkeypatch):
    calls = []

    def noted(self, environ, start_response):
        calls.append(environ['PATH_INFO'])
        return fix(self, environ, start_response)

    fix = ProxyFix.__call__
    monkeypatch.setattr(proxy_fix.ProxyFix, '__call__', noted)
    socketio = around(app, make)
    socketio.on_event('quiet', lambda: None)
    served = host(socketio.server, app)
    for headers, before in (({}, 0), ({'Origin': 'https://chat.example'}, 1)):
        ws = served.websocket({**OUTSIDE, **headers}.items(), **WEBSOCKET)
        ws.receive()
        ws.send('40')
        ws.receive()
        ws.send('420["quiet"]')
        assert ws.receive() == '430[]'
        assert len(calls) == before
        for _ in range(2):
            ws.send('421["who"]')
            assert json.loads(ws.receive()[3:])[0][0] == '192.0.2.1'
        assert len(calls) == 1
        calls.clear()


def test_an_origin_that_needs_no_comparing_needs_no_environ(app, make, host, monkeypatch):
    monkeypatch.setattr(ProxyFix, '__call__', lambda *args: pytest.fail('called'))
    socketio = make(cors_allowed_origins='https://chat.example')
    app.wsgi_app = proxied(app.wsgi_app)
    served = host(socketio.server, app)
    assert served.request(headers=fields(Origin='https://chat.example'), **POLLING).status == 200


def test_other_middleware_runs_once_for_each_session(app, make, host):
    socketio = make(environ_middleware=[Stamp])
    stamp = app.wsgi_app = Stamp(app.wsgi_app)
    served = host(socketio.server, app)
    for number, transport in enumerate(('polling', 'websocket'), 1):
        headers = fields(Origin=f'http://127.0.0.1:{served.address[1]}') \
            if transport == 'websocket' else []
        assert ask(served, transport, headers)[4] == number
    assert stamp.calls == ['/socket.io/'] * 2  # a copy is called, which shares the list


# -- origins ----------------------------------------------------------------------------------

PORT = '{port}'
ORIGINS = (
    # headers of the proxy, Origin, whether it is the server's own
    (OUTSIDE, 'https://chat.example', True),
    (OUTSIDE, 'https://CHAT.example:443', True),
    (OUTSIDE, 'http://chat.example', False),
    (OUTSIDE, 'https://evil.example', False),
    (OUTSIDE, 'null', False),
    (OUTSIDE, f'http://127.0.0.1:{PORT}', False),
    (OUTSIDE, f'https://127.0.0.1:{PORT}', False),
    ({**OUTSIDE, 'X-Forwarded-Port': '8443'}, 'https://chat.example:8443', True),
    ({'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example, chat.example'},
     'https://chat.example', True),
    ({}, f'http://127.0.0.1:{PORT}', True),
    ({}, f'https://127.0.0.1:{PORT}', False),
    ({}, 'https://chat.example', False),
)


@pytest.mark.parametrize(('headers', 'origin', 'own'), ORIGINS)
@pytest.mark.parametrize('way', WAYS)
def test_an_origin_is_compared_with_what_the_proxy_says(
    app, make, host, entered, way, headers, origin, own
):
    served = host(way(app, make).server, app)
    headers = [*headers.items(), ('Origin', origin.format(port=served.address[1]))]
    answer = served.request(headers=headers, **POLLING)
    assert answer.status == (200 if own else 400)
    ws = served.websocket(headers, **WEBSOCKET)
    assert ws.response.status_code == (101 if own else 400)
    if own:
        connection, sid = open_polling(served, headers)  # and so does each of its requests
        answer = connection.request('POST', served.target(**POLLING, sid=sid), b'3',
                                    [*headers[:-1], ('Origin', 'https://foreign.example')])
        assert answer.status == 400
        assert served.websocket([*headers[:-1], ('Origin', 'https://foreign.example')], **WEBSOCKET,
                                sid=sid).response.status_code == 400
    else:
        assert not served.sessions
    assert not entered


@pytest.mark.parametrize(('headers', 'origin', 'own'), ORIGINS)
@pytest.mark.parametrize('way', WAYS)
def test_origins_through_wsgi(app, make, host, entered, way, headers, origin, own):
    socketio = way(app, make)
    app.wsgi_app = Log(app.wsgi_app)
    served = host(socketio.server, app)
    headers = [*headers.items(), ('Origin', origin.format(port=served.address[1]))]
    assert served.request(headers=headers, **POLLING).status == (200 if own else 400)
    assert entered


def test_without_proxyfix_the_port_outside_is_nobodys_word(app, make, host):
    headers = [*OUTSIDE.items(), ('X-Forwarded-Port', '8443'),
               ('Origin', 'https://chat.example:8443')]
    assert host(make().server, app).request(headers=headers, **POLLING).status == 400


def test_a_function_that_judges_origins_gets_the_environ_as_views_do(app, make, host, entered):
    seen = []

    def judge(origin, environ):
        seen.append((origin, environ['REMOTE_ADDR'], environ['HTTP_HOST'],
                     environ['wsgi.url_scheme']))
        return origin == 'https://other.example'

    socketio = make(cors_allowed_origins=judge)
    app.wsgi_app = proxied(app.wsgi_app)
    served = host(socketio.server, app)
    for origin, status in (('https://other.example', 200), ('https://evil.example', 400)):
        headers = [*OUTSIDE.items(), ('Origin', origin)]
        assert served.request(headers=headers, **POLLING).status == status
    assert [each[1:] for each in seen] == [('192.0.2.1', 'chat.example', 'https')] * 2
    assert not entered


# -- what has to see every request ------------------------------------------------------------

BAD = fields(X_Bad='1')


def refusing_alone(app):
    return Log(app)


def refusing_around_proxyfix(app):
    return Log(proxied(app))


def refusing_behind_proxyfix(app):
    return proxied(Log(app))


def refusing_subclass_of_proxyfix(app):
    return CheckedProxyFix(app)


@pytest.mark.parametrize('declared', [(), Template], ids=['', 'base declared'])
@pytest.mark.parametrize('wrap', [refusing_alone, refusing_around_proxyfix,
                                  refusing_behind_proxyfix, refusing_subclass_of_proxyfix])
def test_middleware_that_refuses_goes_on_refusing(app, make, host, wrap, declared):
    socketio = make(environ_middleware=declared)
    app.wsgi_app = wrap(app.wsgi_app)
    served = host(socketio.server, app)
    assert served.http.gateway is None
    connection, sid = open_polling(served, [])
    for method, query in (('GET', {}), ('GET', {'sid': sid}), ('POST', {'sid': sid})):
        assert served.request(method, headers=BAD, **POLLING, **query).status == 403
    for query in ({}, {'sid': sid}):
        assert served.websocket(BAD, **WEBSOCKET, **query).response.status_code == 403
    poll(connection, served, sid, [], b'421["who"]')
    assert poll(connection, served, sid, [])[0].startswith('431')
    assert list(served.sessions) == [sid]


def test_middleware_that_logs_sees_every_request(app, make, host):
    socketio = make()
    app.wsgi_app = log = Log(proxied(app.wsgi_app))
    served = host(socketio.server, app)
    ask(served, 'polling')
    ask(served, 'websocket')
    view(served)
    path = '/socket.io/'
    assert log.calls == [('GET', path, False), ('POST', path, True), ('GET', path, True),
                         ('POST', path, True), ('GET', path, True), ('GET', path, False),
                         ('GET', '/who', False)]


def test_a_flask_class_that_is_called_by_code_of_its_own_sees_every_request(host):
    class Guarded(Flask):
        def __call__(self, environ, start_response):
            calls.append(environ['PATH_INFO'])
            return super().__call__(environ, start_response)

    class Plain(Flask):
        pass

    calls = []
    for kind, gateway in ((Guarded, False), (Plain, True)):
        app = kind('app_under_test')
        served = host(SocketIO(app).server, app)
        assert (served.http.gateway is not None) is gateway
        assert served.request(**POLLING).status == 200
    assert calls == ['/socket.io/']


# -- connections ------------------------------------------------------------------------------


def test_a_connection_mixes_views_and_polling(app, make, host, entered):
    served = host(around(app, make).server, app)
    headers = [*OUTSIDE.items()]
    connection, sid = open_polling(served, headers)
    sock = connection.sock
    for number in range(3):
        assert connection.request('GET', '/who', headers=headers).json[0] == '192.0.2.1'
        assert len(entered) == number + 1  # from the loop, and back to it
        poll(connection, served, sid, headers, b'421["who"]')
        answer = json.loads(poll(connection, served, sid, headers)[0][3:])[0]
        assert answer[:2] == ['192.0.2.1', 'https://chat.example/app/']
    assert connection.sock is sock and len(served.sessions) == 1


def test_requests_behind_each_other(app, make, host):
    served = host(around(app, make).server, app)
    connection = served.connection()
    head = ('Host: x\r\nX-Forwarded-Host: chat.example\r\nX-Forwarded-Proto: https\r\n'
            'Origin: https://{}.example\r\n\r\n')
    target = served.target(**POLLING)
    connection.sock.sendall(''.join(
        f'GET {path} HTTP/1.1\r\n{head.format(name)}'
        for path, name in ((target, 'chat'), ('/who', 'chat'), (target, 'chat'), (target, 'evil'),
                           (target, 'chat'))).encode())
    data = b''
    while b'HTTP/1.1 400 ' not in data or b'"code":3' not in data:
        data += connection.sock.recv(65536)
    assert data.count(b'HTTP/1.1 200 ') == 3
    assert len(served.sessions) == 2  # nothing is served behind the refusal


# -- failing ----------------------------------------------------------------------------------


@pytest.fixture
def logged(caplog):
    """The errors logged: a function."""
    caplog.set_level(logging.ERROR, 'geventio')
    return lambda: [f'{record.getMessage()} {record.exc_info[1]!r}' for record in caplog.records]


@pytest.mark.parametrize('place', ['around', 'inside', 'through wsgi'])
def test_middleware_that_raises_costs_its_client_a_500(app, make, host, entered, logged, place):
    if place == 'around':
        socketio = make(environ_middleware=[Fails])
        app.wsgi_app = Fails(proxied(app.wsgi_app))
    else:
        app.wsgi_app = Fails(proxied(app.wsgi_app))
        socketio = make(environ_middleware=[Fails])
    if place == 'through wsgi':
        app.wsgi_app = Unknown(app.wsgi_app)
    served = host(socketio.server, app)
    connection, sid = open_polling(served, [])
    bad = served.connection()
    answer = bad.request('GET', served.target(**POLLING), headers=BAD)
    assert (answer.status, answer.body) == (500, b'Internal Server Error')
    assert answer.headers['connection'] == 'close'
    assert bad.sock.recv(100) == b''
    assert served.websocket(BAD, **WEBSOCKET).response.status_code == 500
    if place != 'through wsgi':  # what names a session, even an empty one, opens none
        assert served.request(headers=BAD, **POLLING, sid='').status == 400
    assert list(served.sessions) == [sid]
    poll(connection, served, sid, [], b'421["who"]')
    assert poll(connection, served, sid, [])[0].startswith('431')
    first, second = logged()
    assert first == second
    assert first.endswith("LookupError('no such tenant')")
    assert 'error in the WSGI middleware (Fails, ProxyFix)' in first
    assert bool(entered) is (place == 'through wsgi')


class Answers(Stamp):
    def __call__(self, environ, start_response):
        start_response('403 Forbidden', [])
        return []


class AnswersQuietly(Stamp):
    def __call__(self, environ, start_response):
        return [b'']


class AddsHeaders(Stamp):
    def __call__(self, environ, start_response):
        def start(status, headers, *more):
            return start_response(status, [*headers, ('X-More', '1')], *more)

        return self.app(environ, start)


class ReadsAnswers(Stamp):
    def __call__(self, environ, start_response):
        yield from self.app(environ, start_response)


class ChangesPath(Stamp):
    def __call__(self, environ, start_response):
        environ['PATH_INFO'] = '/other'
        return self.app(environ, start_response)


class ChangesQuery(Stamp):
    def __call__(self, environ, start_response):
        environ['QUERY_STRING'] += '&token=1'
        return self.app(environ, start_response)


@pytest.mark.parametrize(('kind', 'sentence'), [
    (Answers, 'answers requests'), (AnswersQuietly, 'answers requests'),
    (AddsHeaders, 'changes the answers'), (ReadsAnswers, 'changes the answers'),
    (ChangesPath, 'changes the method, the path or the query'),
    (ChangesQuery, 'changes the method, the path or the query'),
])
@pytest.mark.parametrize('place', ['around', 'inside'])
def test_middleware_that_does_more_than_was_said_lets_nobody_in(
    app, make, host, logged, place, kind, sentence
):
    if place == 'inside':
        app.wsgi_app = kind(app.wsgi_app)
    socketio = make(environ_middleware=[kind])
    if place == 'around':
        app.wsgi_app = kind(app.wsgi_app)
    served = host(socketio.server, app)
    assert served.request(**POLLING).status == 500
    assert served.websocket((), **WEBSOCKET).response.status_code == 500
    assert not served.sessions
    first, second = logged()
    assert sentence in first and first == second
    assert 'take it out of that option' in first and kind.__name__ in first


def test_middleware_that_waits_is_told_so(app, make, host, logged):
    class Waits(Stamp):
        def __call__(self, environ, start_response):
            from gevent import sleep

            sleep(0.01)
            return self.app(environ, start_response)

    socketio = make(environ_middleware=[Waits])
    app.wsgi_app = Waits(app.wsgi_app)
    served = host(socketio.server, app)
    assert served.request(**POLLING).status == 500
    assert 'Impossible to call blocking function in the event loop callback' in logged()[0]


# -- the option -------------------------------------------------------------------------------


def started(app, socketio):
    """A server for the application, which knows its door; started and stopped."""
    server = HTTPServer(('127.0.0.1', 0), app, socketio.server, log=None)
    try:
        server.start()
    finally:
        shut_down(server, TIMEOUT)
    return server


def test_what_is_declared_but_nowhere_is_worth_a_warning(app, make, caplog):
    class Hides:
        def __init__(self, app):
            self.hidden = app

        def __call__(self, environ, start_response):
            return self.hidden(environ, start_response)

    socketio = make(environ_middleware=[Stamp, Hides, Fails])
    app.wsgi_app = Hides(Fails(app.wsgi_app))
    server = started(app, socketio)
    warnings = [record.getMessage() for record in caplog.records]
    assert [text.split(',')[0] for text in warnings] == [
        'environ_middleware names Stamp', 'environ_middleware names Hides',
        'environ_middleware names Fails']
    assert 'wsgi_app, app, application' in warnings[0]
    assert server.gateway is None


def test_middleware_of_which_there_is_no_copy(app, make):
    class Frozen(Stamp):
        def __copy__(self):
            raise TypeError('unique')

    socketio = make(environ_middleware=[Frozen])
    app.wsgi_app = Frozen(app.wsgi_app)
    with pytest.raises(ConfigError, match='Frozen cannot stand in environ_middleware: .*unique'):
        started(app, socketio)


@pytest.mark.parametrize(('value', 'expected'), [
    (None, ()), ([], ()), (Stamp, (Stamp,)), ([Stamp, Fails], (Stamp, Fails)),
    ({Stamp}, (Stamp,)), (Log, (Log,)),
])
def test_values(value, expected):
    assert Server(environ_middleware=value).config.environ_middleware == expected
    app = Flask('app_under_test')
    app.config['SOCKETIO_ENVIRON_MIDDLEWARE'] = value
    assert SocketIO(app).server.config.environ_middleware == expected


@pytest.mark.parametrize(('value', 'sentence'), [
    (refusing_alone, 'is no class of WSGI middleware'),
    ([lambda app: app], 'write a function as a class'),
    (Stamp(None), 'name the class itself'),
    (dict, 'is no class of WSGI middleware'),
    ('ProxyFix', "must be a name or a list of them, not 'ProxyFix'"),
    (['ProxyFix'], "'ProxyFix' is no class of WSGI middleware"),
])
def test_wrong_values(value, sentence):
    for make in (lambda: Server(environ_middleware=value),
                 lambda: SocketIO(environ_middleware=value, app=Flask('app_under_test'))):
        with pytest.raises(ConfigError, match=sentence):
            make()


@pytest.mark.parametrize('make', [Server, EngineServer, SocketIO])
def test_a_misspelt_option(make):
    with pytest.raises(ConfigError, match="did you mean 'environ_middleware'"):
        make(environ_middlewares=[Stamp])


# -- gunicorn ---------------------------------------------------------------------------------


@pytest.mark.parametrize('wrap', ['proxy', None])
def test_gunicorn_logs_the_address_that_views_see(tmp_path, wrap):
    pytest.importorskip('gunicorn')
    port = free_port()
    command = [sys.executable, '-m', 'gunicorn', '-k', 'geventio.gunicorn.Worker', '-b',
               f'127.0.0.1:{port}', '--worker-tmp-dir', str(tmp_path), '--pythonpath',
               str(FOLDER), '--access-logfile', '-', '--access-logformat',
               'seen %(h)s "%(r)s"', 'support:application()']
    with process(tmp_path, command, port, HOME=str(tmp_path),
                 SUPPORT_OPTIONS=json.dumps({'wrap': wrap} if wrap else {})) as running:
        running.serves()
        poller = Poller(port, **{'X-Forwarded-For': '192.0.2.7'}).open()
        assert poller.request('GET', '/hello')[0] == 200
        poller.close()
        address = '192.0.2.7' if wrap else '127.0.0.1'
        running.wrote(f'seen {address} "GET {HANDSHAKE}polling HTTP/1.1"')
        running.wrote(f'seen {address} "GET /hello HTTP/1.1"')
        running.clean_log()

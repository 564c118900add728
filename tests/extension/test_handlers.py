"""Registering handlers and getting events to them, over real connections."""

from __future__ import annotations

import re
from dataclasses import dataclass

import gevent
import pytest
from flask import Flask, Response, abort, request
from gevent.event import Event

from geventio import ConnectionRefusedError, Namespace, SocketIO, emit

from ..waiting import until
from .support import Refused


def test_handlers_registered_in_every_way(socketio, joined):
    @socketio.on('decorated')
    def decorated(value):
        return ['decorated', value]

    @socketio.event
    def plain(value):
        return ['plain', value]

    @socketio.event(namespace='/other')
    def elsewhere(value):
        return ['elsewhere', value]

    def given(value):
        return ['given', value]

    socketio.on_event('added', given)
    socketio.on_event('added', given, namespace='/other')
    client = joined()
    client.connect('/other')
    assert client.call('decorated', 1) == [['decorated', 1]]
    assert client.call('plain', 2) == [['plain', 2]]
    assert client.call('added', 3) == [['given', 3]]
    assert client.call('elsewhere', 4, nsp='/other') == [['elsewhere', 4]]
    assert client.call('added', 5, nsp='/other') == [['given', 5]]
    assert decorated(6) == ['decorated', 6] and plain(7) == ['plain', 7]


def test_handlers_registered_before_init_app(app, joined):
    socketio = SocketIO()

    @socketio.on('hi')
    def hi():
        return request.sid

    class Chat(Namespace):
        def on_hi(self):
            return 'class'

    socketio.on_namespace(Chat('/chat'))
    assert socketio.handlers == {'/': {'hi': hi}} and list(socketio.namespace_handlers) == ['/chat']
    socketio.init_app(app)
    assert app.extensions['socketio'] is socketio
    client = joined(socketio)
    client.connect('/chat')
    assert client.call('hi') == [client.sid]
    assert client.call('hi', nsp='/chat') == ['class']


def test_a_factory_may_make_several_applications(joined):
    socketio = SocketIO(cors_allowed_origins='*')

    @socketio.on('who')
    def who():
        return request.environ['flask.app'].name

    names, clients = ['first', 'second'], []
    for name in names:
        app = Flask(name)
        socketio.init_app(app, ping_interval=7)
        clients.append(joined(socketio))
    assert [client.call('who')[0] for client in clients] == names
    assert socketio.server_options == {'cors_allowed_origins': '*', 'ping_interval': 7}


def test_attributes_an_application_reads(app):
    socketio = SocketIO(app, ping_interval=9)
    assert socketio.server_options == {'ping_interval': 9}
    assert socketio.async_mode == 'gevent' and socketio.manage_session
    assert socketio.sockio_mw is socketio.server is app.wsgi_app
    assert socketio.wsgi_server is None and socketio.handlers == {}
    assert socketio.exception_handlers == {} and socketio.default_exception_handler is None
    reasons = {name: value for name, value in vars(socketio.reason).items() if name.isupper()}
    assert reasons == {
        'CLIENT_DISCONNECT': 'client disconnect', 'SERVER_DISCONNECT': 'server disconnect',
        'PING_TIMEOUT': 'ping timeout', 'TRANSPORT_CLOSE': 'transport close',
        'TRANSPORT_ERROR': 'transport error'}


def test_the_application_itself_is_still_served(app, socketio, host):
    @app.get('/page')
    def page():
        return 'a page'

    connection = host(socketio.server, app).connection()
    assert connection.request('GET', '/page').body == b'a page'


@pytest.mark.parametrize('use', [
    lambda s: s.emit('x'), lambda s: s.call('x', to='y'), lambda s: s.of('/'),
    lambda s: s.to('x'), lambda s: s.close_room('x'),
])
def test_without_an_application_there_is_a_sentence(use):
    with pytest.raises(RuntimeError, match='no application yet: call init_app first'):
        use(SocketIO())


# -- which handler ------------------------------------------------------------------------------


def test_catch_all_handlers(app, joined):
    socketio = SocketIO(app, namespaces='*')
    socketio.on('known')(lambda *args: 'known')
    socketio.on('*')(lambda event, *args: [event, *args])
    socketio.on('*', namespace='*')(lambda event, *args: [request.namespace, event, *args])
    socketio.on('exact', namespace='*')(lambda *args: [request.namespace, *args])
    client = joined(socketio)
    client.connect('/any')
    assert client.call('known', 1) == ['known']
    assert client.call('unknown', 1, 2) == [['unknown', 1, 2]]
    assert client.call('*', 'spoof') == [['*', 'spoof']]
    assert client.call('other', 1, nsp='/any') == [['/any', 'other', 1]]
    assert client.call('exact', 1, nsp='/any') == [['/any', 1]]


def test_a_pattern_makes_namespaces_that_vanish_when_empty(socketio, client):
    team = re.compile(r'/team-\d+')
    seen = []

    @socketio.on('connect', namespace=team)
    def connect(auth):
        seen.append((request.namespace, auth))

    @socketio.on('disconnect', namespace=team)
    def disconnect():
        seen.append(request.namespace)

    @socketio.on('hi', namespace=team)
    def hi():
        emit('all', request.namespace, broadcast=True)

    one, two = client(), client()
    one.connect('/team-1', {'a': 1})
    two.connect('/team-2')
    with pytest.raises(Refused, match='Invalid namespace'):
        one.connect('/team-x')
    one.emit('hi', nsp='/team-1')
    assert one.event('/team-1') == ['all', '/team-1'] and two.pending() == []
    assert {'/team-1', '/team-2'} <= set(socketio.server.namespaces)
    one.leave('/team-1')
    until(lambda: '/team-1' not in socketio.server.namespaces)
    assert seen == [('/team-1', {'a': 1}), ('/team-2', None), '/team-1']
    assert '/team-1' not in socketio.handlers and '/team-2' in socketio.server.namespaces


class Chat(Namespace):
    def on_connect(self, auth):
        emit('auth', auth)

    def on_disconnect(self, reason):
        self.left = reason

    def on_say(self, *words):
        self.emit('said', words, room=request.sid)
        return len(words)

    def on_both(self):
        return 'class'


def test_class_namespaces(socketio, client):
    chat = Chat('/chat')
    socketio.on_namespace(chat)
    socketio.on('both', namespace='/chat')(lambda: 'function')
    one = client()
    one.connect('/chat', {'a': 1})
    assert one.event('/chat') == ['auth', {'a': 1}]
    one.emit('nobody handles this', nsp='/chat')
    one.emit('say', 'a', 'b', nsp='/chat')
    assert one.event('/chat') == ['said', 'a', 'b']
    assert one.call('both', nsp='/chat') == ['function']
    one.leave('/chat')
    until(lambda: hasattr(chat, 'left'))
    assert chat.left == 'client disconnect' and chat.server is socketio.server


def test_a_class_may_watch_every_event(socketio, client):
    calls = []

    class Watching(Namespace):
        def trigger_event(self, event, sid, *args):
            calls.append((event, sid, args))
            return super().trigger_event(event, sid, *args)

        def on_connect(self):
            return None

        def on_disconnect(self):
            return None

        def on_hi(self, value):
            return value

    socketio.on_namespace(Watching('/w'))
    one = client(token='t')
    sid = one.connect('/w', {'a': 1})
    assert one.call('hi', 5, nsp='/w') == [5]
    assert one.call('unknown', nsp='/w') == []
    one.leave('/w')
    until(lambda: len(calls) == 4)
    event, who, (environ, auth) = calls[0]
    assert (event, who, auth) == ('connect', sid, {'a': 1}) and 'token=t' in environ['QUERY_STRING']
    assert calls[1:] == [('hi', sid, (5,)), ('unknown', sid, ()),
                         ('disconnect', sid, ('client disconnect',))]


def test_what_is_no_class_namespace_is_refused(socketio):
    with pytest.raises(ValueError, match='takes an object of a subclass of geventio.Namespace'):
        socketio.on_namespace(Chat)


def test_shortcuts_of_a_class_namespace(socketio, client):
    chat = Chat('/chat')
    socketio.on_namespace(chat)
    one = client()
    sid = one.connect('/chat')
    assert one.event('/chat') == ['auth']
    chat.enter_room(sid, 'room')
    assert set(chat.rooms(sid)) == {sid, 'room'}
    chat.send('to the room', room='room')
    assert one.event('/chat') == ['message', 'to the room']
    chat.leave_room(sid, 'room')
    chat.enter_room(sid, 'again')
    chat.close_room('again')
    assert chat.rooms(sid) == [sid]
    waiting = gevent.spawn(chat.call, 'ask', 1, to=sid)
    id, data = one.question('/chat')
    one.answer(id, 'answer', nsp='/chat')
    assert data == ['ask', 1] and waiting.get(timeout=5) == 'answer'
    chat.save_session(sid, {'a': 1})
    with chat.session(sid) as session:
        session['b'] = 2
    assert chat.get_session(sid) == {'a': 1, 'b': 2}
    chat.disconnect(sid)
    assert one.packet() == (1, '/chat', None, None)


# -- connect and disconnect ---------------------------------------------------------------------


AUTH = {'token': 1}


@pytest.mark.parametrize(('make', 'expected'), [
    (lambda calls: lambda: calls.append(()), ()),
    (lambda calls: lambda auth: calls.append((auth,)), (AUTH,)),
    (lambda calls: lambda auth=None: calls.append((auth,)), (AUTH,)),
    (lambda calls: lambda *args: calls.append(args), (AUTH,)),
])
def test_connect_gets_auth_if_it_takes_it(socketio, client, make, expected):
    calls = []
    socketio.on_event('connect', make(calls))
    client().connect(auth=AUTH)
    assert calls == [expected]


@pytest.mark.parametrize(('make', 'expected'), [
    (lambda calls: lambda: calls.append(()), ()),
    (lambda calls: lambda reason: calls.append((reason,)), ('transport close',)),
])
def test_disconnect_gets_the_reason_if_it_takes_it(socketio, joined, make, expected):
    calls = []
    socketio.on_event('disconnect', make(calls))
    joined().close()
    until(lambda: calls)
    assert calls == [expected]


def test_a_type_error_inside_runs_no_handler_twice(socketio, client, caplog):
    calls = []

    @socketio.on('connect')
    def connect(auth=None):
        calls.append('connect')
        raise TypeError('inside')

    @socketio.on('disconnect')
    def disconnect(reason=None):
        calls.append('disconnect')
        raise TypeError('inside')

    @socketio.on('connect', namespace='/fine')
    def fine():
        return None

    @socketio.on('disconnect', namespace='/fine')
    def left(reason=None):
        calls.append('left')
        raise TypeError('inside')

    one = client()
    with pytest.raises(Refused, match='Internal server error'):
        one.connect()
    one.connect('/fine')
    one.leave('/fine')
    until(lambda: 'left' in calls and not socketio.server.of('/fine').fetch_sockets())
    one.pending()
    assert calls == ['connect', 'left'] and len(caplog.records) == 2


REASONS = [
    (lambda client, socketio: client.leave(), 'client disconnect'),
    (lambda client, socketio: client.close(), 'transport close'),
    (lambda client, socketio: client.ws.send('1'), 'transport close'),
    (lambda client, socketio: client.ws.send('9'), 'parse error'),
    (lambda client, socketio: socketio.server.disconnect(client.sid), 'server disconnect'),
    (lambda client, socketio: socketio.of().disconnect_sockets(close=True), 'server disconnect'),
    (lambda client, socketio: socketio.server.shutdown(), 'server shutting down'),
]


@pytest.mark.parametrize(('end', 'expected'), REASONS)
def test_reasons(socketio, joined, end, expected):
    reasons = []
    socketio.on('disconnect')(lambda reason: reasons.append(reason))
    end(joined(), socketio)
    until(lambda: reasons)
    assert reasons == [expected]


def refuse_with(result):
    def connect():
        if isinstance(result, Exception):
            raise result
        return result() if callable(result) else result

    return connect


@pytest.mark.parametrize(('result', 'payload'), [
    (False, {'message': 'Connection rejected by server'}),
    (ConnectionRefusedError('no'), {'message': 'no'}),
    (ConnectionRefusedError('no', {'code': 7}), {'message': 'no', 'data': {'code': 7}}),
    (lambda: abort(401), {'message': 'Unauthorized'}),
    (lambda: abort(403, 'a hint'), {'message': 'Forbidden'}),
    (lambda: Response('login', 302), {'message': 'Connection rejected by server'}),
    (ConnectionError('a secret'), {'message': 'Internal server error'}),
])
def test_refusing(socketio, client, result, payload):
    socketio.on_event('connect', refuse_with(result))
    left = []
    socketio.on('disconnect')(lambda: left.append(1))
    one = client()
    with pytest.raises(Refused) as refused:
        one.connect()
    assert refused.value.payload == payload
    one.close()
    one.host.settle()
    assert left == [] and not socketio.server.namespace('/').rooms.sockets


# -- errors -------------------------------------------------------------------------------------


@pytest.fixture
def failing(socketio):
    for namespace in ('/', '/other'):
        @socketio.on('fail', namespace=namespace)
        def fail(*args):
            raise KeyError(*args)

        @socketio.on('refuse', namespace=namespace)
        def refuse():
            raise ConnectionRefusedError('no')

        socketio.on('fine', namespace=namespace)(lambda: 'fine')
    return socketio


def test_an_uncaught_error_is_logged_once_and_nothing_else(failing, joined, caplog):
    client = joined()
    client.emit('fail', 'x')
    assert client.call('fine') == ['fine'] and client.pending() == []
    record, = caplog.records
    assert record.getMessage() == (
        f"error in {__name__}.failing.<locals>.fail, the handler of 'fail' (namespace /)")
    assert record.exc_info[0] is KeyError


def test_error_handlers_answer(failing, joined, caplog):
    failing.on_error()(lambda error: ['root', repr(error), request.event['message']])
    failing.on_error_default(lambda error: 'default')
    client = joined()
    client.connect('/other')
    assert client.call('fail', 'x') == [['root', "KeyError('x')", 'fail']]
    assert client.call('fail', nsp='/other') == ['default']
    assert not caplog.records


def test_an_error_handler_for_another_namespace_is_not_asked(failing, joined, caplog):
    failing.on_error('/other')(lambda error: 'other')
    client = joined()
    client.connect('/other')
    client.emit('fail')
    assert client.call('fail', nsp='/other') == ['other']
    assert len(caplog.records) == 1


def test_refusals_skip_error_handlers(failing, joined, client, caplog):
    asked = []
    failing.on_error_default(asked.append)
    failing.on_event('connect', refuse_with(ConnectionRefusedError('no')), namespace='/other')
    one = joined()
    one.emit('refuse')
    with pytest.raises(Refused, match='no'):
        one.connect('/other')
    assert asked == [] and len(caplog.records) == 1


def test_a_failing_connect_refuses_whatever_the_error_handler_says(failing, client, caplog):
    asked = []
    failing.on_error_default(lambda error: asked.append(repr(error)) or True)
    failing.on_event('connect', refuse_with(KeyError('x')))
    with pytest.raises(Refused, match='Connection rejected'):
        client().connect()
    assert asked == ["KeyError('x')"] and not caplog.records


def test_a_failing_error_handler_is_logged(failing, joined, caplog):
    @failing.on_error()
    def handler(error):
        raise ValueError('in the error handler')

    client = joined()
    client.emit('fail')
    assert client.call('fine') == ['fine']
    assert len(caplog.records) == 1 and 'in the error handler' in caplog.text


@pytest.mark.parametrize('register', [
    lambda s: s.on_error()(7), lambda s: s.on_error_default(None)])
def test_an_error_handler_must_be_a_function(socketio, register):
    with pytest.raises(ValueError, match='exception_handler must be callable'):
        register(socketio)


def test_a_class_may_have_its_own_error_handler(socketio, client):
    class Guarded(Namespace):
        def on_fail(self):
            raise KeyError('x')

        def error(self, error):
            return repr(error)

    class Triggered(Guarded):
        def trigger_event(self, event, *args):
            return super().trigger_event(event, *args)

    socketio.on_namespace(Guarded('/g'))
    socketio.on_namespace(Triggered('/t'))
    one = client()
    one.connect('/g')
    one.connect('/t')
    assert one.call('fail', nsp='/g') == ["KeyError('x')"]
    assert one.call('fail', nsp='/t') == ["KeyError('x')"]
    socketio.on_error_default(lambda error: 'default')
    assert one.call('fail', nsp='/g') == ['default']


def test_a_timeout_nobody_caught_is_an_error_of_its_handler(socketio, joined, client, caplog):
    @socketio.on('slow')
    def slow():
        with gevent.Timeout(0.001):
            gevent.sleep(5)

    socketio.on('fine')(lambda: 'fine')
    socketio.on_event('connect', slow, namespace='/slow')
    one = joined()
    one.emit('slow')
    with pytest.raises(Refused, match='Internal server error'):
        one.connect('/slow')
    assert one.call('fine') == ['fine'] and len(caplog.records) == 2


# -- order --------------------------------------------------------------------------------------


def numbered(socketio):
    log, gate = [], Event()

    @socketio.on('work')
    def work(number):
        log.append(f'{number} begins')
        if number == 1:
            gate.wait()
        log.append(f'{number} ends')

    return log, gate


def test_handlers_of_one_client_start_in_order_and_do_not_hold_each_other_up(socketio, joined):
    log, gate = numbered(socketio)
    client = joined()
    for number in (1, 2, 3):
        client.emit('work', number)
    until(lambda: len(log) == 5)
    gate.set()
    until(lambda: len(log) == 6)
    assert log == ['1 begins', '2 begins', '2 ends', '3 begins', '3 ends', '1 ends']


def test_without_async_handlers_each_ends_before_the_next_begins(app, joined):
    socketio = SocketIO(app, async_handlers=False)
    log, gate = numbered(socketio)
    client, other = joined(socketio), joined(socketio)
    for number in (1, 2, 3):
        client.emit('work', number)
    until(lambda: log)
    other.emit('work', 4)
    until(lambda: len(log) == 3)
    assert log == ['1 begins', '4 begins', '4 ends']
    gate.set()
    until(lambda: len(log) == 8)
    assert log[3:] == ['1 ends', '2 begins', '2 ends', '3 begins', '3 ends']


@pytest.mark.parametrize(('wanted', 'answer'), [
    (['/room-1', re.compile('/room-.*'), '*'], '/room-1'),
    (['*', re.compile('/room-.*')], re.compile('/room-.*')),
    (['*', re.compile('/table-.*')], '*'),
    ([re.compile('/table-.*')], None),
])
def test_error_handlers_of_many_namespaces(app, client, wanted, answer):
    socketio = SocketIO(app, namespaces='/room-1')
    for namespace in wanted:
        socketio.on_error(namespace)(lambda error, answer=namespace: [str(answer)])
    socketio.on_error_default(lambda error: [str(None)])
    socketio.on('fail', namespace=re.compile('/room-.*'))(lambda: 1 / 0)
    peer = client(socketio)
    peer.connect('/room-1')
    assert peer.call('fail', nsp='/room-1') == [[str(answer)]]


@pytest.mark.parametrize('namespace', ['*', re.compile('/room-.*')])
def test_a_class_for_many_namespaces_sends_to_that_of_the_event(app, client, namespace):
    class Rooms(Namespace):
        def on_join(self, name):
            self.enter_room(request.sid, name)
            self.emit('joined', self.rooms(request.sid)[1:], room=name)
            return self.session(request.sid).__enter__() == {}

    socketio = SocketIO(app, namespaces='*')
    rooms = Rooms(namespace)
    socketio.on_namespace(rooms)
    peer = client(socketio)
    for nsp in '/room-1', '/room-2':
        peer.connect(nsp)
    peer.emit('join', 'a', nsp='/room-2')
    assert peer.event('/room-2') == ['joined', ['a']]
    with pytest.raises(RuntimeError, match='only inside a geventio event handler'):
        rooms.emit('to whom?')


def test_a_handler_without_a_hash(socketio, joined):
    @dataclass
    class Handler:
        calls: list

        def __call__(self, auth):
            self.calls.append(auth)

    handler = Handler([])
    socketio.on('connect')(handler)
    joined()
    assert handler.calls == [None]

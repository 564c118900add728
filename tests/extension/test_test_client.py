"""The test client: connections, events, answers to the server, and that it leaves nothing behind.
"""

from __future__ import annotations

import gc
import logging
import weakref

import gevent
import pytest
from flask import Flask, copy_current_request_context, request

import geventio
from geventio import ConnectionRefusedError, NotConnectedError, TimeoutError, call, emit
from geventio.adapters.memory import MemoryAdapter
from geventio.extension.testing.client import SocketIOTestClient
from geventio.extension.testing.stage import Stage
from geventio.test_client import SocketIOTestClient as PublicName

from ..waiting import until

NOT_CONNECTED = '^not connected$'


@pytest.fixture
def connect(socketio):
    """``connect(namespace=None, socketio=..., timeout=..., **options)``: a client; closed at the
    end."""
    clients = []

    def make(namespace=None, socketio=socketio, **options):
        client = SocketIOTestClient(socketio.app, socketio, namespace, **options)
        client.timeout = 5
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture(autouse=True)
def bounded(monkeypatch):
    monkeypatch.setattr(SocketIOTestClient, 'timeout', 5)


def names(received):
    return [each['name'] for each in received]


# -- connections ----------------------------------------------------------------------------------


def test_public_names(app, socketio):
    assert PublicName is SocketIOTestClient
    assert geventio.SocketIOTestClient is SocketIOTestClient
    with socketio.test_client(app, auth={'a': 1}) as client:
        assert isinstance(client, SocketIOTestClient)
        assert client.is_connected()
    assert not client.is_connected()


def test_nothing_is_left(app, socketio, connect):
    server = socketio.server

    @socketio.on('join')
    def join():
        geventio.join_room('r')
        emit('joined', {'x': 1}, broadcast=True)

    socketio.on('x', namespace='/a')(lambda: None)
    before = {**vars(server)}
    methods = dir(server)
    with SocketIOTestClient(app, socketio) as client:
        client.connect('/a')
        client.emit('join')
        session_ref = weakref.ref(server.engine.sessions[client.eio_sid])
        socket_ref = weakref.ref(server.namespace('/').rooms.sockets[client.sid()])
        assert SocketIOTestClient.clients[client.eio_sid] is client
    client_ref = weakref.ref(client)
    eio_sid = client.eio_sid
    del client
    gc.collect()
    assert session_ref() is socket_ref() is client_ref() is None
    assert not server.engine.sessions
    assert not server.engine.last_words
    assert eio_sid not in SocketIOTestClient.clients
    assert all(not space.rooms.sockets and not space.rooms.members
               for space in server.namespaces.values())
    assert dir(server) == methods
    assert {key: value for key, value in vars(server).items() if key != 'runtime'} == \
        {key: value for key, value in before.items() if key != 'runtime'}
    assert not server.engine.serving


def test_the_server_itself_is_not_kept_alive(app):
    socketio = geventio.SocketIO(app)
    with SocketIOTestClient(app, socketio):
        stage = weakref.ref(Stage.of(socketio.server))
    server = weakref.ref(socketio.server)
    app.wsgi_app = None
    app.extensions.clear()
    del socketio
    gc.collect()
    assert server() is stage() is None


def test_refused_with_data(socketio, connect):
    @socketio.on('connect', namespace='/a')
    def connected():
        raise ConnectionRefusedError('full', {'max': 3})

    client = connect()
    client.connect('/a')
    assert not client.is_connected('/a')
    assert client.connect_error == {'/a': {'message': 'full', 'data': {'max': 3}}}
    assert client.is_connected()
    client.connect('/nowhere')
    assert client.connect_error['/nowhere'] == {'message': 'Invalid namespace'}


def test_a_refused_client_is_gone_and_may_try_again(socketio, connect):
    allowed = []

    @socketio.on('connect')
    def connected():
        return bool(allowed)

    client = connect()
    assert client.connect_error['/']['message'] == 'Connection rejected by server'
    assert not socketio.server.engine.sessions
    assert not socketio.server.namespace('/').rooms.sockets
    allowed.append(1)
    first = client.eio_sid
    client.connect()
    assert client.is_connected()
    assert client.connect_error == {}
    assert client.eio_sid != first


def test_connecting_again_does_nothing(socketio, connect):
    seen = []
    socketio.on('connect')(lambda: seen.append(1))
    client = connect()
    sid = client.sid()
    client.connect()
    assert client.sid() == sid
    assert seen == [1]


def test_sids(socketio, connect):
    socketio.on('sid', namespace='/a')(lambda: request.sid)
    socketio.on('sid')(lambda: request.sid)
    client = connect()
    with pytest.raises(NotConnectedError, match=NOT_CONNECTED):
        client.sid('/a')
    client.connect('/a')
    assert client.emit('sid', callback=True) == client.sid()
    assert client.emit('sid', callback=True, namespace='/a') == client.sid('/a') != client.sid()
    assert client.eio_sid not in (client.sid(), client.sid('/a'))


@pytest.mark.parametrize('reason', ['transport close', 'ping timeout'])
def test_lost_connections(socketio, connect, reason):
    left = []
    socketio.on('disconnect')(lambda reason: left.append(('/', reason)))
    socketio.on('disconnect', namespace='/a')(lambda reason: left.append(('/a', reason)))
    client = connect()
    client.connect('/a')
    client.drop(reason)
    assert left == [('/', reason), ('/a', reason)]
    assert client.connected == {'/': False, '/a': False}
    assert not socketio.server.engine.sessions
    for use in (client.drop, client.get_received, client.disconnect):
        with pytest.raises(NotConnectedError, match=NOT_CONNECTED):
            use()
    client.close()


def test_closing_leaves_every_namespace(socketio, connect):
    left = []
    socketio.on('disconnect')(left.append)
    socketio.on('disconnect', namespace='/a')(left.append)
    client = connect()
    client.connect('/a')
    client.close()
    client.close()
    assert left == ['client disconnect'] * 2
    assert client.connected == {}


def test_closing_waits_for_handlers_that_wait(socketio, connect):
    done = []

    @socketio.on('disconnect')
    def left():
        gevent.sleep(0.02)
        done.append(list(socketio.server.namespace('/').rooms.sockets))

    client = connect()
    sid = client.sid()
    client.disconnect()
    assert done == [[sid]]
    assert not socketio.server.namespace('/').rooms.sockets


def test_connecting_waits_for_handlers_that_wait(socketio, connect):
    @socketio.on('connect')
    def connected():
        emit('early')
        gevent.sleep(0.02)
        emit('late')

    client = connect()
    assert client.is_connected()
    assert names(client.get_received()) == ['early', 'late']


def test_a_server_that_disconnects_in_the_connect_handler(socketio, connect):
    seen = []

    @socketio.on('connect')
    def connected():
        geventio.disconnect()
        gevent.sleep(0.02)
        seen.append('connect')

    socketio.on('disconnect')(lambda: seen.append('disconnect'))
    client = connect()
    assert seen == ['connect', 'disconnect']
    assert not client.is_connected()
    assert not socketio.server.engine.sessions


def test_limits_of_the_server(app):
    socketio = geventio.SocketIO(app, max_connections=1, max_http_buffer_size=1000)
    with SocketIOTestClient(app, socketio) as client:
        with pytest.raises(NotConnectedError, match='max_connections'):
            SocketIOTestClient(app, socketio)
        left = []
        socketio.on('disconnect')(left.append)
        client.emit('big', 'x' * 1000)
        assert left == ['message too big']
        assert not client.is_connected()


def test_headers_for_a_further_namespace(socketio, connect):
    socketio.on('color', namespace='/a')(lambda: request.headers.get('X-Color'))
    client = connect(headers={'X-Color': 'red'})
    client.connect('/a')
    assert client.call('color', namespace='/a') == 'red'
    client.disconnect('/a')
    client.connect('/a', headers={'X-Color': 'blue'})
    assert client.call('color', namespace='/a') == 'blue'


def test_the_path_is_the_servers(app):
    socketio = geventio.SocketIO(app, path='/live')
    socketio.on('path')(lambda: (request.path, request.remote_addr, request.query_string.decode()))
    with SocketIOTestClient(app, socketio, query_string={'a': 'b'}) as client:
        assert client.call('path') == ('/live/', '127.0.0.1', 'a=b')


def test_wrong_applications(app, socketio):
    with pytest.raises(RuntimeError, match='init_app'):
        SocketIOTestClient(app, geventio.SocketIO())
    with pytest.raises(ValueError, match='tied to'):
        SocketIOTestClient(Flask('other'), socketio)
    with app.app_context():
        from flask import current_app
        SocketIOTestClient(current_app, socketio).close()


def test_used_on_another_thread(socketio, connect):
    client = connect()
    with pytest.raises(RuntimeError, match='another thread'):
        gevent.get_hub().threadpool.apply(client.emit, ('x',))
    assert client.is_connected()


def test_an_application_made_anew(socketio):
    socketio.on('ping')(lambda: 'pong')
    for number in range(2):
        app = Flask(f'app{number}')
        socketio.init_app(app)
        with SocketIOTestClient(app, socketio) as client:
            assert client.call('ping') == 'pong'


# -- events ---------------------------------------------------------------------------------------


def test_wrong_events_raise_in_the_test(socketio, connect):
    client = connect()
    with pytest.raises(ValueError, match='reserved'):
        client.emit('connect')
    with pytest.raises(TypeError):
        client.emit('x', object())
    assert client.is_connected()


def test_a_wrong_auth_payload_raises_in_the_test(socketio):
    with pytest.raises(geventio.GeventioError, match='CONNECT'):
        SocketIOTestClient(socketio.app, socketio, auth='secret')
    until(lambda: not socketio.server.engine.sessions)


def test_a_handler_that_raises(socketio, connect, caplog, capfd):
    @socketio.on('boom')
    def boom():
        emit('before')
        raise ValueError('oh')

    client = connect()
    with pytest.raises(ValueError, match='oh'):
        client.emit('boom', callback=True)
    assert names(client.get_received()) == ['before']
    record, = caplog.records
    assert record.name == 'geventio'
    assert record.levelno == logging.ERROR
    assert str(record.exc_info[1]) == 'oh'
    assert capfd.readouterr() == ('', '')
    with pytest.raises(ValueError, match='oh'):
        client.call('boom')
    assert client.emit('nobody handles it', callback=True) is None
    socketio.on_error_default(lambda error: f'handled: {error}')
    assert client.call('boom') == 'handled: oh'


@pytest.mark.parametrize('event', ['connect', 'disconnect'])
def test_a_failing_connect_or_disconnect_handler(socketio, connect, event):
    client = connect()

    @socketio.on(event)
    def fails():
        raise ValueError(event)

    with pytest.raises(ValueError, match=event):
        connect() if event == 'connect' else client.disconnect()
    assert len(socketio.server.engine.sessions) == (event == 'connect')


def test_handlers_that_wait_are_waited_for(socketio, connect):
    @socketio.on('slow')
    def slow():
        gevent.sleep(0.02)
        emit('done')
        return 'ack'

    client = connect()
    assert client.emit('slow', callback=True) == 'ack'
    assert names(client.get_received()) == ['done']
    assert client.call('slow') == 'ack'


def test_time_limit(socketio, connect):
    free = gevent.event.Event()
    socketio.on('stuck')(lambda: free.wait() and 'late')
    client = connect('/')
    client.timeout = 0.05
    with pytest.raises(TimeoutError, match=r"handler of 'stuck' \(namespace /\).*0\.05 s"):
        client.emit('stuck', callback=True)
    with pytest.raises(TimeoutError, match=r"'stuck' was not answered within 0\.01 s"):
        client.call('stuck', timeout=0.01)
    free.set()
    until(lambda: client.acks is not None)
    assert client.acks == {'args': ['late'], 'namespace': '/'}


def test_a_connect_handler_that_takes_too_long(app, socketio, monkeypatch):
    free = gevent.event.Event()
    socketio.on('connect')(free.wait)
    monkeypatch.setattr(SocketIOTestClient, 'timeout', 0.02)
    with pytest.raises(TimeoutError, match='connect handler of /'):
        SocketIOTestClient(app, socketio)
    free.set()
    until(lambda: not socketio.server.engine.sessions)
    assert socketio not in [client.socketio for client in SocketIOTestClient.clients.values()]


def test_call(socketio, connect):
    socketio.on('add')(lambda a, b: a + b)
    socketio.on('two')(lambda: (1, 2))
    socketio.on('none')(lambda: None)
    socketio.on('in a', namespace='/a')(lambda: 'a')
    client = connect()
    client.connect('/a')
    assert client.call('add', 1, 2) == 3
    assert client.call('two') == (1, 2)
    assert client.call('none') is None
    assert client.call('in a', namespace='/a') == 'a'
    with pytest.raises(TimeoutError, match='there is no handler for it'):
        client.call('nobody')
    assert client.acks is None


def test_call_that_is_cut_off(socketio, connect):
    socketio.on('out')(lambda: geventio.disconnect())
    client = connect()
    with pytest.raises(NotConnectedError, match="ended before 'out' was answered"):
        client.call('out')
    with pytest.raises(NotConnectedError, match=NOT_CONNECTED):
        client.call('out')


def test_events_of_background_tasks(socketio, connect):
    def work(sid):
        for number in range(2):
            gevent.sleep(0.01)
            socketio.emit('step', number, to=sid)

    @socketio.on('start')
    def start():
        socketio.start_background_task(work, request.sid)

    client = connect()
    client.emit('start')
    assert client.get_received() == []
    assert client.wait_for('step')['args'] == [0]
    assert client.wait_for('step') == {'name': 'step', 'args': [1], 'namespace': '/'}
    assert client.get_received() == []
    client.emit('nothing')
    with pytest.raises(TimeoutError, match=r"no 'step' came within 0\.01 s .*nothing"):
        client.wait_for('step', timeout=0.01)
    gevent.spawn_later(0.01, client.drop)
    with pytest.raises(NotConnectedError, match="ended before 'step' came"):
        client.wait_for('step')


def test_one_event_does_not_wait_for_another_clients(socketio, connect):
    free = gevent.event.Event()
    socketio.on('stuck')(free.wait)
    socketio.on('quick')(lambda: 'ack')
    one, two = connect(), connect()
    one.timeout = 0.01
    with pytest.raises(TimeoutError):
        one.emit('stuck')
    assert two.emit('quick', callback=True) == 'ack'
    free.set()


@pytest.mark.parametrize('options', [{'async_handlers': False}, {'max_handlers': 1}])
def test_handlers_in_order(app, options):
    socketio = geventio.SocketIO(app, **options)
    seen = []

    @socketio.on('a')
    def a(data):
        gevent.sleep(0.01)
        seen.append(data)

    @socketio.on('disconnect')
    def left():
        gevent.sleep(0.01)
        seen.append('left')

    with SocketIOTestClient(app, socketio) as client:
        for number in range(3):
            client.emit('a', number)
            assert seen[-1] == number
    assert seen == [0, 1, 2, 'left']


# -- questions of the server ----------------------------------------------------------------------


@pytest.fixture
def asking(socketio):
    @socketio.on('ask')
    def ask():
        emit('result', call('question', 1))

    return socketio


def test_answering_call(asking, connect):
    client = connect()
    client.emit('ask')
    question, = client.get_received()
    assert question == {'name': 'question', 'args': [1], 'namespace': '/'}
    assert question.wants_ack
    question.ack('yes')
    assert not question.wants_ack
    assert client.get_received() == [{'name': 'result', 'args': ['yes'], 'namespace': '/'}]
    with pytest.raises(RuntimeError, match='did not ask'):
        question.ack('again')
    result, = connect().get_received() or [None]
    assert result is None


def test_answering_by_handler(asking, connect):
    client = connect()

    @client.on('question')
    def question(number):
        gevent.sleep(0.01)
        return {'number': number, 'data': b'\x00'}

    client.emit('ask')
    asked, result = client.get_received()
    assert not asked.wants_ack
    assert result['args'] == [{'number': 1, 'data': b'\x00'}]
    client.on('question', lambda number: (1, 2))
    client.emit('ask')
    assert client.get_received()[-1]['args'] == [1, 2]
    client.on('question', lambda number: None)
    client.emit('ask')
    assert client.get_received()[-1]['args'] == []


def test_events_without_a_question(socketio, connect):
    seen = []
    client = connect()
    client.on('news', seen.append)
    socketio.emit('news', 1)
    gevent.sleep(0)
    news, = client.get_received()
    assert seen == [1]
    assert not news.wants_ack
    with pytest.raises(RuntimeError, match=r'only emit\(\) with callback='):
        news.ack()


def test_callbacks_of_the_server(socketio, connect):
    got = []

    @socketio.on('ask')
    def ask():
        emit('question', callback=lambda *values: got.append((values, request.sid)))

    client = connect()
    client.emit('ask')
    question, = client.get_received()
    question.ack(1, [b'2'])
    assert got == [((1, [b'2']), client.sid())]
    client.on('question', lambda: 'by itself')
    client.emit('ask')
    assert got[1][0] == ('by itself',)


def test_a_callback_does_not_end_the_waiting(socketio, connect):
    @socketio.on('ask')
    def ask():
        emit('question', callback=lambda: None)
        gevent.sleep(0.02)
        emit('later')

    client = connect()
    client.emit('ask')
    assert names(client.get_received()) == ['question', 'later']


def test_a_copy_of_an_event_does_not_end_the_waiting(socketio, connect):
    @socketio.on('ask')
    def ask():
        @copy_current_request_context
        def work():
            call('question')

        gevent.spawn(work)
        gevent.sleep(0.02)
        emit('later')

    client = connect()
    client.emit('ask')
    assert names(client.get_received()) == ['question', 'later']


def test_asking_another_client(socketio, connect):
    @socketio.on('relay')
    def relay(sid):
        return call('question', to=sid)

    one, two = connect(), connect()
    assert one.emit('relay', two.sid(), callback=True) is None
    question, = two.get_received()
    question.ack('from two')
    until(lambda: one.acks is not None)
    assert one.acks == {'args': ['from two'], 'namespace': '/'}
    two.on('question', lambda: 'at once')
    assert one.call('relay', two.sid()) == 'at once'


def test_asking_everybody(socketio, connect):
    @socketio.on('poll')
    def poll():
        return list(socketio.of('/').timeout(5).emit_with_ack('vote'))

    one, two = connect(), connect()
    one.on('vote', lambda: 1)
    two.on('vote', lambda: 2)
    assert sorted(one.call('poll')) == [1, 2]
    three = connect()
    one.emit('poll', callback=True)
    vote, = three.get_received()
    vote.ack(3)
    until(lambda: one.acks is not None)
    assert sorted(one.acks['args'][0]) == [1, 2, 3]


def test_a_client_handler_may_use_the_client(asking, connect):
    asking.on('name')(lambda: 'ann')
    client = connect()
    client.on('question', lambda number: client.call('name') + str(client.emit('name')))
    client.emit('ask')
    assert client.get_received()[-1]['args'] == ['annNone']


def test_a_client_handler_that_raises(asking, connect):
    client = connect()

    @client.on('question')
    def question(number):
        raise KeyError('in the test')

    with pytest.raises(KeyError, match='in the test'):
        client.emit('ask')
    asked, = client.get_received()
    assert asked.wants_ack
    asked.ack(0)
    assert names(client.get_received()) == ['result']


def test_a_client_handler_that_returns_what_cannot_be_sent(asking, connect):
    client = connect()
    client.on('question', lambda number: object())
    with pytest.raises(TypeError):
        client.emit('ask')


def test_a_client_handler_that_hangs(socketio, connect):
    free = gevent.event.Event()
    client = connect()
    client.timeout = 0.02
    client.on('news', lambda: free.wait())
    socketio.on('publish')(lambda: emit('news'))
    with pytest.raises(TimeoutError, match=r'a handler of a test client'):
        client.emit('publish')
    free.set()
    until(lambda: not Stage.of(socketio.server).reactions)


def test_the_time_limit_names_the_question(socketio, connect):
    @socketio.on('ask')
    def ask():
        return gevent.get_hub().threadpool.apply(
            lambda sid: socketio.call('question', to=sid, timeout=5), (request.sid,))

    client = connect()
    client.timeout = 0.05
    with pytest.raises(TimeoutError, match="waits for an answer to 'question'"):
        client.emit('ask')
    client.timeout = 5
    client.queue[0].ack('x')


def test_a_question_that_is_not_answered(socketio, connect):
    @socketio.on('ask')
    def ask():
        try:
            call('question', timeout=0.02)
        except TimeoutError:
            emit('nothing came')

    client = connect()
    client.emit('ask')
    assert client.wait_for('nothing came')['args'] == []
    question, = client.get_received()
    assert not question.wants_ack
    question.ack('too late')


def test_a_lost_client_does_not_answer(socketio, connect):
    errors = []

    @socketio.on('ask')
    def ask():
        try:
            call('question')
        except NotConnectedError as error:
            errors.append(error)

    client = connect()
    client.emit('ask')
    question, = client.get_received()
    client.drop()
    assert len(errors) == 1
    with pytest.raises(NotConnectedError):
        question.ack()


# -- packets --------------------------------------------------------------------------------------


@pytest.mark.parametrize('serializer', ['default', 'msgpack'])
def test_both_serializers(app, serializer):
    socketio = geventio.SocketIO(app, serializer=serializer)

    @socketio.on('echo')
    def echo(*args):
        emit('echo', args)
        return args

    @socketio.on('connect', namespace='/no')
    def connected(auth):
        raise ConnectionRefusedError('no', auth)

    @socketio.on('ask')
    def ask():
        return call('question', b'\x01')

    data = ({'a': [1, b'\x00\xff', None]}, 'ü', b'')
    with SocketIOTestClient(app, socketio) as client:
        assert client.call('echo', *data) == data
        assert client.get_received() == [{'name': 'echo', 'args': list(data), 'namespace': '/'}]
        client.on('question', lambda data: data * 2)
        assert client.call('ask') == b'\x01\x01'
        client.connect('/no', auth={'key': b'x'} if serializer == 'msgpack' else {'key': 'x'})
        assert client.connect_error['/no']['message'] == 'no'
    assert not socketio.server.engine.sessions


def test_more_attachments_than_allowed(socketio, connect):
    client = connect()
    with pytest.raises(geventio.GeventioError, match='attachments'):
        client.emit('x', *[b'x'] * 11)
    assert not client.is_connected()
    client.connect()
    socketio.on('many')(lambda: emit('many', [b'x'] * 11))
    with pytest.raises(geventio.GeventioError, match='attachments'):
        client.emit('many')
    assert client.is_connected()


def test_heartbeats(app):
    socketio = geventio.SocketIO(app, ping_interval=0.05, ping_timeout=0.05)
    left = []
    socketio.on('disconnect')(left.append)
    with SocketIOTestClient(app, socketio) as client:
        silent = SocketIOTestClient(app, socketio)
        silent.answers_pings = False
        with gevent.Timeout(5):
            while silent.is_connected():
                gevent.sleep(0.01)
        assert client.is_connected()
        assert left == ['ping timeout']


def test_volatile_events_arrive(socketio, connect):
    client = connect()
    socketio.emit('tick', volatile=True)
    assert names(client.get_received()) == ['tick']


def test_pushes_start_with_the_first_client(socketio, connect):
    socketio.every(0.01)(lambda: emit('tick'))
    client = connect()
    assert client.wait_for('tick')
    assert client.wait_for('tick')


def test_a_test_client_beside_real_ones(socketio, connect, joined):
    socketio.on('say')(lambda text: emit('said', text, broadcast=True))
    test, real = connect(), joined()
    test.emit('say', 'hi')
    assert real.event() == ['said', 'hi']
    real.emit('say', 'ho')
    assert test.wait_for('said')['args'] == ['hi']
    assert test.wait_for('said')['args'] == ['ho']


def test_stopping_with_a_test_client(socketio, connect, host):
    served = host(socketio.server, socketio.app)
    left = []
    socketio.on('disconnect')(left.append)
    client = connect()
    geventio.serving.running.shut_down(served.http, 5)
    assert left == ['server shutting down']
    assert not client.is_connected()


def test_any_adapter_will_do(app):
    class Recording(MemoryAdapter):
        sent = []

        def broadcast(self, parcel, rooms, *rest):
            self.sent.append((self.namespace.name, rooms))
            super().broadcast(parcel, rooms, *rest)

    socketio = geventio.SocketIO(app)
    socketio.server.make_adapter = Recording
    socketio.on('say')(lambda text: emit('said', text, broadcast=True))
    with socketio.test_client(app) as client, socketio.test_client(app) as other:
        client.emit('say', 'hi')
        socketio.emit('news', to='nobody')
        assert names(client.get_received()) == names(other.get_received()) == ['said']
    assert Recording.sent == [('/', None), ('/', ('nobody',))]

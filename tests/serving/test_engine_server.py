"""Engine.IO alone: its three events, in order, and nothing before a client is accepted."""

from __future__ import annotations

import json

import gevent
import pytest
from gevent.event import Event

from geventio import ConfigError, EngineServer, NotConnectedError

from ..threads import in_thread
from ..waiting import until


@pytest.fixture
def server():
    return EngineServer(ping_interval=0.3)


class Client:
    """One WebSocket of an EngineServer."""

    def __init__(self, host):
        self.ws = host.websocket(EIO='4', transport='websocket')
        self.hello = json.loads(self.ws.receive()[1:])
        self.sid = self.hello['sid']

    def hears(self):
        while (data := self.ws.receive()) == '2':
            self.ws.send('3')
        return data


@pytest.fixture
def client(server, host):
    hosts = []

    def make():
        if not hosts:
            hosts.append(host(server))
        return Client(hosts[0])

    return make


def test_the_life_of_a_client(server, client):
    calls = []

    @server.on('connect')
    def connect(sid, environ):
        calls.append(('connect', sid, environ['PATH_INFO']))

    @server.on('message')
    def message(sid, data):
        calls.append((sid, data))
        server.send(sid, data)

    server.on('disconnect', lambda sid, reason: calls.append(('disconnect', sid, reason)))
    one = client()
    one.ws.send('4text €')
    assert one.hears() == '4text €'
    one.ws.send(b'\x00\x01')
    assert one.hears() == b'\x00\x01'
    one.ws.send('1')
    until(lambda: len(calls) == 4)
    assert calls == [('connect', one.sid, '/engine.io/'), (one.sid, 'text €'),
                     (one.sid, b'\x00\x01'), ('disconnect', one.sid, 'transport close')]


def test_the_handshake_tells_milliseconds_and_the_heart_beats(client):
    one = client()
    assert one.hello['pingInterval'] == 300 and one.hello['upgrades'] == []
    assert one.ws.receive() == '2'


def test_sending(server, client):
    one, two = client(), client()
    server.send(one.sid, 'to one')
    server.send(two.sid, bytearray(b'to two'))
    server.send(two.sid, memoryview(b'again'))
    assert one.hears() == '4to one' and two.hears() == b'to two' and two.hears() == b'again'
    assert server.transport(one.sid) == 'websocket'
    with pytest.raises(TypeError, match='a message is str or bytes, not dict'):
        server.send(one.sid, {})


def test_from_another_thread(server, client):
    one = client()
    in_thread(server.send, one.sid, 'text')
    assert one.hears() == '4text'
    with pytest.raises(NotConnectedError):
        in_thread(server.send, 'nobody', 'x')
    in_thread(server.disconnect, one.sid)
    assert one.hears() is None


def test_who_is_not_there(server):
    with pytest.raises(NotConnectedError, match="no client with the id 'x'"):
        server.send('x', 'data')
    with pytest.raises(NotConnectedError):
        server.transport('x')
    server.disconnect('x')


def test_the_server_disconnects(server, client):
    reasons = []
    server.on('disconnect', lambda sid, reason: reasons.append(reason))
    one = client()
    server.disconnect(one.sid)
    assert one.hears() is None
    until(lambda: reasons)
    assert reasons == ['forced server close']


def test_a_short_disconnect_handler(server, client):
    gone = []
    server.on('disconnect', lambda sid: gone.append(sid))
    one = client()
    one.ws.close()
    until(lambda: gone)
    assert gone == [one.sid]


@pytest.fixture
def deciding(server):
    """A connect handler that waits for the test's decision, and notes of every other call."""

    class Deciding:
        gate = Event()
        answer = None
        calls = []

    def connect(sid, environ):
        server.send(sid, 'from connect')
        deciding.gate.wait()
        if isinstance(deciding.answer, BaseException):
            raise deciding.answer
        return deciding.answer

    deciding = Deciding()
    deciding.gate, deciding.calls = Event(), []
    server.on('connect', connect)
    server.on('message', lambda sid, data: deciding.calls.append(data))
    server.on('disconnect', lambda sid, reason: deciding.calls.append(reason))
    return deciding


def test_messages_wait_for_the_connect_handler_in_order(server, client, deciding):
    one = client()
    for number in range(5):
        one.ws.send(f'4{number}')
    server.send(one.sid, 'from outside')
    until(lambda: len(server.engine.sessions[one.sid].upper._held_in) == 5)
    assert deciding.calls == []
    deciding.gate.set()
    one.ws.send('4last')
    until(lambda: len(deciding.calls) == 6)
    assert deciding.calls == ['0', '1', '2', '3', '4', 'last']
    assert one.hears() == '4from connect' and one.hears() == '4from outside'


@pytest.mark.parametrize('answer', [False, KeyError('x'), gevent.Timeout()])
def test_a_refused_client_gets_the_close_and_nothing_else(server, client, deciding, answer):
    deciding.answer = answer
    one = client()
    one.ws.send('4lost')
    server.send(one.sid, 'from outside')
    deciding.gate.set()
    assert one.hears() is None
    until(lambda: not server.engine.sessions)
    gevent.sleep(0)
    assert deciding.calls == []


@pytest.mark.parametrize(('answer', 'expected'), [(None, ['transport close']), (False, [])])
def test_a_client_that_leaves_while_connect_runs(server, client, deciding, answer, expected):
    deciding.answer = answer
    one = client()
    one.ws.close()
    until(lambda: not server.engine.sessions)
    assert deciding.calls == []
    deciding.gate.set()
    until(lambda: deciding.calls == expected)
    gevent.sleep(0.01)
    assert deciding.calls == expected


@pytest.mark.parametrize('flood', ['client', 'server'])
def test_what_waits_for_the_connect_handler_is_bounded(host, flood):
    server, gate = EngineServer(max_http_buffer_size=1000, max_outbox_size=1000), Event()
    server.on('connect', lambda sid, environ: gate.wait())
    calls = []
    server.on('message', lambda sid, data: calls.append(data))
    server.on('disconnect', lambda sid, reason: calls.append(reason))
    one = Client(host(server))
    for _ in range(20):
        if flood == 'client':
            one.ws.send('4' + 'x' * 90)
        elif one.sid in server.engine.sessions:
            server.send(one.sid, 'x' * 90)
    assert one.hears() is None
    gate.set()
    until(lambda: calls)
    assert calls == ['slow client']


def working(server):
    gate, log = Event(), []

    @server.on('message')
    def message(sid, data):
        log.append(data + ' begins')
        if data == '1':
            gate.wait()
        log.append(data + ' ends')

    server.on('disconnect', lambda sid: log.append('left'))
    return gate, log


def test_handlers_of_one_client_start_in_order(server, client):
    gate, log = working(server)
    one = client()
    for number in (1, 2, 3):
        one.ws.send(f'4{number}')
    until(lambda: len(log) == 5)
    gate.set()
    until(lambda: len(log) == 6)
    assert log == ['1 begins', '2 begins', '2 ends', '3 begins', '3 ends', '1 ends']


def test_handlers_of_one_client_may_run_one_after_another(host):
    server = EngineServer(async_handlers=False)
    gate, log = working(server)
    one = Client(host(server))
    for number in (1, 2):
        one.ws.send(f'4{number}')
    one.ws.close()
    until(lambda: not server.engine.sessions)
    assert log == ['1 begins']
    gate.set()
    until(lambda: len(log) == 5)
    assert log == ['1 begins', '1 ends', '2 begins', '2 ends', 'left']


def test_an_error_in_a_handler_is_logged_and_the_connection_lives(server, client, caplog):
    @server.on('message')
    def failing(sid, data):
        if data == 'bad':
            raise KeyError(data)
        server.send(sid, data)

    one = client()
    one.ws.send('4bad')
    one.ws.send('4good')
    assert one.hears() == '4good'
    record, = caplog.records
    assert 'failing' in record.getMessage() and record.exc_info[0] is KeyError


def test_polling_and_an_application_beside_it(host):
    def app(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [b'page']

    server = EngineServer(app, path='/io')
    server.on('message', lambda sid, data: server.send(sid, data.upper()))
    served = host(server)
    sid = json.loads(served.request(EIO='4', transport='polling').body[1:])['sid']
    assert server.transport(sid) == 'polling'
    served.request('POST', b'4a\x1e4b', EIO='4', transport='polling', sid=sid)
    assert served.request(EIO='4', transport='polling', sid=sid).body == b'4A\x1e4B'
    assert served.connection().request('GET', '/page').body == b'page'


def test_mistakes():
    with pytest.raises(ValueError, match="the events connect, message, disconnect, not 'mesage'"):
        EngineServer().on('mesage')
    with pytest.raises(ConfigError, match="did you mean 'ping_timeout'"):
        EngineServer(ping_timeut=1)


def test_run_and_stop(server):
    serving = gevent.spawn(server.run, port=0)
    until(lambda: server.wsgi_server is not None)
    server.stop()
    serving.join(timeout=5)
    assert serving.successful()


def test_dialects_that_carry_events_are_refused():
    with pytest.raises(ConfigError, match="'sse' carries events, which Engine.IO alone"):
        EngineServer(dialects=['eio4', 'sse'])

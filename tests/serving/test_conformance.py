"""What a client of each protocol revision may rely on, byte for byte: one short dialogue each.

The dialogues follow the protocol documents' own order: handshake, messages, heartbeat, close and
upgrade of Engine.IO 4 and 3, then joining, leaving, messages and malformed packets of Socket.IO 5
and 4. Limits, compression and hostile input have files of their own.
"""

from __future__ import annotations

import json
import time

import gevent
import pytest
from flask import Flask
from gevent.pywsgi import WSGIServer

from geventio import EngineServer, Server, SocketIO, emit

from ..conftest import Host

TIMEOUT = 5
ATTACHMENTS = (b'\1\2\3', b'\4\5\6')
PLACES = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'


# -- Engine.IO ------------------------------------------------------------------------------------


class Echo(EngineServer):
    """Sends every message back."""

    def __init__(self, **options):
        super().__init__(**options)
        self.on('message', self.send)


@pytest.fixture
def echo(host):
    return lambda **options: host(Echo(**options))


class Wire:
    """How one revision writes what this file sends: packets, payloads, the query."""

    def __init__(self, revision):
        self.query = {'EIO': revision, 'transport': 'polling'}
        self.upgrade = {'EIO': revision, 'transport': 'websocket'}
        self.revision = int(revision)

    def payload(self, *packets):
        if self.revision == 4:
            return '\x1e'.join(packets).encode()
        return ''.join(f'{len(packet)}:{packet}' for packet in packets).encode()

    def binary(self, data):
        """A binary message in a WebSocket frame."""
        return data if self.revision == 4 else b'\x04' + data

    def hello(self, body):
        """The parameters of the open packet in a payload that holds nothing else."""
        text = body.decode()
        if self.revision == 3:
            length, _, text = text.partition(':')
            assert int(length) == len(text)
        assert text[0] == '0'
        return json.loads(text[1:])


@pytest.fixture(params=['4', '3'])
def wire(request):
    return Wire(request.param)


class Poll:
    """A polling session of one revision, each request on a connection of its own."""

    def __init__(self, server, wire, **query):
        self.server = server
        self.wire = wire
        self.opened = wire.hello(server.request(**wire.query, **query).body)
        self.query = {**wire.query, 'sid': self.opened['sid']}
        self.target = server.target(**self.query)

    def get(self):
        return self.server.request(**self.query)

    def post(self, *packets):
        return self.server.request('POST', self.wire.payload(*packets), **self.query)

    def wait(self):
        """Send a GET that stays open; returns its connection."""
        connection = self.server.connection()
        connection.send('GET', self.target)
        transport = self.server.sessions[self.opened['sid']].transport
        with gevent.Timeout(TIMEOUT):
            while transport._get is None:
                gevent.sleep(0.001)
        return connection

    def websocket(self):
        return self.server.websocket(sid=self.opened['sid'], **self.wire.upgrade)


def opened(server, wire):
    """A session over WebSocket, its open packet read."""
    websocket = server.websocket(**wire.upgrade)
    websocket.hello = json.loads(websocket.receive()[1:])
    return websocket


def ended(websocket):
    """Whether the server ends the connection without another message."""
    return websocket.receive_until_closed()[0] == []


def unknown(response):
    return response.status == 400 and response.json['code'] == 1


PARAMETERS = {'pingInterval': 300, 'pingTimeout': 200, 'maxPayload': 1_000_000}


def test_parameters_over_polling(echo, wire):
    hello = Poll(echo(ping_interval=0.3, ping_timeout=0.2), wire).opened
    assert isinstance(hello.pop('sid'), str)
    assert hello == {'upgrades': ['websocket'], **PARAMETERS}


def test_parameters_over_websocket(echo, wire):
    hello = opened(echo(ping_interval=0.3, ping_timeout=0.2), wire).hello
    assert isinstance(hello.pop('sid'), str)
    assert hello == {'upgrades': [], **PARAMETERS}


@pytest.mark.parametrize('query', [
    {'transport': 'websocket'},
    {'EIO': 'abc', 'transport': 'websocket'},
    {'EIO': '4'},
    {'EIO': '3'},
    {'EIO': '4', 'transport': 'abc'},
    {'EIO': '3', 'transport': 'abc'},
])
def test_wrong_query_gets_no_websocket(echo, query):
    server = echo()
    assert server.websocket(**query).response.status_code == 400
    assert not server.sessions


@pytest.mark.parametrize('query', [{}, {'transport': 'abc'}])
def test_wrong_query_gets_no_polling(echo, wire, query):
    response = echo().request(EIO=str(wire.revision), **query)
    assert (response.status, response.json['code']) == (400, 0)


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'PATCH'])
def test_only_get_opens_a_session(echo, wire, method):
    server = echo()
    response = server.request(method, **wire.query)
    assert response.status == 400
    assert response.json == {'code': 2, 'message': 'Bad handshake method'}
    assert not server.sessions


@pytest.mark.parametrize('packets', [
    ('4hello',), ('4test1', '4test2', '4test3'), ('4',), ('4a:b', '412:34'),
])
def test_text_over_polling(echo, wire, packets):
    client = Poll(echo(), wire)
    posted = client.post(*packets)
    assert (posted.status, posted.body) == (200, b'ok')
    answer = client.get()
    assert (answer.status, answer.body) == (200, wire.payload(*packets))


@pytest.mark.parametrize(('revision', 'packet'), [('4', 'bAQIDBA=='), ('3', 'b4AQIDBA==')])
def test_text_and_base64_over_polling(echo, revision, packet):
    client = Poll(echo(), Wire(revision), b64='1')
    assert client.post('4hello', packet).body == b'ok'
    assert client.get().body == client.wire.payload('4hello', packet)


def test_revision_3_gets_binary_as_it_is(echo):
    client = Poll(echo(), Wire('3'))
    assert client.post('4hello', 'b4AQIDBA==').body == b'ok'
    assert client.get().body == b'\0\6\xff4hello\1\5\xff\4\1\2\3\4'


def test_what_is_no_payload_ends_the_session(echo, wire):
    server = echo()
    client = Poll(server, wire)
    server.request('POST', b'abc', **client.query)
    assert unknown(client.get())
    assert not server.sessions


def test_two_waiting_gets_end_the_session(echo, wire):
    client = Poll(echo(), wire)
    first = client.wait()
    assert client.get().status == 400
    assert first.receive().body == wire.payload('1')
    assert unknown(client.get())


def test_messages_over_websocket(echo, wire):
    websocket = opened(echo(), wire)
    for message in ('4hello', '4', wire.binary(b'\1\2\3\4'), wire.binary(b'')):
        websocket.send(message)
        assert websocket.receive() == message


def test_what_is_no_packet_ends_the_connection(echo, wire):
    server = echo()
    websocket = opened(server, wire)
    websocket.send('abc')
    assert ended(websocket)
    assert not server.sessions


# -- heartbeat ------------------------------------------------------------------------------------


def test_heartbeat_over_polling(echo, wire):
    server = echo(ping_interval=0.05, ping_timeout=TIMEOUT)
    client = Poll(server, wire)
    for _ in range(3):
        if wire.revision == 4:
            assert client.get().body == b'2'
            assert client.post('3').body == b'ok'
        else:
            assert client.post('2').body == b'ok'
            assert client.get().body == b'1:3'
    assert client.opened['sid'] in server.sessions


def test_heartbeat_over_websocket(echo, wire):
    server = echo(ping_interval=0.05, ping_timeout=TIMEOUT)
    websocket = opened(server, wire)
    for _ in range(3):
        if wire.revision == 4:
            assert websocket.receive() == '2'
            websocket.send('3')
        else:
            websocket.send('2')
            assert websocket.receive() == '3'
    assert websocket.hello['sid'] in server.sessions


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_a_poll_after_the_heartbeats_deadline_is_too_late(echo, wire, method):
    client = Poll(echo(ping_interval=0.3, ping_timeout=0.2), wire)
    gevent.sleep(0.5)
    answer = client.get() if method == 'GET' else client.post('4late')
    assert unknown(answer)


def test_silence_over_websocket(echo, wire):
    server = echo(ping_interval=0.1, ping_timeout=0.1)
    websocket = opened(server, wire)
    assert websocket.receive_until_closed()[0] == (['2'] if wire.revision == 4 else [])
    assert not server.sessions


# -- close ----------------------------------------------------------------------------------------


def test_closing_over_polling(echo, wire):
    server = echo()
    client = Poll(server, wire)
    waiting = client.wait()
    assert client.post('1').body == b'ok'
    answer = waiting.receive()
    assert (answer.status, answer.body) == (200, wire.payload('6'))
    assert unknown(client.get())
    assert not server.sessions


def test_closing_while_the_get_is_on_its_way(echo, wire):
    """The GET was sent first; the POST on the other connection must not make it a failure."""
    server = echo()
    for _ in range(10):
        client = Poll(server, wire)
        reads, writes = server.connection(), server.connection()
        reads.send('GET', client.target)
        writes.send('POST', client.target, body=wire.payload('1'))
        answer = reads.receive()
        assert (answer.status, answer.body) == (200, wire.payload('6'))
        assert writes.receive().body == b'ok'
        assert unknown(client.get())


def test_closing_over_websocket(echo, wire):
    server = echo()
    websocket = opened(server, wire)
    websocket.send('1')
    assert ended(websocket)
    assert not server.sessions


# -- upgrade --------------------------------------------------------------------------------------


def test_upgrade(echo, wire):
    client = Poll(echo(), wire)
    websocket = client.websocket()
    websocket.send('2probe')
    assert websocket.receive() == '3probe'
    answer = client.get()  # a GET while the probe is out does not wait
    assert (answer.status, answer.body) == (200, wire.payload('6'))
    websocket.send('5')
    websocket.send('4hello')
    assert websocket.receive() == '4hello'


def upgraded(client):
    """The WebSocket of a session that went over to it without waiting for any answer."""
    websocket = client.websocket()
    websocket.send('2probe')
    websocket.send('5')
    assert websocket.receive() == '3probe'
    session = client.server.sessions[client.opened['sid']]
    with gevent.Timeout(TIMEOUT):
        while session.transport.name != 'websocket':
            gevent.sleep(0.001)
    return websocket


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_polling_is_over_after_the_upgrade(echo, wire, method):
    client = Poll(echo(), wire)
    websocket = upgraded(client)
    answer = client.get() if method == 'GET' else client.post('4ignored')
    assert (answer.status, answer.json['code']) == (400, 3)
    websocket.send('4hello')
    assert websocket.receive() == '4hello'


def test_second_websocket_after_the_upgrade(echo, wire):
    client = Poll(echo(), wire)
    websocket = upgraded(client)
    assert ended(client.websocket())
    websocket.send('4hello')
    assert websocket.receive() == '4hello'


@pytest.fixture
def foreign():
    """``foreign(owner)``: served by pywsgi, through WSGI."""
    hosts = []

    def start(owner):
        http = WSGIServer(('127.0.0.1', 0), owner, log=None)
        http.start()
        hosts.append(Host(http, owner))
        return hosts[-1]

    yield start
    for started in hosts:
        started.owner.engine.close_all()
        started.close()
        started.http.stop(timeout=TIMEOUT)


@pytest.mark.parametrize('get_first', [True, False])
def test_a_get_that_meets_the_upgrade_is_answered(foreign, wire, get_first):
    client = Poll(foreign(Echo()), wire)
    websocket = client.websocket()
    websocket.send('2probe')
    assert websocket.receive() == '3probe'
    connection = client.server.connection()
    assert connection.request('GET', '/').status == 404  # it is open: only bytes are to come
    # Both arrive in one turn of the loop.
    if get_first:
        connection.send('GET', client.target)
        websocket.send('5')
    else:
        websocket.send('5')
        connection.send('GET', client.target)
    answer = connection.receive()
    assert answer.status == 400 or answer.body == wire.payload('6')
    websocket.send('4hello')
    assert websocket.receive() == '4hello'


def test_connection_close_is_answered_through_wsgi(foreign):
    response = foreign(Echo()).request(headers=[('Connection', 'close')], **Wire('4').query)
    assert response.headers['connection'] == 'close'


# -- Socket.IO ------------------------------------------------------------------------------------


def plain(options):
    """The application on Server."""
    server = Server(**options)

    def joined(namespace):
        server.on('connect', lambda sid, environ, auth: server.emit(
            'auth', auth or {}, to=sid, namespace=namespace), namespace=namespace)

    joined('/')
    joined('/custom')
    server.on('message', lambda sid, *args: server.emit('message-back', args, to=sid))
    server.on('message-with-ack', lambda sid, *args: args)
    server.on('ask', lambda sid, *args: server.emit(
        'question', args, to=sid,
        callback=lambda *values: server.emit('told', values, to=sid)))
    return server, None


def flask(options):
    """The same application on Flask."""
    app = Flask('conformance')
    socketio = SocketIO(app, **options)

    @socketio.on('connect')
    @socketio.on('connect', namespace='/custom')
    def connect(auth=None):
        emit('auth', auth or {})

    socketio.on('message')(lambda *args: emit('message-back', *args))
    socketio.on('message-with-ack')(lambda *args: args)
    socketio.on('ask')(lambda *args: emit(
        'question', *args, callback=lambda *values: emit('told', *values)))
    return socketio.server, app


@pytest.fixture(params=[plain, flask])
def serve(request, host):
    return lambda **options: host(*request.param(options))


@pytest.fixture
def five(serve):
    """A connection of Socket.IO 5 that has joined nothing."""
    return opened(serve(), Wire('4'))


@pytest.fixture
def member(five):
    """The same, in the main namespace."""
    five.send('40')
    assert five.receive().startswith('40{')
    assert five.receive() == '42["auth",{}]'
    return five


@pytest.mark.parametrize(('packet', 'head', 'auth'), [
    ('40', '40', '42["auth",{}]'),
    ('40{"token":"123"}', '40', '42["auth",{"token":"123"}]'),
    ('40/custom,', '40/custom,', '42/custom,["auth",{}]'),
    ('40/custom', '40/custom,', '42/custom,["auth",{}]'),
    ('40/custom,{"token":"abc"}', '40/custom,', '42/custom,["auth",{"token":"abc"}]'),
])
def test_joining(five, packet, head, auth):
    five.send(packet)
    answer = five.receive()
    assert answer.startswith(head + '{')
    accepted = json.loads(answer[len(head):])
    assert list(accepted) == ['sid'] and isinstance(accepted['sid'], str)
    assert accepted['sid'] != five.hello['sid']
    assert five.receive() == auth


@pytest.mark.parametrize('packet', ['40/random', '40/random,', '40/random,{"token":"123"}'])
def test_joining_what_is_not_there(five, packet):
    five.send(packet)
    assert five.receive() == '44/random,{"message":"Invalid namespace"}'
    five.send('40')
    assert five.receive().startswith('40{')


@pytest.mark.parametrize('packet', ['4abc', '4', '49', '42["message"]', '43[1]'])
def test_something_else_than_joining(five, packet):
    five.send(packet)
    assert ended(five)


def test_joining_nothing(serve):
    server = serve(connect_timeout=0.1)
    started = time.monotonic()
    assert ended(opened(server, Wire('4')))
    assert time.monotonic() - started > 0.09
    assert not server.sessions


def test_who_has_joined_in_time_stays(serve):
    server = serve(connect_timeout=0.3, ping_interval=0.5, ping_timeout=TIMEOUT)
    websocket = opened(server, Wire('4'))
    websocket.send('40/custom,')
    websocket.receive()
    websocket.receive()
    assert websocket.receive() == '2'


def test_leaving_the_main_namespace_keeps_the_connection(serve):
    server = serve(ping_interval=0.3, ping_timeout=TIMEOUT)
    websocket = opened(server, Wire('4'))
    websocket.send('40')
    websocket.receive()
    assert websocket.receive() == '42["auth",{}]'
    websocket.send('41')
    assert websocket.receive() == '2'  # no answer, and the heart goes on beating


def test_leaving_a_namespace_keeps_the_others(member):
    member.send('40/custom')
    assert member.receive().startswith('40/custom,{')
    assert member.receive() == '42/custom,["auth",{}]'
    member.send('41/custom')
    member.send('42["message","message to main namespace"]')
    assert member.receive() == '42["message-back","message to main namespace"]'


@pytest.mark.parametrize(('packet', 'answer'), [
    ('42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'),
    ('42["message"]', '42["message-back"]'),
    ('42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'),
    ('420["message-with-ack"]', '430[]'),
])
def test_text_messages(member, packet, answer):
    member.send(packet)
    assert member.receive() == answer


@pytest.mark.parametrize(('packet', 'answer'), [
    (f'452-["message",{PLACES}]', f'452-["message-back",{PLACES}]'),
    (f'452-789["message-with-ack",{PLACES}]', f'462-789[{PLACES}]'),
])
def test_messages_with_attachments(member, packet, answer):
    for part in (packet, *ATTACHMENTS):
        member.send(part)
    assert (member.receive(), member.receive(), member.receive()) == (answer, *ATTACHMENTS)


def test_the_server_asks(member):
    member.send('42["ask",1,"2",{"3":[true]}]')
    question = member.receive()
    id = question[2:question.index('[')]
    assert question == f'42{id}["question",1,"2",{{"3":[true]}}]' and id.isdigit()
    member.send(f'43{id}[1,"2",{{"3":[true]}}]')
    assert member.receive() == '42["told",1,"2",{"3":[true]}]'


def test_the_server_asks_with_attachments(member):
    for part in (f'452-["ask",{PLACES}]', *ATTACHMENTS):
        member.send(part)
    question = member.receive()
    id = question[4:question.index('[')]
    assert question == f'452-{id}["question",{PLACES}]' and id.isdigit()
    assert (member.receive(), member.receive()) == ATTACHMENTS
    for part in (f'462-{id}[{PLACES}]', *ATTACHMENTS):
        member.send(part)
    assert member.receive() == f'452-["told",{PLACES}]'
    assert (member.receive(), member.receive()) == ATTACHMENTS


@pytest.mark.parametrize('packet', [
    '4abc', '42{}', '42abc["message-with-ack",1,"2",{"3":[false]}]',
])
def test_malformed_packets_end_the_connection(member, packet):
    member.send(packet)
    assert ended(member)


# -- Socket.IO 4, over Engine.IO 3 ----------------------------------------------------------------


@pytest.fixture
def four(serve):
    """A connection of Socket.IO 4, which is in the main namespace from the start."""
    websocket = opened(serve(), Wire('3'))
    assert websocket.receive() == '40'
    assert websocket.receive() == '42["auth",{}]'
    return websocket


def test_revision_4_joins_another_namespace(four):
    four.send('40/custom,')
    assert four.receive() == '40/custom,'
    assert four.receive() == '42/custom,["auth",{}]'
    four.send('41/custom,')
    four.send('42["message","message to main namespace"]')
    assert four.receive() == '42["message-back","message to main namespace"]'


def test_revision_4_leaves_the_main_namespace_and_keeps_the_connection(four):
    four.send('41')
    four.send('42["message","lost"]')
    four.send('2')
    assert four.receive() == '3'


@pytest.mark.parametrize(('packet', 'answer'), [
    (f'452-["message",{PLACES}]', f'452-["message-back",{PLACES}]'),
    (f'452-789["message-with-ack",{PLACES}]', f'462-789[{PLACES}]'),
])
def test_revision_4_sends_attachments(four, packet, answer):
    attachments = [b'\4' + data for data in ATTACHMENTS]
    for part in (packet, *attachments):
        four.send(part)
    assert [four.receive() for _ in range(3)] == [answer, *attachments]


@pytest.mark.parametrize('packet', [
    '4abc', '42{}', '42abc["message-with-ack",1,"2",{"3":[false]}]',
])
def test_malformed_packets_of_revision_4_end_the_connection(four, packet):
    four.send(packet)
    assert ended(four)

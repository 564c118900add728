"""Engine.IO 3 with Socket.IO 4 over real sockets: what differs from the fourth revision."""

from __future__ import annotations

import json

import pytest

from geventio import ConnectionRefusedError, Server

from ..waiting import until

POLLING = {'EIO': '3', 'transport': 'polling'}
WEBSOCKET = {'EIO': '3', 'transport': 'websocket'}
TIMEOUT = 5


@pytest.fixture
def chat(host):
    """A server whose handlers answer what they get."""
    def start(**options):
        owner = Server(**options)
        owner.reasons = []
        owner.on('echo', lambda sid, *args: args)
        owner.on('say', lambda sid, *args: owner.emit('said', args, to=sid))
        owner.on('disconnect', lambda sid, reason: owner.reasons.append(reason))
        owner.on('echo', lambda sid, *args: (sid, *args), namespace='/chat')
        owner.on('connect', _admit, namespace='/members')
        return host(owner)

    def _admit(sid, environ, auth):
        if auth is None:
            raise ConnectionRefusedError('who are you?')
        if auth.get('token') != '1':
            raise ConnectionRefusedError('no', {'x': 1})

    return start


def strings(body):
    """A string payload as packets."""
    text, packets = body.decode(), []
    while text:
        length, _, rest = text.partition(':')
        packets.append(rest[:int(length)])
        text = rest[int(length):]
    return packets


def open_polling(server, **query):
    body = server.request(**{**POLLING, **query}).body
    return json.loads(strings(body)[0][1:])['sid'], strings(body)[1:]


@pytest.mark.parametrize('eio', ['3', '2'])
def test_polling_joins_the_main_namespace_by_itself(chat, eio):
    server = chat()
    sid, more = open_polling(server, EIO=eio)
    assert more == ['40']
    assert list(server.owner.namespaces['/'].rooms.sockets) == [sid]


def test_websocket_joins_the_main_namespace_by_itself(chat):
    websocket = chat().websocket(**WEBSOCKET)
    assert websocket.receive().startswith('0{"sid":')
    assert websocket.receive() == '40'


def test_string_payload(chat):
    server = chat()
    sid, _ = open_polling(server)
    assert server.request('POST', b'13:420["echo",1]13:421["echo",2]', sid=sid,
                          **POLLING).body == b'ok'
    answer = server.request(sid=sid, **POLLING)
    assert strings(answer.body) == ['430[1]', '431[2]']
    assert answer.headers['content-type'] == 'text/plain; charset=UTF-8'


@pytest.mark.parametrize(
    'body', [
        '15:420["echo","€"]'.encode(),  # 2.x: UTF-16 units
        b'17:420["echo","\xc3\xa2\xc2\x82\xc2\xac"]',  # 1.x: UTF-8 twice
    ], ids=['2.x', '1.x'])
def test_text_that_is_not_ascii(chat, body):
    server = chat()
    sid, _ = open_polling(server)
    assert server.request('POST', body, sid=sid, **POLLING).body == b'ok'
    answer = server.request(sid=sid, **POLLING)
    assert answer.headers['content-type'] == 'application/octet-stream'
    assert answer.body == b'\x00\x01\x00\xff' + '430["€"]'.encode()


def test_text_for_a_client_without_binary_is_ascii(chat):
    server = chat()
    sid, _ = open_polling(server, b64='1')
    server.request('POST', '15:420["echo","€"]'.encode(), sid=sid, **POLLING)
    answer = server.request(sid=sid, **POLLING)
    assert strings(answer.body) == ['430["\\u20ac"]']


def test_binary_payload_both_ways(chat):
    server = chat()
    sid, _ = open_polling(server)
    event = b'451-["say",{"_placeholder":true,"num":0}]'
    body = bytes([0, 4, 1, 255]) + event + bytes([1, 4, 255]) + b'\x04\1\2\3'
    server.request('POST', body, sid=sid, **POLLING,
                   headers=[('Content-Type', 'application/octet-stream')])
    answer = server.request(sid=sid, **POLLING)
    said = b'451-["said",{"_placeholder":true,"num":0}]'
    assert answer.headers['content-type'] == 'application/octet-stream'
    assert answer.body == bytes([0, 4, 2, 255]) + said + bytes([1, 4, 255]) + b'\x04\1\2\3'


def test_binary_as_base64(chat):
    server = chat()
    sid, _ = open_polling(server, b64='1')
    server.request('POST', b'41:451-["say",{"_placeholder":true,"num":0}]6:b4AQID', sid=sid,
                   **POLLING)
    answer = server.request(sid=sid, **POLLING)
    assert strings(answer.body) == ['451-["said",{"_placeholder":true,"num":0}]', 'b4AQID']


@pytest.mark.parametrize('b64', ['0', '1'])
def test_binary_over_websocket(chat, b64):
    websocket = chat().websocket(b64=b64, **WEBSOCKET)
    websocket.receive()
    websocket.receive()
    websocket.send('451-["say",{"_placeholder":true,"num":0}]')
    websocket.send('b4AQID' if b64 == '1' else b'\x04\1\2\3')
    assert websocket.receive() == '451-["said",{"_placeholder":true,"num":0}]'
    assert websocket.receive() == ('b4AQID' if b64 == '1' else b'\x04\1\2\3')


def test_binary_frame_without_its_type(chat):
    server = chat()
    websocket = server.websocket(**WEBSOCKET)
    websocket.send(b'\x05\1')
    assert websocket.receive_until_closed()[1][0] == 1002
    assert not server.sessions


@pytest.mark.parametrize('body', [b'5:4a', b'x', b'1:', b'-1:4', b'2:9x', b'99999999999:4'])
def test_broken_string_payload(chat, body):
    server = chat()
    sid, _ = open_polling(server)
    assert server.request('POST', body, sid=sid, **POLLING).body == b'ok'
    assert server.request(sid=sid, **POLLING).json['code'] == 1
    assert server.owner.reasons == ['parse error']


# -- heartbeat ----------------------------------------------------------------------------------


def test_client_pings(chat):
    websocket = chat().websocket(**WEBSOCKET)
    websocket.receive()
    websocket.receive()
    websocket.send('2')
    assert websocket.receive() == '3'
    websocket.send('2probe')
    assert websocket.receive() == '3'


def test_client_that_does_not_ping(chat):
    server = chat(ping_interval=0.1, ping_timeout=0.1)
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive_until_closed()
    assert server.owner.reasons == ['ping timeout']
    assert not server.sessions


def test_pong_from_a_client(chat):
    server = chat()
    websocket = server.websocket(**WEBSOCKET)
    websocket.send('3')
    websocket.receive_until_closed()
    assert server.owner.reasons == ['transport error']


# -- upgrade ------------------------------------------------------------------------------------


def test_upgrade(chat):
    server = chat()
    sid, _ = open_polling(server)
    reads = server.connection()
    reads.send('GET', server.target(sid=sid, **POLLING))
    websocket = server.websocket(sid=sid, **WEBSOCKET)
    websocket.send('2probe')
    assert websocket.receive() == '3probe'
    assert reads.receive().body == b'1:6'
    server.request('POST', b'13:420["echo",1]', sid=sid, **POLLING)
    websocket.send('5')
    assert websocket.receive() == '430[1]'
    websocket.send('2')
    assert websocket.receive() == '3'


# -- namespaces ---------------------------------------------------------------------------------


@pytest.fixture
def client(chat):
    websocket = chat().websocket(**WEBSOCKET)
    websocket.sid = json.loads(websocket.receive()[1:])['sid']
    assert websocket.receive() == '40'
    return websocket


def test_namespace(client):
    client.send('40/chat,')
    assert client.receive() == '40/chat,'
    client.send('42/chat,7["echo","x"]')
    assert client.receive() == f'43/chat,7["/chat#{client.sid}","x"]'


def test_query_takes_the_place_of_auth(client):
    client.send('40/members?token=1,')
    assert client.receive() == '40/members,'


@pytest.mark.parametrize(
    ('packet', 'answer'),
    [
        ('40/unknown,', '44/unknown,"Invalid namespace"'),
        ('40/members,', '44/members,"who are you?"'),
        ('40/members?token=2,', '44/members,{"x":1}'),
    ],
)
def test_refused(client, packet, answer):
    client.send(packet)
    assert client.receive() == answer
    client.send('420["echo"]')  # the connection stays usable
    assert client.receive() == '430[]'


@pytest.mark.parametrize('query', ['sid=a&sid=b', 'a=1&a=2', '=&&=', '%zz'])
def test_odd_queries(client, query):
    client.send(f'40/chat?{query},')
    assert client.receive() == '40/chat,'


def test_query_of_too_many_fields_ends_the_connection(client):
    client.send('40/chat?' + 'a&' * 1000 + ',')
    assert client.receive_until_closed()[1] == (1008, 'too many query fields')


def test_second_connect_ends_the_connection(client):
    client.send('40/chat,')
    client.send('40/chat,')
    assert client.receive() == '40/chat,'
    assert client.receive_until_closed()[1][0] == 1008


def test_packets_for_other_namespaces_are_ignored(client):
    client.send('42/nowhere,["echo"]')
    client.send('41/nowhere,')
    client.send('420["echo"]')
    assert client.receive() == '430[]'


def test_refused_at_the_door(host):
    owner = Server()
    owner.on('connect', lambda sid, environ: False)
    server = host(owner)
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    assert websocket.receive() == '44"Connection rejected by server"'
    until(lambda: not owner.namespaces['/'].rooms.sockets)


def test_a_refused_client_does_not_stay_for_ever(host):
    owner = Server(connect_timeout=0.1)
    owner.on('connect', lambda sid, environ: False)
    server = host(owner)
    websocket = server.websocket(**WEBSOCKET)
    messages, close = websocket.receive_until_closed()
    assert messages[1:] == ['44"Connection rejected by server"']
    assert close == (1008, 'no namespace joined in time')
    assert not server.sessions

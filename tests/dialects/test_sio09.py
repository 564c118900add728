"""Socket.IO 0.9: handshake, origins, acks, endpoints, and how a connection ends."""

from __future__ import annotations

import json
import re

import gevent
import pytest
from gevent.event import AsyncResult, Event

from geventio import ConfigError, NotConnectedError
from geventio.dialects import sio09
from geventio.errors import ConnectionRefusedError

from ..sio09 import (
    Owner,
    Page,
    Poller,
    connected,
    empty,
    handshake,
    payload,
    sid_of,
    websocket,
)
from ..waiting import until

TIMEOUT = 5


@pytest.fixture
def serve(serve_both_ways):
    return lambda owner=None, **options: serve_both_ways(owner or Owner(**options))


@pytest.fixture
def server(serve):
    return serve()


# -- handshake ------------------------------------------------------------------------------------


def test_handshake(server):
    response = handshake(server)
    assert response.status == 200
    assert response.headers['content-type'] == 'text/plain; charset=UTF-8'
    assert re.fullmatch(rb'[A-Za-z0-9_-]{20}:45:60:websocket,htmlfile,xhr-polling,jsonp-polling',
                        response.body)
    assert len({sid_of(server) for _ in range(100)}) == 100


@pytest.mark.parametrize('path', ['/socket.io/1', '/socket.io/1/', '/socket.io/1/?t=1&x=%20'])
def test_handshake_urls(server, path):
    assert server.connection().request('GET', path).status == 200


@pytest.mark.parametrize(('options', 'line'), [
    ({'transports': 'websocket'}, '45:60:websocket'),
    ({'transports': 'polling'}, '45:60:htmlfile,xhr-polling,jsonp-polling'),
    ({'transports': 'websocket', 'flash_policy_port': 10843}, '45:60:websocket,flashsocket'),
    ({'transports': 'websocket', 'ping_interval': 0.2, 'ping_timeout': 1}, '2:60:websocket'),
    # A client gives up when it hears nothing for the second time.
    ({'transports': 'websocket', 'disconnect_delay': 10}, '45:45:websocket'),
    ({'transports': 'websocket', 'disconnect_delay': 90.5}, '45:91:websocket'),
    ({'transports': 'websocket', 'polling_duration': 50}, '45:70:websocket'),
])
def test_what_a_handshake_announces(host, options, line):
    assert handshake(host(Owner(**options))).body.decode().partition(':')[2] == line


def test_handshake_by_jsonp(server):
    response = handshake(server, '&jsonp=12')
    assert response.headers['content-type'] == 'application/javascript'
    assert re.fullmatch(rb'io\.j\[12\]\("[A-Za-z0-9_-]{20}:45:60:[a-z,-]+"\);', response.body)


@pytest.mark.parametrize('index', ['', 'x', '1x', '%3Cscript%3E', '%D9%A3'])
def test_a_callback_without_a_number_is_ignored(server, index):
    response = handshake(server, f'&jsonp={index}')
    assert response.headers['content-type'] == 'text/plain; charset=UTF-8'
    assert response.body.count(b':') == 3


def test_handlers_see_the_request_of_the_handshake(server):
    handshake(server, '&token=a%20b', headers=[('X-Board', 'esp32')])
    environ = server.owner.get_environ(server.owner.sids[0])
    assert environ['QUERY_STRING'] == 't=1&token=a%20b'
    assert environ['HTTP_X_BOARD'] == 'esp32'


@pytest.mark.parametrize(('path', 'status', 'body'), [
    ('/socket.io/2/', 500, b'Protocol version not supported.'),
    ('/socket.io/0/xhr-polling/x', 500, b'Protocol version not supported.'),
    ('/socket.io/1/xhr-polling', 404, b'no such URL'),
    ('/socket.io/1/xhr-polling/a/b', 404, b'no such URL'),
    ('/socket.io/1/xhr-multipart/a', 404, b'unknown transport'),
    ('/socket.io/1//a', 404, b'unknown transport'),
    ('/socket.io/1/websocket/a', 400, b'Upgrade header lacks websocket'),
])
def test_wrong_urls(server, path, status, body):
    response = server.connection().request('GET', path)
    assert (response.status, response.body) == (status, body)
    assert not server.sessions


@pytest.mark.parametrize('path', ['/socket.io/1x/', '/socket.io/x/1/', '/socket.io/'])
def test_other_paths_are_not_its_own(server, path):
    response = server.connection().request('GET', path)
    assert b'Protocol version' not in response.body and b'xhr-polling' not in response.body
    assert response.status in (400, 404)


@pytest.mark.parametrize(('method', 'path'), [
    ('HEAD', '/socket.io/1/'), ('POST', '/socket.io/1/'), ('HEAD', '/socket.io/1/xhr-polling/x'),
    ('PUT', '/socket.io/1/xhr-polling/x')])
def test_wrong_methods(server, method, path):
    assert server.connection().request(method, path).status == 405
    assert not server.sessions


def test_transports_that_are_off(host):
    server = host(Owner(transports='websocket'))
    sid = sid_of(server)
    for path in ('xhr-polling', 'jsonp-polling', 'htmlfile'):
        response = server.connection().request('GET', f'/socket.io/1/{path}/{sid}')
        assert (response.status, response.body) == (404, b'polling is not served here')
    server = host(Owner(transports='polling'))
    assert websocket(server).response.status_code == 404


def test_what_is_off_is_not_there(host):
    assert handshake(host(Owner(dialects=['eio4']))).status == 404


def test_it_needs_the_default_serializer():
    with pytest.raises(ConfigError):
        Owner(serializer='msgpack')


def test_another_path(host):
    server = host(Owner(path='/live/io'))
    response = server.connection().request('GET', '/live/io/1/')
    assert response.status == 200
    sid = response.body.decode().split(':')[0]
    response = server.connection().request('GET', f'/live/io/1/xhr-polling/{sid}')
    assert response.body == b'1::'


# -- the connect handler --------------------------------------------------------------------------


@pytest.mark.parametrize('refuse', ['false', 'error', 'crash'])
def test_a_client_that_is_refused(serve, refuse, caplog):
    owner = Owner()

    def decide(sid, environ):
        if refuse == 'error':
            raise ConnectionRefusedError('log in first')
        if refuse == 'crash':
            raise ZeroDivisionError
        return False

    owner.on('connect', decide)
    server = serve(owner)
    response = handshake(server)
    assert (response.status, response.body) == (403, b'handshake unauthorized')
    response = handshake(server, '&jsonp=0')
    assert (response.status, response.body) == (
        200, b'io.j[0](new Error("handshake unauthorized"));')
    assert response.headers['content-type'] == 'application/javascript'
    assert empty(server)


def test_the_handshake_waits_for_the_connect_handler(serve):
    owner = Owner()
    decided, asked = AsyncResult(), Event()

    def decide(sid, environ):
        owner.enter_room(sid, 'early')
        owner.emit('hello', {'a': 1}, to='early')
        asked.set()
        return decided.get()

    owner.on('connect', decide)
    server = serve(owner)
    answer = gevent.spawn(handshake, server)
    assert asked.wait(TIMEOUT)
    # Its id is known to nobody, and is no use to anybody.
    sid = next(iter(server.sessions))
    assert Poller(server, sid=sid).hear() == '7:::1+0'
    assert websocket(server, sid).receive_until_closed() == (['7:::1+0'], (1000, ''))
    assert not answer.ready()
    decided.set(True)
    assert answer.get(timeout=TIMEOUT).body.decode().startswith(sid)
    assert Poller(server, sid=sid).poll().body == payload(
        '1::', '5:::{"name":"hello","args":[{"a":1}]}')


def test_a_client_that_leaves_before_it_is_let_in(serve):
    owner = Owner()
    decided, asked = AsyncResult(), Event()

    def decide(sid, environ):
        asked.set()
        return decided.get()

    owner.on('connect', decide)
    server = serve(owner)
    connection = server.connection()
    connection.send('GET', '/socket.io/1/')
    assert asked.wait(TIMEOUT)
    connection.close()
    until(lambda: not server.sessions)
    decided.set(True)
    assert empty(server)


def test_a_connect_handler_that_takes_too_long(serve):
    owner = Owner(polling_duration=0.1)
    decided = AsyncResult()
    owner.on('connect', lambda sid, environ: decided.get())
    server = serve(owner)
    response = handshake(server)
    assert (response.status, response.body) == (500, b'handshake error')
    until(lambda: not server.sessions)
    decided.set(True)
    assert empty(server)


def test_a_connect_handler_that_disconnects(serve):
    owner = Owner()
    owner.on('connect', lambda sid, environ: owner.disconnect(sid))
    server = serve(owner)
    assert handshake(server).status == 500
    assert empty(server)


def test_shutting_down_answers_handshakes(serve):
    owner = Owner()
    decided, asked = AsyncResult(), Event()

    def decide(sid, environ):
        asked.set()
        return decided.get()

    owner.on('connect', decide)
    server = serve(owner)
    answer = gevent.spawn(handshake, server)
    assert asked.wait(TIMEOUT)
    owner.shutdown()
    assert answer.get(timeout=TIMEOUT).status == 500
    decided.set(True)
    assert empty(server)


def test_a_handshake_that_is_not_used(server, monkeypatch):
    assert sio09.HANDSHAKE_TIMEOUT == 30
    monkeypatch.setattr(sio09, 'HANDSHAKE_TIMEOUT', 0.1)
    sid = sid_of(server)
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert Poller(server, sid=sid).hear() == '7:::1+0'
    assert empty(server)


def test_a_handshake_that_is_used_lives_on(server, monkeypatch):
    monkeypatch.setattr(sio09, 'HANDSHAKE_TIMEOUT', 0.2)
    client = Poller(server).begin()
    gevent.sleep(0.5)
    assert client.sid in server.sessions


def test_too_many_connections(serve):
    server = serve(max_connections=1)
    sid = sid_of(server)
    response = handshake(server)
    assert (response.status, response.headers['retry-after']) == (503, '5')
    assert handshake(server, '&jsonp=3').body == b'io.j[3](new Error("Too many connections"));'
    client = websocket(server, sid)  # has its place already
    assert client.receive() == '1::'


# -- origins --------------------------------------------------------------------------------------

EVIL = [('Origin', 'http://evil.example')]
PAGE = [('Origin', 'http://page.example')]


def test_foreign_origins(server):
    response = handshake(server, headers=EVIL)
    assert (response.status, response.body) == (403, b'handshake bad origin')
    assert handshake(server, '&jsonp=1', headers=EVIL).body == (
        b'io.j[1](new Error("handshake bad origin"));')
    assert not server.sessions
    client = Poller(server)
    for method, body in (('GET', b''), ('POST', b'3:::hi')):
        response = server.connection().request(method, client.path, body, headers=EVIL)
        assert (response.status, response.body) == (403, b'origin not allowed')
        assert 'access-control-allow-origin' not in response.headers
    assert websocket(server, client.sid, headers=EVIL).response.status_code == 403
    client.begin()  # nobody took what was its own
    assert server.owner.events == []


def test_allowed_origins(serve):
    server = serve(cors_allowed_origins='http://page.example')
    response = handshake(server, headers=PAGE)
    assert response.headers['access-control-allow-origin'] == 'http://page.example'
    assert response.headers['access-control-allow-credentials'] == 'true'
    client = Poller(server, headers=PAGE)
    for response in (client.poll(), client.say('3:::hi')):
        assert response.status == 200
        assert response.headers['access-control-allow-origin'] == 'http://page.example'
        assert response.headers['access-control-allow-credentials'] == 'true'
    assert response.headers['x-xss-protection'] == '0'


# -- acknowledgements -----------------------------------------------------------------------------


@pytest.mark.parametrize(('packet', 'answer'), [
    ('3:1::hi', '6:::1'),
    ('4:2::{"a":1}', '6:::2'),
    ('5:3::{"name":"ask"}', '6:::3'),
    ('5:4::{"name":"nobody handles this"}', '6:::4'),
    ('5:5+::{"name":"ask","args":[1]}', '6:::5+["ok",1]'),
    ('5:6+::{"name":"ev"}', '6:::6'),
    ('3:999999999999999::hi', '6:::999999999999999'),
])
def test_acks_for_the_client(server, packet, answer):
    client = connected(server)
    client.send(packet)
    assert client.receive() == answer


def test_no_answer_where_no_handler_gives_one(server, caplog):
    server.owner.on('crash', lambda sid: 1 / 0)
    client = connected(server)
    client.send('5:1+::{"name":"nobody handles this"}')
    client.send('5:2+::{"name":"crash"}')
    client.send('3:3::after')
    assert client.receive() == '6:::3'


def test_acks_in_a_namespace(server):
    client = connected(server)
    client.send('3:1:/chat:lost')  # it is not in there
    client.send('1::/chat')
    assert client.receive() == '1::/chat'
    client.send('5:7+:/chat:{"name":"ask"}')
    assert client.receive() == '6::/chat:7+["ok",1]'
    client.send('3:8:/chat:hi')
    assert client.receive() == '6::/chat:8'


def test_acks_from_the_client(server):
    client = connected(server)
    owner, sid = server.owner, server.owner.sids[0]
    got = []
    owner.emit('ev', 'x', to=sid, callback=lambda *values: got.append(values))
    packet = client.receive()
    id = re.fullmatch(r'5:(\d+)\+::\{"name":"ev","args":\["x"\]\}', packet)[1]
    client.send(f'6:::{id}+["A",{{"b":1}}]')
    until(lambda: got == [('A', {'b': 1})])
    client.send(f'6:::{id}+["again"]')  # nobody asks any more
    owner.send('text', to=sid, callback=lambda *values: got.append(values))
    id = re.fullmatch(r'3:(\d+)::text', client.receive())[1]
    client.send(f'6:::{id}')
    until(lambda: got == [('A', {'b': 1}), ()])
    answer = gevent.spawn(owner.call, 'ask', (1, 2), to=sid)
    id = re.match(r'5:(\d+)\+::', client.receive())[1]
    client.send(f'6:::{id}+[["ok"]]')
    assert answer.get(timeout=TIMEOUT) == ['ok']
    answer = gevent.spawn(owner.call, 'ask', to=sid)
    client.receive()
    client.close()
    with pytest.raises(NotConnectedError):
        answer.get(timeout=TIMEOUT)


# -- namespaces -----------------------------------------------------------------------------------


def test_a_namespace(server):
    client = connected(server)
    client.send('1::/chat')
    assert client.receive() == '1::/chat'
    assert server.owner.sids == [next(iter(server.sessions))] * 2  # one id for all
    sid = server.owner.sids[0]
    client.send('5::/chat:{"name":"ev","args":[1]}')
    until(lambda: server.owner.events == [('ev', 1)])
    server.owner.emit('inchat', namespace='/chat', to=sid)
    assert client.receive() == '5::/chat:{"name":"inchat","args":[]}'
    server.owner.send('hi', namespace='/chat')
    assert client.receive() == '3::/chat:hi'
    client.send('1::/chat')  # again: nothing happens
    client.send('0::/chat')
    until(lambda: server.owner.reasons == ['client namespace disconnect'])
    client.send('5::/chat:{"name":"ev","args":[2]}')
    client.send('1::/chat')
    assert client.receive() == '1::/chat'
    server.owner.disconnect(sid, namespace='/chat')
    assert client.receive() == '0::/chat'
    client.send('3:1::here')
    assert client.receive() == '6:::1'
    assert ('ev', 2) not in server.owner.events


@pytest.mark.parametrize(('packet', 'auth'), [
    ('1::/chat?my=param&b=%20', {'my': 'param', 'b': ' '}), ('1::/chat:?my=param', {'my': 'param'}),
    ('1::/chat', None), ('1::/chat?', None)])
def test_the_query_of_an_endpoint_takes_the_place_of_auth(server, packet, auth):
    client = connected(server)
    client.send(packet)
    assert client.receive() == '1::/chat'
    assert server.owner.auths == [None, auth]


@pytest.mark.parametrize('endpoint', ['/nowhere', 'chat', '/a,b', '/' + 'x' * 10_000])
def test_namespaces_that_are_not_there(server, endpoint):
    client = connected(server)
    client.send('1::' + endpoint)
    assert client.receive() == f'7::{endpoint}:2'


def test_a_namespace_that_refuses(serve):
    owner = Owner()
    owner.on('connect', lambda sid, environ: False, namespace='/priv')
    owner.on('ev', lambda sid: owner.events.append('never'), namespace='/priv')
    server = serve(owner)
    client = connected(server)
    client.send('1::/priv')
    client.send('5::/priv:{"name":"ev"}')
    assert client.receive() == '7::/priv:2'
    client.send('3:1::here')
    assert client.receive() == '6:::1'
    assert 'never' not in owner.events


def test_events_wait_for_the_namespace_to_decide(serve):
    owner = Owner()
    decided = AsyncResult()
    owner.on('connect', lambda sid, environ: decided.get(), namespace='/chat')
    server = serve(owner)
    client = connected(server)
    for packet in ('1::/chat', '5:1+:/chat:{"name":"ask","args":[1]}',
                   '5::/chat:{"name":"ev","args":[2]}', '5:2+::{"name":"ask","args":[3]}'):
        client.send(packet)
    until(lambda: len(next(iter(server.sessions.values())).upper._early) == 3)
    assert owner.events == []
    decided.set(True)
    assert [client.receive() for _ in range(3)] == [
        '1::/chat', '6::/chat:1+["ok",1]', '6:::2+["ok",1]']
    assert owner.events == [('ask', 1), ('ev', 2), ('ask', 3)]


def test_what_waits_for_a_namespace_is_bounded(serve, caplog):
    owner, decided = Owner(max_waiting_size=100), Event()
    owner.on('connect', lambda sid, environ: decided.wait(TIMEOUT), namespace='/chat')
    server = serve(owner)
    client = connected(server)
    client.send('1::/chat')
    client.send('3::/chat:' + 'x' * 101)
    assert client.receive_until_closed()[1] == (1008, 'too many events')
    assert 'max_waiting_size' in caplog.text
    decided.set()


def test_too_many_namespaces(serve):
    server = serve(max_namespaces=2, namespaces='*')
    client = connected(server)
    client.send('1::/a')
    assert client.receive() == '1::/a'
    client.send('1::/b')
    assert client.receive_until_closed()[1] == (1008, 'too many namespaces joined')
    poller = Poller(server).begin()
    assert poller.say('1::/a').body == b'1'
    response = poller.say('1::/b')
    assert (response.status, response.body) == (400, b'too many namespaces joined')
    assert poller.hear() == '1::/a'


def test_rooms(server):
    first, second, third = (connected(server) for _ in range(3))
    owner = server.owner
    for sid in owner.sids[:2]:
        owner.enter_room(sid, 'room')
    owner.emit('ev', 1, to='room', skip_sid=owner.sids[0])
    owner.emit('ev', 2)
    assert [json.loads(client.receive()[4:])['args'] for client in (first, second, second, third)
            ] == [[2], [1], [2], [2]]


def test_bytes_are_base64(server):
    client = connected(server)
    server.owner.emit('ev', (b'\1\2\3', {'x': b''}))
    assert client.receive() == '5:::{"name":"ev","args":["AQID",{"x":""}]}'


# -- ends -----------------------------------------------------------------------------------------


def test_the_server_disconnects_a_websocket(server):
    client = connected(server)
    client.send('1::/chat')
    assert client.receive() == '1::/chat'
    sid = server.owner.sids[0]
    server.owner.emit('bye', to=sid)
    server.owner.disconnect(sid)
    messages, (code, _) = client.receive_until_closed()
    assert messages == ['5:::{"name":"bye","args":[]}', '0::'] and code == 1000
    assert sorted(server.owner.reasons) == ['forced server close', 'server namespace disconnect']
    assert empty(server)


def test_the_server_closes_the_connection_of_a_namespace(server):
    client = connected(server)
    client.send('1::/chat')
    assert client.receive() == '1::/chat'
    server.owner.disconnect(server.owner.sids[0], namespace='/chat', close=True)
    assert client.receive_until_closed()[0] == ['0::/chat', '0::']
    assert empty(server)


def test_the_server_disconnects_a_poll(server):
    client = Poller(server).begin()
    waiting = client.hold()
    server.owner.disconnect(client.sid)
    assert waiting.get(timeout=TIMEOUT) == '0::'
    assert client.hear() == '7:::1+0'
    assert empty(server)


def test_the_server_disconnects_between_two_polls(serve):
    server = serve(close_timeout=0.5)
    client, late = Poller(server).begin(), Poller(server).begin()
    for poller in (client, late):
        server.owner.emit('bye', to=poller.sid)
        server.owner.disconnect(poller.sid)
    until(lambda: not server.sessions)
    assert client.poll().body == payload('5:::{"name":"bye","args":[]}', '0::')
    assert client.hear() == '7:::1+0'
    door = server.owner.gateway.doors.find('/socket.io/1/')
    until(lambda: not door.last_words)
    assert late.hear() == '7:::1+0'


def test_the_server_disconnects_before_the_first_transport(server):
    polls, opens = sid_of(server), sid_of(server)
    for sid in (polls, opens):
        server.owner.disconnect(sid)
    until(lambda: not server.sessions)
    assert Poller(server, sid=polls).poll().body == payload('1::', '0::')
    assert websocket(server, opens).receive_until_closed() == (['0::'], (1000, ''))
    assert websocket(server, opens).receive_until_closed() == (['7:::1+0'], (1000, ''))
    assert empty(server)


def test_a_client_disconnects_over_polling(server):
    client = Poller(server).begin()
    client.say('1::/chat')
    assert client.hear() == '1::/chat'
    waiting = client.hold()
    assert client.say('0::').body == b'1'
    assert waiting.get(timeout=TIMEOUT) == '8::'
    assert server.owner.reasons == ['client namespace disconnect'] * 2
    assert empty(server)


@pytest.mark.parametrize('path', ['xhr-polling/{}?disconnect=1', '/{}/?disconnect=1',
                                  'websocket/{}/?t=2&disconnect=1'])
def test_a_page_that_is_left(server, path):
    client = Poller(server).begin()
    waiting = client.hold()
    response = server.connection().request('GET', '/socket.io/1/' + path.format(client.sid))
    assert (response.status, response.body) == (200, b'')
    assert waiting.get(timeout=TIMEOUT) == '8::'
    assert server.owner.reasons == ['transport close']
    response = server.connection().request('GET', '/socket.io/1/' + path.format(client.sid))
    assert (response.status, response.body) == (200, b'')
    assert empty(server)


def test_shutting_down(server):
    poller, page, socket = Poller(server).begin(), Page(server), connected(server)
    page.until(b'1::");</script>')
    waiting = poller.hold()
    server.owner.shutdown()
    assert waiting.get(timeout=TIMEOUT) == '8::'  # no disconnect: they are to come back
    assert socket.receive_until_closed() == ([], (1001, 'server shutting down'))
    assert handshake(server).status == 503
    assert empty(server)


def test_keep_alive_mixes_everything(host):
    def app(environ, start_response):
        start_response('200 OK', [('Content-Length', '5')])
        return [b'hello']

    server = host(Owner(app))
    connection = server.connection()
    sid = sid_of(server)
    for body in (b'1::', b'7:::1+0'):
        assert connection.request('GET', f'/socket.io/1/xhr-polling/{sid}').body == body
        assert connection.request('GET', '/other').body == b'hello'
        assert connection.request('POST', f'/socket.io/1/xhr-polling/{sid}', b'0::').body == b'1'
        assert connection.request('GET', server.target(EIO='4', transport='polling')).status == 200

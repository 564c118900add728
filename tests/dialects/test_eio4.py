"""Engine.IO 4 over real sockets: polling, JSONP, WebSocket, the upgrade, heartbeats, the end."""

from __future__ import annotations

import gzip
import json
import re
import zlib

import pytest
from gevent.event import AsyncResult
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from geventio import EngineServer

from ..conftest import Echo
from ..waiting import until

POLLING = {'EIO': '4', 'transport': 'polling'}
WEBSOCKET = {'EIO': '4', 'transport': 'websocket'}
TIMEOUT = 5


@pytest.fixture
def echo(host):
    return lambda **options: host(Echo(**options))


class Polling:
    """One polling session: a connection for GETs and one for POSTs."""

    def __init__(self, server, **query):
        self.server = server
        self.query = {**POLLING, **query}
        self.reads = server.connection()
        self.writes = server.connection()
        self.hello = self.reads.request('GET', server.target(**self.query))
        self.open = json.loads(self.hello.body[1:])
        self.query['sid'] = self.open['sid']

    @property
    def session(self):
        return self.server.sessions.get(self.query['sid'])

    @property
    def target(self):
        return self.server.target(**self.query)

    def get(self, headers=()):
        return self.reads.request('GET', self.target, headers=headers)

    def post(self, body, headers=()):
        return self.writes.request('POST', self.target, body=body, headers=headers)


# -- handshake ----------------------------------------------------------------------------------


def test_polling_handshake(echo):
    server = echo(ping_interval=0.3, ping_timeout=0.2, max_http_buffer_size=1000)
    client = Polling(server)
    assert client.hello.status == 200
    assert client.hello.headers['content-type'] == 'text/plain; charset=UTF-8'
    assert client.hello.headers['cache-control'] == 'no-store'
    sid = client.open.pop('sid')
    assert re.fullmatch(r'[A-Za-z0-9_-]{20}', sid)
    assert client.open == {'upgrades': ['websocket'], 'pingInterval': 300, 'pingTimeout': 200,
                           'maxPayload': 1000}


def test_websocket_handshake(echo):
    hello = json.loads(echo().websocket(**WEBSOCKET).receive()[1:])
    assert hello['upgrades'] == []
    assert hello['pingInterval'] == 25000


def test_no_upgrade_is_offered_when_there_is_none(echo):
    assert Polling(echo(allow_upgrades=False)).open['upgrades'] == []


def test_connect_handler_refuses(host):
    owner = EngineServer()
    owner.on('connect', lambda sid, environ: environ['HTTP_X_TOKEN'] == 'good')
    server = host(owner)
    good = server.websocket(headers=[('X-Token', 'good')], **WEBSOCKET)
    bad = server.websocket(headers=[('X-Token', 'bad')], **WEBSOCKET)
    assert bad.receive_until_closed()[1][0] == 1000
    assert good.receive().startswith('0{')
    assert len(server.sessions) == 1


# -- polling ------------------------------------------------------------------------------------


def test_messages_both_ways(echo):
    client = Polling(echo())
    posted = client.post('4héllo€😀'.encode() + b'\x1ebAQID')
    assert (posted.status, posted.body) == (200, b'ok')
    assert posted.headers['content-type'] == 'text/html'
    assert client.get().body == '4héllo€😀'.encode() + b'\x1ebAQID'


def test_waiting_get_is_released_by_a_message(echo):
    client = Polling(echo())
    client.reads.send('GET', client.target)
    assert client.post(b'4later').status == 200
    assert client.reads.receive().body == b'4later'


def test_many_packets_in_one_post(echo):
    client = Polling(echo())
    numbers = [f'4{n}' for n in range(5000)]
    assert client.post('\x1e'.join(numbers).encode()).body == b'ok'
    received = []
    while len(received) < 5000:
        received += client.get().body.decode().split('\x1e')
    assert received == numbers


@pytest.mark.parametrize(
    'body', [b'', b'abc', b'9x', b'4a\x1e\x1e4b', b'\xff\xfe', b'b!!!', b'bA'])
def test_broken_body_ends_the_session(echo, body):
    server = echo()
    client = Polling(server)
    answer = client.post(body)
    assert (answer.status, answer.body) == (200, b'ok')
    assert client.get().json == {'code': 1, 'message': 'Session ID unknown'}
    assert server.owner.reasons == ['parse error']
    assert not server.sessions


def test_second_get_ends_the_session(echo):
    server = echo()
    client = Polling(server)
    client.reads.send('GET', client.target)
    until(lambda: not client.session.transport.out and client.session.transport._get)
    second = client.writes.request('GET', client.target)
    assert (second.status, second.body) == (400, b'')
    assert client.reads.receive().body == b'1'
    assert server.owner.reasons == ['transport error']
    assert not server.sessions


def test_second_post_ends_the_session(echo):
    server = echo()
    client = Polling(server)
    client.writes.sock.sendall(
        f'POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n4a'.encode())
    until(lambda: client.session.transport._posting)
    second = client.reads.request('POST', client.target, body=b'4b')
    assert (second.status, second.body) == (400, b'')
    assert server.owner.reasons == ['transport error']
    assert not server.sessions


def test_body_over_the_limit_is_not_read(echo):
    server = echo(max_http_buffer_size=100)
    client = Polling(server)
    assert client.post(b'4' + b'x' * 99).body == b'ok'
    writes = server.connection()
    writes.sock.sendall(
        f'POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n'.encode())
    answer = writes.sock.recv(65536)
    assert answer.startswith(b'HTTP/1.1 413 ')
    assert b'Connection: close' in answer
    assert client.get().body == b'4' + b'x' * 99  # the session lives


def test_chunked_body_over_the_limit(echo):
    server = echo(max_http_buffer_size=100)
    client = Polling(server)
    client.writes.sock.sendall(
        f'POST {client.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'.encode()
        + b'32\r\n' + b'4' + b'x' * 49 + b'\r\n' + b'33\r\n')
    assert client.writes.sock.recv(65536).startswith(b'HTTP/1.1 413 ')
    assert client.session is not None


def test_chunked_body(echo):
    client = Polling(echo())
    client.writes.sock.sendall(
        f'POST {client.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'.encode()
        + b'2\r\n4h\r\n3\r\nell\r\n0\r\n\r\n')
    assert client.writes.sock.recv(65536).startswith(b'HTTP/1.1 200 ')
    assert client.get().body == b'4hell'


def test_expect_continue(echo):
    client = Polling(echo())
    client.writes.sock.sendall(
        f'POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n'
        'Expect: 100-continue\r\n\r\n'.encode())
    assert client.writes.sock.recv(65536) == b'HTTP/1.1 100 Continue\r\n\r\n'
    client.writes.sock.sendall(b'4ab')
    assert client.writes.sock.recv(65536).startswith(b'HTTP/1.1 200 ')
    assert client.get().body == b'4ab'


def test_octet_stream_is_refused(echo):
    server = echo()
    client = Polling(server)
    answer = client.post(b'\x00', headers=[('Content-Type', 'application/octet-stream')])
    assert (answer.status, answer.body) == (400, b'')
    assert not server.sessions


def test_aborted_get_ends_the_session(echo):
    server = echo()
    client = Polling(server)
    client.reads.send('GET', client.target)
    until(lambda: client.session.transport._get)
    client.reads.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport error']
    assert not server.sessions


def test_aborted_post_ends_the_session(echo):
    server = echo()
    client = Polling(server)
    client.writes.sock.sendall(
        f'POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n4a'.encode())
    until(lambda: client.session.transport._posting)
    client.writes.close()
    assert server.owner.left.wait(TIMEOUT)
    assert not server.sessions


def test_pipelined_requests_are_answered_in_order(echo):
    client = Polling(echo())
    post = (f'POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4a').encode()
    get = f'GET {client.target} HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
    client.writes.sock.sendall(post + get + post)
    data = b''
    while data.count(b'HTTP/1.1 200 OK') < 3:
        data += client.writes.sock.recv(65536)
    assert re.findall(rb'\r\n\r\n(ok|4a)', data) == [b'ok', b'4a', b'ok']


def test_one_large_message_may_wait_for_the_next_get(echo):
    server = echo(max_outbox_size=1000, http_compression=False)
    client = Polling(server)
    server.owner.send(client.query['sid'], 'x' * 5000)
    server.owner.send(client.query['sid'], 'y' * 900)
    assert client.get().body == b'4' + b'x' * 5000 + b'\x1e4' + b'y' * 900


def test_a_client_that_does_not_poll_is_closed(echo, caplog):
    server = echo(max_outbox_size=1000)
    client = Polling(server)
    for _ in range(3):
        server.owner.send(client.query['sid'], 'x' * 900)
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['slow client']
    assert 'max_outbox_size' in caplog.text
    assert not server.sessions


def test_a_client_that_fetches_too_much_in_the_same_turn_stays(echo):
    server = echo(max_outbox_size=1000, http_compression=False)
    client = Polling(server)
    body = b'\x1e'.join([b'4' + b'x' * 900] * 3)
    post = f'POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n'
    get = f'GET {client.target} HTTP/1.1\r\nHost: x\r\n\r\n'
    client.writes.sock.sendall(post.encode() + body + get.encode())
    data = b''
    while not data.endswith(body):
        data += client.writes.sock.recv(65536)
    client.post(b'4b')
    assert client.get().body == b'4b'
    assert not server.owner.reasons


# -- compression --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('accepted', 'coding', 'unpack'),
    [('gzip, deflate', 'gzip', gzip.decompress), ('deflate', 'deflate', zlib.decompress),
     ('br', None, bytes)],
)
def test_compressed_answer(echo, accepted, coding, unpack):
    client = Polling(echo())
    text = b'4' + b'abc' * 1000
    client.post(text)
    answer = client.get(headers=[('Accept-Encoding', accepted)])
    assert answer.headers.get('content-encoding') == coding
    assert unpack(answer.body) == text
    assert (len(answer.body) < 1000) == (coding is not None)


@pytest.mark.parametrize('options', [{'http_compression': False}, {'compression_threshold': 4000}])
def test_not_compressed(echo, options):
    client = Polling(echo(**options))
    client.post(b'4' + b'abc' * 1000)
    answer = client.get(headers=[('Accept-Encoding', 'gzip')])
    assert 'content-encoding' not in answer.headers


# -- JSONP --------------------------------------------------------------------------------------


def test_jsonp(echo):
    server = echo()
    hello = server.request(j='5', **POLLING)
    assert hello.headers['content-type'] == 'text/javascript; charset=UTF-8'
    assert hello.headers['x-content-type-options'] == 'nosniff'
    text = json.loads(re.fullmatch(rb'___eio\[5\]\((.*)\);', hello.body)[1])
    sid = json.loads(text[1:])['sid']
    posted = server.request('POST', b'd=4%22%5C%5Cn%3C%2Fscript%3E', sid=sid, j='6', **POLLING,
                            headers=[('Content-Type', 'application/x-www-form-urlencoded')])
    assert posted.body == b'ok'
    answer = server.request(sid=sid, j='7', **POLLING)
    assert b'</script' not in answer.body
    assert json.loads(re.fullmatch(rb'___eio\[7\]\((.*)\);', answer.body)[1]) == '4"\\n</script>'


@pytest.mark.parametrize(('j', 'index'), [('0a1', b'01'), ('', b''), ('1];alert(1)//', b'11')])
def test_jsonp_index(echo, j, index):
    assert echo().request(j=j, **POLLING).body.startswith(b'___eio[' + index + b'](')


def test_jsonp_post_without_data(echo):
    server = echo()
    client = Polling(server)
    answer = server.request('POST', b'x=1', j='0', sid=client.query['sid'], **POLLING)
    assert answer.body == b'ok'
    assert client.session is not None


# -- WebSocket ----------------------------------------------------------------------------------


def test_websocket_messages(echo):
    websocket = echo().websocket(**WEBSOCKET)
    websocket.receive()
    websocket.send('4héllo')
    assert websocket.receive() == '4héllo'
    websocket.send(b'\1\2\3')
    assert websocket.receive() == b'\1\2\3'


@pytest.mark.parametrize('packet', ['', 'abc', '9x'])
def test_websocket_parse_error(echo, packet):
    server = echo()
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    websocket.send(packet)
    _, (code, reason) = websocket.receive_until_closed()
    assert code == 1008
    assert 'packet' in reason
    assert server.owner.reasons == ['parse error']


def test_message_over_the_limit(echo):
    server = echo(max_http_buffer_size=100)
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    websocket.send('4' + 'x' * 99)
    assert websocket.receive() == '4' + 'x' * 99
    websocket.send('4' + 'x' * 100)
    _, (code, reason) = websocket.receive_until_closed()
    assert (code, reason) == (1009, 'message over 100 bytes')
    assert server.owner.reasons == ['message too big']


@pytest.mark.parametrize(
    ('data', 'code'),
    [
        (b'\xc1\x80\0\0\0\0', 1002),  # compressed, though not agreed
        (b'\x91\x80\0\0\0\0', 1002),
        (b'\x81\x01x', 1002),  # not masked
        (b'\x81\x81\0\0\0\0\xff', 1007),
        (b'\x82\xff\x40\0\0\0\0\0\0\0', 1009),
        (b'\x83\x80\0\0\0\0', 1002),
    ],
)
def test_broken_frames(echo, data, code):
    server = echo()
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    websocket.send_raw(data)
    assert websocket.receive_until_closed()[1][0] == code
    assert len(server.owner.reasons) == 1
    assert not server.sessions


def test_deflate(echo):
    server = echo(per_message_deflate=True, compression_threshold=100)
    websocket = server.websocket(extensions=[ClientPerMessageDeflateFactory()], **WEBSOCKET)
    assert 'permessage-deflate' in websocket.response.headers['Sec-WebSocket-Extensions']
    websocket.receive()
    for message in ('4' + 'abc' * 1000, '4short', b'abc' * 1000):
        websocket.send(message)
        assert websocket.receive() == message


def test_no_deflate_by_default(echo):
    websocket = echo().websocket(extensions=[ClientPerMessageDeflateFactory()], **WEBSOCKET)
    assert 'Sec-WebSocket-Extensions' not in websocket.response.headers


# -- upgrade ------------------------------------------------------------------------------------


def probe(server, client):
    websocket = server.websocket(sid=client.query['sid'], **WEBSOCKET)
    websocket.send('2probe')
    assert websocket.receive() == '3probe'
    return websocket


def test_upgrade(echo):
    server = echo()
    client = Polling(server)
    client.reads.send('GET', client.target)
    websocket = probe(server, client)
    assert client.reads.receive().body == b'6'  # the waiting GET is let go
    client.post(b'4before')  # while probing, polling carries the session
    assert client.get().body == b'4before'
    client.post(b'4kept\x1ebAQID')  # nobody waits for the echo: it moves along
    until(lambda: len(client.session.transport.out) == 2)
    websocket.send('5')
    assert [websocket.receive(), websocket.receive()] == ['4kept', b'\1\2\3']
    websocket.send('4after')
    assert websocket.receive() == '4after'
    assert client.get().json == {'code': 3, 'message': 'Bad request'}


def test_upgrade_lets_a_waiting_get_go(echo):
    server = echo()
    client = Polling(server)
    websocket = probe(server, client)
    client.reads.send('GET', client.target)
    until(lambda: client.session.transport._get)
    websocket.send('5')
    assert client.reads.receive().body == b'6'


@pytest.mark.parametrize('first', ['4hello', '5', '2', b'x', ''])
def test_something_else_than_a_probe(echo, first):
    server = echo()
    client = Polling(server)
    websocket = server.websocket(sid=client.query['sid'], **WEBSOCKET)
    websocket.send(first)
    websocket.receive_until_closed()
    client.post(b'4alive')
    assert client.get().body == b'4alive'


def test_upgrade_timeout(echo):
    server = echo(upgrade_timeout=0.05)
    client = Polling(server)
    websocket = probe(server, client)
    websocket.receive_until_closed()
    client.post(b'4alive')
    while b'4alive' not in client.get().body:
        pass
    assert client.session.upgrading is None


def test_second_upgrade_is_closed_at_once(echo):
    server = echo()
    client = Polling(server)
    websocket = probe(server, client)
    second = server.websocket(sid=client.query['sid'], **WEBSOCKET)
    assert second.response.status_code == 101
    assert second.receive_until_closed() == ([], (1005, ''))
    websocket.send('5')
    websocket.send('4alive')
    assert websocket.receive() == '4alive'


def test_session_ends_during_the_upgrade(echo):
    server = echo()
    client = Polling(server)
    websocket = probe(server, client)
    client.post(b'1')
    websocket.receive_until_closed()
    assert not server.sessions


# -- heartbeat ----------------------------------------------------------------------------------


def test_server_pings(echo):
    server = echo(ping_interval=0.1, ping_timeout=0.1)
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    for _ in range(3):
        assert websocket.receive() == '2'
        websocket.send('3')
    assert websocket.receive_until_closed()[0] == ['2']
    assert server.owner.reasons == ['ping timeout']


def test_polling_client_that_does_not_answer(echo):
    server = echo(ping_interval=0.1, ping_timeout=0.1)
    client = Polling(server)
    assert client.get().body == b'2'
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['ping timeout']


def test_ping_from_a_client(echo):
    server = echo()
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    websocket.send('2')
    assert websocket.receive_until_closed()[1][0] == 1002
    assert server.owner.reasons == ['transport error']


def test_unsolicited_pongs_start_no_timer(echo):
    server = echo()
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    wheel = server.owner.engine.runtime.wheel
    before = sum(map(len, wheel._buckets.values()))
    for _ in range(1000):
        websocket.send('3')
    websocket.send('4done')
    assert websocket.receive() == '4done'
    assert sum(map(len, wheel._buckets.values())) == before


# -- end ----------------------------------------------------------------------------------------


def test_client_closes_polling(echo):
    server = echo()
    client = Polling(server)
    client.reads.send('GET', client.target)
    until(lambda: client.session.transport._get)
    assert client.post(b'1\x1e4ignored').body == b'ok'
    assert client.reads.receive().body == b'6'
    assert server.owner.reasons == ['transport close']
    assert client.get().json['code'] == 1


def test_server_closes_polling(echo):
    server = echo()
    client = Polling(server)
    client.reads.send('GET', client.target)
    until(lambda: client.session.transport._get)
    server.owner.send(client.query['sid'], 'bye')
    server.owner.disconnect(client.query['sid'])
    assert client.reads.receive().body == b'4bye\x1e1'
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['forced server close']


def test_server_closes_polling_before_the_next_get(echo):
    server = echo()
    client = Polling(server)
    server.owner.send(client.query['sid'], 'bye')
    server.owner.disconnect(client.query['sid'])
    assert not server.sessions
    assert client.get().body == b'4bye\x1e1'
    assert client.get().json['code'] == 1
    assert not server.owner.engine.last_words


def test_last_words_are_not_kept_for_ever(echo):
    server = echo(close_timeout=0.05)
    client = Polling(server)
    server.owner.disconnect(client.query['sid'])
    until(lambda: not server.owner.engine.last_words)
    assert client.get().json['code'] == 1


@pytest.mark.parametrize('how', ['frame', 'packet', 'eof', 'reset'])
def test_client_closes_websocket(echo, how):
    server = echo()
    websocket = server.websocket(**WEBSOCKET)
    websocket.receive()
    if how == 'frame':
        websocket.protocol.send_close(1000)
        websocket._flush()
        websocket.receive_until_closed()
    elif how == 'packet':
        websocket.send('1')
        websocket.receive_until_closed()
    else:
        if how == 'reset':
            websocket.sock.setsockopt(1, 13, b'\1\0\0\0\0\0\0\0')  # SO_LINGER 0: RST
        websocket.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert not server.sessions


def test_server_closes_websocket(echo):
    server = echo()
    websocket = server.websocket(**WEBSOCKET)
    sid = json.loads(websocket.receive()[1:])['sid']
    server.owner.disconnect(sid)
    assert websocket.receive_until_closed() == ([], (1000, ''))


def test_nothing_is_left(echo):
    import gc
    import weakref

    server = echo()
    alive = weakref.WeakSet()
    for _ in range(20):
        client = Polling(server)
        alive.add(client.session)
        websocket = probe(server, client)
        websocket.send('5')
        until(lambda c=client: c.session.transport.name == 'websocket')
        websocket.close()
        client.reads.close()
        client.writes.close()
    server.settle()
    gc.collect()
    assert not server.sessions
    assert len(alive) == 0


def test_messages_reach_the_handler_in_order(host):
    owner = EngineServer()
    seen, done = [], AsyncResult()

    def message(sid, data):
        seen.append(int(data))
        if len(seen) == 1000:
            done.set()

    owner.on('message', message)
    websocket = host(owner).websocket(**WEBSOCKET)
    websocket.receive()
    for number in range(1000):
        websocket.send(f'4{number}')
    done.get(timeout=TIMEOUT)
    assert seen == list(range(1000))

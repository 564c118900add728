"""The WebSocket drafts over real sockets, in the loop and through WSGI, with plain clients."""

from __future__ import annotations

import pytest
from gevent.event import Event

from geventio import Server
from geventio.transports import hixie

from ..hixie import ANSWER, BODY, HixieSocket
from ..waiting import until

CLOSE = b'\xff\0'


class Owner(Server):
    def __init__(self, app=None, **options):
        super().__init__(app, dialects=['eio4', 'websocket'], **options)
        self.heard, self.reasons = [], []
        self.left = Event()
        self.on('message', lambda sid, text: self.heard.append(text))
        self.on('disconnect', self._gone)

    def _gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


@pytest.fixture
def serve(serve_both_ways):
    def start(**options):
        server = serve_both_ways(Owner(**options))

        def connect(draft=76, target='/ws/', **more):
            return server.keep(HixieSocket(server.address, target, draft, **more))

        server.hixie = connect
        return server

    return start


def fields(connection):
    return [line for line in connection.head[1:] if not line.startswith('Date:')]


def test_hixie_76_answers_to_the_letter(serve):
    server = serve(cors_allowed_origins='http://page.example')
    place = f'ws://127.0.0.1:{server.http.server_port}/ws/a%20b?x=%201'
    server.owner.gateway.doors._doors[0].claims = lambda path: path.startswith('/ws/')
    connection = server.hixie(target='/ws/a%20b?x=%201', headers=[
        ('Origin', 'http://page.example'), ('Sec-WebSocket-Protocol', 'geventio.events')])
    assert connection.head[0] == 'HTTP/1.1 101 WebSocket Protocol Handshake'
    assert fields(connection) == [
        'Upgrade: WebSocket', 'Connection: Upgrade', 'Sec-WebSocket-Origin: http://page.example',
        f'Sec-WebSocket-Location: {place}', 'Sec-WebSocket-Protocol: geventio.events']


def test_hixie_75_answers_to_the_letter(serve):
    server = serve()
    connection = server.hixie(75)
    assert connection.head[0] == 'HTTP/1.1 101 Web Socket Protocol Handshake'
    assert fields(connection) == [
        'Upgrade: WebSocket', 'Connection: Upgrade', 'WebSocket-Origin: null',
        f'WebSocket-Location: ws://127.0.0.1:{server.http.server_port}/ws/']


@pytest.mark.parametrize('draft', [75, 76])
def test_messages_both_ways(serve, draft):
    server = serve()
    connection = server.hixie(draft)
    connection.send('hello')
    connection.send('€ 😀')
    until(lambda: server.owner.heard == ['hello', '€ 😀'])
    server.owner.emit('news', {'a': '€'})
    server.owner.emit('message', 'text')
    assert connection.receive() == '["news",{"a":"€"}]'
    assert connection.receive() == 'text'
    connection.close()
    assert server.owner.left.wait(5)
    assert server.owner.reasons == ['transport close']
    server.settle()


def test_a_message_in_pieces(serve):
    server = serve()
    connection = server.hixie()
    for byte in b'\0hello\xff\0you\xff':
        connection.sock.sendall(bytes([byte]))
    until(lambda: server.owner.heard == ['hello', 'you'])


def test_the_101_goes_out_before_the_challenge_has_come(serve):
    server = serve()
    connection = server.hixie(challenge=None)
    assert connection.status == 101
    assert not server.sessions
    connection.sock.sendall(BODY[:3])
    connection.sock.sendall(BODY[3:] + b'\0early\xff')
    assert connection.read(16) == ANSWER
    until(lambda: server.owner.heard == ['early'])


def test_a_challenge_that_does_not_come_ends_the_connection(serve, monkeypatch):
    monkeypatch.setattr(hixie, 'CHALLENGE_TIMEOUT', 0.1)
    server = serve()
    connection = server.hixie(challenge=None)
    connection.sock.sendall(BODY[:7])
    assert connection.receive_until_end() == b''
    assert not server.sessions


def test_the_client_leaves_before_its_challenge(serve):
    server = serve()
    connection = server.hixie(challenge=None)
    connection.close()
    server.connection().request('GET', '/elsewhere')
    assert not server.sessions


def test_the_server_says_goodbye(serve):
    server = serve()
    old, older = server.hixie(76), server.hixie(75)
    until(lambda: len(server.owner.namespace('/').rooms.sockets) == 2)
    server.owner.emit('last')
    for socket in list(server.owner.namespace('/').rooms.sockets):
        server.owner.disconnect(socket)
    assert old.receive() == older.receive() == '["last"]'
    assert old.read(2) == CLOSE
    old.sock.sendall(CLOSE)
    assert old.receive_until_end() == older.receive_until_end() == b''
    server.settle()


def test_the_client_says_goodbye(serve):
    server = serve()
    connection = server.hixie()
    connection.send('last')
    connection.sock.sendall(CLOSE + b'\0later\xff')
    assert connection.receive_until_end() == CLOSE
    assert server.owner.left.wait(5)
    assert (server.owner.heard, server.owner.reasons) == (['last'], ['transport close'])


@pytest.mark.parametrize(('draft', 'data', 'reason'), [
    (76, b'\x80\x05hello', 'transport error'),
    (76, b'GET / HTTP/1.1\r\n', 'transport error'),
    (75, CLOSE, 'transport error'),
    (75, b'\0\xc3\x28\xff', 'transport error'),
    (76, b'\0' + b'x' * 101 + b'\xff', 'message too big'),
    (76, b'\0' + b'x' * 200, 'message too big'),
])
def test_broken_frames_cost_that_client_alone(serve, draft, data, reason):
    server = serve(max_http_buffer_size=100)
    other = server.hixie()
    connection = server.hixie(draft)
    until(lambda: len(server.sessions) == 2)
    connection.sock.sendall(data)
    assert connection.receive_until_end() in (b'', CLOSE)
    assert server.owner.left.wait(5)
    assert server.owner.reasons == [reason]
    server.owner.emit('still here')
    assert other.receive() == '["still here"]'


@pytest.mark.parametrize('headers', [
    [('Content-Length', '8')],
    [('Sec-WebSocket-Key1', '12345'), ('Sec-WebSocket-Key2', '1 2')],
    [('Sec-WebSocket-Key1', '1 0'), ('Sec-WebSocket-Key2', '9 9 9')],
    [('Sec-WebSocket-Key1', '99999999999 ' * 2 + '1'), ('Sec-WebSocket-Key2', '1 2')],
])
def test_wrong_handshakes_are_refused(serve, headers):
    server = serve()
    assert server.hixie(75, headers=headers).status == 400
    assert not server.sessions


def test_a_foreign_origin_is_refused_before_any_state(serve):
    server = serve()
    for draft in (75, 76):
        foreign = [('Origin', 'http://evil.example')]
        assert server.hixie(draft, headers=foreign).status == 403
    hybi = [('Sec-WebSocket-Origin', 'http://evil.example')]
    assert server.websocket(hybi, target='/ws/').response.status_code == 403
    assert not server.sessions


def test_too_many_connections(serve):
    server = serve(max_connections=1)
    first = server.hixie(challenge=None)
    second = server.hixie()
    assert server.hixie().status == 503
    first.sock.sendall(BODY)  # too late: its place is taken
    assert first.read(len(ANSWER + CLOSE)) == ANSWER + CLOSE
    first.sock.sendall(CLOSE)
    assert first.receive_until_end() == b''
    server.owner.emit('a')
    assert second.receive() == '["a"]'


def test_silence_is_no_fault_where_there_is_no_ping(serve):
    server = serve(ping_interval=0.05, ping_timeout=0.05)
    connection = server.hixie()
    server.websocket(target='/ws/')  # never reads, so that it answers no ping
    assert server.owner.left.wait(5)
    assert server.owner.reasons == ['ping timeout']
    server.owner.emit('a')
    assert connection.receive() == '["a"]'


def test_the_path_of_engine_io_takes_no_drafts(serve):
    server = serve()
    target = server.target(EIO='4', transport='websocket')
    assert server.hixie(75, target).status == 426
    assert not server.sessions


def test_version_8_of_websocket(serve):
    server = serve()
    upgrade = ('GET {} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
               'Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
    answers = []
    for target in ('/ws/', server.target(EIO='4', transport='websocket')):
        connection = server.connection()
        connection.sock.sendall(upgrade.format(target).encode())
        answers.append(connection.sock.recv(12))
    assert answers == [b'HTTP/1.1 101', b'HTTP/1.1 426']

"""Doors of dialects with URLs of their own, in the loop and through WSGI, with a dialect made up
for the purpose: packets are Engine.IO's texts.
"""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event

from geventio import Server
from geventio.dialects.door import TEXT, Door, Hold, Reply, Stream, StreamForm, Upgrade
from geventio.dialects.older import Framed, OlderClient, OlderSession, Texts
from geventio.errors import HTTPError, ProtocolError
from geventio.protocol.websocket import text_frame
from geventio.serving import doors

from ..waiting import until

TIMEOUT = 5


def rewrite(packets):
    return packets if isinstance(packets, str) else packets[0]


class TapeClient(OlderClient):
    __slots__ = ()

    def refuse(self, nsp, payload):
        super().refuse(nsp, payload)
        self.session.end('forced server close')

    def receive_text(self, packet):
        self.deliver('/', ['said', packet], None, len(packet))


class TapeSession(OlderSession):
    __slots__ = ()

    dialect = 'tape'
    client_class = TapeClient
    texts = Texts(rewrite)

    def beat(self):
        self.write('beat')
        return True


class TapeDoor(Door):
    """``/tape/new``, ``/tape/<sid>/poll``, ``/stream``, ``/say``, and ``/tape/socket``."""

    stream = StreamForm(rewrite, lambda packet: packet.encode() + b'\n', [TEXT], limited=True)
    frames = Framed(rewrite, text_frame)

    def claims(self, path):
        return path.startswith('/tape/')

    def enter(self, request, body):
        parts = request.path.split('/')[2:]
        if parts == ['socket']:
            return Upgrade(lambda: self.open(TapeSession, request), self.frames)
        if parts == ['new']:
            session = self.open(TapeSession, request)
            return Hold(session, lambda packets: Reply(200, [TEXT], session.sid.encode()))
        if parts == ['begin']:
            return Stream(self.open(TapeSession, request), self.stream, b'begin\n')
        session = self.engine.sessions.get(parts[0])
        if parts[1] == 'socket':
            return Upgrade(lambda: session or 'no such tape', self.frames, opens=False)
        if session is None:
            raise HTTPError(404, 'no such tape')
        if parts[1] == 'stream':
            return Stream(session, self.stream, b'begin\n')
        if parts[1] == 'say':
            if body == b'broken':
                raise ProtocolError('a broken tape')
            session.receive(body.decode())
            return Reply(200, [TEXT], b'ok')
        return Hold(session, lambda packets: Reply(200, [TEXT], '|'.join(packets).encode()))


class Tapes(Server):
    def __init__(self, app=None, **options):
        options.setdefault('dialects', ['eio4', 'websocket'])
        super().__init__(app, **options)
        self.heard, self.left = [], Event()
        self.reasons = []
        self.on('said', lambda sid, text: self.heard.append(text))
        self.on('disconnect', self._gone)

    def _gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


@pytest.fixture(autouse=True)
def tape_door(monkeypatch):
    monkeypatch.setitem(doors.DOORS, 'websocket', TapeDoor)


@pytest.fixture
def serve(serve_both_ways):
    return lambda **options: serve_both_ways(Tapes(**options))


class Tape:
    def __init__(self, server):
        self.server = server
        self.get = server.connection()
        self.post = server.connection()
        self.sid = self.get.request('GET', '/tape/new').body.decode()

    def poll(self):
        return self.get.request('GET', f'/tape/{self.sid}/poll').body.decode()

    def say(self, text):
        return self.post.request('POST', f'/tape/{self.sid}/say', text)

    def stream(self):
        connection = self.server.connection()
        connection.send('GET', f'/tape/{self.sid}/stream')
        return connection


def read_until(connection, end):
    """The body of a streaming answer up to some bytes."""
    import h11
    data = b''
    while not data.endswith(end):
        event = connection.http.next_event()
        if event is h11.NEED_DATA:
            connection.http.receive_data(connection.sock.recv(65536))
        elif isinstance(event, h11.Data):
            data += bytes(event.data)
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            raise AssertionError(f'the stream ended after {data!r}')
    return data


def test_polls_and_posts(serve):
    server = serve()
    tape = Tape(server)
    server.owner.emit('a', 1)
    server.owner.emit('b', 2)
    assert tape.poll() == '42["a",1]|42["b",2]'
    waiting = gevent.spawn(tape.poll)
    until(lambda: server.sessions[tape.sid].transport.held)
    server.owner.emit('c', 3)
    assert waiting.get(timeout=TIMEOUT) == '42["c",3]'
    assert tape.say(b'hello').body == b'ok'
    until(lambda: server.owner.heard == ['hello'])


def test_a_later_poll_takes_the_place_of_an_earlier_one(serve):
    server = serve()
    tape = Tape(server)
    first = gevent.spawn(tape.poll)
    until(lambda: server.sessions[tape.sid].transport.held)
    other = Tape(server)
    other.sid = tape.sid
    second = gevent.spawn(other.poll)
    assert first.get(timeout=TIMEOUT) == ''
    server.owner.emit('a')
    assert second.get(timeout=TIMEOUT) == '42["a"]'


def test_each_poll_is_let_go_in_time(serve):
    server = serve(polling_duration=0.2)
    tape = Tape(server)
    for _ in range(3):
        assert tape.poll() == ''


def test_a_session_ends_when_nobody_polls(serve):
    server = serve(disconnect_delay=0.1, ping_interval=1)
    Tape(server)
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    server.settle()


def test_a_session_lives_while_a_poll_is_held_longer_than_the_delay(serve):
    server = serve(disconnect_delay=0.1, polling_duration=0.5, ping_interval=1)
    tape = Tape(server)
    assert tape.poll() == ''
    assert tape.sid in server.sessions


def test_a_client_that_does_not_poll_is_closed_alone(serve, caplog):
    server = serve(max_outbox_size=1000)
    tape, slow = Tape(server), Tape(server)
    waiting = gevent.spawn(tape.poll)
    until(lambda: server.sessions[tape.sid].transport.held)
    for _ in range(3):
        server.owner.emit('x', 'y' * 600)
    assert 'y' * 600 in waiting.get(timeout=TIMEOUT)
    until(lambda: slow.sid not in server.sessions)
    assert server.owner.reasons == ['slow client']
    assert 'max_outbox_size' in caplog.text
    assert tape.sid in server.sessions


def test_stream(serve):
    server = serve()
    tape = Tape(server)
    server.owner.emit('before')
    stream = tape.stream()
    assert read_until(stream, b'["before"]\n') == b'begin\n42["before"]\n'
    assert server.owner.transport(next(iter(server.owner.namespace('/').rooms.sockets))) \
        == 'streaming'
    for number in range(3):
        server.owner.emit('n', number)
    assert read_until(stream, b'2]\n') == b'42["n",0]\n42["n",1]\n42["n",2]\n'
    assert tape.say(b'hello').body == b'ok'
    until(lambda: server.owner.heard == ['hello'])
    stream.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    server.settle()


def test_a_stream_takes_the_place_of_another(serve):
    server = serve()
    tape = Tape(server)
    first = tape.stream()
    read_until(first, b'begin\n')
    second = tape.stream()
    assert first.receive().body == b''
    read_until(second, b'begin\n')
    server.owner.emit('a')
    assert read_until(second, b'\n') == b'42["a"]\n'


def test_a_stream_ends_at_its_limit_and_the_session_goes_on(serve):
    server = serve(response_limit=100)
    tape = Tape(server)
    stream = tape.stream()
    read_until(stream, b'begin\n')
    for _ in range(3):
        server.owner.emit('x', 'y' * 40)
        gevent.sleep(0)
    body = stream.receive().body
    until(lambda: server.sessions[tape.sid].transport.name == 'polling')
    server.owner.emit('last')
    rest = tape.poll()
    assert body.count(b'yyyy') + rest.count('yyyy') and rest.endswith('42["last"]')
    assert (body.decode() + rest).count('42["x"') == 3


def test_only_packets_count_for_the_limit_of_a_stream(serve):
    server = serve(response_limit=100)
    tape = Tape(server)
    first = tape.stream()
    read_until(first, b'begin\n')
    packet = b'42["0123"]\n'  # 11 bytes, in chunks of 16
    for count in range(1, 11):
        server.owner.emit('0123')
        read_until(first, packet)
        assert tape.sid in server.sessions
        if count < 10:
            assert server.sessions[tape.sid].transport.name == 'streaming', count
    assert first.receive().body == b''
    assert server.sessions[tape.sid].transport.name == 'polling'


def test_a_session_that_begins_with_a_poll_may_be_refused(serve):
    server = serve()
    server.owner.on('connect', lambda sid, environ: False)
    assert server.connection().request('GET', '/tape/new').status == 200
    server.settle()


def test_a_streaming_reader_that_does_not_read_is_closed_alone(serve):
    server = serve(max_outbox_size=100_000, response_limit=1_000_000_000)
    tape = Tape(server)
    stream = tape.stream()
    read_until(stream, b'begin\n')
    reads = Tape(server)
    for _ in range(400):
        server.owner.emit('x', 'y' * 50_000)
        reads.poll()
        if tape.sid not in server.sessions:
            break
    until(lambda: tape.sid not in server.sessions)
    assert server.owner.reasons == ['slow client']
    assert reads.sid in server.sessions


def test_websocket(serve):
    server = serve()
    websocket = server.websocket(target='/tape/socket')
    assert websocket.receive().startswith('40{')
    websocket.send('hello')
    until(lambda: server.owner.heard == ['hello'])
    server.owner.emit('a')
    assert websocket.receive() == '42["a"]'
    websocket.send(b'binary')
    assert websocket.receive_until_closed() == (
        [], (1008, 'binary data, which tape does not have'))
    assert server.owner.reasons == ['parse error']
    server.settle()


def test_heartbeats_reach_a_client_that_talks(serve):
    server = serve(ping_interval=0.1)
    websocket = server.websocket(target='/tape/socket')
    talking = gevent.spawn(lambda: [(websocket.send('x'), gevent.sleep(0.02)) for _ in range(30)])
    assert [websocket.receive() for _ in range(4)][1:] == ['beat'] * 3
    assert not talking.ready()
    talking.kill()


def test_a_websocket_that_is_silent_is_closed(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.1)
    websocket = server.websocket(target='/tape/socket')
    messages, close = websocket.receive_until_closed()
    assert messages[-1] == 'beat' and close == (1001, 'ping timeout')
    assert server.owner.reasons == ['ping timeout']


@pytest.mark.parametrize(('method', 'path', 'body', 'status', 'answer'), [
    ('GET', '/tape/nobody/poll', b'', 404, b'no such tape'),
    ('POST', '/tape/nobody/say', b'x', 404, b'no such tape'),
    ('PUT', '/tape/new', b'', 405, b''),
    ('GET', '/tape/socket', b'', 400, b'Upgrade header lacks websocket'),
])
def test_refusals(serve, method, path, body, status, answer):
    server = serve()
    response = server.connection().request(method, path, body)
    assert (response.status, response.body) == (status, answer)
    assert not server.sessions


def test_a_broken_post_is_answered_and_the_session_lives(serve):
    server = serve()
    tape = Tape(server)
    response = tape.say(b'broken')
    assert (response.status, response.body) == (400, b'a broken tape')
    assert tape.sid in server.sessions


def test_a_post_over_the_limit(serve):
    server = serve(max_http_buffer_size=1000)
    tape = Tape(server)
    assert tape.say(b'x' * 1001).status == 413
    assert tape.sid in server.sessions


def test_too_many_connections(serve):
    server = serve(max_connections=1)
    Tape(server)
    response = server.connection().request('GET', '/tape/new')
    assert (response.status, response.headers['retry-after']) == (503, '5')
    assert server.websocket(target='/tape/socket').response.status_code == 503
    assert len(server.sessions) == 1


def test_a_foreign_origin_is_refused_before_any_state(serve):
    server = serve()
    foreign = [('Origin', 'http://evil.example')]
    response = server.connection().request('GET', '/tape/new', headers=foreign)
    assert (response.status, response.body) == (403, b'origin not allowed')
    assert server.websocket(foreign, target='/tape/socket').response.status_code == 403
    assert not server.sessions


@pytest.mark.parametrize(('site', 'referer', 'status'), [
    ('cross-site', 'http://evil.example/page', 403),
    ('cross-site', 'http://evil.example', 403),
    ('same-site', '', 403),
    ('cross-site', 'http://page.example/a?b', 200),
    ('same-site', 'http://page.example', 200),
    ('same-origin', 'http://evil.example/', 200),
    ('none', '', 200),
])
def test_what_other_sites_fetch_without_origin_is_judged_by_the_referer(
        serve, site, referer, status):
    server = serve(cors_allowed_origins='http://page.example')
    headers = [('Sec-Fetch-Site', site), ('Referer', referer)]
    response = server.connection().request('GET', '/tape/new', headers=headers)
    assert response.status == status
    assert len(server.sessions) == (status == 200)


def test_an_answer_to_an_unknown_page_is_for_all_if_all_are_allowed(serve):
    server = serve(cors_allowed_origins='*')
    headers = server.connection().request('GET', '/tape/new').headers
    assert headers['access-control-allow-origin'] == '*'
    assert 'access-control-allow-credentials' not in headers


def test_an_allowed_origin_gets_cors_headers(serve):
    server = serve(cors_allowed_origins='http://page.example')
    page = [('Origin', 'http://page.example')]
    response = server.connection().request('GET', '/tape/new', headers=page)
    assert response.headers['access-control-allow-origin'] == 'http://page.example'
    response = server.connection().request('OPTIONS', '/tape/new', headers=[
        *page, ('Access-Control-Request-Headers', 'X-This')])
    assert response.status == 204
    assert response.headers['access-control-allow-headers'] == 'X-This'
    stream = server.connection()
    stream.send('GET', f'/tape/{next(iter(server.sessions))}/stream', headers=page)
    read_until(stream, b'begin\n')
    assert stream.http.their_state is not None


def test_keep_alive_mixes_doors_with_everything_else(host):
    def app(environ, start_response):
        start_response('200 OK', [('Content-Length', '5')])
        return [b'hello']

    server = host(Tapes(app))
    connection = server.connection()
    tape = Tape(server)
    for _ in range(2):
        assert connection.request('GET', '/other').body == b'hello'
        assert connection.request('POST', f'/tape/{tape.sid}/say', b'x').body == b'ok'
        assert connection.request('GET', server.target(EIO='4', transport='polling')).status == 200


def test_pipelined_requests_are_answered_in_order(host):
    server = host(Tapes())
    tape = Tape(server)
    connection = server.connection()
    head = 'POST /tape/%s/say HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d'
    connection.sock.sendall(''.join(head % (tape.sid, n) for n in range(5)).encode())
    until(lambda: server.owner.heard == list('01234'))


def test_what_is_off_is_not_there(host):
    server = host(Tapes(dialects=['eio4']))
    assert not server.owner.gateway.doors
    assert server.connection().request('GET', '/tape/new').status == 404


def test_events_before_the_connect_handler_decides_wait_for_it(serve):
    server = serve()
    decided = Event()
    server.owner.on('connect', lambda sid, environ: decided.wait(TIMEOUT))
    websocket = server.websocket(target='/tape/socket')
    for text in ('one', 'two'):
        websocket.send(text)
    until(lambda: next(iter(server.sessions.values())).upper._early)
    assert server.owner.heard == []
    decided.set()
    assert websocket.receive().startswith('40')
    until(lambda: server.owner.heard == ['one', 'two'])


def test_what_waits_for_a_connect_handler_is_bounded(serve, caplog):
    server = serve(max_waiting_size=100)
    decided = Event()
    server.owner.on('connect', lambda sid, environ: decided.wait(TIMEOUT))
    websocket = server.websocket(target='/tape/socket')
    websocket.send('x' * 101)
    assert websocket.receive_until_closed()[1] == (1008, 'too many events')
    assert 'max_waiting_size' in caplog.text
    decided.set()


def test_shutting_down_ends_polls_and_streams(serve):
    server = serve()
    polls, streams = Tape(server), Tape(server)
    waiting = gevent.spawn(polls.poll)
    stream = streams.stream()
    read_until(stream, b'begin\n')
    until(lambda: server.sessions[polls.sid].transport.held)
    server.owner.shutdown()
    assert waiting.get(timeout=TIMEOUT) == ''
    assert stream.receive().body == b''
    server.settle()


def test_a_refusal_is_told_in_the_first_answer(serve):
    server = serve()
    server.owner.on('connect', lambda sid, environ: False)
    assert Tape(server).get.request('GET', '/tape/new').status == 200
    until(lambda: not server.sessions)


def test_a_session_may_begin_with_a_stream(serve):
    server = serve()
    stream = server.connection()
    stream.send('GET', '/tape/begin')
    assert b'begin\n40{"sid"' in read_until(stream, b'}\n')
    server.owner.emit('a')
    assert read_until(stream, b'\n') == b'42["a"]\n'


def test_a_session_that_begins_with_a_stream_may_be_refused(serve):
    server = serve()
    server.owner.on('connect', lambda sid, environ: False)
    response = server.connection().request('GET', '/tape/begin')
    assert response.body.startswith(b'begin\n44{"message":"Connection rejected')
    until(lambda: not server.sessions)


def test_a_stream_lets_a_held_poll_go(serve):
    server = serve()
    tape = Tape(server)
    waiting = gevent.spawn(tape.poll)
    until(lambda: server.sessions[tape.sid].transport.held)
    read_until(tape.stream(), b'begin\n')
    assert waiting.get(timeout=TIMEOUT) == ''


def test_a_websocket_takes_the_place_of_a_poll_a_stream_and_another(serve):
    server = serve()
    tape = Tape(server)
    target = f'/tape/{tape.sid}/socket'
    server.owner.emit('waits')
    first = server.websocket(target=target)
    assert first.receive() == '42["waits"]'
    second = server.websocket(target=target)
    assert first.receive_until_closed() == ([], (1005, ''))
    waiting = gevent.spawn(tape.poll)
    assert second.receive_until_closed() == ([], (1005, ''))
    until(lambda: server.sessions[tape.sid].transport.name == 'polling')
    third = server.websocket(target=target)
    assert waiting.get(timeout=TIMEOUT) == ''
    server.owner.emit('a')
    assert third.receive() == '42["a"]'
    stream = tape.stream()
    read_until(stream, b'begin\n')
    assert third.receive_until_closed() == ([], (1005, ''))
    fourth = server.websocket(target=target)
    assert stream.receive().body == b''
    fourth.send('hello')
    until(lambda: server.owner.heard == ['hello'])
    assert len(server.sessions) == 1


def test_a_websocket_without_a_session_gets_one_packet(serve):
    server = serve()
    websocket = server.websocket(target='/tape/nobody/socket')
    assert websocket.receive_until_closed() == (['no such tape'], (1000, ''))
    assert not server.sessions


def test_a_websocket_for_a_session_that_exists_needs_no_further_room(serve):
    server = serve(max_connections=1)
    tape = Tape(server)
    websocket = server.websocket(target=f'/tape/{tape.sid}/socket')
    server.owner.emit('a')
    assert websocket.receive() == '42["a"]'


@pytest.mark.parametrize('query', [{'transport': 'polling'}, {'transport': 'websocket'}])
def test_sessions_of_a_door_are_unknown_to_engine_io(serve, query):
    server = serve()
    tape = Tape(server)
    for method, body in (('GET', b''), ('POST', b'4')):
        response = server.request(method, body, EIO='4', sid=tape.sid, **query)
        assert (response.status, response.json['code']) == (400, 1)
    server.owner.emit('a')
    assert tape.poll() == '42["a"]'

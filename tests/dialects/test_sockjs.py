"""SockJS over real sockets: every transport, and every way in which a client can go wrong."""

from __future__ import annotations

import hashlib
import json
import uuid
from urllib.parse import quote

import gevent
import h11
import pytest
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from geventio import Server, UnsupportedError
from geventio.dialects import farewells, sockjs
from geventio.dialects.plain import event_of
from geventio.protocol import socketio
from geventio.protocol.jsontext import Encoder

from ..conftest import Connection
from ..hixie import HixieSocket
from ..waiting import until

TIMEOUT = 5
PRELUDE = b'h' * 2048 + b'\n'
NO_CACHE = 'no-store, no-cache, no-transform, must-revalidate, max-age=0'
SCRIPT = 'application/javascript; charset=UTF-8'
FOREIGN = [('Origin', 'http://evil.example')]


class Owner(Server):
    """Sends back what it is told; ``close`` puts the client out."""

    def __init__(self, app=None, **options):
        options.setdefault('dialects', ['sockjs'])
        super().__init__(app, **options)
        self.heard, self.sids, self.reasons = [], [], []
        self.left = Event()
        self.on('connect', lambda sid, environ: self.sids.append(sid))
        self.on('message', self.say)
        self.on('join', lambda sid, room: self.enter_room(sid, room))
        self.on('close', lambda sid: self.disconnect(sid))
        self.on('disconnect', self.gone)

    def say(self, sid, *args):
        self.heard.append(args)
        self.emit('message', *args, to=sid)

    def gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


@pytest.fixture
def serve(serve_both_ways):
    return lambda **options: serve_both_ways(Owner(**options))


@pytest.fixture
def server(serve):
    return serve()


def door_of(server):
    return server.owner.gateway.doors.find('/sockjs')


def assert_nothing_is_left(server):
    server.settle()
    assert not door_of(server)._sessions
    assert not server.owner.namespace('/').rooms.sockets


class Stream:
    """A response that goes on."""

    def __init__(self, connection):
        self.connection = connection
        self.status, self.headers, self._data = None, {}, b''

    def _more(self):
        http = self.connection.http
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(self.connection.sock.recv(65536))
        elif isinstance(event, h11.Response):
            self.status = event.status_code
            self.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            self._data += bytes(event.data)
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return False
        return True

    def read(self, size):
        while len(self._data) < size:
            assert self._more(), f'the stream ended after {self._data!r}'
        data, self._data = self._data[:size], self._data[size:]
        return data

    def expect(self, data):
        assert self.read(len(data)) == data

    def rest(self):
        while self._more():
            pass
        data, self._data = self._data, b''
        return data

    def close(self):
        self.connection.close()


class Peer:
    """A client's session."""

    def __init__(self, server, name=None):
        self.server = server
        self.name = name or uuid.uuid4().hex
        self.base = f'/sockjs/000/{self.name}/'

    def request(self, method, what, body=b'', headers=()):
        connection = self.server.connection()
        response = connection.request(method, self.base + what, body, headers)
        connection.close()
        return response

    def poll(self):
        return self.request('POST', 'xhr').body

    def open(self):
        assert self.poll() == b'o\n'
        return self

    def send(self, body, what='xhr_send', headers=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request('POST', what, body, headers)

    def stream(self, method, what, headers=()):
        connection = self.server.connection()
        connection.send(method, self.base + what, headers=headers)
        return Stream(connection)

    @property
    def session(self):
        return door_of(self.server)._sessions.get(self.name)

    def waits(self):
        """A poll that is held."""
        waiting = gevent.spawn(self.poll)
        until(lambda: self.session is not None and self.session.busy)
        return waiting


# -- what packets become ----------------------------------------------------------------------


def canonical(*data, nsp='/'):
    return socketio.encode(Encoder(), socketio.EVENT, nsp, None, list(data))


@pytest.mark.parametrize(('packet', 'said'), [
    (canonical('message', 'hello'), '"hello"'),
    (canonical('message', ''), '""'),
    (canonical('message', '\u2028\ufff0"\n€'), '"\\u2028\\ufff0\\"\\u000a€"'),
    (canonical('message', 1), '"[\\"message\\",1]"'),
    (canonical('news', {'a': 1}), '"[\\"news\\",{\\"a\\":1}]"'),
    (canonical('picture', b'\1\2\3'), '"[\\"picture\\",\\"AQID\\"]"'),
    ('40{"sid":"x"}', 'o'), ('41', ''), ('2', ''), ('431[1]', ''),
])
def test_what_packets_become(packet, said):
    assert sockjs.rewrite(packet) == said


@given(st.text(min_size=1).filter(lambda name: name != 'message'), st.lists(st.text()))
def test_an_event_comes_back_as_it_was_sent(name, args):
    text = json.loads(sockjs.rewrite(canonical(name, *args)))
    assert event_of(text) == [name, *args]


# -- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize('path', ['/sockjs', '/sockjs/'])
def test_greeting(server, path):
    response = server.connection().request('GET', path)
    assert (response.status, response.body) == (200, b'Welcome to SockJS!\n')
    assert response.headers['content-type'] == 'text/plain; charset=UTF-8'
    assert 'set-cookie' not in response.headers


@pytest.mark.parametrize('path', [
    '/a', '/a.html', '//', '/a/a', '/a/a/', '/iframe', '/iframe.htm', '/IFRAME.HTML',
    '/iframe-/.html', '//xhr', '/a./a/xhr', '/a/a./xhr', '/a/a/xhr/x', '/a/a/nothing', '/a//xhr',
])
@pytest.mark.parametrize('method', ['GET', 'POST', 'OPTIONS'])
def test_paths_that_are_not_there(server, path, method):
    response = server.connection().request(method, '/sockjs' + path)
    assert (response.status, response.body) == (404, b'404 Error: Page not found\n')
    assert not server.sessions


def test_other_paths_are_not_ours(serve):
    server = serve(sockjs_path='a/chat')
    assert server.connection().request('GET', '/a/chat/').body == b'Welcome to SockJS!\n'
    for path in ('/a/chats', '/a', '/sockjs', '/chat'):
        response = server.connection().request('GET', path)
        assert (response.status, b'Page' in response.body) == (404, False)


def test_info(server):
    response = server.connection().request('GET', '/sockjs/info?t=1')
    assert response.status == 200
    assert response.headers['content-type'] == 'application/json; charset=UTF-8'
    assert response.headers['cache-control'] == NO_CACHE
    assert 'set-cookie' not in response.headers
    info = response.json
    assert 0 <= info.pop('entropy') < 2 ** 32
    assert info == {'websocket': True, 'origins': ['*:*'], 'cookie_needed': False}
    again = server.connection().request('GET', '/sockjs/info').json
    assert again['entropy'] != response.json['entropy']


def test_what_is_switched_off_is_not_there(serve):
    server = serve(transports=['polling'])
    assert server.connection().request('GET', '/sockjs/info').json['websocket'] is False
    for path in ('/sockjs/websocket', '/sockjs/0/x/websocket'):
        assert server.websocket(target=path).response.status_code == 404
    server = serve(transports=['websocket'])
    assert Peer(server).request('POST', 'xhr').status == 404
    assert server.connection().request('GET', '/sockjs/info').status == 200


@pytest.mark.parametrize('name', [
    'iframe.html', 'iframe-a.html', 'iframe-.html', 'iframe-0.1.2.html',
    'iframe-0.1.2.abc-dirty.2144.html', 'iframe-a.html?t=x'])
def test_iframe(serve, name):
    server = serve(sockjs_client_url='/client.js?a&b')
    response = server.connection().request('GET', f'/sockjs/{name}')
    assert response.status == 200
    assert response.headers['content-type'] == 'text/html; charset=UTF-8'
    assert response.headers['cache-control'] == 'public, max-age=31536000'
    assert response.headers['expires'].endswith(' GMT')
    assert 'last-modified' not in response.headers and 'set-cookie' not in response.headers
    assert b'<script src="/client.js?a&amp;b"></script>' in response.body
    tag = response.headers['etag']
    assert tag == f'"{hashlib.md5(response.body).hexdigest()}"'
    unchanged = server.connection().request(
        'GET', f'/sockjs/{name}', headers=[('If-None-Match', tag)])
    assert (unchanged.status, unchanged.body) == (304, b'')
    assert 'content-type' not in unchanged.headers
    other = server.connection().request('GET', '/sockjs/iframe.html',
                                        headers=[('If-None-Match', '"other"')])
    assert (other.status, other.body) == (200, response.body)


@pytest.mark.parametrize(('allowed', 'policy'), [
    (None, "frame-ancestors 'self'"),
    ('*', None),
    ([], None),
    (['https://a.example', 'http://b.example:81'],
     "frame-ancestors 'self' https://a.example http://b.example:81"),
    (lambda origin: True, "frame-ancestors 'self'"),
])
def test_who_may_frame_the_iframe_page(host, allowed, policy):
    server = host(Owner(cors_allowed_origins=allowed))
    headers = server.connection().request('GET', '/sockjs/iframe.html').headers
    assert headers.get('content-security-policy') == policy


def test_head_of_pages(server):
    for path in ('', '/info', '/iframe.html'):
        response = server.connection().request('HEAD', '/sockjs' + path)
        assert (response.status, response.body) == (200, b'')


@pytest.mark.parametrize(('method', 'path', 'allowed'), [
    ('POST', '', 'GET'), ('POST', '/info', 'GET, OPTIONS'), ('POST', '/iframe.html', 'GET'),
    ('POST', '/websocket', 'GET'), ('POST', '/0/x/websocket', 'GET'),
    ('GET', '/0/x/xhr', 'POST, OPTIONS'), ('HEAD', '/0/x/xhr', 'POST, OPTIONS'),
    ('GET', '/0/x/xhr_streaming', 'POST, OPTIONS'), ('GET', '/0/x/xhr_send', 'POST, OPTIONS'),
    ('POST', '/0/x/eventsource', 'GET'), ('POST', '/0/x/htmlfile', 'GET'),
    ('POST', '/0/x/jsonp', 'GET'), ('GET', '/0/x/jsonp_send', 'POST'),
    ('HEAD', '/0/x/eventsource', 'GET'),
    ('OPTIONS', '/0/x/eventsource', 'GET'), ('OPTIONS', '/0/x/websocket', 'GET'),
])
def test_wrong_methods(server, method, path, allowed):
    response = server.connection().request(method, '/sockjs' + path)
    assert (response.status, response.body) == (405, b'')
    assert response.headers['allow'] == allowed
    assert 'content-type' not in response.headers
    assert not server.sessions


@pytest.mark.parametrize('path', [
    '', '/info', '/iframe.html', '/0/x/xhr', '/0/x/xhr_streaming', '/0/x/xhr_send',
    '/0/x/eventsource', '/0/x/htmlfile?c=a', '/0/x/jsonp?c=a', '/0/x/jsonp_send', '/nothing'])
def test_a_websocket_where_there_is_none(server, path):
    response = server.websocket(target='/sockjs' + path).response
    assert response.status_code in (400, 404, 405)
    assert not server.sessions


# -- CORS -------------------------------------------------------------------------------------


@pytest.mark.parametrize(('path', 'method'), [
    ('/info', 'GET'), ('/0/x/xhr', 'POST'), ('/0/x/xhr_streaming', 'POST'),
    ('/0/x/xhr_send', 'POST')])
def test_options(serve, path, method):
    server = serve(cors_allowed_origins='http://page.example')
    response = server.connection().request('OPTIONS', '/sockjs' + path, headers=[
        ('Origin', 'http://page.example'), ('Access-Control-Request-Headers', 'X-A, X-B')])
    assert (response.status, response.body) == (204, b'')
    headers = response.headers
    assert headers['cache-control'] == 'public, max-age=31536000'
    assert headers['expires'].endswith(' GMT')
    assert headers['access-control-max-age'] == '31536000'
    assert headers['access-control-allow-methods'] == f'OPTIONS, {method}'
    assert headers['access-control-allow-headers'] == 'X-A, X-B'
    assert headers['access-control-allow-origin'] == 'http://page.example'
    assert headers['access-control-allow-credentials'] == 'true'
    bare = server.connection().request('OPTIONS', '/sockjs' + path)
    assert bare.status == 204 and 'access-control-allow-headers' not in bare.headers


def test_cors(serve):
    server = serve(cors_allowed_origins='*')
    for origin in ('http://page.example', 'null'):
        for method, what in (('POST', 'xhr'), ('POST', 'xhr_streaming'), ('GET', 'eventsource')):
            stream = Peer(server).stream(method, what, [('Origin', origin)])
            stream.read(1)
            assert stream.headers['access-control-allow-origin'] == origin
            assert stream.headers['access-control-allow-credentials'] == 'true'
            stream.close()
    headers = server.connection().request('GET', '/sockjs/info').headers
    assert headers['access-control-allow-origin'] == '*'
    assert 'access-control-allow-credentials' not in headers


@pytest.mark.parametrize(('method', 'path'), [
    ('GET', '/info'), ('OPTIONS', '/info'), ('POST', '/0/x/xhr'), ('POST', '/0/x/xhr_streaming'),
    ('POST', '/0/x/xhr_send'), ('GET', '/0/x/eventsource'), ('GET', '/0/x/htmlfile?c=a'),
    ('GET', '/0/x/jsonp?c=a'), ('POST', '/0/x/jsonp_send')])
def test_a_foreign_origin_is_refused_before_any_state(server, method, path):
    response = server.connection().request(method, '/sockjs' + path, headers=FOREIGN)
    assert (response.status, response.body) == (403, b'origin not allowed')
    assert not server.sessions and not server.owner.sids


def test_a_foreign_origin_gets_no_websocket(server):
    for path in ('/sockjs/websocket', '/sockjs/0/x/websocket'):
        assert server.websocket(FOREIGN, target=path).response.status_code == 403
    assert not server.sessions


def test_a_script_of_another_site_gets_no_session(server):
    foreign = [('Sec-Fetch-Site', 'cross-site'), ('Referer', 'http://evil.example/')]
    response = Peer(server).request('GET', 'jsonp?c=steal', headers=foreign)
    assert (response.status, response.body) == (403, b'origin not allowed')
    assert not server.sessions
    for path in ('', '/info', '/iframe.html'):  # links and frames
        assert server.connection().request('GET', '/sockjs' + path, headers=foreign).status == 200


# -- polling ----------------------------------------------------------------------------------


def test_xhr(server):
    peer = Peer(server)
    response = peer.request('POST', 'xhr')
    assert (response.status, response.body) == (200, b'o\n')
    assert response.headers['content-type'] == SCRIPT
    assert response.headers['cache-control'] == NO_CACHE
    assert 'set-cookie' not in response.headers
    sent = peer.send(['a', 'b'])
    assert (sent.status, sent.body) == (204, b'')
    assert sent.headers['content-type'] == 'text/plain; charset=UTF-8'
    assert sent.headers['cache-control'] == NO_CACHE
    until(lambda: len(server.owner.heard) == 2)
    assert peer.poll() == b'a["a","b"]\n'
    waiting = peer.waits()
    peer.send(['c'])
    assert waiting.get(timeout=TIMEOUT) == b'a["c"]\n'


def test_the_server_part_of_the_path_says_nothing(server):
    peer = Peer(server).open()
    peer.base = f'/sockjs/999/{peer.name}/'
    assert peer.send(['x']).status == 204
    assert peer.poll() == b'a["x"]\n'
    peer.base = f'/sockjs/000/{peer.name}/'
    assert peer.request('POST', 'xhr_send/', b'["y"]').status == 204
    assert len(server.sessions) == 1


def test_a_clients_id_stays_with_it(server):
    peer = Peer(server).open()
    assert peer.name not in server.sessions
    assert peer.name not in server.owner.sids[0] and server.owner.sids[0] != peer.name


@pytest.mark.parametrize('what', ['xhr_send', 'jsonp_send'])
def test_sending_to_nobody(server, what):
    assert Peer(server).send(['x'], what).status == 404
    assert not server.sessions


@pytest.mark.parametrize('kind', [
    'text/plain', 'T', 'application/json', 'application/xml', '', 'application/json; charset=utf-8',
    'text/xml; charset=utf-8', 'text/xml', None])
def test_types_of_bodies(server, kind):
    peer = Peer(server).open()
    headers = [] if kind is None else [('Content-Type', kind)]
    assert peer.send(['a'], headers=headers).status == 204
    assert peer.poll() == b'a["a"]\n'


@pytest.mark.parametrize('what', ['xhr_send', 'jsonp_send'])
@pytest.mark.parametrize(('body', 'answer'), [
    (b'', b'Payload expected.'),
    (b'{"a":1}', b'Payload expected.'),
    (b'1', b'Payload expected.'),
    (b'"a"', b'Payload expected.'),
    (b'[1]', b'Payload expected.'),
    (b'["a",["b"]]', b'Payload expected.'),
    (b'["x', b'Broken JSON encoding.'),
    (b'["x"]]', b'Broken JSON encoding.'),
    (b'\xff', b'Broken JSON encoding.'),
    (b'[' * 100_000, b'Broken JSON encoding.'),
    (b'["[\\"disconnect\\"]"]', b'reserved event name disconnect'),
])
def test_bad_bodies_leave_the_session_open(server, caplog, what, body, answer):
    peer = Peer(server).open()
    response = peer.send(body, what)
    assert (response.status, response.body) == (500, answer)
    assert peer.send(['a']).status == 204
    assert peer.poll() == b'a["a"]\n'
    assert not server.owner.reasons
    assert 'Traceback' not in caplog.text


def test_nothing_at_all_may_be_sent(server):
    peer = Peer(server).open()
    assert peer.send([]).status == 204
    assert server.owner.heard == []


def test_a_body_over_the_limit(serve):
    server = serve(max_http_buffer_size=1000)
    peer = Peer(server).open()
    assert peer.send(['x' * 1000]).status == 413
    assert peer.send(['x']).status == 204
    assert peer.poll() == b'a["x"]\n'


@pytest.mark.parametrize('text', [
    'a', 'é€😀', '\u200c\u2028\u2060\ufff0\uffff', '\x00\x1f"\\/\x7f', '%41&amp;+', '</script>'])
def test_texts_come_back_as_they_were(server, text):
    peer = Peer(server).open()
    peer.send([text])
    body = peer.poll().decode()
    assert json.loads(body[1:]) == [text]
    assert not set(body) & set('\u200c\u2028\u2060\ufff0\uffff\x00\x1f')


def test_lone_surrogates_come_back(server):
    peer = Peer(server).open()
    peer.send(b'["\\ud800"]')
    assert peer.poll() == b'a["\\ud800"]\n'


def test_nothing_is_said_before_the_connect_handler_has_accepted(server):
    decided = Event()
    server.owner.on('connect', lambda sid, environ: decided.wait(TIMEOUT))
    peer = Peer(server)
    waiting = peer.waits()
    assert peer.send(['early']).status == 204
    server.owner.emit('message', 'meanwhile')
    assert not server.owner.heard and not waiting.ready()
    decided.set()
    assert waiting.get(timeout=TIMEOUT) == b'o\n'
    until(lambda: server.owner.heard == [('early',)])
    assert peer.poll() == b'a["meanwhile","early"]\n'


@pytest.mark.parametrize('blocks', [False, True])
def test_a_client_that_is_refused(server, blocks):
    def refuse(sid, environ):
        if blocks:
            gevent.sleep(0)
        return False

    server.owner.on('connect', refuse)
    last = b'c[1008,"Connection rejected by server"]'
    assert Peer(server).poll() == last + b'\n'
    stream = Peer(server).stream('GET', 'eventsource')
    assert stream.rest() == b'\r\ndata: ' + last + b'\r\n\r\n'
    websocket = server.websocket(target='/sockjs/0/x/websocket')
    assert websocket.receive_until_closed() == ([last.decode()], (1000, 'Normal closure'))
    raw = server.websocket(target='/sockjs/websocket')
    assert raw.receive_until_closed() == ([], (1008, 'Connection rejected by server'))
    assert_nothing_is_left(server)


def test_events_and_rooms(server):
    one, two = Peer(server).open(), Peer(server).open()
    one.send([json.dumps(['join', 'room'])])
    until(lambda: server.owner.namespace('/').rooms.find('room'))
    server.owner.emit('news', {'a': [1]}, to='room')
    server.owner.emit('message', 'all')
    assert json.loads(one.poll()[1:]) == ['["news",{"a":[1]}]', 'all']
    assert two.poll() == b'a["all"]\n'


def test_a_client_that_cannot_answer(server):
    Peer(server).open()
    with pytest.raises(UnsupportedError, match='SockJS, has no acknowledgements'):
        server.owner.call('ask', to=server.owner.sids[0], timeout=TIMEOUT)


def test_a_broadcast_is_quoted_once(server, monkeypatch):
    quoted = []
    real = sockjs.codec.quote
    monkeypatch.setattr(sockjs.codec, 'quote', lambda text: quoted.append(text) or real(text))
    polls = [Peer(server).open() for _ in range(3)]
    sockets = [server.websocket(target='/sockjs/0/x/websocket') for _ in range(3)]
    assert [websocket.receive() for websocket in sockets] == ['o'] * 3
    server.owner.emit('message', 'to all')
    assert [websocket.receive() for websocket in sockets] == ['a["to all"]'] * 3
    assert [peer.poll() for peer in polls] == [b'a["to all"]\n'] * 3
    assert quoted == ['to all']


def test_heartbeats_answer_polls(serve):
    server = serve(ping_interval=0.2)
    peer = Peer(server).open()
    assert peer.poll() == b'h\n'
    assert peer.poll() == b'h\n'
    assert not server.owner.reasons


# -- one receiver at a time, aborts, and the end ----------------------------------------------


STILL_OPEN = b'c[2010,"Another connection still open"]'


def test_a_second_receiver_is_sent_away(server):
    peer = Peer(server).open()
    waiting = peer.waits()
    assert peer.poll() == STILL_OPEN + b'\n'
    stream = peer.stream('POST', 'xhr_streaming')
    assert stream.rest() == PRELUDE + STILL_OPEN + b'\n' and stream.status == 200
    peer.send(['still here'])
    assert waiting.get(timeout=TIMEOUT) == b'a["still here"]\n'
    stream = peer.stream('POST', 'xhr_streaming')
    stream.expect(PRELUDE)
    assert peer.poll() == STILL_OPEN + b'\n'
    jsonp = peer.request('GET', 'jsonp?c=cb')
    assert jsonp.body == b'/**/cb("c[2010,\\"Another connection still open\\"]");\r\n'
    peer.send(['x'])
    stream.expect(b'a["x"]\n')
    assert len(server.sessions) == 1 and not server.owner.reasons


def test_a_poll_given_up_ends_the_session_at_once(server):
    peer = Peer(server).open()
    connection = server.connection()
    connection.send('POST', peer.base + 'xhr')
    until(lambda: peer.session.busy)
    connection.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert peer.poll() == b'c[1002,"Connection interrupted"]\n'
    assert_nothing_is_left(server)


@pytest.mark.parametrize(('method', 'what'), [
    ('POST', 'xhr_streaming'), ('GET', 'eventsource'), ('GET', 'htmlfile?c=x')])
def test_a_stream_given_up_ends_the_session_at_once(server, method, what):
    peer = Peer(server)
    stream = peer.stream(method, what)
    stream.read(1)
    until(lambda: server.owner.sids)
    stream.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert peer.poll() == b'c[1002,"Connection interrupted"]\n'
    assert_nothing_is_left(server)


def test_a_session_without_receiver_ends_in_time(serve):
    server = serve(disconnect_delay=0.2, ping_interval=1)
    peer = Peer(server).open()
    assert peer.send(['x']).status == 204  # sending is no receiving
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert_nothing_is_left(server)
    until(lambda: not len(door_of(server).farewells))
    assert peer.send(['x']).status == 404
    peer.open()


def test_the_delay_is_that_of_sockjs(server):
    Peer(server).open()
    session = next(iter(server.sessions.values()))
    assert (session.pause, session.interval) == (5, 25)


def test_the_server_ends_a_session_that_waits(server):
    peer = Peer(server).open()
    waiting = peer.waits()
    server.owner.disconnect(server.owner.sids[0])
    last = b'c[1000,"Normal closure"]\n'
    assert waiting.get(timeout=TIMEOUT) == last
    assert [peer.poll(), peer.poll()] == [last, last]
    assert peer.stream('POST', 'xhr_streaming').rest() == PRELUDE + last
    assert peer.send(['too late']).status == 204
    assert server.owner.heard == []
    assert server.owner.reasons == ['server namespace disconnect']
    assert_nothing_is_left(server)


def test_what_a_session_did_not_get_is_said_before_its_end(server):
    first, second = Peer(server).open(), Peer(server).open()
    server.owner.emit('message', 'one')
    server.owner.emit('message', 'two')
    for sid in server.owner.sids:
        server.owner.disconnect(sid)
    assert [first.poll(), first.poll(), first.poll()] == [
        b'a["one","two"]\n', b'c[1000,"Normal closure"]\n', b'c[1000,"Normal closure"]\n']
    assert second.stream('POST', 'xhr_streaming').rest() == (
        PRELUDE + b'a["one","two"]\nc[1000,"Normal closure"]\n')
    assert_nothing_is_left(server)
    assert door_of(server).farewells._size == 0


def test_an_end_is_known_as_long_as_it_is_asked_for(serve):
    server = serve(disconnect_delay=0.5, ping_interval=1)
    peer = Peer(server).open()
    peer.send([json.dumps(['close'])])
    until(lambda: peer.session is None)
    known = door_of(server).farewells
    with gevent.Timeout(TIMEOUT):
        began = server.owner.engine.runtime.now()
        while server.owner.engine.runtime.now() < began + 1:
            assert peer.poll() == b'c[1000,"Normal closure"]\n'
    until(lambda: not len(known))
    peer.open()


def test_the_ends_that_are_known_are_bounded(serve, monkeypatch):
    monkeypatch.setattr(farewells, 'MAX_FAREWELLS', 2)
    monkeypatch.setattr(farewells, 'MAX_FAREWELL_SIZE', 100)
    server = serve()
    peers = [Peer(server).open() for _ in range(3)]
    server.owner.emit('message', 'x' * 60)
    for sid in server.owner.sids:
        server.owner.disconnect(sid)
    known = door_of(server).farewells
    server.settle()
    assert len(known) == 2 and known._size == 62
    assert peers[0].name not in known
    assert peers[1].poll() == b'c[1000,"Normal closure"]\n'  # there was no room for its text
    assert peers[2].poll() == b'a["' + b'x' * 60 + b'"]\n'


def test_the_server_stops(server):
    polls, streams = Peer(server).open(), Peer(server)
    waiting = polls.waits()
    stream = streams.stream('GET', 'eventsource')
    stream.expect(b'\r\ndata: o\r\n\r\n')
    websocket = server.websocket(target='/sockjs/0/x/websocket')
    assert websocket.receive() == 'o'
    server.owner.shutdown()
    assert waiting.get(timeout=TIMEOUT) == b'c[1001,"server shutting down"]\n'
    assert stream.rest() == b'data: c[1001,"server shutting down"]\r\n\r\n'
    assert websocket.receive_until_closed()[0] == ['c[1001,"server shutting down"]']
    assert_nothing_is_left(server)


def test_too_many_connections(serve):
    server = serve(max_connections=1)
    peer = Peer(server).open()
    response = Peer(server).request('POST', 'xhr')
    assert (response.status, response.headers['retry-after']) == (503, '5')
    assert server.websocket(target='/sockjs/0/x/websocket').response.status_code == 503
    assert peer.send(['x']).status == 204
    assert len(server.sessions) == 1


def test_a_client_that_does_not_poll_is_closed_alone(serve, caplog):
    server = serve(max_outbox_size=1000)
    slow, other = Peer(server).open(), Peer(server).open()
    for _ in range(4):
        server.owner.emit('message', 'x' * 600)
        other.poll()
        gevent.sleep(0)
    until(lambda: slow.session is None)
    assert server.owner.reasons == ['slow client']
    assert 'max_outbox_size' in caplog.text
    assert slow.poll() == b'c[1008,"slow client"]\n'
    assert other.send(['x']).status == 204


def test_too_many_events(serve, caplog):
    server = serve(max_waiting_size=1000, max_handlers=1)
    blocked = Event()
    server.owner.on('block', lambda sid: blocked.wait(TIMEOUT))
    peer = Peer(server).open()
    peer.send(['["block"]'])
    peer.send(['x' * 600])
    assert peer.send(['x' * 600]).status == 204
    assert peer.poll() == b'c[1008,"too many events"]\n'
    blocked.set()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['too many events']


# -- streaming --------------------------------------------------------------------------------


STREAMS = {
    'xhr_streaming': ('POST', SCRIPT, PRELUDE, b'%b\n'),
    'eventsource': ('GET', 'text/event-stream', b'\r\n', b'data: %b\r\n\r\n'),
}


@pytest.mark.parametrize('what', STREAMS)
def test_streams(server, what):
    method, kind, prelude, piece = STREAMS[what]
    peer = Peer(server)
    stream = peer.stream(method, what)
    stream.expect(prelude + piece % b'o')
    assert stream.status == 200
    assert stream.headers['content-type'] == kind
    assert stream.headers['cache-control'] == NO_CACHE
    assert 'content-length' not in stream.headers
    peer.send(['a', 'b'])
    stream.expect(piece % b'a["a"]' + piece % b'a["b"]')
    server.owner.disconnect(server.owner.sids[0])
    assert stream.rest() == piece % b'c[1000,"Normal closure"]'
    assert_nothing_is_left(server)


def test_eventsource_escapes(server):
    peer = Peer(server)
    stream = peer.stream('GET', 'eventsource')
    stream.expect(b'\r\ndata: o\r\n\r\n')
    peer.send(['50%\r\n'])
    stream.expect(b'data: a["50%25\\u000d\\u000a"]\r\n\r\n')


def test_htmlfile(server):
    peer = Peer(server)
    stream = peer.stream('GET', 'htmlfile?c=' + quote('a.b_C-1'))
    head = stream.read(1024)
    while not head.endswith(b'\r\n\r\n'):
        head += stream.read(1)
    assert stream.headers['content-type'] == 'text/html; charset=UTF-8'
    assert stream.headers['cache-control'] == NO_CACHE
    assert head.startswith(b'<!doctype html>\n<html><head>\n') and len(head) > 1024
    assert b'\n    var c = parent.a.b_C-1;\n' in head
    stream.expect(b'<script>\np("o");\n</script>\r\n')
    peer.send(['x</script>"'])
    stream.expect(b'<script>\np("a[\\"x\\u003c/script>\\\\\\"\\"]");\n</script>\r\n')


@pytest.mark.parametrize('what', ['htmlfile', 'jsonp'])
@pytest.mark.parametrize(('query', 'answer'), [
    ('', b'"callback" parameter required'),
    ('?c=', b'"callback" parameter required'),
    ('?c=%20', b'invalid "callback" parameter'),
    ('?c=*', b'invalid "callback" parameter'),
    ('?c=abc(', b'invalid "callback" parameter'),
    ('?c=abc%28', b'invalid "callback" parameter'),
    ('?c=a%0Ab', b'invalid "callback" parameter'),
    ('?callback=x%3Balert(1)', b'invalid "callback" parameter'),
    ('?c=' + 'x' * 33, b'invalid "callback" parameter'),
])
def test_bad_callbacks(server, what, query, answer):
    response = Peer(server).request('GET', what + query)
    assert (response.status, response.body) == (500, answer)
    assert not server.sessions


def test_a_stream_ends_at_its_limit_and_the_session_goes_on(serve):
    server = serve(response_limit=4096)
    peer = Peer(server)
    stream = peer.stream('POST', 'xhr_streaming')
    stream.expect(PRELUDE + b'o\n')
    text = 'x' * 128
    for _ in range(31):
        peer.send([text])
        stream.expect(f'a["{text}"]\n'.encode())
    assert stream.rest() == b''
    peer.send(['next'])
    again = peer.stream('POST', 'xhr_streaming')
    again.expect(PRELUDE + b'a["next"]\n')
    for _ in range(30):
        peer.send([text])
        again.expect(f'a["{text}"]\n'.encode())
    assert peer.session.transport.name == 'streaming'
    assert len(server.sessions) == 1


@pytest.mark.parametrize('what', ['eventsource', 'htmlfile?c=x'])
def test_other_streams_end_at_their_limit_too(serve, what):
    server = serve(response_limit=4096)
    peer = Peer(server)
    stream = peer.stream('GET', what)
    peer.send(['early'])
    until(lambda: server.owner.heard)
    peer.send(['x' * 4096])
    assert b'x' * 4096 in stream.rest()
    assert not peer.session.busy


def test_heartbeats_on_streams(serve):
    server = serve(ping_interval=0.2, disconnect_delay=0.1)
    stream = Peer(server).stream('POST', 'xhr_streaming')
    stream.expect(PRELUDE + b'o\nh\nh\n')
    assert not server.owner.reasons


def test_polls_and_streams_may_take_turns(server):
    peer = Peer(server).open()
    peer.send(['a'])
    until(lambda: server.owner.heard)
    stream = peer.stream('GET', 'eventsource')
    stream.expect(b'\r\ndata: a["a"]\r\n\r\n')
    assert server.owner.transport(server.owner.sids[0]) == 'streaming'


def test_a_slow_reader_is_closed_alone(serve):
    server = serve(max_outbox_size=100_000, response_limit=1_000_000_000)
    slow, other = Peer(server), Peer(server).open()
    stream = slow.stream('POST', 'xhr_streaming')
    stream.expect(PRELUDE)
    for _ in range(400):
        server.owner.emit('message', 'y' * 50_000)
        other.poll()
        if slow.session is None:
            break
    until(lambda: slow.session is None)
    assert server.owner.reasons == ['slow client']
    assert other.send(['x']).status == 204
    assert len(server.sessions) == 1


def http10(server, path, keep, until_end=b''):
    """What comes until some bytes do, or the end; and the socket."""
    sock = server.connection().sock
    sock.sendall(f'POST {path} HTTP/1.0\r\nContent-Length: 0\r\n{keep}\r\n'.encode())
    return sock, receive(sock, until_end)


def receive(sock, until_end=b''):
    data = b''
    while not (until_end and data.endswith(until_end)):
        piece = sock.recv(4096)
        if not piece:
            break
        data += piece
    return data


@pytest.mark.parametrize('keep', ['', 'Connection: keep-alive\r\n'])
def test_http_10(server, keep):
    _, data = http10(server, '/sockjs/0/polls/xhr', keep, b'o\n')
    assert data.split(b' ', 2)[1] == b'200' and b'Content-Length: 2\r\n' in data
    sock, data = http10(server, '/sockjs/0/reads/xhr_streaming', keep, PRELUDE + b'o\n')
    head = data[:data.index(b'\r\n\r\n')].lower()
    assert b'chunked' not in head and b'content-length' not in head
    server.owner.disconnect(server.owner.sids[-1])
    assert receive(sock) == b'c[1000,"Normal closure"]\n'


# -- JSONP ------------------------------------------------------------------------------------


def test_jsonp(server):
    peer = Peer(server)
    response = peer.request('GET', 'jsonp?c=%63allback')
    assert (response.status, response.body) == (200, b'/**/callback("o");\r\n')
    assert response.headers['content-type'] == SCRIPT
    assert response.headers['cache-control'] == NO_CACHE
    assert response.headers['x-content-type-options'] == 'nosniff'
    form = [('Content-Type', 'application/x-www-form-urlencoded')]
    sent = peer.send(b'd=%5B%22x%22%5D', 'jsonp_send', form)
    assert (sent.status, sent.body, sent.headers['content-length']) == (200, b'ok', '2')
    assert peer.request('GET', 'jsonp?callback=x').body == b'/**/x("a[\\"x\\"]");\r\n'


def test_jsonp_send_without_a_form_is_not_decoded(server):
    peer = Peer(server).open()
    plain = [('Content-Type', 'text/plain')]
    assert peer.send(b'["%61bc"]', 'jsonp_send', plain).body == b'ok'
    form = [('Content-Type', 'application/x-www-form-urlencoded; charset=utf-8')]
    assert peer.send(b'a=b&d=%5B%22%61bc%22%5D', 'jsonp_send', form).body == b'ok'
    until(lambda: len(server.owner.heard) == 2)
    assert server.owner.heard == [('%61bc',), ('abc',)]


@pytest.mark.parametrize('body', [b'', b'd', b'd=', b'e=%5B%5D'])
def test_forms_without_the_field(server, body):
    peer = Peer(server).open()
    form = [('Content-Type', 'application/x-www-form-urlencoded')]
    response = peer.send(body, 'jsonp_send', form)
    assert (response.status, response.body) == (500, b'Payload expected.')


def test_jsonp_escapes(server):
    peer = Peer(server).open()
    peer.send(['\u2028"\\é'])
    body = peer.request('GET', 'jsonp?c=x').body.decode()
    literal = body.removeprefix('/**/x(').removesuffix(');\r\n')
    assert json.loads(json.loads(literal)[1:]) == ['\u2028"\\é']
    assert '\u2028' not in body


# -- WebSocket --------------------------------------------------------------------------------


def framed(server, **options):
    websocket = server.websocket(target=f'/sockjs/000/{uuid.uuid4()}/websocket', **options)
    assert websocket.receive() == 'o'
    return websocket


def test_websocket(server):
    websocket = framed(server)
    websocket.send('["a","b"]')
    assert [websocket.receive(), websocket.receive()] == ['a["a"]', 'a["b"]']
    websocket.send('"single"')
    assert websocket.receive() == 'a["single"]'
    websocket.send('')
    websocket.send('[]')
    websocket.send('["c"]')
    assert websocket.receive() == 'a["c"]'
    websocket.send(json.dumps([json.dumps(['close'])]))
    assert websocket.receive_until_closed() == (
        ['c[1000,"Normal closure"]'], (1000, 'Normal closure'))
    assert server.owner.reasons == ['server namespace disconnect']
    assert_nothing_is_left(server)


@pytest.mark.parametrize('draft', [75, 76])
def test_websockets_of_drafts(serve, draft):
    server = serve(ping_interval=0.2)
    websocket = HixieSocket(server.address, '/sockjs/000/old/websocket', draft)
    assert websocket.receive() == 'o'
    websocket.send('["é"]')
    assert websocket.receive() == 'a["é"]'
    assert [websocket.receive(), websocket.receive()] == ['h', 'h']  # there are no pings
    server.owner.disconnect(server.owner.sids[0])
    assert websocket.receive() == 'c[1000,"Normal closure"]'
    if draft == 76:
        assert websocket.read(2) == b'\xff\x00'
        websocket.sock.sendall(b'\xff\x00')
    assert websocket.receive_until_end() == b''
    websocket.close()
    raw = HixieSocket(server.address, '/sockjs/websocket', draft)
    raw.send('hello')
    assert raw.receive() == 'hello'
    raw.close()
    assert_nothing_is_left(server)


def test_two_websockets_of_one_id_have_nothing_in_common(server):
    one, two = (server.websocket(target='/sockjs/000/same/websocket') for _ in range(2))
    assert [one.receive(), two.receive()] == ['o', 'o']
    one.send('["a"]')
    assert one.receive() == 'a["a"]'
    one.close()
    two.send('["b"]')
    assert two.receive() == 'a["b"]'
    Peer(server, 'same').open()


@pytest.mark.parametrize('message', ['["incomplete', '{}', '1', '[1]', 'null', '["a"]]'])
def test_broken_framing(server, caplog, message):
    websocket, other = framed(server), framed(server)
    websocket.send(message)
    assert websocket.receive_until_closed() == ([], (3000, 'Broken framing.'))
    assert server.owner.reasons == ['parse error']
    other.send('["x"]')
    assert other.receive() == 'a["x"]'
    assert 'Traceback' not in caplog.text


def test_websockets_take_no_binary_and_no_reserved_names(server):
    websocket = framed(server)
    websocket.send(b'["a"]')
    assert websocket.receive_until_closed() == (
        [], (3000, 'binary data, which SockJS does not have'))
    websocket = framed(server)
    websocket.send(json.dumps(['["connect"]']))
    assert websocket.receive_until_closed() == ([], (3000, 'reserved event name connect'))


def test_a_message_over_the_limit(serve):
    server = serve(max_http_buffer_size=100)
    websocket = framed(server)
    websocket.send(json.dumps(['x' * 100]))
    assert websocket.receive_until_closed()[1][0] == 1009
    assert server.owner.reasons == ['message too big']


def test_a_websocket_that_does_not_answer(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.2)
    answers, silent = framed(server), framed(server)
    reading = gevent.spawn(answers.receive)  # websockets' protocol answers pings
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['ping timeout']
    assert silent.receive_until_closed() == ([], (3000, 'No response from heartbeat'))
    server.owner.emit('message', 'still here')
    assert reading.get(timeout=TIMEOUT) == 'a["still here"]'


def test_a_websocket_that_goes(server):
    websocket = framed(server)
    websocket.protocol.send_close(1000)
    websocket._flush()
    assert server.owner.left.wait(TIMEOUT)
    assert websocket.receive_until_closed()[0] == []
    assert server.owner.reasons == ['transport close']
    framed(server).close()
    until(lambda: len(server.owner.reasons) == 2)
    assert_nothing_is_left(server)


@pytest.mark.parametrize('headers', [
    [],
    [('Upgrade', 'websocket'), ('Connection', 'close')],
    [('Upgrade', 'websocket')],
    [('Upgrade', 'h2c'), ('Connection', 'Upgrade')],
])
@pytest.mark.parametrize('path', ['/sockjs/websocket', '/sockjs/0/x/websocket'])
def test_no_websocket_request(server, path, headers):
    response = server.connection().request('GET', path, headers=headers)
    assert (response.status, response.body) == (400, b'Not a valid websocket request')
    assert not server.sessions


def test_raw_websocket(server):
    websocket = server.websocket(target='/sockjs/websocket')
    until(lambda: server.owner.sids)
    websocket.send('Hello world!\uffff')
    assert websocket.receive() == 'Hello world!\uffff'
    websocket.send('["close"]')
    assert websocket.receive_until_closed() == ([], (1000, ''))
    websocket = server.websocket(target='/sockjs/websocket')
    websocket.send(b'binary')
    assert websocket.receive_until_closed()[1] == (
        1008, 'binary data, which SockJS does not have')
    assert_nothing_is_left(server)


def test_it_is_off_unless_asked_for(host):
    server = host(Server())
    assert not server.owner.gateway.doors
    assert server.connection().request('GET', '/sockjs/info').status == 404


def test_keep_alive(host):
    server = host(Owner())
    connection = Connection(server.address)
    for _ in range(3):
        assert connection.request('POST', '/sockjs/0/k/xhr').body in (b'o\n', b'a["x"]\n')
        assert connection.request('POST', '/sockjs/0/k/xhr_send', b'["x"]').status == 204
        until(lambda: door_of(server)._sessions['k'].held.out)
    connection.close()

"""Socket.IO 0.6 over real sockets, in the loop and through WSGI, by a client of raw requests."""

from __future__ import annotations

import json
import re

import gevent
import pytest
from gevent.event import Event

from geventio import Server, UnsupportedError
from geventio.dialects import sio06

from ..conftest import TIMEOUT
from ..sio06 import EVERY, ID, POLLS, STREAMS, Poller, Streamer, Wire, connect, frame, receive
from ..waiting import until


class Owner(Server):
    def __init__(self, app=None, **options):
        options.setdefault('dialects', ['eio4', 'sio06'])
        super().__init__(app, **options)
        self.sids, self.events, self.reasons = [], [], []
        self.left = Event()
        self.on('connect', lambda sid, environ: self.sids.append(sid))
        self.on('message', lambda sid, *args: self.events.append(('message', *args)))
        self.on('buy', lambda sid, *args: self.events.append(('buy', *args)))
        self.on('echo', lambda sid, value: self.send(value, to=sid))
        self.on('disconnect', self._gone)

    def _gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


@pytest.fixture
def serve(serve_both_ways):
    return lambda **options: serve_both_ways(Owner(**options))



# -- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize('transport', EVERY)
def test_messages_both_ways(serve, transport):
    server = serve()
    client = connect(server, transport)
    assert len(server.sessions) == len(server.owner.sids) == 1
    client.send('hello', '~j~{"a":1}', '€ 😀', '', '~j~[1,{"x":null}]')
    client.send('~j~{"event":"buy","args":[1,"€"]}')
    until(lambda: len(server.owner.events) == 6)
    assert server.owner.events == [
        ('message', 'hello'), ('message', {'a': 1}), ('message', '€ 😀'), ('message', ''),
        ('message', [1, {'x': None}]), ('buy', 1, '€')]
    server.owner.send({'hello': '€'})
    assert receive(client) == '~m~16~m~~j~{"hello":"€"}'
    server.owner.send('</script>\u2028')
    assert receive(client) == frame('</script>\u2028')
    server.owner.emit('news', {'a': 1})
    assert receive(client) == frame('~j~{"event":"news","args":[{"a":1}]}')
    server.owner.send(b'\1\2\3')
    assert receive(client) == frame('AQID')
    client.send('~j~{"event":"echo","args":["back"]}')
    assert receive(client) == frame('back')


def test_what_is_verified_of_polling(serve):
    server = serve()
    client = Poller(server)
    server.owner.send({'hello': '€'})
    assert client.get() == '~m~16~m~~j~{"hello":"€"}'
    server.owner.send('hello')
    server.owner.send({})
    assert client.get() == '~m~5~m~hello~m~5~m~~j~{}'


def test_answers_to_the_letter(serve):
    server = serve()
    Poller(server)
    connection = server.connection()
    answer = connection.request('GET', '/socket.io/xhr-polling//1290000000000')
    assert answer.headers['cache-control'] == 'no-store'
    assert answer.headers['content-length'] == str(len(answer.body))
    assert answer.headers.get('connection') != 'close'
    answer = connection.request('GET', '/socket.io/jsonp-polling//1290000000000/12')
    sid = list(server.sessions)[-1]
    assert answer.body.decode() == f'io.JSONP[12]._("{frame(sid)}");'
    assert answer.headers['x-content-type-options'] == 'nosniff'
    multipart = Streamer(server, 'xhr-multipart')
    assert multipart.headers['content-type'] == 'multipart/x-mixed-replace;boundary="socketio"'
    if server.http.gateway is not None:  # pywsgi knows one way only
        assert 'transfer-encoding' not in multipart.headers
    assert 'content-length' not in multipart.headers
    assert Streamer(server, 'htmlfile').headers['content-type'].startswith('text/html')


@pytest.mark.parametrize('path', [
    'xhr-polling', 'xhr-polling/', 'xhr-polling//', 'xhr-polling//123', 'jsonp-polling//123/0',
    'jsonp-polling'])
def test_urls_that_open_a_session(serve, path):
    server = serve()
    assert server.connection().request('GET', f'/socket.io/{path}').status == 200
    assert len(server.sessions) == 1


def test_rooms_and_disconnect_mean_the_same(serve):
    server = serve()
    clients = [connect(server, transport) for transport in EVERY]
    until(lambda: len(server.owner.sids) == len(clients))
    for sid in server.owner.sids[::2]:
        server.owner.enter_room(sid, 'even')
    server.owner.emit('only', to='even')
    server.owner.send('all')
    for number, client in enumerate(clients):
        expected = [frame('~j~{"event":"only","args":[]}'), frame('all')][number % 2:]
        heard = ''
        while heard != ''.join(expected):
            heard += receive(client)
            assert ''.join(expected).startswith(heard)
    for sid in server.owner.sids:
        server.owner.disconnect(sid)
    until(lambda: len(server.owner.reasons) == len(clients))
    assert set(server.owner.reasons) == {'server namespace disconnect'}
    server.settle()
    assert not server.owner.namespace('/').rooms.sockets
    poller = clients[EVERY.index('xhr-polling')]
    assert poller.gets.request('GET', f'/socket.io/xhr-polling/{poller.sid}/1').status == 404


def test_acknowledgements_are_refused_clearly(serve):
    server = serve()
    Poller(server)
    with pytest.raises(UnsupportedError, match=r'Socket\.IO 0\.6'):
        server.owner.call('ask', to=server.owner.sids[0], timeout=TIMEOUT)


# -- the connect handler --------------------------------------------------------------------------


@pytest.mark.parametrize('transport', EVERY)
def test_the_session_id_waits_for_the_connect_handler(serve, transport):
    server = serve()
    decided = Event()

    def decide(sid, environ):
        server.owner.send('welcome', to=sid)
        decided.wait(TIMEOUT)

    server.owner.on('connect', decide)
    client = gevent.spawn(connect, server, transport)
    until(lambda: server.sessions)
    gevent.sleep(0.05)  # nothing must come
    assert not client.ready()
    decided.set()
    if transport in POLLS:
        with pytest.raises(AssertionError) as caught:
            client.get(timeout=TIMEOUT)
        assert re.search(ID + '~m~7~m~welcome', str(caught.value))
    else:
        assert receive(client.get(timeout=TIMEOUT)) == frame('welcome')


@pytest.mark.parametrize('path', ['xhr-polling//1', 'jsonp-polling//1/0'])
def test_a_refused_client_gets_403(serve, path):
    server = serve()
    server.owner.on('connect', lambda sid, environ: False)
    answer = server.connection().request('GET', f'/socket.io/{path}')
    assert answer.status == 403
    assert answer.headers['connection'] == 'close'
    server.settle()


def test_a_refused_websocket_and_stream_end(serve):
    server = serve()
    server.owner.on('connect', lambda sid, environ: False)
    websocket = server.websocket(target='/socket.io/websocket')
    messages, close = websocket.receive_until_closed()
    assert (messages, close[0]) == ([], 1008)
    with pytest.raises(EOFError):
        Streamer(server, 'htmlfile')
    server.settle()


def test_a_connect_handler_that_takes_too_long(serve):
    server = serve(polling_duration=0.1, disconnect_delay=0.1)
    decided = Event()
    server.owner.on('connect', lambda sid, environ: decided.wait(TIMEOUT))
    answer = server.connection().request('GET', '/socket.io/xhr-polling//1')
    assert (answer.status, answer.body) == (503, b'nobody has decided yet')
    server.settle()
    decided.set()


# -- polls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize('transport', POLLS)
def test_a_poll_is_held_until_there_is_news(serve, transport):
    server = serve()
    client = Poller(server, transport)
    waiting = client.hold(server)
    server.owner.send('a')
    server.owner.send('b')
    assert waiting.get(timeout=TIMEOUT) == '~m~1~m~a~m~1~m~b'


@pytest.mark.parametrize('transport', POLLS)
def test_a_poll_without_news_is_answered_with_nothing(serve, transport):
    server = serve(polling_duration=0.1)
    client = Poller(server, transport)
    assert client.get() == ''
    server.owner.send('a')
    assert client.get() == '~m~1~m~a'


def test_a_second_poll_takes_the_place_of_the_first(serve):
    server = serve()
    client, other = Poller(server), Poller(server)
    other.sid = client.sid
    first = client.hold(server)
    second = gevent.spawn(other.get)
    assert first.get(timeout=TIMEOUT) == ''
    server.owner.send('a')
    assert second.get(timeout=TIMEOUT) == '~m~1~m~a'


def test_a_poller_that_leaves_is_gone_after_the_delay(serve):
    server = serve(disconnect_delay=0.1)
    client = Poller(server)
    waiting = client.hold(server)
    client.gets.close()
    waiting.kill()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    server.settle()
    assert client.post(b'data=').status == 404


def test_posts_keep_a_session(serve):
    server = serve(disconnect_delay=0.4)
    client = Poller(server)
    for _ in range(4):
        gevent.sleep(0.2)  # the time is what is tested
        client.send('x')
    assert client.sid in server.sessions


@pytest.mark.parametrize('transport', POLLS)
def test_the_last_words_of_the_server_wait_for_one_more_poll(serve, transport):
    server = serve(disconnect_delay=0.3)
    clients = [Poller(server, transport) for _ in range(2)]
    server.owner.send('goodbye')
    for sid in server.owner.sids:
        server.owner.disconnect(sid)
    server.settle()
    door = server.owner.gateway.doors._doors[0]
    assert clients[0].get() == frame('goodbye')
    with pytest.raises(AssertionError, match='no such session'):
        clients[0].get()
    until(lambda: not door.last_words)
    with pytest.raises(AssertionError, match='no such session'):
        clients[1].get()


@pytest.mark.parametrize(('limit', 'value'), [('MAX_LAST_WORDS', 0), ('LAST_WORDS_SIZE', 5)])
def test_last_words_are_bounded(serve, monkeypatch, limit, value):
    monkeypatch.setattr(sio06, limit, value)
    server = serve()
    client = Poller(server)
    server.owner.send('goodbye')
    server.owner.disconnect(server.owner.sids[0])
    server.settle()
    with pytest.raises(AssertionError, match='no such session'):
        client.get()


# -- heartbeats -----------------------------------------------------------------------------------


def beats(client, count):
    """The numbers of the next heartbeats."""
    numbers = []
    while len(numbers) < count:
        numbers += [int(n) for n in re.findall('~m~4~m~~h~([0-9])', client.receive())]
    return numbers


@pytest.mark.parametrize('transport', ['websocket', 'hixie-76', *STREAMS])
def test_heartbeats(serve, transport):
    server = serve(ping_interval=0.1, ping_timeout=0.4)
    client = connect(server, transport)
    for number in range(1, 8):
        assert beats(client, 1) == [number]
        client.send(f'~h~{number}')
    assert client.sid in server.sessions
    assert server.owner.events == []


@pytest.mark.parametrize('transport', ['hixie-76', *STREAMS])
def test_silence_ends_the_session(serve, transport):
    server = serve(ping_interval=0.1, ping_timeout=0.1)
    connect(server, transport)
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['ping timeout']
    server.settle()


def test_who_has_echoed_must_go_on_with_it(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.3)
    client = Wire(server)
    beats(client, 1)
    client.send('~h~1')
    beats(client, 1)
    for body in ('~h~1', '~h~3', 'text', '~h~02x'):  # wrong numbers, and no heartbeat
        client.send(body)
    messages, close = client.socket.receive_until_closed()
    assert close == (1001, 'ping timeout')
    assert server.owner.events == [('message', 'text'), ('message', '~h~02x')]


def test_who_has_never_echoed_lives_by_pongs(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.2)
    client = Wire(server)
    assert beats(client, 5) == [1, 2, 3, 4, 5]  # reading answers the pings


def test_who_has_never_echoed_lives_by_messages(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.2)
    client = connect(server, 'hixie-76')
    for number in range(1, 6):
        assert beats(client, 1) == [number]
        client.send('x')


@pytest.mark.parametrize('transport', ['hixie-76', *STREAMS])
def test_who_talks_gets_heartbeats_nevertheless(serve, transport):
    server = serve(ping_interval=0.2, ping_timeout=5)
    client = connect(server, transport)

    def talk():
        while True:
            client.send('x')
            gevent.sleep(0.02)

    talking = gevent.spawn(talk)
    assert beats(client, 3) == [1, 2, 3]
    talking.kill()


def test_the_interval_is_never_longer_than_clients_wait(host):
    server = host(Owner(ping_interval=25, ping_timeout=20))
    client = Poller(server)
    session = server.sessions[client.sid]
    assert (session.interval, session.patience, session.pause) == (10, 8, 8)


def test_a_heartbeat_does_not_end_the_batch(serve):
    server = serve()
    client = Wire(server)
    client.send('~h~1', 'after')
    until(lambda: server.owner.events == [('message', 'after')])


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(('body', 'reason'), [
    ('~m~9999999999~m~x', 'a frame length of more than 9 digits'),
    ('~m~200~m~x', 'frame too large'),
])
def test_bad_lengths_cost_that_client_alone(serve, body, reason):
    server = serve(max_http_buffer_size=100)
    other, client, poller = Wire(server), Wire(server), Poller(server)
    client.socket.send(body)
    assert client.socket.receive_until_closed() == ([], (1008, reason))
    answer = poller.post(b'data=' + body.encode())
    assert (answer.status, answer.body) == (400, reason.encode())
    until(lambda: len(server.owner.reasons) == 2)
    assert server.owner.reasons == ['parse error'] * 2
    assert list(server.sessions) == [other.sid]
    server.owner.send('still here')
    assert other.receive() == frame('still here')


@pytest.mark.parametrize('body', [b'data=%ff', b'data=%2', b'data=%zz'])
def test_a_post_that_is_not_text(serve, body):
    server = serve()
    client = Poller(server)
    assert client.post(body).status == 400
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['parse error']


@pytest.mark.parametrize('body', [
    'data=', '', 'd=x', 'data=junk', 'data=~m~', 'data=~m~5', 'data=~m~x~m~hello', 'data=~m~~m~'])
def test_what_is_no_frame_is_ignored(serve, body):
    server = serve()
    client = Poller(server)
    assert client.post(body.encode()).body == b'ok'
    client.send('after')
    until(lambda: server.owner.events[-1:] == [('message', 'after')])


@pytest.mark.parametrize('body', ['~j~{"a":', '~j~', '~j~NaN', '~j~{"event":"connect","args":[]}',
                                  '~j~' + '[' * 5000])
def test_broken_json_is_not_delivered(serve, body):
    server = serve()
    client = Wire(server)
    client.send(body, 'after')
    until(lambda: server.owner.events == [('message', 'after')])


def test_a_binary_message_is_refused(serve):
    server = serve()
    client = Wire(server)
    client.socket.send(b'\0')
    assert client.socket.receive_until_closed()[1] == (
        1008, 'binary data, which Socket.IO 0.6 does not have')


def test_a_post_over_the_limit(serve):
    server = serve(max_http_buffer_size=1000)
    client = Poller(server)
    assert client.post(b'x' * 1001).status == 413
    assert client.sid in server.sessions


@pytest.mark.parametrize(('method', 'path'), [
    ('GET', 'xhr-polling/nobody/1'), ('GET', 'xhr-polling/nobody'), ('GET', 'htmlfile/nobody/1'),
    ('GET', 'jsonp-polling/nobody/1/0'), ('POST', 'xhr-polling/nobody/send'),
    ('POST', 'jsonp-polling/nobody/1/0'), ('GET', 'xhr-multipart/nobody')])
def test_unknown_sessions(serve, method, path):
    server = serve()
    answer = server.connection().request(method, f'/socket.io/{path}')
    assert (answer.status, answer.headers['connection']) == (404, 'close')
    assert not server.sessions


def test_ids_of_other_dialects_and_of_websockets_are_unknown(serve):
    server = serve()
    other = json.loads(server.request(EIO='4', transport='polling').body[1:])['sid']
    for sid in (other, Wire(server).sid):
        answer = server.connection().request('GET', f'/socket.io/xhr-polling/{sid}/1')
        assert answer.status == 404
    assert server.websocket(target=f'/socket.io/websocket/{other}').response.status_code == 404


def test_methods(serve):
    server = serve()
    for method in ('HEAD', 'PUT', 'DELETE'):
        answer = server.connection().request(method, '/socket.io/xhr-polling//1')
        assert (answer.status, answer.headers['allow']) == (405, 'GET, POST, OPTIONS')
    assert server.connection().request('GET', '/socket.io/websocket').status == 400
    assert not server.sessions


def test_transports_that_are_off(serve):
    server = serve(transports='polling')
    assert server.websocket(target='/socket.io/websocket').response.status_code == 404
    server = serve(transports='websocket')
    assert server.connection().request('GET', '/socket.io/xhr-polling//1').status == 404
    assert server.connection().request('GET', '/socket.io/htmlfile//1').status == 404
    assert server.connection().request('POST', '/socket.io/xhr-polling').status == 404
    assert not server.sessions


def test_what_is_off_is_not_there(host):
    server = host(Server())
    for path in ('xhr-polling//1', 'websocket'):
        assert server.connection().request('GET', f'/socket.io/{path}').status == 404


@pytest.mark.parametrize('transport', POLLS)
def test_a_client_that_does_not_poll_is_closed_alone(serve, transport, caplog):
    server = serve(max_outbox_size=1000)
    client, slow = Poller(server), Poller(server, transport)
    waiting = client.hold(server)
    for _ in range(3):
        server.owner.send('y' * 600)
    assert 'y' * 600 in waiting.get(timeout=TIMEOUT)
    until(lambda: slow.sid not in server.sessions)
    assert server.owner.reasons == ['slow client']
    assert client.sid in server.sessions


@pytest.mark.parametrize('transport', STREAMS)
def test_a_client_that_does_not_read_is_closed_alone(serve, transport, caplog):
    server = serve(max_outbox_size=100_000)
    slow, client = Streamer(server, transport), Poller(server)
    for _ in range(400):
        server.owner.send('y' * 50_000)
        client.get()
        if slow.sid not in server.sessions:
            break
    until(lambda: slow.sid not in server.sessions)
    assert server.owner.reasons == ['slow client']
    assert client.sid in server.sessions


@pytest.mark.parametrize('transport', STREAMS)
def test_a_stream_that_breaks_ends_its_session_at_once(serve, transport):
    server = serve()
    client = Streamer(server, transport)
    client.down.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    server.settle()
    assert client.up.request('POST', f'/socket.io/{transport}/{client.sid}/send').status == 404


def test_too_many_connections(serve):
    server = serve(max_connections=1)
    Poller(server)
    for path in ('xhr-polling//1', 'htmlfile//1', 'jsonp-polling//1/0'):
        assert server.connection().request('GET', f'/socket.io/{path}').status == 503
    assert server.websocket(target='/socket.io/websocket').response.status_code == 503
    assert len(server.sessions) == 1


# -- origins --------------------------------------------------------------------------------------


def test_foreign_origins_are_refused_before_any_state(serve):
    server = serve()
    foreign = [('Origin', 'http://evil.example')]
    client = Poller(server)
    for path in ('xhr-polling//1', 'jsonp-polling//1/0', 'htmlfile//1', 'xhr-multipart/'):
        answer = server.connection().request('GET', f'/socket.io/{path}', headers=foreign)
        assert answer.status == 403
    for path in (f'xhr-polling/{client.sid}/send', 'xhr-polling'):
        answer = server.connection().request('POST', f'/socket.io/{path}', b'data=~m~0~m~',
                                             foreign)
        assert (answer.status, answer.body) == (401, b'unauthorized')
    websocket = server.websocket(foreign, target='/socket.io/websocket')
    assert websocket.response.status_code == 403
    assert list(server.sessions) == [client.sid]
    assert not server.owner.events


def test_an_allowed_origin(serve):
    server = serve(cors_allowed_origins='http://page.example')
    page = [('Origin', 'http://page.example')]
    asked = [('Access-Control-Request-Method', 'POST'),
             ('Access-Control-Request-Headers', 'content-type, pragma, x-requested-with')]
    connection = server.connection()
    for transport in ('xhr-polling', 'xhr-multipart', 'websocket'):
        answer = connection.request('OPTIONS', f'/socket.io/{transport}', headers=[*page, *asked])
        assert (answer.status, answer.body) == (200, b'ok')
        assert answer.headers['access-control-allow-headers'] == asked[1][1]
        assert 'POST' in answer.headers['access-control-allow-methods']
        assert answer.headers['access-control-allow-origin'] == 'http://page.example'
    answer = connection.request('GET', '/socket.io/xhr-polling//1', headers=page)
    assert answer.headers['access-control-allow-origin'] == 'http://page.example'
    assert answer.headers['access-control-allow-credentials'] == 'true'
    sid = next(iter(server.sessions))
    answer = connection.request('POST', f'/socket.io/xhr-polling/{sid}/send', b'', page)
    assert answer.headers['access-control-allow-origin'] == 'http://page.example'


@pytest.mark.parametrize('path', ['jsonp-polling//1/0', 'htmlfile//1'])
def test_scripts_and_frames_of_other_sites(serve, path):
    """They are fetched without an Origin."""
    server = serve()
    foreign = [('Sec-Fetch-Site', 'cross-site'), ('Referer', 'http://evil.example/page')]
    assert server.connection().request('GET', f'/socket.io/{path}', headers=foreign).status == 403
    assert not server.sessions


# -- the end --------------------------------------------------------------------------------------


def test_shutting_down(serve):
    server = serve()
    clients = [connect(server, transport) for transport in EVERY]
    waiting = clients[EVERY.index('xhr-polling')].hold(server)
    server.owner.shutdown()
    assert waiting.get(timeout=TIMEOUT) == ''
    until(lambda: len(server.owner.reasons) == len(clients))
    assert set(server.owner.reasons) == {'server shutting down'}
    server.settle()


def test_a_restart_looks_like_an_accident_to_websockets(serve):
    """After a clean end dojox.socket.Reconnect stays away."""
    server = serve()
    client = Wire(server)
    server.owner.send('last')
    server.owner.shutdown()
    assert client.socket.receive_until_closed() == ([frame('last')], (None, None))
    server.settle()


def test_a_push_every_few_seconds_reaches_each_client(host):
    """What the guides of 2010 show: a loop in the server, a message to each client."""
    from flask import Flask

    from geventio import SocketIO, send

    app = Flask(__name__)
    socketio = SocketIO(app, dialects=['sio06'])

    @socketio.every(0.1)
    def push():
        send('The time has come', broadcast=True)

    server = host(socketio.server, app)
    for transport in EVERY:
        client = connect(server, transport)
        for _ in range(2):
            assert frame('The time has come') in receive(client)


def test_the_names_are_those_of_the_protocol():
    assert (sio06.HEARTBEAT_INTERVAL, sio06.HEARTBEAT_TIMEOUT) == (10, 8)
    assert set(sio06.TRANSPORTS) == {
        'websocket', 'flashsocket', 'xhr-polling', 'jsonp-polling', 'xhr-multipart', 'htmlfile'}

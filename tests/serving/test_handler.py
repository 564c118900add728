"""WebSocketHandler and the blocking WebSocket on real sockets, under gevent's pywsgi."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager

import gevent
import gevent.event
import pytest
import websockets.sync.client
from gevent import socket
from gevent.pywsgi import WSGIServer
from geventwebsocket.exceptions import WebSocketError
from geventwebsocket.resource import Resource, WebSocketApplication
from websockets.exceptions import ConnectionClosed

from geventio.errors import FrameError
from geventio.protocol import deflate
from geventio.protocol.websocket import (
    OP_BINARY,
    OP_CLOSE,
    OP_CONT,
    OP_PING,
    OP_TEXT,
    Close,
    FrameReader,
    Ping,
    Pong,
    frame,
)
from geventio.serving.handler import WebSocketHandler
from geventio.transports.blocking import MAX_MESSAGE_SIZE, WebSocket

PATIENCE = 10  # seconds anything may take

KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
HANDSHAKE = {
    'Host': 'localhost',
    'Upgrade': 'websocket',
    'Connection': 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
}


class Log(list):
    """A log as pywsgi wants it; a list of what was written."""

    write = list.append


class Served:
    """A running server, what it logged, and what its application left behind."""

    def __init__(self, server):
        self.server = server
        self.log = server.log
        self.errors = server.error_log
        self.address = server.address

    @property
    def url(self):
        return f'ws://127.0.0.1:{self.server.server_port}/path?a=1'

    def client(self, **options):
        return Client(self.address, **options)


@contextmanager
def serving(app, listener=('127.0.0.1', 0), **attributes):
    handler = type('Handler', (WebSocketHandler,), attributes)
    server = WSGIServer(listener, app, handler_class=handler, log=Log(), error_log=Log(), spawn=100)
    server.start()
    try:
        with gevent.Timeout(4 * PATIENCE):
            yield Served(server)
    finally:
        server.stop(timeout=2)


class Client:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, address, headers=HANDSHAKE, method='GET', extra=b'', **changes):
        family = socket.AF_UNIX if isinstance(address, str | bytes) else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)
        headers = headers | {name.replace('_', '-'): value for name, value in changes.items()}
        lines = [f'{method} /path?a=1 HTTP/1.1']
        lines += [f'{name}: {value}' for name, value in headers.items() if value is not None]
        self.sock.sendall('\r\n'.join(lines).encode() + b'\r\n\r\n' + extra)
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            byte = self.sock.recv(1)
            assert byte, head
            head += byte
        first, *fields = head.decode().split('\r\n')[:-2]
        self.status = int(first.split()[1])
        self.headers = {
            name.lower(): value for name, value in (field.split(': ', 1) for field in fields)
        }
        self.reader = FrameReader(10_000_000, client=True)
        self.events = []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.sock.close()

    def body(self):
        data = b''
        while len(data) < int(self.headers['content-length']):
            data += self.sock.recv(1000)
        return data

    def send(self, *args, **options):
        self.sock.sendall(b''.join(frame(*item, mask=b'abcd') for item in args))

    def receive(self):
        while not self.events:
            data = self.sock.recv(65_536)
            if not data:
                return None
            self.events += self.reader.feed(data)
        event = self.events.pop(0)
        assert not isinstance(event, FrameError)
        return event

    def close(self, code=b''):
        """The whole close handshake from this side."""
        self.send((OP_CLOSE, code))
        answer = self.receive()
        assert self.receive() is None
        return answer


def echo(environ, start_response):
    websocket = environ.get('wsgi.websocket')
    if websocket is None:
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [b'plain ', environ['REQUEST_METHOD'].encode(), environ['wsgi.input'].read()]
    while True:
        message = websocket.receive()
        if message is None:
            return []
        websocket.send(message)


@pytest.fixture(scope='module')
def echoing():
    with serving(echo) as served:
        yield served
        assert served.errors == []


def in_thread(function, *args):
    """Run a client that blocks its thread."""
    return gevent.get_hub().threadpool.apply(function, args)


# -- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize('compression', ['deflate', None])
@pytest.mark.parametrize('agree', [True, False])
def test_echo_with_the_websockets_client(compression, agree):
    messages = ['', 'text ü€', b'', b'\x00\xff', 'a' * 200, b'b' * 70_000, '€' * 300_000]

    def client(url):
        with websockets.sync.client.connect(
            url, compression=compression, max_size=None, open_timeout=PATIENCE
        ) as websocket:
            extensions = websocket.response.headers.get('Sec-WebSocket-Extensions')
            got = []
            for message in messages:
                websocket.send(message)
                got.append(websocket.recv(timeout=PATIENCE))
            websocket.send(['frag', 'men', 'ted'])
            got.append(websocket.recv(timeout=PATIENCE))
            assert websocket.ping(b'are you there').wait(PATIENCE)
        return got, extensions, websocket.close_code

    with serving(echo, per_message_deflate=agree) as served:
        got, extensions, code = in_thread(client, served.url)
    assert got == [*messages, 'fragmented']
    assert [type(item) for item in got] == [type(item) for item in [*messages, '']]
    assert code == 1000
    assert (extensions is not None) == bool(agree and compression)
    assert served.errors == []


def test_compressed_messages():
    offer = 'permessage-deflate; client_max_window_bits'
    with (
        serving(echo, per_message_deflate=True) as served,
        served.client(Sec_WebSocket_Extensions=offer) as client,
    ):
        assert client.headers['sec-websocket-extensions'].startswith('permessage-deflate; ')
        text = 'again and ' * 1000
        client.reader = FrameReader(20_000, inflate=deflate.inflate, client=True)
        client.sock.sendall(
            frame(OP_TEXT, deflate.compress(text.encode()), rsv1=True, mask=b'abcd')
        )
        raw = client.sock.recv(65_536)
        assert raw[0] == 0xC1
        assert len(raw) < 200
        assert client.reader.feed(raw) == [text]
        client.sock.sendall(frame(OP_TEXT, deflate.compress(b'short'), rsv1=True, mask=b'abcd'))
        assert client.sock.recv(100) == b'\x81\x05short'
        bomb = deflate.compress(bytes(MAX_MESSAGE_SIZE + 1))
        client.sock.sendall(frame(OP_BINARY, bomb, rsv1=True, mask=b'abcd'))
        assert client.receive().code == 1009


def test_fragments_with_a_ping_between(echoing):
    with echoing.client() as client:
        euro = '€'.encode()
        for piece in (
            frame(OP_TEXT, euro[:1], fin=False, mask=b'abcd'),
            frame(OP_PING, b'now', mask=b'abcd'),
            frame(OP_CONT, euro[1:], mask=b'abcd'),
        ):
            for at in range(len(piece)):
                client.sock.sendall(piece[at : at + 1])
        assert client.receive() == Pong(b'now')
        assert client.receive() == '€'
        assert client.close() == Close(None, '')


def test_frames_right_behind_the_handshake():
    early = frame(OP_TEXT, b'first', mask=b'abcd') + frame(OP_BINARY, b'2' * 20_000, mask=b'wxyz')
    with serving(echo) as served, served.client(extra=early) as client:
        assert client.status == 101
        assert client.receive() == 'first'
        assert client.receive() == b'2' * 20_000
        client.send((OP_TEXT, b'third'))
        assert client.receive() == 'third'


def test_messages_before_a_close_are_delivered():
    seen = []

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        while not websocket.closed:
            seen.append(websocket.receive())
        with pytest.raises(WebSocketError):
            websocket.receive()
        return []

    with serving(app) as served, served.client() as client:
        client.send((OP_TEXT, b'1'), (OP_BINARY, b'2'), (OP_CLOSE, b'\x03\xe8'))
        assert client.receive() == Close(1000, '')
        assert client.receive() is None
        assert seen == ['1', b'2', None]


def test_send_takes_text_and_bytes():
    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        websocket.send('ü')
        websocket.send('ü', binary=True)
        websocket.send(b'ab')
        websocket.send(bytearray(b'cd'), True)
        websocket.send(memoryview(b'ef'), binary=False)
        websocket.send_frame('hi', websocket.OPCODE_PING)
        for wrong in (None, 5, ['a']):
            with pytest.raises(TypeError):
                websocket.send(wrong)
        with pytest.raises(UnicodeDecodeError):
            websocket.send(b'\xff', binary=False)
        with pytest.raises(ValueError, match='control'):
            websocket.send_frame(b'a' * 126, websocket.OPCODE_PING)
        websocket.send('end')
        return []

    with serving(app) as served, served.client() as client:
        got = [client.receive() for _ in range(7)]
        assert got == ['ü', 'ü'.encode(), b'ab', b'cd', 'ef', Ping(b'hi'), 'end']
        assert client.close(b'\x03\xe8') == Close(1000, '')
        assert served.errors == []


def test_what_the_request_said():
    seen = {}

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        assert isinstance(websocket, WebSocket)
        assert environ['wsgi.websocket_version'] == '13'
        assert websocket.handler.active_client.ws is websocket
        names = ('path', 'origin', 'protocol', 'version', 'closed', 'environ', 'handler')
        seen.update({name: getattr(websocket, name) for name in names})
        return []

    with (
        serving(app) as served,
        served.client(Origin='http://localhost', Sec_WebSocket_Protocol='a, b') as client,
    ):
        assert 'sec-websocket-protocol' not in client.headers
        assert client.receive() == Close(1000, '')
    assert seen['path'] == '/path'
    assert seen['origin'] == 'http://localhost'
    assert seen['protocol'] == 'a, b'
    assert seen['version'] == '13'
    assert seen['closed'] is False
    assert seen['environ']['QUERY_STRING'] == 'a=1'
    assert isinstance(seen['handler'], WebSocketHandler)


def test_concurrent_senders():
    count = 60

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']

        def sender(letter):
            for number in range(count):
                websocket.send(f'{letter}{number} '.encode() * (20_000 if number % 3 else 1))

        gevent.joinall([gevent.spawn(sender, letter) for letter in 'xyz'], raise_error=True)
        return []

    with serving(app) as served, served.client() as client:
        messages = []
        while not isinstance(message := client.receive(), Close):
            messages.append(message)
        client.send((OP_CLOSE, b'\x03\xe8'))
    assert served.errors == []
    assert len(messages) == 3 * count
    for letter in b'xyz':
        expected = [
            f'{chr(letter)}{number} '.encode() * (20_000 if number % 3 else 1)
            for number in range(count)
        ]
        assert [item for item in messages if item[0] == letter] == expected


# -- closing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('sent', 'answer'),
    [
        (b'', Close(None, '')),
        (b'\x03\xe8', Close(1000, '')),
        (b'\x03\xe9bye', Close(1001, '')),
        (b'\x13\x87', Close(4999, '')),
    ],
)
def test_peer_closes(echoing, sent, answer):
    with echoing.client() as client:
        assert client.close(sent) == answer


BIG = (MAX_MESSAGE_SIZE + 1).to_bytes(8, 'big')


@pytest.mark.parametrize(
    ('data', 'code'),
    [
        (frame(OP_TEXT, b'hello'), 1002),  # no mask
        (b'\xa1\x80', 1002),
        (b'\xc1\x80', 1002),
        (frame(OP_CLOSE, b'\x03', mask=b'abcd'), 1002),
        (frame(OP_TEXT, b'\xff', mask=b'abcd'), 1007),
        (b'\x82\xff' + (2**62).to_bytes(8, 'big'), 1009),
        (b'\x82\xff' + BIG + b'abcd' + bytes(MAX_MESSAGE_SIZE + 1), 1009),  # read to its end
    ],
)
def test_peer_breaks_the_protocol(echoing, caplog, data, code):
    with echoing.client() as client:
        client.sock.sendall(frame(OP_TEXT, b'before', mask=b'abcd') + data)
        assert client.receive() == 'before'
        event = client.receive()
        assert event.code == code
        assert event.reason
        assert client.receive() is None
    [record] = caplog.records
    assert record.getMessage() == f'WebSocket /path closed: {code} {event.reason}'


def test_message_size_limit_is_the_handlers():
    with serving(echo, max_message_size=10) as served, served.client() as client:
        client.send((OP_TEXT, b'a' * 10))
        assert client.receive() == 'a' * 10
        client.send((OP_TEXT, b'a' * 11))
        assert client.receive() == Close(1009, 'message over 10 bytes')


@pytest.mark.parametrize(
    ('args', 'expected'),
    [
        ((), Close(1000, '')),
        ((4000, 'why'), Close(4000, 'why')),
        ((1001, b'bytes'), Close(1001, 'bytes')),
        ((1000, 'x' * 200), Close(1000, 'x' * 123)),
    ],
)
def test_application_closes(args, expected):
    done = gevent.event.AsyncResult()

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        with pytest.raises(ValueError, match='1005'):
            websocket.close(1005)
        assert not websocket.closed
        websocket.close(*args)
        assert websocket.closed
        websocket.close()
        for use in (websocket.receive, lambda: websocket.send('a'), lambda: websocket.send(None)):
            with pytest.raises(WebSocketError):
                use()
        done.set(True)
        return []

    with serving(app) as served, served.client() as client:
        assert client.receive() == expected
        client.send((OP_TEXT, b'too late'), (OP_PING, b''))
        assert not done.ready()  # it waits for the peer
        client.send((OP_CLOSE, b'\x03\xe8'))
        assert client.receive() is None
        assert done.get(timeout=PATIENCE)
    assert served.errors == []


@pytest.mark.parametrize('answers', [True, False])
def test_close_while_another_greenlet_receives(answers):
    ended = gevent.event.AsyncResult()

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        reader = gevent.spawn(websocket.receive)
        websocket.send('ready')
        assert websocket.environ is environ
        gevent.sleep(0)
        websocket.close(1001)
        ended.set(reader.get(timeout=PATIENCE))
        return []

    timeout = PATIENCE if answers else 0.1
    with serving(app, close_timeout=timeout) as served, served.client() as client:
        assert client.receive() == 'ready'
        assert client.receive() == Close(1001, '')
        if answers:
            client.send((OP_TEXT, b'dropped'), (OP_CLOSE, b'\x03\xe9'))
        assert client.receive() is None
        assert ended.get(timeout=PATIENCE) is None
    assert served.errors == []


@pytest.mark.parametrize('reads', [True, False], ids=['silent peer', 'peer that does not read'])
def test_closing_takes_bounded_time(reads):
    done = gevent.event.Event()

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        sender = None
        if not reads:
            sender = gevent.spawn(websocket.send, bytes(50_000_000))
            sender.join(0.05)
            assert not sender.ready()
        with gevent.Timeout(PATIENCE):
            websocket.close()
            if sender is not None:
                with pytest.raises(WebSocketError):
                    sender.get()
        done.set()
        return []

    with serving(app, close_timeout=0.1) as served, served.client() as client:
        assert done.wait(timeout=PATIENCE)
        if reads:
            assert client.receive() == Close(1000, '')
            assert client.receive() is None
    assert [line for line in served.errors if 'Traceback' in line] == []


def test_interrupted_send_ends_the_connection():
    done = gevent.event.Event()

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        with gevent.Timeout(0.05, False):
            websocket.send(bytes(50_000_000))
        assert websocket.closed  # half a frame is out
        with pytest.raises(WebSocketError):
            websocket.send('more')
        done.set()
        return []

    with serving(app) as served, served.client():
        assert done.wait(timeout=PATIENCE)


def test_interrupted_receive_loses_nothing():
    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        for _ in range(2):
            with gevent.Timeout(0.01, False):
                websocket.receive()
            websocket.send('waiting')
        return echo(environ, start_response)

    with serving(app) as served, served.client() as client:
        assert client.receive() == 'waiting'
        assert client.receive() == 'waiting'
        client.send((OP_TEXT, b'now'))
        assert client.receive() == 'now'


def test_peer_vanishes():
    results = []
    done = gevent.event.Event()

    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        results.append(websocket.receive())
        results.append(websocket.closed)
        done.set()
        return []

    with serving(app) as served:
        with served.client() as client:
            client.sock.sendall(frame(OP_TEXT, b'cut', mask=b'abcd')[:-1])
        assert done.wait(timeout=PATIENCE)
    assert results == [None, True]
    assert served.errors == []


def test_websockets_client_sees_our_close():
    def app(environ, start_response):
        environ['wsgi.websocket'].close(4321, 'because')
        return []

    def client(url):
        with (
            websockets.sync.client.connect(url, open_timeout=PATIENCE) as websocket,
            pytest.raises(ConnectionClosed) as caught,
        ):
            websocket.recv(timeout=PATIENCE)
        return caught.value.rcvd.code, caught.value.rcvd.reason

    with serving(app) as served:
        assert in_thread(client, served.url) == (4321, 'because')


# -- the application ----------------------------------------------------------------------------


def test_failing_application(capsys):
    def app(environ, start_response):
        raise RuntimeError('from the application')

    with serving(app) as served, served.client() as client:
        assert client.close(b'\x03\xe8') == Close(1011, '')
    assert 'RuntimeError: from the application' in capsys.readouterr().err


def test_application_that_ends_by_websocket_error(capsys):
    def app(environ, start_response):
        websocket = environ['wsgi.websocket']
        while True:
            websocket.send(websocket.receive() or 'nothing')

    with serving(app) as served, served.client() as client:
        client.send((OP_TEXT, b'a'))
        assert client.receive() == 'a'
        assert client.close(b'\x03\xe8') == Close(1000, '')
    assert len(served.log) == 1
    assert capsys.readouterr().err == ''


def test_result_is_run_and_closed():
    steps = []

    class Result:
        def __iter__(self):
            steps.append('iterated')
            return iter([b'', b'body'])

        def close(self):
            steps.append('closed')

    def app(environ, start_response):
        start_response('200 OK', [])(b'ignored')
        return Result()

    with serving(app) as served, served.client() as client:
        assert client.close(b'\x03\xe8') == Close(1000, '')
        gevent.sleep(0)
        assert steps == ['iterated', 'closed']
        assert served.server.clients == {}


def test_stopping_the_server_says_going_away():
    with serving(echo) as served, served.client() as client:
        client.send((OP_TEXT, b'a'))
        assert client.receive() == 'a'
        served.server.stop(timeout=0)
        assert client.receive() == Close(1001, '')
        assert client.receive() is None


class Chat(WebSocketApplication):
    events = []

    @classmethod
    def protocol_name(cls):
        return 'chat'

    def on_open(self):
        self.events.append('open')

    def on_message(self, message):
        if message is not None:
            self.ws.send(message.upper())

    def on_close(self, reason=None):
        self.events.append('close')


@pytest.mark.parametrize(
    ('asked', 'chosen'), [('chat', 'chat'), ('a, chat', 'chat'), ('chatter', None), (None, None)]
)
def test_gevent_websocket_application(asked, chosen):
    Chat.events = []
    with serving(Resource([('/path', Chat)])) as served:
        with served.client(Sec_WebSocket_Protocol=asked) as client:
            assert client.headers.get('sec-websocket-protocol') == chosen
            client.send((OP_TEXT, b'abc'))
            assert client.receive() == 'ABC'
            assert client.close(b'\x03\xe8') == Close(1000, '')
        assert Chat.events == ['open', 'close']


# -- handshake and plain requests ---------------------------------------------------------------


def test_accepted_handshake(echoing):
    with echoing.client(Connection='keep-alive, Upgrade', Upgrade='WebSocket') as client:
        assert client.status == 101
        assert client.headers == {
            'upgrade': 'websocket',
            'connection': 'Upgrade',
            'sec-websocket-accept': ACCEPT,
        }


@pytest.mark.parametrize(
    ('changes', 'status'),
    [
        ({'Connection': 'keep-alive'}, 400),
        ({'Sec_WebSocket_Key': None}, 400),
        ({'Sec_WebSocket_Key': 'short'}, 400),
        ({'Sec_WebSocket_Version': None}, 426),
        ({'Sec_WebSocket_Version': '8'}, 426),
        ({'Content_Length': '3', 'extra': b'abc'}, 400),
        ({'Transfer_Encoding': 'chunked', 'extra': b'3\r\nabc\r\n0\r\n\r\n'}, 400),
    ],
)
def test_refused_handshake_is_plain_http(echoing, changes, status):
    with echoing.client(**changes) as client:
        assert client.status == status
        body = client.body()
        assert body
        assert client.headers['content-type'] == 'text/plain; charset=utf-8'
        assert client.headers.get('sec-websocket-version') == ('13' if status == 426 else None)
        # the connection goes on as HTTP
        client.sock.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        answer = b''.join(iter(lambda: client.sock.recv(1000), b''))
        assert answer.startswith(b'HTTP/1.1 200 OK\r\n')


@pytest.mark.parametrize(
    'headers',
    [
        {'Host': 'a'},
        {'Host': 'a', 'Upgrade': 'h2c', 'Connection': 'keep-alive'},
    ],
)
def test_plain_requests_are_pywsgis(echoing, headers):
    with echoing.client(headers=headers, method='POST', Content_Length='3', extra=b'abc') as client:
        assert client.status == 200
        assert client.body() == b'plain POSTabc'


def test_upgrade_on_http_1_0_is_ignored():
    def app(environ, start_response):
        start_response('200 OK', [])
        return [b'websocket' if 'wsgi.websocket' in environ else b'plain']

    with serving(app) as served:
        sock = socket.create_connection(served.address, PATIENCE)
        lines = ''.join(f'{name}: {value}\r\n' for name, value in HANDSHAKE.items())
        sock.sendall(f'GET / HTTP/1.0\r\n{lines}\r\n'.encode())
        answer = b''.join(iter(lambda: sock.recv(1000), b''))
        sock.close()
    assert answer.startswith(b'HTTP/1.1 200 OK\r\n')
    assert answer.endswith(b'plain')


def test_access_log():
    with serving(echo) as served:
        with served.client(Sec_WebSocket_Version='7') as client:
            assert client.status == 426
        with served.client() as client:
            assert served.log[1:] == []  # written when the connection ends
            client.close()
        with gevent.Timeout(PATIENCE):
            while len(served.log) < 2:
                gevent.sleep(0.005)
    assert '"GET /path?a=1 HTTP/1.1" 426 ' in served.log[0]
    assert '"GET /path?a=1 HTTP/1.1" 101 ' in served.log[1]
    assert all(line.startswith('127.0.0.1 - - [') for line in served.log)


def test_unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'socket')
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(5)
        with serving(echo, listener) as served:
            with Client(path) as first, Client(path) as second:
                for client in (first, second):
                    client.send((OP_TEXT, b'hello'))
                    assert client.receive() == 'hello'
                assert len(served.server.clients) == 2
                for client in (first, second):
                    assert client.close() == Close(None, '')
            assert served.errors == []
            assert served.server.clients == {}

"""Hostile clients on raw sockets against a running server.

Each test misbehaves in one way and states the answer. After every test the server must be back at
its base, with no session, socket, room, busy handler or file descriptor left, it must still be
running, and it must not have written a traceback.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..ports import free_port

APP = Path(__file__).with_name('hostile_app.py')
ROOT = APP.parents[2]
PATIENCE = 5.0  # seconds that anything at all may take
LIMIT = 1_000_000  # max_http_buffer_size of the server
LIVE = ('sessions', 'sockets', 'rooms', 'handlers')
SNEAK = b'GET /_mark HTTP/1.1\r\nHost: sneak\r\nConnection: close\r\n\r\n'
UPGRADE = {
    'Connection': 'Upgrade',
    'Upgrade': 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ODD = ('constructor', '__proto__', '__class__', '')


# -- a client that does exactly what it is told ---------------------------------------------


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    first: int  # the whole first byte: FIN, RSV, opcode

    @property
    def code(self) -> int | None:
        """The close code; None for a close frame without one."""
        assert self.opcode == CLOSE, self
        return struct.unpack('!H', self.payload[:2])[0] if self.payload else None


def head(method: str, target: str, headers: dict[str, Any] | None = None) -> bytes:
    fields = {'Host': 'hostile.test', **(headers or {})}
    lines = [f'{method} {target} HTTP/1.1', *(f'{k}: {v}' for k, v in fields.items())]
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n'


def post(target: str, body: bytes, headers: dict[str, Any] | None = None) -> bytes:
    fields = {'Content-Type': 'text/plain;charset=UTF-8', 'Content-Length': len(body)}
    return head('POST', target, {**fields, **(headers or {})}) + body


def url(eio: object = 4, transport: str = 'polling', sid: str | None = None, **query: Any) -> str:
    fields = {'EIO': eio, 'transport': transport, **query}
    if sid is not None:
        fields['sid'] = sid
    return '/socket.io/?' + '&'.join(f'{k}={v}' for k, v in fields.items())


def frame(
    opcode: int, payload: bytes = b'', *, first: int | None = None, masked: bool = True,
    length: int | None = None,
) -> bytes:  # fmt: skip
    """One frame, masked with a zero key (as good as any); ``length`` may lie."""
    size = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    if size < 126:
        start = bytes([bit | size])
    elif size < 1 << 16:
        start = struct.pack('!BH', bit | 126, size)
    else:
        start = struct.pack('!BQ', bit | 127, size)
    key = bytes(4) if masked else b''
    return bytes([0x80 | opcode if first is None else first]) + start + key + payload


class Peer:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(('127.0.0.1', port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def try_send(self, data: bytes) -> None:
        """Send what the server may already refuse to take."""
        with contextlib.suppress(OSError):
            self.sock.sendall(data)

    def receive(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(self.buffer)
        self.buffer += data

    def read(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.receive()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def reply(self, has_body: bool = True) -> Reply:
        while b'\r\n\r\n' not in self.buffer:
            self.receive()
        start, _, self.buffer = self.buffer.partition(b'\r\n\r\n')
        lines = start.decode('latin-1').split('\r\n')
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(': ')
            assert name.lower() not in headers, f'{name} twice'
            headers[name.lower()] = value
        status = int(lines[0].split(' ')[1])
        size = int(headers.get('content-length', 0)) if has_body and status >= 200 else 0
        return Reply(status, headers, self.read(size))

    def frame(self) -> Frame:
        first, size = self.read(2)
        assert size < 128, 'a server never masks'
        if size == 126:
            (size,) = struct.unpack('!H', self.read(2))
        elif size == 127:
            (size,) = struct.unpack('!Q', self.read(8))
        return Frame(first & 15, self.read(size), first)

    def text(self) -> str:
        got = self.frame()
        assert got.opcode == TEXT, got
        return got.payload.decode()

    def farewell(self) -> list[Frame]:
        """What still comes, up to the close frame, which is answered; then the end of TCP."""
        frames = [self.frame()]
        while frames[-1].opcode != CLOSE:
            frames.append(self.frame())
        self.try_send(frame(CLOSE, frames[-1].payload))
        assert self.rest() == b''
        return frames

    def close_code(self) -> int | None:
        """The code of the close frame, after whatever else still comes; then the end of TCP."""
        return self.farewell()[-1].code

    def rest(self) -> bytes:
        """Everything until the server ends the connection."""
        data = self.buffer
        self.buffer = b''
        with contextlib.suppress(ConnectionError):
            while piece := self.sock.recv(65536):
                data += piece
        return data

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


# -- the server -----------------------------------------------------------------------------


class Server:
    """The application in its own process, and the clients one test has."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.port = free_port()
        self.origin = f'http://127.0.0.1:{self.port}'
        self.log = folder / 'stderr'
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
        with self.log.open('wb') as log:
            self.process = subprocess.Popen(
                [sys.executable, str(APP), str(self.port), json.dumps(options)],
                env={**os.environ, 'PYTHONPATH': path},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.peers: list[Peer] = []
        self.sids: list[str] = []
        self.base = 0.0
        self.read = 0  # characters of the log already judged

    def start(self) -> None:
        """Wait until it answers, then use everything once, so that the base is honest."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError):
                self.counts()
                return True
            return False

        eventually(answers, 20)
        self.join(self.open())
        self.websocket()
        self.end_clients()
        eventually(lambda: not any(self.counts()[name] for name in LIVE))
        self.base = self.counts()['fds']

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def view(self, path: str) -> Any:
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        try:
            connection.request('GET', path, headers={'Connection': 'close'})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, (response.status, body)
            return json.loads(body)
        finally:
            connection.close()

    def counts(self) -> dict[str, float]:
        return self.view('/_counts')

    def seen(self) -> list[list[Any]]:
        return self.view('/_seen')

    def peer(self) -> Peer:
        peer = Peer(self.port)
        self.peers.append(peer)
        return peer

    def ask(self, data: bytes, has_body: bool = True) -> Reply:
        """One request on its own connection."""
        peer = self.peer()
        peer.send(data)
        reply = peer.reply(has_body)
        peer.sock.close()
        self.peers.remove(peer)
        return reply

    def get(self, sid: str, **query: Any) -> Reply:
        return self.ask(head('GET', url(sid=sid, **query)))

    def post(self, sid: str, body: str | bytes, **headers: str) -> Reply:
        data = body.encode() if isinstance(body, str) else body
        return self.ask(post(url(sid=sid), data, headers))

    def open(self, eio: int = 4, **query: Any) -> str:
        """A polling handshake; the sid."""
        reply = self.ask(head('GET', url(eio, **query)))
        assert reply.status == 200, reply
        sid = re.search(rb'\\?"sid\\?":\\?"([\w-]{20})\\?"', reply.body)[1].decode()
        self.sids.append(sid)
        return sid

    def join(self, sid: str) -> str:
        """CONNECT to the default namespace by polling."""
        assert self.post(sid, '40').body == b'ok'
        reply = self.get(sid)
        assert reply.body.startswith(b'40{"sid":"'), reply
        return sid

    def session(self) -> str:
        """A joined polling session."""
        return self.join(self.open())

    def upgrade(self, early: bytes = b'', target: str | None = None, **headers: str) -> Peer:
        """A connection that got its 101; ``early`` went out with the request."""
        peer = self.peer()
        request = head('GET', target or url(transport='websocket'), {**UPGRADE, **headers})
        peer.send(request + early)
        reply = peer.reply()
        assert reply.status == 101, reply
        assert reply.headers['sec-websocket-accept'] == 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
        return peer

    def websocket(self) -> Peer:
        """A joined WebSocket session."""
        peer = self.upgrade(frame(TEXT, b'40'))
        assert peer.text().startswith('0{"sid":"')
        assert peer.text().startswith('40{"sid":"')
        return peer

    def echoes(self, sid: str) -> bool:
        """Whether a polling session still works."""
        assert self.post(sid, '427["echo","still here"]').body == b'ok'
        return self.get(sid).body == b'437["still here"]'

    def gone(self, sid: str) -> bool:
        """Whether the sid is forgotten."""
        reply = self.post(sid, '42["echo"]')
        return reply.status == 400 and json.loads(reply.body)['code'] == 1

    def reason(self) -> str:
        """What the one disconnect handler that runs was told."""
        taken: list[list[Any]] = []

        def left() -> bool:
            taken.extend(self.seen())
            return any(entry[0] == 'disconnect' for entry in taken)

        eventually(left)
        (entry,) = [entry for entry in taken if entry[0] == 'disconnect']
        return entry[2]

    def end_clients(self) -> None:
        for peer in self.peers:
            peer.sock.close()
        self.peers.clear()
        for sid in self.sids:
            self.post(sid, '1')
        self.sids.clear()

    def settle(self) -> None:
        """Back at the base, or fail with what is left."""
        self.end_clients()
        left: dict[str, float] = {}

        def settled() -> bool:
            counts = self.counts()
            left.clear()
            left.update({name: counts[name] for name in LIVE if counts[name]})
            if counts['fds'] > self.base:
                left['fds'] = counts['fds'] - self.base
            return not left

        eventually(settled, what=left)
        assert self.process.poll() is None
        self.seen()
        log = self.log.read_text()
        new, self.read = log[self.read :], len(log)
        assert 'Traceback' not in new, new[-4000:]


def eventually(
    condition: Callable[[], bool], seconds: float = PATIENCE, what: object = ''
) -> None:
    """Ask until the answer is yes: what another process does can only be looked at."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f'not within {seconds} s: {what}'
        time.sleep(0.02)


def running(folder: Path, **options: Any) -> Iterator[Server]:
    server = Server(folder, **options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope='module')
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from running(tmp_path_factory.mktemp('patient'))


@pytest.fixture(scope='module')
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from running(
        tmp_path_factory.mktemp('hasty'), ping_interval=0.3, ping_timeout=0.4,
        connect_timeout=0.8, upgrade_timeout=0.4,
    )  # fmt: skip


@pytest.fixture(scope='module')
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from running(
        tmp_path_factory.mktemp('narrow'), max_http_buffer_size=10_000, max_outbox_size=200_000,
        max_attachments=2, max_namespaces=1, max_connections=20, per_message_deflate=True,
    )  # fmt: skip


@pytest.fixture
def server(patient: Server) -> Iterator[Server]:
    """With the default options."""
    patient.seen()
    yield patient
    patient.settle()


@pytest.fixture
def quick(hasty: Server) -> Iterator[Server]:
    """With times of less than a second."""
    hasty.seen()
    yield hasty
    hasty.settle()


@pytest.fixture
def small(narrow: Server) -> Iterator[Server]:
    """With small limits."""
    narrow.seen()
    yield narrow
    narrow.settle()


def refused(reply: Reply, code: int) -> bool:
    message = {
        0: 'Transport unknown',
        1: 'Session ID unknown',
        2: 'Bad handshake method',
        3: 'Bad request',
        5: 'Unsupported protocol version',
    }[code]
    assert reply.status == 400, reply
    assert reply.headers['content-type'] == 'application/json'
    assert reply.body == f'{{"code":{code},"message":"{message}"}}'.encode()
    assert 'access-control-allow-origin' not in reply.headers
    return True


# -- handshakes that are none ---------------------------------------------------------------


@pytest.mark.parametrize('sid', ['nope', 'constructor', '__proto__', '__class__', 'x' * 8000])
def test_unknown_sid(server, sid):
    assert refused(server.get(sid), 1)
    assert refused(server.post(sid, '40'), 1)


@pytest.mark.parametrize('transport', [*ODD, 'Polling', 'WEBSOCKET', 'polling%00', 'webtransport'])
def test_unknown_transport(server, transport):
    sid = server.session()
    assert refused(server.ask(head('GET', url(transport=transport))), 0)
    assert refused(server.ask(head('GET', url(transport=transport, sid=sid))), 0)
    assert server.echoes(sid)


@pytest.mark.parametrize('eio', [*ODD, '0', '1', '5', '04', '4.0', '4x', '-4', '%D9%A4', '1e1'])
def test_unknown_revision(server, eio):
    assert refused(server.ask(head('GET', url(eio=eio))), 5)
    peer = server.peer()
    peer.send(head('GET', url(eio=eio, transport='websocket'), UPGRADE))
    reply = peer.reply()
    assert (reply.status, reply.body) == (400, b'Unsupported protocol version')


@pytest.mark.parametrize(
    ('query', 'code'),
    [
        ('', 0),
        ('EIO=4', 0),
        ('EIO=9&transport=nope', 0),
        ('transport=polling', 5),
        ('transport=websocket', 5),
        ('EIO=4&transport=polling&sid=', 1),
    ],
)
def test_missing_fields(server, query, code):
    assert server.ask(head('GET', '/socket.io/?' + query)).status == 400
    if 'sid' not in query and 'websocket' not in query:
        assert refused(server.ask(head('GET', '/socket.io/?' + query)), code)


@pytest.mark.parametrize('field', ['EIO=4', 'EIO=3', 'transport=polling', 'sid=a', 's%69d=a'])
def test_repeated_fields(server, field):
    sid = server.session()
    assert server.ask(head('GET', f'{url(sid=sid)}&{field}')).status == 400
    if 'd=' not in field:
        assert server.ask(head('GET', f'{url()}&{field}')).status == 400
    assert server.echoes(sid)


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'X'])
def test_handshake_method(server, method):
    peer = server.peer()
    peer.send(head(method, url(), {'Content-Length': 0, 'Connection': 'close'}))
    reply = peer.reply(has_body=method != 'HEAD')
    assert reply.status in ((204,) if method == 'OPTIONS' else ()) + (400, 405)
    if method != 'HEAD' and reply.status == 400:
        assert refused(reply, 2)
    assert peer.rest() == b'', 'nothing follows, also not after a HEAD'


@pytest.mark.parametrize('method', ['PUT', 'DELETE', 'HEAD', 'PATCH', 'get'])
def test_methods_a_session_does_not_know(server, method):
    sid = server.session()
    data = head(method, url(sid=sid), {'Content-Length': 0, 'Connection': 'close'})
    assert server.ask(data, has_body=method != 'HEAD').status in (400, 405)
    assert server.echoes(sid)


def test_transports_do_not_mix(server):
    sid = server.session()
    assert refused(server.ask(head('GET', url(transport='websocket'))), 3)
    assert refused(server.ask(head('GET', url(transport='websocket', sid=sid))), 3)
    assert refused(server.ask(post(url(transport='websocket', sid=sid), b'41')), 3)
    assert server.echoes(sid)

    peer = server.upgrade()
    live = json.loads(peer.text()[1:])['sid']
    assert refused(server.get(live), 3)
    assert refused(server.post(live, '41'), 3)
    peer.send(frame(TEXT, b'40'))
    assert peer.text().startswith('40{"sid":"')


def test_upgrade_header_on_a_poll_is_no_upgrade(server):
    assert server.ask(head('GET', url(sid='nope'), UPGRADE)).status == 400
    reply = server.ask(head('GET', url(), UPGRADE))
    assert reply.status in (200, 400)
    if reply.status == 200:
        server.sids.append(json.loads(reply.body[1:])['sid'])


def test_a_closed_session_takes_no_post(server):
    sid = server.session()
    assert server.post(sid, '1\x1e42["after the end"]').body == b'ok'
    assert refused(server.post(sid, '42["echo"]'), 1)
    assert refused(server.get(sid), 1)
    assert server.reason() == 'transport close'
    assert not [entry for entry in server.seen() if entry[0] == 'event']


# -- foreign origins ------------------------------------------------------------------------

FOREIGN = (
    'http://evil.example', 'https://evil.example', 'null', 'file://', 'http://hostile.test:81',
    'http://hostile.test.evil.example', 'http://hostile.test@evil.example', 'evil', '*', '',
    'hostile.test:81', '//hostile.test',
    'http://evil.example/http://hostile.test', '__proto__', 'http://hostile.test, http://evil.example',
)  # fmt: skip


@pytest.mark.parametrize('origin', FOREIGN)
def test_foreign_origin(server, origin):
    sid = server.session()
    before = server.counts()
    origins = {'Origin': origin}
    answers = [
        server.ask(head('GET', url(), origins)),
        server.ask(head('GET', url(j=0, eio=3), origins)),
        server.ask(head('GET', url(eio=3), origins)),
        server.ask(head('GET', url(sid=sid), origins)),
        server.ask(post(url(sid=sid), b'41', origins)),
        server.ask(head('GET', url(transport='websocket'), {**UPGRADE, **origins})),
        server.ask(head('GET', url(transport='websocket', sid=sid), {**UPGRADE, **origins})),
    ]
    if origin != 'null':  # of a script that cannot join: tests/dialects/test_eio.py
        answers.append(server.ask(head('GET', url(j=0), origins)))
    assert [answer.status for answer in answers] == [400] * len(answers)
    for answer in answers:
        assert not any(name.startswith('access-control-') for name in answer.headers)
        assert 'set-cookie' not in answer.headers
    after = server.counts()
    assert [after[name] for name in LIVE] == [before[name] for name in LIVE]
    assert server.echoes(sid)


def test_preflight_of_a_foreign_origin_allows_nothing(server):
    fields = {'Origin': 'http://evil.example', 'Access-Control-Request-Method': 'POST'}
    reply = server.ask(head('OPTIONS', url(), fields))
    assert reply.status >= 400
    assert not any(name.startswith('access-control-') for name in reply.headers)


@pytest.mark.parametrize('origin', [b'http://hostile.test\x00', b'a\rb', b'a\nb', b'\x7f', b'\x01'])
def test_control_characters_in_origin(server, origin):
    for fields in (b'', b'Connection: Upgrade\r\nUpgrade: websocket\r\n'):
        peer = server.peer()
        peer.send(head('GET', url())[:-2] + fields + b'Origin: ' + origin + b'\r\n\r\n')
        assert peer.reply().status == 400


@pytest.mark.parametrize('origin', ['http://hostile.test', 'hostile.test'])
def test_own_origin_is_served(server, origin):
    reply = server.ask(head('GET', url(), {'Origin': origin}))
    assert reply.status == 200
    server.sids.append(json.loads(reply.body[1:])['sid'])


@pytest.mark.parametrize(('host', 'origin'), [('null', 'null'), ('', '')])
def test_no_host_makes_these_its_own_origins(server, host, origin):
    request = head('GET', url(), {'Host': host, 'Origin': origin})
    assert server.ask(request).status == 400


# -- HTTP that two readers could understand differently -------------------------------------


def smuggles(sid: str) -> dict[str, bytes]:
    """Requests of which a lenient reader makes two."""
    target = url(sid=sid)
    line = f'POST {target} HTTP/1.1\r\nHost: h\r\n'.encode()
    size = b'Content-Length: %d\r\n' % len(SNEAK)
    coding = b'Transfer-Encoding: chunked\r\n'
    coded = line + coding + b'\r\n'
    return {
        'length and coding': line + b'Content-Length: 5\r\n' + coding + b'\r\n0\r\n\r\n',
        'two lengths': line + b'Content-Length: 0\r\n' + size + b'\r\n',
        'equal lengths': line + size + size + b'\r\n',
        'list of lengths': line + b'Content-Length: 0, 0\r\n\r\n',
        'signed length': line + b'Content-Length: +0\r\n\r\n',
        'hexadecimal length': line + b'Content-Length: 0x0\r\n\r\n',
        'negative length': line + b'Content-Length: -1\r\n\r\n',
        'endless length': line + b'Content-Length: ' + b'0' * 30 + b'\r\n\r\n',
        'blank before colon': line + b'Content-Length : 0\r\n\r\n',
        'folded': line + b'X: y\r\n Content-Length: 9\r\n\r\n',
        'folded coding': line + b'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n',
        'bare LF': line + b'X: y\nContent-Length: 0\r\n\r\n',
        'bare CR': line + b'X: y\rContent-Length: 0\r\n\r\n',
        'NUL': line + b'Content-Length: 0\x00\r\n\r\n',
        'other coding': line + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
        'coding twice': line + coding + b'Transfer-Encoding: x\r\n\r\n0\r\n\r\n',
        'coding in quotes': line + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
        'coding with VT': line + b'Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n',
        'no host': f'POST {target} HTTP/1.1\r\nContent-Length: 0\r\n\r\n'.encode(),
        'two hosts': line + b'Host: i\r\nContent-Length: 0\r\n\r\n',
        'version': line.replace(b'1.1', b'1.2') + b'Content-Length: 0\r\n\r\n',
        'no version': f'POST {target}\r\n\r\n'.encode(),
        'trailer': coded + b'0\r\nX: y\r\n\r\n',
        'trailer with blanks': coded + b'0\r\n \r\n\r\n',
        'trailer with a request': coded + b'0\r\n' + SNEAK,
        'CR in the end': coded + b'0\r\n\r',
        'LF in the end': coded + b'0\r\n\n',
        'LF chunk': coded + b'0\n\n',
        'chunk extension': coded + b'0;a=b\r\n\r\n',
        'signed chunk': coded + b'+0\r\n\r\n',
        'prefixed chunk': coded + b'0x0\r\n\r\n',
        'blank chunk': coded + b' 0\r\n\r\n',
        'huge chunk': coded + b'F' * 17 + b'\r\n',
        'chunk overrun': coded + b'1\r\n42\r\n0\r\n\r\n',
    }  # fmt: skip


@pytest.mark.parametrize('name', smuggles(''))
def test_no_second_request_is_smuggled(server, name):
    sid = server.session()
    server.seen()
    peer = server.peer()
    peer.send(smuggles(sid)[name] + SNEAK)
    output = peer.rest()
    assert output.count(b'HTTP/1.1 ') <= 1, output
    assert re.match(rb'HTTP/1\.1 (400|501|505) |\Z', output), output
    assert ['mark', 'GET'] not in server.seen()


@pytest.mark.parametrize('expect', [True, False])
@pytest.mark.parametrize(('target', 'status'), [('/socket.io/', 413), ('/_unread', 401)])
def test_a_refused_body_does_not_run_as_a_request(server, target, status, expect):
    sid = server.session()
    server.seen()
    target += url(sid=sid).removeprefix('/socket.io/')
    fields = {'Content-Length': LIMIT + 1} | ({'Expect': '100-continue'} if expect else {})
    peer = server.peer()
    peer.send(head('POST', target, fields))
    reply = peer.reply()
    assert reply.status == status, reply
    peer.try_send(SNEAK)
    with contextlib.suppress(OSError):
        peer.sock.shutdown(socket.SHUT_WR)  # it may be waiting for the rest of the body
    assert b'HTTP/1.1' not in peer.rest()
    assert ['mark', 'GET'] not in server.seen()
    assert server.echoes(sid)


def test_expectation_is_met_for_a_body_that_is_wanted(server):
    sid = server.session()
    peer = server.peer()
    peer.send(head('POST', url(sid=sid), {'Content-Length': 17, 'Expect': '100-continue'}))
    assert peer.reply().status == 100
    peer.send(b'427["echo",12345]')
    assert peer.reply().body == b'ok'
    assert server.get(sid).body == b'437[12345]'


@pytest.mark.parametrize('count', [101, 1000, 10_000])
def test_too_many_headers(server, count):
    for method, target in (('GET', url()), ('GET', url(transport='websocket'))):
        peer = server.peer()
        fields = {f'X-{index}': 'y' for index in range(count)}
        peer.try_send(head(method, target, {**UPGRADE, **fields}))
        assert re.match(rb'HTTP/1\.1 (400|431) |\Z', peer.rest())


def test_a_head_without_end(server):
    peer = server.peer()
    peer.try_send(b'GET ' + url().encode() + b' HTTP/1.1\r\nHost: h\r\nX: ')
    before = server.counts()['rss']
    for _ in range(100):
        peer.try_send(b'x' * 100_000)
    assert re.match(rb'HTTP/1\.1 (400|431) |\Z', peer.rest())
    assert server.counts()['rss'] - before < 4_000_000


# -- size limits ----------------------------------------------------------------------------


def test_announced_size(server):
    sid = server.session()
    for size in (LIMIT + 1, 10**12, 10**18 - 1):
        peer = server.peer()
        peer.send(head('POST', url(sid=sid), {'Content-Length': size}))
        reply = peer.reply()
        assert (reply.status, reply.body) == (413, b'')
        peer.try_send(b'x' * 100_000)
        assert b'HTTP' not in peer.rest()
    assert server.echoes(sid)


def test_size_of_the_limit(server):
    sid = server.session()
    filler = 'x' * (LIMIT - len('42["echo",""]'))
    assert server.post(sid, f'42["echo","{filler}"]').body == b'ok'
    assert server.echoes(sid)
    peer = server.websocket()
    peer.send(frame(TEXT, f'42["echo","{filler}"]'.encode()))
    peer.send(frame(TEXT, b'421["echo",2]'))
    assert peer.text() == '431[2]'


def test_chunked_size(server):
    sid = server.session()
    coded = head('POST', url(sid=sid), {'Transfer-Encoding': 'chunked'})
    piece = b'10000\r\n' + b'x' * 65536 + b'\r\n'
    peer = server.peer()
    peer.send(coded)
    for _ in range(17):
        peer.try_send(piece)
    assert re.match(rb'HTTP/1\.1 413 |\Z', peer.rest())
    peer = server.peer()
    peer.send(coded + b'F4241\r\n')  # one byte over, announced by the first chunk
    assert peer.reply().status == 413
    assert b'HTTP' not in peer.rest()
    assert server.echoes(sid)

    assert server.ask(coded + b'4\r\n427[\r\n7\r\n"echo"]\r\n0\r\n\r\n').body == b'ok'
    assert server.get(sid).body == b'437[]'


def test_size_of_a_frame(server):
    for early, code in (
        (frame(TEXT, length=LIMIT + 1), 1009),
        (frame(BINARY, length=1 << 62), 1009),
        (frame(TEXT, length=(1 << 63) - 1), 1009),
    ):
        before = server.counts()['rss']
        assert server.upgrade(early).close_code() == code
        assert server.counts()['rss'] - before < 4_000_000


def test_a_length_with_its_top_bit_set(server):
    assert server.upgrade(frame(TEXT, length=1 << 63)).close_code() in (1002, 1009)


def test_size_of_fragments(server):
    peer = server.websocket()
    peer.send(frame(TEXT, b'42["echo","', first=0x01))
    for _ in range(16):
        peer.try_send(frame(0, b'x' * 65536, first=0x00))
    assert peer.close_code() == 1009
    assert server.reason() in ('transport error', 'message too big')


def test_a_hundred_thousand_fragments(server):
    peer = server.websocket()
    before = server.counts()['rss']
    peer.send(frame(TEXT, b'421["echo","', first=0x01))
    piece = frame(0, b'x', first=0x00) * 1000
    for _ in range(100):
        peer.try_send(piece)
    peer.try_send(frame(0, b'"]', first=0x80))
    got = peer.frame()
    if got.opcode == CLOSE:
        assert got.code in (1008, 1009)
    else:
        assert got.payload == b'431["' + b'x' * 100_000 + b'"]'
    assert server.counts()['rss'] - before < 8_000_000


@pytest.mark.parametrize(
    'packet',
    [
        '42' + '1' * 990_000 + '["x"]',
        '43' + '1' * 990_000 + '["x"]',
        '45' + '1' * 990_000 + '-["x"]',
        '42["x",' + '1' * 990_000 + ']',
        '42["x",1e' + '9' * 900_000 + ']',
        '42' + '[' * 990_000,
        '42["x",' + '{"a":' * 160_000 + '1' + '}' * 160_000 + ']',
        '42/' + 'x' * 990_000,
        '4' * 990_000,
        '42[' + '"x",' * 240_000 + '1',
        '42["x","' + '\\' * 989_999 + '"]',
        '\x1e' * 990_000,
    ],
    ids=lambda packet: packet[:12],
)
def test_a_megabyte_costs_little(server, packet):
    """Most end the session; none holds the server up."""
    data = packet.encode()
    for transport in ('polling', 'websocket'):
        before = server.counts()['cpu']
        if transport == 'polling':
            sid = server.session()
            assert server.post(sid, data).status in (200, 400)
        else:
            peer = server.websocket()
            peer.send(frame(TEXT, data))
            peer.try_send(frame(TEXT, b'1'))
            peer.farewell()
        assert server.counts()['cpu'] - before < 0.5


# -- packets --------------------------------------------------------------------------------

DIGITS = '1234567890123456'
WRONG = {
    'unknown engine type': '7',
    'engine type x': 'x',
    'engine type nine': '9["x"]',
    'no engine packet': '',
    'two separators': '42["a"]\x1e\x1e42["b"]',
    'no packet': '4',
    'unknown type': '49["x"]',
    'type seven': '47',
    'type minus': '4-1["x"]',
    'object': '42{"a":1}',
    'string': '42"x"',
    'broken': '42["x"',
    'trailing': '42["x"]]',
    'not JSON': "42['x']",
    'NaN': '42["x",NaN]',
    'infinity': '42["x",Infinity]',
    'minus infinity': '42["x",-Infinity]',
    'no name': '42[]',
    'name object': '42[{}]',
    'name array': '42[["x"]]',
    'name null': '42[null]',
    'name true': '42[true]',
    'name nested': '42[' + '[' * 1000 + ']' * 1000 + ']',
    'nested': '42["x",' + '[' * 100_000 + ']' * 100_000 + ']',
    'nested objects': '42["x",' + '{"a":' * 100_000 + '1' + '}' * 100_000 + ']',
    'data on DISCONNECT': '41"x"',
    'CONNECT_ERROR': '44{"message":"x"}',
    'CONNECT twice': '40',
    'ack id': f'42{DIGITS}["x"]',
    'ack id of an ACK': f'43{DIGITS}["x"]',
    'ack id with exponent': '431e+23["x"]',
    'ack object': '431{"a":1}',
    'ack without data': '431',
    'no count': '45["x"]',
    'empty count': '45-["x"]',
    'negative count': '45-1-["x"]',
    'fraction count': '451.5-["x"]',
    'hexadecimal count': '450x1-["x"]',
    'many attachments': '4511-["x"]',
    'millions of attachments': '4545999999-["x"]',
    'count of digits': '45' + '9' * 5000 + '-["x"]',
    'attachment of nothing': 'bAQID',
    'bad base64': '451-["x",{"_placeholder":true,"num":0}]\x1eb***',
    'text while attachments pend': '451-["x",{"_placeholder":true,"num":0}]\x1e42["x"]',
    'leaving while attachments pend': '451-["x",{"_placeholder":true,"num":0}]\x1e41',
    'attachments of a namespace not joined': '451-/chat,["x"]',
    'namespace not joined': '42/chat,["x"]',
    'leaving a namespace not joined': '42/nowhere,["x"]',
    'auth string': '40/chat,"x"',
    'auth array': '40/chat,[1]',
    'auth broken': '40/chat,{"a"',
} | {
    f'reserved name {name}': f'42["{name}"]'
    for name in ('connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener',
                 'removeListener')
} | {
    f'placeholder {num}': f'451-["x",{{"_placeholder":true,"num":{num}}}]\x1ebAQID'
    for num in ('-1', '1', '1e9', '0.5', '"0"', 'null', 'true', '[0]', '{}', '9' * 21)
}  # fmt: skip


@pytest.mark.parametrize('name', WRONG)
def test_wrong_packet_by_polling(server, name):
    sid = server.session()
    server.seen()
    reply = server.post(sid, WRONG[name])
    assert (reply.status, reply.body) == (200, b'ok')
    assert refused(server.post(sid, '42["echo"]'), 1)
    assert server.reason() == 'parse error'


@pytest.mark.parametrize('name', WRONG)
def test_wrong_packet_by_websocket(server, name):
    peer = server.websocket()
    server.seen()
    for packet in WRONG[name].split('\x1e'):
        if packet.startswith('b') and name != 'bad base64':
            peer.try_send(frame(BINARY, base64.b64decode(packet[1:])))
        else:
            peer.try_send(frame(TEXT, packet.encode()))
    peer.close_code()
    assert server.reason() == 'parse error'
    assert not [entry for entry in server.seen() if entry[0] == 'event']


@pytest.mark.parametrize(
    'packet',
    [
        '43["nobody asked"]', '43999999["nobody asked"]', '43999999999999999["x"]', '6', '42',
        '42["error"]', '42["error",{"message":"x"}]', '42["__class__"]', '42["on_echo"]',
        '42["_trigger"]', '42["message"]', '42["*"]', '42["",1]', '42[1,2]', '42["\\u0000"]',
        '42["\\ud800"]', '42["x",{"_placeholder":true,"num":0}]', '450-["x"]',
        '42["x",{"__proto__":{"a":1},"constructor":1}]', '42["echo",{"\\ud800":"\\udc00"}]',
    ],
)  # fmt: skip
def test_odd_packets_that_harm_nobody(server, packet):
    sid = server.session()
    assert server.post(sid, packet).body == b'ok'
    assert server.echoes(sid)
    peer = server.websocket()
    peer.send(frame(TEXT, packet.encode()) + frame(TEXT, b'427["echo",1]'))
    assert peer.text() == '437[1]'


def test_a_placeholder_that_is_none(server):
    sid = server.session()
    packet = '451-7["echo",{"_placeholder":1,"num":5},{"_placeholder":true,"num":0}]\x1ebAQID'
    assert server.post(sid, packet).body == b'ok'
    assert server.get(sid).body == (
        b'461-7[{"_placeholder":1,"num":5},{"_placeholder":true,"num":0}]\x1ebAQID'
    )


@pytest.mark.parametrize(
    'packet', ['42["x"]', '451-["x",{"_placeholder":true,"num":0}]', '41', '430[]']
)
def test_nothing_flows_before_connect(server, packet):
    sid = server.open()
    assert server.post(sid, packet).body == b'ok'
    assert server.gone(sid)
    peer = server.upgrade(frame(TEXT, packet.encode()))
    assert peer.text().startswith('0{')
    peer.close_code()
    assert not [entry for entry in server.seen() if entry[0] == 'event']


@pytest.mark.parametrize(
    'name',
    ['/unk', '/CHAT', '/chat/', '/__class__', '/constructor', '//', '/*', '/\u20ac', '/' * 9000],
    ids=lambda name: ascii(name[:12]),
)
def test_unknown_namespace(server, name):
    peer = server.websocket()
    peer.send(frame(TEXT, f'40{name},'.encode()))
    assert peer.text() == f'44{name},{{"message":"Invalid namespace"}}'
    peer.send(frame(TEXT, f'40{name}?a=b,{{}}'.encode()) + frame(TEXT, b'427["echo",1]'))
    answers = [peer.text(), peer.text()]
    assert '437[1]' in answers


def test_refused_connects_leave_nothing(server):
    peer = server.upgrade()
    peer.text()
    for _ in range(300):
        peer.send(frame(TEXT, b'40/refuse,'))
        assert peer.text().startswith('44/refuse,{"message":')
        peer.send(frame(TEXT, b'40/unk,'))
        assert peer.text() == '44/unk,{"message":"Invalid namespace"}'
    counts = server.counts()
    assert (counts['sockets'], counts['rooms'], counts['handlers']) == (0, 0, 0)
    peer.send(frame(TEXT, b'40'))
    assert peer.text().startswith('40{"sid":"')


@pytest.mark.parametrize(
    'text', [b'"\xff"', b'\xff', b'"\x80"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"']
)
def test_text_that_is_not_utf_8(server, text):
    body = b'42["x",' + text + b']'
    sid = server.session()
    assert server.post(sid, body).status in (200, 400)
    assert server.gone(sid)
    assert server.reason() == 'parse error'
    peer = server.websocket()
    peer.send(frame(TEXT, body))
    assert peer.close_code() == 1007


def test_octet_stream_on_revision_4(server):
    sid = server.session()
    reply = server.post(sid, b'\x00\x01\xff4', **{'Content-Type': 'application/octet-stream'})
    assert (reply.status, reply.body) == (400, b'')
    assert server.gone(sid)


def test_a_thousand_octet_streams(server):
    fields = {'Content-Type': 'application/octet-stream'}
    peer = server.peer()
    statuses = []
    for _ in range(1000):
        peer.send(head('GET', url()))
        sid = json.loads(peer.reply().body[1:])['sid']
        poster = server.peer()
        poster.send(post(url(sid=sid), b'\x04x', fields))
        statuses.append(poster.reply().status)
        if len(server.peers) > 100:
            for old in server.peers[1:]:
                old.sock.close()
            del server.peers[1:]
    assert statuses == [400] * 1000
    eventually(lambda: server.counts()['sessions'] == 0)


@pytest.mark.parametrize('packet', ['2', '2probe'])
def test_a_ping_from_a_client_of_revision_4(server, packet):
    sid = server.session()
    assert server.post(sid, packet).body == b'ok'
    assert server.gone(sid)
    assert server.reason() == 'transport error'


# -- revision 3 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    'body',
    [
        b'4', b'x', b':', b':4', b'-1:4', b'+1:4', b'1 :4', b'1.0:4', b'2:4', b'1:', b'1:42',
        b'0x1:4', b'99999999999:4', b'9' * 900_000, b'9' * 20 + b':4', b'\xd9\xa1:4', b'1:9',
        b'1_0:4' + b'x' * 9, b'1:3', b'2:4\xf0\x9f\x98\x80', b'2:4\xf0', b'6:b4AQ*D',
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_wrong_payload_of_revision_3(server, body):
    sid = server.open(eio=3)
    assert server.post(sid, body).status in (200, 400)
    assert server.gone(sid)
    assert server.reason() in ('parse error', 'transport error')


@pytest.mark.parametrize(
    'body',
    [
        b'\x00', b'\x00\xff', b'\x00\x01', b'\x00\x01\xff', b'\x00\x02\xff4', b'\x02\x01\xff4',
        b'\x00\x0a\xff4', b'\x00' + b'\x09' * 11 + b'\xff4', b'\x00' + b'\x09' * 900_000,
        b'\x00\x031\xff4', b'4', b'\x00\x02\xff4\xff', b'\x01\x01\xff\x09', b'\x00\x01\xff9',
        b'\x01\x02\xff\x04x',
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_wrong_binary_payload_of_revision_3(server, body):
    sid = server.open(eio=3)
    fields = {'Content-Type': 'application/octet-stream'}
    assert server.post(sid, body, **fields).status in (200, 400)
    assert server.gone(sid)
    assert server.reason() in ('parse error', 'transport error')


@pytest.mark.parametrize(
    'query', ['', '?', '??', 'sid=a&sid=b', '&' * 1000, '%', '%ff', 'a=%00', '__class__=1', '"'],
    ids=lambda query: query[:12],
)  # fmt: skip
def test_odd_namespace_queries_of_revision_3(server, query):
    peer = server.upgrade(target=url(eio=3, transport='websocket'))
    assert peer.text().startswith('0{')
    assert peer.text() == '40'
    peer.send(frame(TEXT, f'40/chat?{query},'.encode()))
    answer = peer.frame()
    if answer.opcode == CLOSE:
        assert server.reason() == 'parse error'
    else:
        assert answer.payload.startswith((b'40/chat,', b'44/chat,'))
        peer.send(frame(TEXT, b'427["echo",1]'))
        assert peer.text() == '437[1]'


# -- polling twice at once, and half -----------------------------------------------------


@pytest.mark.parametrize(('eio', 'last'), [(4, b'1'), (3, b'1:1')])
def test_two_gets_at_once(server, eio, last):
    sid = server.open(eio)  # with revision 3 the answer contained the CONNECT
    if eio == 4:
        server.join(sid)
    first, second = server.peer(), server.peer()
    first.send(head('GET', url(eio, sid=sid)))
    server.counts()  # by now the first is waiting
    second.send(head('GET', url(eio, sid=sid)))
    reply = second.reply()
    assert (reply.status, reply.body) == (400, b'')
    reply = first.reply()
    assert (reply.status, reply.body) == (200, last)
    assert server.gone(sid)
    assert server.reason() == 'transport error'


def test_two_posts_at_once(server):
    sid = server.session()
    first, second = server.peer(), server.peer()
    first.send(head('POST', url(sid=sid), {'Content-Length': 10}) + b'42["')
    server.counts()
    second.send(post(url(sid=sid), b'42["x"]'))
    reply = second.reply()
    assert (reply.status, reply.body) == (400, b'')
    assert server.gone(sid)
    assert server.reason() == 'transport error'


@pytest.mark.parametrize('end', ['FIN', 'RST'])
def test_a_poll_given_up(server, end):
    sid = server.session()
    peer = server.peer()
    peer.send(head('GET', url(sid=sid)))
    server.counts()
    peer.reset() if end == 'RST' else peer.sock.close()
    assert server.reason() == 'transport error'
    assert server.gone(sid)


@pytest.mark.parametrize('end', ['FIN', 'RST'])
@pytest.mark.parametrize('sent', [b'', b'42["', b'2\r\n42\r', b'F'])
def test_a_post_given_up(server, end, sent):
    sid = server.session()
    fields = {'Transfer-Encoding': 'chunked'} if b'\r' in sent else {'Content-Length': 10}
    peer = server.peer()
    peer.send(head('POST', url(sid=sid), fields) + sent)
    server.counts()
    peer.reset() if end == 'RST' else peer.sock.close()
    assert server.reason() == 'transport error'
    assert server.gone(sid)


def test_bytes_behind_a_waiting_poll_do_not_pile_up(server):
    sid = server.session()
    peer = server.peer()
    peer.send(head('GET', url(sid=sid)))
    before = server.counts()['rss']
    peer.sock.settimeout(0.5)
    with contextlib.suppress(OSError):
        for _ in range(300):
            peer.send(b'x' * 100_000)
    assert server.counts()['rss'] - before < 8_000_000


def test_requests_sent_ahead_are_answered_in_order(server):
    peer = server.peer()
    peer.send(head('GET', url()) * 20 + head('GET', url(), {'Connection': 'close'}))
    sids = [json.loads(peer.reply().body[1:])['sid'] for _ in range(21)]
    server.sids.extend(sids)
    assert len(set(sids)) == 21
    assert peer.rest() == b''


# -- JSONP ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('j', 'index'),
    [
        ('0%0d%0aX-Evil:%201', '01'),
        ('0%0d%0a%0d%0a<script>', '0'),
        ('0a1', '01'),
        ('', ''),
        ('alert(1)//', '1'),
        ('%00', ''),
        ('%D9%A1', ''),  # a digit, but not an ASCII one
        ('__proto__', ''),
        ('0];alert(1);[0', '010'),
    ],
)
def test_callback_index(server, j, index):
    reply = server.ask(head('GET', url(j=j)))
    assert reply.status == 200
    assert 'x-evil' not in reply.headers
    prefix = f'___eio[{index}]('.encode()
    assert reply.body.startswith(prefix) and reply.body.endswith(b');')
    assert reply.headers['x-content-type-options'] == 'nosniff'
    assert reply.headers['content-type'].startswith(('text/javascript', 'text/plain'))
    packet = json.loads(reply.body[len(prefix) : -2])
    server.sids.append(json.loads(packet[1:])['sid'])


@pytest.mark.parametrize(
    'body',
    [b'', b'x', b'e=1', b'D=40', b'=40', b'&&&', b'd[]=40', b'd%5B%5D=1', b'x=' + b'%41' * 300_000],
    ids=lambda body: ascii(body[:12]),
)
def test_forms_without_data(server, body):
    sid = server.open(j=0)
    fields = {'Content-Type': 'application/x-www-form-urlencoded'}
    assert server.ask(post(url(sid=sid, j=0), body, fields)).body == b'ok'
    assert server.ask(post(url(sid=sid, j=0), b'd=40', fields)).body == b'ok'
    assert server.get(sid, j=0).body.startswith(b'___eio[0]("40{')


@pytest.mark.parametrize(
    'body',
    [b'd=40&d=40', b'd', b'd=', b'd=%', b'd=%zz', b'd=%ff', b'd=9', b'&'.join([b'd=1'] * 9999)],
    ids=lambda body: ascii(body[:12]),
)
def test_forms_with_odd_data(server, body):
    sid = server.open(j=0)
    fields = {'Content-Type': 'application/x-www-form-urlencoded'}
    assert server.ask(post(url(sid=sid, j=0), body, fields)).status in (200, 400)


# -- frames ---------------------------------------------------------------------------------

FRAMES = {
    'RSV1': (frame(TEXT, b'40', first=0xC1), 1002),
    'RSV2': (frame(TEXT, b'40', first=0xA1), 1002),
    'RSV3': (frame(TEXT, b'40', first=0x91), 1002),
    'RSV2 and RSV3': (frame(TEXT, b'40', first=0xB1), 1002),
    'unmasked': (frame(TEXT, b'40', masked=False), 1002),
    'unmasked close': (frame(CLOSE, b'\x03\xe8', masked=False), 1002),
    'opcode 3': (frame(3, b'x'), 1002),
    'opcode 7': (frame(7), 1002),
    'opcode 11': (frame(11), 1002),
    'opcode 15': (frame(15), 1002),
    'continuation of nothing': (frame(0, b'40'), 1002),
    'text within a message': (frame(TEXT, b'4', first=0x01) + frame(TEXT, b'0'), 1002),
    'fragmented ping': (frame(PING, b'x', first=0x09), 1002),
    'long ping': (frame(PING, b'x' * 126), 1002),
    'long close': (frame(CLOSE, b'\x03\xe8' + b'x' * 124), 1002),
    'close of one byte': (frame(CLOSE, b'\x03'), 1002),
    'close 1005': (frame(CLOSE, b'\x03\xed'), 1002),
    'close 999': (frame(CLOSE, b'\x03\xe7'), 1002),
    'close 2999': (frame(CLOSE, b'\x0b\xb7'), 1002),
    'close 65535': (frame(CLOSE, b'\xff\xff'), 1002),
    'close reason': (frame(CLOSE, b'\x03\xe8\xff'), 1007),
    'text': (frame(TEXT, b'4\xff'), 1007),
    'text cut in a character': (frame(TEXT, b'4\xe2\x82'), 1007),
    'HTTP': (b'GET / HTTP/1.1\r\n\r\n', 1002),
    'zeros': (bytes(64), 1002),
    'ones': (b'\xff' * 64, 1002),
}  # fmt: skip


@pytest.mark.parametrize('early', [True, False])
@pytest.mark.parametrize('name', FRAMES)
def test_wrong_frame(server, name, early):
    data, code = FRAMES[name]
    if early:
        peer = server.upgrade(data)
    else:
        peer = server.websocket()
        peer.send(data)
    assert peer.close_code() == code


@pytest.mark.parametrize('size', [0, 1, 125])
def test_a_ping_is_echoed_exactly(server, size):
    peer = server.websocket()
    payload = bytes(range(125))[:size]
    peer.send(frame(PING, payload))
    assert peer.frame() == Frame(PONG, payload, 0x8A)


@pytest.mark.parametrize(
    'payload', [b'', b'\x03\xe8', b'\x03\xe8bye', b'\x0f\xa0\xe2\x82\xac', b'\x03\xf3']
)
def test_close_frames_carry_only_given_bytes(server, payload):
    peer = server.websocket()
    peer.send(frame(CLOSE, payload))
    got = peer.frame()
    assert got.opcode == CLOSE
    assert got.payload in (b'', b'\x03\xe8', payload[:2], payload)
    assert peer.rest() == b''
    assert server.reason() == 'transport close'


@pytest.mark.parametrize(
    ('fields', 'statuses'),
    [
        ({'Sec-WebSocket-Key': ''}, (400,)),
        ({'Sec-WebSocket-Key': 'short'}, (400,)),
        ({'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==x'}, (400,)),
        ({'Sec-WebSocket-Key': '*' * 24}, (400,)),
        ({'Sec-WebSocket-Version': '8'}, (400, 426)),
        ({'Sec-WebSocket-Version': ''}, (400, 426)),
        ({'Sec-WebSocket-Version': '13, 8'}, (400, 426)),
        ({'Upgrade': 'h2c'}, (400,)),
        ({'Upgrade': ''}, (400,)),
        ({'Connection': 'keep-alive'}, (400,)),
        ({'Content-Length': '5'}, (400,)),
        ({'Transfer-Encoding': 'chunked'}, (400,)),
    ],
)
def test_a_websocket_handshake_that_is_none(server, fields, statuses):
    peer = server.peer()
    peer.send(head('GET', url(transport='websocket'), {**UPGRADE, **fields}) + SNEAK)
    output = peer.rest()
    assert int(output[9:12]) in statuses, output
    assert output.count(b'HTTP/1.1 ') == 1
    assert ['mark', 'GET'] not in server.seen()


@pytest.mark.parametrize(
    ('target', 'message'),
    [
        (url(transport='websocket', sid='nope'), b'Session ID unknown'),
        (url(transport='websocket', sid='__class__'), b'Session ID unknown'),
        (url(transport='nope'), b'Transport unknown'),
        (url(eio=9, transport='websocket'), b'Unsupported protocol version'),
    ],
)
def test_an_upgrade_refused_is_plain_http(server, target, message):
    peer = server.peer()
    peer.send(head('GET', target, UPGRADE) + frame(TEXT, b'2probe'))
    reply = peer.reply()
    assert (reply.status, reply.body) == (400, message)
    assert reply.headers['connection'] == 'close'
    assert peer.rest() == b''


@pytest.mark.parametrize('name', ['Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol'])
@pytest.mark.parametrize('value', ['a;' * 4096, ' ' * 4000 + 'x', 'a=' + '"' * 8000, ',' * 8000])
def test_long_negotiation_headers(server, name, value):
    before = server.counts()['cpu']
    for _ in range(5):
        peer = server.peer()
        peer.send(head('GET', url(transport='websocket'), {**UPGRADE, name: value}))
        assert peer.reply().status in (101, 400)
    assert server.counts()['cpu'] - before < 0.25


# -- upgrades -------------------------------------------------------------------------------


def probe(server: Server, sid: str, early: bytes = frame(TEXT, b'2probe')) -> Peer:
    return server.upgrade(early, url(transport='websocket', sid=sid))


@pytest.mark.parametrize(
    'early',
    [frame(TEXT, data) for data in (b'', b'2', b'5', b'3probe', b'40', b'2prob', b'1')]
    + [frame(BINARY, b'2probe'), frame(TEXT, b'2probe', first=0xA1), frame(TEXT, b'\xff')],
)
def test_an_upgrade_that_begins_wrong(server, early):
    sid = server.session()
    probe(server, sid, early).farewell()
    assert server.echoes(sid)


def test_a_session_upgrades_once(server):
    sid = server.session()
    first = probe(server, sid)
    assert first.text() == '3probe'
    second = probe(server, sid)
    assert len(second.farewell()) == 1
    first.send(frame(TEXT, b'5') + frame(TEXT, b'427["echo",1]'))
    assert first.text() == '437[1]'
    third = probe(server, sid)
    assert third.frame().opcode == CLOSE
    first.send(frame(TEXT, b'428["echo",2]'))
    assert first.text() == '438[2]'


def test_an_upgrade_never_finished(quick):
    sid = quick.session()
    peer = probe(quick, sid)
    assert peer.text() == '3probe'
    assert peer.frame().opcode == CLOSE
    assert not quick.gone(sid)


@pytest.mark.parametrize('end', ['FIN', 'RST'])
@pytest.mark.parametrize('late', [False, True])
def test_an_upgrade_given_up(server, end, late):
    sid = server.session()
    peer = probe(server, sid)
    if late:
        assert peer.text() == '3probe'
    peer.reset() if end == 'RST' else peer.sock.close()
    assert server.echoes(sid)
    again = probe(server, sid)
    assert again.text() == '3probe'
    again.send(frame(TEXT, b'5') + frame(TEXT, b'427["echo",1]'))
    assert again.text() == '437[1]'


@pytest.mark.parametrize(
    'request_for',
    [
        lambda sid: head('GET', url(transport='websocket'), UPGRADE) + frame(TEXT, b'40'),
        lambda sid: (
            head('GET', url(transport='websocket', sid=sid), UPGRADE) + frame(TEXT, b'2probe')
        ),
        lambda sid: head('GET', url()),
    ],
    ids=['websocket', 'upgrade', 'polling'],
)
def test_reset_at_every_byte(quick, request_for):
    """On the server whose handshakes without a client are soon given up."""
    server = quick
    sid = server.session()
    data = request_for(sid)
    for position in itertools.chain(range(0, len(data), 3), [len(data) - 1, len(data)]):
        peer = server.peer()
        peer.send(data[:position])
        peer.reset()
        server.peers.remove(peer)
    assert server.process.poll() is None
    peer = server.peer()
    peer.send(data)
    answer = peer.reply()
    if answer.body:
        server.sids.append(json.loads(answer.body[1:])['sid'])
    for position in range(1, 100, 7):
        peer = server.peer()
        peer.send(data)
        peer.read(position)
        peer.reset()
        server.peers.remove(peer)
    assert server.echoes(sid)


# -- floods and silence ---------------------------------------------------------------------


def test_a_hundred_thousand_pongs(quick):
    peer = quick.websocket()
    before = quick.counts()
    for _ in range(100):
        peer.send(frame(TEXT, b'3') * 1000 + frame(PONG, b'x') * 10)
    started = time.monotonic()
    pings = 0
    while time.monotonic() - started < 1.5:
        assert peer.text() == '2'
        pings += 1
        peer.send(frame(TEXT, b'3'))
    assert 2 <= pings <= 7, 'one heartbeat, whatever was sent'
    assert quick.counts()['fds'] <= before['fds']
    assert quick.counts()['rss'] - before['rss'] < 8_000_000
    started = time.monotonic()
    assert peer.text() == '2'  # and not answered any more
    peer.rest()
    assert 0.2 < time.monotonic() - started < 3
    assert quick.reason() == 'ping timeout'


def test_pongs_by_polling(quick):
    sid = quick.session()
    for _ in range(3):
        quick.post(sid, '\x1e'.join(['3'] * 10_000))
    assert quick.get(sid).body == b'2'
    assert quick.reason() == 'ping timeout'


def test_pings_whose_pongs_nobody_reads(server):
    peer = server.websocket()
    before = server.counts()['rss']
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.sock.settimeout(1)
    with contextlib.suppress(OSError):
        for _ in range(400):
            peer.send(frame(PING, b'x' * 125) * 1000)
    assert server.counts()['rss'] - before < 64_000_000


def test_a_client_that_does_not_read(small):
    peer = small.websocket()
    packet = frame(TEXT, b'421["echo","' + b'x' * 9000 + b'"]')
    for _ in range(2000):
        peer.try_send(packet)
    assert small.reason() == 'slow client'
    before = small.counts()['rss']
    peer.rest()
    assert small.counts()['rss'] - before < 4_000_000


def test_a_client_that_does_not_poll(small):
    sid = small.session()
    packet = '421["echo","' + 'x' * 9000 + '"]'
    statuses = [small.post(sid, packet).status for _ in range(30)]
    assert statuses[:20] == [200] * 20
    assert statuses[-1] == 400
    assert small.reason() == 'slow client'


@pytest.mark.parametrize('pieces', [1, 7])
def test_a_deflate_bomb(small, pieces):
    peer = small.upgrade(**{'Sec-WebSocket-Extensions': 'permessage-deflate'})
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(bytes(8_000_000)) + deflate.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < 10_000, 'itself within the limit'
    before = small.counts()['rss']
    size = len(bomb) // pieces + 1
    for start in range(0, len(bomb), size):
        first = (0x00 if start else 0x41) | (0x80 if start + size >= len(bomb) else 0)
        peer.send(frame(0, bomb[start : start + size], first=first))
    assert peer.close_code() == 1009
    assert small.counts()['rss'] - before < 4_000_000


@pytest.mark.parametrize('data', [b'\xff' * 20, b'', b'\x00', b'\x01\x00'])
def test_deflate_data_that_is_none(small, data):
    peer = small.upgrade(**{'Sec-WebSocket-Extensions': 'permessage-deflate'})
    peer.send(frame(TEXT, data, first=0xC1))
    assert peer.close_code() in (1002, 1007, 1008)


def test_attachments_too_big_together(small):
    peer = small.websocket()
    places = b',{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    peer.send(frame(TEXT, b'452-7["echo"' + places + b']') + frame(BINARY, b'x' * 9000))
    peer.try_send(frame(BINARY, b'y' * 9000))
    peer.close_code()
    assert small.reason() == 'parse error'
    peer = small.websocket()
    peer.send(frame(TEXT, b'453-["x"]'))
    peer.close_code()


def test_more_namespaces_than_allowed(small):
    peer = small.websocket()
    peer.send(frame(TEXT, b'40/chat,'))
    peer.close_code()
    assert small.reason() == 'parse error'


def test_more_connections_than_allowed(small):
    peers = [small.websocket() for _ in range(20)]
    assert small.ask(head('GET', url())).status == 503
    assert small.ask(head('GET', url(transport='websocket'), UPGRADE)).status == 503
    peers[0].send(frame(TEXT, b'427["echo",1]'))
    assert peers[0].text() == '437[1]'
    peers[0].reset()
    eventually(lambda: small.counts()['sessions'] < 20)
    small.websocket()


def test_a_session_that_joins_nothing(quick):
    sid = quick.open()
    peer = quick.upgrade()
    peer.text()
    *pings, _ = peer.farewell()
    assert len(pings) <= 2, 'a ping or two at most'
    eventually(lambda: quick.counts()['sessions'] == 0)
    assert quick.gone(sid)


def test_attachments_that_never_come(quick):
    peer = quick.websocket()
    peer.send(frame(TEXT, b'4510-["x",{"_placeholder":true,"num":9}]'))
    for _ in range(3):
        peer.send(frame(BINARY, b'x' * 300_000))
    assert peer.text() == '2'
    peer.farewell()
    assert quick.reason() == 'ping timeout'


def test_a_connection_that_says_nothing(server):
    beginnings = [b'', b'G', b'GET /soc', b'GET ', head('GET', url())[:-3]]
    for index in range(50):
        server.peer().send(beginnings[index % 5])
    sid = server.session()
    assert server.echoes(sid)
    assert server.counts()['sessions'] == 1


def test_random_bytes(server):
    source = random.Random(7)
    prefixes = (
        b'', head('GET', url())[:-2], head('POST', url())[:-2],
        head('POST', url(sid='x'), {'Transfer-Encoding': 'chunked'}),
    )  # fmt: skip
    for index in range(200):
        peer = server.peer()
        peer.try_send(prefixes[index % len(prefixes)] + source.randbytes(source.randrange(300)))
        peer.try_send(b'\r\n\r\n')
        peer.reset() if index % 2 else peer.sock.close()
        server.peers.remove(peer)
    for _ in range(100):
        peer = server.upgrade(frame(TEXT, b'40'))
        for _ in range(5):
            data = source.randbytes(source.randrange(50))
            peer.try_send(frame(source.choice([0, 1, 2, 8, 9, 10]), data))
        peer.sock.close()
        server.peers.remove(peer)
    for _ in range(100):
        peer = server.upgrade(frame(TEXT, b'40'))
        text = ''.join(source.choices('0123456789-,/[]{}":x\\ _', k=source.randrange(20)))
        peer.try_send(frame(TEXT, b'4' + text.encode()))
        peer.sock.close()
        server.peers.remove(peer)
    assert server.echoes(server.session())

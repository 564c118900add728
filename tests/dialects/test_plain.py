"""Plain WebSockets: what text means, what they hear, and what they cannot do."""

from __future__ import annotations

import json

import gevent
import pytest
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from geventio import Server, UnsupportedError
from geventio.dialects.plain import event_of, rewrite
from geventio.protocol import socketio
from geventio.protocol.jsontext import Encoder

from ..waiting import until

TIMEOUT = 5


def canonical(*data, id=None, nsp='/'):
    return socketio.encode(Encoder(), socketio.EVENT, nsp, id, list(data))


@pytest.mark.parametrize(('packet', 'text'), [
    (canonical('news', {'a': [1]}, 'x'), '["news",{"a":[1]},"x"]'),
    (canonical('news'), '["news"]'),
    (canonical('message', 'hello'), 'hello'),
    (canonical('message', '€"\n'), '€"\n'),
    (canonical('message', 1), '["message",1]'),
    (canonical('message', 'a', 'b'), '["message","a","b"]'),
    (canonical('message'), '["message"]'),
    (canonical('picture', b'\1\2\3'), '["picture","AQID"]'),
    (canonical('x', 1, id=12, nsp='/chat'), '["x",1]'),
    ('40{"sid":"x"}', ''), ('41', ''), ('2', ''), ('431[1]', ''),
])
def test_what_is_sent(packet, text):
    assert rewrite(packet) == text


@pytest.mark.parametrize(('text', 'event'), [
    ('["news",1,"x"]', ['news', 1, 'x']),
    (' [ "news" ] ', ['news']),
    ('hello', ['message', 'hello']),
    ('', ['message', '']),
    ('[1,2]', ['message', '[1,2]']),
    ('[]', ['message', '[]']),
    ('["open', ['message', '["open']),
    ('{"a":1}', ['message', '{"a":1}']),
    ('[NaN]', ['message', '[NaN]']),
    ('[' * 100_000, ['message', '[' * 100_000]),
])
def test_what_text_means(text, event):
    assert event_of(text) == event


@given(st.text())
def test_any_text_is_an_event(text):
    name, *args = event_of(text)
    assert isinstance(name, str)
    assert (name, args) == ('message', [text]) or json.loads(text) == [name, *args]


@given(st.text(min_size=1).filter(lambda name: name != 'message'),
       st.lists(st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.text(),
                             lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))))
def test_an_event_comes_back_as_it_was_sent(name, args):
    assert event_of(rewrite(canonical(name, *args))) == [name, *args]


class Owner(Server):
    def __init__(self, **options):
        super().__init__(dialects=['websocket'], **options)
        self.events, self.reasons, self.sids = [], [], []
        self.left = Event()
        self.on('connect', lambda sid, environ: self.sids.append(sid))
        self.on('message', lambda sid, *args: self.events.append(('message', *args)))
        self.on('echo', self.echo)
        self.on('disconnect', self.gone)

    def echo(self, sid, *args):
        self.events.append(('echo', *args))
        self.emit('echoed', args, to=sid)
        return 'no one hears this'

    def gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


@pytest.fixture
def server(host):
    return host(Owner())


def connect(server, **options):
    before = len(server.owner.sids)
    websocket = server.websocket(target='/ws', **options)
    until(lambda: len(server.owner.sids) > before)
    return websocket


def test_both_ways(server):
    websocket = connect(server)
    websocket.send('hello')
    websocket.send('["echo",1,{"a":"€"}]')
    assert json.loads(websocket.receive()) == ['echoed', 1, {'a': '€'}]
    assert server.owner.events == [('message', 'hello'), ('echo', 1, {'a': '€'})]
    server.owner.send('to all')
    assert websocket.receive() == 'to all'
    websocket.send(b'\0\1')
    until(lambda: server.owner.events[-1] == ('message', b'\0\1'))
    server.owner.emit('picture', b'\1\2\3')
    assert websocket.receive() == '["picture","AQID"]'
    websocket.protocol.send_close(1000)
    websocket._flush()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    server.settle()


def test_rooms(server):
    one, two = connect(server), connect(server)
    server.owner.enter_room(server.owner.sids[0], 'room')
    server.owner.emit('to', 'room', to='room')
    server.owner.emit('to', 'all')
    assert one.receive() == '["to","room"]'
    assert two.receive() == '["to","all"]'


@pytest.mark.parametrize(('offered', 'agreed'), [
    ('geventio.events', True), ('mqtt, geventio.events', True), ('mqtt', False)])
def test_the_subprotocol(server, offered, agreed):
    sock = server.connection().sock
    sock.sendall(b'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                 b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
                 b'Sec-WebSocket-Protocol: ' + offered.encode() + b'\r\n\r\n')
    head = sock.recv(1000)
    assert head.startswith(b'HTTP/1.1 101 ')
    assert (b'\r\nSec-WebSocket-Protocol: geventio.events\r\n' in head) == agreed


def test_a_client_that_cannot_answer(server):
    connect(server)
    sid = server.owner.sids[0]
    with pytest.raises(UnsupportedError, match='plain WebSocket, has no acknowledgements'):
        server.owner.call('ask', to=sid, timeout=TIMEOUT)
    errors = []
    server.owner.emit('ask', to=sid, callback=lambda *values, error: errors.append(error))
    until(lambda: errors)
    assert isinstance(errors[0], UnsupportedError)
    replies = server.owner.to(sid).timeout(TIMEOUT).emit_with_ack('ask')
    assert (list(replies), replies.missing) == ([], [sid])


def test_a_refused_client_is_closed_with_the_reason(server):
    server.owner.on('connect', lambda sid, environ: False)
    websocket = server.websocket(target='/ws')
    assert websocket.receive_until_closed() == ([], (1008, 'Connection rejected by server'))
    server.settle()


def test_the_server_puts_a_client_out(server):
    websocket = connect(server)
    server.owner.emit('last')
    server.owner.disconnect(server.owner.sids[0])
    assert websocket.receive_until_closed()[0] == ['["last"]']
    assert server.owner.reasons == ['server namespace disconnect']
    server.settle()


def test_reserved_names_are_refused(server):
    websocket = connect(server)
    websocket.send('["disconnect"]')
    assert websocket.receive_until_closed()[1] == (1008, 'reserved event name disconnect')
    assert server.owner.reasons == ['parse error']


def test_messages_over_the_limit(host):
    server = host(Owner(max_http_buffer_size=100))
    websocket = connect(server)
    websocket.send('x' * 101)
    assert websocket.receive_until_closed()[1][0] == 1009
    assert server.owner.reasons == ['message too big']


def test_silence_is_answered_with_pings_and_then_the_end(host):
    server = host(Owner(ping_interval=0.1, ping_timeout=0.2))
    answers, silent = connect(server), connect(server)
    reading = gevent.spawn(answers.receive)  # websockets' protocol answers pings
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['ping timeout']
    assert not reading.ready()
    assert silent.receive_until_closed()[1] == (1001, 'ping timeout')
    server.owner.send('still here')
    assert reading.get(timeout=TIMEOUT) == 'still here'


def test_no_websocket_no_entry(server):
    response = server.connection().request('GET', '/ws')
    assert (response.status, response.body) == (426, b'this URL is a WebSocket')
    assert server.connection().request('POST', '/ws', b'x').status == 426
    assert server.connection().request('GET', '/wss').status == 404
    assert not server.sessions

"""Event streams: what a listener hears, where it stands after a break, and who is let in."""

from __future__ import annotations

import json

import gevent
import pytest
from gevent.event import Event
from h11 import NEED_DATA, ConnectionClosed, Data, EndOfMessage, InformationalResponse, Response

from geventio import Server, UnsupportedError
from geventio.dialects.sse import rewrite

from ..eventsource import Parser
from ..waiting import until

TIMEOUT = 5


@pytest.mark.parametrize(('packet', 'block'), [
    ('42["news",{"a":1},2]', 'event: news\ndata: [{"a":1},2]\n\n'),
    ('42["news"]', 'event: news\ndata: []\n\n'),
    ('42["message","two\\nlines"]', 'data: two\ndata: lines\n\n'),
    ('42["message",1]', 'event: message\ndata: [1]\n\n'),
    ('42/chat,7["x",1]', 'event: x\ndata: [1]\n\n'),
    (['451-["x",{"_placeholder":true,"num":0}]', b'\1\2\3'], 'event: x\ndata: ["AQID"]\n\n'),
    ('40/chat,{"sid":"abc"}', 'event: connect\ndata: {"sid":"abc"}\n\n'),
    ('41', ''), ('431[1]', ''), ('2', ''), ('6', ''),
])
def test_blocks(packet, block):
    assert rewrite(packet) == block


class Owner(Server):
    def __init__(self, app=None, **options):
        options.setdefault('sse_rooms', ('news', 'sport'))
        super().__init__(app, dialects=['eio4', 'sse'], **options)
        self.reasons, self.environs = [], []
        self.left = Event()
        self.on('connect', self.came)
        self.on('disconnect', self.gone)

    def came(self, sid, environ):
        self.environs.append(environ)

    def gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


@pytest.fixture
def serve(serve_both_ways):
    return lambda **options: serve_both_ways(Owner(**options))


class Stream:
    """An event stream that is read event by event."""

    def __init__(self, server, target='/events', last_id=None, headers=()):
        self.connection = server.connection()
        if last_id is not None:
            headers = [*headers, ('Last-Event-ID', last_id)]
        self.connection.send('GET', target, headers=headers)
        self.parser = Parser()
        self._events = []
        self.response = self._event(Response)

    def _event(self, *kinds):
        http = self.connection.http
        while True:
            event = http.next_event()
            if event is NEED_DATA:
                http.receive_data(self.connection.sock.recv(65536))
            elif isinstance(event, kinds):
                return event
            else:
                assert isinstance(event, InformationalResponse), event

    def next(self):
        """The next event; None when the stream has ended."""
        while not self._events:
            event = self._event(Data, EndOfMessage, ConnectionClosed)
            if not isinstance(event, Data):
                return None
            self._events += self.parser.feed(bytes(event.data))
        return self._events.pop(0)

    def sid(self):
        event = self.next()
        assert event.name == 'connect'
        return json.loads(event.data)['sid']

    def close(self):
        self.connection.close()


def test_a_listener(serve):
    server = serve()
    stream = Stream(server)
    headers = {name.decode(): value.decode() for name, value in stream.response.headers}
    assert stream.response.status_code == 200
    assert headers['content-type'] == 'text/event-stream; charset=UTF-8'
    assert headers['cache-control'] == 'no-store'
    assert headers['x-accel-buffering'] == 'no'
    sid = stream.sid()
    server.owner.emit('news', {'a': '€'})
    server.owner.send('two\nlines', to=sid)
    event = stream.next()
    assert (event.name, event.data) == ('news', '[{"a":"€"}]')
    event = stream.next()
    assert (event.name, event.data) == ('message', 'two\nlines')
    assert server.owner.transport(sid) == 'streaming'


def test_rooms_and_namespaces(serve):
    server = serve(namespaces=['/other'])
    one = Stream(server, '/events?room=news,sport')
    two = Stream(server, '/events/?room=sport')
    other = Stream(server, '/events?namespace=other&room=news')
    for stream in (one, two, other):
        stream.sid()
    server.owner.emit('a', to='news')
    server.owner.emit('b', to='sport')
    server.owner.emit('c', to='news', namespace='/other')
    assert [one.next().name, one.next().name] == ['a', 'b']
    assert two.next().name == 'b'
    assert other.next().name == 'c'


@pytest.mark.parametrize(('target', 'status', 'reason'), [
    ('/events?room=secret', 403, b'the room secret is not open to event streams'),
    ('/events?namespace=/nowhere', 403, b'Invalid namespace'),
])
def test_who_is_not_let_in(serve, target, status, reason):
    server = serve()
    response = server.connection().request('GET', target)
    assert (response.status, response.body) == (status, reason)
    until(lambda: not server.sessions)
    assert server.owner.stats()['sockets'] == 0


def test_the_connect_handler_has_the_last_word(serve):
    server = serve()
    server.owner.on('connect', lambda sid, environ: environ['QUERY_STRING'] == 'key=right')
    assert Stream(server, '/events?key=right').sid()
    response = server.connection().request('GET', '/events?key=wrong')
    assert (response.status, response.body) == (403, b'Connection rejected by server')


def test_other_methods(serve):
    server = serve()
    response = server.connection().request('POST', '/events', b'x')
    assert (response.status, response.body) == (405, b'an event stream is read with GET')
    assert not server.sessions


def test_coming_back(serve):
    server = serve()
    stream = Stream(server)
    sid = stream.sid()
    server.owner.emit('seen', 1)
    assert stream.next().data == '[1]'
    session = next(iter(server.sessions.values()))
    stream.close()
    until(lambda: not session.held.held)
    for number in (2, 3):
        server.owner.emit('missed', number)
    again = Stream(server, last_id=stream.parser.last_id)
    assert [again.next().data, again.next().data] == ['[2]', '[3]']
    server.owner.emit('new', 4)
    assert again.next().data == '[4]'
    assert list(server.owner.namespaces['/'].rooms.sockets) == [sid]
    assert server.owner.reasons == []


def test_coming_back_before_the_break_was_noticed(serve):
    server = serve()
    stream = Stream(server)
    stream.sid()
    server.owner.emit('sent', 1)
    again = Stream(server, last_id=f'{next(iter(server.sessions))}.1')
    assert again.next().data == '[1]'
    assert stream.next().data == '[1]'
    assert stream.next() is None
    assert len(server.sessions) == 1


@pytest.mark.parametrize('last_id', ['nobody.1', 'x', '', 'a.b', '../../x.1', '.', '1' * 5000])
def test_an_unknown_place_begins_anew(serve, last_id):
    server = serve()
    assert Stream(server, last_id=last_id).sid()
    assert len(server.sessions) == 1


def test_a_place_that_is_not_kept_any_more_begins_anew(serve):
    server = serve(sse_replay_size=200)
    stream = Stream(server)
    sid = stream.sid()
    place = stream.parser.last_id
    for number in range(20):
        server.owner.emit('x', ('y' * 50, number))
    session = next(iter(server.sessions.values()))
    assert session.held._size <= 200
    again = Stream(server, last_id=place)
    assert again.sid() != sid


def test_who_does_not_come_back_is_gone(serve):
    server = serve(disconnect_delay=0.2, ping_interval=1)
    stream = Stream(server)
    stream.sid()
    stream.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    server.settle()


def test_who_was_put_out_is_not_to_come_back(serve):
    server = serve()
    stream = Stream(server)
    server.owner.disconnect(stream.sid())
    assert stream.next() is None
    assert server.owner.reasons == ['server namespace disconnect']
    response = server.connection().request('GET', '/events', headers=[
        ('Last-Event-ID', stream.parser.last_id)])
    assert response.status == 204
    server.settle()


def test_a_silent_stream_shows_that_it_lives(serve):
    server = serve(polling_duration=0.1, disconnect_delay=0.1, ping_interval=1)
    stream = Stream(server)
    stream.sid()
    data = b''
    while b':\n\n:\n\n' not in data:
        data += bytes(stream._event(Data).data)
    assert len(server.sessions) == 1


def test_a_listener_that_does_not_read_is_closed_alone(serve):
    server = serve(max_outbox_size=100_000, sse_replay_size=10_000)
    slow, other = Stream(server), Stream(server)
    slow_sid, other_sid = slow.sid(), other.sid()
    until(lambda: len(server.sessions) == 2)
    for number in range(400):
        server.owner.emit('x', ('y' * 50_000, number))
        assert json.loads(other.next().data)[1] == number
        if server.owner.reasons:
            break
    assert server.owner.reasons == ['slow client']
    assert list(server.owner.namespaces['/'].rooms.sockets) == [other_sid] != [slow_sid]


def test_nobody_can_be_asked(serve):
    server = serve()
    sid = Stream(server).sid()
    with pytest.raises(UnsupportedError, match='Server-Sent Events, has no acknowledgements'):
        server.owner.call('ask', to=sid, timeout=TIMEOUT)


def test_leaving_before_being_let_in(serve):
    server = serve()
    decided = Event()
    server.owner.on('connect', lambda sid, environ: decided.wait(TIMEOUT))
    connection = server.connection()
    connection.send('GET', '/events')
    until(lambda: server.sessions)
    connection.close()
    until(lambda: not server.sessions)
    decided.set()
    until(lambda: server.owner.stats()['sockets'] == 0)


def test_a_foreign_origin(serve):
    server = serve()
    response = server.connection().request('GET', '/events', headers=[
        ('Origin', 'http://evil.example')])
    assert response.status == 403
    assert not server.sessions


def test_stopping_ends_streams(serve):
    server = serve()
    stream = Stream(server)
    stream.sid()
    gevent.spawn(server.owner.shutdown)
    assert stream.next() is None
    server.settle()

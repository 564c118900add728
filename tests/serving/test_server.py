"""Socket.IO without Flask: handlers with a socket id, middleware, what can be asked of a server."""

from __future__ import annotations

import re

import gevent
import pytest

from geventio import ConfigError, ConnectionRefusedError, NotConnectedError, Server

from ..extension.support import Client, Refused
from ..waiting import until


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def join(server, host):
    """``join()``: a new client in ``/``."""
    hosts = []

    def make(*args, **query):
        if not hosts:
            hosts.append(host(server))
        client = Client(hosts[0], *args, **query)
        client.connect()
        return client

    return make


def test_handlers_get_the_id_and_the_environ(server, join):
    calls = []
    server.on('connect', lambda sid, environ, auth: calls.append(
        (sid, environ['QUERY_STRING'], environ['HTTP_X_KIND'], auth)))

    @server.event
    def hi(sid, *args):
        return sid, *args

    @server.event(namespace='/other')
    def there(sid):
        return 'there'

    @server.on('disconnect')
    def disconnect(sid, reason):
        calls.append((sid, reason))

    client = join([('X-Kind', 'test')], token='t')
    client.connect('/other')
    assert client.call('hi', 1, 'b') == [client.sid, 1, 'b']
    assert client.call('there', nsp='/other') == ['there']
    client.leave()
    until(lambda: len(calls) == 2)
    (sid, query, kind, auth), left = calls
    assert (sid, kind, auth) == (client.sid, 'test', None) and 'token=t' in query
    assert left == (client.sid, 'client namespace disconnect')


def test_shorter_signatures(server, join):
    calls = []
    server.on('connect', lambda sid, environ: calls.append('connect'))
    server.on('disconnect', lambda sid: calls.append('disconnect'))
    join().close()
    until(lambda: len(calls) == 2)
    assert calls == ['connect', 'disconnect']


def test_handlers_of_many(server, join):
    server.registry.declared.add('*')
    pattern = re.compile('/p[0-9]')
    server.on('connect', lambda nsp, sid, environ, auth: None, namespace='*')
    server.on('*', lambda event, sid, *args: [event, *args])
    server.on('x', lambda nsp, sid, *args: [nsp, *args], namespace='*')
    server.on('*', lambda event, nsp, sid, *args: [event, nsp, *args], namespace='*')
    server.on('x', lambda nsp, sid: ['pattern', nsp], namespace=pattern)
    client = join()
    client.connect('/any')
    client.connect('/p1')
    assert client.call('anything', 1) == [['anything', 1]]
    assert client.call('x', 2, nsp='/any') == [['/any', 2]]
    assert client.call('y', 3, nsp='/any') == [['y', '/any', 3]]
    assert client.call('x', nsp='/p1') == [['pattern', '/p1']]


def test_a_registered_object_has_the_handlers_of_its_namespace(server, join):
    class Space:
        namespace = '/space'

        def find_handler(self, event):
            return {'hi': lambda sid: 'found'}.get(event)

    server.register_namespace(Space())
    client = join()
    client.connect('/space')
    assert client.call('hi', nsp='/space') == ['found']


@pytest.mark.parametrize(('result', 'message'), [
    (False, 'Connection rejected by server'), (ConnectionRefusedError('no'), 'no')])
def test_refusing(server, join, result, message):
    def connect(sid, environ):
        if isinstance(result, Exception):
            raise result
        return result

    server.on('connect', connect)
    with pytest.raises(Refused, match=message):
        join()


def test_emitting(server, join):
    one, two = join(), join()
    server.emit('all')
    server.emit('one', {'a': 1}, to=one.sid)
    server.emit('several', (1, 2), room=one.sid)
    server.emit('others', skip_sid=one.sid)
    server.emit('none', namespace='/nowhere')
    server.to(two.sid).emit('chosen')
    server.of().except_(two.sid).emit('rest')
    server.send('hi', to=two.sid)
    assert [one.event() for _ in range(4)] == [['all'], ['one', {'a': 1}], ['several', 1, 2],
                                               ['rest']]
    assert [two.event() for _ in range(4)] == [['all'], ['others'], ['chosen'], ['message', 'hi']]
    assert one.pending() == two.pending() == []


def test_asking(server, join):
    client = join()
    waiting = gevent.spawn(server.call, 'q', (1, 2), to=client.sid)
    id, data = client.question()
    client.answer(id, 'a', 'b')
    assert data == ['q', 1, 2] and waiting.get(timeout=5) == ('a', 'b')
    told = []
    server.emit('q', to=client.sid, callback=lambda *args: told.append(args))
    id, _ = client.question()
    client.answer(id, 'c')
    until(lambda: told)
    assert told == [('c',)]
    with pytest.raises(ValueError, match='needs the id of one client'):
        server.call('q')
    with pytest.raises(NotConnectedError):
        server.call('q', to='nobody')


def test_what_can_be_asked_about_a_socket(server, join):
    client = join(token='t')
    server.enter_room(client.sid, 'room')
    assert set(server.rooms(client.sid)) == {client.sid, 'room'}
    server.leave_room(client.sid, 'room')
    server.enter_room(client.sid, 'closed')
    server.close_room('closed')
    server.close_room('closed', namespace='/nowhere')
    assert server.rooms(client.sid) == [client.sid]
    assert server.transport(client.sid) == 'websocket'
    assert 'token=t' in server.get_environ(client.sid)['QUERY_STRING']
    server.data(client.sid)['a'] = 1
    assert server.get_session(client.sid) == {'a': 1}
    assert server.stats() == {'sessions': 1, 'sockets': 1, 'rooms': 0, 'handlers': 0}


@pytest.mark.parametrize('ask', [
    lambda s: s.data('nobody'), lambda s: s.transport('nobody'),
    lambda s: s.enter_room('nobody', 'room'), lambda s: s.save_session('nobody', {}),
])
def test_who_is_not_there(server, ask):
    with pytest.raises(NotConnectedError, match="no client with the id 'nobody' in /"):
        ask(server)


def test_disconnecting(server, join):
    client, other = join(), join()
    server.disconnect(client.sid)
    server.disconnect('nobody')
    server.disconnect(client.sid, namespace='/nowhere')
    assert client.packet() == (1, '/', None, None)
    client.connect()
    server.disconnect(other.sid, close=True)
    assert other.ended() == ['41']


def test_middleware_around_an_application(host):
    def app(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [environ['PATH_INFO'].encode()]

    connection = host(Server(app)).connection()
    assert connection.request('GET', '/page').body == b'/page'
    assert connection.request('GET', '/socket.io/x').body == b'/socket.io/x'


def test_without_an_application_other_paths_are_not_found(server, host):
    assert host(server).connection().request('GET', '/page').status == 404


def test_a_server_with_its_own_path_and_options(host):
    with pytest.raises(ConfigError, match="did you mean 'ping_interval'"):
        Server(ping_intervall=1)
    served = host(Server(path='/deep/path/'))
    assert served.path == '/deep/path/'
    assert Client(served).connect()


def test_messagepack(host):
    from geventio.protocol import msgpack

    server = Server(serializer='msgpack')
    server.on('hi', lambda sid, value: (value, sid))
    ws = host(server).websocket(EIO='4', transport='websocket')
    ws.receive()
    ws.send(msgpack.encode(0, '/', None, None))
    kind, nsp, _, data = msgpack.decode(ws.receive())
    assert (kind, nsp) == (0, '/')
    ws.send(msgpack.encode(2, '/', ['hi', b'\x01'], 5))
    assert msgpack.decode(ws.receive()) == (3, '/', 5, [b'\x01', data['sid']])
    ws.send(msgpack.encode(0, '*', None, None))
    assert msgpack.decode(ws.receive())[3] == {'message': 'Invalid namespace'}


def test_run_and_stop(server):
    serving = gevent.spawn(server.run, port=0)
    until(lambda: getattr(server, 'wsgi_server', None) is not None)
    server.stop()
    serving.join(timeout=5)
    assert serving.successful()
    with pytest.raises(RuntimeError, match='not running'):
        server.stop()


def test_a_kept_operator_follows_a_namespace_that_comes_and_goes(host):
    server = Server(namespaces='*')
    game = server.of('/game')
    assert game.fetch_sockets() == [] and '/game' not in server.namespaces
    hosting = host(server)
    for _ in range(2):
        one = Client(hosting)
        sid = one.connect('/game')
        game.emit('begin')
        assert one.event('/game') == ['begin']
        assert [socket.sid for socket in game.fetch_sockets()] == [sid]
        one.leave('/game')
        until(lambda: '/game' not in server.namespaces)


def test_asking_about_a_namespace_does_not_make_it():
    server = Server(namespaces='*')
    for number in range(3):
        server.of(f'/{number}').emit('e')
        assert server.room_members('room', f'/{number}') == []
    assert server.namespaces == {} and server.registry.handlers == {}

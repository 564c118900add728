"""``socketio.server``, ``.manager`` and ``.eio``: each idiom, here and on python-socketio itself.

A scenario is a function over a server and its clients. Its result has labels in the place of
ids, and must be the one in the table on both libraries.
"""

from __future__ import annotations

import json

import flask_socketio
import gevent
import pytest
import socketio as python_socketio
from gevent import pywsgi

import geventio

from ..conftest import Connection, WebSocket
from ..waiting import until
from .stage import WebSocketHandler, here, in_room, on_stage, there
from .support import Refused

#: Older versions do not tell handlers why a client left.
RECENT = hasattr(flask_socketio.SocketIO, 'reason')


@pytest.fixture(params=[here, pytest.param(there, marks=pytest.mark.skipif(
    not RECENT, reason='an old Flask-SocketIO'))], ids=['geventio', 'flask_socketio'])
def stage(request):
    """A server of each library in turn, every namespace allowed."""
    yield from on_stage(request.param, namespaces='*')


# -- who is where -------------------------------------------------------------------------------


def occupancy(stage):
    a, b, _ = stage.join('a', 'b', 'c')
    in_room(stage, 'room', a, b)
    rooms = stage.server.manager.rooms
    return [len(rooms['/']['room']), len(rooms['/'].get('none', {})), len(rooms['/'][None]),
            len(rooms.get('/nowhere', {})), 'room' in rooms['/'], 'none' in rooms['/'],
            rooms['/']['room'], rooms['/'][a.sid], set(rooms['/']), list(rooms),
            a.sid in rooms['/']['room'], 'nobody' in rooms['/']['room'],
            rooms['/']['room'].get('nobody'), rooms['/']['room'].copy()]


def what_is_missing_is_a_key_error(stage):
    stage.join('a')
    rooms = stage.server.manager.rooms
    errors = 0
    for look in (lambda: rooms['/nowhere'], lambda: rooms['/']['none'],
                 lambda: rooms['/'][None]['nobody'], lambda: stage.server.environ['nobody'],
                 lambda: stage.server.eio.sockets['nobody'],
                 lambda: stage.server.eio.transport('nobody')):
        with pytest.raises(KeyError):
            look()
        errors += 1
    return errors


def a_room_ends_with_its_last_member(stage):
    a = stage.join('a')
    in_room(stage, 'room', a)
    rooms = stage.server.manager.rooms
    before = 'room' in rooms['/']
    stage.server.leave_room(a.sid, 'room')
    return [before, 'room' in rooms['/'], list(rooms)]


def participants(stage):
    a, b, c = stage.join('a', 'b', 'c')
    in_room(stage, 'one', a, b)
    in_room(stage, 'two', b, c)
    find = stage.server.manager.get_participants
    return [sorted(stage.label(list(find('/', room))))
            for room in ('one', None, ['one', 'two'], ('two', 'none'), a.sid, 'none')
            ] + [list(find('/nowhere', None))]


def namespaces(stage):
    stage.join('a')
    stage.join('a', nsp='/other')
    return sorted(stage.server.manager.get_namespaces())


def ids(stage):
    a, b = stage.join('a', 'b')
    stage.join('b', nsp='/other')
    manager = stage.server.manager
    return [manager.eio_sid_from_sid(a.sid, '/'), manager.sid_from_eio_sid(b.engine_sid, '/'),
            manager.sid_from_eio_sid(b.engine_sid, '/other') == b.sids['/other'],
            manager.sid_from_eio_sid(a.engine_sid, '/other'),
            manager.eio_sid_from_sid('nobody', '/'), manager.eio_sid_from_sid(a.sid, '/nowhere'),
            manager.sid_from_eio_sid('nobody', '/'), manager.sid_from_eio_sid('nobody', '/none')]


def is_connected(stage):
    a = stage.join('a')
    manager = stage.server.manager
    return [manager.is_connected(a.sid, '/'), manager.is_connected(a.sid, '/other'),
            manager.is_connected('nobody', '/'), manager.can_disconnect(a.sid, '/'),
            manager.can_disconnect('nobody', '/')]


def states_of_a_client(stage):
    """In its connect handler and in its disconnect handler it is there and not connected."""
    seen = []

    def look(sid, *args):
        manager = stage.server.manager
        eio_sid = manager.eio_sid_from_sid(sid, '/')
        seen.append([manager.is_connected(sid, '/'), sid in manager.rooms['/'][None],
                     manager.sid_from_eio_sid(eio_sid, '/') == sid])

    stage.server.on('connect', look)
    stage.server.on('disconnect', look)
    a = stage.join('a')
    a.leave()
    until(lambda: len(seen) == 2)
    until(lambda: not stage.server.manager.get_rooms(a.sid, '/'))
    return seen


def rooms_through_the_manager(stage):
    a, b = stage.join('a', 'b')
    manager = stage.server.manager
    manager.enter_room(a.sid, '/', 'one')
    manager.basic_enter_room(a.sid, '/', 'two')
    manager.enter_room(b.sid, '/', 'two')
    seen = [set(manager.get_rooms(a.sid, '/'))]
    manager.leave_room(a.sid, '/', 'one')
    manager.leave_room('nobody', '/', 'one')
    seen.append(set(manager.get_rooms(a.sid, '/')))
    manager.close_room('two', '/')
    seen += [manager.get_rooms(a.sid, '/'), manager.get_rooms(b.sid, '/'),
             manager.get_rooms('nobody', '/'), manager.get_rooms(a.sid, '/nowhere')]
    with pytest.raises(ValueError, match='room'):
        manager.enter_room(a.sid, '/', b.sid)
    return seen


def emitting_through_the_manager(stage):
    a, b = stage.join('a', 'b')
    in_room(stage, 'room', a, b)
    stage.server.manager.emit('x', ('one', 2), '/', room='room', skip_sid=b.sid)
    stage.server.manager.emit('y', None, namespace='/', to=b.sid)
    return [a.event(), b.event()]


def emptying_a_room(stage):
    a, b, c = stage.join('a', 'b', 'c')
    in_room(stage, 'room', a, b)
    for sid, _ in list(stage.server.manager.get_participants('/', 'room')):
        stage.server.disconnect(sid, namespace='/', ignore_queue=True)
    stage.server.disconnect('nobody')
    stage.server.emit('x')
    return [a.packet(), b.packet(), c.event(), len(stage.server.manager.rooms['/'][None])]


# -- connections --------------------------------------------------------------------------------


def connections(stage):
    a, b = stage.join('a', 'b')
    sockets = stage.server.eio.sockets
    one = sockets[a.engine_sid]
    return [len(sockets), set(sockets), one.sid, one.upgraded, one.upgrading, one.connected,
            one.closed, one.closing, a.engine_sid in sockets, 'nobody' in sockets,
            one == stage.server.eio.sockets[b.engine_sid], stage.server.transport(a.sid),
            stage.server.eio.transport(a.engine_sid)]


def closing_one_connection(stage):
    left = []
    stage.server.on('disconnect', lambda sid, reason: left.append(reason))
    a, b = stage.join('a', 'b')
    stage.server.eio.disconnect(a.engine_sid)
    stage.server.eio.disconnect('nobody')
    a.ended()
    until(lambda: left)
    until(lambda: a.engine_sid not in stage.server.eio.sockets)
    return [left, set(stage.server.eio.sockets), stage.server.manager.rooms['/'][None]]


def closing_a_connection_by_its_socket(stage):
    left = []
    stage.server.on('disconnect', lambda sid, reason: left.append(reason))
    a, b = stage.join('a', 'b')
    stage.server.eio.sockets[a.engine_sid].close(wait=False)
    stage.server.eio.sockets[b.engine_sid].close(wait=False, abort=True, reason='my reason')
    a.ended()
    until(lambda: len(left) == 2)
    return left


def closing_every_connection(stage):
    a, b = stage.join('a', 'b')
    stage.server.eio.disconnect()
    a.ended()
    b.ended()
    until(lambda: not stage.server.eio.sockets)
    return len(stage.server.eio.sockets)


def sending_below(stage):
    a = stage.join('a')
    eio = stage.server.eio
    eio.send(a.engine_sid, '2["x",1]')
    eio.send(a.engine_sid, data=b'raw')
    eio.send('nobody', 'x')
    return [a.event(), a.frame()]


def environs(stage):
    a = stage.new('a', token='t')
    a.connect()
    server = stage.server
    environ = server.environ[a.engine_sid]
    environ['mine'] = 1
    seen = ['token=t' in environ['QUERY_STRING'], server.get_environ(a.sid)['mine'],
            server.get_environ(a.sid, namespace='/') is environ, len(server.environ),
            list(server.environ), a.engine_sid in server.environ, 'nobody' in server.environ,
            server.environ.get('nobody'), environ['flask.app'].name]
    a.close()
    until(lambda: not server.environ)
    return seen


def polling(stage):
    connection = Connection(stage.address)
    target = '/socket.io/?EIO=4&transport=polling'
    sid = json.loads(connection.request('GET', target).body[1:])['sid']
    connection.request('POST', f'{target}&sid={sid}', b'40')
    answer = connection.request('GET', f'{target}&sid={sid}').body
    connection.close()
    own = json.loads(answer[2:])['sid']
    socket = stage.server.eio.sockets[sid]
    return [stage.server.transport(own), stage.server.transport(own, namespace='/'),
            stage.server.eio.transport(sid), socket.upgraded, socket.closed]


def as_wsgi_application(stage):
    http = pywsgi.WSGIServer(('127.0.0.1', 0), stage.server.handle_request, log=None,
                             error_log=None, handler_class=WebSocketHandler)
    http.start()
    other = Connection(('127.0.0.1', http.server_port))
    answer = other.request('GET', '/elsewhere?EIO=4&transport=polling')
    wrong = other.request('GET', '/elsewhere?EIO=4&transport=polling&sid=none')
    other.close()
    websocket = WebSocket(other.address, '/elsewhere?EIO=4&transport=websocket')
    opened = websocket.receive()
    found = len(stage.server.eio.sockets)
    websocket.close()
    http.stop(timeout=1)
    return [answer.status, answer.body[:8], wrong.status, opened[:8], found]


# -- raw handlers -------------------------------------------------------------------------------


def raw_handlers(stage):
    seen = []
    server = stage.server

    @server.event
    def connect(sid, environ, auth):
        seen.append(['connect', sid, 'QUERY_STRING' in environ, auth])

    @server.on('echo')
    def echo(sid, *args):
        seen.append(['echo', sid])
        return args

    @server.event(namespace='/other')
    def named(sid, value):
        return [sid, value]

    server.on('disconnect', handler=lambda sid, reason: seen.append(['gone', sid, reason]),
              namespace='/')
    server.on('*', lambda event, sid, *args: [event, sid, *args])
    a = stage.new('a')
    a.connect(auth={'k': 1})
    a.connect('/other')
    answers = [a.call('echo', 1, 'b'), a.call('unknown', 5), a.call('named', 6),
               a.call('named', 7, nsp='/other')]
    a.leave()
    until(lambda: len(seen) == 3)
    return [answers[:3], answers[3][0][1], seen]


def handlers_that_take_less(stage):
    seen = []
    stage.server.on('connect', lambda sid, environ: seen.append(['connect', sid, len(environ) > 9]))
    stage.server.on('disconnect', lambda sid: seen.append(['gone', sid]))
    a = stage.join('a')
    a.leave()
    until(lambda: len(seen) == 2)
    return seen


def handlers_of_every_namespace(stage):
    seen = []
    stage.server.on('connect', lambda nsp, sid, environ, auth: seen.append([nsp, len(sid) > 9]),
                    namespace='*')
    stage.server.on('x', lambda nsp, sid, value: [nsp, value], namespace='*')
    stage.server.on('*', lambda event, nsp, sid, value: [event, nsp, value], namespace='*')
    stage.server.on('disconnect', lambda nsp, sid, reason: seen.append([nsp, reason]),
                    namespace='*')
    a = stage.new('a')
    a.connect('/any')
    answers = [a.call('x', 1, nsp='/any'), a.call('y', 2, nsp='/any')]
    a.leave('/any')
    until(lambda: len(seen) == 2)
    return [answers, seen]


def refusing(stage):
    stage.server.on('connect', lambda sid, environ: 'let=me' in environ['QUERY_STRING'] or False)
    with pytest.raises(Refused):
        stage.new('a').connect()
    return len(stage.new('b', let='me').connect()) > 9


class Raw(python_socketio.Namespace):
    """A class of python-socketio, whose methods get the socket id."""

    def on_connect(self, sid, environ):
        self.seen = [['connect', sid, 'QUERY_STRING' in environ]]

    def on_disconnect(self, sid, reason):
        self.seen.append(['gone', sid, reason])

    def on_join(self, sid, room):
        self.enter_room(sid, room)
        self.emit('joined', room, room=room)
        return [sid, sorted(self.rooms(sid), key=len)]


def raw_classes(stage):
    chat = Raw('/chat')
    stage.server.register_namespace(chat)
    a = stage.new('a')
    a.connect('/chat')
    a.emit('join', 'r', nsp='/chat')
    event = a.event('/chat')
    unknown = a.call('unknown', nsp='/chat')
    a.leave('/chat')
    until(lambda: len(chat.seen) == 2)
    return [event, unknown, chat.seen, list(stage.server.namespace_handlers),
            stage.server.namespace_handlers['/chat'] is chat, chat.server is stage.server]


class Anywhere(python_socketio.Namespace):
    def on_connect(self, nsp, sid, environ, auth):
        self.first = [nsp, auth]

    def on_x(self, nsp, sid, value):
        return [nsp, value]


def raw_classes_of_every_namespace(stage):
    anywhere = Anywhere('*')
    stage.server.register_namespace(anywhere)
    a = stage.new('a')
    a.connect('/any', {'k': 1})
    return [a.call('x', 1, nsp='/any'), anywhere.first]


def which_handlers_there_are(stage):
    def handler(sid):
        pass

    server = stage.server
    server.on('x', handler)
    server.on('*', handler, namespace='/other')
    stage.join('a')
    return [{nsp: {event: function is handler for event, function in events.items()}
             for nsp, events in server.handlers.items()},
            'x' in server.handlers['/'], server.handlers.get('/none', {}).get('x'),
            dict(server.namespace_handlers)]


# -- the rest -----------------------------------------------------------------------------------


def sessions(stage):
    a = stage.join('a')
    server = stage.server
    seen = [dict(server.get_session(a.sid))]
    server.save_session(a.sid, {'name': 'Ann'})
    with server.session(a.sid, namespace='/') as session:
        session['age'] = 7
    stage.join('a', nsp='/other')
    seen.append(server.get_session(a.sid, '/'))
    seen.append(server.get_session(a.sids['/other'], namespace='/other'))
    return seen


def messages(stage):
    a, b = stage.join('a', 'b')
    stage.server.send('one', to=a.sid)
    stage.server.send('all', skip_sid=a.sid)
    stage.server.emit('x', ('a', 1), room=a.sid)
    return [a.event(), b.event(), a.event()]


def answers(stage):
    a = stage.join('a')
    told = []
    stage.server.emit('q', 1, to=a.sid, callback=lambda *args: told.append(args))
    a.answer(a.question()[0], 'x', 2)
    until(lambda: told)
    for values in ((), (5,), (5, 6)):
        waiting = gevent.spawn(stage.server.call, 'q', sid=a.sid, timeout=5)
        a.answer(a.question()[0], *values)
        told.append(waiting.get(timeout=5))
    return told


def calls_in_vain(stage):
    a = stage.join('a')
    errors = []
    for options in ({'to': a.sid, 'timeout': 0.01}, {}):
        with pytest.raises((ValueError, geventio.TimeoutError,
                            python_socketio.exceptions.TimeoutError)) as raised:
            stage.server.call('q', 'x', **options)
        errors.append(raised.type.__name__)
    return errors


def background_work(stage):
    done = []
    for starter in (stage.server, stage.server.eio):
        starter.start_background_task(lambda *a, **k: done.append((a, k)), 1, b=2).join()
        starter.sleep(0)
        starter.sleep(seconds=0.001)
    return done


def tools(stage):
    eio = stage.server.eio
    queue = eio.create_queue(maxsize=1)
    queue.put('x')
    found = [queue.get(timeout=1)]
    queue.task_done()
    with pytest.raises(eio.get_queue_empty_exception()):
        queue.get(block=False)
    event = eio.create_event()
    found.append(event.is_set())
    event.set()
    found += [bool(event.wait(timeout=1)), len({eio.generate_id() for _ in range(50)}),
              len(eio.generate_id())]
    return found


def options(stage):
    server, eio = stage.server, stage.server.eio
    return [server.async_mode, eio.async_mode, server.async_handlers, eio.ping_interval,
            eio.ping_interval_grace_period, eio.ping_timeout, eio.max_http_buffer_size,
            eio.allow_upgrades, eio.http_compression, eio.compression_threshold,
            eio.cors_allowed_origins, eio.cors_credentials, list(eio.transports),
            server.reason.PING_TIMEOUT, eio.reason.CLIENT_DISCONNECT]


A, B, C = 'connection of a', 'connection of b', 'connection of c'

SCENARIOS = [
    (occupancy, [2, 0, 3, 0, True, False, {'a': A, 'b': B}, {'a': A},
                 {None, 'a', 'b', 'c', 'room'}, ['/'], True, False, None, {'a': A, 'b': B}]),
    (what_is_missing_is_a_key_error, 6),
    (a_room_ends_with_its_last_member, [True, False, ['/']]),
    (participants, [
        [('a', A), ('b', B)], [('a', A), ('b', B), ('c', C)], [('a', A), ('b', B), ('c', C)],
        [('b', B), ('c', C)], [('a', A)], [], []]),
    (namespaces, ['/', '/other']),
    (ids, [A, 'b', True, None, None, None, None, None]),
    (is_connected, [True, False, False, True, False]),
    (states_of_a_client, [[False, True, True]] * 2),
    (rooms_through_the_manager, [{'a', 'one', 'two'}, {'a', 'two'}, ['a'], ['b'], [], []]),
    (emitting_through_the_manager, [['x', 'one', 2], ['y']]),
    (emptying_a_room, [(1, '/', None, None)] * 2 + [['x'], 1]),
    (connections, [2, {A, B}, A, True, False, True, False, False, True, False, False,
                   'websocket', 'websocket']),
    (closing_one_connection, [['server disconnect'], {B}, {'b': B}]),
    (closing_a_connection_by_its_socket, ['server disconnect', 'my reason']),
    (closing_every_connection, 0),
    (sending_below, [['x', 1], b'raw']),
    (environs, [True, 1, True, 1, [A], True, False, None, 'app_under_test']),
    (polling, ['polling', 'polling', 'polling', False, False]),
    (as_wsgi_application, [200, b'0{"sid":', 400, '0{"sid":', 2]),
    (raw_handlers, [[[1, 'b'], [['unknown', 'a', 5]], [['named', 'a', 6]]], 7, [
        ['connect', 'a', True, {'k': 1}], ['echo', 'a'], ['gone', 'a', 'client disconnect']]]),
    (handlers_that_take_less, [['connect', 'a', True], ['gone', 'a']]),
    (handlers_of_every_namespace, [
        [[['/any', 1]], [['y', '/any', 2]]], [['/any', True], ['/any', 'client disconnect']]]),
    (refusing, True),
    (raw_classes, [
        ['joined', 'r'], [], [['connect', 'a', True], ['gone', 'a', 'client disconnect']],
        ['/chat'], True, True]),
    (raw_classes_of_every_namespace, [[['/any', 1]], ['/any', {'k': 1}]]),
    (which_handlers_there_are, [
        {'/': {'x': True}, '/other': {'*': True}}, True, None, {}]),
    (sessions, [{}, {'name': 'Ann', 'age': 7}, {}]),
    (messages, [['message', 'one'], ['message', 'all'], ['x', 'a', 1]]),
    (answers, [('x', 2), None, 5, (5, 6)]),
    (calls_in_vain, ['TimeoutError', 'ValueError']),
    (background_work, [((1,), {'b': 2})] * 2),
    (tools, ['x', False, True, 50, 20]),
    (options, ['gevent', 'gevent', True, 25, 0, 20, 1000000, True, True, 1024, None, True,
               ['polling', 'websocket'], 'ping timeout', 'client disconnect']),
]


@pytest.mark.parametrize(('scenario', 'expected'), [
    pytest.param(scenario, expected, id=scenario.__name__) for scenario, expected in SCENARIOS])
def test_it_is_the_same_here_and_there(stage, scenario, expected):
    assert stage.label(scenario(stage)) == expected

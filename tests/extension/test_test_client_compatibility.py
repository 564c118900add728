"""The test client gives the same results as Flask-SocketIO's.

Each scenario registers handlers and drives clients; it is played with both libraries.
"""

from __future__ import annotations

import flask_socketio
import pytest
from flask import Flask, request, session

import geventio
from geventio.extension.testing.client import SocketIOTestClient


class Setting:
    """One library's application.

    :ivar lib: the module: ``emit``, ``join_room`` and so on.
    :ivar sio: its SocketIO object.
    """

    def __init__(self, lib, client_class, **options):
        self.lib = lib
        self.app = Flask('app_under_test')
        self.app.secret_key = 'key'
        self.sio = lib.SocketIO(self.app, **options)
        self._client_class = client_class
        self.clients = []

    def client(self, *args, **options):
        made = self._client_class(self.app, self.sio, *args, **options)
        self.clients.append(made)
        return made


def raises(function, *args, **options):
    try:
        function(*args, **options)
    except (RuntimeError, LookupError) as error:
        return str(error)
    return 'nothing raised'


SCENARIOS = []


def scenario(function):
    SCENARIOS.append(pytest.param(function, id=function.__name__))
    return function


@scenario
def connecting(s):
    @s.sio.on('connect')
    def connected(auth):
        s.lib.send('welcome')
        s.lib.emit('auth', auth)
        s.lib.emit('args', request.args.to_dict(flat=False))
        s.lib.emit('header', request.headers.get('X-Color'))

    client = s.client(query_string='?a=1&a=2&b=%20x', headers={'X-Color': 'red'},
                      auth={'token': 'x'})
    plain = s.client()
    return [client.is_connected(), client.get_received(), client.get_received(),
            plain.get_received(), client.queue, client.acks, client.callback_counter,
            client.connected]


@scenario
def connect_handlers_without_auth(s):
    @s.sio.event
    def connect():
        s.lib.emit('hi')

    return s.client(auth={'a': 1}).get_received()


@scenario
def refused_by_false(s):
    @s.sio.on('connect')
    def connected():
        return False

    client = s.client()
    return [client.is_connected(), client.queue, client.connected, raises(client.emit, 'x'),
            raises(client.get_received), raises(client.disconnect)]


@scenario
def refused_by_error(s):
    @s.sio.on('connect')
    def connected():
        raise s.lib.ConnectionRefusedError('no', 1)

    client = s.client()
    return [client.is_connected(), raises(client.send, 'x')]


@scenario
def payloads(s):
    @s.sio.on('back')
    def back(*args):
        s.lib.emit('back', args)
        s.lib.emit('list', list(args))
        s.lib.emit('dict', {'args': list(args)})
        s.lib.emit('none', None)
        s.lib.emit('bare')

    client = s.client()
    results = []
    for args in [(), (1,), (1, 'ü', None), ({'a': [1, 2.5, True]},), ([],), (b'\x00\xff',),
                 ({'deep': [b'1', {'x': b'2'}]}, b'3')]:
        client.emit('back', *args)
        results.append(client.get_received())
    return results


@scenario
def messages(s):
    @s.sio.on('message')
    def message(data):
        s.lib.send(data)
        return 'got', data

    @s.sio.on('json')
    def json(data):
        s.lib.send(data, json=True, broadcast=True)
        return data

    client = s.client()
    return [client.send('text'), client.send('text', callback=True), client.get_received(),
            client.send({'a': 1}, json=True), client.send([1], json=True, callback=True),
            client.get_received(), client.callback_counter]


@scenario
def acks(s):
    @s.sio.on('ack')
    def ack(kind):
        return {'none': None, 'one': 1, 'list': [1, 2], 'tuple': (1, 2), 'false': False,
                'dict': {'a': b'x'}, 'empty': (), 'text': ''}[kind]

    client = s.client()
    kinds = ('none', 'one', 'list', 'tuple', 'false', 'dict', 'empty', 'text')
    return [[client.emit('ack', kind, callback=True) for kind in kinds],
            [client.emit('ack', kind) for kind in kinds], client.acks,
            client.emit('nobody', callback=True), client.callback_counter]


@scenario
def broadcasts_and_rooms(s):
    @s.sio.on('join')
    def join(room):
        s.lib.join_room(room)
        return len(s.lib.rooms())

    @s.sio.on('leave')
    def leave(room):
        s.lib.leave_room(room)
        return len(s.lib.rooms())

    @s.sio.on('close')
    def close(room):
        s.lib.close_room(room)

    @s.sio.on('say')
    def say(text, options):
        s.lib.emit('said', text, **options)

    one, two = s.client(), s.client()
    results = [one.emit('join', 'r', callback=True), two.emit('join', 'r', callback=True),
               two.emit('join', 'q', callback=True)]

    def said(*args):
        one.emit('say', *args)
        results.append([one.get_received(), two.get_received()])

    said('me', {})
    said('all', {'broadcast': True})
    said('others', {'broadcast': True, 'include_self': False})
    said('room', {'to': 'r'})
    said('room', {'room': 'q'})
    said('rooms', {'to': ['r', 'q']})
    results.append(one.emit('leave', 'r', callback=True))
    said('left', {'to': 'r'})
    one.emit('close', 'r')
    said('closed', {'to': 'r'})
    s.sio.emit('from outside', {'n': 1})
    s.sio.send('from outside', to='q')
    return [*results, one.get_received(), two.get_received()]


@scenario
def namespaces(s):
    @s.sio.on('connect', namespace='/a')
    def connected():
        s.lib.emit('in a')

    @s.sio.on('echo', namespace='/a')
    def echo_a(data):
        s.lib.emit('a', data)
        s.lib.emit('root', data, namespace='/', broadcast=True)

    @s.sio.on('echo')
    def echo(data):
        s.lib.emit('/', data)

    client = s.client()
    before = [client.is_connected('/a'), raises(client.emit, 'echo', 1, namespace='/a')]
    client.connect('/a')
    client.emit('echo', 1, namespace='/a')
    client.emit('echo', 2)
    results = [before, client.is_connected('/a'), client.get_received('/a'),
               client.get_received()]
    client.disconnect('/a')
    return [*results, client.is_connected('/a'), client.is_connected(), client.connected]


@scenario
def leaving(s):
    reasons = []

    @s.sio.on('disconnect')
    def left(reason):
        reasons.append(reason)

    client = s.client()
    client.disconnect()
    results = [client.is_connected(), client.connected, raises(client.disconnect)]
    client.connect()
    return [*results, client.is_connected(), reasons]


@scenario
def put_out_by_the_server(s):
    reasons = []

    @s.sio.on('disconnect')
    def left(reason):
        reasons.append(reason)

    @s.sio.on('out')
    def out():
        s.lib.emit('bye')
        s.lib.disconnect()

    client = s.client()
    client.emit('out')
    return [client.is_connected(), client.connected, client.queue, reasons,
            raises(client.emit, 'out')]


@scenario
def error_handlers(s):
    @s.sio.on('boom')
    @s.sio.on('boom', namespace='/a')
    def boom(data):
        raise ValueError(data)

    @s.sio.on_error()
    def root(error):
        return f'root {error} {request.event["message"]}'

    @s.sio.on_error_default
    def default(error):
        s.lib.emit('failed', str(error))
        return 'default'

    client = s.client()
    client.connect('/a')
    return [client.emit('boom', 1, callback=True),
            client.emit('boom', 2, callback=True, namespace='/a'), client.get_received('/a')]


@scenario
def handlers_that_raise(s):
    @s.sio.on('boom')
    def boom():
        s.lib.emit('before')
        raise LookupError('from the handler')

    @s.sio.on('disconnect')
    def left():
        raise LookupError('from disconnect')

    client = s.client()
    return [raises(client.emit, 'boom'), raises(client.emit, 'boom', callback=True),
            client.get_received(), raises(client.disconnect)]


@scenario
def class_namespaces(s):
    class Chat(s.lib.Namespace):
        def on_connect(self):
            self.emit('hi', room=request.sid)

        def on_say(self, text):
            self.send(text)
            return text.upper()

        def on_put(self, a, b):
            s.lib.emit('put', (b, a))

    s.sio.on_namespace(Chat('/chat'))
    client = s.client('/chat')
    return [client.is_connected(), client.emit('say', 'x', callback=True, namespace='/chat'),
            client.emit('put', 1, 2, namespace='/chat'),
            client.emit('nothing', namespace='/chat'), client.get_received('/chat'),
            client.emit('nothing', callback=True, namespace='/chat')]


@scenario
def the_request(s):
    @s.sio.on('*')
    def anything(event, *args):
        return [event, list(args), request.namespace]

    @s.sio.on('known')
    def known(*args):
        return [request.event['message'], list(request.event['args']), bool(request.sid),
                request.namespace, request.host, request.method, request.scheme]

    client = s.client()
    return [client.emit('whatever', 1, 2, callback=True), client.emit('known', 1, callback=True)]


@scenario
def sessions_and_cookies(s):
    @s.app.route('/login/<name>')
    def login(name):
        session['name'] = name
        return ''

    @s.sio.on('who')
    def who():
        session['count'] = session.get('count', 0) + 1
        return session.get('name'), session['count'], request.cookies.get('taste')

    browser = s.app.test_client()
    browser.get('/login/ann')
    browser.set_cookie('taste', 'sweet')
    client = s.client(flask_test_client=browser)
    stranger = s.client()
    return [client.emit('who', callback=True), client.emit('who', callback=True),
            stranger.emit('who', callback=True)]


@scenario
def the_queue(s):
    @s.sio.on('twice')
    def twice():
        s.lib.emit('a')
        s.lib.emit('a')

    client = s.client()
    client.emit('twice')
    queue = list(client.queue)
    client.emit('twice')
    client.queue.clear()
    return [queue, client.get_received()]


@pytest.mark.parametrize('play', SCENARIOS)
def test_same_as_flask_socketio(play):
    theirs = Setting(flask_socketio, flask_socketio.SocketIOTestClient, async_mode='threading')
    ours = Setting(geventio, SocketIOTestClient)
    try:
        assert play(ours) == play(theirs)
    finally:
        for client in ours.clients:
            client.close()
    assert not ours.sio.server.engine.sessions

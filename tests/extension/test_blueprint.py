"""EventBlueprint: everything a SocketIO object can register, and when it arrives there."""

from __future__ import annotations

import gc
import weakref

import flask
import pytest
from flask import Flask, request

from geventio import EventBlueprint, Namespace, SocketIO, emit
from geventio.extension import blueprint as module

from ..waiting import until


def test_everything_that_can_be_registered(socketio, client):
    chat = EventBlueprint('chat', namespace='/chat')
    heard = []

    @chat.on('connect')
    def connect():
        heard.append(('connect', request.namespace))

    @chat.event
    def say(text):
        return text

    @chat.event(namespace='/other')
    def there():
        return 'there'

    @chat.on('elsewhere', namespace='/')
    def elsewhere():
        return request.namespace

    @chat.on_error()
    def failed(error):
        return f'failed: {error}'

    @chat.before_event
    def before():
        heard.append(('before', request.namespace, request.event['message']))

    @chat.after_event
    def after(result):
        heard.append(('after', result))

    @chat.use(event='say')
    def around(call_next, text):
        if text == 'bad':
            raise ValueError(text)
        return call_next(text + '!')

    @chat.every(0.01)
    def tick():
        emit('tick')

    class Room(Namespace):
        def on_who(self):
            return self.namespace

    chat.on_namespace(Room('/room'))
    chat.on_event('again', say)
    socketio.register_blueprint(chat)

    peer = client()
    peer.connect('/chat')
    until(lambda: len(heard) == 3)
    assert heard == [('before', '/chat', 'connect'), ('connect', '/chat'), ('after', None)]
    while (packet := peer.packet())[3] != ['tick']:
        pass
    assert packet[:2] == (2, '/chat')
    tick.stop()
    peer.pending()
    assert peer.call('say', 'hi', nsp='/chat') == ['hi!']
    assert peer.call('say', 'bad', nsp='/chat') == ['failed: bad']
    assert peer.call('again', 'hi', nsp='/chat') == ['hi']
    for nsp in '/', '/other', '/room':
        peer.connect(nsp)
    del heard[:]
    assert peer.call('there', nsp='/other') == ['there']
    assert peer.call('who', nsp='/room') == ['/room']
    assert peer.call('elsewhere') == ['/']
    assert heard == []  # its hooks are for its own namespace


def test_the_functions_are_returned_unchanged():
    chat = EventBlueprint('chat')

    def function():
        pass

    for decorate in (chat.on('x'), chat.event, chat.on_error(), chat.before_event, chat.after_event,
                     chat.use, chat.on_start):
        assert decorate(function) is function
    SocketIO().register_blueprint(chat)


def test_what_is_added_later_follows(socketio, joined):
    chat = EventBlueprint('chat')
    socketio.register_blueprint(chat)
    chat.on('late')(lambda: 'heard')
    chat.before_event(lambda: None)
    assert joined().call('late') == ['heard']


def test_several_objects_share_one(client):
    chat = EventBlueprint('chat')
    chat.on('where')(lambda: flask.current_app.name)
    for name in 'one', 'two':
        socketio = SocketIO()
        socketio.register_blueprint(chat)
        socketio.init_app(Flask(name))
        peer = client(socketio)
        peer.connect()
        assert peer.call('where') == [name]


def test_tasks_at_the_start(app, host):
    socketio, chat, started = SocketIO(app), EventBlueprint('chat'), []
    chat.on_start(lambda: started.append(flask.current_app.name))
    socketio.register_blueprint(chat)
    host(socketio.server, app)
    until(lambda: started)
    assert started == [app.name]


@pytest.mark.parametrize(('call', 'error', 'message'), [
    (lambda s: s.register_blueprint(flask.Blueprint('b', __name__)), TypeError,
     'must be a geventio.EventBlueprint'),
    (lambda s: EventBlueprint(3), TypeError, 'name must be a str, not 3'),
    (lambda s: EventBlueprint('b', 3), TypeError, 'namespace must be a str'),
    (lambda s: EventBlueprint('b').on('x')(3), TypeError, "the handler for 'x' must be a function"),
    (lambda s: EventBlueprint('b').on(None), TypeError, 'message must be the name of an event'),
    (lambda s: EventBlueprint('b').on_namespace(3), ValueError, 'namespace_handler'),
])
def test_wrong_arguments(socketio, call, error, message):
    with pytest.raises(error, match=message):
        call(socketio)


def test_registering_twice(socketio):
    chat = EventBlueprint('chat')
    socketio.register_blueprint(chat)
    with pytest.raises(ValueError, match="<EventBlueprint 'chat' of .*> is registered already"):
        socketio.register_blueprint(chat)


def test_a_forgotten_one_is_named_when_the_server_starts(socketio, joined, caplog):
    forgotten, empty, used = EventBlueprint('forgotten'), EventBlueprint('empty'), \
        EventBlueprint('used')
    forgotten.on('x')(lambda: None)
    used.on('x')(lambda: None)
    socketio.register_blueprint(used)
    joined()
    warnings = [record.getMessage() for record in caplog.records if 'never' in record.getMessage()]
    assert warnings == [f'{forgotten!r} has handlers, but was never registered: call '
                        'socketio.register_blueprint() with it']
    assert __name__.rpartition('.')[2] in repr(forgotten) and empty.name == 'empty'
    del forgotten
    gc.collect()
    assert not list(module._unregistered)


def test_it_does_not_keep_the_objects_it_is_registered_with():
    blueprint = EventBlueprint('b')
    blueprint.on('x')(lambda: None)
    blueprint.every(1)(lambda: None)
    socketio = SocketIO(Flask('app'))
    socketio.register_blueprint(blueprint)
    there = weakref.ref(socketio)
    del socketio
    gc.collect()
    assert there() is None
    blueprint.on('y')(lambda: None)
    assert blueprint not in module._unregistered

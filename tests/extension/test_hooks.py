"""before_event, after_event and middleware: their order, their choice, what they may do."""

from __future__ import annotations

import re

import pytest
from flask import Response, abort, g, request

from geventio import ConnectionRefusedError, Namespace, SocketIO
from geventio.extension.context import FlaskEvent

from ..waiting import until
from .support import Refused


@pytest.fixture
def trace():
    return []


def test_the_order(socketio, joined, trace):
    @socketio.before_event
    def first():
        trace.append(('first', request.event['message']))

    @socketio.before_event
    def second():
        trace.append('second')

    @socketio.use
    def outer(call_next, *args):
        trace.append(('outer', *args))
        result = call_next(*args)
        trace.append(('outer', result))
        return result

    @socketio.use
    def inner(call_next, *args):
        trace.append('inner')
        return call_next(*args)

    @socketio.after_event
    def last(result):
        trace.append(('last', result))

    @socketio.after_event
    def before_last(result):
        trace.append(('before last', result))
        return result and result + 1

    @socketio.on('add')
    def add(a, b):
        trace.append('handler')
        return a + b

    client = joined()
    del trace[:]
    assert client.call('add', 1, 2) == [4]
    assert trace == [('first', 'add'), 'second', ('outer', 1, 2), 'inner', 'handler', ('outer', 3),
                     ('before last', 3), ('last', 4)]


def test_before_may_answer_in_the_handlers_place(socketio, joined, trace):
    @socketio.before_event
    def only_known():
        if request.event['message'] == 'secret':
            return 'no'

    socketio.after_event(trace.append)
    socketio.use(lambda call_next, *args: trace.append('middleware') or call_next(*args))
    socketio.on('secret')(lambda: trace.append('handler'))
    socketio.on('open')(lambda: 'yes')
    client = joined()
    del trace[:]
    assert client.call('secret') == ['no']
    assert trace == ['no']
    assert client.call('open') == ['yes']


def test_middleware_may_change_arguments_and_answers_or_stop_the_event(socketio, joined):
    @socketio.use(event='say')
    def shout(call_next, text):
        return 'silence' if text == '' else call_next(text.upper()) + '!'

    @socketio.on('say')
    def say(text):
        return text

    @socketio.on('whisper')
    def whisper(text):
        return text

    client = joined()
    assert client.call('say', 'hi') == ['HI!']
    assert client.call('say', '') == ['silence']
    assert client.call('whisper', 'hi') == ['hi']


def test_they_apply_where_they_were_asked_to(socketio, client, trace):
    socketio.before_event(namespace='/a')(lambda: trace.append('before /a'))
    socketio.after_event(namespace=re.compile('/[ab]'))(lambda result: trace.append('after a or b'))
    socketio.use(namespace='/b', event=['x', 'y'])(
        lambda call_next: trace.append('use b') or call_next())
    for nsp in '/', '/a', '/b':
        for event in 'x', 'z':
            socketio.on_event(event, lambda: None, nsp)
    peer = client()
    for nsp in '/', '/a', '/b':
        peer.connect(nsp)
    del trace[:]
    for nsp, event, expected in [('/', 'x', []), ('/a', 'x', ['before /a', 'after a or b']),
                                 ('/b', 'x', ['use b', 'after a or b']),
                                 ('/b', 'z', ['after a or b'])]:
        peer.call(event, nsp=nsp)
        assert trace == expected, (nsp, event)
        del trace[:]


def test_connect_and_disconnect_with_handlers(socketio, joined, trace):
    socketio.before_event(lambda: trace.append(request.event['message']))

    @socketio.use
    def around(call_next, *args):
        trace.append(args)
        return call_next(*args)

    @socketio.on('connect')
    def connect():
        trace.append('connected')

    @socketio.on('disconnect')
    def disconnect(reason):
        trace.append(reason)

    client = joined()
    client.leave()
    until(lambda: len(trace) == 6)
    assert trace == ['connect', (None,), 'connected', 'disconnect', ('client disconnect',),
                     'client disconnect']


@pytest.mark.parametrize('with_handler', [True, False])
def test_middleware_decides_who_gets_in(socketio, client, trace, with_handler):
    @socketio.use(event='connect')
    def check(call_next, auth):
        token = (auth or {}).get('token')
        if token == 'wrong':
            raise ConnectionRefusedError('wrong token')
        if token == 'forbidden':
            abort(403)
        if token == 'bad':
            return False
        g.token = token
        return call_next(auth)

    if with_handler:
        @socketio.on('connect')
        def connect(auth):
            trace.append((g.token, auth))

    for token, message in [('wrong', 'wrong token'), ('bad', 'Connection rejected by server'),
                           ('forbidden', 'Forbidden')]:
        with pytest.raises(Refused) as refused:
            client().connect(auth={'token': token})
        assert refused.value.payload == {'message': message}
    assert trace == []
    client().connect(auth={'token': 'right'})
    assert trace == ([('right', {'token': 'right'})] if with_handler else [])
    until(lambda: socketio.server.stats()['sockets'] == 1)


def _answer(socketio):
    socketio.before_event(lambda: {'error': 'slow down'})


def _wrap_result(socketio):
    socketio.after_event(lambda result: {'result': result})


def _wrap_call(socketio):
    socketio.use(lambda call_next, *args: {'result': call_next(*args)})


def _wrap_twice(socketio):
    _wrap_call(socketio)
    _wrap_call(socketio)


def _catch(socketio):
    @socketio.use
    def catch(call_next, *args):
        try:
            return call_next(*args)
        except Exception as error:
            return {'error': str(error)}


def _stop(socketio):
    socketio.use(lambda call_next, *args: {'error': 'slow down'})


def _refuse_inside(socketio):
    _wrap_call(socketio)
    socketio.use(lambda call_next, *args: call_next(*args) and False)


def _raise(*args):
    raise ConnectionRefusedError('no')


@pytest.mark.parametrize(('around', 'handler'), [
    (_answer, lambda: None),
    (_stop, lambda: None),
    (_refuse_inside, lambda: True),
    (_wrap_result, lambda: False),
    (_wrap_call, lambda: False),
    (_wrap_twice, lambda: False),
    (_wrap_call, lambda: Response('no', 403)),
    (_catch, _raise),
    (_catch, lambda: 1 / 0),
])
def test_a_refusal_stays_one_whatever_is_around_the_handler(socketio, client, around, handler):
    around(socketio)
    socketio.on('connect')(handler)
    with pytest.raises(Refused):
        client().connect()
    until(lambda: socketio.server.stats()['sockets'] == 0)


@pytest.mark.parametrize('around', [_wrap_result, _wrap_call, _wrap_twice, _catch])
def test_what_is_around_the_handler_keeps_nobody_out_whom_it_lets_in(socketio, joined, around):
    around(socketio)
    heard = []
    socketio.on('connect')(lambda: heard.append('connect'))
    joined()
    assert heard == ['connect']


def test_middleware_may_ask_the_connect_handler_again(socketio, joined):
    asked = []

    @socketio.use(event='connect')
    def again(call_next, auth):
        try:
            return call_next(auth)
        except KeyError:
            return call_next(auth)

    @socketio.on('connect')
    def connect():
        asked.append(1)
        if len(asked) == 1:
            raise KeyError

    joined()
    assert len(asked) == 2


def test_what_they_raise_is_the_handlers_error(socketio, joined, trace, caplog):
    @socketio.before_event
    def fails():
        if request.event['message'] == 'x':
            raise KeyError('from the hook')

    @socketio.on('x')
    def x():
        trace.append('handler')

    client = joined()
    client.emit('x')
    until(lambda: caplog.records)
    assert "KeyError: 'from the hook'" in caplog.text and trace == []

    @socketio.on_error()
    def handled(error):
        return repr(error)

    assert client.call('x') == ["KeyError('from the hook')"]


def test_class_namespaces_and_catch_all_handlers(socketio, client, trace):
    class Room(Namespace):
        def on_say(self, text):
            return text

        def error(self, error):
            return 'handled by the class'

    socketio.on_namespace(Room('/room'))
    socketio.on('*', namespace='/all')(lambda event, *args: [event, *args])
    socketio.use(lambda call_next, *args: trace.append(args) or call_next(*args))
    peer = client()
    peer.connect('/room')
    peer.connect('/all')
    del trace[:]
    assert peer.call('say', 'hi', nsp='/room') == ['hi']
    assert peer.call('any', 1, nsp='/all') == [['any', 1]]
    assert trace == [('hi',), ('any', 1)]
    socketio.before_event(namespace='/room')(lambda: 1 / 0)
    assert peer.call('say', 'hi', nsp='/room') == ['handled by the class']


def test_ack_callbacks_and_unknown_events_pass_them_by(socketio, joined, trace):
    socketio.before_event(lambda: trace.append(request.event['message']))
    client = joined()
    del trace[:]
    socketio.emit('question', to=client.sid, callback=lambda: trace.append('answered'))
    id, _ = client.question()
    client.emit('nobody handles this')
    client.answer(id)
    until(lambda: trace)
    assert trace == ['answered']


def test_an_application_tied_later_has_them(app, client, trace):
    socketio = SocketIO()
    socketio.before_event(lambda: trace.append(request.event['message']))
    socketio.init_app(app)
    client(socketio).connect()
    assert trace == ['connect']


def test_none_costs_nothing(socketio):
    assert socketio.server.hooks is None and not socketio.server.registry.defaults
    assert 'offered' not in FlaskEvent.__slots__


async def coroutine(*args):
    """What nobody here would await."""


@pytest.mark.parametrize(('register', 'error', 'message'), [
    (lambda s: s.before_event(coroutine), TypeError, 'before_event must not be a coroutine'),
    (lambda s: s.use(coroutine), TypeError, 'middleware must not be a coroutine'),
    (lambda s: s.on_start(coroutine), TypeError, 'on_start must not be a coroutine'),
    (lambda s: s.every(1)(coroutine), TypeError, 'every must not be a coroutine'),
    (lambda s: s.on_error()(coroutine), TypeError, 'exception_handler must not be a coroutine'),
    (lambda s: s.before_event(3), ValueError, 'before_event must be callable, not 3'),
    (lambda s: s.after_event('x'), ValueError, "after_event must be callable, not 'x'"),
    (lambda s: s.use(namespace='/a')(None), ValueError, 'middleware must be callable, not None'),
    (lambda s: s.use(event=3), TypeError, 'event'),
    (lambda s: s.use(event=['a', 3]), TypeError, 'event must be the name of an event or a list'),
    (lambda s: s.use(namespace=3), TypeError, 'namespace must be a str'),
    (lambda s: s.before_event(namespace=['/a']), TypeError, 'namespace must be a str'),
])
def test_wrong_registrations(socketio, register, error, message):
    with pytest.raises(error, match=message):
        register(socketio)

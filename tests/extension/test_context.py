"""Flask's contexts inside handlers: request, session, g, the application, teardown."""

from __future__ import annotations

import gevent
import pytest
from flask import (
    Flask,
    after_this_request,
    appcontext_tearing_down,
    copy_current_request_context,
    current_app,
    flash,
    g,
    get_flashed_messages,
    has_app_context,
    has_request_context,
    render_template_string,
    request,
    session,
    url_for,
)
from flask.globals import app_ctx, request_ctx
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from gevent.event import Event

from geventio import (
    SocketIO,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)

from ..waiting import until


def ask(socketio, joined, function, *args, **options):
    """What a function returns when it is the handler of an event."""
    socketio.on_event('ask', function)
    return joined(socketio, **options).call('ask', *args)


# -- request ------------------------------------------------------------------------------------


def test_what_request_says(socketio, joined):
    @socketio.on('ask')
    def handler(*args):
        return [request.sid, request.namespace, request.event['message'],
                list(request.event['args']), request.args['token'], request.headers['X-Kind'],
                request.cookies['biscuit'], request.method, request.path, request.remote_addr,
                request.endpoint, request.is_json]

    client = joined(headers=[('X-Kind', 'test'), ('Cookie', 'biscuit=hard')], token='t')
    assert client.call('ask', 1, 'b') == [[
        client.sid, '/', 'ask', [1, 'b'], 't', 'test', 'hard', 'GET', '/socket.io/', '127.0.0.1',
        None, False]]


def test_request_is_one_object_for_each_socket(socketio, joined):
    seen = []
    for namespace in ('/', '/other'):
        socketio.on('ask', namespace=namespace)(
            lambda: seen.append((request._get_current_object(), request.sid, request.namespace)))
    client = joined()
    client.connect('/other')
    for namespace in ('/', '/other', '/'):
        client.call('ask', nsp=namespace)
    (first, *one), (second, *two), (third, *_) = seen
    assert first is third is not second
    assert one == [client.sid, '/'] and two == [client.sids['/other'], '/other']


def test_request_in_connect_and_disconnect(socketio, client):
    seen = []
    socketio.on('connect')(lambda auth: seen.append((request.sid, dict(request.event))))
    socketio.on('disconnect')(lambda reason: seen.append((request.sid, dict(request.event))))
    one = client()
    one.connect(auth={'a': 1})
    one.leave()
    until(lambda: len(seen) == 2)
    assert seen == [(one.sid, {'message': 'connect', 'args': ({'a': 1},)}),
                    (one.sid, {'message': 'disconnect', 'args': ('client disconnect',)})]


def test_the_applications_request_class_is_used(app, socketio, joined):
    class Request(app.request_class):
        def shout(self):
            return self.args['token'].upper()

    app.request_class = Request
    socketio = SocketIO(app)
    assert ask(socketio, joined, lambda: request.shout(), token='t') == ['T']


def test_an_ack_callback_has_the_context_of_the_event_that_asked(socketio, joined):
    told = []

    def answered(*values):
        told.append((request.sid, dict(request.event), values, g.get('mark')))

    @socketio.on('ask')
    def handler():
        g.mark = 1
        emit('question', callback=answered)
        emit('question', callback=answered, timeout=5)
        socketio.emit('question', to=request.sid, callback=answered)

    client = joined()
    client.emit('ask')
    for value in range(3):
        id, _ = client.question()
        client.answer(id, value)
    until(lambda: len(told) == 3)
    assert [(sid, event['message'], values, mark) for sid, event, values, mark in told] == [
        (client.sid, None, (0,), None), (client.sid, None, (None, 1), None),
        (client.sid, None, (2,), None)]
    assert told[0][1]['args'] == (0,)


def test_a_callback_given_outside_a_handler_has_no_context(socketio, joined):
    told = []
    client = joined()
    socketio.emit('question', to=client.sid,
                  callback=lambda *values: told.append((values, has_request_context())))
    id, _ = client.question()
    client.answer(id, 'x')
    until(lambda: told)
    assert told == [(('x',), False)]


# -- application --------------------------------------------------------------------------------


def test_current_app_and_urls(app, socketio, joined):
    @app.get('/page/<name>')
    def page(name):
        raise AssertionError

    def handler():
        return [current_app.name, url_for('page', name='a b'),
                url_for('page', name='x', _external=True).startswith('http://127.0.0.1:'),
                has_app_context(), has_request_context()]

    assert ask(socketio, joined, handler) == [
        ['app_under_test', '/page/a%20b', True, True, True]]


def test_the_applications_logger_works_in_handlers(app, socketio, joined, caplog):
    def handler():
        app.logger.warning('from a handler')
        return request.environ['wsgi.errors'] is not None

    assert ask(socketio, joined, handler) == [True]
    assert 'from a handler' in caplog.text


def test_templates(app, socketio, joined):
    app.context_processor(lambda: {'shared': 'from a processor'})

    def handler(value):
        g.mark, session['mark'] = 'g', 's'
        return render_template_string(
            '{{ value }} {{ shared }} {{ g.mark }} {{ session.mark }} {{ request.sid|length }} '
            '{{ config.TESTING }}', value=value)

    assert ask(socketio, joined, handler, '<&>') == ['&lt;&amp;&gt; from a processor g s 20 False']


def test_flashed_messages(socketio, joined):
    def handler(text):
        flash(text, 'kind')
        first = get_flashed_messages(with_categories=True)
        return [first, get_flashed_messages(with_categories=True) == first]

    client = joined(socketio)
    socketio.on_event('ask', handler)
    assert client.call('ask', 'one') == [[[['kind', 'one']], True]]
    assert client.call('ask', 'two') == [[[['kind', 'two']], True]]


def test_g_is_fresh_for_each_event(app, socketio, joined):
    class Globals(app.app_ctx_globals_class):
        kind = 'own'

    app.app_ctx_globals_class = Globals

    def handler():
        before = g.get('mark', 'fresh')
        g.mark = 'used'
        return [before, g.mark, g.kind]

    socketio.on_event('ask', handler)
    client = joined()
    assert client.call('ask') == client.call('ask') == [['fresh', 'used', 'own']]


def test_the_contexts_are_new_for_each_event_and_take_attributes(socketio, joined):
    seen = []

    def handler():
        context = app_ctx._get_current_object()
        seen.append((context, hasattr(context, 'something')))
        context.something = request_ctx.other = 1
        return [app_ctx.something, request_ctx.other, app_ctx.app.name]

    socketio.on_event('ask', handler)
    client = joined()
    assert client.call('ask') == client.call('ask') == [[1, 1, 'app_under_test']]
    assert seen[0][0] is not seen[1][0] and [known for _, known in seen] == [False, False]


def test_overlapping_handlers_keep_their_own(socketio, joined):
    gates = {'a': Event(), 'b': Event()}
    seen = []

    @socketio.on('ask')
    def handler(name):
        g.name = name
        if name in gates:
            gates[name].wait()
        seen.append((name, g.name, request.sid, request.event['args']))

    one, two = joined(), joined()
    one.emit('ask', 'a')
    two.emit('ask', 'b')
    one.emit('ask', 'c')
    until(lambda: seen)
    gates['b'].set()
    until(lambda: len(seen) == 2)
    gates['a'].set()
    until(lambda: len(seen) == 3)
    assert seen == [('c', 'c', one.sid, ('c',)), ('b', 'b', two.sid, ('b',)),
                    ('a', 'a', one.sid, ('a',))]


def test_another_context_may_be_pushed_inside(app, socketio, joined):
    other = Flask('other')

    def handler():
        with other.app_context():
            names = [current_app.name]
            emit('inside', 1)
        with app.test_request_context('/there'):
            names.append(request.path)
            emit('inside', 2)
        emit('names', *names, current_app.name, request.path)

    client = joined(socketio)
    socketio.on_event('ask', handler)
    client.emit('ask')
    assert [client.event() for _ in range(3)] == [
        ['inside', 1], ['inside', 2], ['names', 'other', '/there', 'app_under_test', '/socket.io/']]


def test_the_context_itself_may_be_pushed_again(socketio, joined):
    def handler():
        with app_ctx._get_current_object():
            inside = request.sid
        return [inside == request.sid, has_request_context()]

    assert ask(socketio, joined, handler) == [[True, True]]


def test_after_this_request_is_accepted(socketio, joined):
    def handler():
        after_this_request(lambda response: response)
        return 'fine'

    assert ask(socketio, joined, handler) == ['fine']


def test_a_context_can_be_taken_into_a_greenlet(app, socketio, joined):
    torn = []
    app.teardown_appcontext(lambda error: torn.append(g.get('mark')))

    def handler():
        session['shared'] = 1
        g.mark = 'handler'

        @copy_current_request_context
        def later():
            g.mark = 'greenlet'
            emit('later', [request.sid, session['shared'], request.event['message']])

        gevent.spawn(later)
        return request.sid

    client = joined(socketio)
    socketio.on_event('ask', handler)
    assert client.call('ask') == [client.sid]
    assert client.event() == ['later', [client.sid, 1, 'ask']]
    until(lambda: len(torn) == 2)
    assert torn == ['handler', 'greenlet']


# -- teardown -----------------------------------------------------------------------------------


@pytest.fixture
def torn(app):
    """What teardown functions were called with, in order."""
    torn = []
    app.teardown_request(lambda error: torn.append(('request', repr(error), g.get('mark'))))
    app.teardown_appcontext(lambda error: torn.append(('app', repr(error), g.get('mark'))))
    return torn


def fail(*args):
    g.mark = 1
    raise KeyError('x')


def test_teardown_after_success(socketio, joined, torn):
    def handler():
        g.mark = 1
        assert torn == []
        return 'fine'

    assert ask(socketio, joined, handler) == ['fine']
    assert torn == [('request', 'None', 1), ('app', 'None', 1)]


def test_teardown_after_an_error(socketio, joined, torn, caplog):
    client = joined(socketio)
    socketio.on_event('ask', fail)
    client.emit('ask')
    until(lambda: len(torn) == 2)
    assert torn == [('request', "KeyError('x')", 1), ('app', "KeyError('x')", 1)]
    assert len(caplog.records) == 1


def test_teardown_comes_after_the_error_handler(socketio, joined, torn):
    @socketio.on_error_default
    def handled(error):
        assert torn == []
        return g.mark

    assert ask(socketio, joined, fail) == [1]
    assert torn == [('request', 'None', 1), ('app', 'None', 1)]


@pytest.mark.parametrize('event', ['connect', 'disconnect'])
def test_teardown_in_the_life_of_a_client(socketio, joined, torn, event):
    socketio.on_event(event, lambda: setattr(g, 'mark', event))
    joined().leave()
    until(lambda: len(torn) == 2)
    assert torn == [('request', 'None', event), ('app', 'None', event)]


def test_a_failing_teardown_function_costs_the_answer_only(app, socketio, joined, caplog):
    torn = []
    app.teardown_appcontext(lambda error: torn.append(error))

    @app.teardown_request
    def failing(error):
        raise KeyError('teardown')

    socketio.on_event('ask', lambda: 'fine')
    client = joined()
    client.emit('ask')
    until(lambda: caplog.records)
    assert 'teardown' in caplog.text and torn == [None] and client.pending() == []


def test_who_listens_to_the_signal_is_told(app, socketio, joined):
    if not hasattr(appcontext_tearing_down, 'receivers'):
        pytest.skip('this Flask has no signals without blinker')
    told = []

    def listener(sender, exc=None, **rest):
        told.append((sender.name, exc))

    with appcontext_tearing_down.connected_to(listener, app):
        assert ask(socketio, joined, lambda: 'fine') == ['fine']
    assert told == [('app_under_test', None)]


# -- session ------------------------------------------------------------------------------------


def cookie(app, **values):
    """The header with which a browser brings a session."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    return [('Cookie', 'session=' + serializer.dumps(values))]


def count():
    session['count'] = session.get('count', 0) + 1
    return [session['count'], session.get('name')]


def test_a_client_has_a_session_copied_from_its_cookie(app, socketio, client):
    for namespace in ('/', '/other'):
        socketio.on_event('count', count, namespace=namespace)
    one = client(headers=cookie(app, name='Ann', count=5))
    two = client(headers=cookie(app, name='Ann', count=5))
    three = client()
    for each in (one, two, three):
        each.connect()
        each.connect('/other')
    assert one.call('count') == [[6, 'Ann']]
    assert one.call('count', nsp='/other') == [[7, 'Ann']]
    assert two.call('count') == [[6, 'Ann']]
    assert three.call('count') == [[1, None]]


def test_a_session_outlives_a_namespace_and_not_the_connection(app, socketio, joined):
    socketio.on_event('count', count)
    one = joined()
    assert one.call('count') == [[1, None]]
    one.leave()
    one.connect()
    assert one.call('count') == [[2, None]]
    assert joined().call('count') == [[1, None]]


def test_a_session_without_a_key_and_with_a_forged_cookie(app, joined):
    forged = cookie(app, name='Ann')
    app.secret_key = 'another'
    socketio = SocketIO(app)
    socketio.on_event('count', count)
    assert joined(socketio, headers=forged).call('count') == [[1, None]]
    app.secret_key = None
    assert joined(socketio, headers=forged).call('count') == [[1, None]]


def test_a_session_looks_like_one(socketio, joined):
    def handler():
        session.permanent = True
        session.modified = True
        return [isinstance(session._get_current_object(), SessionMixin), session.permanent,
                session.new]

    assert ask(socketio, joined, handler) == [[True, True, False]]


class Backend(SessionInterface):
    """Keeps sessions on the server, as extensions do."""

    class Session(dict, SessionMixin):
        modified = False

        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            self.modified = True

    def __init__(self):
        self.stored = {}
        self.opened = self.saved = 0

    def open_session(self, app, request):
        self.opened += 1
        return self.Session(self.stored)

    def save_session(self, app, session, response):
        assert response.status_code == 200
        self.saved += 1
        self.stored = dict(session)


@pytest.fixture
def backend(app):
    app.session_interface = Backend()
    return app.session_interface


def test_flasks_session_is_opened_and_saved_for_each_event(app, backend, joined):
    socketio = SocketIO(app, manage_session=False)
    socketio.on_event('count', count)
    socketio.on_event('read', lambda: session.get('count'))
    socketio.on_event('neither', lambda: 1)
    client = joined(socketio)
    assert client.call('count') == [[1, None]]
    backend.stored['count'] = 41  # a view
    assert client.call('count') == [[42, None]]
    assert (backend.opened, backend.saved) == (2, 2)
    assert client.call('read') == [42] and client.call('neither') == [1]
    assert (backend.opened, backend.saved) == (3, 2)


def test_a_failed_event_saves_no_session(app, backend, joined):
    socketio = SocketIO(app, manage_session=False)
    socketio.on_error_default(lambda error: 'handled')

    def handler():
        session['x'] = 1
        raise KeyError

    assert ask(socketio, joined, handler) == ['handled']
    assert backend.saved == 0 and backend.opened == 1


def test_with_teardown_functions_a_session_is_saved_before_them(app, backend, joined):
    order = []
    app.teardown_appcontext(lambda error: order.append(backend.saved))
    socketio = SocketIO(app, manage_session=False)
    assert ask(socketio, joined, count) == [[1, None]]
    assert order == [1]


def test_a_null_session_is_not_saved(app, joined):
    app.secret_key = None
    socketio = SocketIO(app, manage_session=False)
    assert ask(socketio, joined, lambda: [session.get('x')]) == [[None]]


# -- the verbs elsewhere ------------------------------------------------------------------------


@pytest.mark.parametrize('verb', [
    lambda: emit('x'), lambda: send('x'), lambda: call('x'), lambda: join_room('x'),
    lambda: leave_room('x'), lambda: close_room('x'), rooms, disconnect,
])
def test_verbs_outside_a_handler(app, socketio, verb):
    sentence = 'works only inside a geventio event handler; .* use the methods of the SocketIO'
    with pytest.raises(RuntimeError, match=sentence):
        verb()
    with app.test_request_context(), pytest.raises(RuntimeError, match=sentence):
        verb()

"""Flask's contexts inside handlers: request, session, g, the application, teardown."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest
from flask import (
    Flask,
    Request,
    after_this_request,
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
    stream_with_context,
    url_for,
)
from flask.globals import app_ctx, request_ctx
from flask.sessions import SecureCookieSessionInterface
from gevent.event import Event
from gevent.threadpool import ThreadPool
from werkzeug.datastructures import Headers
from werkzeug.middleware.proxy_fix import ProxyFix

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
                request.endpoint, request.is_json,
                request.accept_languages.best_match(['de', 'fr'])]

    client = joined(headers=[('X-Kind', 'test'), ('Cookie', 'biscuit=hard'),
                             ('Accept-Language', 'fr;q=0.9, de;q=0.3')], token='t')
    assert client.call('ask', 1, 'b') == [[
        client.sid, '/', 'ask', [1, 'b'], 't', 'test', 'hard', 'GET', '/socket.io/', '127.0.0.1',
        None, False, 'fr']]


@pytest.mark.parametrize('cookies', [[], [('Cookie', 'a=1; b="2"; a=3')],
                                     [('Cookie', 'a=1'), ('cookie', 'b=\xe4')], [('Cookie', '')]])
def test_headers_and_cookies_are_those_of_any_request(socketio, joined, cookies):
    def handler():
        other = Request(request.environ)
        ways = [lambda r: list(r.headers), lambda r: r.cookies.to_dict(flat=False),
                lambda r: r.headers == other.headers, lambda r: len(r.headers)]
        for name in ('Cookie', 'cookie', 'COOKIE', 'X-Kind', 'Missing'):
            ways += [lambda r, n=name: r.headers.getlist(n), lambda r, n=name: r.headers.get(n),
                     lambda r, n=name: r.headers.getlist(n, len),
                     lambda r, n=name: r.headers.getlist(n, type=int)]
        seen = [(way(request), way(other)) for way in ways]
        return [len(seen), [pair for pair in seen if pair[0] != pair[1]]]

    assert ask(socketio, joined, handler, headers=[('X-Kind', '7'), *cookies]) == [[24, []]]


def test_an_application_may_make_its_own_headers(app, joined):
    class Own(Request):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.headers = Headers({'Cookie': 'a=own'})

    app.request_class = Own
    socketio = SocketIO(app)
    assert ask(socketio, joined, lambda: request.cookies['a'],
               headers=[('Cookie', 'a=1')]) == ['own']


def test_the_address_behind_a_proxy(app, socketio, client):
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)
    socketio.on_event('ask', lambda: [request.remote_addr, request.url_root])
    one = client(socketio, headers=[('X-Forwarded-For', '192.0.2.1'),
                                    ('X-Forwarded-Proto', 'https'),
                                    ('X-Forwarded-Host', 'chat.example')])
    one.connect()
    assert one.call('ask') == [['192.0.2.1', 'https://chat.example/']]


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


def test_contexts_of_the_same_application_inside_give_the_events_back(app, socketio, joined):
    def handler():
        g.mark = session['mark'] = 'event'
        found = []
        with app.app_context():
            found.append([g.get('mark'), request.sid == sid, session.get('mark')])
            emit('inside')
            with app.test_request_context('/there'):
                found.append([g.get('mark'), hasattr(request, 'sid'), session.get('mark')])
        with pytest.raises(KeyError), app.app_context():
            raise KeyError
        found.append([g.mark, request.sid == sid, session['mark'], request.event['message']])
        emit('found', found)

    client = joined(socketio)
    sid = client.sid
    socketio.on_event('ask', handler)
    client.emit('ask')
    assert [client.event(), client.event()] == [['inside'], ['found', [
        [None, True, 'event'], [None, False, None], ['event', True, 'event', 'ask']]]]


def test_request_hooks_of_views_do_not_run(app, socketio, joined):
    ran = []
    app.before_request(lambda: ran.append('before'))
    app.after_request(lambda response: ran.append('after') or response)

    @socketio.on('ask')
    def handler():
        after_this_request(lambda response: ran.append('after this') or response)
        return 'fine'

    client = joined()
    assert client.call('ask') == client.call('ask') == ['fine']
    assert ran == []
    assert client.host.connection().request('GET', '/').status == 404
    assert ran == ['before', 'after']


def test_a_generator_keeps_the_context(socketio, joined):
    def handler():
        @stream_with_context
        def numbers():
            for number in range(3):
                yield [number, request.sid == sid, g.mark]

        g.mark = 'event'
        all_of_it, some_of_it = list(numbers()), numbers()
        return [all_of_it, next(some_of_it), request.sid == sid]

    client = joined(socketio)
    sid = client.sid
    socketio.on_event('ask', handler)
    assert client.call('ask') == [[
        [[0, True, 'event'], [1, True, 'event'], [2, True, 'event']], [0, True, 'event'], True]]


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


@pytest.mark.parametrize('where', ['thread pool of gevent', 'concurrent.futures'])
def test_a_context_can_be_taken_into_threads(app, socketio, joined, where):
    torn = []
    app.teardown_appcontext(lambda error: torn.append(g.get('mark')))
    meeting = threading.Barrier(3)

    def handler():
        session['shared'] = 1
        g.mark = 'handler'

        @copy_current_request_context
        def work(name):
            before = g.get('mark')
            g.mark = name
            meeting.wait(5)  # all are inside
            return [before, g.mark, request.sid == sid, session['shared'],
                    request.event['message'], current_app.name, threading.get_ident() == here]

        here = threading.get_ident()
        if where == 'concurrent.futures':
            with ThreadPoolExecutor(3) as pool:
                found = list(pool.map(work, 'abc'))
        else:
            pool = ThreadPool(3)
            found = pool.map(work, 'abc')
            pool.kill()
        return [*found, g.mark]

    client = joined(socketio)
    sid = client.sid
    socketio.on_event('ask', handler)
    assert client.call('ask') == [[
        *([None, name, True, 1, 'ask', 'app_under_test', False] for name in 'abc'), 'handler']]
    assert sorted(torn[:3]) == ['a', 'b', 'c'] and torn[3:] == ['handler']


def test_a_context_is_taken_with_its_session(app, joined):
    class Counting(SecureCookieSessionInterface):
        opened = 0

        def open_session(self, app, request):
            self.opened += 1
            return super().open_session(app, request)

    app.session_interface = Counting()
    found = []

    def handler():
        take = copy_current_request_context(lambda: found.append(session._get_current_object()))
        gevent.spawn(take).join()
        gevent.spawn(take).join()
        found.append(session._get_current_object())

    ask(SocketIO(app, manage_session=False), joined, handler)
    assert len(found) == 3 and len({id(one) for one in found}) == 1
    assert app.session_interface.opened == 1


def test_the_context_of_a_push_can_be_taken(socketio, joined):
    @socketio.on('ask')
    def handler():
        @socketio.every(0.01)
        def push():
            gevent.spawn(copy_current_request_context(lambda: emit('tick', request.sid)))

    client = joined()
    client.call('ask')
    assert client.event() == ['tick', client.sid]


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

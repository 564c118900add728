"""What is done when an event is over: teardown functions, signals, the resources of a context."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest
from flask import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    copy_current_request_context,
    flash,
    g,
    message_flashed,
    render_template_string,
    template_rendered,
)
from flask.globals import app_ctx
from gevent.event import Event

from geventio import emit

from ..waiting import until


def ask(socketio, joined, function):
    """What a function returns when it is the handler of an event."""
    socketio.on_event('ask', function)
    return joined(socketio).call('ask')


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


def test_signals_of_the_app_context(app, socketio, joined):
    if not hasattr(appcontext_pushed, 'receivers'):
        pytest.skip('this Flask has no signals without blinker')
    told = []

    def pushed(sender, **rest):
        g.user = 'from a test'
        told.append('pushed')

    def popped(sender, **rest):
        told.append('popped')

    def handler():
        gevent.spawn(copy_current_request_context(lambda: told.append(g.user))).join()
        return g.user

    with appcontext_pushed.connected_to(pushed, app), appcontext_popped.connected_to(popped, app):
        assert ask(socketio, joined, handler) == ['from a test']
    assert told == ['pushed', 'pushed', 'from a test', 'popped', 'popped']


def test_signals_of_templates_and_flashes(app, socketio, joined):
    if not hasattr(appcontext_pushed, 'receivers'):
        pytest.skip('this Flask has no signals without blinker')
    told = []

    def rendered(sender, template, context, **rest):
        told.append(context['value'])

    def flashed(sender, message, category, **rest):
        told.append(message)

    def handler():
        flash('hello')
        return render_template_string('{{ value }}', value=1)

    with template_rendered.connected_to(rendered, app), message_flashed.connected_to(flashed, app):
        assert ask(socketio, joined, handler) == ['1']
    assert told == ['hello', 1]


# -- resources of a context -----------------------------------------------------------------------


@pytest.fixture
def resources(app):
    """What is open for contexts, by their identity, as database extensions keep it.

    ``resources.use()`` opens it; ``resources.used`` counts.
    """

    class Resources(dict):
        used = 0

        def use(self):
            context = app_ctx._get_current_object()
            if id(context) not in self:
                self.used += 1
                self[id(context)] = object()

    resources = Resources()
    app.teardown_appcontext(lambda error: resources.pop(id(app_ctx._get_current_object()), None))
    return resources


def test_no_resource_outlives_its_event(socketio, joined, resources, caplog):
    socketio.on_event('connect', resources.use)
    socketio.on_event('disconnect', resources.use)
    socketio.on_event('use', resources.use)
    socketio.on_event('ask', lambda: emit('question', callback=lambda: resources.use()))

    @socketio.on('fail')
    def fail():
        resources.use()
        raise KeyError

    @socketio.on('late')
    def late():
        resources.use()
        raise gevent.Timeout(1)

    @socketio.on('take')
    def take():
        take = copy_current_request_context(resources.use)
        for _ in range(2):
            gevent.spawn(take).join()
            assert not resources
        with ThreadPoolExecutor(1) as pool:
            pool.submit(take).result()
        assert not resources

    client = joined()
    assert (resources.used, resources) == (1, {})
    for turn, event in enumerate(('use', 'fail', 'late'), 2):
        client.emit(event)
        until(lambda turn=turn: resources.used == turn and not resources)
    client.emit('ask')
    client.answer(client.question()[0])
    until(lambda: resources.used == 5 and not resources)
    client.call('take')
    assert (resources.used, resources) == (8, {})
    client.leave()
    until(lambda: resources.used == 9 and not resources)
    assert sorted(record.exc_info[0].__name__ for record in caplog.records) == [
        'KeyError', 'Timeout']


def test_no_resource_outlives_a_push(socketio, joined, resources):
    socketio.every(0.01)(resources.use)

    @socketio.on('ask')
    def handler():
        socketio.every(0.01)(resources.use)

    joined().call('ask')
    until(lambda: resources.used >= 4)
    assert resources == {}


def test_the_last_user_of_a_context_tears_it_down(socketio, joined, resources):
    ended, seen = Event(), []

    @socketio.on('ask')
    def handler():
        context = app_ctx._get_current_object()

        def inside():
            with context:
                resources.use()
                ended.wait()
                seen.append(dict(resources))
            seen.append(dict(resources))

        def afterwards():
            with context:
                with context:
                    resources.use()
                seen.append(dict(resources))
            seen.append(dict(resources))

        with context:
            resources.use()
        assert len(resources) == 1
        gevent.spawn(inside).link(lambda _: gevent.spawn(afterwards))
        gevent.sleep(0)
        with context:
            resources.use()
        assert len(resources) == 1

    joined().call('ask')
    assert len(resources) == 1
    ended.set()
    until(lambda: len(seen) == 4)
    assert [len(each) for each in seen] == [1, 0, 1, 0]
    assert resources.used == 2

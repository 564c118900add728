"""Running a handler: its answer, its errors, its order and context."""

from __future__ import annotations

import logging
from functools import partial

import pytest

from geventio.core.event import Callback, name_of


@pytest.fixture
def peer(world):
    peer = world.peer()
    world.on('raise', fails)
    peer.join()
    return peer


def fails(sid, *args):
    raise KeyError('lost')


@pytest.mark.parametrize(('result', 'packet'), [
    (None, '437[]'),
    (1, '437[1]'),
    ((1, 2), '437[1,2]'),
    ((), '437[]'),
    ([1, 2], '437[[1,2]]'),
    (b'\x09', ['461-7[{"_placeholder":true,"num":0}]', b'\x09']),
])
def test_what_a_handler_returns_is_the_answer(world, peer, result, packet):
    world.on('ask', lambda sid, *args: result)
    peer.says('427["ask",1]')
    assert peer.hears() == [packet]
    peer.says('42["ask",1]')
    assert peer.hears() == []


def test_a_handler_gets_the_id_and_the_arguments(world, peer):
    calls = []
    world.on('ask', lambda *args: calls.append(args))
    peer.says('42["ask",1,{"a":[]},null]')
    assert calls == [(peer.client.sockets['/'].sid, 1, {'a': []}, None)]


def test_a_handler_that_raises_gives_no_answer_and_the_connection_lives(world, peer, caplog):
    peer.says('427["raise"]')
    assert peer.hears() == [] and peer.session.closed is None
    record, = caplog.records
    assert record.name == 'geventio' and record.levelno == logging.ERROR
    assert record.getMessage() == f"error in {__name__}.fails, the handler of 'raise' (namespace /)"
    assert record.exc_info[0] is KeyError


def test_an_uncaught_timeout_is_an_error_of_the_handler(world, peer, caplog):
    class Timeout(BaseException):
        """Such as gevent's."""

    def slow(sid):
        raise Timeout

    world.on('slow', slow)
    peer.says('427["slow"]')
    assert peer.hears() == [] and len(caplog.records) == 1


@pytest.mark.parametrize('error', [SystemExit, KeyboardInterrupt])
def test_what_ends_the_program_is_let_through(world, peer, caplog, error):
    def leave(sid):
        raise error

    world.on('leave', leave)
    with pytest.raises(error):
        peer.says('42["leave"]')
    with pytest.raises(error):
        Callback(leave, (1,)).run()
    assert not caplog.records


def test_an_answer_that_cannot_be_sent_is_logged_with_its_handler(world, peer, caplog):
    world.on('ask', lambda sid: object())
    peer.says('427["ask"]')
    assert peer.hears() == []
    assert "handler of 'ask' (namespace /), returned what cannot be sent" in caplog.text


def test_an_error_in_a_callback_is_logged_with_its_name(caplog):
    Callback(fails, ('sid',)).run()
    assert f'error in {__name__}.fails' in caplog.text


def test_catch_all_handlers_get_the_name_and_the_namespace_first(world):
    world.server.registry.declared.add('*')
    calls = []
    world.on('*', lambda *args: calls.append(args))
    world.on('x', lambda *args: calls.append(args), '*')
    world.on('*', lambda *args: calls.append(args), '*')
    peer = world.peer()
    root, other = peer.join(), peer.join('/other')
    peer.says('42["hi",1]', '42["*","spoof"]', '42/other,["x",2]', '42/other,["y",3]')
    assert calls == [('hi', root.sid, 1), ('*', root.sid, 'spoof'), ('/other', other.sid, 2),
                     ('y', '/other', other.sid, 3)]


def test_events_nobody_handles_are_ignored(world, peer):
    peer.says('427["unknown"]', '42[5,"a number is a name"]')
    assert peer.hears() == [] and peer.session.closed is None


@pytest.mark.parametrize(('function', 'name'), [
    (fails, f'{__name__}.fails'),
    (partial(partial(fails, 1), 2), f'{__name__}.fails'),
    (Callback.run, 'geventio.core.event.Callback.run'),
])
def test_names_in_the_log(function, name):
    assert name_of(function) == name


def test_a_nameless_callable_is_shown():
    class Handler:
        def __call__(self):
            raise AssertionError

        def __repr__(self):
            return 'Handler 7'

    assert name_of(Handler()) == 'Handler 7'

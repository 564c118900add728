"""Which handler an event goes to, and what a signature takes."""

from __future__ import annotations

import re
from functools import partial

import pytest

from geventio.core.registry import Registry, takes


def named(name):
    def handler(*args):
        return name

    return handler


class Space:
    """A class namespace: the methods it has."""

    def __init__(self, namespace, **methods):
        self.namespace = namespace
        self.find_handler = methods.get


@pytest.fixture
def registry():
    return Registry(())


def found(registry, nsp, event):
    route = registry.find(nsp, event)
    return None if route is None else (route.fn(), route.any_event, route.any_namespace)


def test_the_order_of_the_search(registry):
    pattern = re.compile('/team-[0-9]+')
    wishes = [
        ('/team-1', 'x', ('exact', False, False)),
        ('/team-1', '*', ('all of it', True, False)),
        (pattern, 'x', ('pattern', False, True)),
        (pattern, '*', ('all of pattern', True, True)),
        ('*', 'x', ('anywhere', False, True)),
        ('*', '*', ('all', True, True)),
    ]
    assert found(registry, '/team-1', 'x') is None
    for namespace, event, expected in reversed(wishes):
        registry.add(event, named(expected[0]), namespace)
        assert found(registry, '/team-1', 'x') == expected


def test_functions_come_before_classes(registry):
    registry.add_namespace(Space('/a', x=named('method'), y=named('method y')))
    registry.add_namespace(Space('*', x=named('wild method'), z=named('wild z')))
    assert found(registry, '/a', 'x') == ('method', False, False)
    assert found(registry, '/a', 'z') == ('wild z', False, True)
    assert found(registry, '/b', 'x') == ('wild method', False, True)
    registry.add('x', named('function'), '/a')
    assert found(registry, '/a', 'x') == ('function', False, False)
    assert found(registry, '/a', 'y') == ('method y', False, False)


def test_catch_all_handlers_do_not_get_connect_and_disconnect(registry):
    registry.add('*', named('all'), '/')
    registry.add('*', named('all'), '*')
    assert found(registry, '/', 'connect') is None
    assert found(registry, '/', 'disconnect') is None
    assert found(registry, '/', 'x') == ('all', True, False)


def test_an_event_named_star_is_an_event_like_any_other(registry):
    registry.add('*', named('all'), '/')
    assert registry.events('/') == {}
    assert found(registry, '/', '*') == ('all', True, False)


def test_every_matching_pattern_is_asked(registry):
    registry.add('x', named('first'), re.compile('/a.*'))
    registry.add('y', named('second'), re.compile('/.b'))
    assert found(registry, '/ab', 'y') == ('second', False, True)
    assert found(registry, '/abc', 'y') is None


@pytest.mark.parametrize('name', ['/', '/declared', '/also', '/handled', '/star', '/class', '/p1'])
def test_namespaces_a_client_may_join(name):
    registry = Registry(('/declared', 'also'))
    registry.add('x', named('x'), '/handled')
    registry.add('*', named('x'), '/star')
    registry.add('x', named('x'), re.compile('/p[0-9]'))
    registry.add_namespace(Space('/class'))
    assert registry.knows(name)
    assert registry.static(name) == (name != '/p1')


@pytest.mark.parametrize('name', ['/other', '/p12', '/P1', '', '*', 'handled', '/Handled'])
def test_namespaces_nobody_named_cannot_be_joined(name):
    registry = Registry(('/declared',))
    registry.add('x', named('x'), '/handled')
    registry.add('x', named('x'), re.compile('/p[0-9]'))
    assert not registry.knows(name)


def test_a_wildcard_opens_every_namespace_but_the_one_of_its_own_name():
    registry = Registry(('*',))
    assert registry.knows('/anything') and not registry.static('/anything')
    assert not registry.knows('*')


@pytest.mark.parametrize('make', [lambda: with_handler('x'), lambda: with_handler('*'),
                                  lambda: with_class()])
def test_handlers_for_every_namespace_open_none(make):
    assert not make().knows('/anything')


def with_handler(event):
    registry = Registry(())
    registry.add(event, named('x'), '*')
    return registry


def with_class():
    registry = Registry(())
    registry.add_namespace(Space('*'))
    return registry


def test_asking_for_events_declares_nothing(registry):
    assert registry.events('/x') == {}
    assert not registry.knows('/x')


def test_events_are_live(registry):
    events = registry.events('/x')
    handler = named('x')
    registry.add('later', handler, '/x')
    assert events == {'later': handler}


def test_what_is_no_function_is_refused(registry):
    with pytest.raises(TypeError, match="the handler for 'x' must be a function, not 7"):
        registry.add('x', 7, '/')


def test_a_coroutine_function_is_refused(registry):
    async def handler():
        raise AssertionError

    with pytest.raises(TypeError, match='write def, not async def'):
        registry.add('x', handler, '/')


class Callable:
    def __call__(self, one):
        raise AssertionError

    def method(self, one, two=None):
        raise AssertionError


@pytest.mark.parametrize(('function', 'counts'), [
    (lambda: None, {0}),
    (lambda a: None, {1}),
    (lambda a, b=1: None, {1, 2}),
    (lambda *args: None, {0, 1, 2, 3}),
    (lambda a, *, b: None, set()),
    (lambda a, *, b=1: None, {1}),
    (lambda a, **options: None, {1}),
    (Callable(), {1}),
    (Callable().method, {1, 2}),
    (partial(lambda a, b, c=1: None, 1), {1, 2}),
    (partial(partial(lambda a, b: None, 1), 2), {0}),
])
def test_what_a_signature_takes(function, counts):
    assert {count for count in range(4) if takes(function, count)} == counts


def test_a_wrapper_takes_what_it_wraps_takes():
    import functools

    def plain():
        raise AssertionError

    @functools.wraps(plain)
    def wrapper(*args):
        raise AssertionError

    assert takes(wrapper, 0) and not takes(wrapper, 1)

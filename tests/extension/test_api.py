"""The names and parameters of Flask-SocketIO, compared with ours one by one."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
import types

import engineio.socket
import flask_socketio
import pytest
from flask import Flask

import geventio
from geventio.extension.reach.engineio import EngineSocket

from .api_differences import DIFFERENCES

#: The version of which every name in the table is known to exist.
COMPLETE = '5.7.'

_TO_WHOM = {'to': None, 'room': None, 'ignore_queue': False}
_EMIT = {**_TO_WHOM, 'include_self': True, 'skip_sid': None, 'callback': None}

#: What theirs take out of ``**kwargs``, with the defaults.
KEYWORDS = {
    'package.emit': {**_EMIT, 'broadcast': False},
    'package.send': {**_EMIT, 'broadcast': False},
    'package.call': {**_TO_WHOM, 'timeout': 60},
    'SocketIO.emit': {**_EMIT, 'namespace': '/'},
    'SocketIO.call': {**_TO_WHOM, 'namespace': '/', 'timeout': 60},
}

_DOCUMENTED = re.compile(r':param (\w+):')
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def public(thing):
    """The public names of an object; of a module, those that are its package's."""
    names = {name for name in dir(thing) if not name.startswith('_')}
    if isinstance(thing, types.ModuleType):
        names = {name for name in names if getattr(getattr(thing, name), '__module__', None)
                 in ('flask_socketio', 'flask_socketio.namespace', 'flask_socketio.test_client',
                     'socketio.exceptions')}
    return names


def module(name):
    """A module, or an empty object in its place."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return types.SimpleNamespace()


def parameters(function):
    """Name -> Parameter, without those that take whatever is left."""
    found = inspect.signature(function).parameters
    return {name: parameter for name, parameter in found.items()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)}


def takes(function, kind):
    return any(parameter.kind is kind
               for parameter in inspect.signature(function).parameters.values())


def by_position(function):
    return [name for name, parameter in parameters(function).items()
            if parameter.kind in _BY_POSITION]


class Comparison:
    """What is different between two objects.

    :ivar seen: everything that was compared.
    :ivar different: what of it is missing here, or otherwise.
    """

    def __init__(self):
        self.seen = set()
        self.different = set()

    def note(self, key, same):
        self.seen.add(key)
        if not same:
            self.different.add(key)

    def objects(self, label, theirs, ours, names=()):
        """Compare what two objects have.

        :param names: what theirs has besides, in its instances.
        """
        for name in public(theirs) | set(names):
            key = f'{label}.{name}'
            self.note(key, hasattr(ours, name))
            theirs_has, ours_has = getattr(theirs, name, None), getattr(ours, name, None)
            if ours_has is not None and inspect.isroutine(theirs_has):
                self.functions(key, theirs_has, ours_has)
            elif name == 'reason' and ours_has is not None:
                for reason in public(theirs_has):
                    self.note(f'{key}.{reason}', getattr(theirs_has, reason) == getattr(
                        ours_has, reason, None))

    def functions(self, label, theirs, ours):
        there, here = parameters(theirs), parameters(ours)
        order = by_position(ours)
        for index, name in enumerate(by_position(theirs)):
            same = name in here and here[name].default == there[name].default \
                and order[index:index + 1] == [name]
            self.note(f'{label}({name})', same)
        if takes(theirs, inspect.Parameter.VAR_POSITIONAL):
            self.note(f'{label}(*)', takes(ours, inspect.Parameter.VAR_POSITIONAL))
        if takes(theirs, inspect.Parameter.VAR_KEYWORD):
            rest = takes(ours, inspect.Parameter.VAR_KEYWORD)
            for name in _DOCUMENTED.findall(theirs.__doc__ or ''):
                if name not in there and name not in ('args', 'kwargs'):
                    self.note(f'{label}({name})', name in here or rest)
        for name, default in KEYWORDS.get(label, {}).items():
            self.note(f'{label}({name})', name in here and here[name].default == default)


@pytest.fixture(scope='module')
def comparison():
    compare = Comparison()
    theirs = flask_socketio.SocketIO(Flask('theirs'), async_mode='gevent')
    ours = geventio.SocketIO(Flask('ours'))
    compare.objects('package', flask_socketio, geventio)
    for name in ('namespace', 'test_client'):
        compare.objects(f'package.{name}', module(f'flask_socketio.{name}'),
                        module(f'geventio.{name}'))
    for name in ('SocketIO', 'Namespace', 'SocketIOTestClient'):
        if hasattr(geventio, name):
            compare.functions(name, getattr(flask_socketio, name), getattr(geventio, name))
    compare.objects('SocketIO', theirs, ours)
    spaces = flask_socketio.Namespace('/x'), geventio.Namespace('/x')
    for socketio, space in zip((theirs, ours), spaces, strict=True):
        socketio.on_namespace(space)
    compare.objects('Namespace', *spaces)
    compare.objects('server', theirs.server, ours.server)
    compare.objects('manager', theirs.server.manager, ours.server.manager)
    compare.objects('eio', theirs.server.eio, ours.server.eio)
    socket = engineio.socket.Socket(theirs.server.eio, 'x')
    compare.objects('eio.sockets[]', type(socket), EngineSocket, public(socket))
    apps = Flask('theirs'), Flask('ours')
    clients = flask_socketio.SocketIO(apps[0]).test_client(apps[0]), \
        geventio.SocketIO(apps[1]).test_client(apps[1])
    compare.objects('SocketIOTestClient', *clients)
    return compare


def test_every_difference_is_meant(comparison):
    assert sorted(comparison.different - set(DIFFERENCES)) == []
    assert len(comparison.seen) > 400


def test_every_difference_that_is_meant_is_one(comparison):
    assert sorted(comparison.seen & set(DIFFERENCES) - comparison.different) == []
    if importlib.metadata.version('flask-socketio').startswith(COMPLETE):
        assert sorted(set(DIFFERENCES) - comparison.seen) == []

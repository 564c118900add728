"""Every option of SocketIO with each value it may have, seen by clients, and those it may not."""

from __future__ import annotations

import gzip
import json

import pytest
from flask import Flask

from geventio import ConfigError, SocketIO


def handshake(host, **headers):
    """The open packet, and the headers that came with it."""
    fields = [(name.replace('_', '-'), value) for name, value in headers.items()]
    answer = host.request(headers=fields, EIO='4', transport='polling')
    assert answer.status == 200, answer.body
    return json.loads(answer.body[1:]), answer.headers


@pytest.fixture
def opened(app, host):
    """``opened(**options)``: a server with these options."""
    return lambda **options: host(SocketIO(app, **options).server, app)


@pytest.mark.parametrize(('options', 'expected'), [
    ({}, {'pingInterval': 25000, 'pingTimeout': 20000, 'maxPayload': 1000000,
          'upgrades': ['websocket']}),
    ({'ping_interval': 7}, {'pingInterval': 7000}),
    ({'ping_interval': (7, 3)}, {'pingInterval': 7000}),
    ({'ping_interval': 0.5, 'ping_timeout': 1.5}, {'pingInterval': 500, 'pingTimeout': 1500}),
    ({'max_http_buffer_size': 500}, {'maxPayload': 500}),
    ({'allow_upgrades': False}, {'upgrades': []}),
    ({'transports': ['polling']}, {'upgrades': []}),
    ({'transports': 'polling'}, {'upgrades': []}),
    ({'transports': None}, {'upgrades': ['websocket']}),
])
def test_options_in_the_handshake(opened, options, expected):
    found, _ = handshake(opened(**options))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize('options', [
    {'path': 'mine'}, {'path': '/mine'}, {'path': '/mine/'}, {'resource': 'mine'},
    {'resource': '/mine'},
])
def test_the_path(opened, options):
    host = opened(**options)
    assert host.connection().request('GET', '/mine/?EIO=4&transport=polling').status == 200
    assert host.connection().request('GET', '/socket.io/?EIO=4&transport=polling').status == 404


def test_polling_can_be_left_out(opened):
    host = opened(transports=['websocket'])
    assert host.request(EIO='4', transport='polling').status == 400
    assert host.websocket(EIO='4', transport='websocket').receive()[:1] == '0'


@pytest.mark.parametrize(('cookie', 'expected'), [
    (None, None),
    ('io', 'io={}; Path=/; HttpOnly; SameSite=Lax'),
    ({'name': 'io', 'path': '/app', 'SameSite': 'Strict', 'Secure': True, 'HttpOnly': False},
     'io={}; Path=/app; SameSite=Strict; Secure'),
])
def test_the_cookie(opened, cookie, expected):
    found, headers = handshake(opened(cookie=cookie))
    assert headers.get('set-cookie') == (expected and expected.format(found['sid']))


ORIGIN = 'https://example.com'
ALLOWED = {'access-control-allow-origin': ORIGIN, 'access-control-allow-credentials': 'true'}


@pytest.mark.parametrize(('options', 'expected'), [
    ({}, None),
    ({'cors_allowed_origins': None}, None),
    ({'cors_allowed_origins': 'https://else.com'}, None),
    ({'cors_allowed_origins': lambda origin: False}, None),
    ({'cors_allowed_origins': []}, {}),
    ({'cors_allowed_origins': '*'}, ALLOWED),
    ({'cors_allowed_origins': ['*']}, ALLOWED),
    ({'cors_allowed_origins': ORIGIN}, ALLOWED),
    ({'cors_allowed_origins': ['https://else.com', ORIGIN]}, ALLOWED),
    ({'cors_allowed_origins': lambda origin: origin == ORIGIN}, ALLOWED),
    ({'cors_allowed_origins': lambda origin, environ: 'HTTP_HOST' in environ}, ALLOWED),
    ({'cors_allowed_origins': ORIGIN, 'cors_credentials': False},
     {'access-control-allow-origin': ORIGIN}),
])
def test_other_origins(opened, options, expected):
    answer = opened(**options).request(headers=[('Origin', ORIGIN)], EIO='4', transport='polling')
    assert answer.status == (400 if expected is None else 200)
    found = {name: value for name, value in answer.headers.items()
             if name.startswith('access-control-allow-')}
    assert found == (expected or {})


@pytest.mark.parametrize(('options', 'compressed'), [
    ({}, False), ({'compression_threshold': 10}, True),
    ({'compression_threshold': 10, 'http_compression': False}, False),
])
def test_compression_of_polling(opened, options, compressed):
    answer = opened(**options).request(headers=[('Accept-Encoding', 'gzip')], EIO='4',
                                       transport='polling')
    assert answer.headers.get('content-encoding') == ('gzip' if compressed else None)
    body = gzip.decompress(answer.body) if compressed else answer.body
    assert body.startswith(b'0{"sid":')


def test_the_largest_message(opened):
    websocket = opened(max_http_buffer_size=100).websocket(EIO='4', transport='websocket')
    websocket.send('4' + 'x' * 200)
    _, (code, _) = websocket.receive_until_closed()
    assert code == 1009


@pytest.mark.parametrize(('namespaces', 'refused'), [
    (None, ['/a', '/b']), ('*', []), (['/a'], ['/b']), (['/', '/a', '/b'], []), ('/b', ['/a']),
])
def test_namespaces(opened, namespaces, refused):
    websocket = opened(namespaces=namespaces).websocket(EIO='4', transport='websocket')
    websocket.receive()
    found = []
    for name in ('/', '/a', '/b'):
        websocket.send('40' + ('' if name == '/' else name + ','))
        if websocket.receive().startswith('44'):
            found.append(name)
    assert found == refused


def test_the_msgpack_serializer(app, opened):
    websocket = opened(serializer='msgpack').websocket(EIO='4', transport='websocket')
    websocket.receive()
    websocket.send(b'\x82\xa4type\x00\xa3nsp\xa1/')
    answer = websocket.receive()
    assert isinstance(answer, bytes) and b'sid' in answer
    app.extensions['socketio'].emit('x', 1)
    assert b'\x92\xa1x\x01' in websocket.receive()


@pytest.mark.parametrize('app', [Flask('app'), None])
def test_an_application_may_come_later_or_never(app):
    socketio = SocketIO()
    socketio.init_app(app, ping_interval=7)
    socketio.emit('x', to='nobody')
    assert socketio.server_options == {'ping_interval': 7}
    assert app is None or app.extensions['socketio'] is socketio


@pytest.mark.parametrize(('options', 'sentence'), [
    ({'ping_interval': 'often'}, 'ping_interval'),
    ({'ping_interval': (1, 2, 3)}, 'ping_interval'),
    ({'ping_timeout': 0}, 'ping_timeout'),
    ({'max_http_buffer_size': 1.5}, 'max_http_buffer_size'),
    ({'max_http_buffer_size': 0}, 'max_http_buffer_size'),
    ({'compression_threshold': -1}, 'compression_threshold'),
    ({'allow_upgrades': 'perhaps'}, 'allow_upgrades'),
    ({'http_compression': 'gzip'}, 'http_compression'),
    ({'cors_credentials': 'include'}, 'cors_credentials'),
    ({'async_handlers': 'yes'}, 'async_handlers'),
    ({'manage_session': 'yes'}, 'manage_session'),
    ({'transports': ['carrier pigeon']}, 'transports'),
    ({'transports': []}, 'transports'),
    ({'cookie': 'a name'}, 'cookie'),
    ({'cookie': {'name': 'io', 'colour': 'red'}}, 'cookie.colour'),
    ({'cookie': 5}, 'cookie'),
    ({'cors_allowed_origins': 'example.com'}, 'cors_allowed_origins'),
    ({'cors_allowed_origins': 5}, 'cors_allowed_origins'),
    ({'namespaces': 5}, 'namespaces'),
    ({'namespaces': [5]}, 'namespaces'),
    ({'serializer': 'pickle'}, 'serializer'),
    ({'path': 5}, 'path'),
    ({'path': 'a path?'}, 'path'),
    ({'resource': 5}, 'path|resource'),
    ({'logger': 'stderr'}, 'logger'),
    ({'engineio_logger': 'stderr'}, 'engineio_logger'),
])
def test_wrong_options_are_named(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SocketIO(Flask('app'), **options)

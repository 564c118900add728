"""Options: what they may be, and what a wrong one is answered with."""

from __future__ import annotations

import pytest

from geventio import ConfigError, EngineServer, Server
from geventio.config import Config


def test_defaults():
    config = Config.make({})
    assert (config.ping_interval, config.ping_timeout, config.connect_timeout) == (25, 20, 45)
    assert config.max_http_buffer_size == 1_000_000
    assert config.transports == ('polling', 'websocket')
    assert config.engine_path == '/socket.io/'
    assert not config.per_message_deflate
    assert config.cookie is None


@pytest.mark.parametrize(('options', 'name', 'value'), [
    ({'path': '/chat/io/'}, 'engine_path', '/chat/io/'),
    ({'path': ''}, 'engine_path', '/'),
    ({'ping_interval': (10, 5)}, 'ping_grace', 5.0),
    ({'transports': 'websocket'}, 'transports', ('websocket',)),
    ({'transports': None}, 'transports', ('polling', 'websocket')),
    ({'dialects': 'sse'}, 'dialects', ('sse',)),
    ({'dialects': 'all'}, 'dialects',
     ('eio4', 'eio3', 'sio09', 'sio06', 'sockjs', 'websocket', 'sse')),
    ({'sockjs_path': '/echo/'}, 'sockjs_path', 'echo'),
    ({'sse_rooms': 'news'}, 'sse_rooms', ('news',)),
    ({'disconnect_delay': None}, 'disconnect_delay', None),
    ({'flash_policy_port': None}, 'flash_policy_port', None),
    ({'cors_allowed_origins': ['https://a', '*']}, 'cors_allowed_origins', '*'),
    ({'cors_allowed_origins': []}, 'cors_allowed_origins', ()),
    ({'namespaces': '*'}, 'namespaces', ('*',)),
    ({'max_connections': None}, 'max_connections', None),
    ({'cookie': {'name': 'io', 'path': '/x', 'httponly': False, 'samesite': 'Strict',
                 'max-age': 60}}, 'cookie', 'io={}; Path=/x; SameSite=Strict; Max-Age=60'),
    ({'cookie': {'name': 'io', 'path': None, 'secure': True}}, 'cookie',
     'io={}; HttpOnly; SameSite=Lax; Secure'),
])
def test_values(options, name, value):
    assert getattr(Config.make(options), name) == value


@pytest.mark.parametrize(('name', 'nearest'), [
    ('ping_intervall', 'ping_interval'),
    ('max_http_bufer_size', 'max_http_buffer_size'),
    ('cors_allowed_origin', 'cors_allowed_origins'),
    ('transport', 'transports'),
])
@pytest.mark.parametrize('make', [EngineServer, Server])
def test_a_misspelt_option_names_the_nearest(make, name, nearest):
    with pytest.raises(ConfigError, match=f"unknown option '{name}'; did you mean '{nearest}'"):
        make(**{name: 1})


def test_an_option_like_no_other():
    with pytest.raises(ConfigError, match="^unknown option 'zzz'$"):
        Config.make({'zzz': 1})


@pytest.mark.parametrize(('options', 'sentence'), [
    ({'ping_interval': 0}, 'ping_interval must be a number of seconds above 0, not 0'),
    ({'ping_interval': '25'}, "ping_interval must be a number of seconds above 0, not '25'"),
    ({'ping_interval': (1, 2, 3)}, 'a number or'),
    ({'ping_timeout': float('inf')}, 'above 0'),
    ({'ping_timeout': float('nan')}, 'above 0'),
    ({'connect_timeout': True}, 'above 0'),
    ({'max_http_buffer_size': -1}, 'whole number of 0 or more'),
    ({'max_http_buffer_size': 1.5}, 'whole number'),
    ({'max_http_buffer_size': 0}, 'more than 0'),
    ({'max_connections': 0}, 'more than 0'),
    ({'path': 'a b'}, 'plain URL path'),
    ({'path': None}, 'must be a string'),
    ({'transports': ['websockets']}, "did you mean 'websocket'"),
    ({'transports': []}, 'at least one'),
    ({'cors_allowed_origins': 'example.com'}, "'https://example.com'"),
    ({'cors_allowed_origins': ['https://example.com/path']}, 'no path'),
    ({'cookie': 'a b'}, 'cookie name'),
    ({'cookie': {'path': '/'}}, 'cookie name'),
    ({'cookie': {'name': 'io', 'path': '/; Domain=evil'}}, 'cookie path'),
    ({'cookie': {'name': 'io', 'domain': 'a\r\nb'}}, 'cookie domain'),
    ({'cookie': {'name': 'io', 'path': '/{}'}}, 'cookie path'),
    ({'cookie': {'name': 'io', 'samsite': 'Lax'}}, "did you mean 'cookie.samesite'"),
    ({'serializer': 'json'}, "'default' or 'msgpack'"),
    ({'dialects': ['eio5']}, "unknown dialect 'eio5'; did you mean 'eio4'"),
    ({'dialects': []}, 'at least one'),
    ({'dialects': None}, 'dialects must be a name or a list of them'),
    ({'dialects': 'all', 'serializer': 'msgpack'}, 'carries JSON text'),
    ({'dialects': 'all', 'sockjs_path': 'ws'}, "websocket_path is 'ws', which is sockjs_path"),
    ({'dialects': 'websocket', 'websocket_path': 'socket.io'}, 'which is path already'),
    ({'dialects': 'sse', 'sse_path': '/'}, 'sse_path must not be empty'),
    ({'sse_path': 'a b'}, 'sse_path must be a plain URL path'),
    ({'sse_rooms': [1]}, 'sse_rooms must be names, and 1 is none'),
    ({'sse_rooms': None}, 'sse_rooms must be a name or a list'),
    ({'sockjs_client_url': 'sockjs.js'}, 'begins with / or http'),
    ({'response_limit': 0}, 'more than 0'),
    ({'sse_replay_size': 0}, 'more than 0'),
    ({'flash_policy_port': 'x'}, 'whole number'),
    ({'polling_duration': 0}, 'above 0'),
    ({'disconnect_delay': 0}, 'above 0'),
])
def test_values_that_cannot_be(options, sentence):
    with pytest.raises(ConfigError) as caught:
        Config.make(options)
    assert sentence in str(caught.value)

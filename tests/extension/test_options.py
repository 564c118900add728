"""The options of SocketIO: which are known, which mean nothing here, which are refused."""

from __future__ import annotations

import logging

import flask
import pytest
from flask import Flask

from geventio import ConfigError, SocketIO
from geventio.extension.options import server_options


@pytest.fixture(autouse=True)
def logger():
    """The project's logger, as it was before."""
    logger = logging.getLogger('geventio')
    before = logger.level, logger.parent, list(logger.handlers)
    yield logger
    logger.setLevel(before[0])
    logger.parent = before[1]
    logger.handlers[:] = before[2]


@pytest.mark.parametrize(('misspelt', 'nearest'), [
    ('manage_sesion', 'manage_session'),
    ('cors_allowed_origin', 'cors_allowed_origins'),
    ('ping_intervall', 'ping_interval'),
    ('message_queues', 'message_queue'),
    ('async_handler', 'async_handlers'),
])
def test_a_misspelt_option_is_told_its_name(misspelt, nearest):
    sentence = f"unknown option '{misspelt}'; did you mean '{nearest}'?"
    for make in (lambda: SocketIO(Flask('app'), **{misspelt: 1}),
                 lambda: SocketIO(**{misspelt: 1}),
                 lambda: SocketIO().init_app(Flask('app'), **{misspelt: 1})):
        with pytest.raises(ConfigError) as raised:
            make()
        assert str(raised.value) == sentence


def test_an_option_like_no_other():
    with pytest.raises(ConfigError, match="unknown option 'xyzzy'$"):
        SocketIO(xyzzy=1)


@pytest.mark.parametrize(('options', 'sentence'), [
    ({'async_mode': 'eventlet'}, "async_mode is 'eventlet', but geventio always runs on gevent"),
    ({'async_mode': 'threading'}, 'leave the option out'),
    ({'message_queue': 'redis://'}, 'message_queue is not supported'),
    ({'client_manager': object()}, 'client_manager is not supported'),
    ({'always_connect': True}, 'nothing is delivered to a client before its connect handler'),
    ({'monitor_clients': False}, 'heartbeats are part of the protocol'),
    ({'json': object()}, 'json must have the functions dumps and loads'),
    ({'ping_interval': -1}, 'ping_interval must be a number of seconds above 0'),
])
def test_refused_options_say_why(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SocketIO(Flask('app'), **options)


def test_options_that_ask_for_what_there_is_anyway():
    options = {'async_mode': 'gevent', 'message_queue': None, 'channel': 'x',
               'client_manager': None, 'always_connect': False, 'monitor_clients': True,
               'json': flask.json, 'logger': False, 'engineio_logger': False,
               'manage_session': False}
    assert server_options(options) == {}
    assert SocketIO(Flask('app'), **options).manage_session is False


def test_the_path_has_two_names():
    assert SocketIO(Flask('app'), resource='/one').server.config.path == 'one'
    assert SocketIO(Flask('app'), path='/two/').server.config.path == 'two'
    assert SocketIO(Flask('app')).server.config.path == 'socket.io'


def test_a_mistake_is_found_where_it_is_made_and_not_at_init_app():
    with pytest.raises(ConfigError):
        SocketIO(async_mode='threading')


def test_logger_true_logs_to_stderr(logger):
    logger.propagate, before = False, logger.propagate
    try:
        SocketIO(logger=True)
        SocketIO(engineio_logger=True)
    finally:
        logger.propagate = before
    assert logger.level == logging.INFO and len(logger.handlers) == 1
    assert isinstance(logger.handlers[0], logging.StreamHandler)


def test_a_logger_takes_the_records(logger):
    class Keeping(logging.Handler):
        def emit(self, record):
            kept.append(record.getMessage())

    kept = []
    mine = logging.Logger('mine', logging.DEBUG)
    mine.addHandler(Keeping())
    SocketIO(logger=mine)
    logger.debug('a detail')
    assert kept == ['a detail']


# -- from the application's configuration ---------------------------------------------------------


def test_options_may_stand_in_the_configuration(app):
    app.config.update(SOCKETIO_PING_INTERVAL=7, SOCKETIO_MANAGE_SESSION=False,
                      SOCKETIO_PATH='from-config', SOCKETIO_MAX_HTTP_BUFFER_SIZE=5)
    socketio = SocketIO(app, path='given')
    config = socketio.server.config
    assert (config.ping_interval, config.path, config.max_http_buffer_size) == (7, 'given', 5)
    assert socketio.manage_session is False
    assert socketio.server_options == {'path': 'given'}
    socketio.init_app(Flask('another'))
    assert socketio.server.config.ping_interval == 25 and socketio.manage_session is True


@pytest.mark.parametrize(('key', 'nearest'), [
    ('SOCKETIO_PING_INTERVALL', 'SOCKETIO_PING_INTERVAL'),
    ('SOCKETIO_NAMESPACE', 'SOCKETIO_NAMESPACES'),
])
def test_a_key_that_is_nearly_one_is_worth_a_warning(app, caplog, key, nearest):
    app.config[key] = '/mine'
    SocketIO(app)
    record, = caplog.records
    assert record.levelname == 'WARNING'
    assert key + ' in the configuration' in record.getMessage()
    assert f'did you mean {nearest}?' in record.getMessage()


def test_resource_in_the_code_counts_more_than_path_in_the_configuration(app):
    app.config['SOCKETIO_PATH'] = 'from-config'
    assert SocketIO(app, resource='given').server.config.path == 'given'


@pytest.mark.parametrize(('value', 'size'), [(1e8, 100_000_000), (5, 5)])
def test_sizes_may_be_written_as_powers_of_ten(app, value, size):
    config = SocketIO(app, max_http_buffer_size=value).server.config
    assert config.max_http_buffer_size == size and type(config.max_http_buffer_size) is int
    with pytest.raises(ConfigError, match='max_http_buffer_size must be a whole number'):
        SocketIO(max_http_buffer_size=0.5).init_app(None)


def test_keys_of_others_are_left_alone(app):
    app.config.update(SOCKETIO_URL='https://example.com', SOCKETIO_ENABLED=True,
                      socketio_path='no', SOCKETIOPATH='no')
    assert SocketIO(app).server.config.path == 'socket.io'


@pytest.mark.parametrize(('key', 'value', 'message'), [
    ('SOCKETIO_PING_TIMEOUT', 'soon', 'ping_timeout must be a number of seconds'),
    ('SOCKETIO_MESSAGE_QUEUE', 'redis://', 'message_queue is not supported'),
])
def test_a_wrong_value_in_the_configuration(app, key, value, message):
    app.config[key] = value
    with pytest.raises(ConfigError, match=message) as error:
        SocketIO(app)
    assert str(error.value).startswith(key)
    if key == 'SOCKETIO_PING_TIMEOUT':  # a value that does not count does not matter
        assert SocketIO(app, ping_timeout=3).server.config.ping_timeout == 3


def test_no_application_at_all():
    socketio = SocketIO()
    with pytest.raises(RuntimeError, match='call init_app first'):
        socketio.emit('e')
    socketio.init_app(None, path='x')
    socketio.emit('nobody hears', {'a': 1}, to='room')
    assert socketio.server.config.path == 'x' and socketio.app is None
    with pytest.raises(TypeError):
        socketio.emit('e', object())

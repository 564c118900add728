"""The options of SocketIO: which are its own, which are the server's, which mean nothing here.

Those that Flask-SocketIO has and geventio has no use for are judged here: what asks for the
behaviour there is anyway passes, anything else is refused with a sentence.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType
from typing import Any

import flask

from ..config import Config, unknown_option
from ..errors import ConfigError

log = logging.getLogger('geventio')

#: Options that the server under the extension does not know.
OWN = frozenset(('manage_session', 'message_queue', 'channel', 'resource', 'client_manager',
                 'logger', 'engineio_logger', 'json', 'always_connect', 'async_mode',
                 'monitor_clients'))

#: What the options are called in ``app.config``: this, and the name in capitals.
PREFIX = 'SOCKETIO_'

#: Options that are whole numbers.
_WHOLE = frozenset(field.name for field in fields(Config) if str(field.type).startswith('int'))

_KNOWN = (OWN | {field.name for field in fields(Config)}) - {'ping_grace'}


def server_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options for the server, after a look at the others.

    :raises ConfigError: an unknown option, naming the nearest, or one that is not supported.
    """
    for name in options:
        if name not in _KNOWN:
            raise unknown_option(name, _KNOWN)
    _judge(options)
    for name in ('logger', 'engineio_logger'):
        _set_logger(name, options.get(name))
    ours = {name: _whole(value) if name in _WHOLE else value
            for name, value in options.items() if name not in OWN}
    if options.get('json') not in (None, flask.json):
        ours['json'] = options['json']
    if options.get('resource') is not None:
        ours.setdefault('path', options['resource'])
    return ours


def with_config(options: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The options, and those of an application's configuration that they do not name.

    Another key that begins with SOCKETIO_ is somebody else's, as far as one can tell: one that is
    nearly one of ours is worth a warning.

    :raises ConfigError: naming the key whose value cannot be.
    """
    found = {}
    given = {*options, 'path'} if options.get('resource') is not None else set(options)
    for key in config:
        name = key[len(PREFIX):].lower()
        if not key.startswith(PREFIX) or not key.isupper():
            continue
        if name in _KNOWN and name not in given:
            found[name] = config[key]
            _check(key, name, config[key])
        elif name not in _KNOWN and (near := difflib.get_close_matches(name, _KNOWN, 1, 0.8)):
            log.warning('%s in the configuration of the application is no option and has no '
                        'effect here; did you mean %s?', key, PREFIX + near[0].upper())
    return {**found, **options}


def _check(key: str, name: str, value: Any) -> None:
    try:
        ours = server_options({name: value})
        ours.pop('json', None)
        Config.make(ours)
    except ConfigError as error:
        raise ConfigError(f'{key} in the configuration of the application: {error}') from None


def _whole(value: Any) -> Any:
    """Sizes are often written as ``1e8``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _judge(options: dict[str, Any]) -> None:
    mode = options.get('async_mode')
    if mode not in (None, 'gevent'):
        raise ConfigError(f"async_mode is {mode!r}, but geventio always runs on gevent: leave the "
                          "option out, or write 'gevent'")
    if not isinstance(options.get('manage_session', True), bool):
        raise ConfigError('manage_session must be True or False, not '
                          f'{options["manage_session"]!r}')
    for name in ('message_queue', 'client_manager'):
        if options.get(name) is not None:
            raise ConfigError(f'{name} is not supported: geventio serves from one process')
    if options.get('always_connect'):
        raise ConfigError('always_connect is not supported: nothing is delivered to a client '
                          'before its connect handler has accepted it')
    if options.get('monitor_clients') is False:
        raise ConfigError('monitor_clients=False is not supported: heartbeats are part of the '
                          'protocol')


def _set_logger(name: str, wanted: Any) -> None:
    if not isinstance(wanted, (logging.Logger, bool, NoneType)):
        raise ConfigError(f'{name} must be True, False or a logging.Logger, not {wanted!r}')
    if isinstance(wanted, logging.Logger):
        log.parent = wanted
        log.setLevel(wanted.level)
    elif wanted:
        log.setLevel(logging.INFO)
        if not log.hasHandlers():
            log.addHandler(logging.StreamHandler())

"""geventio: a realtime server and extension for Flask, on gevent. Public names, nothing else.

A name is imported when it is first asked for: pytest and the ``flask`` command load a module of
this package in every run, which must not bring in gevent before a program has patched anything.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        ConfigError,
        ConnectionRefusedError,
        GeventioError,
        NotConnectedError,
        TimeoutError,
        UnsupportedError,
    )
    from .extension.blueprint import EventBlueprint
    from .extension.extension import SocketIO
    from .extension.testing.client import SocketIOTestClient
    from .extension.verbs import (
        call,
        close_room,
        disconnect,
        emit,
        join_room,
        leave_room,
        room_members,
        rooms,
        send,
        start_client_task,
    )
    from .extension.views import Namespace
    from .serving.engine_server import EngineServer
    from .serving.handler import WebSocketHandler
    from .serving.server import Server

__all__ = [
    'ConfigError',
    'ConnectionRefusedError',
    'EngineServer',
    'EventBlueprint',
    'GeventioError',
    'Namespace',
    'NotConnectedError',
    'Server',
    'SocketIO',
    'SocketIOTestClient',
    'TimeoutError',
    'UnsupportedError',
    'WebSocketHandler',
    'call',
    'close_room',
    'disconnect',
    'emit',
    'join_room',
    'leave_room',
    'room_members',
    'rooms',
    'send',
    'start_client_task',
]

_ERRORS = ('ConfigError', 'ConnectionRefusedError', 'GeventioError', 'NotConnectedError',
           'TimeoutError', 'UnsupportedError')
_VERBS = ('call', 'close_room', 'disconnect', 'emit', 'join_room', 'leave_room', 'room_members',
          'rooms', 'send', 'start_client_task')
_HOMES = {
    **dict.fromkeys(_ERRORS, 'errors'),
    **dict.fromkeys(_VERBS, 'extension.verbs'),
    'EngineServer': 'serving.engine_server',
    'EventBlueprint': 'extension.blueprint',
    'Namespace': 'extension.views',
    'Server': 'serving.server',
    'SocketIO': 'extension.extension',
    'SocketIOTestClient': 'extension.testing.client',
    'WebSocketHandler': 'serving.handler',
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = globals()[name] = getattr(import_module(f'.{home}', __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

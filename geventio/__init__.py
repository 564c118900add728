"""geventio: a realtime server and extension for Flask, on gevent. Public names, nothing else."""

from .errors import (
    ConfigError,
    ConnectionRefusedError,
    GeventioError,
    NotConnectedError,
    TimeoutError,
)
from .extension.extension import SocketIO
from .extension.verbs import (
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)
from .extension.views import Namespace
from .serving.engine_server import EngineServer
from .serving.handler import WebSocketHandler
from .serving.server import Server

__all__ = [
    'ConfigError',
    'ConnectionRefusedError',
    'EngineServer',
    'GeventioError',
    'Namespace',
    'NotConnectedError',
    'Server',
    'SocketIO',
    'TimeoutError',
    'WebSocketHandler',
    'call',
    'close_room',
    'disconnect',
    'emit',
    'join_room',
    'leave_room',
    'rooms',
    'send',
]

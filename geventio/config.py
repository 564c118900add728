"""Every option of geventio, once: its name, its default, what it means and what it may be.

Options are validated when the server object is made, so that a mistake is an error on the line
that contains it and not a strange refusal at run time. Nothing here acts on an option.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from .errors import ConfigError

TRANSPORTS = ('polling', 'websocket')
#: Protocol generations, each of them a door of its own; see the option ``dialects``.
DIALECTS = ('eio4', 'eio3', 'sio09', 'sio06', 'sockjs', 'websocket', 'sse')

# Cookie parts end up in a header: RFC 6265 section 4.1.1, and no way to inject an attribute.
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_COOKIE_PART = re.compile(r'[\x21-\x2b\x2d-\x3a\x3c-\x7e]+\Z')
_COOKIE_KEYS = {'name', 'path', 'domain', 'httponly', 'secure', 'samesite', 'max-age'}


@dataclass(frozen=True)
class Config:
    """The options of a server. Times are seconds, fractions allowed; sizes are bytes.

    :param path: URL path of the server, without the slashes around it.
    :param transports: names of the transports allowed; None means polling and websocket.
    :param allow_upgrades: whether a polling client may move to WebSocket.
    :param dialects: which protocol generations are served, or ``'all'``: ``'eio4'`` (Socket.IO 3
        and 4), ``'eio3'`` (Socket.IO 1 and 2), ``'sio09'`` (Socket.IO 0.7 to 0.9), ``'sio06'``
        (Socket.IO 0.6 and dojox.socket), ``'sockjs'`` (SockJS, below ``sockjs_path``),
        ``'websocket'`` (plain WebSocket, at ``websocket_path``) and ``'sse'`` (Server-Sent
        Events, at ``sse_path``).
    :param sockjs_path: URL path below which SockJS clients are served.
    :param sockjs_client_url: where the page of SockJS's iframe transports gets the client from.
    :param websocket_path: URL path of the plain WebSocket.
    :param sse_path: URL path of the event streams.
    :param sse_rooms: rooms that an event stream may ask for by ``?room=``.
    :param sse_replay_size: bytes of events kept for each event stream, so that a client that
        comes back gets what it missed.
    :param flash_policy_port: a further port that answers Flash clients' question for a policy;
        None opens none. On the server's own port it is answered where ``sio06`` or ``sio09`` is
        on.
    :param polling_duration: how long a poll of a dialect before Engine.IO is held without news.
    :param disconnect_delay: how long a session of such a dialect lives between two of its HTTP
        requests; None means what the dialect's own servers did: 8 s (0.6), 60 s (0.9), 5 s
        (SockJS), 30 s (event streams).
    :param response_limit: bytes after which a streaming response of SockJS ends, so that the
        browser can forget it; the client asks for the next one.
    :param ping_interval: time between two heartbeats; a tuple ``(interval, grace)`` adds grace
        to the time the server waits for the answer.
    :param ping_timeout: how long an answer to a heartbeat may take.
    :param connect_timeout: a client that has joined no namespace by then is closed.
    :param upgrade_timeout: a transport upgrade that is not finished by then is given up.
    :param close_timeout: how long a closing polling session waits for its last GET.
    :param max_http_buffer_size: largest message or POST body accepted from a client.
    :param max_attachments: most binary attachments of one packet.
    :param max_namespaces: most namespaces one client may join.
    :param max_handlers: handlers of one client that run at a time; its further events wait.
    :param max_waiting_size: bytes of events that may wait so; a client over it is closed with
        ``too many events``.
    :param max_outbox_size: bytes that may wait for one client that does not read, behind the
        message being sent; a client over it is closed with ``slow client``.
    :param max_connections: most sessions at a time; further handshakes are answered 503.
        None means no limit.
    :param http_compression: whether polling answers may be compressed.
    :param compression_threshold: smallest polling answer or WebSocket message to compress.
    :param per_message_deflate: whether WebSocket messages are compressed (RFC 7692).
    :param cookie: name of a cookie that carries the session id, or a dict with ``name`` and
        attributes (``path``, ``domain``, ``httponly``, ``secure``, ``samesite``, ``max-age``);
        None sends no cookie.
    :param cors_allowed_origins: None allows the server's own origin, ``'*'`` every origin, a
        string or list these origins, a callable ``f(origin)`` or ``f(origin, environ)``
        decides, ``[]`` switches the check off without sending CORS headers.
    :param cors_credentials: whether browsers may send cookies with cross-origin requests.
    :param serializer: ``'default'`` (JSON) or ``'msgpack'``.
    :param namespaces: names accepted besides those with handlers; ``'*'`` accepts every one.
    :param environ_middleware: classes of WSGI middleware around the application that do nothing
        but rewrite the environ, without blocking: what else stands there makes every request go
        through WSGI, so that it sees them all. Subclasses are not meant. ProxyFix is known.
    :param async_handlers: False runs the handlers of one client strictly one after another.
    """

    path: str = 'socket.io'
    transports: tuple[str, ...] = TRANSPORTS
    allow_upgrades: bool = True
    dialects: tuple[str, ...] = ('eio4', 'eio3')
    sockjs_path: str = 'sockjs'
    sockjs_client_url: str = 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js'
    websocket_path: str = 'ws'
    sse_path: str = 'events'
    sse_rooms: tuple[str, ...] = ()
    sse_replay_size: int = 100_000
    flash_policy_port: int | None = None
    polling_duration: float = 20.0
    disconnect_delay: float | None = None
    response_limit: int = 131_072
    ping_interval: float = 25.0
    ping_grace: float = 0.0
    ping_timeout: float = 20.0
    connect_timeout: float = 45.0
    upgrade_timeout: float = 10.0
    close_timeout: float = 30.0
    max_http_buffer_size: int = 1_000_000
    max_attachments: int = 10
    max_namespaces: int = 100
    max_handlers: int = 100
    max_waiting_size: int = 4_000_000
    max_outbox_size: int = 16_000_000
    max_connections: int | None = None
    http_compression: bool = True
    compression_threshold: int = 1024
    per_message_deflate: bool = False
    cookie: str | None = None
    cors_allowed_origins: str | tuple[str, ...] | Callable[..., bool] | None = None
    cors_credentials: bool = True
    serializer: str = 'default'
    namespaces: tuple[str, ...] = ()
    environ_middleware: tuple[type, ...] = ()
    async_handlers: bool = True

    @classmethod
    def make(cls, options: dict[str, Any], *, known: Iterable[str] = ()) -> Config:
        """Build a Config from keyword options.

        :param known: further names the caller deals with itself; they take part in the
            search for the nearest name.
        :raises ConfigError: an unknown name (naming the nearest one) or a value that cannot be.
        """
        names = {f.name for f in fields(cls)} - {'ping_grace'}
        for name in options:
            if name not in names:
                raise unknown_option(name, names | set(known))
        config = cls(**_checked(options))
        _check_dialects(config)
        return config

    @property
    def engine_path(self) -> str:
        """The URL path with its slashes: ``/socket.io/``."""
        return f'/{self.path}/' if self.path else '/'


#: Dialects whose clients are carried by Engine.IO.
ENGINE_DIALECTS = ('eio4', 'eio3')

#: Options for the paths of further dialects.
_PATHS = {'sockjs': 'sockjs_path', 'websocket': 'websocket_path', 'sse': 'sse_path'}


def _check_dialects(config: Config) -> None:
    """Whether the dialects go together with each other and with the serializer."""
    older = [name for name in config.dialects if name not in ENGINE_DIALECTS]
    if older and config.serializer != 'default':
        raise ConfigError(f'dialects: {older[0]!r} carries JSON text; it cannot be served with '
                          f'serializer={config.serializer!r}')
    taken = {config.path: 'path'}
    for dialect, option in _PATHS.items():
        if dialect not in older:
            continue
        path = getattr(config, option)
        if not path:
            raise ConfigError(f'{option} must not be empty')
        if path in taken:
            raise ConfigError(f'{option} is {path!r}, which is {taken[path]} already')
        taken[path] = option


def unknown_option(name: str, known: Iterable[str]) -> ConfigError:
    """The error for an option nobody knows; names the nearest one there is."""
    near = difflib.get_close_matches(name, sorted(known), 1, 0.6)
    hint = f'; did you mean {near[0]!r}?' if near else ''
    return ConfigError(f'unknown option {name!r}{hint}')


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    out = dict(options)
    for name in ('ping_interval', 'ping_timeout', 'connect_timeout', 'upgrade_timeout',
                 'close_timeout', 'polling_duration', 'disconnect_delay'):
        if name in out:
            value = out[name]
            if value is None and name == 'disconnect_delay':
                continue
            if name == 'ping_interval' and isinstance(value, (tuple, list)):
                if len(value) != 2:
                    raise ConfigError('ping_interval takes a number or (interval, grace)')
                out['ping_grace'] = _positive(name, value[1], zero=True)
                value = value[0]
            out[name] = _positive(name, value)
    for name in ('max_http_buffer_size', 'max_attachments', 'max_namespaces',
                 'max_handlers', 'max_waiting_size',
                 'max_outbox_size', 'compression_threshold', 'max_connections',
                 'response_limit', 'sse_replay_size', 'flash_policy_port'):
        value = out.get(name)
        if value is None and name in ('max_connections', 'flash_policy_port'):
            continue
        if name in out:
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ConfigError(f'{name} must be a whole number of 0 or more, not {value!r}')
            if value == 0 and name not in ('max_attachments', 'compression_threshold'):
                raise ConfigError(f'{name} must be more than 0')
    for name in ('allow_upgrades', 'http_compression', 'per_message_deflate',
                 'cors_credentials', 'async_handlers'):
        if name in out and not isinstance(out[name], bool):
            raise ConfigError(f'{name} must be True or False, not {out[name]!r}')
    for name in ('path', 'sockjs_path', 'websocket_path', 'sse_path'):
        if name in out:
            out[name] = _path(name, out[name])
    if 'transports' in out:
        out['transports'] = _names('transports', TRANSPORTS if out['transports'] is None
                                   else out['transports'], TRANSPORTS)
    if 'dialects' in out:
        wanted = DIALECTS if out['dialects'] == 'all' else out['dialects']
        out['dialects'] = _names('dialects', wanted, DIALECTS)
    if 'cookie' in out:
        out['cookie'] = _cookie(out['cookie'])
    if 'cors_allowed_origins' in out:
        out['cors_allowed_origins'] = _origins(out['cors_allowed_origins'])
    if 'namespaces' in out:
        value = out['namespaces']
        names = () if value is None else (value,) if isinstance(value, str) \
            else _listed('namespaces', value)
        for name in names:
            if not isinstance(name, str):
                raise ConfigError(f'namespaces must be names, and {name!r} is none')
        out['namespaces'] = names
    if 'sse_rooms' in out:
        value = out['sse_rooms']
        out['sse_rooms'] = rooms = (value,) if isinstance(value, str) else _listed(
            'sse_rooms', value)
        for room in rooms:
            if not isinstance(room, str):
                raise ConfigError(f'sse_rooms must be names, and {room!r} is none')
    if 'sockjs_client_url' in out:
        value = out['sockjs_client_url']
        if not isinstance(value, str) or not value.startswith(('/', 'http://', 'https://')):
            raise ConfigError('sockjs_client_url must be a URL that begins with / or http, not '
                              f'{value!r}')
    if 'environ_middleware' in out:
        out['environ_middleware'] = _middleware(out['environ_middleware'])
    if out.get('serializer', 'default') not in ('default', 'msgpack'):
        raise ConfigError(f"serializer must be 'default' or 'msgpack', not {out['serializer']!r}")
    return out


def _positive(name: str, value: Any, zero: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) \
            or not (value > 0 or zero and value == 0) or value == float('inf'):
        raise ConfigError(f'{name} must be a number of seconds above 0, not {value!r}')
    return float(value)


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise ConfigError(f'{name} must be a name or a list of them, not {value!r}')
    return tuple(value)


def _path(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f'{name} must be a string, not {value!r}')
    path = value.strip('/')
    if not re.fullmatch(r'[A-Za-z0-9._~!$&\'()*+,;=:@/-]*', path):
        raise ConfigError(f'{name} must be a plain URL path, not {value!r}')
    return path


def _names(option: str, value: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """One or more of the names an option knows."""
    names = (value,) if isinstance(value, str) else _listed(option, value)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise ConfigError(f'{option}: unknown {option[:-1]} {name!r}{hint}')
    if not names:
        raise ConfigError(f'{option} must name at least one of ' + ', '.join(known))
    return names


def _middleware(value: Any) -> tuple[type, ...]:
    classes = () if value is None else (value,) if callable(value) \
        else _listed('environ_middleware', value)
    for cls in classes:
        if not isinstance(cls, type) or not any('__call__' in vars(base) for base in cls.__mro__):
            raise ConfigError(f'environ_middleware: {cls!r} is no class of WSGI middleware; name '
                              'the class itself, and write a function as a class that keeps the '
                              'application in self.app')
    return classes


def _origins(value: Any) -> Any:
    if value is None or value == '*' or callable(value):
        return value
    origins = (value,) if isinstance(value, str) else _listed('cors_allowed_origins', value)
    if '*' in origins:
        return '*'
    for origin in origins:
        if not isinstance(origin, str) or not re.match(r'[a-z][a-z0-9+.-]*://[^/]+\Z', origin):
            raise ConfigError(
                f'cors_allowed_origins: {origin!r} is not an origin such as '
                "'https://example.com' (scheme and host, no path)")
    return origins


def _cookie(value: Any) -> str | None:
    """The cookie as a template: ``'io={};Path=/;...'``."""
    if value is None or value is False:
        return None
    if not isinstance(value, (str, dict)):
        raise ConfigError(f"cookie must be a name or a dict with 'name', not {value!r}")
    given = {'name': value} if isinstance(value, str) else value
    parts = {'path': '/', 'httponly': True, 'samesite': 'Lax',
             **{k.lower(): v for k, v in given.items()}}
    for key in parts:
        if key not in _COOKIE_KEYS:
            raise unknown_option(f'cookie.{key}', (f'cookie.{k}' for k in _COOKIE_KEYS))
    name = parts.pop('name', None)
    if not isinstance(name, str) or not _COOKIE_NAME.match(name):
        raise ConfigError(f'cookie name {name!r} has characters a cookie name cannot have')
    text = name + '={}'
    spelled = {'path': 'Path', 'domain': 'Domain', 'httponly': 'HttpOnly', 'secure': 'Secure',
               'samesite': 'SameSite', 'max-age': 'Max-Age'}
    for key, part in parts.items():
        if part is True:
            text += f'; {spelled[key]}'
        elif part is not False and part is not None:
            if not _COOKIE_PART.match(str(part)) or '{' in str(part):
                raise ConfigError(f'cookie {key} {part!r} has characters a cookie cannot have')
            text += f'; {spelled[key]}={part}'
    return text

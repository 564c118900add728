"""The geventio server of the client's tests: `python -m tests.browser.client.app PORT KIND`.

`peer.js` is the same application on the official server; both only carry and describe what they
are given.
"""
from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

from flask import Flask, request

from geventio import ConnectionRefusedError, SocketIO, disconnect, emit

#: Options of the kinds of server there are.
KINDS: dict[str, dict[str, Any]] = {
    'plain': {'cors_allowed_origins': '*'},
    # a page of another origin reaches it by what needs no leave: scripts, forms, WebSockets
    'bare': {'cors_allowed_origins': []},
    'quick': {'cors_allowed_origins': '*', 'ping_interval': 0.3, 'ping_timeout': 0.7},
}
NAMESPACES = ('/', '/one', '/two', '/private')
TEXTS = (
    '</script><img src=x onerror="window.hacked = true"><!--', '<script>hacked = true</script>',
    '\u2028 and \u2029', '\\n \n \r\n \t \\\\ \\" \x00\x1e\x7f\x85', "'\"&lt;%20+",
    'é€日本語😀', '\ufeff', '___eio[0]("x");',
)


def create_app(kind: str) -> tuple[Flask, SocketIO]:
    """The application with its handlers in every namespace."""
    app = Flask(__name__)
    socketio = SocketIO(app, max_http_buffer_size=5_000_000, **KINDS[kind])
    auths: dict[str, Any] = {}  # by sid
    reasons: dict[str, str] = {}
    numbers: defaultdict[str, list[Any]] = defaultdict(list)
    tries: defaultdict[str, int] = defaultdict(int)

    @socketio.on('connect', namespace='/private')
    def enter(auth: Any = None) -> None:
        if not isinstance(auth, dict) or auth.get('token') != 'right':
            raise ConnectionRefusedError('wrong token', {'hint': 'right', 'n': [1, 2]})
        remember(auth)

    def remember(auth: Any = None) -> None:
        auths[request.sid] = auth

    def register(namespace: str) -> None:
        def on(event: str) -> Any:
            return socketio.on(event, namespace=namespace)

        if namespace != '/private':
            on('connect')(remember)

        @on('disconnect')
        def left(reason: str) -> None:
            reasons[request.sid] = reason

        @on('reason of')
        def reason_of(sid: str) -> str | None:
            return reasons.get(sid)

        @on('handshake')
        def handshake() -> dict[str, Any]:
            return {
                'auth': auths[request.sid],
                'namespace': request.namespace,
                'token': request.args.get('token'),
                'header': request.headers.get('X-Token'),
                'cookie': request.cookies.get('flavour'),
            }

        @on('echo')
        def echo(*args: Any) -> Any:
            return args

        @on('reflect')
        def reflect(*args: Any) -> None:
            emit('reflected', args)

        @on('message')
        def message(*args: Any) -> None:
            emit('message', args)

        @on('ask')
        def ask(*args: Any) -> None:
            emit('question', args, callback=lambda *answer: emit('answered', answer))

        @on('texts')
        def texts() -> Any:
            emit('texts', TEXTS)
            return TEXTS

        @on('number')
        def number(key: str, value: Any) -> None:
            numbers[key].append(value)

        @on('numbers')
        def all_numbers(key: str) -> list[Any]:
            return numbers[key]

        @on('burst')
        def burst(count: int) -> int:
            for value in range(count):
                emit('number', value)
            return count

        @on('large')
        def large(size: int) -> Any:
            return b'\xfe' * size, 'é' * (size // 2)

        @on('lazy')
        def lazy(key: str, slow: int, seconds: float) -> int:
            """Slow to answer the first times it is asked."""
            tries[key] += 1
            count = tries[key]
            if count <= slow:
                socketio.sleep(seconds)
            return count

        @on('kick')
        def kick() -> None:
            disconnect()

    for namespace in NAMESPACES:
        register(namespace)
    return app, socketio


def main(port: int, kind: str) -> None:
    """Serve on the loopback address until a signal ends it."""
    app, socketio = create_app(kind)
    socketio.run(app, host='127.0.0.1', port=port)


if __name__ == '__main__':
    main(int(sys.argv[1]), sys.argv[2])

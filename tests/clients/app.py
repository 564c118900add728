"""The application that the client tests talk to, run as its own process.

``python app.py PORT [JSON OPTIONS]`` serves one Flask app on the loopback address until it is
ended by a signal; the options go to ``SocketIO`` unchanged. The handlers only carry and describe
what they are given: what is right is for the tests to say, not for this module.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections import defaultdict
from typing import Any

from flask import Flask, request
from gevent.event import AsyncResult, Event

from geventio import (
    ConnectionRefusedError,
    SocketIO,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
)

#: Namespaces that exist when a client asks for them.
TEAMS = re.compile(r'/team-\d+')

#: What the server writes of its own accord, by kind; the clients hold their own copy to compare.
PRODUCTS: dict[str, tuple[Any, ...]] = {
    'text': (
        'é', '€', '日本語', '😀', 'a😀b👨‍👩‍👧', 'Ã©', '\u2028 and \u2029', '"', "'",
        '\\', '\\n', 'a\nb\r\nc\td', '\x00\x1e\x7f\x85', '<script>&amp;%20+</script>', '',
    ),
    'key': ({'ключ': 'é', '😀': ['€', {'\u2028': '\u2029'}]},),
    'surrogate': ('\ud800', 'a\udc00b'),
    'blob': (b'\x00\x01\x02\xff', 'between', b'', bytes(range(256))),
    'nest': ({'a': [b'one', {'b': b'two', 'c': None}], 'n': 1}, [[b'three']]),
    'many': tuple(bytes([index]) * index for index in range(1, 11)),
    'value': (None, True, False, 0, -1, 2**53 - 1, 1.5, -2.5e-7, [], {}, [[]], {'a': {'b': [1]}}),
}


def described(args: tuple[Any, ...]) -> str:
    """The arguments as ASCII JSON, bytes as ``{"$bytes": "<hex>"}``: what the server saw."""
    return json.dumps(args, default=lambda blob: {'$bytes': bytes(blob).hex()})


class Recorder:
    """What became of each client: its handshake and the reason it left for, by socket id."""

    def __init__(self) -> None:
        self.numbers: defaultdict[str, list[int]] = defaultdict(list)
        self.streams: dict[str, Event] = {}
        self._reasons: defaultdict[str, AsyncResult] = defaultdict(AsyncResult)

    def left(self, sid: str, reason: str) -> None:
        """The client's disconnect handler ran."""
        self._reasons[sid].set(reason)

    def reason(self, sid: str, seconds: float) -> str:
        """The reason given to the disconnect handler, waited for; empty when it never ran."""
        return self._reasons[sid].get(timeout=seconds)


def create_app(options: dict[str, Any]) -> tuple[Flask, SocketIO]:
    """The Flask app and its SocketIO, every handler registered on '/' and '/chat'."""
    app = Flask(__name__)
    socketio = SocketIO(app, **options)
    recorder = Recorder()

    @app.get('/reason')
    def reason() -> str:
        return recorder.reason(request.args['sid'], float(request.args.get('seconds', 5)))

    for namespace in ('/', '/chat'):
        register(socketio, recorder, namespace)

    @socketio.on('connect', namespace='/refuse')
    def refuse(auth: Any = None) -> None:
        raise ConnectionRefusedError('no entry', {'why': 'test', 'n': [1, 2]})

    @socketio.on('connect', namespace='/false')
    def refuse_plainly(auth: Any = None) -> bool:
        return False

    @socketio.on('describe', namespace=TEAMS)
    def describe_team(*args: Any) -> tuple[str, str]:
        return request.namespace, described(args)

    return app, socketio


def register(socketio: SocketIO, recorder: Recorder, namespace: str) -> None:
    """The handlers of one namespace."""
    on = socketio.on

    @on('connect', namespace=namespace)
    def connect(auth: Any = None) -> None:
        if request.args.get('refuse') == namespace:
            raise ConnectionRefusedError('not today', {'args': 1})
        emit('welcome', {
            'sid': request.sid,
            'namespace': request.namespace,
            'auth': auth,
            'query': request.args.get('token'),
            'header': request.headers.get('X-Token'),
        })

    @on('disconnect', namespace=namespace)
    def left(reason: str) -> None:
        recorder.left(request.sid, reason)
        stream = recorder.streams.pop(request.sid, None)
        if stream is not None:
            stream.set()

    # Events and acks.

    @on('describe', namespace=namespace)
    def describe(*args: Any) -> str:
        return described(args)

    @on('echo', namespace=namespace)
    def echo(*args: Any) -> tuple[Any, ...]:
        return args

    @on('message', namespace=namespace)
    def message(*args: Any) -> None:
        emit('message', args)

    @on('quiet', namespace=namespace)
    def quiet(*args: Any) -> None:
        return None

    @on('later', namespace=namespace)
    def later(seconds: float, value: Any) -> Any:
        socketio.sleep(seconds)
        return value

    @on('reflect', namespace=namespace)
    def reflect(*args: Any) -> None:
        emit('reflected', args)

    @on('ünïcode ✓ "name"', namespace=namespace)
    def odd_name(*args: Any) -> None:
        emit('ответ 😀', args)

    @on('produce', namespace=namespace)
    def produce(kind: str) -> tuple[Any, ...]:
        emit('product', PRODUCTS[kind])
        return PRODUCTS[kind]

    # Questions that the server asks.

    @on('ask by callback', namespace=namespace)
    def ask_by_callback(*args: Any) -> None:
        sid = request.sid

        def answered(*answers: Any) -> None:
            socketio.emit('answered', (described(answers), *answers), to=sid, namespace=namespace)

        emit('question', args, callback=answered)

    @on('ask by call', namespace=namespace)
    def ask_by_call(*args: Any) -> tuple[str, Any]:
        answer = call('question', args, timeout=5)
        return described((answer,)), answer

    @on('ask in vain', namespace=namespace)
    def ask_in_vain() -> str:
        try:
            call('silence', timeout=0.1)
        except Exception as error:
            return type(error).__name__
        return 'answered'

    @on('ask room', namespace=namespace)
    def ask_room(room: str, *args: Any) -> list[Any]:
        operator = socketio.of(namespace).to(room).timeout(5)
        return list(operator.emit_with_ack('question', *args))

    # Rooms.

    @on('join', namespace=namespace)
    def join(room: str) -> list[str]:
        join_room(room)
        return sorted(name for name in rooms() if name != request.sid)

    @on('leave', namespace=namespace)
    def leave(room: str) -> list[str]:
        leave_room(room)
        return sorted(name for name in rooms() if name != request.sid)

    @on('close', namespace=namespace)
    def close(room: str) -> None:
        close_room(room)

    @on('say', namespace=namespace)
    def say(room: str, *args: Any) -> int:
        emit('said', args, to=room)
        return len(args)

    @on('say to others', namespace=namespace)
    def say_to_others(room: str, *args: Any) -> int:
        emit('said', args, to=room, include_self=False)
        return len(args)

    @on('announce', namespace=namespace)
    def announce(*args: Any) -> int:
        emit('announced', args, broadcast=True)
        return len(args)

    # Volume and order.

    @on('number', namespace=namespace)
    def number(value: int) -> None:
        recorder.numbers[request.sid].append(value)

    @on('numbers', namespace=namespace)
    def numbers() -> list[int]:
        return recorder.numbers.pop(request.sid, [])

    @on('burst', namespace=namespace)
    def burst(count: int) -> int:
        for value in range(count):
            emit('number', value)
        return count

    @on('stream', namespace=namespace)
    def stream() -> None:
        sid = request.sid
        ended = recorder.streams[sid] = Event()

        def run() -> None:
            value = 0
            while not ended.wait(0.002) and value < 5000:
                for _ in range(5):
                    socketio.emit('number', value, to=sid, namespace=namespace)
                    value += 1
            socketio.emit('streamed', value, to=sid, namespace=namespace)

        socketio.start_background_task(run)

    @on('stop stream', namespace=namespace)
    def stop_stream() -> None:
        recorder.streams[request.sid].set()

    @on('inflate', namespace=namespace)
    def inflate(size: int, text: str) -> tuple[int, str, bytes]:
        big = (text * (size // len(text) + 1))[:size]
        emit('inflated', (big, bytes(range(256)) * (size // 256)))
        return len(big), big, b'\xfe' * size

    @on('measure', namespace=namespace)
    def measure(*args: Any) -> list[list[Any]]:
        return [[type(arg).__name__, len(arg), arg == arg[:1] * len(arg)] for arg in args]

    # Endings.

    @on('kick', namespace=namespace)
    def kick() -> None:
        disconnect()

    @on('speak and kick', namespace=namespace)
    def speak_and_kick(*args: Any) -> None:
        emit('said', args)
        disconnect()


def main(port: int, options: dict[str, Any]) -> None:
    """Serve on the loopback address until SIGTERM or SIGINT."""
    app, socketio = create_app(options)
    socketio.run(app, host='127.0.0.1', port=port)


if __name__ == '__main__':
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(int(sys.argv[1]), json.loads(sys.argv[2]) if len(sys.argv) > 2 else {})

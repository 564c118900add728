"""static/geventio.min.js in Chromium, with servers that misbehave or go away."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from ..ports import free_port
from .cdp import Page

CLIENT = (Path(__file__).parents[2] / 'static' / 'geventio.min.js').read_text()

pytestmark = pytest.mark.timeout(90)

HANDSHAKE = '0' + json.dumps({'sid': 'engine', 'upgrades': [], 'pingInterval': 25000,
                              'pingTimeout': 20000, 'maxPayload': 1000000})


def page_or_websocket(connection: ServerConnection, request: Request) -> Response | None:
    """An empty page that has the client, for a request that is no WebSocket's."""
    if 'Upgrade' in request.headers:
        return None
    response = connection.respond(HTTPStatus.OK, f'<!doctype html><script>{CLIENT}</script>')
    del response.headers['Content-Type']
    response.headers['Content-Type'] = 'text/html; charset=utf-8'
    return response


@contextmanager
def scripted(script: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A WebSocket server that follows a script for each client; yields its URL."""
    def handle(connection: ServerConnection) -> None:
        try:
            script(connection)
            for _ in connection:  # until the client leaves
                pass
        except ConnectionClosed:
            pass

    with serve(handle, '127.0.0.1', 0, process_request=page_or_websocket) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.socket.getsockname()[1]}'
        finally:
            server.shutdown()
            thread.join(10)


def accept(connection: ServerConnection) -> None:
    """Accept a client and its default namespace."""
    connection.send(HANDSHAKE)
    assert connection.recv(10) == '40'
    connection.send('40{"sid":"public"}')


@pytest.fixture
def blank(tab: Page) -> Page:
    """A page that has the client and nothing else."""
    with scripted(accept) as url:
        tab.goto(url)
    tab.evaluate("""
        window.next = (socket, event) => new Promise((resolve) => socket.once(event, resolve)); null
    """)
    return tab


MALFORMED = {
    'unknown engine packet': ['9'],
    'no engine packet': [''],
    'second handshake': [HANDSHAKE],
    'pong': ['3'],
    'unknown packet': ['49'],
    'no packet': ['4'],
    'event that is an object': ['42{"a":1}'],
    'event without name': ['42[]'],
    'event named by null': ['42[null]'],
    'reserved name': ['42["connect"]'],
    'broken JSON': ['42["x"'],
    'deep JSON': ['42["x",' + '[' * 200_000],
    'ack that is an object': ['430{}'],
    'long id': ['421234567890123456["x"]'],
    'disconnect with data': ['41"x"'],
    'connect that is a list': ['40[1]'],
    'refusal that is a number': ['441'],
    'no count': ['45["x"]'],
    'count for plain event': ['421-["x"]'],
    'too many attachments': ['4511-["x"]'],
    'placeholder out of range': ['451-["x",{"_placeholder":true,"num":1}]', b'a'],
    'placeholder that is no index': ['451-["x",{"_placeholder":true,"num":"length"}]', b'a'],
    'binary nobody announced': [b'a'],
    'text in place of an attachment': ['451-["x",{"_placeholder":true,"num":0}]', '42["y"]'],
}


@pytest.mark.parametrize('frames', MALFORMED.values(), ids=MALFORMED)
def test_malformed_packets(blank: Page, frames: list[str | bytes]) -> None:
    """The connection ends with the reason, nothing is thrown, and the client comes again."""
    clients: list[ServerConnection] = []

    def script(connection: ServerConnection) -> None:
        clients.append(connection)
        accept(connection)
        if len(clients) == 1:
            for frame in frames:
                connection.send(frame)

    with scripted(script) as url:
        assert blank.run(f"""
            const socket = io('{url}', {{reconnectionDelay: 20, transports: ['websocket']}});
            const reason = await next(socket, 'disconnect');
            await next(socket, 'connect');
            socket.disconnect();
            return reason;
        """) == 'parse error'
    assert len(clients) == 2


def test_tolerated_oddities(blank: Page) -> None:
    def script(connection: ServerConnection) -> None:
        connection.send(HANDSHAKE)
        connection.recv(10)
        connection.send('42["ahead of connect"]')
        connection.send('40{"sid":"public"}')
        connection.send('6')
        connection.send('43["ack without id"]')
        connection.send('4399["ack nobody waits for"]')
        connection.send('42/other,["namespace nobody joined"]')
        connection.send('450-["no attachments",{"_placeholder":true,"num":0}]')
        connection.send('42[7,"a number as name"]')
        connection.send('42/,["default namespace by name"]')

    with scripted(script) as url:
        assert blank.run(f"""
            const socket = io('{url}');
            const got = [];
            for (const name of ['ahead of connect', 'no attachments', 7]) {{
                socket.on(name, (...args) => got.push([name, ...args]));
            }}
            socket.on('disconnect', (reason) => got.push(reason));
            await next(socket, 'default namespace by name');
            socket.disconnect();
            return got;
        """) == [['ahead of connect'], ['no attachments', {'_placeholder': True, 'num': 0}],
                 [7, 'a number as name'], 'io client disconnect']


@pytest.mark.parametrize('handshake', [
    '0', '0{', '0[]', '0{"sid":1,"pingInterval":1,"pingTimeout":1}', '40{"sid":"x"}',
    '0{"sid":"x"}', '0{"sid":"x","pingInterval":"a","pingTimeout":1}', b'binary',
])
def test_bad_handshake(blank: Page, handshake: str | bytes) -> None:
    with scripted(lambda connection: connection.send(handshake)) as url:
        assert blank.run(f"""
            const socket = io('{url}', {{transports: ['websocket'], reconnection: false}});
            const error = await next(socket, 'connect_error');
            return [error instanceof Error, socket.connected];
        """) == [True, False]


def test_silent_server(blank: Page) -> None:
    hasty = HANDSHAKE.replace('25000', '100').replace('20000', '100')

    def script(connection: ServerConnection) -> None:
        connection.send(hasty)
        connection.recv(10)
        connection.send('40{"sid":"public"}')
        connection.send('2')
        assert connection.recv(10) == '3'

    with scripted(script) as url:
        assert blank.run(f"""
            const socket = io('{url}', {{reconnection: false}});
            return await next(socket, 'disconnect');
        """) == 'ping timeout'


def test_server_goes_away(blank: Page) -> None:
    """What was emitted meanwhile arrives with the next connection; answers do not."""
    clients: list[ServerConnection] = []
    received: list[str | bytes] = []

    def script(connection: ServerConnection) -> None:
        clients.append(connection)
        accept(connection)
        received.append(connection.recv(10))
        if len(clients) == 1:
            connection.close()
        else:
            received.append(connection.recv(10))
            connection.send('431["late"]')

    with scripted(script) as url:
        assert blank.run(f"""
            const socket = io('{url}', {{reconnectionDelay: 20}});
            const attempts = [];
            socket.io.on('reconnect_attempt', (number) => attempts.push(number));
            const lost = socket.emitWithAck('first').catch((error) => error.message);
            const reason = await next(socket, 'disconnect');
            socket.volatile.emit('dropped');
            const kept = socket.emitWithAck('second');
            socket.emit('third');
            const answer = [reason, await lost, await kept, attempts];
            socket.disconnect();
            return answer;
        """) == ['transport close', 'socket has been disconnected', 'late', [1]]
    assert received == ['420["first"]', '421["second"]', '42["third"]']


def test_nobody_listens(blank: Page) -> None:
    result = blank.run(f"""
        const socket = io('http://127.0.0.1:{free_port()}', {{
            transports: ['websocket'], reconnectionAttempts: 3, reconnectionDelay: 40,
            reconnectionDelayMax: 100,
        }});
        let errors = 0;
        socket.on('connect_error', () => {{ errors += 1; }});
        const begun = Date.now();
        await next(socket.io, 'reconnect_failed');
        return [errors, socket.active, Date.now() - begun];
    """)
    assert result[:2] == [4, True]
    assert result[2] >= 20 + 40 + 80  # doubled each time, and at most halved by chance


def test_an_answer_that_does_not_come(blank: Page) -> None:
    with scripted(accept) as url:
        assert blank.run(f"""
            const socket = io('{url}');
            const answers = [];
            await new Promise((resolve) => socket.timeout(50).emit('x', (error) => {{
                answers.push(error.message);
                resolve();
            }}));
            await socket.timeout(50).emitWithAck('y').catch((error) => answers.push(error.message));
            socket.disconnect();
            return answers;
        """) == ['operation has timed out', 'operation has timed out']


def test_misuse_is_told_at_once(blank: Page) -> None:
    assert blank.run("""
        const told = (action) => { try { action(); return null; } catch (e) { return e.message; } };
        const socket = io('http://127.0.0.1:9', {autoConnect: false});
        const circle = [];
        circle.push(circle);
        return [told(() => socket.emit('connect')), told(() => socket.emit('x', circle)) !== null,
                socket.sendBuffer.length];
    """) == ['"connect" is a reserved event name', True, 0]


def test_no_transport_that_the_browser_has(blank: Page) -> None:
    assert blank.run("""
        const socket = io('http://127.0.0.1:9', {transports: ['pigeon'], reconnection: false});
        const error = await next(socket, 'connect_error');
        return [error instanceof Error, error.message];
    """) == [True, 'no usable transport']

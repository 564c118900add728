"""static/geventio.js in Chromium, with a geventio server."""
from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .cdp import Browser, Page
from .served import Served

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope='module')
def server() -> Iterator[str]:
    """URL of the small application."""
    running = Served('tests.browser.client_app', '{port}')
    yield running.url
    running.stop()


@pytest.fixture(params=['websocket', 'polling'])
def page(browser: Browser, server: str, request: pytest.FixtureRequest) -> Page:
    """A page of the application; `open(nsp, options)` connects with the transport under test."""
    page = browser.new_page(server)
    page.evaluate(f"""
        window.transport = {json.dumps(request.param)};
        window.open = (nsp, options) => io(nsp, {{transports: [transport], ...options}});
        window.next = (socket, event) => new Promise((resolve) => socket.once(event, resolve));
        window.plain = (value) => JSON.parse(JSON.stringify(value, (key, item) => (
            item instanceof ArrayBuffer ? [...new Uint8Array(item)].join(' ') : item)));
        null
    """)
    return page


def test_connects(page: Page) -> None:
    assert page.run("""
        const socket = open('/');
        await next(socket, 'connect');
        return [socket.connected, typeof socket.id, socket.io.engine.transport.name === transport];
    """) == [True, 'string', True]


def test_values_go_both_ways(page: Page) -> None:
    values = [None, True, 1.5, 'é€😀\n\x1e"\\', [], {'a': [{'b': {}}]}, -3]
    assert page.run(f"""
        const socket = open('/');
        const values = {json.dumps(values)};
        const echoed = new Promise((resolve) => socket.on('echoed', (...args) => resolve(args)));
        const acked = new Promise((resolve) => {{
            socket.emit('echo', ...values, (...args) => resolve(args));
        }});
        return [await echoed, await acked];
    """) == [values, values]


def test_binary_goes_both_ways(page: Page) -> None:
    sent = """{file: bytes.buffer, part: bytes.subarray(1, 3), words: new Uint16Array([258]),
               view: new DataView(bytes.buffer, 2)}"""
    received = {'file': '0 1 2 255', 'part': '1 2', 'words': '2 1', 'view': '2 255'}
    assert page.run(f"""
        const socket = open('/');
        const bytes = new Uint8Array([0, 1, 2, 255]);
        const echoed = next(socket, 'echoed');
        const acked = new Promise((resolve) => socket.emit('echo', {sent}, resolve));
        return plain([await echoed, await acked]);
    """) == [received, received]


def test_much_data_in_order(page: Page) -> None:
    """More than the server takes in one message, in parts."""
    assert page.run("""
        const socket = open('/');
        const got = [];
        const all = new Promise((resolve) => socket.on('echoed', (number, text, bytes) => {
            got.push([number, text.length, bytes.byteLength]);
            if (got.length === 30) resolve();
        }));
        for (let i = 0; i < 30; i += 1) socket.emit('echo', i, 'é'.repeat(9000), new Uint8Array(i));
        await all;
        return got;
    """) == [[number, 9000, number] for number in range(30)]


def test_server_asks(page: Page) -> None:
    assert page.run("""
        const socket = open('/');
        socket.on('question', (bytes, answer) => { answer('yes', bytes); answer('twice'); });
        const said = new Promise((resolve) => socket.on('you said', (...args) => resolve(args)));
        socket.emit('ask me', new Uint8Array([7]));
        return plain(await said);
    """) == ['yes', '7']


def test_namespaces_share_a_connection(page: Page) -> None:
    assert page.run("""
        const one = open('/one?colour=blue');
        const two = open('/private', {auth: (send) => send({token: 'right'})});
        const answer = await two.emitWithAck('who');
        await one.emitWithAck('echo', 1);
        const reason = next(two, 'disconnect');
        two.disconnect();
        return [one.io === two.io, answer, await reason, await one.emitWithAck('echo', 2)];
    """) == [True, ['/private', 'blue'], 'io client disconnect', 2]


def test_refused(page: Page) -> None:
    assert page.run("""
        const socket = open('/private?colour=red', {auth: {token: 'wrong'}});
        const error = await next(socket, 'connect_error');
        const before = [error instanceof Error, error.message, error.data, socket.active];
        socket.auth = {token: 'right'};
        socket.connect();
        return [...before, await socket.emitWithAck('who')];
    """) == [True, 'wrong token', {'hint': 'right'}, False, ['/private', 'red']]


def test_thrown_out(page: Page) -> None:
    assert page.run("""
        const socket = open('/');
        socket.emit('throw me out');
        const reason = await next(socket, 'disconnect');
        return [reason, socket.connected, socket.active, socket.id === undefined];
    """) == ['io server disconnect', False, False, True]


def test_a_listener_that_throws_disturbs_nobody(browser: Browser, server: str) -> None:
    page = browser.new_page(server)
    assert page.run("""
        const socket = io({transports: ['polling']});
        socket.on('echoed', () => { throw new Error('from the listener'); });
        const second = new Promise((resolve) => socket.on('echoed', resolve));
        socket.emit('echo', 1);
        return [await second, await socket.emitWithAck('echo', 2)];
    """) == [1, 2]
    assert len(page.errors) == 2
    assert 'from the listener' in page.errors.pop() + page.errors.pop()

"""The browser client in Chromium, as a geventio server serves it: the source and the build."""
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


@pytest.fixture(params=['geventio.js', 'geventio.min.js'])
def script(request: pytest.FixtureRequest) -> str:
    """Name of the script under test."""
    name: str = request.param
    return name


@pytest.fixture(params=['websocket', 'polling', 'jsonp'])
def page(tab: Page, server: str, script: str, request: pytest.FixtureRequest) -> Page:
    """A page of the application; `open(nsp, options)` connects with the transport under test."""
    tab.goto(f'{server}script/{script}')
    tab.evaluate(f"""
        window.transport = {json.dumps(request.param)};
        window.open = (nsp, options) => io(nsp, {{transports: [transport], ...options}});
        window.next = (socket, event) => new Promise((resolve) => socket.once(event, resolve));
        window.plain = (value) => JSON.parse(JSON.stringify(value, (key, item) => (
            item instanceof ArrayBuffer ? [...new Uint8Array(item)].join(' ') : item)));
        null
    """)
    return tab


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
               view: new DataView(bytes.buffer, 2), blob: new Blob([bytes]), none: new Blob([])}"""
    received = {'file': '0 1 2 255', 'part': '1 2', 'words': '2 1', 'view': '2 255',
                'blob': '0 1 2 255', 'none': ''}
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
    page = browser.new_page(f'{server}script/geventio.js')
    assert page.run("""
        const socket = io({transports: ['polling']});
        socket.on('echoed', () => { throw new Error('from the listener'); });
        const second = new Promise((resolve) => socket.on('echoed', resolve));
        socket.emit('echo', 1);
        return [await second, await socket.emitWithAck('echo', 2)];
    """) == [1, 2]
    assert len(page.errors) == 2
    assert 'from the listener' in page.errors.pop() + page.errors.pop()


def test_moves_to_websocket_and_stays(browser: Browser, server: str, script: str) -> None:
    """What was sent before, during and after the move arrives in order."""
    page = browser.new_page(f'{server}script/{script}')
    assert page.run("""
        const socket = io({transports: ['polling', 'websocket'], connectTimeout: 2500});
        const log = [];
        let count = 0;
        const send = () => { socket.emit('echo', count); count += 1; };
        for (let i = 0; i < 100; i += 1) send();
        socket.on('echoed', (number) => log.push(number));
        socket.on('disconnect', (reason) => log.push(reason));
        await new Promise((resolve) => socket.io.on('open', resolve));
        const {engine} = socket.io;
        const first = engine.transport.name;
        const timer = setInterval(send, 1);
        await new Promise((resolve) => engine.on('upgrade', resolve));
        await new Promise((resolve) => setTimeout(resolve, 2600)); // longer than connectTimeout
        clearInterval(timer);
        await socket.emitWithAck('echo', count);
        return [first, engine.transport.name, count > 100,
                log.length === count + 1 && log.every((number, at) => number === at)];
    """) == ['polling', 'websocket', True, True]


def test_as_a_module(browser: Browser, server: str) -> None:
    page = browser.new_page(f'{server}module/geventio.esm.js')
    assert page.run("""
        const {standard, io, connect, Manager, Socket, protocol, ...others} = imported;
        const socket = io('/one');
        return [await socket.emitWithAck('echo', 1), socket.io instanceof Manager,
                socket instanceof Socket, standard === io, connect === io, io === window.io,
                protocol, Object.keys(others)];
    """) == [1, True, True, True, True, True, 5, ['default']]


def test_build_can_be_read_in_the_debugger(browser: Browser, server: str) -> None:
    """The build names its map, the map names the source, and the server has both."""
    page = browser.new_page(f'{server}script/socket.io.js')
    assert page.run("""
        const load = (name) => fetch(`/socket.io/${name}`).then((response) => response.text());
        const [, name] = (await load('socket.io.js')).match(/\\n\\/\\/# sourceMappingURL=(.+)\\n$/);
        const {sources, names} = JSON.parse(await load(name));
        return [sources, names.includes('_attachments'), (await load(sources[0])).slice(0, 3)];
    """) == [['geventio.js'], True, '/*!']

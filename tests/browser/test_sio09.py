"""The official client of Socket.IO 0.9 in Chromium, over each transport that it has there."""
from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ..clients.harness import install_clients
from ..tools import MissingToolError, unable
from .cdp import Browser, Page
from .served import Served

pytestmark = pytest.mark.timeout(90)

VALUES = [None, True, 1.5, 'é€😀\n\u2028"\\:+', '', [], {'a': [{'b': {'😀': '\ufffd3\ufffd'}}]}, -3]

HELPERS = """
    window.open_ = (options) => io.connect('', {
      'force new connection': true, 'reconnection delay': 50, 'reconnection limit': 300,
      'max reconnection attempts': 1000, ...options});
    window.next = (socket, event) => new Promise((resolve) => {
      socket.once(event, (...args) => resolve(args));
    });
    window.ask = (socket, event, ...args) => new Promise((resolve) => {
      socket.emit(event, ...args, (...values) => resolve(values));
    });
    window.collect = (socket, event, count) => new Promise((resolve) => {
      const heard = [];
      socket.on(event, (value) => heard.push(value) === count && resolve(heard));
    });
    null
"""


@pytest.fixture(scope='module')
def server() -> Iterator[Served]:
    try:
        install_clients()
    except MissingToolError as missing:
        unable(str(missing))
    running = Served('tests.browser.old_client_app', '{port}')
    yield running
    running.stop()


@pytest.fixture(params=['websocket', 'xhr-polling', 'jsonp-polling'])
def page(browser: Browser, server: Served, request: pytest.FixtureRequest) -> Page:
    """A page with the client; `open_()` connects over the transport under test."""
    page = browser.new_page(server.url)
    page.evaluate(f'io.transports = [{json.dumps(request.param)}];' + HELPERS)
    return page


def test_connects(page: Page) -> None:
    assert page.run("""
        const socket = open_();
        await next(socket, 'connect');
        const {connected, transport, sessionid} = socket.socket;
        return [connected, transport.name === io.transports[0], sessionid.length];
    """) == [True, True, 20]


def test_messages_json_and_receipts(page: Page) -> None:
    assert page.run(f"""
        const socket = open_();
        const values = {json.dumps(VALUES)};
        const back = collect(socket, 'message', values.length + 2);
        const receipt = new Promise((resolve) => {{
            socket.send('text é😀', (...values) => resolve(values));
        }});
        socket.send('a:b');
        for (const value of values.slice(1)) socket.json.send(value);
        socket.json.send(false);
        return [await back, await receipt];
    """) == [['text é😀', 'a:b', *VALUES[1:], False], []]


def test_events_and_acks_both_ways(page: Page) -> None:
    assert page.run(f"""
        const socket = open_();
        const values = {json.dumps(VALUES)};
        const echoed = next(socket, 'echoed');
        const acked = ask(socket, 'echo', ...values);
        socket.on('question', (text, answer) => answer(text + '!', 1));
        const said = next(socket, 'you said');
        socket.emit('ask me', '😀');
        return [await echoed, await acked, await said];
    """) == [VALUES, VALUES, ['😀!', 1]]


def test_namespaces(page: Page) -> None:
    assert page.run("""
        const socket = open_();
        const chat = socket.socket.of('/chat'), closed = socket.socket.of('/private');
        const refused = next(closed, 'connect_failed');
        await next(chat, 'connect');
        const echoed = next(chat, 'echoed');
        return [await ask(chat, 'echo', 1), await echoed, await refused, socket.socket.connected];
    """) == [[1], [1], ['unauthorized'], True]


def test_rooms(page: Page) -> None:
    assert page.run("""
        const [first, second, third] = [open_(), open_(), open_()];
        const heard = [];
        for (const socket of [first, second, third]) socket.on('said', (text) => heard.push(text));
        await Promise.all([ask(first, 'join', 'room'), ask(second, 'join', 'room')]);
        third.emit('say', 'room', 'hello');
        await Promise.all([next(first, 'said'), next(second, 'said')]);
        await ask(third, 'echo');
        return heard;
    """) == ['hello', 'hello']


def test_large_text(page: Page) -> None:
    assert page.run("""
        const socket = open_();
        const text = 'é😀x'.repeat(25000);
        const back = next(socket, 'message');
        socket.send(text);
        const [acked] = await ask(socket, 'echo', text);
        return [text.length, (await back)[0] === text, acked === text];
    """) == [100_000, True, True]


def test_order_both_ways(page: Page) -> None:
    assert page.run("""
        const socket = open_();
        const echoed = collect(socket, 'echoed', 200), numbers = collect(socket, 'number', 200);
        await next(socket, 'connect');
        for (let number = 0; number < 200; number += 1) socket.emit('echo', number);
        socket.emit('burst', 200);
        return [await echoed, await numbers];
    """) == [list(range(200)), list(range(200))]


def test_both_sides_disconnect(page: Page) -> None:
    assert page.run("""
        const socket = open_();
        await next(socket, 'connect');
        const gone = next(socket, 'disconnect');
        socket.emit('throw me out');
        const told = [...await gone, socket.socket.connected];
        const other = open_();
        await next(other, 'connect');
        const left = next(other, 'disconnect');
        other.disconnect();
        return [...told, ...await left];
    """) == ['booted', False, 'booted']


def test_the_server_returns(page: Page, server: Served) -> None:
    page.run("""
        window.socket = open_();
        window.chat = socket.socket.of('/chat');
        socket.on('disconnect', () => { window.lost = true; });
        socket.on('reconnect', () => { window.back = true; });
        await Promise.all([next(socket, 'connect'), next(chat, 'connect')]);
    """)
    server.stop()
    try:
        page.wait_for('window.lost')
    finally:
        server.start()
    page.wait_for('window.back')
    assert page.run("""
        return [await ask(socket, 'echo', 1), await ask(chat, 'echo', 2)];
    """) == [[1], [2]]

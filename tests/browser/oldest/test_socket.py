"""`new io.Socket(...)` of Socket.IO 0.6, unmodified, in a browser of today."""
from __future__ import annotations

import json
from typing import Any

import pytest

from ..cdp import Browser, Page
from ..served import Served

pytestmark = pytest.mark.timeout(60)

# What a browser of today lacks of the one that had a document without a window.
HTMLFILE = """
    window.CollectGarbage = window.attachEvent = () => {};
    window.ActiveXObject = function () {
      const frame = document.createElement('iframe');
      document.body.append(frame);
      frame.contentDocument.parentWindow = frame.contentWindow;
      return frame.contentDocument;
    };
"""

# Transport -> what the server calls it, and what has to be made up for it.
TRANSPORTS = {
    'websocket': ('websocket', ''),
    'xhr-polling': ('polling', ''),
    'jsonp-polling': ('polling', ''),
    'htmlfile': ('streaming', HTMLFILE),
}

CONNECT = """
    window.heard = [], window.told = [];
    window.socket = new io.Socket(location.hostname, {{
      port: {port}, transports: ['{name}'], rememberTransport: false,
      // The one that cannot see the end of a response; every other is told of it.
      transportOptions: {{ htmlfile: {{ timeout: 2000 }} }} }});
    socket.on('connect', () => told.push('connect'));
    socket.on('disconnect', () => told.push('disconnect'));
    socket.on('message', (message) => heard.push(message));
    socket.connect();
    return [socket.transport.type, await take(told)];
"""

SAID = ['hello', '€ 😀', {'a': [1, None, '</script>']}, '\u2028', 'x' * 5000]


@pytest.fixture(params=TRANSPORTS)
def page(browser: Browser, site: Served, request: pytest.FixtureRequest) -> Page:
    page = browser.new_page(f'{site.url}socket')
    carrier, setting = TRANSPORTS[request.param]
    page.evaluate(f'{setting}; null')
    connected = page.run(CONNECT.format(port=site.port, name=request.param))
    assert connected == [request.param, 'connect']
    assert ask(page, 'how') == carrier
    return page


def ask(page: Page, message: Any) -> Any:
    """Send a message; what comes back."""
    return page.run(f'socket.send({json.dumps(message)}); return await take(heard);')


def test_messages_both_ways(page: Page) -> None:
    for said in SAID:
        assert ask(page, said) == said
    batch = page.run("""
        for (let number = 0; number < 20; number++) socket.send(`number ${number}`);
        const all = [];
        while (all.length < 20) all.push(await take(heard));
        return all;
    """)
    assert batch == [f'number {number}' for number in range(20)]
    event = {'event': 'buy', 'args': [1, 'x']}
    assert ask(page, event) == {'event': 'bought', 'args': [1, 'x']}


def test_the_push_of_the_tutorial(page: Page) -> None:
    assert [ask(page, 'tick')] + [page.run('return await take(heard);') for _ in range(3)] == [
        'The time has come'] * 4


def test_idle_for_several_heartbeats_and_polls(page: Page) -> None:
    page.evaluate('new Promise((resolve) => setTimeout(resolve, 2500))')
    assert page.evaluate('told') == []
    assert ask(page, 'still here') == 'still here'


def test_the_server_ends_it(page: Page) -> None:
    assert page.run("socket.send('bye'); return await take(told);") == 'disconnect'


def test_the_client_ends_it_and_comes_again(page: Page) -> None:
    again = page.run("""
        socket.disconnect();
        const left = await take(told);
        socket.connect();
        return [left, await take(told)];
    """)
    assert again == ['disconnect', 'connect']
    assert ask(page, 'hello') == 'hello'

"""dojox/socket and dojox/socket/Reconnect, unmodified, in a browser of today."""
from __future__ import annotations

import json
from typing import Any

import pytest

from ..cdp import Browser, Page
from ..served import Served

pytestmark = pytest.mark.timeout(60)

# What a page has to add: frames, the session id, the echo of heartbeats.
GLUE = """
    window.frame = (body) => `~m~${body.length}~m~${body}`;
    window.frames = (text) => {
      const bodies = [];
      for (let head; (head = /^~m~(\\d+)~m~/.exec(text));) {
        const end = head[0].length + Number(head[1]);
        bodies.push(text.slice(head[0].length, end));
        text = text.slice(end);
      }
      return bodies;
    };
    window.glue = (kind, url, options) => new Promise((resolve, reject) => require(
      ['dojox/socket', 'dojox/socket/Reconnect'], (dxSocket, reconnect) => {
        const args = { url };
        const make = { WebSocket: dxSocket, LongPoll: dxSocket.LongPoll }[kind];
        window.socket = options ? reconnect(make(args), options) : make(args);
        window.heard = [], window.ids = [], window.told = [];
        socket.on('open', () => told.push('open'));
        socket.on('close', ({ wasClean }) => told.push(`close ${wasClean}`));
        socket.on('message', ({ data }) => {
          for (const body of frames(data)) {
            if (body.startsWith('~h~')) socket.send(frame(body));
            else if (/^[A-Za-z0-9_-]{20}$/.test(body)) {
              ids.push(body);
              args.url += `/${body}`;  // a WebSocket keeps the URL it has
            } else heard.push(body);
          }
        });
        take(ids).then((id) => { ids.unshift(id); resolve(id); }, reject);
      }));
    window.say = (body) => socket.send(frame(body));
    null
"""

KINDS = {
    'WebSocket': ('websocket', '/socket.io/websocket'),
    'LongPoll': ('polling', '/socket.io/xhr-polling'),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, site: Served, kind: str) -> Page:
    page = browser.new_page(f'{site.url}dojo')
    page.evaluate(GLUE)
    carrier, url = KINDS[kind]
    page.evaluate(f"glue('{kind}', '{url}', {{ reconnectTime: 300 }})")
    assert ask(page, 'how') == carrier
    return page


def ask(page: Page, body: str) -> Any:
    """Send a message in a frame; what comes back."""
    return page.run(f'say({json.dumps(body)}); return await take(heard);')


def test_messages_both_ways(page: Page) -> None:
    for body in ('hello', '€ 😀', 'x' * 5000, '100% a+b&c=d'):
        assert ask(page, body) == body
    assert ask(page, '~j~{"event":"buy","args":[1]}') == '~j~{"event":"bought","args":[1]}'
    texts = [f'number {number}' for number in range(20)]
    batch = page.run(f"""
        for (const text of {texts}) say(text);
        const all = [];
        while (all.length < 20) all.push(await take(heard));
        return all;
    """)
    assert sorted(batch) == sorted(texts)  # requests in parallel arrive as they will


def test_a_message_without_frame(page: Page) -> None:
    assert page.run("socket.send('raw'); return await take(heard);") == 'raw'


def test_the_push_of_the_tutorial(page: Page) -> None:
    assert [ask(page, 'tick')] + [page.run('return await take(heard);') for _ in range(3)] == [
        'The time has come'] * 4


def test_idle_for_several_heartbeats_and_polls(page: Page) -> None:
    page.evaluate('new Promise((resolve) => setTimeout(resolve, 2500))')
    assert len(page.evaluate('ids')) == 1
    assert ask(page, 'still here') == 'still here'


def test_a_restart_of_the_server(page: Page, site: Served) -> None:
    old = page.evaluate('ids[0]')
    site.stop()
    site.start()
    page.wait_for('ids.length === 2')
    assert page.evaluate('ids[1]') != old
    assert ask(page, 'hello') == 'hello'


def test_a_websocket_that_cannot_open_becomes_a_long_poll(browser: Browser, site: Served) -> None:
    page = browser.new_page(f'{site.url}dojo')
    page.evaluate("""
        // A proxy that knows no WebSocket looks like this to a page.
        const Real = WebSocket;
        window.WebSocket = function (url) {
          return new Real(String(url).replace('/websocket', '/websocket/nobody'));
        };
        null
    """)
    page.evaluate(GLUE)
    page.evaluate("glue('WebSocket', '/socket.io/websocket')")
    assert ask(page, 'how') == 'polling'
    assert ask(page, 'hello') == 'hello'
    assert page.evaluate('ids.length') == 1

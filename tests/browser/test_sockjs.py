"""The official SockJS client in Chromium, on each transport it has there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..clients.sockjs import expected as trials
from ..tools import MissingToolError, install_packages, unable
from .cdp import Browser
from .served import Served

pytestmark = pytest.mark.timeout(120)

TRANSPORTS = (
    'websocket', 'xhr-streaming', 'xhr-polling', 'eventsource', 'iframe-eventsource',
    'iframe-htmlfile', 'iframe-xhr-polling', 'jsonp-polling',
)


@pytest.fixture(scope='module')
def server() -> Iterator[Served]:
    try:
        install_packages(Path(trials.__file__).parent)
    except MissingToolError as missing:
        unable(str(missing))
    running = Served('tests.clients.sockjs.app', '{port}')
    yield running
    running.stop()


@pytest.fixture(scope='module')
def foreign() -> Iterator[Served]:
    """Serves pages whose origin the other server does not allow."""
    running = Served('tests.clients.sockjs.app', '{port}')
    yield running
    running.stop()


def run_trial(browser: Browser, page_url: str, url: str, transport: str) -> None:
    page = browser.new_page(page_url)
    seen = page.evaluate(
        f'trial(SockJS, {json.dumps(url)}, {json.dumps(transport)}, {json.dumps(trials.TEXTS)}, '
        f'{trials.LARGE})', 100)
    assert seen == trials.expected(transport)
    if transport == 'jsonp-polling':
        # What the client gives up it cannot stop: the script comes, and misses its function.
        page.errors[:] = [error for error in page.errors if '_jp.' not in error]


@pytest.mark.parametrize('transport', [*TRANSPORTS, 'htmlfile'])
def test_a_page_of_the_server(browser: Browser, server: Served, transport: str) -> None:
    run_trial(browser, server.url, server.url + 'sockjs', transport)


@pytest.mark.parametrize('transport', TRANSPORTS)
def test_a_page_of_an_allowed_origin(browser: Browser, server: Served, transport: str) -> None:
    other = server.url.replace('127.0.0.1', 'localhost')
    run_trial(browser, other, server.url + 'sockjs', transport)


# Resolves to what a page could do: run the script of a poll, be heard by a frame.
FETCH = """new Promise((resolve) => {
  const url = %s, seen = {script: null, frame: null};
  const look = () => seen.script !== null && seen.frame !== null && resolve(seen);
  window.stolen = (frame) => { seen.script = frame; };
  const script = document.createElement('script');
  script.src = `${url}/000/${String(Math.random()).slice(2)}/jsonp?c=stolen`;
  script.onload = script.onerror = () => { seen.script = seen.script || ''; look(); };
  const frame = document.createElement('iframe');
  frame.src = `${url}/iframe.html#id`;
  onmessage = (event) => { seen.frame = event.data; };
  frame.onload = () => setTimeout(() => { seen.frame = seen.frame || ''; look(); }, 300);
  document.body.append(script, frame);
})"""


def test_what_an_allowed_page_may_do(browser: Browser, server: Served) -> None:
    page = browser.new_page(server.url.replace('127.0.0.1', 'localhost'))
    seen = page.evaluate(FETCH % json.dumps(server.url + 'sockjs'))
    assert seen['script'] == 'o'
    assert json.loads(seen['frame'])['type'] == 's'


@pytest.mark.parametrize('name', ['127.0.0.1', 'localhost'])
def test_what_a_foreign_page_may_do(
    browser: Browser, server: Served, foreign: Served, name: str
) -> None:
    """Neither a script nor a frame speaks for whoever looks at a page of another origin."""
    page = browser.new_page(foreign.url.replace('127.0.0.1', name))
    url = server.url + 'sockjs'
    assert page.evaluate(FETCH % json.dumps(url)) == {'script': '', 'frame': ''}
    seen = page.evaluate(f'refusal(SockJS, {json.dumps(url)}, "xhr-polling")', 60)
    assert seen['code'] == 1002 and not seen['wasClean']

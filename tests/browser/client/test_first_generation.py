"""`new io.Socket(host, options)` as the tutorials of 2010 have it, with servers of today."""
from __future__ import annotations

import json
from typing import Any

import pytest

from ..cdp import Browser, Page
from .conftest import Ports
from .stage import Stage

pytestmark = pytest.mark.timeout(60)

NAMES = {
    'websocket': 'websocket',
    'flashsocket': 'websocket',
    'htmlfile': 'polling',
    'xhr-multipart': 'polling',
    'xhr-polling': 'polling',
    'jsonp-polling': 'jsonp',
}

# What a tutorial's page does; `trial` is closed at the end of each test.
CHAT = """
    window.chat = async (options) => {
      const trial = new Trial({});
      const socket = window.last = new io.Socket('127.0.0.1', options);
      const heard = [];
      socket.on('connecting', (transport) => heard.push(`connecting ${transport}`));
      for (const event of ['connect', 'message', 'disconnect', 'connect_failed']) {
        socket.on(event, () => heard.push(event));
      }
      socket.connect();
      const connected = socket.connected;
      await trial.next(socket, 'connect', 9000);
      socket.send('hello');
      const [message] = await trial.next(socket, 'message');
      const transport = socket.io.engine.transport.name;
      socket.disconnect();
      return { connected, heard, message, transport, after: socket.connected };
    };
    null
"""


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Page:
    page = browser.new_page(stage.page('ours'))
    page.evaluate(CHAT)
    return page


def chat(page: Page, **options: Any) -> Any:
    return page.evaluate(f'chat({json.dumps(options)})', 20)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('server', ['geventio', 'node'])
def test_each_transport(page: Page, request: pytest.FixtureRequest, server: str,
                        name: str) -> None:
    ports: Ports = request.getfixturevalue(f'{server}_ports')
    kind = 'bare' if name == 'jsonp-polling' else 'plain'
    transport = NAMES[name]
    assert chat(page, port=ports[kind], transports=[name], rememberTransport=False,
                transportOptions={name: {'timeout': 5000}}) == {
        'connected': False,
        'heard': [f'connecting {transport}', 'connect', 'message', 'disconnect'],
        'message': 'hello',
        'transport': transport,
        'after': False,
    }


def test_the_list_of_the_tutorials(page: Page, geventio_ports: Ports) -> None:
    told = chat(page, port=geventio_ports['plain'], transports=list(NAMES), resource='socket.io',
                secure=False, tryTransportsOnConnectTimeout=True, connectTimeout=3000)
    assert told['transport'] == 'websocket'


def test_one_after_another(page: Page, stage: Stage, geventio_ports: Ports) -> None:
    proxy = stage.proxy(geventio_ports['bare'], 'hang')
    told = chat(page, port=proxy.port, transports=list(NAMES), rememberTransport=False,
                connectTimeout=300)
    assert told['transport'] == 'jsonp'
    assert told['heard'][:-3] == [f'connecting {n}' for n in ('websocket', 'polling', 'jsonp')]
    stage.tidy()


def test_connect_failed(page: Page, dead_port: int) -> None:
    assert page.run(f"""
        const socket = new io.Socket('127.0.0.1', {{
            port: {dead_port}, transports: ['websocket', 'xhr-polling'], rememberTransport: false,
        }});
        const heard = [];
        for (const event of ['connecting', 'connect', 'disconnect']) {{
            socket.on(event, (value) => heard.push([event, value]));
        }}
        socket.connect();
        await new Trial({{}}).next(socket, 'connect_failed');
        await pause(1500); // it does not try again of its own accord
        return heard;
    """) == [['connecting', 'websocket'], ['connecting', 'polling']]


def test_listeners_by_their_names_of_then(page: Page, geventio_ports: Ports) -> None:
    assert page.run(f"""
        const socket = new io.Socket('127.0.0.1', {{port: {geventio_ports['plain']}}});
        const heard = [];
        const first = (text) => heard.push(`first ${{text}}`);
        socket.addEvent('message', first).addEvent('message', (text) => heard.push(text));
        await new Trial({{}}).next(socket.connect(), 'connect');
        socket.send('one');
        await new Trial({{}}).next(socket, 'message');
        socket.removeEvent('message', first);
        socket.send('two');
        await new Trial({{}}).next(socket, 'message');
        socket.disconnect();
        return heard;
    """) == ['first one', 'one', 'two']


@pytest.mark.parametrize('upgrades', ['refuse', 'drop', 'hang'])
def test_a_remembered_transport_locks_nobody_out(page: Page, stage: Stage,
                                                 geventio_ports: Ports, upgrades: str) -> None:
    """The WebSocket worked at home; the network of the office does not have them."""
    proxy = stage.proxy(geventio_ports['plain'])
    options = {'port': proxy.port, 'transports': list(NAMES), 'rememberTransport': True,
               'connectTimeout': 1000}
    assert chat(page, **options)['transport'] == 'websocket'
    proxy.upgrades = upgrades
    page.reload()
    page.evaluate(CHAT)
    assert chat(page, **options)['transport'] == 'polling'
    page.reload()
    page.evaluate(CHAT)
    told = chat(page, **options)
    assert told['heard'][0] == 'connecting polling', 'what worked is not remembered'
    proxy.upgrades = 'pass'
    page.reload()
    page.evaluate(CHAT)
    assert chat(page, **options)['heard'].count('connect') == 1
    stage.tidy()


def test_nothing_is_remembered_against_ones_will(page: Page, geventio_ports: Ports) -> None:
    chat(page, port=geventio_ports['plain'], rememberTransport=False)
    assert page.evaluate('[localStorage.length, document.cookie]') == [0, '']

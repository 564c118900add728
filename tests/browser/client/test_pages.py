"""What pages and networks do to the client: policies, blocked ways, leaving, workers, builds."""
from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from ..cdp import Browser, Page
from .conftest import Ports
from .stage import CLIENTS, FILES, ROOT, Stage

pytestmark = pytest.mark.timeout(60)

# Connects as the options say, or as it is by default; tells how that went.
ARRIVE = """
    window.arrive = async (port, options) => {
      const begun = Date.now();
      const trial = new Trial({});
      const socket = window.last = io(`http://127.0.0.1:${port}`, { forceNew: true, ...options });
      await trial.next(socket, 'connect', 12000);
      const [answer] = await trial.ask(socket, 'echo', new Uint8Array([1, 2]));
      return {
        transport: socket.io.engine.transport.name, seconds: (Date.now() - begun) / 1000,
        answer: plain(answer),
      };
    };
    null
"""


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Page:
    page = browser.new_page(stage.page('ours'))
    page.evaluate(ARRIVE)
    return page


def arrive(page: Page, port: int, **options: Any) -> Any:
    return page.evaluate(f'arrive({port}, {json.dumps(options)})', 20)


def play(page: Page, name: str, ports: Ports, transport: str) -> Any:
    """Play a scenario; its log."""
    client = page.evaluate('document.title')
    setting = {'port': ports['plain'], 'ports': ports, 'last': transport,
               'unique': f'{name} {client}', 'options': {'transports': [transport]}}
    played = page.evaluate(f'play({json.dumps(name)}, {json.dumps(setting)})', 20)
    assert played['failure'] is None
    return played['transcript']


def test_the_best_transport_is_found(page: Page, geventio_ports: Ports) -> None:
    assert arrive(page, geventio_ports['plain'])['transport'] == 'websocket'


@pytest.mark.parametrize('upgrades', ['refuse', 'drop', 'hang'])
@pytest.mark.parametrize('server, kind, transport', [
    ('geventio', 'plain', 'polling'), ('geventio', 'bare', 'jsonp'), ('node', 'plain', 'polling'),
])
def test_a_proxy_without_websockets(page: Page, stage: Stage, request: pytest.FixtureRequest,
                                    server: str, kind: str, transport: str,
                                    upgrades: str) -> None:
    """Another origin with CORS headers is polled, one without them by scripts."""
    ports: Ports = request.getfixturevalue(f'{server}_ports')
    told = arrive(page, stage.proxy(ports[kind], upgrades).port, connectTimeout=2000)
    assert told['transport'] == transport
    assert told['answer'].startswith('ArrayBuffer(2) 1 2')
    stage.tidy()


def test_a_proxy_without_websockets_for_who_sets_nothing(page: Page, stage: Stage,
                                                         geventio_ports: Ports) -> None:
    told = arrive(page, stage.proxy(geventio_ports['plain'], 'hang').port)
    assert told['transport'] == 'polling'
    assert told['seconds'] < 10
    stage.tidy()


def test_without_leave_polling_is_refused(page: Page, geventio_ports: Ports) -> None:
    """What the tests of JSONP rest on: the browser forbids the page to poll that server."""
    assert page.run(f"""
        const socket = io('http://127.0.0.1:{geventio_ports['bare']}',
                          {{transports: ['polling'], reconnection: false}});
        return (await new Trial({{}}).next(socket, 'connect_error')).length;
    """) == 1


@pytest.mark.parametrize('transport', ['websocket', 'polling'])
def test_strict_policy(browser: Browser, stage: Stage, geventio_ports: Ports,
                       transport: str) -> None:
    """No evaluation, no inline scripts, no styles, no frames: two transports need none of them."""
    page = browser.new_page(stage.page('ours', csp='strict'))
    page.evaluate("""
        window.violations = [];
        addEventListener('securitypolicyviolation', (event) => {
            violations.push(event.effectiveDirective);
        });
        null
    """)
    assert play(page, 'policy of the page', geventio_ports, transport) == [
        ['evaluation', 'thrown: true'], ['echo', [{'a': 'ArrayBuffer(1) 1 #1'}, 'b']]]
    assert page.evaluate('violations') == ['script-src']  # by the scenario itself


def test_strict_policy_ends_in_an_error(browser: Browser, stage: Stage,
                                        geventio_ports: Ports) -> None:
    """JSONP needs a frame and a script of another origin: not there, which is said."""
    page = browser.new_page(stage.page('ours', csp='strict'))
    assert page.run(f"""
        const socket = io('http://127.0.0.1:{geventio_ports['bare']}',
                          {{transports: ['jsonp'], reconnection: false, timeout: 2000}});
        return (await new Trial({{}}).next(socket, 'connect_error')).length;
    """) == 1


@pytest.mark.parametrize('transport', ['websocket', 'polling', 'jsonp'])
def test_the_server_hears_that_a_page_is_closed(browser: Browser, page: Page, stage: Stage,
                                                geventio_ports: Ports, transport: str) -> None:
    port = geventio_ports['bare' if transport == 'jsonp' else 'plain']
    observer = browser.new_page(stage.page('ours'))
    observer.evaluate(ARRIVE)
    arrive(observer, port, transports=['websocket'])
    arrive(page, port, transports=[transport])
    sid = page.evaluate('last.id')
    page.goto(stage.page('ours'))
    assert observer.run(f"""
        const deadline = Date.now() + 5000;
        let reason = null;
        while (!reason && Date.now() < deadline) {{
            reason = await last.emitWithAck('reason of', {json.dumps(sid)});
        }}
        return reason;
    """) in ('transport close', 'transport error')


@pytest.mark.parametrize('transport', ['websocket', 'polling'])
def test_back_to_the_page(page: Page, stage: Stage, geventio_ports: Ports,
                          transport: str) -> None:
    """Whether the browser kept the page or loads it again, it has a connection."""
    arrive(page, geventio_ports['plain'], transports=[transport])
    page.evaluate("window.kept = true; addEventListener('pageshow', () => { window.back = true })")
    page.goto(stage.page('ours', second='page'))
    page.call('Runtime.evaluate', expression='history.back()', userGesture=True)
    page.wait_for("window.kept === undefined ? !location.search.includes('second') : window.back")
    if page.evaluate('window.kept'):
        page.wait_for('last.connected', 10)
        assert page.run("return last.emitWithAck('echo', 1)") == 1


def test_offline_and_online(page: Page, geventio_ports: Ports) -> None:
    """The browser knows before any time-out does; the client comes back when it can."""
    arrive(page, geventio_ports['plain'], transports=['websocket', 'polling'],
           reconnectionDelay=50, reconnectionDelayMax=100)
    page.evaluate("""
        window.gone = new Trial({}).next(last, 'disconnect');
        window.back = new Trial({}).next(last, 'connect', 10000);
        null
    """)
    conditions = {'latency': 0, 'downloadThroughput': -1, 'uploadThroughput': -1}
    page.call('Network.enable')
    page.call('Network.emulateNetworkConditions', offline=True, **conditions)
    assert page.evaluate('gone.then(([reason]) => reason)') == 'transport close'
    page.call('Network.emulateNetworkConditions', offline=False, **conditions)
    assert page.evaluate("back.then(() => last.emitWithAck('echo', 1))", 15) == 1


@pytest.mark.parametrize('transport', ['websocket', 'polling'])
def test_in_a_worker(page: Page, stage: Stage, geventio_ports: Ports, transport: str) -> None:
    """There is no document and no window there."""
    options = json.dumps({'transports': [transport]})
    script = f"""
        importScripts('{stage.url}/client/geventio.js');
        const socket = io('http://127.0.0.1:{geventio_ports['plain']}', {options});
        socket.on('connect', async () => postMessage(await socket.emitWithAck('echo', 'worked')));
        socket.on('connect_error', (error) => postMessage(error.message));
    """
    assert page.run(f"""
        const blob = new Blob([{json.dumps(script)}], {{type: 'text/javascript'}});
        const worker = new Worker(URL.createObjectURL(blob));
        const answer = await within(new Promise((resolve, reject) => {{
            worker.onmessage = ({{data}}) => resolve(data);
            worker.onerror = (event) => reject(new Error(event.message));
        }}), 'word from the worker');
        worker.terminate();
        return answer;
    """) == 'worked'


def test_as_a_module(browser: Browser, stage: Stage, geventio_ports: Ports) -> None:
    page = browser.new_page(stage.page('ours'))
    assert page.run(f"""
        const module = await import('/client/geventio.esm.js');
        const socket = module.io('http://127.0.0.1:{geventio_ports['plain']}');
        await new Trial({{}}).next(socket, 'connect');
        const answer = await socket.emitWithAck('echo', 1);
        socket.disconnect();
        return [answer, typeof module.Manager, typeof module.Socket, module.default === module.io];
    """) == [1, 'function', 'function', True]


@pytest.fixture(scope='module')
def builds(chromium: Browser, stage: Stage) -> list[Page]:
    return [chromium.new_page(stage.page(client)) for client in ('ours', 'minified')]


@pytest.mark.parametrize('name', [
    'connect and disconnect', 'refused with data', 'settings of a manager', 'binary', 'blobs',
    'listeners of every event', 'answers that do not come', 'comes back', 'kept while offline',
    'retries', 'events of the engine',
])
def test_the_minified_build(builds: list[Page], geventio_ports: Ports, name: str) -> None:
    """It plays as the readable one does."""
    logs = [play(page, name, geventio_ports, 'polling') for page in builds]
    assert logs[0] == logs[1]


def test_sizes_are_documented() -> None:
    """In kilobytes, minified and gzipped; the last byte may be another one elsewhere."""
    table = (ROOT / 'docs' / 'client.md').read_text()
    for path in CLIENTS['minified'], CLIENTS['official'].with_name('socket.io.min.js'):
        row = re.search(rf'\| `{path.name}`.*?\| ([\d.]+) kB \| ([\d.]+) kB \|', table)
        assert row, f'{path.name} is not in the table'
        data = path.read_bytes()
        sizes = [len(part) / 1000 for part in (data, gzip.compress(data))]
        assert [float(text) for text in row.groups()] == pytest.approx(sizes, abs=0.1), path.name


def test_all_builds_are_there() -> None:
    assert [path for path in FILES.values() if not path.exists()] == []

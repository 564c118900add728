"""A server that talks nonsense: an error for the application, nothing thrown into the page."""
from __future__ import annotations

import json
from typing import Any

import pytest

from ..cdp import Browser, Page, PageError
from .fake import CONNECTED, OPEN
from .stage import Stage

pytestmark = pytest.mark.timeout(60)

TRANSPORTS = ('websocket', 'polling', 'jsonp')
DEEP = '[' * 200_000

#: After a good beginning; {'bytes': ...} is a binary frame.
MALFORMED: dict[str, list[Any]] = {
    'unknown engine packet': ['9'],
    'no engine packet': [''],
    'markup': ['<html><script>hacked = true</script>'],
    'second handshake': [OPEN],
    'pong': ['3'],
    'no packet': ['4'],
    'unknown packet': ['47'],
    'letter for a packet': ['4x'],
    'event without data': ['42'],
    'event that is an object': ['42{"a":1}'],
    'event that is text': ['42"x"'],
    'event that is null': ['42null'],
    'event without name': ['42[]'],
    'event named by null': ['42[null]'],
    'event named by an object': ['42[{}]'],
    'reserved name': ['42["connect"]'],
    'reserved error': ['42["connect_error",{}]'],
    'reserved end': ['42["disconnect","x"]'],
    'broken JSON': ['42["x"'],
    'more than JSON': ['42["x"]]'],
    'deep JSON': ['42["x",' + DEEP],
    'ack that is an object': ['430{}'],
    'long id': ['421234567890123456["x"]'],
    'refusal that is a number': ['441'],
    'no count': ['45["x"]'],
    'count for a plain event': ['421-["x"]'],
    'too many attachments': ['4511-["x"]'],
    'endless attachments': ['4599999999999999999-["x"]'],
    'negative count': ['45-1-["x"]'],
    'placeholder out of range': ['451-["x",{"_placeholder":true,"num":1}]', {'bytes': [1]}],
    'placeholder below': ['451-["x",{"_placeholder":true,"num":-1}]', {'bytes': [1]}],
    'placeholder that is no index': [
        '451-["x",{"_placeholder":true,"num":"length"}]', {'bytes': [1]}],
    'placeholder of a method': ['451-["x",{"_placeholder":true,"num":"push"}]', {'bytes': [1]}],
    'binary nobody announced': [{'bytes': [1]}],
    'text in place of an attachment': [
        '451-["x",{"_placeholder":true,"num":0}]', '42["y"]'],
    'connect that is a list': ['40[1]'],
    'disconnect with data': ['41"x"'],
}

#: What polling alone can say.
MALFORMED_POLLS: dict[str, list[Any]] = {
    'broken base64': ['b!!!'],
    'half of base64': ['451-["x",{"_placeholder":true,"num":0}]', 'bA'],
    'a separator too many': ['6', '', '6'],
}

#: In place of the handshake packet.
HANDSHAKES = {
    'nothing': '',
    'no JSON': '0',
    'broken JSON': '0{"sid":',
    'null': '0null',
    'list': '0[1]',
    'number as id': OPEN.replace('"engine"', '7'),
    'no id': OPEN.replace('"sid"', '"dis"'),
    'no heartbeat': '0{"sid":"x","upgrades":[]}',
    'heartbeat in words': OPEN.replace('25000', '"often"'),
    'message before it': '42["x"]',
    'close': '1',
    'markup': '<!doctype html><script>hacked = true</script>',
    'deep': '0' + DEEP,
}

#: In place of the answer to CONNECT.
REFUSALS = {
    'a server of the second generation': '40',
    'number as id': '40{"sid":1}',
    'empty id': '40{"sid":""}',
    'no id': '40{"x":1}',
    'list': '40["x"]',
    'null': '40null',
    'text': '44"no entry"',
    'object': '44{"message":"no entry","data":{"a":1}}',
    'object without message': '44{}',
    'null refusal': '44null',
    'empty refusal': '44',
    'a refusal that is markup': '44{"message":"<img src=x onerror=hacked=true>"}',
}

#: In place of the first answer over HTTP: body, status, content type.
ANSWERS = {
    'error page': ('<html>no</html>', 502, 'text/html'),
    'page': ('<html><script>hacked = true</script></html>', 200, 'text/html'),
    'script': ('hacked = true; throw new Error("by the script")', 200, 'text/javascript'),
    'script with a mistake': ('___eio[0]("', 200, 'text/javascript'),
    'script that hands over an object': ('___eio[0]({length: 1})', 200, 'text/javascript'),
    'script that hands over nothing': ('___eio[0]()', 200, 'text/javascript'),
    'script that reaches for the page': (
        'try { parent.hacked = true } catch (e) {} top.location = "about:blank#hacked"',
        200, 'text/javascript'),
    'nothing': ('', 200, 'text/plain'),
    'redirect to nowhere': ('', 302, 'text/plain'),
}

# Plays against a fake server; tells what became of the first session, and whether the client
# could come again after it.
PLAY = """
    window.encounter = async (script, transport, again) => {
      const trial = new Trial({});
      const { port } = await trial.post('/fake', { script });
      const socket = io(`http://127.0.0.1:${port}`, {
        forceNew: true, transports: [transport], reconnection: again, reconnectionDelay: 5,
        reconnectionDelayMax: 5,
      });
      const told = [];
      socket.on('connect', () => told.push('connect'));
      socket.on('x', () => told.push('event'));
      const [event, reason] = await Promise.race([
        trial.next(socket, 'disconnect').then(([text]) => ['disconnect', text]),
        trial.next(socket, 'connect_error', 3000).then(([error]) => (
          ['connect_error', error instanceof Error && typeof error.message])),
      ]);
      if (again) await trial.next(socket, 'connect');
      socket.disconnect();
      await pause(0);
      return [event, reason, told, uncaught.splice(0), window.hacked];
    };
    null
"""


@pytest.fixture(scope='module')
def page(chromium: Browser, stage: Stage) -> Page:
    page = chromium.new_page(stage.page('ours'))
    page.evaluate(PLAY)
    return page


def encounter(page: Page, stage: Stage, script: dict[str, Any], transport: str, *,
              again: bool = False) -> Any:
    """What a page sees of a server: event, its argument, what was told before and after."""
    try:
        outcome = page.evaluate(
            f'encounter({json.dumps(script)}, {json.dumps(transport)}, {json.dumps(again)})', 20)
    finally:
        stage.tidy()
    assert page.errors == []
    *outcome, uncaught, hacked = outcome
    assert uncaught == []
    assert hacked is None
    return outcome


@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('frames', MALFORMED.values(), ids=MALFORMED)
def test_malformed_packets(page: Page, stage: Stage, frames: list[Any], transport: str) -> None:
    """The connection ends with the reason, and the client comes again."""
    assert encounter(page, stage, {'frames': frames}, transport, again=True) == [
        'disconnect', 'parse error', ['connect', 'connect']]


@pytest.mark.parametrize('transport', ['polling', 'jsonp'])
@pytest.mark.parametrize('frames', MALFORMED_POLLS.values(), ids=MALFORMED_POLLS)
def test_malformed_payloads(page: Page, stage: Stage, frames: list[Any], transport: str) -> None:
    assert encounter(page, stage, {'frames': frames}, transport, again=True) == [
        'disconnect', 'parse error', ['connect', 'connect']]


def test_text_that_is_no_text(page: Page, stage: Stage) -> None:
    """The browser itself ends a WebSocket that brings invalid UTF-8."""
    frames = [{'text': [0x34, 0x32, 0xff]}]
    event, reason, told = encounter(page, stage, {'frames': frames}, 'websocket', again=True)
    assert [event, told] == ['disconnect', ['connect', 'connect']]
    assert reason in ('transport close', 'transport error')


@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('opening', HANDSHAKES.values(), ids=HANDSHAKES)
def test_malformed_handshakes(page: Page, stage: Stage, opening: str, transport: str) -> None:
    assert encounter(page, stage, {'open': opening}, transport) == ['connect_error', 'string', []]


def test_the_official_client_throws(browser: Browser, stage: Stage, official: None) -> None:
    """Why docs/client.md lists a difference."""
    page = browser.new_page(stage.page('official'))
    page.evaluate(PLAY)
    with pytest.raises(PageError, match='no .connect_error'):
        encounter(page, stage, {'open': '0{"sid":'}, 'websocket')
    assert 'SyntaxError' in page.errors[0]
    page.errors.clear()


@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('answer', REFUSALS.values(), ids=REFUSALS)
def test_refusals(page: Page, stage: Stage, answer: str, transport: str) -> None:
    assert encounter(page, stage, {'connect': answer}, transport) == [
        'connect_error', 'string', []]


@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('answer', ANSWERS.values(), ids=ANSWERS)
def test_other_answers(page: Page, stage: Stage, answer: tuple[str, int, str],
                       transport: str) -> None:
    body, status, kind = answer
    script = {'body': body, 'status': status, 'type': kind}
    assert encounter(page, stage, script, transport) == ['connect_error', 'string', []]
    assert page.evaluate('location.hash') == ''


@pytest.mark.parametrize('transport', TRANSPORTS)
def test_oddities_that_harm_nobody(page: Page, stage: Stage, transport: str) -> None:
    frames = ['6', '43["answer without id"]', '4399["answer nobody waits for"]',
              '42/other,["namespace nobody joined"]', '42[7,"a number as name"]',
              '450-["x",{"_placeholder":true,"num":0}]', '42/,["x"]', '41']
    assert encounter(page, stage, {'frames': frames}, transport) == [
        'disconnect', 'io server disconnect', ['connect', 'event', 'event']]


@pytest.mark.parametrize('transport', TRANSPORTS)
def test_events_ahead_of_connect(page: Page, stage: Stage, transport: str) -> None:
    frames = [CONNECTED, '41']
    event, reason, told = encounter(
        page, stage, {'connect': '42["x"]', 'frames': frames}, transport)
    assert [event, reason] == ['disconnect', 'io server disconnect']
    assert sorted(told) == ['connect', 'event']


@pytest.mark.parametrize('transport', TRANSPORTS)
def test_answers_count_once(page: Page, stage: Stage, transport: str) -> None:
    """Each side may answer an event once: what comes a second time is nobody's."""
    fake = stage.fake({'frames': ['420["x"]', '430["one"]', '430["two"]', '42["end"]']})
    assert page.run(f"""
        const socket = io('http://127.0.0.1:{fake.port}', {{
            forceNew: true, transports: ['{transport}'],
        }});
        const told = [];
        socket.emit('asked', (answer) => told.push(answer));
        socket.on('x', (answer) => {{ answer(1); answer(2); }});
        await new Trial({{}}).next(socket, 'end');
        socket.emit('over');
        return told;
    """) == ['one']
    fake.await_text('42["over"]')
    stage.tidy()
    assert [text for text in fake.received if text != '1'] == [
        '40', '420["asked"]', '430[1]', '42["over"]']

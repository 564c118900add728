"""SockJS: the documents' examples both ways, what JavaScript makes of it, and hostile input."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geventio.errors import HTTPError, ProtocolError
from geventio.protocol import sockjs
from geventio.protocol.sockjs import Route, decode_frame, decode_messages, parse_path, quote

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# -- JavaScript's opinion -----------------------------------------------------------------------

# Reads a line with a JSON list of scripts, runs each, answers with what the callbacks were given.
EVALUATOR = """
const vm = require('vm');
require('readline').createInterface({input: process.stdin}).on('line', line => {
  console.log(JSON.stringify(JSON.parse(line).map(script => {
    const got = [], take = (...args) => got.push(...args);
    vm.runInNewContext(script, {p: take, cb: {a: take}, decode: text => take(decodeURI(text))});
    return got;
  })));
});
"""

Evaluate = Callable[[list[str]], list[list[str]]]


@pytest.fixture(scope='module')
def evaluate() -> Iterator[Evaluate]:
    node = shutil.which('node')
    if node is None:
        pytest.skip('needs Node.js')
    with subprocess.Popen(
        [node, '-e', EVALUATOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def run(scripts: list[str]) -> list[list[str]]:
            stdin.write(json.dumps(scripts).encode() + b'\n')
            stdin.flush()
            answer: list[list[str]] = json.loads(stdout.readline())
            return answer

        yield run
        process.kill()


# Characters that something between server and application is known to change.
FRAGILE = frozenset({
    *range(0x20), *range(0x200C, 0x2010), *range(0x2028, 0x2030), *range(0x2060, 0x2070),
    *range(0xD800, 0xE000), *range(0xFFF0, 0x10000),
})  # fmt: skip

any_text = st.text(st.characters()) | st.text('"\\<>/!-%\u2028\u200c\uffff\ud800\udc00\r\n\0é😀')


def utf16(text: str) -> bytes:
    # To JSON two surrogates in a row are the character they encode.
    return text.encode('utf-16', 'surrogatepass')


# -- frames to the client -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ('text', 'quoted'),
    [
        ('', '""'),
        ('m1', '"m1"'),
        ('"\\/', '"\\"\\\\/"'),
        ('["a"]é', '"[\\"a\\"]é"'),
        ('a\nb', '"a\\u000ab"'),
        ('\0\x1f\x7f', '"\\u0000\\u001f\x7f"'),
        ('€\u2028\u200c', '"€\\u2028\\u200c"'),
        ('Hello world!\uffff', '"Hello world!\\uffff"'),
        ('\ufeff\u200b\u2010\u2027\u2030\u205f\u2070\ufff0',
         '"\ufeff\u200b\u2010\u2027\u2030\u205f\u2070\\ufff0"'),
        ('\ud800x\udfff', '"\\ud800x\\udfff"'),
        ('\ud7ff\ue000😀', '"\ud7ff\ue000😀"'),
    ],
)  # fmt: skip
def test_quote_vectors(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert json.loads(quoted) == text


def test_every_fragile_character_is_escaped_and_no_other() -> None:
    for code in range(0x10000):
        wanted = f'\\u{code:04x}' if code in FRAGILE else chr(code)
        if wanted in ('"', '\\'):
            wanted = '\\' + wanted
        assert quote(chr(code)) == f'"{wanted}"'


def test_frames() -> None:
    assert sockjs.OPEN == 'o'
    assert sockjs.HEARTBEAT == 'h'
    assert sockjs.messages([quote('m1'), quote('m2')]) == 'a["m1","m2"]'
    assert sockjs.messages([quote('a%'), quote('€\u2028\u200c')]) == 'a["a%","€\\u2028\\u200c"]'
    assert sockjs.messages([]) == 'a[]'
    assert sockjs.close(3000, 'Go away!') == 'c[3000,"Go away!"]'
    assert sockjs.close(2010, 'Another connection still open') == (
        'c[2010,"Another connection still open"]'
    )
    assert sockjs.close(1002, 'Connection interrupted') == 'c[1002,"Connection interrupted"]'
    assert sockjs.close(4999, '"\n') == 'c[4999,"\\"\\u000a"]'


@relaxed
@given(st.lists(any_text))
def test_frames_round_trip(texts: list[str]) -> None:
    frame = sockjs.messages(map(quote, texts))
    assert frame[0] == 'a'
    for read in (json.loads, decode_messages):
        assert list(map(utf16, read(frame[1:]))) == list(map(utf16, texts))
    frame.encode()
    assert not set(map(ord, frame)) & FRAGILE


@pytest.mark.parametrize(
    ('name', 'args', 'message'),
    [
        ('message', '"hello"', 'hello'),
        ('message', '""', ''),
        ('message', '"a\\"b\\\\\\u20ac\\ud800"', 'a"b\\€\ud800'),
        ('message', '"a","b"', '["message","a","b"]'),
        ('message', '"a" , 1', '["message","a" , 1]'),
        ('message', '', '["message"]'),
        ('message', '1', '["message",1]'),
        ('message', '["a"]', '["message",["a"]]'),
        ('message', 'null', '["message",null]'),
        ('chat', '"hello"', '["chat","hello"]'),
        ('chat', '', '["chat"]'),
    ],
)
def test_rewrite(name: str, args: str, message: str) -> None:
    array = f'["{name}",{args}]' if args else f'["{name}"]'
    assert sockjs.rewrite(name, args, array) == message


@given(st.sampled_from(['message', 'chat']), st.lists(any_text | st.integers(), max_size=3))
def test_rewrite_loses_nothing(name: str, args: list[Any]) -> None:
    inside = json.dumps(args)[1:-1]
    message = sockjs.rewrite(name, inside, json.dumps([name, *args]))
    if name == 'message' and len(args) == 1 and isinstance(args[0], str):
        assert utf16(message) == utf16(args[0])
    else:
        assert json.loads(message) == json.loads(json.dumps([name, *args]))


# -- messages from the client -------------------------------------------------------------------


@pytest.mark.parametrize(
    ('text', 'texts'),
    [
        ('["a","b"]', ['a', 'b']),
        ('[]', []),
        ('[""]', ['']),
        (' [ "a" ,\n"b" ] \r\n', ['a', 'b']),
        ('["%61bc"]', ['%61bc']),
        ('["\\ud800\\u0000\\uffff"]', ['\ud800\0\uffff']),
        ('["€"]', ['€']),
        ('["[1]"]', ['[1]']),
    ],
)
def test_arrays(text: str, texts: list[str]) -> None:
    assert decode_messages(text) == texts
    assert decode_frame(text) == texts


@pytest.mark.parametrize(('text', 'texts'), [('"single"', ['single']), ('""', ['']), ('', [])])
def test_websocket_frames_besides_arrays(text: str, texts: list[str]) -> None:
    assert decode_frame(text) == texts
    with pytest.raises(ProtocolError, match='Payload expected.'):
        decode_messages(text)


@pytest.mark.parametrize(
    ('text', 'answer'),
    [
        ('1', 'Payload expected.'),
        ('null', 'Payload expected.'),
        ('{"a":"b"}', 'Payload expected.'),
        ('[1]', 'Payload expected.'),
        ('["a",null]', 'Payload expected.'),
        ('["a",["b"]]', 'Payload expected.'),
        ('["a",true]', 'Payload expected.'),
        ('["x', 'Broken JSON encoding.'),
        ('["x"', 'Broken JSON encoding.'),
        ('["x",]', 'Broken JSON encoding.'),
        ('["a"]x', 'Broken JSON encoding.'),
        ('["a"]["b"]', 'Broken JSON encoding.'),
        ("['a']", 'Broken JSON encoding.'),
        ('["\n"]', 'Broken JSON encoding.'),
        ('[NaN]', 'Broken JSON encoding.'),
        ('"', 'Broken JSON encoding.'),
        (' ', 'Broken JSON encoding.'),
        ('\ufeff["a"]', 'Broken JSON encoding.'),
        ('[' * 100_000, 'Broken JSON encoding.'),
        ('[' * 300 + ']' * 300, 'Broken JSON encoding.'),
    ],
)
def test_refused(text: str, answer: str) -> None:
    for decode in (decode_messages, decode_frame):
        with pytest.raises(ProtocolError) as caught:
            decode(text)
        assert str(caught.value) == answer


json_like = st.text('[]{}",: \\u0aeE-+.tfn1"x\ud800€') | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)
).map(json.dumps)


@relaxed
@given(json_like)
def test_decoders_give_strings_or_refuse(text: str) -> None:
    for decode in (decode_messages, decode_frame):
        try:
            texts = decode(text)
        except ProtocolError as error:
            assert str(error) in (sockjs.PAYLOAD_EXPECTED, sockjs.BROKEN_JSON)
        else:
            assert all(type(item) is str for item in texts)


@pytest.mark.parametrize(
    ('body', 'form', 'text'),
    [
        (b'["a"]', False, '["a"]'),
        (b'["%61bc"]', False, '["%61bc"]'),
        (b'', False, ''),
        ('["€"]'.encode(), False, '["€"]'),
        (b'd=%5B%22a%22%5D', True, '["a"]'),
        (b'd=["a+b%2Bc"]', True, '["a b+c"]'),
        (b'd=["a\\nb"]', True, '["a\\nb"]'),
        (b'd=%5B%22%E2%82%AC%22%5D', True, '["€"]'),
        ('d=["€%20"]'.encode(), True, '["€ "]'),
        (b'x=1&d=["a"]&d=["b"]', True, '["a"]'),
        (b'd=a=b', True, 'a=b'),
        (b'd=', True, ''),
        (b'd', True, ''),
        (b'', True, ''),
        (b'x=1&D=2&dd=3', True, ''),
        (b'["a"]', True, ''),
    ],
)
def test_body_text(body: bytes, form: bool, text: str) -> None:
    assert sockjs.body_text(body, form=form) == text


@pytest.mark.parametrize('body', [b'\xff', b'["\xc3"]', b'["\xed\xa0\x80"]'])
def test_bodies_that_are_not_text(body: bytes) -> None:
    for form in (False, True):
        with pytest.raises(ProtocolError, match='Broken JSON encoding.'):
            sockjs.body_text(b'd=' + body, form=form)


def test_a_form_that_hides_what_is_not_text() -> None:
    for value in ('%FF', '%ED%A0%80', 'a%C3', '%', '%zz'):
        with pytest.raises(ProtocolError, match='Broken JSON encoding.'):
            sockjs.body_text(f'd={value}'.encode(), form=True)


@relaxed
@given(st.lists(st.text(st.characters(exclude_categories=['Cs']))))
def test_form_round_trip(texts: list[str]) -> None:
    for text in (json.dumps(texts), json.dumps(texts, ensure_ascii=False)):
        body = urlencode({'t': '1', 'd': text}).encode()
        assert decode_messages(sockjs.body_text(body, form=True)) == texts


@given(st.binary(), st.booleans())
def test_bodies_are_read_or_refused(body: bytes, form: bool) -> None:
    try:
        decode_messages(sockjs.body_text(b'd=' + body if form else body, form=form))
    except ProtocolError as error:
        assert str(error) in (sockjs.PAYLOAD_EXPECTED, sockjs.BROKEN_JSON)


# -- a frame on its transport -------------------------------------------------------------------


def test_xhr() -> None:
    assert sockjs.xhr('o') == b'o\n'
    assert sockjs.xhr('a["€"]') == 'a["€"]\n'.encode()
    assert sockjs.XHR_STREAMING_PRELUDE == b'h' * 2048 + b'\n'


def test_eventsource() -> None:
    assert sockjs.EVENTSOURCE_PRELUDE == b'\r\n'
    assert sockjs.eventsource('o') == b'data: o\r\n\r\n'
    assert sockjs.eventsource('a["a%b"]') == b'data: a["a%25b"]\r\n\r\n'
    assert sockjs.eventsource('a\r\n\0%0A') == b'data: a%0D%0A%00%250A\r\n\r\n'


def test_htmlfile() -> None:
    assert sockjs.htmlfile('o') == b'<script>\np("o");\n</script>\r\n'
    assert sockjs.htmlfile('a["x"]') == b'<script>\np("a[\\"x\\"]");\n</script>\r\n'
    assert sockjs.htmlfile('a["</script><!--"]') == (
        b'<script>\np("a[\\"\\u003c/script>\\u003c!--\\"]");\n</script>\r\n'
    )


def test_htmlfile_head() -> None:
    head = sockjs.htmlfile_head('_jp.cb')
    page, padding, rest = head.partition(b'</script>')
    assert page.decode().splitlines() == [
        '<!doctype html>',
        '<html><head>',
        '  <meta http-equiv="X-UA-Compatible" content="IE=edge" />',
        '  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />',
        "</head><body><h2>Don't panic!</h2>",
        '  <script>',
        '    document.domain = document.domain;',
        '    var c = parent._jp.cb;',
        '    c.start();',
        '    function p(d) {c.message(d);};',
        '    window.onload = function() {c.stop();};',
        '  ',
    ]
    assert rest.strip(b' ') == b'\r\n\r\n'
    for size in (1, 32):
        head = sockjs.htmlfile_head('x' * size)
        assert head.endswith(b' \r\n\r\n')
        assert len(head) == 1024 + 1 + 4


def test_jsonp() -> None:
    assert sockjs.jsonp('cb', 'o') == b'/**/cb("o");\r\n'
    assert sockjs.jsonp('a.b', 'c[3000,"Go away!"]') == b'/**/a.b("c[3000,\\"Go away!\\"]");\r\n'


@settings(relaxed, max_examples=25)
@given(st.lists(any_text, max_size=20))
def test_javascript_reads_each_frame_back(evaluate: Evaluate, texts: list[str]) -> None:
    frame = sockjs.messages(map(quote, texts))
    script = sockjs.htmlfile(frame).decode()
    assert script.count('<') == 2
    scripts = [
        sockjs.jsonp('cb.a', frame).decode(),
        script.removeprefix('<script>').removesuffix('</script>\r\n'),
        f'decode({json.dumps(sockjs.eventsource(frame).decode()[6:-4])})',
    ]
    assert evaluate(scripts) == [[frame]] * 3


@pytest.mark.parametrize('callback', ['callback', '_jp.a1b2c3', 'a-b_c.D0', '0', 'x' * 32])
def test_callbacks(callback: str) -> None:
    assert sockjs.check_callback(callback) == callback


@pytest.mark.parametrize(
    ('callback', 'reason'),
    [
        (None, '"callback" parameter required'),
        ('', '"callback" parameter required'),
        ('%20', 'invalid "callback" parameter'),
        ('*', 'invalid "callback" parameter'),
        ('abc(', 'invalid "callback" parameter'),
        ('abc%28', 'invalid "callback" parameter'),
        ('abc\n', 'invalid "callback" parameter'),
        ('é', 'invalid "callback" parameter'),
        ('٣', 'invalid "callback" parameter'),
        ('x' * 33, 'invalid "callback" parameter'),
    ],
)
def test_callbacks_refused(callback: str | None, reason: str) -> None:
    with pytest.raises(HTTPError) as caught:
        sockjs.check_callback(callback)
    assert (caught.value.status, caught.value.reason) == (500, reason)


# -- pages --------------------------------------------------------------------------------------


def test_greeting_and_404() -> None:
    assert sockjs.GREETING == b'Welcome to SockJS!\n'
    assert sockjs.NOT_FOUND == b'404 Error: Page not found\n'


def test_iframe() -> None:
    body, etag = sockjs.iframe('https://cdn.example/sockjs.min.js')
    assert body.decode().splitlines() == [
        '<!DOCTYPE html>',
        '<html>',
        '<head>',
        '  <meta http-equiv="X-UA-Compatible" content="IE=edge" />',
        '  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />',
        '  <script src="https://cdn.example/sockjs.min.js"></script>',
        '  <script>',
        '    document.domain = document.domain;',
        '    SockJS.bootstrap_iframe();',
        '  </script>',
        '</head>',
        '<body>',
        "  <h2>Don't panic!</h2>",
        "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>",
        '</body>',
        '</html>',
    ]
    assert etag == f'"{md5(body).hexdigest()}"'


def test_iframe_escapes_the_url() -> None:
    body, etag = sockjs.iframe('/a?b=1&c="><script>')
    assert b'<script src="/a?b=1&amp;c=&quot;&gt;&lt;script&gt;"></script>' in body
    assert etag != sockjs.iframe('/a')[1]


@pytest.mark.parametrize('url', ['', 'sockjs.js', 'javascript:alert(1)', ' /a'])
def test_iframe_refuses_other_urls(url: str) -> None:
    with pytest.raises(ValueError, match='begin with'):
        sockjs.iframe(url)


def test_info() -> None:
    assert sockjs.info(websocket=True, cookie_needed=True, entropy=1439519186) == (
        b'{"websocket":true,"origins":["*:*"],"cookie_needed":true,"entropy":1439519186}'
    )
    body = sockjs.info(websocket=False, cookie_needed=False, entropy=0, base_url='https://b/"é')
    assert json.loads(body) == {
        'websocket': False,
        'origins': ['*:*'],
        'cookie_needed': False,
        'entropy': 0,
        'base_url': 'https://b/"é',
    }


# -- paths --------------------------------------------------------------------------------------


def session(transport: str) -> Route:
    return Route('session', '000', 'e3a8-_', transport)


@pytest.mark.parametrize(
    ('path', 'route'),
    [
        ('', Route('greeting')),
        ('/info', Route('info')),
        ('/iframe.html', Route('iframe')),
        ('/iframe-a.html', Route('iframe')),
        ('/iframe-0.1.2.html', Route('iframe')),
        ('/iframe-0.1.2abc-dirty.2144.html', Route('iframe')),
        ('/iframe_.html', Route('iframe')),
        ('/websocket', Route('raw')),
        *(
            (f'/000/e3a8-_/{transport}', session(transport))
            for transport in (
                'websocket', 'xhr', 'xhr_streaming', 'xhr_send', 'eventsource', 'htmlfile',
                'jsonp', 'jsonp_send',
            )
        ),
        ('/a/a/xhr', Route('session', 'a', 'a', 'xhr')),
        ('/_/%2e/xhr', Route('session', '_', '%2e', 'xhr')),
        ('/1/' + 'x' * sockjs.MAX_ID_SIZE + '/xhr',
         Route('session', '1', 'x' * sockjs.MAX_ID_SIZE, 'xhr')),
    ],
)  # fmt: skip
def test_paths(path: str, route: Route) -> None:
    assert parse_path(path) == route
    assert parse_path(path + '/') == route
    assert parse_path(path + '//') is None
    assert parse_path('/' + path) is (None if path else parse_path(''))


@pytest.mark.parametrize(
    'path',
    [
        # The document's list.
        '/a', '/a.html', '//', '/a/a', '/iframe', '/iframe.htm', '/IFRAME.HTML', '/iframe-/.html',
        '//xhr', '/a./a/xhr',
        # And what is like it.
        '///', '/a/', '/a/a/', '///xhr', '//a/xhr', '/a//xhr', '/a/a./xhr', '/./a/xhr', '/a/./xhr',
        '/../../xhr', '/a/a/a/xhr', '/a/a/xhr_', '/a/a/XHR', '/a/a/xhr/a', '/a/a/xhr.', '/xhr',
        '/a/xhr', '/a/a/info', '/a/info', '/Info', '/info/a', '/info.json', '/websocket/a',
        '/iframe/', '/iframe.HTML', '/iframe.xml', '/iframeA.html', '/iframe-%41.html',
        '/iframehtml', 'iframe.html', '/iframe.html\n', '/a/a/xhr\n', '/info\n',
        'x', '.', '/.', '/%69nfo',
        '/1/' + 'x' * (sockjs.MAX_ID_SIZE + 1) + '/xhr',
        '/' + '1' * (sockjs.MAX_ID_SIZE + 1) + '/x/xhr',
    ],
)  # fmt: skip
def test_not_found(path: str) -> None:
    assert parse_path(path) is None


def test_without_websocket_its_paths_do_not_exist() -> None:
    for path in ('/websocket', '/000/abc/websocket'):
        assert parse_path(path) is not None
        assert parse_path(path, websocket=False) is None
    for path in ('', '/info', '/iframe.html', '/000/abc/xhr'):
        assert parse_path(path, websocket=False) == parse_path(path) is not None


ids = st.text(st.characters(exclude_characters='/.'), min_size=1, max_size=sockjs.MAX_ID_SIZE)


@given(ids, ids, st.sampled_from(['', '/']))
def test_any_id_without_slash_and_dot(server: str, secret: str, slash: str) -> None:
    route = parse_path(f'/{server}/{secret}/xhr_send{slash}')
    assert route == Route('session', server, secret, 'xhr_send')


@given(st.text('/.axhr_sendwebocktifml-0') | st.text())
def test_any_path_has_one_meaning_or_none(path: str) -> None:
    route = parse_path(path)
    if route is not None and route.kind == 'session':
        parts = f'/{route.server}/{route.session}/{route.transport}'
        assert path.removesuffix('/') == parts


# -- time ---------------------------------------------------------------------------------------


def test_a_megabyte_of_anything_in_linear_time() -> None:
    started = time.process_time()
    for text in ('"' * 1_000_000, '\0' * 1_000_000, '\ud800' * 1_000_000, '</' * 500_000):
        frame = sockjs.messages([quote(text)])
        for wrap in (sockjs.xhr, sockjs.eventsource, sockjs.htmlfile):
            wrap(frame)
    for text in ('[' * 1_000_000, '["' + '\\' * 999_998, '["",' * 250_000, '"",' * 333_333,
                 ' ' * 1_000_000, '[' + '"a",' * 250_000 + '"b"]', '[' + '1' * 1_000_000 + ']',
                 '[' * 500_000 + ']' * 500_000, '"' + '\\ud800' * 166_000 + '"'):
        for decode in (decode_messages, decode_frame):
            try:
                decode(text)
            except ProtocolError as error:
                assert str(error) in (sockjs.PAYLOAD_EXPECTED, sockjs.BROKEN_JSON)
    for body in (b'&' * 1_000_000, b'd&' * 500_000, b'd=' + b'%25' * 333_333,
                 b'd=' + b'+' * 1_000_000, b'=' * 1_000_000,
                 b'd=' + b'%E2%82%AC' * 111_111, b'd=' + '%41é'.encode() * 150_000):
        sockjs.body_text(body, form=True)
    for path in ('/' * 16_000, '/a' * 8_000, '/iframe' + '.html' * 3_000, '/a/' + 'x' * 16_000):
        parse_path(path)
    assert time.process_time() - started < 10

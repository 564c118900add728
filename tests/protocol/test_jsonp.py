"""JSONP: scripts are judged by a JavaScript engine, forms by what browsers' clients do."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geventio.errors import ProtocolError
from geventio.protocol import jsonp

# How long one example takes depends on what else the machine does.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Reads a line with a JSON list of scripts, runs each, answers with what the callbacks were given.
EVALUATOR = """
const vm = require('vm');
require('readline').createInterface({input: process.stdin}).on('line', line => {
  console.log(JSON.stringify(JSON.parse(line).map(script => {
    const got = [];
    vm.runInNewContext(script, {___eio: {7: (...args) => got.push(...args)}});
    return got;
  })));
});
"""

Evaluate = Callable[[list[str]], list[list[str]]]

troublesome = [
    '',
    '4hello',
    '118:0{"sid":"a"}',
    '"',
    "'",
    '\\',
    '\\\\"',
    '\\u0041',
    '</script><script>alert(1)</script>',
    '<!--<script>',
    ']]>-->',
    '\u2028\u2029',
    '\r\n\t\b\f\v\0\x1e\x7f\x85',
    'é€😀',
    '\ud800',
    '\udc00\ud800',
    '\ufeff\ufffe\uffff',
    '`${1}`',
    ');alert(1);(',
    '*/ // /*',
]


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


def test_callback_vector() -> None:
    assert jsonp.callback_body('5', '118:0{"sid":"a"}') == b'___eio[5]("118:0{\\"sid\\":\\"a\\"}");'


@pytest.mark.parametrize(
    ('index', 'digits'),
    [
        ('0', '0'),
        ('12', '12'),
        ('0a1', '01'),
        ('', ''),
        ('](alert)//', ''),
        ('-1', '1'),
        ('1\n2', '12'),
        ('٣²', ''),
        ('1' * jsonp.MAX_INDEX_DIGITS, '1' * jsonp.MAX_INDEX_DIGITS),
        ('1' * 5000, '1' * jsonp.MAX_INDEX_DIGITS),
    ],
)
def test_only_digits_of_the_index_are_echoed(index: str, digits: str) -> None:
    assert jsonp.callback_body(index, 'x') == f'___eio[{digits}]("x");'.encode()


@pytest.mark.parametrize('payload', troublesome)
def test_the_script_is_inert_text(payload: str) -> None:
    body = jsonp.callback_body('7', payload)
    assert body.isascii()
    assert b'<' not in body
    assert not any(byte < 0x20 for byte in body)


def test_javascript_reads_the_payload_back(evaluate: Evaluate) -> None:
    scripts = [jsonp.callback_body('7', payload).decode() for payload in troublesome]
    assert evaluate(scripts) == [[payload] for payload in troublesome]


def utf16(text: str) -> bytes:
    # To JavaScript two surrogates in a row are the character they encode.
    return text.encode('utf-16', 'surrogatepass')


@settings(relaxed, max_examples=25)
@given(st.lists(st.text(st.characters()) | st.text('<>/!-\\"\'\u2028\r\n'), max_size=40))
def test_javascript_reads_any_text_back(evaluate: Evaluate, payloads: list[str]) -> None:
    scripts = [jsonp.callback_body('7', payload).decode() for payload in payloads]
    got = evaluate(scripts)
    assert [utf16(text) for [text] in got] == [utf16(payload) for payload in payloads]


# -- forms ----------------------------------------------------------------------------------


def as_client(payload: str) -> bytes:
    """Encode the way the client library fills its form and a browser sends it."""
    return urlencode({'d': payload.replace('\\n', '\\\n').replace('\n', '\\n')}).encode()


@pytest.mark.parametrize(
    ('body', 'payload'),
    [
        (b'd=4hello', '4hello'),
        (b'd=42%5B%22m%22%2C%22a%5C%5Cnb%22%5D', '42["m","a\\nb"]'),
        (b'd=a%5Cnb', 'a\nb'),
        (b'd=a%5C%5C%5Cnb', 'a\\\\nb'),
        (b'd=a%5Cn%5C%5Cn%5Cn', 'a\n\\n\n'),
        (b'd=%5C%5C', '\\\\'),
        (b'd=a+b%2bc', 'a b+c'),
        (b'd=%E2%82%AC', '€'),
        ('d=€'.encode(), '€'),
        (b'd=1%3D2=3', '1=2=3'),
        (b'd=', ''),
        (b'd', ''),
        (b'x=1&d=2&y=3', '2'),
        (b'd=first&d=second', 'first'),
        (b'', None),
        (b'&&', None),
        (b'D=1', None),
        (b'dd=1', None),
        (b'd[]=1&d.x=2', None),
        (b'4hello', None),
    ],
)
def test_form_vectors(body: bytes, payload: str | None) -> None:
    assert jsonp.form_payload(body) == payload


@pytest.mark.parametrize(
    'body', [b'd=%', b'd=%4', b'd=%zz', b'd=%+1', b'd=%FF', b'd=\xff', b'd=%C3', b'd=%ED%A0%80']
)
def test_form_refuses(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        jsonp.form_payload(body)


def test_fields_of_others_are_not_judged() -> None:
    assert jsonp.form_payload(b'x=%zz&d=1&y=\xff') == '1'


# A backslash right before a real newline is what the client's escaping cannot tell from the two
# characters. Payloads are JSON, where no newline is real.
@relaxed
@given(
    (st.text(st.characters(exclude_categories=['Cs'])) | st.text('\\na+%&=\n')).filter(
        lambda text: '\\\n' not in text
    )
)
def test_form_round_trip(payload: str) -> None:
    assert jsonp.form_payload(as_client(payload)) == payload


def test_a_form_of_many_fields_and_escapes_is_read_in_linear_time() -> None:
    assert jsonp.form_payload(b'&' * 500_000 + b'd=' + b'%5Cn' * 100_000) == '\n' * 100_000
    assert jsonp.form_payload(b'd=' + quote_plus('\\' * 300_000).encode()) == '\\' * 300_000

"""Socket.IO 0.6: vectors of server 0.6.17, what dojox.socket posts, and anything else."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geventio.errors import ProtocolError
from geventio.protocol import sio06, socketio
from geventio.protocol.jsontext import Encoder, OtherJSON
from geventio.protocol.sio06 import decode, event_of, rewrite

# How long one example takes depends on what else the machine does.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

LIMIT = 1_000_000

# -- frames ---------------------------------------------------------------------------------

FRAMES = [
    ([], ''),
    ([''], '~m~0~m~'),
    (['hello'], '~m~5~m~hello'),
    (['€'], '~m~1~m~€'),
    (['😀'], '~m~2~m~😀'),
    (['~j~{"a":1}'], '~m~10~m~~j~{"a":1}'),
    (['5', '1,2'], '~m~1~m~5~m~3~m~1,2'),
    (['~h~1'], '~m~4~m~~h~1'),
    (['7435502511253433'], '~m~16~m~7435502511253433'),
    (['~j~{"hello":"€"}'], '~m~16~m~~j~{"hello":"€"}'),
    (['hello', '~j~{}'], '~m~5~m~hello~m~5~m~~j~{}'),
    (['a😀', '', '~m~3~m~', 'b'], '~m~3~m~a😀~m~0~m~~m~7~m~~m~3~m~~m~1~m~b'),
]


@pytest.mark.parametrize(('bodies', 'text'), FRAMES)
def test_frame_vectors(bodies: list[str], text: str) -> None:
    assert ''.join(map(sio06.encode, bodies)) == text
    assert decode(text, LIMIT) == bodies


@pytest.mark.parametrize(
    ('text', 'bodies'),
    [
        ('hello', []),
        ('x~m~1~m~a', []),
        ('~m~', []),
        ('~m~5', []),
        ('~m~5~m', []),
        ('~m~x~m~a', []),
        ('~m~-1~m~a', []),
        ('~m~1.0~m~a', []),
        ('~m~٣~m~abc', []),
        ('~m~~m~', ['']),
        ('~m~005~m~hello', ['hello']),
        ('~m~5~m~hello\n', ['hello']),
        ('~m~5~m~hello world', ['hello']),
        ('~m~2~m~hello~m~1~m~a', ['he']),
        ('~m~9~m~hello', ['hello']),
        ('~m~9~m~', ['']),
        ('~m~1~m~a~m~9~m~b~m~1~m~c', ['a', 'b~m~1~m~c']),
        ('~m~1~m~😀~m~1~m~a', ['']),  # cuts the character
        ('~m~2~m~😀😀~m~1~m~a', ['😀']),
    ],
)
def test_lenient_frames(text: str, bodies: list[str]) -> None:
    assert decode(text, LIMIT) == bodies


@pytest.mark.parametrize(
    ('text', 'limit'),
    [
        ('~m~1~m~ab', 8),
        ('~m~9~m~a', 8),
        ('~m~1~m~a~m~99~m~', 20),
        ('~m~0000000001~m~a', LIMIT),
        ('~m~9999999999~m~a', 10**12),
        ('~m~' + '9' * 5000 + '~m~a', 10**12),
    ],
    ids=range(6),
)
def test_over_a_limit(text: str, limit: int) -> None:
    with pytest.raises(ProtocolError):
        decode(text, limit)


def test_at_the_limit() -> None:
    assert decode('~m~1~m~a', 8) == ['a']
    assert decode('~m~8~m~a', 8) == ['a']
    assert decode('~m~000000001~m~a', LIMIT) == ['a']


carried = st.text(st.characters(exclude_categories=['Cs'])) | st.text('~mjh0123😀a')


@relaxed
@given(st.lists(carried))
def test_frames_round_trip(bodies: list[str]) -> None:
    assert decode(''.join(map(sio06.encode, bodies)), LIMIT) == bodies


@relaxed
@given(st.text() | st.text('~m0123😀a\ud800') | st.from_regex('(~m~[0-9]{0,3}~m~[a😀]{0,3})*'),
       st.integers(0, 100))
def test_any_text_is_bodies_or_an_error(text: str, limit: int) -> None:
    try:
        bodies = decode(text, limit)
    except ProtocolError:
        return
    assert sum(map(len, bodies)) <= len(text) <= limit
    for body in bodies:
        assert body in text


# -- bodies ---------------------------------------------------------------------------------

# A canonical packet, the body that says it, and the event it reads as.
BOTH_WAYS: list[tuple[socketio.Encoded, str, list[Any]]] = [
    ('42["message","hello"]', 'hello', ['message', 'hello']),
    ('42["message",""]', '', ['message', '']),
    ('42["message","a\\n\\u20ac\\ud83d\\ude00"]', 'a\n€😀', ['message', 'a\n€😀']),
    ('42["message","\\ud800"]', '~j~"\\ud800"', ['message', '\ud800']),
    ('4212["message","hello"]', 'hello', ['message', 'hello']),
    (['451-["message",{"_placeholder":true,"num":0}]', b'\1\2\3'], 'AQID', ['message', 'AQID']),
    ('42["message",{"a":1}]', '~j~{"a":1}', ['message', {'a': 1}]),
    ('42["message",[1,2]]', '~j~[1,2]', ['message', [1, 2]]),
    ('42["message",5]', '~j~5', ['message', 5]),
    ('42["message",true]', '~j~true', ['message', True]),
    ('42["message",null]', '~j~null', ['message', None]),
    ('42["message"]', '~j~{"event":"message","args":[]}', ['message']),
    ('42["message","a","b"]', '~j~{"event":"message","args":["a","b"]}', ['message', 'a', 'b']),
    ('42["ev",1,"x"]', '~j~{"event":"ev","args":[1,"x"]}', ['ev', 1, 'x']),
    ('42["ev"]', '~j~{"event":"ev","args":[]}', ['ev']),
    ('4212["ev",{"a":1}]', '~j~{"event":"ev","args":[{"a":1}]}', ['ev', {'a': 1}]),
    ('42[ "e\\"v" , 1 ]', '~j~{"event":"e\\"v","args":[1]}', ['e"v', 1]),
    (['451-["ev",{"_placeholder":true,"num":0}]', b'\1\2\3'],
     '~j~{"event":"ev","args":["AQID"]}', ['ev', 'AQID']),
]


@pytest.mark.parametrize(('packets', 'body', 'event'), BOTH_WAYS)
def test_vectors(packets: socketio.Encoded, body: str, event: list[Any]) -> None:
    frame = rewrite(packets)
    assert decode(frame, LIMIT) == [body]
    assert frame == sio06.encode(body)
    assert sio06.heartbeat_of(body) is None
    assert event_of(body) == event


@pytest.mark.parametrize(
    'packets',
    ['42/chat,["ev",1]', '42/chat,["message","a"]', '430["ok"]', '43/chat,7[]', '40{"sid":"x"}',
     '40/chat,', '41', '41/chat,', '44{"message":"x"}', '0{"sid":"x"}', '1', '2', '3', '6', '4',
     '4hello', '', [b'\1'], ['461-7[{"_placeholder":true,"num":0}]', b'\1']],
)
def test_what_has_no_counterpart(packets: socketio.Encoded) -> None:
    assert rewrite(packets) == ''


@pytest.mark.parametrize(
    ('body', 'event'),
    [
        ('~j~ {"event" : "ev" , "args" : [] } ', ['ev']),
        ('~j~{"args":[1],"event":"ev"}', ['ev', 1]),
        ('~j~{"event":"ev"}', ['message', {'event': 'ev'}]),
        ('~j~{"event":"ev","args":[],"x":1}', ['message', {'event': 'ev', 'args': [], 'x': 1}]),
        ('~j~{"event":"ev","args":{}}', ['message', {'event': 'ev', 'args': {}}]),
        ('~j~{"event":1,"args":[]}', ['message', {'event': 1, 'args': []}]),
        ('~j~{}', ['message', {}]),
        ('~j~"~j~1"', ['message', '~j~1']),
        ('~j', ['message', '~j']),
        ('~J~1', ['message', '~J~1']),
        (' ~j~1', ['message', ' ~j~1']),
        ('~h~x', ['message', '~h~x']),
        ('~j~', None),
        ('~j~{', None),
        ('~j~NaN', None),
        ('~j~1 2', None),
        ('~j~undefined', None),
        ('~j~' + '[' * 300 + ']' * 300, None),
        ('~j~' + '9' * 5000, None),
        ('~j~{"event":"disconnect","args":[]}', None),
        ('~j~{"event":"connect","args":[]}', None),
    ],
)
def test_events(body: str, event: list[Any] | None) -> None:
    assert event_of(body) == event


def test_json_of_the_application() -> None:
    loads_at = OtherJSON(json.dumps, lambda text: json.loads(text, parse_float=str)).loads_at
    assert event_of('~j~[1.50]', loads_at=loads_at) == ['message', ['1.50']]
    assert event_of('~j~[', loads_at=loads_at) is None


@pytest.mark.parametrize(
    ('body', 'number'),
    [
        ('~h~1', 1),
        ('~h~0', 0),
        ('~h~007', 7),
        ('~h~999999999', 999_999_999),
        ('~h~1000000000', None),
        ('~h~', None),
        ('~h~-1', None),
        ('~h~1\n', None),
        ('~h~1x', None),
        ('~h~٣', None),
        ('h~1', None),
        ('', None),
    ],
)
def test_heartbeats(body: str, number: int | None) -> None:
    assert sio06.heartbeat_of(body) == number


def test_a_heartbeat_is_a_frame() -> None:
    assert sio06.heartbeat(1) == '~m~4~m~~h~1'
    assert sio06.heartbeat(12) == '~m~5~m~~h~12'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.text('",[]{}:\\ \n\u2028😀~jh'),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
names = st.just('message') | st.text().filter(lambda name: name not in socketio.RESERVED)
encoders = st.sampled_from([
    Encoder(), OtherJSON(lambda value: json.dumps(value, indent=1), json.loads)])


def ambiguous(args: list[Any]) -> bool:
    """The texts and objects that the protocol itself cannot tell from something else."""
    only = args[0] if len(args) == 1 else None
    if isinstance(only, str):
        return only.startswith(('~j~', '~h~'))
    return isinstance(only, dict) and only.keys() == {'event', 'args'}


@relaxed
@given(encoders, st.none() | st.integers(0, 10**15), names,
       st.lists(values, max_size=3).filter(lambda args: not ambiguous(args)))
def test_any_event_arrives(encoder: Encoder | OtherJSON, id: int | None, name: str,
                           args: list[Any]) -> None:
    frame = rewrite(socketio.encode(encoder, socketio.EVENT, '/', id, [name, *args]))
    frame.encode()
    [body] = decode(frame, LIMIT)
    # Adjoining lone surrogates are one character to a reader of JSON.
    assert event_of(body) == json.loads(json.dumps([name, *args]))


@relaxed
@given(st.text() | st.text().map('~j~'.__add__) | values.map(lambda v: '~j~' + json.dumps(v)))
def test_any_body_is_an_event_or_none(body: str) -> None:
    sio06.heartbeat_of(body)
    event = event_of(body)
    assert event is None or event[0] not in socketio.RESERVED


# -- HTTP and dojox.socket ------------------------------------------------------------------

FORM = 'application/x-www-form-urlencoded'


@pytest.mark.parametrize(
    ('body', 'bodies'),
    [
        (b'data=~m~5~m~hello', ['hello']),
        (b'data=%7Em%7E5%7Em%7Ehello', ['hello']),
        (b'data=~m~3~m~a+b~m~3~m~a%2Bb', ['a b', 'a+b']),
        (b'data=' + quote('~m~2~m~😀~m~16~m~~j~{"hello":"€"}').encode(),
         ['😀', '~j~{"hello":"€"}']),
        (b'x=1&data=~m~1~m~a', ['a']),
        (b'data=', []),
        (b'data=hello', []),
        (b'', []),
        (b'~m~1~m~a', []),
        (b'0=~&1=m&2=~', []),
    ],
)
def test_form(body: bytes, bodies: list[str]) -> None:
    assert sio06.decode_form(body, LIMIT) == bodies


@pytest.mark.parametrize('body', [b'data=%', b'data=%FF', b'data=\xff', b'data=~m~9999999999~m~'])
def test_form_refuses(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        sio06.decode_form(body, LIMIT)
    with pytest.raises(ProtocolError):
        sio06.decode_post(body, FORM, LIMIT)


@pytest.mark.parametrize(
    ('body', 'content_type', 'bodies'),
    [
        (b'', FORM, []),
        (b'', '', []),
        (b'data=~m~5~m~hello', FORM, ['hello']),
        (b'data=~m~5~m~hello', 'application/x-www-urlencoded', ['hello']),
        (b'data=%7Em%7E3%7Em%7Ea+b', 'Application/X-WWW-Form-URLencoded ; charset=utf-8',
         ['a b']),
        (b'data=~m~5~m~hello', 'text/plain', ['data=~m~5~m~hello']),
        (b'data=~m~5~m~hello', '', ['data=~m~5~m~hello']),
        (b'data=hello', FORM, []),
        (b'~m~5~m~hello~m~1~m~+', FORM, ['hello', '+']),
        (b'~m~1~m~\xe2\x82\xac', 'text/plain', ['€']),
        (b'~m~', FORM, []),
        (b'~h~1', FORM, ['~h~1']),
        (b'hello+%41', FORM, ['hello+%41']),
        ('€'.encode(), FORM, ['€']),
        (b'x=1&data=~m~1~m~a', FORM, ['x=1&data=~m~1~m~a']),
    ],
)
def test_post(body: bytes, content_type: str, bodies: list[str]) -> None:
    assert sio06.decode_post(body, content_type, LIMIT) == bodies


@pytest.mark.parametrize('body', [b'\xff', b'~m~1~m~\xc3', b'\xed\xa0\x80', b'~m~9999999999~m~'])
def test_post_refuses(body: bytes) -> None:
    for content_type in (FORM, 'text/plain', ''):
        with pytest.raises(ProtocolError):
            sio06.decode_post(body, content_type, LIMIT)


def test_messages_without_frames() -> None:
    assert sio06.decode_message('hello', LIMIT) == ['hello']
    assert sio06.decode_message('~h~1', LIMIT) == ['~h~1']
    assert sio06.decode_message('~m~4~m~~h~1', LIMIT) == ['~h~1']
    assert sio06.decode_message('', LIMIT) == []
    with pytest.raises(ProtocolError):
        sio06.decode_message('~m~5~m~hello', 4)


@relaxed
@given(st.binary() | st.binary().map(b'data='.__add__) | st.text('~m0123%+=&a😀').map(str.encode),
       st.sampled_from([FORM, 'text/plain']))
def test_any_post_is_bodies_or_an_error(body: bytes, content_type: str) -> None:
    try:
        bodies = sio06.decode_post(body, content_type, LIMIT)
    except ProtocolError:
        return
    assert sum(len(b.encode()) for b in bodies) <= len(body)


def test_jsonp() -> None:
    assert sio06.jsonp_body('0', '~m~16~m~6989537542505777') == (
        b'io.JSONP[0]._("~m~16~m~6989537542505777");')
    assert sio06.jsonp_body('1);alert(1', '') == b'io.JSONP[0]._("");'
    assert sio06.jsonp_body('7', '</script>\u2028') == (
        b'io.JSONP[7]._("\\u003c/script>\\u2028");')


def test_htmlfile() -> None:
    assert sio06.htmlfile_chunk('~m~5~m~hello') == (
        b'<script>parent.s._("~m~5~m~hello", document);</script>')
    assert sio06.htmlfile_chunk('~m~9~m~</script>') == (
        b'<script>parent.s._("~m~9~m~\\u003c/script>", document);</script>')
    assert sio06.HTMLFILE_HEAD == '<html><body>' + ' ' * 244


def test_multipart() -> None:
    assert sio06.MULTIPART_HEAD == '--socketio\n'
    assert sio06.multipart_part('~m~1~m~€') == (
        'Content-Type: text/plain\n\n~m~1~m~€\n--socketio\n'.encode())


# -- hostile input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    'text',
    [
        '~m~' * (LIMIT // 3),
        '~m~~m~' * (LIMIT // 6),
        '~m~0~m~' * (LIMIT // 7),
        '~m~1~m~a' * (LIMIT // 8),
        '~m~1~m~😀' * (LIMIT // 8),
        '~m~2~m~😀' * (LIMIT // 8),
        '~m~999999~m~' * (LIMIT // 12),
        '~m~600000~m~' + '😀' * 900_000,
        '~m~' + '1' * (LIMIT - 3),
        '~j~' + '[' * (LIMIT - 3),
        '~j~' + '{"a":' * (LIMIT // 5 - 1),
        '~h~' + '1' * (LIMIT - 3),
        '%7E' * (LIMIT // 3),
    ],
    ids=lambda text: text[:10],
)
def test_hostile_input_takes_little_time(text: str) -> None:
    start = time.perf_counter()
    for body in sio06.decode_message(text, LIMIT):
        sio06.heartbeat_of(body)
        event_of(body)
    sio06.decode_form(b'data=' + text.encode(), LIMIT)
    sio06.decode_form(b'&' * LIMIT + text.encode(), LIMIT)
    assert time.perf_counter() - start < 3

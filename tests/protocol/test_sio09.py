"""Socket.IO 0.7 to 0.9: vectors of server 0.9.17, and whatever a client may send instead."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geventio.errors import ProtocolError
from geventio.protocol import sio09, socketio
from geventio.protocol.jsontext import Encoder, OtherJSON
from geventio.protocol.sio09 import MARK, decode, rewrite

# How long one example takes depends on what else the machine does.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# A canonical packet, what it is in this protocol, and what that reads as:
# (type, id, data_ack, endpoint, data).
BOTH_WAYS: list[tuple[socketio.Encoded, str, tuple[int, int | None, bool, str, Any]]] = [
    ('42["ev",1]', '5:::{"name":"ev","args":[1]}', (5, None, False, '', ['ev', 1])),
    ('42["ev"]', '5:::{"name":"ev","args":[]}', (5, None, False, '', ['ev'])),
    ('42["back","😀"]', '5:::{"name":"back","args":["😀"]}',
     (5, None, False, '', ['back', '😀'])),
    ('42["hello",{"a":1}]', '5:::{"name":"hello","args":[{"a":1}]}',
     (5, None, False, '', ['hello', {'a': 1}])),
    ('42/chat,["inchat"]', '5::/chat:{"name":"inchat","args":[]}',
     (5, None, False, '/chat', ['inchat'])),
    ('42/chat,12["ev",[1,2],"b"]', '5:12+:/chat:{"name":"ev","args":[[1,2],"b"]}',
     (5, 12, True, '/chat', ['ev', [1, 2], 'b'])),
    ('421["ev","b"]', '5:1+::{"name":"ev","args":["b"]}', (5, 1, True, '', ['ev', 'b'])),
    ('420["ev"]', '5:0+::{"name":"ev","args":[]}', (5, 0, True, '', ['ev'])),
    ('42["a\\"b",1]', '5:::{"name":"a\\"b","args":[1]}', (5, None, False, '', ['a"b', 1])),
    ('42 [ "ev" , 1 , 2 ] ', '5:::{"name":"ev","args":[1 , 2]}',
     (5, None, False, '', ['ev', 1, 2])),
    ('42[5,1]', '5:::{"name":5,"args":[1]}', (5, None, False, '', [5, 1])),
    (['451-["ev",{"_placeholder":true,"num":0}]', b'\1\2\3'],
     '5:::{"name":"ev","args":["AQID"]}', (5, None, False, '', ['ev', 'AQID'])),
    ('42["message","hey"]', '3:::hey', (3, None, False, '', 'hey')),
    ('42["message","a:b:c"]', '3:::a:b:c', (3, None, False, '', 'a:b:c')),
    ('42["message",":a\\nb"]', '3::::a\nb', (3, None, False, '', ':a\nb')),
    ('42["message",""]', '3:::', (3, None, False, '', '')),
    ('421["message","blabla"]', '3:1::blabla', (3, 1, False, '', 'blabla')),
    ('42/chat,12["message","t"]', '3:12:/chat:t', (3, 12, False, '/chat', 't')),
    ('42["message","\\ud83d\\ude00\\u20ac"]', '3:::😀€', (3, None, False, '', '😀€')),
    ('42["message","\\ud800"]', '4:::"\\ud800"', (4, None, False, '', '\ud800')),
    (['451-["message",{"_placeholder":true,"num":0}]', b'\1\2\3'], '3:::AQID',
     (3, None, False, '', 'AQID')),
    ('421["message",{"a":"b"}]', '4:1::{"a":"b"}', (4, 1, False, '', {'a': 'b'})),
    ('42["message",{"j":1}]', '4:::{"j":1}', (4, None, False, '', {'j': 1})),
    ('42/chat,["message",[1,2]]', '4::/chat:[1,2]', (4, None, False, '/chat', [1, 2])),
    ('42["message",5]', '4:::5', (4, None, False, '', 5)),
    ('42["message",true]', '4:::true', (4, None, False, '', True)),
    ('42["message",null]', '4:::null', (4, None, False, '', None)),
    ('42["message"]', '5:::{"name":"message","args":[]}', (5, None, False, '', ['message'])),
    ('427["message","a",{"b":[]}]', '5:7+::{"name":"message","args":["a",{"b":[]}]}',
     (5, 7, True, '', ['message', 'a', {'b': []}])),
    ('434[]', '6:::4', (6, 4, False, '', [])),
    ('434["A","B"]', '6:::4+["A","B"]', (6, 4, False, '', ['A', 'B'])),
    ('43/t,4["A",{"b":1}]', '6::/t:4+["A",{"b":1}]', (6, 4, False, '/t', ['A', {'b': 1}])),
    ('430["ok",1]', '6:::0+["ok",1]', (6, 0, False, '', ['ok', 1])),
    ('434["\u2028\u2029\\n"]', '6:::4+["\\u2028\\u2029\\n"]',
     (6, 4, False, '', ['\u2028\u2029\n'])),
    ('434[\n1,\r\n2\n]', '6:::4+[1,  2]', (6, 4, False, '', [1, 2])),
    (['461-7[{"_placeholder":true,"num":0}]', b'\1\2\3'], '6:::7+["AQID"]',
     (6, 7, False, '', ['AQID'])),
    ('40{"sid":"x"}', '1::', (1, None, False, '', '')),
    ('40', '1::', (1, None, False, '', '')),
    ('40/chat,{"sid":"x"}', '1::/chat', (1, None, False, '/chat', '')),
    ('41', '0::', (0, None, False, '', None)),
    ('41/chat,', '0::/chat', (0, None, False, '/chat', None)),
    ('44/chat,{"message":"x"}', '7::/chat:2', (7, None, False, '/chat', '2')),
    ('44{"message":"x"}', '7:::2', (7, None, False, '', '2')),
    ('1', '0::', (0, None, False, '', None)),
    ('2', '2::', (2, None, False, '', None)),
    ('6', '8::', (8, None, False, '', None)),
]


def fields(text: str) -> tuple[int, int | None, bool, str, Any] | None:
    packet = decode(text)
    if packet is None:
        return None
    return packet.type, packet.id, packet.data_ack, packet.endpoint, packet.data


@pytest.mark.parametrize(('packets', 'text', 'read'), BOTH_WAYS)
def test_vectors(
    packets: socketio.Encoded, text: str, read: tuple[int, int | None, bool, str, Any]
) -> None:
    assert rewrite(packets) == text
    assert fields(text) == read


@pytest.mark.parametrize(
    'packets', ['0{"sid":"x"}', '3', '3probe', '2probe', '5', '4', '4hello', '', [b'\1']])
def test_what_has_no_counterpart(packets: socketio.Encoded) -> None:
    assert rewrite(packets) == ''


@pytest.mark.parametrize(
    ('text', 'read'),
    [
        ('0', (0, None, False, '', None)),
        ('5::/chat:{"name":"inchat"}', (5, None, False, '/chat', ['inchat'])),
        ('5:::{"args":null,"name":"ev"}', (5, None, False, '', ['ev'])),
        ('5:::{"name":"ev","args":[],"more":1}', (5, None, False, '', ['ev'])),
        ('5::: {"name" : "ev"} ', (5, None, False, '', ['ev'])),
        ('5:+::{"name":"ev"}', (5, None, False, '', ['ev'])),
        ('5:007+::{"name":"ev"}', (5, 7, True, '', ['ev'])),
        ('3::', (3, None, False, '', '')),
        ('3:5:', (3, 5, False, '', '')),
        ('3:::\ufffdx', (3, None, False, '', '\ufffdx')),
        ('3:1+::x', (3, 1, True, '', 'x')),
        ('1::/test?my=param', (1, None, False, '/test', 'my=param')),
        ('1::/test?my=param?x', (1, None, False, '/test', 'my=param?x')),
        ('1::/test:?my=param', (1, None, False, '/test', 'my=param')),
        ('5::/test?my=param:{"name":"ev"}', (5, None, False, '/test', ['ev'])),
        ('7:::1+0', (7, None, False, '', '1+0')),
        ('7::', (7, None, False, '', '')),
        ('2:::', (2, None, False, '', None)),
        ('2:::x', (2, None, False, '', None)),
        ('6:::4+', (6, 4, False, '', [])),
        ('5:999999999999999::{"name":"ev"}', (5, 10**15 - 1, False, '', ['ev'])),
    ],
)
def test_more_to_read(text: str, read: tuple[int, int | None, bool, str, Any]) -> None:
    assert fields(text) == read


@pytest.mark.parametrize(
    'text',
    [
        '', '1', '2', '5', ':', '::', ':::', '2:', '0:', 'x', 'x::', '9::', '10::', '05::', '-1::',
        '٣:::x', '5::', '5:::', 'hello', '5:a::{"name":"ev"}', '5:1-::{"name":"ev"}',
        '5:1++::{"name":"ev"}', '5: 1::{"name":"ev"}', '5:٣::{"name":"ev"}', '\n5:::{"name":"e"}',
        '5:1000000000000000::{"name":"ev"}', '3:1000000000000000::x',
        # events that are none
        '5:::{', '5:::{"name":"ev"', '5:::{"name":"ev"}x', '5:::[]', '5:::["ev"]', '5:::"ev"',
        '5:::null', '5:::{}', '5:::{"args":[]}', '5:::{"name":null}', '5:::{"name":true}',
        '5:::{"name":["ev"]}', '5:::{"name":"ev","args":{}}', '5:::{"name":"ev","args":"x"}',
        '5:::{"name":"ev","args":1}', '5:::{"name":"ev","args":[NaN]}',
        '5:::{"name":"ev","args":[' + '9' * 5000 + ']}',
        '5:::{"name":"ev","args":[' + '[' * 300 + ']' * 300 + ']}',
        '5:::{"name":"ev","args":[' + '[' * 100_000 + ']' * 100_000 + ']}',
        # names that stay with the libraries
        '5:::{"name":"disconnect"}', '5:::{"name":"connect","args":[]}',
        '5:::{"name":"newListener"}',
        # json
        '4:::', '4::', '4:::{', '4:::nul', '4:::NaN', '4:::1 2', '4:::' + '[' * 100_000,
        # acknowledgements
        '6::', '6:::', '6:::x', '6:::+[]', '6:::4x', '6:::4[]', '6:::4+x', '6:::4+{}', '6:::4+1',
        '6:::4+null', '6:::1000000000000000', '6:::-1', '6:::٤',
    ],
)  # fmt: skip
def test_what_nothing_handles(text: str) -> None:
    assert decode(text) is None


def test_the_event_of_a_packet() -> None:
    def event(text: str) -> list[Any]:
        packet = decode(text)
        assert packet is not None
        return sio09.event_of(packet)

    assert event('3:1::a:b') == ['message', 'a:b']
    assert event('4:::{"j":1}') == ['message', {'j': 1}]
    assert event('4:::null') == ['message', None]
    assert event('5:1+:/chat:{"name":"ev","args":[1,[2]]}') == ['ev', 1, [2]]
    assert event('5:::{"name":"message"}') == ['message']


def test_json_of_the_application() -> None:
    loads_at = OtherJSON(json.dumps, lambda text: json.loads(text, parse_float=str)).loads_at
    packet = decode('5:::{"name":"ev","args":[1.50]}', loads_at=loads_at)
    assert packet is not None
    assert packet.data == ['ev', '1.50']
    assert decode('4:::{', loads_at=loads_at) is None


# -- whatever there is ----------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.text('",[]{}:\\ \n\u2028😀\ufffd'),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
names = st.just('message') | st.text().filter(lambda name: name not in socketio.RESERVED)
namespaces = st.just('/') | st.text(
    st.characters(exclude_characters=',:?', exclude_categories=['Cs']), min_size=1,
).map('/'.__add__)
ids = st.none() | st.integers(0, 10**15 - 1)
encoders = st.sampled_from([
    Encoder(), OtherJSON(lambda value: json.dumps(value, indent=1), json.loads)])


def as_json(value: Any) -> Any:
    """What a reader of JSON gets: adjoining lone surrogates are one character."""
    return json.loads(json.dumps(value))


@relaxed
@given(encoders, namespaces, ids, names, st.lists(values, max_size=3))
def test_any_event_arrives(encoder: Encoder | OtherJSON, nsp: str, id: int | None, name: str,
                           args: list[Any]) -> None:
    text = rewrite(socketio.encode(encoder, socketio.EVENT, nsp, id, [name, *args]))
    text.encode()
    packet = decode(text)
    assert packet is not None
    assert sio09.event_of(packet) == as_json([name, *args])
    assert packet.endpoint == ('' if nsp == '/' else nsp)
    assert packet.id == id
    simple = name == 'message' and len(args) == 1
    assert (packet.type == sio09.EVENT) is not simple
    assert packet.data_ack is (id is not None and not simple)


@relaxed
@given(encoders, namespaces, st.integers(0, 10**15 - 1), st.lists(values, max_size=3))
def test_any_acknowledgement_arrives(encoder: Encoder | OtherJSON, nsp: str, id: int,
                                     args: list[Any]) -> None:
    text = rewrite(socketio.encode(encoder, socketio.ACK, nsp, id, args))
    packet = decode(text)
    assert packet is not None
    assert not set(text.split(':', 3)[3]) & set('\n\r\u2028\u2029')
    assert (packet.type, packet.id, packet.data) == (sio09.ACK, id, as_json(args))
    assert packet.endpoint == ('' if nsp == '/' else nsp)


@relaxed
@given(st.text() | st.from_regex(r'[0-9]:[0-9]*\+?:[^:]*(:(\{"name":.*\}|.*))?', fullmatch=True))
def test_any_text_is_a_packet_or_none(text: str) -> None:
    packet = decode(text)
    if packet is not None and packet.type in (sio09.MESSAGE, sio09.JSON, sio09.EVENT):
        assert sio09.event_of(packet)[0] not in socketio.RESERVED


# -- payloads -------------------------------------------------------------------------------

SENT = (
    '�33�5:1+::{"name":"ev","args":["😀"]}�8�3:2::hey�8�1::/chat�28�5:3::{"name":"ev","args":[]}'
    '�3�2::�11�4:::{"j":1}'
)
RECEIVED = (
    '�33�5:::{"name":"back","args":["😀"]}�14�6:::1+["ok",1]�5�6:::2�7�3:::hey�8�1::/chat'
    '�26�5::/chat:{"name":"inchat"}�5�6:::3'
)

PAYLOADS = [
    ([], ''),
    (['1::'], '1::'),
    (['3:::😀'], '3:::😀'),
    (
        ['5:1+::{"name":"ev","args":["😀"]}', '3:2::hey', '1::/chat',
         '5:3::{"name":"ev","args":[]}', '2::', '4:::{"j":1}'],
        SENT,
    ),
    (
        ['5:::{"name":"back","args":["😀"]}', '6:::1+["ok",1]', '6:::2', '3:::hey', '1::/chat',
         '5::/chat:{"name":"inchat"}', '6:::3'],
        RECEIVED,
    ),
    (['3:::�', '3:::�5�'], '�5�3:::��7�3:::�5�'),
    (['', '2::'], '�0��3�2::'),
]


@pytest.mark.parametrize(('packets', 'body'), PAYLOADS)
def test_payload_vectors(packets: list[str], body: str) -> None:
    assert sio09.encode_payload(packets) == body.encode()
    assert sio09.decode_payload(body.encode()) == packets
    assert sio09.decode_payload(body) == packets


@pytest.mark.parametrize(
    ('body', 'packets'),
    [
        ('�3�2::', ['2::']),
        ('�003�2::', ['2::']),
        ('�', []),
        ('��', []),
        ('��2::', []),
        ('�3', []),
        ('�x�2::', []),
        ('�-3�2::', []),
        ('�٣�2::', []),
        ('�4�2::', []),
        ('�2�2::', []),
        ('�3�2::�9�3:::a', ['2::']),
        ('�3�2::�4�3:::a�3�2::', ['2::']),
        ('�3�2::3:::a', []),
        ('�3�2::�3:::a', ['2::']),
        ('�5�3:::😀', []),  # counted as characters
        ('�9999999999�2::', []),
        ('�00000000003�2::', []),
        ('3:::�1�x', ['3:::�1�x']),
    ],
)
def test_a_wrong_length_costs_the_rest(body: str, packets: list[str]) -> None:
    assert sio09.decode_payload(body.encode()) == packets


@pytest.mark.parametrize('body', [b'\xff', b'3:::\xc3', b'\xef\xbf', b'3:::\xed\xa0\x80'])
def test_a_payload_is_utf8(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        sio09.decode_payload(body)


carried = st.text(st.characters(exclude_categories=['Cs'])) | st.text('�0123:😀a')


@relaxed
@given(st.lists(carried, min_size=2))
def test_payload_round_trip(packets: list[str]) -> None:
    assert sio09.decode_payload(sio09.encode_payload(packets)) == packets


@relaxed
@given(st.binary() | st.text('�0123:😀a').map(str.encode))
def test_any_body_is_packets_or_an_error(body: bytes) -> None:
    try:
        packets = sio09.decode_payload(body)
    except ProtocolError:
        return
    assert sum(len(packet.encode()) for packet in packets) <= len(body)


# -- transports -----------------------------------------------------------------------------


def form(payload: str) -> bytes:
    return b'd=' + quote_plus(json.dumps(payload)).encode()


@pytest.mark.parametrize(
    ('body', 'packets'),
    [
        (b'd="3:::hi"', ['3:::hi']),
        (b'd=%223%3A%3A%3Ahi+you%22', ['3:::hi you']),
        (form(SENT), PAYLOADS[3][0]),
        (urlencode({'d': json.dumps('3:::a\nb\\n', ensure_ascii=False)}).encode(),
         ['3:::a\nb\\n']),
        (b'd=""', []),
        (b'd="\\ufffd3\\ufffd\\ud800::\\ufffd3\\ufffd2::"', ['\ud800::', '2::']),
    ],
)
def test_form(body: bytes, packets: list[str]) -> None:
    assert sio09.decode_form(body) == packets


@pytest.mark.parametrize(
    'body',
    [b'', b'x="1"', b'd', b'd=', b'd=3:::hi', b'd="', b'd=1', b'd=["2::"]', b'd=null', b'd=%zz',
     b'd="%FF"', b'd="a""b"', b'"2::"'],
)
def test_form_refuses(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        sio09.decode_form(body)


@relaxed
@given(st.lists(carried, min_size=2))
def test_form_round_trip(packets: list[str]) -> None:
    assert sio09.decode_form(form(sio09.encode_payload(packets).decode())) == packets


def test_jsonp() -> None:
    assert sio09.jsonp_body('3', '1::') == b'io.j[3]("1::");'
    assert sio09.jsonp_body('x', '1::') == b'io.j[0]("1::");'
    assert sio09.jsonp_body('0', '4:::{"a":"</script>\u2028\ufffd"}') == (
        b'io.j[0]("4:::{\\"a\\":\\"\\u003c/script>\\u2028\\ufffd\\"}");')
    assert sio09.jsonp_body('0', 'Hw-5vvKAvP2LEHQgLfXV:60:60:websocket') == (
        b'io.j[0]("Hw-5vvKAvP2LEHQgLfXV:60:60:websocket");')
    assert sio09.jsonp_error('2', 'handshake "unauthorized"') == (
        b'io.j[2](new Error("handshake \\"unauthorized\\""));')


def test_htmlfile() -> None:
    assert sio09.htmlfile_chunk('1::') == b'<script>_("1::");</script>'
    assert sio09.htmlfile_chunk('1::/chat') == b'<script>_("1::\\/chat");</script>'
    chunk = sio09.htmlfile_chunk('3:::</script><!--€')
    assert chunk == b'<script>_("3:::\\u003c\\/script>\\u003c!--\\u20ac");</script>'
    assert sio09.HTMLFILE_HEAD.endswith('};</script>' + ' ' * 173)
    assert len(sio09.HTMLFILE_HEAD) >= 256


@pytest.mark.parametrize(
    ('heartbeat', 'close', 'body'),
    [
        (60, 60, 'abc:60:60:websocket,xhr-polling'),
        (60.0, 25.5, 'abc:60:25.5:websocket,xhr-polling'),
        (None, None, 'abc:::websocket,xhr-polling'),
        (2_592_000, 0.25, 'abc:2592000:0.25:websocket,xhr-polling'),
    ],
)
def test_handshake(heartbeat: float | None, close: float | None, body: str) -> None:
    transports = ('websocket', 'xhr-polling')
    assert sio09.handshake_body('abc', heartbeat, close, transports) == body


# -- hostile input --------------------------------------------------------------------------

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    'text',
    [
        ':' * MEGABYTE,
        '5:' + '1' * MEGABYTE,
        '5:::' + '{"a":' * (MEGABYTE // 5),
        '5:::{"name":"' + '\\"' * (MEGABYTE // 2),
        '6:::' + '1' * MEGABYTE,
        '6:::1+' + '[' * MEGABYTE,
        '4:::' + '9' * MEGABYTE,
        '1::' + '/?' * (MEGABYTE // 2),
        '3:::' + ':' * MEGABYTE,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_packets_take_little_time(text: str) -> None:
    start = time.perf_counter()
    decode(text)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    'body',
    [
        MARK * (MEGABYTE // 3),
        f'{MARK}0{MARK}' * (MEGABYTE // 7),
        f'{MARK}3{MARK}2::' * (MEGABYTE // 10),
        f'{MARK}4{MARK}😀😀' * (MEGABYTE // 15),
        f'{MARK}1{MARK}😀' * (MEGABYTE // 11),
        MARK + '1' * MEGABYTE,
        f'{MARK}999999{MARK}' * (MEGABYTE // 12),
        f'{MARK}500000{MARK}' + '😀' * 250_000,
    ],
    ids=lambda body: body[:8],
)
def test_hostile_payloads_take_little_time(body: str) -> None:
    start = time.perf_counter()
    sio09.decode_payload(body.encode())
    sio09.decode_payload(body)
    assert time.perf_counter() - start < 2

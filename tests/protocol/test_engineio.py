"""Engine.IO payloads: one table of (packets, body) a dialect, read both ways."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from engineio.packet import Packet as ReferencePacket
from engineio.payload import Payload as ReferencePayload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geventio.errors import ProtocolError
from geventio.protocol import engineio

# How long one example takes depends on what else the machine does.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

BINARY_EVENT = '451-["c",{"_placeholder":true,"num":0}]'

V4 = [
    (['4hello'], b'4hello'),
    (['0{"sid":"a"}'], b'0{"sid":"a"}'),
    (['2probe', '6'], b'2probe\x1e6'),
    (['4'], b'4'),
    (['42["a","€"]', '430["ack"]'], b'42["a","\xe2\x82\xac"]\x1e430["ack"]'),
    (
        ['430["ack"]', BINARY_EVENT, b'\1\2\3'],
        b'430["ack"]\x1e' + BINARY_EVENT.encode() + b'\x1ebAQID',
    ),
    ([b'\1\2\3'], b'bAQID'),
    ([b''], b'b'),
    (['4€', b''], b'4\xe2\x82\xac\x1eb'),
    (['4😀'], b'4\xf0\x9f\x98\x80'),
    (['6', '1'], b'6\x1e1'),
]

# What the string payload of a 2.x peer looks like.
V3_TEXT = [
    ([], b'0:'),
    (['4hello'], b'6:4hello'),
    (['42["a","€"]'], '11:42["a","€"]'.encode()),
    (['4😀'], '3:4😀'.encode()),
    (['42["a","é😀"]', '2probe', '6'], '13:42["a","é😀"]6:2probe1:6'.encode()),
    (['4😀', b'\1\2\3', '6'], '3:4😀6:b4AQID1:6'.encode()),
    ([BINARY_EVENT, b'\1\2\3'], b'39:' + BINARY_EVENT.encode() + b'6:b4AQID'),
    (['4€', b''], '2:4€2:b4'.encode()),
    (['6', '1'], b'1:61:1'),
]

V3_BINARY = [
    ([], ''),
    (['4hello'], '0006ff3468656c6c6f'),
    (['4€'], '0004ff34e282ac'),
    (['4€', b''], '0004ff34e282ac0101ff04'),
    (
        ['42["a","é😀"]', '2probe', '6'],
        '000106ff34325b2261222c22c3a9f09f9880225d0006ff3270726f62650001ff36',
    ),
    (
        [BINARY_EVENT, b'\1\2\3'],
        '000309ff3435312d5b2263222c7b225f706c616365686f6c646572223a747275652c226e756d223a307d5d'
        '0104ff04010203',
    ),
    (
        ['451-["c","€",{"_placeholder":true,"num":0}]', b'\1\2\3'],
        '000405ff3435312d5b2263222c22e282ac222c7b225f706c616365686f6c646572223a747275652c226e756d'
        '223a307d5d0104ff04010203',
    ),
]

# String payloads as written by a 1.x peer: UTF-8 taken for characters, then UTF-8 again.
V3_LEGACY = [
    (['4€'], '343a34c3a2c282c2ac'),
    (['4😀'], '353a34c3b0c29fc298c280'),
    (['4€', b''], '343a34c3a2c282c2ac323a6234'),
    (
        ['42["a","é😀"]', '2probe', '6'],
        '31363a34325b2261222c22c383c2a9c3b0c29fc298c280225d363a3270726f6265313a36',
    ),
]

texts = st.builds(
    str.__add__, st.sampled_from('023456'), st.text(st.characters(exclude_categories=['Cs']))
)
# Revision 4 has no way to write its separator inside a packet; JSON never contains it.
packets = st.one_of(texts, st.binary(max_size=40))
packets_v4 = packets.filter(lambda p: isinstance(p, bytes) or '\x1e' not in p)


def test_open_packet_announces_milliseconds() -> None:
    assert engineio.open_packet(['websocket'], 25, 20, 1_000_000)('v48Drc-f') == (
        '0{"sid":"v48Drc-f","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,'
        '"maxPayload":1000000}'
    )
    packet = json.loads(engineio.open_packet((), 0.3, 0.2, 10)('a')[1:])
    assert packet['pingInterval'] == 300
    assert packet['pingTimeout'] == 200
    assert packet['upgrades'] == []


# -- revision 4 -----------------------------------------------------------------------------


@pytest.mark.parametrize(('packets', 'body'), V4)
def test_v4_vectors(packets: list[engineio.Packet], body: bytes) -> None:
    assert engineio.encode_v4(packets) == body
    assert engineio.decode_v4(body) == packets
    assert engineio.decode_v4(body.decode()) == packets


@pytest.mark.parametrize(
    'body',
    [
        b'',
        b'\x1e',
        b'4a\x1e',
        b'\x1e4a',
        b'4a\x1e\x1e4b',
        b'7',
        b'9x',
        b'a',
        b' 4',
        '٤hello'.encode(),
        b'4\xff',
        b'4a\x1e4\xed\xa0\x80',
        b'\xff',
        b'b!!!!',
        b'bAQI',
        b'bAQ=D',
        b'bAQID\n',
        b'bAQ-_',
        'bé'.encode(),
        b'4a\x1ebAQI',
    ],
)
def test_v4_refuses(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        engineio.decode_v4(body)


@pytest.mark.parametrize(
    'rest', [b'', b'\x1e', b'\x1e9', b'\x1ebx', b'\x1e4a', b'\x1e\xff', b'\xff']
)
def test_v4_stops_at_close(rest: bytes) -> None:
    assert engineio.decode_v4(b'4a\x1e1' + rest) == ['4a', '1']


def test_v4_lone_surrogate_leaves_as_its_json_escape() -> None:
    body = engineio.encode_v4(['42["\ud800"]'])
    assert body == b'42["\\ud800"]'
    assert json.loads(engineio.decode_v4(body)[0][2:]) == ['\ud800']


@relaxed
@given(st.lists(packets_v4, min_size=1))
def test_v4_round_trip(packets: list[engineio.Packet]) -> None:
    assert engineio.decode_v4(engineio.encode_v4(packets)) == packets


@relaxed
@given(st.lists(packets_v4, min_size=1, max_size=16))
def test_v4_agrees_with_python_engineio(packets: list[engineio.Packet]) -> None:
    body = engineio.encode_v4(packets)
    # Its reader takes what looks like JSON apart, so what it read is compared by its own writer.
    read = ReferencePayload(encoded_payload=body.decode()).packets
    assert [p.binary for p in read] == [isinstance(p, bytes) for p in packets]
    for packet, reference in zip(packets, read, strict=True):
        assert reference.packet_type == (4 if isinstance(packet, bytes) else int(packet[0]))
        if isinstance(packet, bytes):
            assert reference.data == packet
    written = ReferencePayload(
        packets=[
            ReferencePacket(4, p) if isinstance(p, bytes) else ReferencePacket(int(p[0]), p[1:])
            for p in packets
        ]
    ).encode()
    assert written.encode() == body


@relaxed
@given(st.binary() | st.lists(st.sampled_from([b'4', b'b', b'1', b'\x1e', b'A'])).map(b''.join))
def test_v4_raises_nothing_else(body: bytes) -> None:
    try:
        packets = engineio.decode_v4(body)
    except ProtocolError:
        return
    assert packets
    assert all(isinstance(p, bytes) or p[0] in '0123456' for p in packets)


# -- revision 3 -----------------------------------------------------------------------------


@pytest.mark.parametrize(('packets', 'body'), V3_TEXT)
def test_v3_text_vectors(packets: list[engineio.Packet], body: bytes) -> None:
    assert engineio.encode_v3_text(packets) == body
    assert engineio.decode_v3_text(body)[0] == packets
    assert engineio.decode_v3_text(body.decode())[0] == packets


@pytest.mark.parametrize(('packets', 'hexed'), V3_BINARY)
def test_v3_binary_vectors(packets: list[engineio.Packet], hexed: str) -> None:
    body = bytes.fromhex(hexed)
    assert engineio.encode_v3_binary(packets) == body
    assert engineio.decode_v3_binary(body) == packets


@pytest.mark.parametrize(('packets', 'hexed'), V3_LEGACY)
def test_v3_legacy_vectors(packets: list[engineio.Packet], hexed: str) -> None:
    body = bytes.fromhex(hexed)
    assert engineio.decode_v3_text(body) == (packets, True)
    assert engineio.decode_v3_text(body, True) == (packets, True)


def test_v3_ascii_tells_nothing_about_the_generation() -> None:
    for known in (None, True, False):
        assert engineio.decode_v3_text(b'6:4hello', known) == (['4hello'], known)


def test_v3_what_only_2x_can_write_settles_it() -> None:
    for body in ('2:4€', '3:4😀', '2:4é', '2:4Ã', '3:4é€'):
        packets, legacy = engineio.decode_v3_text(body.encode(), True)
        assert legacy is False
        assert packets == [body[2:]]
    # Two characters that happen to be valid UTF-8: only the history tells.
    assert engineio.decode_v3_text('3:4Ã©'.encode()) == (['4é'], True)
    assert engineio.decode_v3_text('3:4Ã©'.encode(), False) == (['4Ã©'], False)


def test_v3_one_packet_settles_the_whole_body() -> None:
    assert engineio.decode_v3_text('3:4Ã©2:4€'.encode()) == (['4Ã©', '4€'], False)


@pytest.mark.parametrize(
    'body',
    [
        b'',
        b'4hello',
        b'5:4hello',
        b'7:4hello',
        b'6:4hello1',
        b'6:4hello1:',
        b':4hello',
        b'-1:4',
        b'+1:4',
        b' 1:4',
        b'1_0:4hellohell',
        b'1e0:4',
        b'0:1:4',
        b'1:40:',
        b'1:40:1:4',
        '١:4'.encode(),
        '²:4'.encode(),
        b'00000000001:4',
        b'99999999999999999999:4',
        b'9999999999:4',
        b'1:7',
        b'2:b5',
        b'1:b',
        b'6:b4AQI!',
        b'5:b4AQI',
        b'2:4\xff',
        '2:4😀'.encode(),
        '2:4😀1:4'.encode(),
        '3:4😀x'.encode(),
        '3:4😀9'.encode(),
        '3:4😀:'.encode(),
        '3:4😀0:'.encode(),
        '3:4😀00000000001:4'.encode(),
        '3:4😀9999999999:4'.encode(),
        '2:4ééé'.encode(),
    ],
)
def test_v3_text_refuses(body: bytes) -> None:
    for legacy in (None, True, False):
        with pytest.raises(ProtocolError):
            engineio.decode_v3_text(body, legacy)


def test_v3_length_digits_have_a_limit() -> None:
    most = engineio.MAX_LENGTH_DIGITS
    assert engineio.decode_v3_text(b'0' * (most - 1) + b'1:4')[0] == ['4']
    assert engineio.decode_v3_binary(bytes(most) + b'\1\xff4') == ['4']
    with pytest.raises(ProtocolError):
        engineio.decode_v3_text(b'0' * most + b'1:4')
    with pytest.raises(ProtocolError):
        engineio.decode_v3_binary(bytes(most + 1) + b'\1\xff4')


@pytest.mark.parametrize(
    'hexed',
    [
        '00',
        '00ff',
        '00ff34',
        '0000ff',
        '0100ff',
        '0002ff34',
        '0001ff3400',
        '000134',
        '0031ff34',
        '0001ff37',
        '0001ff04',
        '0001ffff',
        '0003ff34c328',
        '0101ff34',
        '0101ff02',
        '0201ff34',
        '3101ff34',
        '0009090909090909090909ff34',
        '00090909090909090909ff34',
    ],
)
def test_v3_binary_refuses(hexed: str) -> None:
    with pytest.raises(ProtocolError):
        engineio.decode_v3_binary(bytes.fromhex(hexed))


@pytest.mark.parametrize('rest', [b'', b'x', b'1:9', b'99:4', b'0:', b'\xff', '2:4€'.encode()])
def test_v3_stops_at_close(rest: bytes) -> None:
    assert engineio.decode_v3_text(b'2:4a1:1' + rest)[0] == ['4a', '1']
    assert engineio.decode_v3_text('3:4😀1:1'.encode() + rest)[0] == ['4😀', '1']
    assert engineio.decode_v3_binary(b'\0\2\xff4a\0\1\xff1' + rest) == ['4a', '1']


def test_v3_close_cut_inside_a_character() -> None:
    assert engineio.decode_v3_text('2:1Ã©'.encode())[0] == ['1\ufffd']


@pytest.mark.parametrize(
    ('packets', 'with_binary', 'without'),
    [
        (['4a', '6'], (b'2:4a1:6', False), b'2:4a1:6'),
        (['42["€"]'], (b'\0\x09\xff42["\xe2\x82\xac"]', True), b'12:42["\\u20ac"]'),
        (['42/a,7["é😀"]'], None, b'28:42/a,7["\\u00e9\\ud83d\\ude00"]'),
        (['40{"é":1}'], None, b'14:40{"\\u00e9":1}'),
        (['44/a,"é"'], None, b'13:44/a,"\\u00e9"'),
        (['42["\ud800"]'], None, b'12:42["\\ud800"]'),
        ([b'\1\2\3'], (b'\1\4\xff\4\1\2\3', True), b'6:b4AQID'),
        # Names have no escapes, and what is not Socket.IO is not JSON.
        (['42/ñ,["é"]'], None, '15:42/ñ,["\\u00e9"]'.encode()),
        (['40/ñ,'], None, '5:40/ñ,'.encode()),
        (['4é'], None, '2:4é'.encode()),
    ],
)
def test_v3_for_both_generations(
    packets: list[engineio.Packet], with_binary: tuple[bytes, bool] | None, without: bytes
) -> None:
    if with_binary is not None:
        assert engineio.encode_v3(packets, binary_ok=True) == with_binary
    assert engineio.encode_v3(packets, binary_ok=False) == (without, False)


@relaxed
@given(st.text(), st.booleans())
def test_v3_escaped_json_keeps_its_value(text: str, ascii_name: bool) -> None:
    packet = '42/a,12' + json.dumps([text], ensure_ascii=ascii_name)
    body, is_binary = engineio.encode_v3([packet], binary_ok=False)
    assert body.isascii()
    assert not is_binary
    [read], _ = engineio.decode_v3_text(body)
    assert isinstance(read, str)
    assert read.startswith('42/a,12[')
    # A pair of surrogates in a row and the character they stand for are one to JSON.
    assert json.loads(read[7:]) == json.loads(json.dumps([text]))


@relaxed
@given(st.lists(packets))
def test_v3_round_trip(packets: list[engineio.Packet]) -> None:
    assert engineio.decode_v3_text(engineio.encode_v3_text(packets), False)[0] == packets
    assert engineio.decode_v3_binary(engineio.encode_v3_binary(packets)) == packets
    body, is_binary = engineio.encode_v3(packets, binary_ok=True)
    assert is_binary or body.isascii()
    read = engineio.decode_v3_binary(body) if is_binary else engineio.decode_v3_text(body)[0]
    assert read == packets


def legacy_body(packets: list[engineio.Packet]) -> bytes:
    parts = []
    for packet in packets:
        if isinstance(packet, str):
            twice = packet.encode().decode('latin-1')
            parts.append(f'{len(twice)}:{twice}'.encode())
        else:
            parts.append(engineio.encode_v3_text([packet]))
    return b''.join(parts)


@relaxed
@given(st.lists(packets, min_size=1))
def test_v3_legacy_round_trip(packets: list[engineio.Packet]) -> None:
    read, legacy = engineio.decode_v3_text(legacy_body(packets))
    assert read == packets
    assert legacy in (None, True)


@relaxed
@given(
    st.binary() | st.lists(st.sampled_from(['1', '2', ':', '4', 'é', '€', '😀'])).map(''.join),
    st.sampled_from([None, True, False]),
)
def test_v3_text_raises_nothing_else(body: bytes | str, legacy: bool | None) -> None:
    try:
        packets, _ = engineio.decode_v3_text(body, legacy)
    except ProtocolError:
        return
    assert all(isinstance(p, bytes) or p[0] in '0123456' for p in packets)


@relaxed
@given(
    st.lists(st.sampled_from([b'\0', b'\1', b'\2', b'\xff', b'\4', b'4', b'\xc3'])).map(b''.join)
)
def test_v3_binary_raises_nothing_else(body: bytes) -> None:
    try:
        packets = engineio.decode_v3_binary(body)
    except ProtocolError:
        return
    assert all(isinstance(p, bytes) or p[0] in '0123456' for p in packets)


# -- cost -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('decode', 'packet', 'count'),
    [
        (engineio.decode_v4, b'2\x1e', 300_000),
        (engineio.decode_v4, b'b\x1e', 300_000),
        (engineio.decode_v4, b'4\xc3\xa9\x1e', 200_000),
        (engineio.decode_v3_text, b'1:2', 300_000),
        (engineio.decode_v3_text, '3:4😀'.encode(), 120_000),
        (engineio.decode_v3_text, '3:4Ã©'.encode(), 120_000),
        (engineio.decode_v3_binary, b'\0\1\xff2', 250_000),
    ],
)
def test_a_megabyte_of_small_packets_takes_linear_time(
    decode: Callable[[bytes], Any], packet: bytes, count: int
) -> None:
    body = (packet * count).removesuffix(b'\x1e')
    started = time.perf_counter()
    result = decode(body)
    # Half a second here; copying the rest of the body for each packet would take minutes.
    assert time.perf_counter() - started < 20
    assert len(result[0] if isinstance(result, tuple) else result) == count


def test_a_long_body_without_any_length_is_refused_at_once() -> None:
    started = time.perf_counter()
    for body in (b'1' * 1_000_000, '1😀'.encode() * 200_000, b':' * 1_000_000):
        with pytest.raises(ProtocolError):
            engineio.decode_v3_text(body)
    with pytest.raises(ProtocolError):
        engineio.decode_v3_binary(bytes(1_000_000))
    assert time.perf_counter() - started < 5

"""Socket.IO packets in MessagePack: recorded bodies of both codecs, and hostile ones."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from datetime import datetime, timedelta, timezone
from typing import Any

import msgpack as library
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from socketio.msgpack_packet import MsgPackPacket

from geventio.errors import ProtocolError
from geventio.protocol import msgpack
from geventio.protocol.jsontext import MAX_DEPTH
from geventio.protocol.socketio import MAX_ID_DIGITS, RESERVED

# How long one example takes depends on what else the machine does.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

UTC = timezone.utc
MOMENT = datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)

# (type, namespace, id, data) and the body, byte for byte as the official parser writes it.
VECTORS: list[tuple[tuple[int, str, int | None, Any], str]] = [
    ((0, '/', None, None), '82a47479706500a36e7370a12f'),
    (
        (0, '/', None, {'sid': 's', 'pid': 'p'}),
        '83a47479706500a46461746182a3736964a173a3706964a170a36e7370a12f',
    ),
    ((1, '/', None, None), '82a47479706501a36e7370a12f'),
    ((2, '/', None, ['hi', 1, b'\1\2']), '83a47479706502a46461746193a2686901c4020102a36e7370a12f'),
    ((2, '/a', 7, ['hi']), '84a47479706502a46461746191a26869a36e7370a22f61a2696407'),
    (
        (2, '/', None, ['a', 2**53, -(2**40), 1.5, 2**32]),
        '83a47479706502a46461746195a161cf0020000000000000d3ffffff0000000000cb3ff8000000000000'
        'cf0000000100000000a36e7370a12f',
    ),
    (
        (2, '/', None, ['a', MOMENT]),
        '83a47479706502a46461746192a161d7000000018bcfe5687ba36e7370a12f',
    ),
    (
        (2, '/', None, ['a', datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)]),
        '83a47479706502a46461746192a161d700ffffffffffffffffa36e7370a12f',
    ),
]

# What clients write differently, or with other values than Python has.
READ_ONLY: list[tuple[tuple[int, str, int | None, Any], str]] = [
    # another order of keys
    ((3, '/', 7, ['ok']), '84a47479706503a2696407a46461746191a26f6ba36e7370a12f'),
    # keys of no concern
    (
        (2, '/', 0, ['a']),
        '85a47479706502a46461746191a161a76f7074696f6e7381a8636f6d7072657373c3a2696400a36e7370a12f',
    ),
    # CONNECT without auth: data undefined (notepack 2), nil
    ((0, '/', None, None), '83a47479706500a464617461d40000a36e7370a12f'),
    ((0, '/', None, None), '83a47479706500a464617461c0a36e7370a12f'),
    # undefined as a value: notepack 2, notepack 3
    ((2, '/', None, ['a', None]), '83a47479706502a46461746192a161d40000a36e7370a12f'),
    ((2, '/', None, ['a', None]), '83a47479706502a46461746192a161c0a36e7370a12f'),
    # dates of notepack 3: timestamps of 64, 32 and 96 bits
    (
        (2, '/', None, ['a', MOMENT]),
        '83a47479706502a46461746192a161d7ff1d5353006553f100a36e7370a12f',
    ),
    (
        (2, '/', None, ['a', MOMENT.replace(microsecond=0)]),
        '83a47479706502a46461746192a161d6ff6553f100a36e7370a12f',
    ),
    (
        (2, '/', None, ['a', datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)]),
        '83a47479706502a46461746192a161c70cff3b8b87c0ffffffffffffffffa36e7370a12f',
    ),
    # ArrayBuffers of notepack 2 on Node.js: of eight bytes it is no date, of one not undefined
    (
        (2, '/', None, ['a', b'\0\0\0\0\0\0\0\x09']),
        '83a47479706502a46461746192a161c708000000000000000009a36e7370a12f',
    ),
    ((2, '/', None, ['a', b'\0', 1]), '83a47479706502a46461746193a161c701000001a36e7370a12f'),
]


def pack(**packet: Any) -> bytes:
    body: bytes = library.packb(packet)
    return body


def event(value: bytes) -> bytes:
    """Return the event 'a' with one value given as MessagePack."""
    return b'\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a' + value


@pytest.mark.parametrize(('packet', 'hexed'), VECTORS)
def test_vectors(packet: tuple[int, str, int | None, Any], hexed: str) -> None:
    type, nsp, id, data = packet
    assert msgpack.encode(type, nsp, data, id).hex() == hexed
    assert msgpack.decode(bytes.fromhex(hexed)) == packet


@pytest.mark.parametrize(('packet', 'hexed'), READ_ONLY)
def test_what_clients_write_is_read(packet: tuple[int, str, int | None, Any], hexed: str) -> None:
    assert msgpack.decode(bytes.fromhex(hexed)) == packet


@pytest.mark.parametrize('size', [0, 1, 8, 16, 255, 256, 70_000])
def test_array_buffers_of_any_size(size: int) -> None:
    data = bytes(size)
    if size < 256:
        head = b'\xc7' + size.to_bytes(1, 'big')
    elif size < 65536:
        head = b'\xc8' + size.to_bytes(2, 'big')
    else:
        head = b'\xc9' + size.to_bytes(4, 'big')
    two = b'\x92' + (head + b'\0' + data) * 2
    assert msgpack.decode(event(two)) == (2, '/', None, ['a', [data, data]])


@pytest.mark.parametrize(
    'packet',
    [
        {},
        {'type': 2, 'data': ['a']},
        {'nsp': '/', 'data': ['a']},
        {'type': 5, 'nsp': '/', 'data': ['a']},
        {'type': -1, 'nsp': '/', 'data': ['a']},
        {'type': True, 'nsp': '/'},
        {'type': 2.0, 'nsp': '/', 'data': ['a']},
        {'type': '2', 'nsp': '/', 'data': ['a']},
        {'type': None, 'nsp': '/', 'data': ['a']},
        {'type': [2], 'nsp': '/', 'data': ['a']},
        {'type': 2, 'nsp': None, 'data': ['a']},
        {'type': 2, 'nsp': b'/', 'data': ['a']},
        {'type': 2, 'nsp': ['/'], 'data': ['a']},
        {'type': 2, 'nsp': '/', 'data': ['a'], 'id': None},
        {'type': 2, 'nsp': '/', 'data': ['a'], 'id': '1'},
        {'type': 2, 'nsp': '/', 'data': ['a'], 'id': True},
        {'type': 2, 'nsp': '/', 'data': ['a'], 'id': 1.0},
        {'type': 2, 'nsp': '/', 'data': ['a'], 'id': -1},
        {'type': 2, 'nsp': '/', 'data': ['a'], 'id': 10**MAX_ID_DIGITS},
        {'type': 0, 'nsp': '/', 'data': 'token'},
        {'type': 0, 'nsp': '/', 'data': []},
        {'type': 0, 'nsp': '/', 'data': 0},
        {'type': 1, 'nsp': '/', 'data': 'x'},
        {'type': 1, 'nsp': '/', 'data': {}},
        {'type': 2, 'nsp': '/'},
        {'type': 2, 'nsp': '/', 'data': None},
        {'type': 2, 'nsp': '/', 'data': {'a': 1}},
        {'type': 2, 'nsp': '/', 'data': 'a'},
        {'type': 2, 'nsp': '/', 'data': []},
        {'type': 2, 'nsp': '/', 'data': [None]},
        {'type': 2, 'nsp': '/', 'data': [True]},
        {'type': 2, 'nsp': '/', 'data': [['a']]},
        {'type': 2, 'nsp': '/', 'data': [b'a']},
        {'type': 3, 'nsp': '/', 'id': 1},
        {'type': 3, 'nsp': '/', 'id': 1, 'data': {}},
        {'type': 4, 'nsp': '/'},
        {'type': 4, 'nsp': '/', 'data': ['x']},
        {'type': 2, 'nsp': '/', 'data': ['a', {1: 2}]},
    ],
)
def test_refuses_packets_of_another_shape(packet: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        msgpack.decode(library.packb(packet))


@pytest.mark.parametrize('name', sorted(RESERVED))
def test_refuses_reserved_event_names(name: str) -> None:
    with pytest.raises(ProtocolError):
        msgpack.decode(pack(type=2, nsp='/', data=[name]))


def test_accepts_what_is_allowed() -> None:
    assert msgpack.decode(pack(type=2, nsp='/', data=[1, 2])) == (2, '/', None, [1, 2])
    assert msgpack.decode(pack(type=3, nsp='/', data=[])) == (3, '/', None, [])
    assert msgpack.decode(pack(type=3, nsp='/', id=1, data=['connect']))[3] == ['connect']
    assert msgpack.decode(pack(type=4, nsp='/', data='no')) == (4, '/', None, 'no')
    assert msgpack.decode(pack(type=4, nsp='/', data={'message': 'no'}))[3] == {'message': 'no'}
    most = 10**MAX_ID_DIGITS - 1
    assert msgpack.decode(pack(type=2, nsp='/', data=['a'], id=most))[2] == most


@pytest.mark.parametrize(
    'value',
    [
        '',
        'c1',  # never used
        'a1ff',  # a string that is not UTF-8
        '81a1ff01',
        'a261',  # shorter than announced
        'd905' + '61' * 4,
        'da0005' + '61' * 4,
        'db00000005' + '61' * 4,
        'dbffffffff',
        'c405' + '00' * 4,
        'c6ffffffff',
        'c9ffffffff00',
        'c90000',
        'c7',
        'c70000ff',
        'cb0000',
        'cf00',
        'd7000000',
        '92c0',
        '82a161c0',
        'dcffff',
        'ddffffffff',
        'dd000f',
        'deffff',
        'dfffffffff',
        '8101c0',  # keys that no JavaScript object has
        '81c0c0',
        '8190c0',
        '8180c0',
        'd40100',  # unknown extensions
        'd50000' + '00',
        'd600' + '00' * 4,
        'd707' + '00' * 8,
        'd800' + '00' * 16,
        'c70105' + '00',
        'c700ff',  # timestamps that are none
        'c703ff000000',
        'c70cff00000000' + '7f' + 'ff' * 7,
        'd700' + '7f' + 'ff' * 7,  # dates beyond the year 9999, or before the year 1
        'd700' + '80' + '00' * 7,
    ],
)
def test_refuses_broken_values(value: str) -> None:
    # Twice: what is small and what is not takes different ways.
    for padding in (b'', b'\xda\x01\x00' + b'x' * 256):
        body = event(b'\x92' + padding + bytes.fromhex(value) if padding else bytes.fromhex(value))
        with pytest.raises(ProtocolError):
            msgpack.decode(body)


@pytest.mark.parametrize(
    'body', [b'', b'\xc0', b'\x01', b'\x90', b'\xa1a', b'42["a"]', b'\xd4\0\0']
)
def test_refuses_what_is_not_a_map(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        msgpack.decode(body)


@pytest.mark.parametrize('padding', [0, 300])
def test_refuses_trailing_bytes_and_cut_packets(padding: int) -> None:
    body = msgpack.encode(2, '/', ['a', 'x' * padding, {'b': [1.5, b'\1']}], 7)
    assert msgpack.decode(body)[2] == 7
    with pytest.raises(ProtocolError):
        msgpack.decode(body + b'\xc0')
    with pytest.raises(ProtocolError):
        msgpack.decode(body + body)
    for end in range(len(body)):
        with pytest.raises(ProtocolError):
            msgpack.decode(body[:end])


@pytest.mark.parametrize('opening', [b'\x91', b'\x81\xa0', b'\xdc\0\1', b'\xdf\0\0\0\1\xa0'])
def test_depth_is_limited(opening: bytes) -> None:
    # The array of arguments is the first level.
    _, _, _, data = msgpack.decode(event(opening * (MAX_DEPTH - 1) + b'\1'))
    assert data[0] == 'a'
    for depth in (MAX_DEPTH, 100_000):
        with pytest.raises(ProtocolError):
            msgpack.decode(event(opening * depth + b'\1'))
    assert msgpack.decode(event(opening * 4 + b'\1'), max_depth=5)[0] == 2
    with pytest.raises(ProtocolError):
        msgpack.decode(event(opening * 5 + b'\1'), max_depth=5)


def test_depth_counts_levels_not_containers() -> None:
    wide = ['a'] + [[[{}], [{'b': []}]]] * 1000
    assert msgpack.decode(msgpack.encode(2, '/', wide, None), max_depth=6)[3] == wide


def test_announced_lengths_are_checked_before_anything_is_allocated() -> None:
    # Each level announces as many values as the body has bytes: eight gigabytes together.
    bomb = event(b'\xdd\x00\x0f\x00\x00' * 200 + b'\xc0' * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            msgpack.decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(bomb)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('value', [b'\xc0', b'\xa0', b'\x90', b'\xcb' + bytes(8), b'\x91\xc0'])
def test_a_megabyte_of_small_values_takes_linear_time(value: bytes) -> None:
    count = 1_000_000 // len(value)
    body = event(b'\xdd' + count.to_bytes(4, 'big') + value * count)
    started = time.perf_counter()
    data = msgpack.decode(body)[3]
    assert time.perf_counter() - started < 20
    assert len(data[1]) == count


# -- writing --------------------------------------------------------------------------------


def test_dates_of_any_zone_are_cut_to_milliseconds() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    moment = MOMENT.astimezone(zone) + timedelta(microseconds=999)
    assert msgpack.decode(msgpack.encode(2, '/', ['a', moment], None))[3] == ['a', MOMENT]


def test_refuses_to_write_what_has_no_form() -> None:
    for value in (datetime(2023, 11, 14), object(), {1, 2}, 1j):
        with pytest.raises(TypeError):
            msgpack.encode(2, '/', ['a', value], None)


def test_a_lone_surrogate_does_not_stop_a_broadcast() -> None:
    body = msgpack.encode(2, '/', ['a', 'x\ud800y', MOMENT], None)
    assert msgpack.decode(body)[3] == ['a', 'x?y', MOMENT]


def test_bytes_like_values_leave_as_binary() -> None:
    body = msgpack.encode(2, '/', ['a', bytearray(b'\1'), memoryview(b'\2'), ('t',)], None)
    assert msgpack.decode(body)[3] == ['a', b'\1', b'\2', ['t']]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=['Cs']))
    | st.binary()
    | st.datetimes(timezones=st.just(UTC)).map(
        lambda d: d.replace(microsecond=d.microsecond // 1000 * 1000)
    ),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=['Cs'])), inner, max_size=5)
    ),
)
names = st.text(st.characters(exclude_categories=['Cs'])).filter(lambda name: name not in RESERVED)
ids = st.none() | st.integers(0, 10**MAX_ID_DIGITS - 1)


@relaxed
@given(names, st.lists(values, max_size=4), names, ids)
def test_events_round_trip(nsp: str, arguments: list[Any], name: str, id: int | None) -> None:
    data = [name, *arguments]
    assert msgpack.decode(msgpack.encode(2, nsp, data, id)) == (2, nsp, id, data)


@relaxed
@given(
    st.binary() | st.lists(st.sampled_from([b'\xdd', b'\0', b'\x91', b'\xc7', b'\1'])).map(b''.join)
)
def test_raises_nothing_else(value: bytes) -> None:
    for body in (value, event(value)):
        try:
            packet = msgpack.decode(body)
        except ProtocolError:
            continue
        assert packet[0] == 2


@relaxed
@given(st.binary(max_size=40))
def test_the_check_agrees_with_the_reader(value: bytes) -> None:
    # Between filler that sends it the long way, a value is refused or read as it would be alone.
    try:
        alone = msgpack.decode(event(value))[3][1]
    except ProtocolError:
        with pytest.raises(ProtocolError):
            msgpack.decode(event(b'\x92\xda\x01\x00' + b'x' * 256 + value))
        return
    data = msgpack.decode(event(b'\x92\xda\x01\x00' + b'x' * 256 + value))[3]
    assert repr(data) == repr(['a', ['x' * 256, alone]])


@pytest.mark.parametrize(
    'packet',
    [
        MsgPackPacket(0, namespace='/'),
        MsgPackPacket(0, {'token': 'x'}, '/chat'),
        MsgPackPacket(1, namespace='/chat'),
        MsgPackPacket(2, ['hi', {'a': [1, b'\1']}], '/', 7),
        MsgPackPacket(3, ['ok'], '/', 7),
    ],
)
def test_agrees_with_the_python_client(packet: MsgPackPacket) -> None:
    expected = (packet.packet_type, packet.namespace or '/', packet.id, packet.data)
    assert msgpack.decode(packet.encode()) == expected
    type, nsp, id, data = expected
    read = MsgPackPacket(encoded_packet=msgpack.encode(type, nsp, data, id))
    assert (read.packet_type, read.namespace, read.id, read.data) == expected


# -- the optional package -------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules['msgpack'] = None
from geventio.errors import ConfigError
from geventio.protocol import msgpack
for call in (lambda: msgpack.encode(0, '/', None, None), lambda: msgpack.decode(b'')):
    try:
        call()
    except ConfigError as exc:
        print(exc)
"""


def test_without_the_package_the_error_tells_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.count('pip install geventio[msgpack]') == 2

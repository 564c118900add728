"""permessage-deflate: offers, vectors of RFC 7692, bombs, and a second opinion."""

from __future__ import annotations

import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
)
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension

from geventio.errors import FrameError
from geventio.protocol.deflate import DeflateParams, compress, inflate, negotiate

patient = settings(deadline=None)  # the machine may be busy

ANSWER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'


# -- negotiation --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('offer', 'client_bits', 'suffix'),
    [
        ('permessage-deflate', 15, ''),
        (' permessage-deflate\t', 15, ''),
        ('permessage-deflate; client_max_window_bits', 15, ''),
        ('permessage-deflate;client_max_window_bits=10', 10, ''),
        ('permessage-deflate; client_max_window_bits="9"', 9, ''),
        ('permessage-deflate; server_no_context_takeover; client_no_context_takeover', 15, ''),
        ('permessage-deflate; server_max_window_bits=15', 15, '; server_max_window_bits=15'),
        ('foo, bar; x="1;2,3", permessage-deflate', 15, ''),
        ('permessage-deflate; server_max_window_bits=10, permessage-deflate', 15, ''),
        ('permessage-deflate; unknown, , permessage-deflate', 15, ''),
    ],
)
def test_accepted_offer(offer, client_bits, suffix):
    expected = DeflateParams(client_max_window_bits=client_bits)
    assert negotiate(offer) == (expected, ANSWER + suffix)
    assert expected.server_no_context_takeover
    assert expected.client_no_context_takeover
    assert expected.server_max_window_bits == 15


@pytest.mark.parametrize(
    'offer',
    [
        '',
        ',',
        'x-webkit-deflate-frame',
        'permessage-deflates',
        'permessage-deflate=1',
        'permessage-deflate;',
        'permessage-deflate; ; client_max_window_bits',
        'permessage-deflate; unknown',
        'permessage-deflate; server_no_context_takeover=1',
        'permessage-deflate; client_no_context_takeover=',
        'permessage-deflate; client_no_context_takeover; client_no_context_takeover',
        'permessage-deflate; client_max_window_bits; client_max_window_bits=15',
        'permessage-deflate; client_max_window_bits=',
        'permessage-deflate; client_max_window_bits=7',
        'permessage-deflate; client_max_window_bits=16',
        'permessage-deflate; client_max_window_bits=010',
        'permessage-deflate; client_max_window_bits=١٠',
        'permessage-deflate; client_max_window_bits="',
        'permessage-deflate; client_max_window_bits="1\\0"',
        'permessage-deflate; server_max_window_bits',
        'permessage-deflate; server_max_window_bits=8',
        'permessage-deflate; server_max_window_bits=14',
        'permessage-deflate; server_max_window_bits=16',
        'foo="bar, permessage-deflate, baz"',
        'permessage-deflate, foo="open',
    ],
)
def test_declined_offer(offer):
    assert negotiate(offer) is None


@pytest.mark.parametrize('client_bits', [True, None, 9, 12, 15])
@pytest.mark.parametrize('no_context', [False, True])
def test_websockets_takes_the_answer(client_bits, no_context):
    factory = ClientPerMessageDeflateFactory(
        server_no_context_takeover=no_context,
        client_no_context_takeover=no_context,
        client_max_window_bits=client_bits,
    )
    params = factory.get_request_params()
    offer = '; '.join(
        [factory.name, *(name if value is None else f'{name}={value}' for name, value in params)]
    )
    answer = negotiate(offer)
    assert answer is not None
    [(name, response)] = parse_extension(answer[1])
    assert name == factory.name
    extension = factory.process_response_params(response, [])
    assert extension.remote_no_context_takeover
    assert extension.local_no_context_takeover
    assert extension.remote_max_window_bits == 15


@pytest.mark.parametrize(
    'unit',
    [
        'a;',
        ' ',
        ',',
        ';',
        '=',
        '"',
        '";',
        '",',
        '"\\',
        'permessage-deflate;',
        'permessage-deflate,',
        'permessage-deflate; a,',
        'permessage-deflate; client_max_window_bits; client_max_window_bits,',
    ],
)
@pytest.mark.parametrize('head', ['', 'permessage-deflate; client_max_window_bits='])
def test_offer_of_8_kb_takes_milliseconds(unit, head):
    offer = head + unit * (8192 // len(unit))
    took = []
    for _ in range(3):
        started = time.process_time()
        negotiate(offer)
        took.append(time.process_time() - started)
    assert min(took) < 0.005


# -- messages: RFC 7692 section 7.2.3 -----------------------------------------------------------


@pytest.mark.parametrize(
    ('wire', 'message'),
    [
        ('f248cdc9c90700', b'Hello'),  # one block
        ('000500faff48656c6c6f00', b'Hello'),  # not compressed
        ('f348cdc9c9070000', b'Hello'),  # BFINAL set
        ('f24805000000ffffcac9c90700', b'Hello'),  # two blocks
        ('00', b''),
        ('', b''),
    ],
)
def test_vectors_in(wire, message):
    assert inflate(bytes.fromhex(wire), 5) == message


def test_vectors_out():
    assert compress(b'Hello').hex() == 'f248cdc9c90700'
    assert compress(b'') == b'\x00'


@pytest.mark.parametrize(
    'wire',
    [
        b'\xff',
        b'\x07',
        b'Hello',
        bytes.fromhex('f348cdc9c90700'),  # BFINAL set and nothing behind it
        bytes.fromhex('f348cdc9c9070000') + b'hidden',
        bytes.fromhex('f348cdc9c9070000f248cdc9c90700'),
        bytes.fromhex('f200114a8100'),  # refers to a window that is not kept
        zlib.compress(b'Hello'),
    ],
)
def test_what_is_no_message(wire):
    with pytest.raises(FrameError) as caught:
        inflate(wire, 1000)
    assert caught.value.code == 1007


@pytest.mark.parametrize('part', [0.1, 0.5, 0.9])
def test_cut_message_is_no_message(part):
    wire = compress(b'a message, cut in the middle of a block, is not taken for a shorter one')
    with pytest.raises(FrameError) as caught:
        inflate(wire[: int(len(wire) * part)], 1000)
    assert caught.value.code == 1007


@patient
@given(st.binary(max_size=2000), st.sampled_from([1, 40, 2000]))
def test_round_trip(block, times):
    message = block * times
    assert inflate(compress(message), len(message)) == message


@patient
@given(st.one_of(st.binary(max_size=3000), st.text(max_size=2000).map(str.encode)))
def test_websockets_agrees(message):
    theirs = PerMessageDeflate(True, True, 15, 15)
    coded = theirs.encode(Frame(Opcode.BINARY, message))
    assert inflate(bytes(coded.data), len(message)) == message
    ours = Frame(Opcode.BINARY, compress(message), rsv1=True)
    assert theirs.decode(ours).data == message


@pytest.mark.parametrize('bits', range(9, 16))
def test_every_client_window_is_read(bits):
    message = bytes(range(256)) * 300
    deflater = zlib.compressobj(wbits=-bits)
    wire = deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
    assert inflate(wire[:-4], len(message)) == message


@pytest.mark.parametrize('limit', [0, 1, 125, 65_536])
def test_limit_is_the_last_that_passes(limit):
    assert inflate(compress(b'a' * limit), limit) == b'a' * limit
    with pytest.raises(FrameError) as caught:
        inflate(compress(b'a' * (limit + 1)), limit)
    assert caught.value.code == 1009
    assert str(limit) in caught.value.reason


def test_bomb_stops_at_the_limit():
    deflater = zlib.compressobj(9, wbits=-15)
    mebibyte = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    bomb = (mebibyte * 1024)[:-4]
    assert 900_000 < len(bomb) < 1_100_000  # stands for 1 GiB
    limit = 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(FrameError) as caught:
            inflate(bomb, limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code == 1009
    assert peak < 2 * limit + 2 * len(bomb) + 100_000

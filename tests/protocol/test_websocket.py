"""RFC 6455 codec: vectors, every split of every stream, limits, and a second opinion."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

from geventio.errors import FrameError
from geventio.protocol import deflate, websocket
from geventio.protocol.mask import python_mask, python_unmasked
from geventio.protocol.websocket import (
    MAX_FRAGMENTS,
    OP_BINARY,
    OP_CLOSE,
    OP_CONT,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    Close,
    CloseCode,
    FrameReader,
    Ping,
    Pong,
    binary_frame,
    close_frame,
    frame,
    text_frame,
)

MASK = b'\x37\xfa\x21\x3d'
LIMIT = 1_000_000

patient = settings(deadline=None)  # the machine may be busy


def masked(opcode, payload=b'', *, fin=True, rsv1=False, mask=MASK):
    return frame(opcode, payload, fin=fin, rsv1=rsv1, mask=mask)


def plain(events):
    """Events in a form that compares: a FrameError by its code."""
    return [event.code if isinstance(event, FrameError) else event for event in events]


def feed_all(reader, pieces):
    events = []
    for piece in pieces:
        events += take(reader, piece)
    return plain(events)


def take(reader, data):
    """As a connection reads."""
    text = reader.lone_text(data)
    return reader.feed(data) if text is None else [text]


def read(data, **options):
    return plain(take(FrameReader(LIMIT, **options), data))


def without_compiled_code(patch):
    patch.setattr(websocket, 'apply_mask', python_mask)
    patch.setattr(websocket, 'unmasked', python_unmasked)


@pytest.fixture(params=['compiled', 'python'])
def any_mask(request, monkeypatch):
    if request.param == 'python':
        without_compiled_code(monkeypatch)
    else:
        pytest.importorskip('websockets.speedups')
    return request.param


# -- vectors: RFC 6455 section 5.7 --------------------------------------------------------------

BYTES_256 = bytes(range(256))
BYTES_64K = bytes(range(256)) * 256

VECTORS = [
    # opcode, payload, fin, mask, wire
    (OP_TEXT, b'Hello', True, None, '810548656c6c6f'),
    (OP_TEXT, b'Hello', True, MASK, '818537fa213d7f9f4d5158'),
    (OP_TEXT, b'Hel', False, None, '010348656c'),
    (OP_CONT, b'lo', True, None, '80026c6f'),
    (OP_PING, b'Hello', True, None, '890548656c6c6f'),
    (OP_PONG, b'Hello', True, MASK, '8a8537fa213d7f9f4d5158'),
    (OP_BINARY, BYTES_256, True, None, '827e0100' + BYTES_256.hex()),
    (OP_BINARY, BYTES_64K, True, None, '827f0000000000010000' + BYTES_64K.hex()),
]


@pytest.mark.parametrize(('opcode', 'payload', 'fin', 'mask', 'wire'), VECTORS)
def test_vectors_out(any_mask, opcode, payload, fin, mask, wire):
    assert frame(opcode, payload, fin=fin, mask=mask).hex() == wire


@pytest.mark.parametrize(
    ('wire', 'client', 'events'),
    [
        ('810548656c6c6f', True, ['Hello']),
        ('818537fa213d7f9f4d5158', False, ['Hello']),
        ('010348656c80026c6f', True, ['Hello']),
        ('890548656c6c6f', True, [Ping(b'Hello')]),
        ('8a8537fa213d7f9f4d5158', False, [Pong(b'Hello')]),
        ('827e0100' + BYTES_256.hex(), True, [BYTES_256]),
        ('827f0000000000010000' + BYTES_64K.hex(), True, [BYTES_64K]),
    ],
)
def test_vectors_in(any_mask, wire, client, events):
    got = read(bytes.fromhex(wire), client=client)
    assert got == events
    assert [type(item) for item in got] == [type(item) for item in events]


@pytest.mark.parametrize('size', [0, 1, 125, 126, 65_535, 65_536])
def test_server_frames_take_the_shortest_length(size):
    payload = b'a' * size
    text = 'a' * size
    assert text_frame(text) == frame(OP_TEXT, payload)
    assert binary_frame(payload) == frame(OP_BINARY, payload)
    head = {0: 2, 1: 2, 125: 2, 126: 4, 65_535: 4, 65_536: 10}[size]
    assert len(text_frame(text)) == head + size
    assert read(text_frame(text), client=True) == [text]
    assert read(binary_frame(payload), client=True) == [payload]


def test_frame_refuses_what_no_peer_would_take():
    for bad in (
        lambda: frame(OP_PING, b'a' * 126),
        lambda: frame(OP_CLOSE, b'', fin=False),
        lambda: frame(OP_TEXT, b'', mask=b'abc'),
    ):
        with pytest.raises(ValueError, match=r'control frame|mask'):
            bad()


# -- close frames -------------------------------------------------------------------------------


def test_close_frame():
    assert close_frame(None, 'not sent') == b'\x88\x00'
    assert close_frame(1000) == b'\x88\x02\x03\xe8'
    assert close_frame(CloseCode.GOING_AWAY, 'bye') == b'\x88\x05\x03\xe9bye'
    assert close_frame(4999) == b'\x88\x02\x13\x87'


@pytest.mark.parametrize('code', [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536])
def test_close_codes_that_never_travel(code):
    with pytest.raises(ValueError, match=str(code)):
        close_frame(code)
    if code < 65_536:
        assert read(masked(OP_CLOSE, code.to_bytes(2, 'big'))) == [1002]


@pytest.mark.parametrize('code', [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 4999])
def test_close_codes_that_travel(code):
    assert read(masked(OP_CLOSE, close_frame(code, 'ü')[2:])) == [Close(code, 'ü')]


def test_close_reason_is_cut_between_characters():
    reason = 'x' + '€' * 60  # 181 bytes; 123 falls inside a character
    data = close_frame(1000, reason)
    assert data[1] == 2 + 121
    assert read(data, client=True) == [Close(1000, 'x' + '€' * 40)]
    assert close_frame(1000, '\ud800') == b'\x88\x03\x03\xe8?'


def test_received_close_payloads():
    assert read(masked(OP_CLOSE)) == [Close(None, '')]
    assert read(masked(OP_CLOSE, b'\x03')) == [1002]
    assert read(masked(OP_CLOSE, b'\x03\xe8\xff')) == [1007]


# -- what is a fault, and which code it has -----------------------------------------------------

FAULTS = {
    'rsv2': (b'\xa1\x80', 1002),
    'rsv3': (b'\x91\x80', 1002),
    'rsv1 without deflate': (b'\xc1\x80', 1002),
    'reserved data opcode': (b'\x83\x80', 1002),
    'reserved control opcode': (b'\x8b\x80', 1002),
    'fragmented ping': (b'\x09\x80', 1002),
    'long ping': (b'\x89\xfe', 1002),
    'long close': (b'\x88\xff', 1002),
    'unmasked': (b'\x81\x00', 1002),
    'continuation first': (b'\x80\x80', 1002),
    'message inside a message': (masked(OP_TEXT, b'a', fin=False) + b'\x81\x80', 1002),
    '16-bit length below 126': (b'\x81\xfe\x00\x7d', 1002),
    '64-bit length below 65536': (b'\x81\xff' + (65_535).to_bytes(8, 'big'), 1002),
    'length over 63 bits': (b'\x82\xff\x80' + bytes(7), 1002),
    'over the limit, 64-bit': (b'\x82\xff' + (LIMIT + 1).to_bytes(8, 'big'), 1009),
    'bad utf-8': (masked(OP_TEXT, b'\xff'), 1007),
    'bad utf-8, long': (masked(OP_TEXT, b'a' * 126 + b'\xff'), 1007),
    'surrogate': (masked(OP_TEXT, '\ud800'.encode('utf-8', 'surrogatepass')), 1007),
    'cut utf-8': (masked(OP_TEXT, '€'.encode()[:2]), 1007),
    'bad utf-8 in the first fragment': (masked(OP_TEXT, b'\xc0', fin=False), 1007),
    'cut utf-8 in the last fragment': (
        masked(OP_TEXT, b'a', fin=False) + masked(OP_CONT, b'\xe2\x82'),
        1007,
    ),
}


@pytest.mark.parametrize('before', [b'', masked(OP_TEXT, b'ok')], ids=['alone', 'after a message'])
@pytest.mark.parametrize('name', FAULTS)
def test_fault(name, before):
    data, code = FAULTS[name]
    expected = ['ok', code] if before else [code]
    reader = FrameReader(LIMIT)
    events = reader.feed(before + data)
    assert plain(events) == expected
    assert 0 < len(events[-1].reason.encode()) <= 123
    assert reader.feed(masked(OP_TEXT, b'late')) == []
    # and the same byte by byte: nothing has to follow the faulty byte
    stream = before + data
    assert feed_all(FrameReader(LIMIT), [stream[i : i + 1] for i in range(len(stream))]) == expected


def test_client_reader_refuses_masked_frames():
    assert read(masked(OP_TEXT, b'a'), client=True) == [1002]
    assert read(text_frame('a'), client=True) == ['a']


def test_compression_bit_belongs_on_the_first_data_frame():
    def bit(opcode, **options):
        return masked(opcode, deflate.compress(b'ab') if opcode < 3 else b'', rsv1=True, **options)

    def inflating(data):
        return read(data, inflate=deflate.inflate)

    assert inflating(bit(OP_TEXT)) == ['ab']
    assert inflating(bit(OP_BINARY)) == [b'ab']
    assert inflating(bit(OP_PING)) == [1002]
    assert inflating(masked(OP_TEXT, b'a', fin=False) + bit(OP_CONT)) == [1002]
    packed = deflate.compress('€'.encode() * 3)
    first = masked(OP_TEXT, packed[:2], rsv1=True, fin=False)
    assert inflating(first + masked(OP_PING) + masked(OP_CONT, packed[2:])) == [Ping(b''), '€€€']
    assert inflating(masked(OP_TEXT, deflate.compress(b'\xff'), rsv1=True)) == [1007]
    assert inflating(masked(OP_TEXT, b'\xff\xff', rsv1=True)) == [1007]
    assert inflating(masked(OP_TEXT, b'plain')) == ['plain']


def test_nothing_follows_close():
    reader = FrameReader(LIMIT)
    close = masked(OP_CLOSE, b'\x03\xe8')
    assert reader.feed(close + masked(OP_TEXT, b'a')) == [Close(1000, '')]
    assert reader.feed(masked(OP_TEXT, b'a')) == []
    assert reader.feed(b'\xff' * 100) == []


def test_utf8_fails_before_the_message_is_complete():
    reader = FrameReader(LIMIT)
    euro = '€'.encode()
    assert reader.feed(masked(OP_TEXT, euro[:1], fin=False)) == []
    assert reader.feed(masked(OP_CONT, euro[1:] + b'a', fin=False)) == []
    assert plain(reader.feed(masked(OP_CONT, b'\x80', fin=False))) == [1007]


# -- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize('limit', [0, 1, 4, 125, 126, 1000])
def test_max_size_is_the_last_that_passes(limit):
    for opcode, good in ((OP_TEXT, 'a' * limit), (OP_BINARY, b'a' * limit)):
        assert FrameReader(limit).feed(masked(opcode, b'a' * limit)) == [good]
        assert plain(FrameReader(limit).feed(masked(opcode, b'a' * (limit + 1)))) == [1009]
    # over fragments, judged from the header of the one that passes the limit
    reader = FrameReader(limit)
    assert reader.feed(masked(OP_BINARY, b'a' * limit, fin=False)) == []
    assert plain(reader.feed(masked(OP_CONT, b'a')[:2])) == [1009]
    # control frames do not count
    assert FrameReader(limit).feed(masked(OP_PING, b'a' * 125)) == [Ping(b'a' * 125)]


@pytest.mark.parametrize('exponent', [20, 31, 62])
def test_announced_size_allocates_nothing(exponent):
    reader = FrameReader(LIMIT)
    tracemalloc.start()
    try:
        events = reader.feed(b'\x82\xff' + (2**exponent).to_bytes(8, 'big'))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert plain(events) == [1009]
    assert peak < 20_000


def test_announced_size_within_the_limit_is_not_reserved():
    reader = FrameReader(LIMIT)
    tracemalloc.start()
    try:
        assert reader.feed(b'\x82\xff' + LIMIT.to_bytes(8, 'big') + MASK + b'abc') == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000


def test_a_million_one_byte_fragments():
    reader = FrameReader(LIMIT)
    assert reader.feed(masked(OP_TEXT, b'a', fin=False)) == []
    batch = masked(OP_CONT, b'a', fin=False) * 1000
    tracemalloc.start()
    try:
        events = feed_all(reader, [batch] * 1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert events == [1008]
    assert peak < 500_000


@pytest.mark.parametrize('payload', [b'', b'\xc3\xbc'], ids=['empty', 'one character'])
def test_fragment_limit_is_the_last_that_passes(payload):
    for count, expected in (
        (MAX_FRAGMENTS, [payload.decode() * MAX_FRAGMENTS]),
        (MAX_FRAGMENTS + 1, [1008]),
    ):
        reader = FrameReader(LIMIT)
        stream = (
            masked(OP_TEXT, payload, fin=False)
            + masked(OP_CONT, payload, fin=False) * (count - 2)
            + masked(OP_CONT, payload)
        )
        assert plain(reader.feed(stream)) == expected
    # the count is one message's
    assert reader.feed(masked(OP_TEXT, b'a')) == []


def test_large_frame_in_small_pieces_takes_linear_time():
    size = 8_000_000
    data = masked(OP_BINARY, bytes(size))
    reader = FrameReader(size)
    started = time.process_time()
    events = feed_all(reader, [data[at : at + 1024] for at in range(0, len(data), 1024)])
    assert events == [bytes(size)]
    assert time.process_time() - started < 2  # copying all of it each time takes over ten


def test_idle_reader_keeps_nothing():
    reader = FrameReader(LIMIT)
    data = masked(OP_BINARY, bytes(200_000))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        assert feed_all(reader, [data[:100_000], data[100_000:] + masked(OP_PING)])
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 2000


# -- any split of any stream --------------------------------------------------------------------

controls = st.one_of(
    st.tuples(st.just(OP_PING), st.binary(max_size=125)),
    st.tuples(st.just(OP_PONG), st.binary(max_size=125)),
)
payloads = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=40),
    st.integers(120, 140).map(lambda n: 'a' * n),
    st.sampled_from([65_535, 65_536]).map(bytes),
)


@st.composite
def streams(draw, mask=True, close=True):
    """A valid stream: its frames as bytes and the events they stand for."""
    frames, events = [], []

    def put(opcode, payload, fin=True):
        key = draw(st.binary(min_size=4, max_size=4)) if mask else None
        frames.append(frame(opcode, payload, fin=fin, mask=key))

    def put_controls():
        for opcode, data in draw(st.lists(controls, max_size=2)):
            put(opcode, data)
            events.append(Ping(data) if opcode == OP_PING else Pong(data))

    for message in draw(st.lists(payloads, max_size=4)):
        put_controls()
        data = message.encode() if isinstance(message, str) else message
        opcode = OP_TEXT if isinstance(message, str) else OP_BINARY
        cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
        bounds = list(zip([0, *cuts], [*cuts, len(data)], strict=True))
        for number, (start, end) in enumerate(bounds, 1):
            put(opcode, data[start:end], fin=number == len(bounds))
            opcode = OP_CONT
            if number < len(bounds):
                put_controls()
        events.append(message)
    if close and draw(st.booleans()):
        put(OP_CLOSE, b'\x0f\xa0bye')
        events.append(Close(4000, 'bye'))
    return frames, events


@st.composite
def splits(draw, data):
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@patient
@given(st.data(), streams(), st.booleans())
def test_any_split_gives_the_same_events(data, stream, python):
    frames, events = stream
    wire = b''.join(frames)
    with pytest.MonkeyPatch.context() as patch:
        if python:
            without_compiled_code(patch)
        assert feed_all(FrameReader(LIMIT), data.draw(splits(wire))) == events
        assert feed_all(FrameReader(LIMIT), frames) == events
        if len(wire) < 2000:
            single = [wire[at : at + 1] for at in range(len(wire))]
            assert feed_all(FrameReader(LIMIT), single) == events


@given(payload=st.binary(max_size=130), mask=st.binary(min_size=4, max_size=4),
       opcode=st.sampled_from((OP_TEXT, OP_TEXT, OP_TEXT, OP_BINARY)), fin=st.booleans(),
       behind=st.sampled_from((b'', b'', b'\x81')), python=st.booleans())
def test_a_lone_text_is_what_feed_would_give(payload, mask, opcode, fin, behind, python):
    wire = frame(opcode, payload, fin=fin, mask=mask) + behind
    with pytest.MonkeyPatch.context() as patch:
        if python:
            without_compiled_code(patch)
        text = FrameReader(LIMIT).lone_text(wire)
    events = FrameReader(LIMIT).feed(wire)
    lone = len(payload) <= 125 and not behind and [str] == [type(event) for event in events]
    assert text == (events[0] if lone else None)


def test_no_text_is_alone_behind_the_beginning_of_another_or_the_end():
    text = frame(OP_TEXT, b'a', mask=MASK)
    reader = FrameReader(LIMIT)
    assert reader.feed(text[:3]) == []
    assert reader.lone_text(text) is None
    assert plain(reader.feed(text[3:])) == ['a']
    assert reader.lone_text(text) == 'a'
    assert reader.feed(frame(OP_TEXT, b'a', fin=False, mask=MASK)) == []
    assert reader.lone_text(text) is None
    assert plain(reader.feed(frame(OP_CONT, b'b', mask=MASK))) == ['ab']
    assert reader.lone_text(text) == 'a'
    assert len(reader.feed(frame(OP_CLOSE, b'', mask=MASK))) == 1
    assert reader.lone_text(text) is None
    assert FrameReader(LIMIT, client=True).lone_text(text) is None
    assert FrameReader(2).lone_text(frame(OP_TEXT, b'abc', mask=MASK)) is None  # too big


@patient
@given(st.data(), streams(mask=False))
def test_any_split_of_a_server_stream(data, stream):
    frames, events = stream
    wire = b''.join(frames)
    assert feed_all(FrameReader(LIMIT, client=True), data.draw(splits(wire))) == events


@patient
@given(st.data(), st.binary(max_size=300))
def test_any_split_of_any_bytes(data, wire):
    whole = plain(FrameReader(1000, inflate=deflate.inflate).feed(wire))
    split = feed_all(FrameReader(1000, inflate=deflate.inflate), data.draw(splits(wire)))
    assert split == whole


# -- a second opinion: the websockets package ---------------------------------------------------


class Reference:
    """Feeds a websockets Protocol and collects what FrameReader would give."""

    def __init__(self, side=SERVER, *, compressed=False):
        self.protocol = Protocol(side, state=OPEN, max_size=LIMIT)
        if compressed:
            self.protocol.extensions = [PerMessageDeflate(True, True, 15, 15)]

    def feed(self, wire):
        self.protocol.receive_data(wire)
        events, opcode, parts = [], None, []
        for item in self.protocol.events_received():
            if item.opcode is Opcode.PING:
                events.append(Ping(bytes(item.data)))
            elif item.opcode is Opcode.PONG:
                events.append(Pong(bytes(item.data)))
            elif item.opcode is not Opcode.CLOSE:
                opcode = item.opcode if item.opcode is not Opcode.CONT else opcode
                parts.append(item.data)
                if item.fin:
                    message = b''.join(parts)
                    parts = []
                    try:  # this package leaves the check to the layer above
                        events.append(message.decode() if opcode is Opcode.TEXT else message)
                    except UnicodeDecodeError:
                        return [*events, 1007]
        if self.protocol.parser_exc is not None:
            events.append(self.protocol.close_sent.code)
        elif self.protocol.close_rcvd is not None:
            close = self.protocol.close_rcvd
            empty = close.code == 1005
            events.append(Close(None if empty else close.code, close.reason))
        return events


def test_reference_reports_faults():
    assert Reference().feed(b'\xa1\x80' + MASK) == [1002]
    assert Reference().feed(b'\x82\xff' + (2**62).to_bytes(8, 'big')) == [1009]


@patient
@given(streams())
def test_same_events_as_websockets(stream):
    frames, events = stream
    wire = b''.join(frames)
    assert Reference().feed(wire) == events == read(wire)


@patient
@given(streams(mask=False))
def test_same_events_as_websockets_as_client(stream):
    frames, events = stream
    wire = b''.join(frames)
    assert Reference(CLIENT).feed(wire) == events == read(wire, client=True)


@patient
@given(st.lists(payloads, max_size=5), st.booleans())
def test_websockets_frames_are_read(messages, compressed):
    extensions = [PerMessageDeflate(True, True, 15, 15)] if compressed else []
    inflate = deflate.inflate if compressed else None
    wire = b''.join(
        Frame(
            Opcode.TEXT if isinstance(item, str) else Opcode.BINARY,
            item.encode() if isinstance(item, str) else item,
        ).serialize(mask=True, extensions=extensions)
        for item in messages
    )
    assert read(wire, inflate=inflate) == messages


@patient
@given(st.lists(payloads, max_size=5), st.booleans())
def test_websockets_reads_our_frames(messages, compressed):
    wire = b''
    for item in messages:
        data = item.encode() if isinstance(item, str) else item
        opcode = OP_TEXT if isinstance(item, str) else OP_BINARY
        if compressed:
            wire += frame(opcode, deflate.compress(data), rsv1=True)
        else:
            wire += text_frame(item) if opcode == OP_TEXT else binary_frame(data)
    assert Reference(CLIENT, compressed=compressed).feed(wire) == messages


@settings(deadline=None, max_examples=400)
@given(streams(close=False), st.data())
def test_same_fault_as_websockets(stream, data):
    frames, _ = stream
    wire = bytearray(b''.join(frames))
    for _ in range(data.draw(st.integers(1, 3))):
        if wire:
            at = data.draw(st.integers(0, min(len(wire), 400) - 1))
            wire[at] = data.draw(st.integers(0, 255))
    wire += masked(OP_CLOSE, b'\x03\xe8')
    ours = read(bytes(wire))
    theirs = Reference().feed(bytes(wire))
    if ours == theirs:
        return
    if isinstance(ours[-1], Close):  # control frames may stand inside a message: section 5.4
        assert ours[:-1] == theirs[:-1]
        assert theirs[-1] == 1002
        return
    # Else this reader is the stricter or the earlier one: it judges a header without waiting for
    # the payload, refuses a length not in its shortest form, stops at the first fragment that
    # cannot be UTF-8, and looks at a close code before the reason.
    assert ours[-1] in (1002, 1007)
    assert ours[:-1] == theirs[: len(ours) - 1]
    reason = FrameReader(LIMIT).feed(bytes(wire))[-1].reason
    assert reason in {
        'invalid payload length',
        'control frame over 125 bytes',
        'invalid UTF-8',
        'invalid close code',
        'reserved bit set',
        'unexpected compression bit',
        'fragmented control frame',
        'continuation of no message',
        'new message inside a fragmented one',
    }

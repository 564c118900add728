"""The WebSocket drafts: the drafts' own examples, refusals, every split, hostile input."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geventio.errors import FrameError, HTTPError
from geventio.protocol.hixie import (
    CLOSE,
    FrameReader,
    challenge_answer,
    draft_of,
    response_head,
    text_frame,
)
from geventio.protocol.http import parse_head
from geventio.protocol.websocket import Close

LIMIT = 1_000_000
KEY1 = '4 @1  46546xW%0l 1 5'
KEY2 = '12998 5 Y3 1  .P00'

# The example of section 1.2, key and all.
REQUEST_76 = b"""GET /demo HTTP/1.1
Host: example.com
Connection: Upgrade
Sec-WebSocket-Key2: 12998 5 Y3 1  .P00
Sec-WebSocket-Protocol: sample
Upgrade: WebSocket
Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5
Origin: http://example.com""".replace(b'\n', b'\r\n')

HEADERS_75 = {
    'host': 'example.com',
    'upgrade': 'WebSocket',
    'connection': 'Upgrade',
    'origin': 'http://example.com',
}
HEADERS_76 = {**HEADERS_75, 'sec-websocket-key1': KEY1, 'sec-websocket-key2': KEY2}

patient = settings(deadline=None)  # the machine may be busy


def changed(headers, changes):
    return {name: value for name, value in (headers | changes).items() if value is not None}


# -- handshake ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('changes', 'draft'),
    [
        ({}, 76),
        ({'upgrade': 'websocket'}, 76),
        ({'upgrade': 'WEBSOCKET'}, 76),
        ({'sec-websocket-key1': None}, 76),
        ({'sec-websocket-key2': None}, 76),
        ({'sec-websocket-key1': None, 'sec-websocket-key2': None}, 75),
        ({'sec-websocket-version': '13'}, None),
        ({'sec-websocket-version': ''}, None),
        ({'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='}, None),
        ({'upgrade': None}, None),
        ({'upgrade': 'h2c'}, None),
        ({'upgrade': 'websocket2'}, None),
    ],
)
def test_draft_of(changes, draft):
    assert draft_of(changed(HEADERS_76, changes)) == draft


def test_the_example_of_draft_76():
    request = parse_head(REQUEST_76)
    assert draft_of(request.headers) == 76
    assert response_head(76, request.headers, request.target, secure=False) == (
        b'HTTP/1.1 101 WebSocket Protocol Handshake\r\n'
        b'Upgrade: WebSocket\r\n'
        b'Connection: Upgrade\r\n'
        b'Sec-WebSocket-Origin: http://example.com\r\n'
        b'Sec-WebSocket-Location: ws://example.com/demo\r\n'
        b'Sec-WebSocket-Protocol: sample\r\n'
        b'\r\n'
    )
    assert challenge_answer(KEY1, KEY2, b'^n:ds[4U') == b"8jKS'y:G*Co,Wxa-"


@pytest.mark.parametrize(
    ('key1', 'key2', 'body', 'answer'),
    [
        # The example of section 1.3.
        (
            '18x 6]8vM;54 *(5:  {   U1]8  z [  8',
            '1_ tx7X d  <  nw  334J702) 7]o}` 0',
            b'Tm[K T2u',
            b'fQJ,fN/4F4!~K~MH',
        ),
        # What the test-suite of SockJS asks.
        (KEY1, KEY2, b'aaaaaaaa', b'\xca4\x00\xd8\xa5\x08G\x97,\xd5qZ\xba\xbfC{'),
        # MD5 of 00000001, ffffffff and eight zeros.
        ('2  ', '4294967295 ', bytes(8), bytes.fromhex('e21270fefbdfede5cd3e22914189b75d')),
    ],
)
def test_challenge_vectors(key1, key2, body, answer):
    assert challenge_answer(key1, key2, body) == answer


def test_draft_75():
    headers = {**HEADERS_75, 'websocket-protocol': 'sample'}
    head = response_head(75, headers, '/a?b=%2F', secure=True)
    assert head == (
        b'HTTP/1.1 101 Web Socket Protocol Handshake\r\n'
        b'Upgrade: WebSocket\r\n'
        b'Connection: Upgrade\r\n'
        b'WebSocket-Origin: http://example.com\r\n'
        b'WebSocket-Location: wss://example.com/a?b=%2F\r\n'
        b'WebSocket-Protocol: sample\r\n'
        b'\r\n'
    )


def test_what_is_not_sent_is_not_echoed():
    headers = changed(HEADERS_76, {'origin': None, 'websocket-protocol': 'of the other draft'})
    head = response_head(76, headers, '/', secure=False)
    assert b'\r\nSec-WebSocket-Origin: null\r\n' in head
    assert b'Protocol:' not in head


@pytest.mark.parametrize('connection', ['Upgrade', 'upgrade', 'keep-alive, Upgrade'])
def test_connection_is_a_list(connection):
    assert response_head(75, HEADERS_75 | {'connection': connection}, '/', secure=False)


@pytest.mark.parametrize(
    ('changes', 'word'),
    [
        ({'connection': None}, 'Connection'),
        ({'connection': 'close'}, 'Connection'),
        ({'connection': 'upgraded'}, 'Connection'),
        ({'content-length': '8'}, 'body'),
        ({'transfer-encoding': 'chunked'}, 'body'),
        ({'host': None}, 'host'),
        ({'host': ''}, 'host'),
        ({'host': 'a\r\nSet-Cookie: a=b'}, 'control'),
        ({'host': 'a\n'}, 'control'),
        ({'origin': 'http://a\r\n\r\n'}, 'control'),
        ({'origin': 'http://a\0'}, 'control'),
        ({'origin': 'http://a\x7f'}, 'control'),
        ({'origin': 'http://€'}, 'control'),
        ({'sec-websocket-protocol': 'a\rb'}, 'control'),
        ({'sec-websocket-key1': None}, 'digits'),
        ({'sec-websocket-key2': None}, 'digits'),
        ({'sec-websocket-key1': ''}, 'digits'),
        ({'sec-websocket-key1': '12345'}, 'spaces'),
        ({'sec-websocket-key1': 'a b c'}, 'digits'),
        ({'sec-websocket-key1': '²³ '}, 'digits'),
        ({'sec-websocket-key1': '3 1 '}, 'divide'),
        ({'sec-websocket-key2': '4294967296 '}, '32 bits'),
        ({'sec-websocket-key2': '00000000001 '}, '32 bits'),
        ({'sec-websocket-key2': ' ' + '9' * 16_000}, '32 bits'),
    ],
)
def test_handshake_refused(changes, word):
    with pytest.raises(HTTPError, match=word) as caught:
        response_head(76, changed(HEADERS_76, changes), '/', secure=False)
    assert caught.value.status == 400


def test_a_target_cannot_end_the_head():
    with pytest.raises(HTTPError):
        response_head(75, HEADERS_75, '/\r\n', secure=False)


def test_the_answer_checks_again():
    with pytest.raises(HTTPError):
        challenge_answer(KEY1, 'no number', bytes(8))
    for size in (0, 7, 9):
        with pytest.raises(ValueError, match='8 bytes'):
            challenge_answer(KEY1, KEY2, bytes(size))


def key(number, spaces, letters):
    """A key as clients make it, only less at random."""
    digits = str(number * spaces)
    return digits[:1] + ' ' * spaces + letters + digits[1:]


keys = st.integers(1, 12).flatmap(
    lambda spaces: st.tuples(
        st.integers(0, 0xFFFF_FFFF // spaces),
        st.just(spaces),
        st.text('!"#$%&\'()*+,-./:;<=>?@AZ[\\]^_`az{|}~', max_size=12),
    )
)


@patient
@given(keys, keys)
def test_every_key_of_a_client_is_taken(one, two):
    # Keys of one number are alike to the answer, however they are spelled.
    plain = challenge_answer(f'{one[0]} ', f'{two[0]} ', b'12345678')
    assert challenge_answer(key(*one), key(*two), b'12345678') == plain


@patient
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_key_is_taken_or_refused(one, two):
    headers = HEADERS_76 | {'sec-websocket-key1': one, 'sec-websocket-key2': two}
    try:
        response_head(76, headers, '/', secure=False)
    except HTTPError:
        with pytest.raises(HTTPError):
            challenge_answer(one, two, bytes(8))
    else:
        assert len(challenge_answer(one, two, bytes(8))) == 16


def test_handshake_in_linear_time():
    started = time.process_time()
    for name in HEADERS_76:
        for text in (',' * 16_000, ' ' * 16_000, 'a,' * 8_000, '1' * 16_000, '1 ' * 8_000):
            draft_of(HEADERS_76 | {name: text})
            try:
                response_head(76, HEADERS_76 | {name: text}, '/', secure=False)
            except HTTPError as error:
                assert error.status == 400
    assert time.process_time() - started < 0.5


# -- frames -------------------------------------------------------------------------------------


def plain(events):
    """Events in a form that compares: a FrameError by its code."""
    return [event.code if isinstance(event, FrameError) else event for event in events]


def feed_all(reader, pieces):
    return plain([event for piece in pieces for event in reader.feed(piece)])


def read(data, **options):
    return plain(FrameReader(LIMIT, **options).feed(data))


BYE = Close(None, '')

# bytes, what they say on 76, and on 75 where that differs
STREAMS = [
    (b'', []),
    (b'\x00\xff', ['']),
    (b'\x00hello\xff', ['hello']),
    (b'\x00~m~2~m~hi\xff', ['~m~2~m~hi']),
    (b'\x00\xf0\x9f\x98\x80\xff', ['😀']),
    (b'\x00\xe2\x82\xac\xff\x00\x00\xff', ['€', '\0']),
    (b'\x00a\xff\x00b', ['a']),
    (b'\x00a\xff\xff\x00', ['a', BYE], ['a', 1002]),
    (b'\xff\x00\x00a\xff', [BYE], [1002]),
    (b'\xff', [], [1002]),
    (b'\xff\x01', [1002]),
    (b'\xff\xff', [1002]),
    (b'\x00a\xff\x01b\xff', ['a', 1002]),
    (b'\x80\x01a', [1002]),
    (b'\x81\x85', [1002]),
    (b'GET / HTTP/1.1', [1002]),
    (b'\x00\xc3\xff\x00a\xff', [1007]),
    (b'\x00a\xff\x00\xed\xa0\x80\xff', ['a', 1007]),
    (b'\x00\x80', []),
]


@pytest.mark.parametrize('draft', [75, 76])
@pytest.mark.parametrize('stream', STREAMS)
def test_streams_whole_and_in_every_split(stream, draft):
    data = stream[0]
    wanted = stream[-1 if draft == 75 else 1]
    assert read(data, draft=draft) == wanted
    assert feed_all(FrameReader(LIMIT, draft=draft), [data[i : i + 1] for i in range(len(data))]) \
        == wanted
    for at in range(len(data)):
        assert feed_all(FrameReader(LIMIT, draft=draft), [data[:at], data[at:]]) == wanted


def test_frames_out():
    assert text_frame('€') == b'\x00\xe2\x82\xac\xff'
    assert text_frame('') == b'\x00\xff'
    assert read(CLOSE) == [BYE]


def test_the_end_is_the_end():
    for last in (CLOSE, b'\x01', b'\x00\xc3\xff', b'\x00' + b'a' * 5):
        reader = FrameReader(4)
        assert len(reader.feed(last)) == 1
        assert reader.feed(text_frame('late')) == []
        assert reader.lone_text(text_frame('late')) is None


def test_the_limit_counts_bytes_of_a_message():
    for size, code in ((4, None), (5, 1009)):
        text = 'a' * size
        wanted = [text] if code is None else [code]
        for data in (text_frame(text), text_frame(text) + text_frame('b')):
            got = plain(FrameReader(4).feed(data))
            assert got[:1] == wanted
            assert (got[1:] == ['b']) == (code is None and data.endswith(b'\x00b\xff'))
    assert plain(FrameReader(3).feed(text_frame('€'))) == ['€']
    assert plain(FrameReader(2).feed(text_frame('€'))) == [1009]
    assert plain(FrameReader(0).feed(b'\x00\xff\x00a')) == ['', 1009]


def test_a_message_that_is_too_big_is_refused_before_it_ends():
    reader = FrameReader(4)
    assert feed_all(reader, [b'\x00abc', b'd']) == []
    assert feed_all(reader, [b'e']) == [1009]


texts = st.text(st.characters(exclude_categories=['Cs']))


@patient
@given(st.lists(texts), st.lists(st.integers(0, 400)))
def test_round_trip_in_any_pieces(messages, cuts):
    data = b''.join(text_frame(text) for text in messages) + CLOSE
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]
    assert feed_all(FrameReader(LIMIT), pieces) == [*messages, BYE]


bytes_of_interest = st.sampled_from([b'\0', b'\xff', b'\xff\0', b'\0a\xff', b'\0\xe2\x82', b'\xac'])
hostile = st.lists(bytes_of_interest | st.binary(max_size=6), max_size=12)


@patient
@given(hostile, st.sampled_from([75, 76]), st.integers(0, 6))
def test_pieces_do_not_matter_and_nothing_is_raised(pieces, draft, limit):
    whole = plain(FrameReader(limit, draft=draft).feed(b''.join(pieces)))
    assert feed_all(FrameReader(limit, draft=draft), pieces) == whole
    bytewise = [bytes([byte]) for byte in b''.join(pieces)]
    assert feed_all(FrameReader(limit, draft=draft), bytewise) == whole
    assert not any(isinstance(event, (int, Close)) for event in whole[:-1])


def test_hostile_streams_in_linear_time():
    started = time.process_time()
    reader = FrameReader(LIMIT)
    assert reader.feed(b'\0') == []
    for _ in range(LIMIT):
        assert not reader.feed(b'a')
    assert plain(reader.feed(b'a')) == [1009]
    assert len(FrameReader(LIMIT).feed(b'\x00\xff' * 500_000)) == 500_000
    assert read(b'\x00' * LIMIT + b'\xff') == ['\0' * (LIMIT - 1)]
    assert time.process_time() - started < 5

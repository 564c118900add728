"""Chunked bodies: what is refused, what is kept, and what they hold."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geventio.errors import HTTPError
from geventio.protocol.chunks import LAST_CHUNK, ChunkedBody, chunk, content_size

from .test_http import BROWSER, best, head


@pytest.mark.parametrize(('data', 'piece'), [
    (b'', b''), (b'abc', b'3\r\nabc\r\n'), (b'x' * 26, b'1a\r\n' + b'x' * 26 + b'\r\n')])
def test_chunk(data, piece):
    assert chunk(data) == piece


@given(st.lists(st.binary(max_size=600)), st.binary(max_size=50), st.booleans())
def test_content_size(pieces, before, last):
    data = before + b''.join(map(chunk, pieces)) + (LAST_CHUNK if last else b'')
    assert content_size(data, len(before)) == sum(map(len, pieces))


def chunked(*pieces: bytes) -> bytes:
    return b''.join(b'%X\r\n%b\r\n' % (len(p), p) for p in pieces) + b'0\r\n\r\n'


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.binary(max_size=20),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_chunked_bodies_cut_anywhere(pieces, rest, cuts):
    end = len(chunked(*pieces))
    data = chunked(*pieces) + rest
    edges = sorted({0, *(cut for cut in cuts if cut < end), len(data)})
    body = ChunkedBody(1000)
    for start, stop in zip(edges, edges[1:], strict=False):
        assert body.rest == b''
        result = body.feed(data[start:stop])
        assert (result is None) == (stop < end)
    assert result == b''.join(pieces)
    assert body.rest == rest
    with pytest.raises(RuntimeError):
        body.feed(b'')


CHUNKS = {
    b'\r\n': 400,
    b'\n': 400,
    b' 5\r\nhello\r\n': 400,
    b'5 \r\nhello\r\n': 400,
    b'+5\r\nhello\r\n': 400,
    b'-5\r\nhello\r\n': 400,
    b'0x5\r\nhello\r\n': 400,
    b'5_0\r\n': 400,
    b'g\r\n': 400,
    b'5;a=b\r\nhello\r\n': 400,  # chunk extension
    b'5\nhello\r\n': 400,
    b'5\rhello\r\n': 400,
    b'5\r\rhello\r\n': 400,
    b'5\r\nhello\n': 400,
    b'5\r\nhello\r\r\n': 400,
    b'5\r\nhelloX\r\n': 400,
    b'5\r\nhello\r\n\r\n': 400,
    b'000000001\r\nx': 400,
    b'\xb2\r\nxx\r\n': 400,
    b'\x00': 400,
    b'0\r\nTrailer: x\r\n\r\n': 400,
    b'0\r\n X: y\r\n\r\n': 400,
    b'0\r\n\rGET /evil HTTP/1.1\r\n\r\n': 400,
    b'0\r\n\nGET /evil HTTP/1.1\r\n\r\n': 400,
    b'0\r\nGET /evil HTTP/1.1\r\n\r\n': 400,
    b'00\r\n0': 400,
    b'ffffffff\r\n': 413,
    b'B\r\n': 413,  # one over the limit of ten
    b'5\r\nhello\r\n6\r\n': 413,
}


@pytest.mark.parametrize('data', CHUNKS)
@pytest.mark.parametrize('step', [1, 1000])
def test_chunks_refused(data, step):
    body = ChunkedBody(10)
    with pytest.raises(HTTPError) as caught:
        for start in range(0, len(data), step):
            assert body.feed(data[start : start + step]) is None
    assert caught.value.status == CHUNKS[data]
    assert body.rest == b''


def test_a_chunked_body_of_the_limit_is_accepted():
    assert ChunkedBody(10).feed(chunked(b'x' * 10)) == b'x' * 10
    assert ChunkedBody(0).feed(chunked()) == b''


def test_what_follows_a_chunked_body_is_kept():
    body = ChunkedBody(10)
    assert body.feed(chunked(b'a') + BROWSER) == b'a'
    assert body.rest == BROWSER


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b'5', b'0', b'\r\n', b'\r', b'\n', b'hello', b';', b'a'])))
def test_random_chunks_agree_with_h11(pieces):
    data = b''.join(pieces)
    try:
        body = ChunkedBody(100)
        mine = body.feed(data)
    except HTTPError as error:
        assert error.status in (400, 413)
        return
    if mine is None:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(
        head(b'Transfer-Encoding: chunked', line=b'POST / HTTP/1.1') + b'\r\n\r\n' + data
    )
    theirs = b''
    assert isinstance(connection.next_event(), h11.Request)
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        theirs += event.data
    assert mine == theirs
    assert body.rest == connection.trailing_data[0]


def test_long_bodies_take_linear_time():
    ones = chunked(*[b'x'] * 20_000)
    assert best(lambda: ChunkedBody(1_000_000).feed(ones), times=1) < 1

    def drip() -> None:
        body = ChunkedBody(1_000_000)
        results = [body.feed(ones[start : start + 7]) for start in range(0, len(ones), 7)]
        assert results[-1] == b'x' * 20_000

    assert best(drip, times=1) < 2

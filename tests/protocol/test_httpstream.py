"""Bodies that go on: chunks, and what they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventio.protocol.httpstream import LAST_CHUNK, chunk, content_size, stream_head


@pytest.mark.parametrize(('data', 'chunked'), [
    (b'', b''), (b'abc', b'3\r\nabc\r\n'), (b'x' * 26, b'1a\r\n' + b'x' * 26 + b'\r\n')])
def test_chunk(data, chunked):
    assert chunk(data) == chunked


@given(st.lists(st.binary(max_size=600)), st.binary(max_size=50), st.booleans())
def test_content_size(pieces, before, last):
    data = before + b''.join(map(chunk, pieces)) + (LAST_CHUNK if last else b'')
    assert content_size(data, len(before)) == sum(map(len, pieces))


@pytest.mark.parametrize('chunked', [True, False])
def test_the_head_announces_chunks_or_the_end_of_the_connection(chunked):
    head = stream_head([('Content-Type', 'text/plain')], chunked)
    assert head.startswith(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n')
    assert head.endswith(b'\r\nConnection: close\r\n\r\n')
    assert (b'Transfer-Encoding: chunked' in head) == chunked
    assert b'Content-Length' not in head

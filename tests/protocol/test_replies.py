"""Replies, against vectors, the standard library and h11."""

from __future__ import annotations

import http.client
import io

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geventio.protocol import replies
from geventio.protocol.replies import response, stream_head

NAME = st.text("!#$%&'*+-.^_`|~0123456789abcXYZ", min_size=1, max_size=12).filter(
    lambda name: name.lower() not in replies._OWN)


def read_reply(data: bytes, method: str = 'GET') -> tuple[int, str, list[tuple[str, str]], bytes]:
    class Socket:
        def makefile(self, mode: str) -> io.BytesIO:
            assert mode == 'rb'
            return io.BytesIO(data)

    reply = http.client.HTTPResponse(Socket(), method=method)  # type: ignore[arg-type]
    reply.begin()
    return reply.status, reply.reason, reply.getheaders(), reply.read()


def test_a_reply_is_one_piece():
    headers = (('Content-Type', 'text/plain; charset=UTF-8'), ('Cache-Control', 'no-store'))
    assert response(200, headers, b'2:40') == (
        b'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nCache-Control: no-store\r\n'
        b'Content-Length: 4\r\nConnection: keep-alive\r\n\r\n2:40'
    )
    assert read_reply(response(400, [('A', 'caf\xe9')], b'no', keep_alive=False)) == (
        400,
        'Bad Request',
        [('A', 'caf\xe9'), ('Content-Length', '2'), ('Connection', 'close')],
        b'no',
    )


def test_replies_without_a_body():
    upgrade = response(101, [('Upgrade', 'websocket'), ('Connection', 'Upgrade')])
    assert upgrade == (
        b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
    )
    assert response(100) == b'HTTP/1.1 100 Continue\r\n\r\n'
    assert b'\r\nContent-Length: 0\r\n' in response(204)
    assert response(304, [('ETag', '"x"')]) == (
        b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nConnection: keep-alive\r\n\r\n')
    for status in (100, 101, 204, 304):
        with pytest.raises(ValueError):
            response(status, (), b'x')


@pytest.mark.parametrize(
    'header',
    [
        ('A', 'x\r\nB: y'),
        ('A', 'x\r\n\r\nbody'),
        ('A', 'x\n'),
        ('A', 'x\r'),
        ('A', 'x\0'),
        ('A', '\x1b'),
        ('A', '\u20ac'),
        ('A\r\nB', 'x'),
        ('A: x\r\nB', 'y'),
        ('A b', 'x'),
        ('A:', 'x'),
        ('', 'x'),
        ('\xe9', 'x'),
        ('Content-Length', '3'),
        ('content-length', '3'),
        ('Transfer-Encoding', 'chunked'),
        ('CONNECTION', 'close'),
    ],
)
def test_headers_that_are_never_sent(header):
    for headers in ([header], [('A', 'b'), header, ('C', 'd')]):
        with pytest.raises(ValueError):
            response(200, headers, b'x')


def test_a_101_carries_no_length():
    for name in ('Content-Length', 'Transfer-Encoding'):
        with pytest.raises(ValueError):
            response(101, [(name, '0')])


@pytest.mark.parametrize('status', [0, 99, 299, 600, 1000])
def test_unknown_status(status):
    with pytest.raises(ValueError):
        response(status)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([200, 400, 413, 431, 503]),
    st.lists(st.tuples(NAME, st.text(max_size=20))),
    st.binary(max_size=50),
    st.booleans(),
)
def test_any_reply_reads_back(status, headers, body, keep_alive):
    try:
        data = response(status, headers, body, keep_alive)
    except ValueError:
        illegal = set(map(chr, (*range(9), *range(10, 32), 127)))
        assert any(set(v) & illegal or ord(max(v, default=' ')) > 255 for _, v in headers)
        return
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method='GET', target='/', headers=[('Host', 'h')]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    reply = connection.next_event()
    assert isinstance(reply, h11.Response)
    assert reply.status_code == status
    assert len(reply.headers) == len(headers) + 2
    assert data.endswith(b'\r\n\r\n' + body)


@pytest.mark.parametrize('chunked', [True, False])
def test_the_head_announces_chunks_or_the_end_of_the_connection(chunked):
    head = stream_head([('Content-Type', 'text/plain')], chunked)
    assert head.startswith(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n')
    assert head.endswith(b'\r\nConnection: close\r\n\r\n')
    assert (b'Transfer-Encoding: chunked' in head) == chunked
    assert b'Content-Length' not in head

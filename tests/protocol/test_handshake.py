"""The opening handshake of WebSocket: what is accepted, what is refused, and how."""

from __future__ import annotations

import time

import pytest

from geventio.errors import HTTPError
from geventio.protocol.handshake import accept_key, check_handshake, refusal_headers

HEADERS = {
    'host': 'example.com',
    'upgrade': 'websocket',
    'connection': 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
}


def test_accept_key():
    assert accept_key('dGhlIHNhbXBsZSBub25jZQ==') == 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'upgrade': 'WebSocket'},
        {'upgrade': 'h2c, websocket'},
        {'connection': 'keep-alive, UPGRADE'},
        {'sec-websocket-key': ' dGhlIHNhbXBsZSBub25jZQ== '},
        {'content-length': '0'},
    ],
)
def test_handshake_accepted(changes):
    assert check_handshake('GET', HEADERS | changes) == 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='


@pytest.mark.parametrize(
    ('method', 'changes', 'status', 'word'),
    [
        ('POST', {}, 405, 'GET'),
        ('GET', {'upgrade': None}, 400, 'Upgrade'),
        ('GET', {'upgrade': 'websockets'}, 400, 'Upgrade'),
        ('GET', {'connection': None}, 400, 'Connection'),
        ('GET', {'connection': 'upgraded, keep-alive'}, 400, 'Connection'),
        ('GET', {'sec-websocket-version': None}, 426, '13'),
        ('GET', {'sec-websocket-version': '8'}, 426, '13'),
        ('GET', {'sec-websocket-version': '13, 8'}, 426, '13'),
        ('GET', {'sec-websocket-key': None}, 400, 'Key'),
        ('GET', {'sec-websocket-key': ''}, 400, 'Key'),
        ('GET', {'sec-websocket-key': 'dGhlIHNhbXBsZSBub25j'}, 400, 'Key'),
        ('GET', {'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZSEh'}, 400, 'Key'),
        ('GET', {'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=!'}, 400, 'Key'),
        ('GET', {'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==dGhl'}, 400, 'Key'),
        ('GET', {'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZ\xe9=='}, 400, 'Key'),
        ('GET', {'content-length': '5'}, 400, 'body'),
        ('GET', {'content-length': 'x'}, 400, 'body'),
        ('GET', {'transfer-encoding': 'chunked'}, 400, 'body'),
    ],
)
def test_handshake_refused(method, changes, status, word):
    headers = {name: value for name, value in (HEADERS | changes).items() if value is not None}
    with pytest.raises(HTTPError, match=word) as caught:
        check_handshake(method, headers)
    assert caught.value.status == status


def test_refusal_headers():
    assert refusal_headers(405) == [('Allow', 'GET')]
    assert dict(refusal_headers(426)) == {'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13'}
    assert refusal_headers(400) == []


def test_handshake_headers_in_linear_time():
    started = time.process_time()
    for name in ('upgrade', 'connection', 'sec-websocket-key', 'sec-websocket-version'):
        for text in (',' * 8192, ' ' * 8192, 'a,' * 4096, '=' * 8192):
            with pytest.raises(HTTPError):
                check_handshake('GET', HEADERS | {name: text})
    assert time.process_time() - started < 0.5

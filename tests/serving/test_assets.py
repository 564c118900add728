"""The browser client as the server serves it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from geventio import Server

CLIENT = Path(__file__).parents[2] / 'static' / 'geventio.js'


@pytest.fixture
def get(host):
    connection = host(Server()).connection()

    def get(target='/socket.io/geventio.js', method='GET', **headers):
        fields = [(name.replace('_', '-'), value) for name, value in headers.items()]
        return connection.request(method, target, headers=fields)

    return get


def test_the_client(get):
    answer = get()
    assert answer.status == 200
    assert answer.body == CLIENT.read_bytes()
    assert answer.headers['content-type'] == 'text/javascript; charset=UTF-8'
    assert answer.headers['x-content-type-options'] == 'nosniff'


def test_compressed(get):
    answer = get(Accept_Encoding='br, gzip')
    assert answer.headers['content-encoding'] == 'gzip'
    assert gzip.decompress(answer.body) == CLIENT.read_bytes()
    assert len(answer.body) < CLIENT.stat().st_size / 2


def test_a_browser_that_has_it_already(get):
    etag = get().headers['etag']
    for sent in (etag, f'W/{etag}'):
        answer = get(If_None_Match=sent)
        assert (answer.status, answer.body) == (304, b'')
    assert get(If_None_Match='"other"').status == 200


@pytest.mark.parametrize(('method', 'target', 'status'), [
    ('POST', '/socket.io/geventio.js', 405),
    ('GET', '/socket.io/other.js', 404),
    ('GET', '/socket.io/../socket.io/geventio.js', 404),
    ('GET', '/xsocket.io/geventio.js', 404),
    ('GET', '/socket.io/__init__.py', 404),
])
def test_nothing_else(get, method, target, status):
    assert get(target, method).status == status

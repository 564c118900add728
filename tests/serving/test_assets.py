"""The browser client as the server serves it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from geventio import Server
from geventio.serving import assets

STATIC = Path(__file__).parents[2] / 'static'
SCRIPT = 'text/javascript; charset=UTF-8'
SERVED = {
    'geventio.js': ('geventio.js', SCRIPT),
    'geventio.min.js': ('geventio.min.js', SCRIPT),
    'geventio.min.js.map': ('geventio.min.js.map', 'application/json'),
    'geventio.esm.js': ('geventio.esm.js', SCRIPT),
    'socket.io.js': ('geventio.min.js', SCRIPT),
    'socket.io.min.js': ('geventio.min.js', SCRIPT),
    'socket.io.esm.min.js': ('geventio.esm.js', SCRIPT),
}


@pytest.fixture(params=['in the loop', 'through WSGI'])
def get(host, request):
    """Asks a server for a file of its path."""
    server = Server()

    def middleware(environ, start_response):
        return server(environ, start_response)

    app = server if request.param == 'in the loop' else middleware
    connection = host(server, app=app).connection()

    def get(name='geventio.js', method='GET', **headers):
        fields = [(key.replace('_', '-'), value) for key, value in headers.items()]
        return connection.request(method, f'/socket.io/{name}', headers=fields)

    return get


@pytest.mark.parametrize('name', SERVED)
def test_each_file(get, name):
    file_name, content_type = SERVED[name]
    answer = get(name)
    assert answer.status == 200
    assert answer.body == (STATIC / file_name).read_bytes()
    assert answer.headers['content-type'] == content_type
    assert answer.headers['x-content-type-options'] == 'nosniff'
    assert answer.headers['access-control-allow-origin'] == '*'


def test_nothing_is_left_out():
    assert set(SERVED) == set(assets.FILES)
    scripts = {path.name for path in STATIC.iterdir() if not path.name.endswith('.d.ts')}
    assert scripts == {file_name for file_name, _ in SERVED.values()}


@pytest.mark.parametrize('accepted', [
    'gzip', 'br, gzip', 'GZIP', '*', 'gzip;q=0.1', 'br;q=1.0, gzip; q=0.5, *;q=0'])
def test_compressed(get, accepted):
    answer = get(Accept_Encoding=accepted)
    plain = (STATIC / 'geventio.js').read_bytes()
    assert answer.headers['content-encoding'] == 'gzip'
    assert answer.headers['vary'] == 'Accept-Encoding'
    assert gzip.decompress(answer.body) == plain
    assert len(answer.body) < len(plain) / 2


@pytest.mark.parametrize('accepted', ['br', 'identity', 'gzip;q=0', 'gzip; q=0.0', 'xgzip', ''])
def test_not_compressed(get, accepted):
    answer = get(Accept_Encoding=accepted)
    assert 'content-encoding' not in answer.headers
    assert answer.headers['vary'] == 'Accept-Encoding'
    assert answer.body == (STATIC / 'geventio.js').read_bytes()


def test_a_browser_that_has_it_already(get):
    answer = get()
    etag = answer.headers['etag']
    assert answer.headers['cache-control'] == 'public, no-cache'
    for sent in (etag, etag.removeprefix('W/'), f'"other", {etag}', '*'):
        again = get(If_None_Match=sent)
        assert (again.status, again.body) == (304, b'')
        assert again.headers['etag'] == etag
        assert again.headers['cache-control'] == 'public, no-cache'
    for sent in ('"other"', etag[:-2] + '"', ''):
        assert get(If_None_Match=sent).status == 200
    assert get('geventio.min.js').headers['etag'] != etag


def test_kept_for_a_year(get):
    """Under the URL that changes with the bytes, and under no other."""
    name = assets.versioned('geventio.min.js')
    answer = get(name)
    assert answer.status == 200
    assert answer.headers['cache-control'] == 'public, max-age=31536000, immutable'
    assert get(name, If_None_Match=answer.headers['etag']).status == 304
    for other in (f'{name}x', f'{name}&x', 'geventio.min.js?v=', 'geventio.min.js?v=1.0'):
        assert get(other).headers['cache-control'] == 'public, no-cache'


def test_versioned_knows_its_files():
    with pytest.raises(KeyError):
        assets.versioned('__init__.py')


def test_head(get):
    answer = get(method='HEAD')
    assert (answer.status, answer.body) == (200, b'')
    assert answer.headers['content-length'] == str((STATIC / 'geventio.js').stat().st_size)
    assert get(method='HEAD', If_None_Match=answer.headers['etag']).status == 304
    assert get().status == 200  # the connection is still in order


@pytest.mark.parametrize(('method', 'name', 'status'), [
    ('POST', 'geventio.js', 405),
    ('DELETE', 'geventio.js', 405),
    ('GET', 'other.js', 404),
    ('GET', 'geventio.d.ts', 404),
    ('GET', '../socket.io/geventio.js', 404),
    ('GET', '__init__.py', 404),
    ('GET', 'static/geventio.js', 404),
    ('GET', 'geventio.js/', 404),
])
def test_nothing_else(get, method, name, status):
    assert get(name, method).status == status


def test_another_path(host):
    connection = host(Server(path='/live')).connection()
    assert connection.request('GET', '/live/socket.io.js').status == 200
    assert connection.request('GET', '/socket.io/socket.io.js').status == 404
    assert connection.request('GET', '/xlive/socket.io.js').status == 404

"""Where pages find the browser client: a path that changes with the file."""

from __future__ import annotations

import pytest
from flask import Flask

from geventio import SocketIO


@pytest.fixture
def app():
    return Flask(__name__)


@pytest.mark.parametrize('name', ['geventio.min.js', 'geventio.js', 'geventio.esm.js'])
@pytest.mark.parametrize(('options', 'path'), [({}, '/socket.io/'), ({'path': 'live'}, '/live/')])
def test_browsers_keep_what_it_leads_to(app, name, options, path):
    socketio = SocketIO(app, **options)
    url = socketio.client_url(name)
    assert url.startswith(f'{path}{name}?v=')
    answer = app.test_client().get(url)
    assert answer.status_code == 200
    assert 'immutable' in answer.headers['Cache-Control']
    plain = app.test_client().get(f'{path}{name}')
    assert plain.data == answer.data
    assert 'immutable' not in plain.headers['Cache-Control']


def test_a_page_below_a_prefix(app):
    socketio = SocketIO(app)
    assert socketio.client_url().startswith('/socket.io/geventio.min.js?v=')
    with app.test_request_context('/', base_url='http://localhost/app'):
        assert socketio.client_url().startswith('/app/socket.io/geventio.min.js?v=')


def test_errors_say_what_there_is(app):
    with pytest.raises(ValueError, match=r"no 'geventio.css'.* only geventio.esm.js, geventio.js"):
        SocketIO(app).client_url('geventio.css')
    with pytest.raises(RuntimeError, match='init_app first'):
        SocketIO().client_url()

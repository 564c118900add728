"""Handshakes: the request of a session, from the loop and through WSGI, asked for in any order."""

from __future__ import annotations

import pytest

from geventio.serving.handshake import Environs, LoopHandshake, WSGIHandshake
from geventio.serving.middleware import Rewrite

HEAD = b'GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\nCookie: a=b; c=d'


class Replacing:
    """Passes on another dict, with another cookie."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        return self.app({**environ, 'HTTP_COOKIE': 'mine=1'}, start_response)


def in_loop(head=HEAD, rewrite=None):
    return LoopHandshake(head, ('192.0.2.1', 5), Environs({'wsgi.url_scheme': 'http'}, rewrite))


def through_wsgi():
    return WSGIHandshake({'REQUEST_METHOD': 'GET', 'HTTP_COOKIE': 'a=b; c=d'})


@pytest.mark.parametrize('make', [in_loop, through_wsgi])
def test_what_is_shared_stands_in_the_environ(make):
    for first in ('shared', 'environ'):
        handshake = make()
        getattr(handshake, first)()['thing'] = 1
        assert handshake.shared()['thing'] == handshake.environ()['thing'] == 1
        assert handshake.shared() is handshake.environ() is handshake.environ()
        assert handshake.environ()['REQUEST_METHOD'] == 'GET'
        assert handshake.cookie() == handshake.environ()['HTTP_COOKIE'] == 'a=b; c=d'


def test_the_cookie_is_that_behind_the_middleware():
    handshake = in_loop(rewrite=Rewrite([(Replacing(None), 'app')]))
    handshake.shared()['thing'] = 1
    assert handshake.cookie() == 'mine=1'
    assert handshake.environ()['thing'] == 1


def test_a_request_without_cookies():
    assert in_loop(b'GET / HTTP/1.1\r\nHost: x').cookie() is None

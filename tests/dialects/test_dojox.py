"""dojox.socket and its Reconnect over real sockets: the requests they make, in a script."""

from __future__ import annotations

import re

import gevent
import pytest
from gevent.event import Event

from geventio import Server

from ..conftest import TIMEOUT
from ..sio06 import ID, Wire, frame
from ..waiting import until

START = ('Pragma', 'start-long-poll')
FORM = ('Content-Type', 'application/x-www-form-urlencoded')
AJAX = ('X-Requested-With', 'XMLHttpRequest')


class Owner(Server):
    def __init__(self, app=None, **options):
        super().__init__(app, dialects=['sio06'], **options)
        self.heard, self.reasons = [], []
        self.left = Event()
        self.on('message', lambda sid, *args: self.heard.append(*args))
        self.on('disconnect', self._gone)

    def _gone(self, sid, reason):
        self.reasons.append(reason)
        self.left.set()


@pytest.fixture
def serve(serve_both_ways):
    return lambda **options: serve_both_ways(Owner(**options))


class Page:
    """A page with dojox.socket: each request has a connection of its own, as browsers do it."""

    def __init__(self, server, url='/socket.io/xhr-polling', body=b''):
        self.server = server
        self.url = url
        self.first = self.post(body, START)
        assert self.first.status == 200
        self.sid = re.match(ID, self.first.body.decode())[1]
        self.url += f'/{self.sid}'

    def post(self, body=b'', *headers, content=FORM, url=None):
        connection = self.server.connection()
        answer = connection.request('POST', url or self.url, body, [content, AJAX, *headers])
        connection.close()
        return answer

    def wait(self):
        """A waiting request, when the server holds it."""
        before = self.held()
        waiting = gevent.spawn(self.post)
        until(lambda: self.held() not in (None, before))
        return waiting

    def held(self):
        return self.server.sessions[self.sid].held._exchange


@pytest.mark.parametrize('url', [
    '/socket.io/xhr-polling', '/socket.io/xhr-polling/', '/socket.io/websocket'])
def test_the_first_post_is_answered_with_the_session_id(serve, url):
    server = serve()
    server.owner.on('connect', lambda sid, environ: server.owner.send('welcome', to=sid))
    page = Page(server, url)
    assert page.first.body.decode() == frame(page.sid) + frame('welcome')
    assert page.first.headers['content-type'] == 'text/plain; charset=UTF-8'
    assert page.first.headers['cache-control'] == 'no-store'
    assert page.first.headers['content-length'] == str(len(page.first.body))
    assert list(server.sessions) == [page.sid]


def test_the_first_post_may_carry_a_message(serve):
    server = serve()
    Page(server, body=b'hello')
    until(lambda: server.owner.heard == ['hello'])


def test_a_first_message_waits_for_the_connect_handler(serve):
    server = serve()
    decided = Event()
    server.owner.on('connect', lambda sid, environ: decided.wait(TIMEOUT))
    page = gevent.spawn(Page, server, '/socket.io/xhr-polling', b'hello')
    until(lambda: server.sessions)
    assert server.owner.heard == []
    decided.set()
    page.get(timeout=TIMEOUT)
    until(lambda: server.owner.heard == ['hello'])


def test_a_refused_page(serve):
    server = serve()
    server.owner.on('connect', lambda sid, environ: False)
    answer = server.connection().request('POST', '/socket.io/xhr-polling', b'hello', [START])
    assert answer.status == 403
    server.settle()
    assert server.owner.heard == []


def test_a_waiting_post_is_held_until_there_is_news(serve):
    server = serve()
    page = Page(server)
    waiting = page.wait()
    server.owner.send('news')
    assert waiting.get(timeout=TIMEOUT).body == b'~m~4~m~news'


def test_a_message_while_a_post_waits(serve):
    server = serve()
    page = Page(server)
    waiting = page.wait()
    answer = page.post(b'hello')
    assert (answer.status, answer.body) == (200, b'')
    until(lambda: server.owner.heard == ['hello'])
    assert not waiting.ready()
    server.owner.send('news')
    assert waiting.get(timeout=TIMEOUT).body == b'~m~4~m~news'


def test_a_message_without_a_waiting_post_waits_itself(serve):
    server = serve()
    server.owner.on('message', lambda sid, text: server.owner.send(text.upper(), to=sid))
    page = Page(server)
    assert page.post(b'hello').body == b'~m~5~m~HELLO'


def test_news_stay_in_order(serve):
    """Two answers under way could overtake each other: a POST that carries something waits only
    if the page has asked for more since the last news."""
    server = serve()
    page = Page(server)
    waiting = page.wait()
    server.owner.send('first')
    assert waiting.get(timeout=TIMEOUT).body == frame('first').encode()
    assert page.post(b'hello').body == b''
    server.owner.send('second')
    assert page.post(b'hello again').body == b''
    assert page.post().body == frame('second').encode()
    waiting = page.wait()
    page.post(b'more')
    server.owner.send('third')
    assert waiting.get(timeout=TIMEOUT).body == frame('third').encode()


def test_a_url_that_ends_in_a_slash(serve):
    server = serve()
    page = Page(server)
    page.url += '/'
    waiting = page.wait()
    assert page.post(b'hello').body == b''
    server.owner.send('news')
    assert waiting.get(timeout=TIMEOUT).body == b'~m~4~m~news'


def test_a_second_waiting_post_takes_the_place_of_the_first(serve):
    server = serve()
    page = Page(server)
    first = page.wait()
    second = page.wait()
    assert first.get(timeout=TIMEOUT).body == b''
    server.owner.send('news')
    assert second.get(timeout=TIMEOUT).body == b'~m~4~m~news'


def test_posts_in_parallel_are_taken_in_the_order_they_come(serve):
    server = serve()
    page = Page(server)
    page.wait()
    texts = [f'number {number}' for number in range(8)]
    connections = [server.connection() for _ in texts]
    for text, connection in zip(texts, connections, strict=True):
        connection.send('POST', page.url, text.encode(), [FORM])
        until(lambda text=text: text in server.owner.heard)
    assert {connection.receive().body for connection in connections} == {b''}
    assert server.owner.heard == texts


@pytest.mark.parametrize(('content', 'body', 'heard'), [
    ('application/x-www-form-urlencoded', b'data=~m~5~m~hello', ['hello']),
    ('application/x-www-urlencoded', b'data=%7Em%7E3%7Em%7Ea+b', ['a b']),
    ('application/x-www-form-urlencoded; charset=utf-8', b'data=~m~1~m~%E2%82%AC', ['€']),
    ('application/x-www-form-urlencoded', b'~m~1~m~a~m~3~m~b+c', ['a', 'b+c']),
    ('application/x-www-form-urlencoded', b'hello', ['hello']),
    ('application/x-www-form-urlencoded', b'100%', ['100%']),
    ('text/plain', b'data=~m~5~m~hello', ['data=~m~5~m~hello']),
    ('application/x-www-form-urlencoded', '~j~{"a":"€"}'.encode(), [{'a': '€'}]),
    ('application/x-www-form-urlencoded', b'~h~1', []),
    ('application/x-www-form-urlencoded', b'~m~4~m~~h~1', []),
])
def test_what_a_body_means(serve, content, body, heard):
    server = serve()
    page = Page(server)
    page.wait()
    assert page.post(body, content=('Content-Type', content)).body == b''
    page.post(b'end')
    until(lambda: server.owner.heard == [*heard, 'end'])


def test_a_websocket_echoes_heartbeats_with_and_without_frame(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.4)
    wire = Wire(server)
    for number in range(1, 6):
        assert wire.receive() == frame(f'~h~{number}')
        wire.socket.send(f'~h~{number}' if number % 2 else frame(f'~h~{number}'))
    wire.socket.send('raw')
    wire.socket.send(frame('framed'))
    until(lambda: server.owner.heard == ['raw', 'framed'])


def test_a_stale_url(serve):
    server = serve()
    page = Page(server)
    until(lambda: server.owner.namespace('/').rooms.sockets)
    server.owner.disconnect(next(iter(server.owner.namespace('/').rooms.sockets)))
    server.settle()
    answer = page.post(b'hello')
    assert (answer.status, answer.headers['connection']) == (404, 'close')
    assert not server.sessions
    again = Page(server, page.url)  # reconnects, and appends the id to the stale one
    assert again.url == f'/socket.io/xhr-polling/{page.sid}/{again.sid}'
    waiting = again.wait()
    assert again.post(b'hello').body == b''
    server.owner.send('news')
    assert waiting.get(timeout=TIMEOUT).body == b'~m~4~m~news'
    assert server.owner.heard == ['hello']


def test_an_idle_page_polls_on(serve):
    server = serve(polling_duration=0.2, disconnect_delay=0.1)
    page = Page(server)
    for _ in range(3):
        answer = page.post()
        assert (answer.status, answer.body) == (200, b'')
    waiting = page.wait()
    server.owner.send('news')
    assert waiting.get(timeout=TIMEOUT).body == b'~m~4~m~news'


def test_a_page_that_gives_up_a_waiting_post_may_come_back(serve):
    server = serve(disconnect_delay=0.3)
    page = Page(server)
    connection = server.connection()
    connection.send('POST', page.url)
    until(page.held)
    connection.close()
    until(lambda: page.held() is None)
    waiting = page.wait()
    server.owner.send('news')
    assert waiting.get(timeout=TIMEOUT).body == b'~m~4~m~news'
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']


def test_a_restart(host):
    """What is known of one server, another does not know: the page begins anew."""
    page = Page(host(Owner()))
    page.server = host(Owner())
    assert page.post(b'hello').status == 404
    again = Page(page.server, page.url)
    assert again.sid != page.sid
    assert list(page.server.sessions) == [again.sid]


@pytest.mark.parametrize('body', [b'\xff', b'~m~3~m~\xc3', b'data=%c3'])
def test_a_body_that_is_not_utf_8(serve, body):
    server = serve()
    page, other = Page(server), Page(server)
    assert page.post(body).status == 400
    assert server.connection().request('POST', '/socket.io/xhr-polling', body, [FORM]).status == 400
    until(lambda: list(server.sessions) == [other.sid])
    assert server.owner.reasons == ['parse error']


def test_a_body_over_the_limit(serve):
    server = serve(max_http_buffer_size=100)
    page = Page(server)
    assert page.post(b'x' * 101).status == 413
    assert page.sid in server.sessions


def test_the_last_words_of_the_server(serve):
    server = serve()
    page = Page(server)
    server.owner.send('goodbye')
    until(lambda: server.sessions[page.sid].transport.out)
    server.owner.disconnect(next(iter(server.owner.namespace('/').rooms.sockets)))
    server.settle()
    assert page.post().body == frame('goodbye').encode()
    assert page.post().status == 404


def test_a_handler_that_disconnects_the_page(serve):
    server = serve()
    server.owner.on('message', lambda sid, text: server.owner.disconnect(sid))
    page = Page(server)
    answer = page.post(b'bye')
    assert answer.status == 404 or answer.body == b''
    server.settle()

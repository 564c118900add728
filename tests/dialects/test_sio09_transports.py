"""Socket.IO 0.9 over each transport, byte by byte, with bad input, and readers that do not read."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import gevent
import pytest

from ..hixie import HixieSocket
from ..sio09 import (
    HEAD,
    MARK,
    Owner,
    Page,
    Poller,
    connected,
    empty,
    payload,
    sid_of,
    websocket,
)
from ..waiting import until

TIMEOUT = 5


@pytest.fixture
def serve(serve_both_ways):
    return lambda owner=None, **options: serve_both_ways(owner or Owner(**options))


@pytest.fixture
def server(serve):
    return serve()


# -- xhr-polling ----------------------------------------------------------------------------------

SIX = ['5:1+::{"name":"ev","args":["😀"]}', '3:2::hey', '1::/chat',
       '5:3::{"name":"ev","args":[]}', '2::', '4:::{"j":1}']


def test_the_first_poll(server):
    response = Poller(server).poll()
    assert (response.status, response.body) == (200, b'1::')
    assert response.headers['content-type'] == 'text/plain; charset=UTF-8'
    assert response.headers['content-length'] == '3'
    assert server.owner.transport(server.owner.sids[0]) == 'polling'


def test_the_verified_body_and_its_answer(serve):
    owner = Owner()

    def ev(sid, *args):
        owner.events.append(('ev', *args))
        if args:
            owner.emit('back', args, to=sid)
        return 'ok', 1

    owner.on('ev', ev)
    owner.on('message', lambda sid, data: owner.send(data, to=sid))
    owner.on('connect', lambda sid, environ: owner.emit(
        'inchat', to=sid, namespace='/chat'), namespace='/chat')
    server = serve(owner)
    client = Poller(server).begin()
    body = payload(*SIX)
    assert body.decode() == (
        '�33�5:1+::{"name":"ev","args":["😀"]}�8�3:2::hey�8�1::/chat�28�5:3::{"name":"ev",'
        '"args":[]}�3�2::�11�4:::{"j":1}')
    response = client.say(body)
    assert (response.status, response.body) == (200, b'1')
    assert response.headers['content-length'] == '1'
    assert 'x-xss-protection' not in response.headers
    heard = ''
    while '4:::{"j":1}' not in heard:
        heard += client.hear()
    for packet in ['5:::{"name":"back","args":["😀"]}', '6:::1+["ok",1]', '6:::2', '3:::hey',
                   '1::/chat', '5::/chat:{"name":"inchat","args":[]}', '6:::3']:
        assert packet in heard
    assert heard.index('1::/chat') < heard.index('inchat')
    assert owner.events == [('ev', '😀'), ('ev',)]


def test_what_waits_leaves_in_one_body(server):
    client = Poller(server).begin()
    sid = server.owner.sids[0]
    server.owner.send('hey', to=sid)
    server.owner.send({'a': [1]}, to=sid)
    server.owner.emit('ev', ('😀', None), to=sid)
    server.owner.emit('dropped', volatile=True)
    assert client.poll().body == payload(
        '3:::hey', '4:::{"a":[1]}', '5:::{"name":"ev","args":["😀",null]}')


def test_a_poll_waits_for_news(server):
    client = Poller(server).begin()
    waiting = client.hold()
    server.owner.emit('ev', volatile=True)
    assert waiting.get(timeout=TIMEOUT) == '5:::{"name":"ev","args":[]}'


def test_a_poll_that_waits_too_long_is_let_go(serve):
    server = serve(polling_duration=0.1)
    client = Poller(server).begin()
    for _ in range(2):
        assert client.hear() == '8::'


def test_a_second_poll_takes_the_place_of_the_first(server):
    client = Poller(server).begin()
    first = client.hold()
    second = gevent.spawn(Poller(server, sid=client.sid).hear)
    assert first.get(timeout=TIMEOUT) == '8::'
    server.owner.emit('ev')
    assert 'ev' in second.get(timeout=TIMEOUT)


def test_a_poll_that_is_given_up(server):
    client = Poller(server).begin()
    waiting = client.hold()
    waiting.kill()
    client.get.close()
    until(lambda: not server.sessions[client.sid].transport.held)
    server.owner.emit('ev')
    assert 'ev' in Poller(server, sid=client.sid).hear()


def test_a_client_that_stops_polling(serve):
    server = serve(disconnect_delay=0.1, ping_interval=1)
    client = Poller(server).begin()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert client.hear() == '7:::1+0'
    assert empty(server)


def test_a_client_that_does_not_poll_is_closed_alone(serve, caplog):
    server = serve(max_outbox_size=1000)
    slow, other = Poller(server).begin(), connected(server)
    for _ in range(3):
        server.owner.send('y' * 600)
        assert other.receive() == '3:::' + 'y' * 600
    until(lambda: slow.sid not in server.sessions)
    assert server.owner.reasons == ['slow client']
    assert 'max_outbox_size' in caplog.text
    assert slow.hear() == '7:::1+0'
    assert len(server.sessions) == 1


def test_no_heartbeats_over_polling(serve):
    server = serve(ping_interval=0.05, ping_timeout=0.05, polling_duration=0.3)
    client = Poller(server).begin()
    assert client.hear() == '8::'
    assert client.say('2::').body == b'1'
    assert client.sid in server.sessions


@pytest.mark.parametrize('path', ['xhr-polling', 'htmlfile', 'jsonp-polling'])
def test_unknown_ids(server, path):
    client = Poller(server, path, sid='nobody')
    assert client.say('3:::hi').body == b'1'
    expected = {'xhr-polling': '7:::1+0', 'jsonp-polling': 'io.j[0]("7:::1+0");',
                'htmlfile': HEAD + '<script>_("7:::1+0");</script>'}
    assert client.hear() == expected[path]
    assert not server.sessions


def test_ids_of_other_dialects_are_unknown(server):
    other = server.request(EIO='4', transport='polling')
    sid = json.loads(other.body[1:])['sid']
    assert Poller(server, sid=sid).hear() == '7:::1+0'
    assert Poller(server, sid=sid).say('3:::hi').body == b'1'
    server.connection().request('GET', f'/socket.io/1/xhr-polling/{sid}?disconnect=1')
    assert list(server.sessions) == [sid]


def test_a_slash_behind_the_id(server):
    client = Poller(server, query='/?t=1&x=/')
    assert client.hear() == '1::'
    assert client.say('3:::hi').body == b'1'
    until(lambda: server.owner.events == [('message', 'hi')])


@pytest.mark.parametrize('body', [
    b'', b':', b'9:::x', b'x', b'3', b'5:::', b'5:::{', b'5:::[]', b'5:::{"name":1}',
    b'5:::{"name":"ev","args":{}}', b'5:::{"args":[]}', b'5:::{"name":"disconnect"}',
    b'5:::{"name":"connect","args":[1]}', b'4:::{', b'4:::', b'4:::NaN', b'6:::x', b'6:::1+{}',
    b'6:::99+[1]', b'7:::1+0', b'8::', b'2::', b'5::/nowhere:{"name":"ev"}',
    b'0::/nowhere', b'3:1:/nowhere:hi', b'1::', b'5:' + b'1' * 16 + b'::{}',
    '\ufffd'.encode(), '\ufffd6\ufffd3:::x'.encode(), '\ufffd3\ufffd3:::x'.encode(),
    '\ufffd-1\ufffd3:::x'.encode(), ('\ufffd' + '9' * 30 + '\ufffd3:::x').encode(),
    b'4:::' + b'[' * 100_000, b':' * 100_000,
])
def test_what_nothing_handles_is_ignored(server, body):
    client = Poller(server).begin()
    response = client.say(body)
    assert (response.status, response.body) == (200, b'1')
    client.say('3:::after')
    until(lambda: server.owner.events == [('message', 'after')])
    server.owner.emit('done')
    assert client.hear() == '5:::{"name":"done","args":[]}'


def test_a_wrong_length_drops_the_rest(server):
    client = Poller(server).begin()
    client.say(payload('3:::one') + f'{MARK}4{MARK}3:::two'.encode() + payload('3:::three'))
    client.say('3:::four')
    until(lambda: ('message', 'four') in server.owner.events)
    assert server.owner.events == [('message', 'one'), ('message', 'four')]


def test_broken_utf_8(server):
    client = Poller(server).begin()
    response = client.say(b'3:::\xff')
    assert (response.status, response.body) == (400, b'payload is not UTF-8')
    assert client.sid in server.sessions


def test_a_body_that_is_too_big(serve):
    server = serve(max_http_buffer_size=1000)
    client = Poller(server).begin()
    assert client.say('3:::' + 'x' * 997).status == 413
    assert client.sid in server.sessions
    assert server.owner.events == []


def test_parallel_posts(server):
    client = Poller(server).begin()
    posts = [gevent.spawn(Poller(server, sid=client.sid).say, f'3:{n}::{n}') for n in range(1, 9)]
    assert {post.get(timeout=TIMEOUT).body for post in posts} == {b'1'}
    until(lambda: len(server.owner.events) == 8)
    heard = ''
    while heard.count('6:::') < 8:
        heard += client.hear()


def test_a_message_of_100_kb_and_astral_characters(server):
    client = Poller(server).begin()
    text = 'é😀:\n' * 20_000
    client.say(payload('3:::' + text, '3:::after'))
    until(lambda: server.owner.events == [('message', text), ('message', 'after')])
    server.owner.send(text)
    server.owner.send('after')
    assert client.poll().body == payload('3:::' + text, '3:::after')


# -- jsonp-polling --------------------------------------------------------------------------------


def test_jsonp(server):
    client = Poller(server, 'jsonp-polling', query='?t=1&i=3')
    response = client.poll()
    assert response.body == b'io.j[3]("1::");'
    assert response.headers['content-type'] == 'text/javascript; charset=UTF-8'
    assert response.headers['x-xss-protection'] == '0'
    response = client.say('d=' + quote(json.dumps('3:::hi 😀\n"+&')))
    assert (response.status, response.body) == (200, b'1')
    until(lambda: server.owner.events == [('message', 'hi 😀\n"+&')])
    server.owner.send('</script>\u2028😀')
    server.owner.send('2')
    script = client.hear()
    assert script.startswith('io.j[3]("\\ufffd') and script.endswith('");')
    assert script.isascii() and '</' not in script
    assert json.loads(script[8:-2]) == payload('3:::</script>\u2028😀', '3:::2').decode()


def test_jsonp_without_a_number(server):
    assert Poller(server, 'jsonp-polling', query='?i=x').hear() == 'io.j[0]("1::");'


def test_an_empty_jsonp_poll(serve):
    server = serve(polling_duration=0.1)
    client = Poller(server, 'jsonp-polling', query='?i=1')
    assert client.hear() == 'io.j[1]("1::");'
    assert client.hear() == 'io.j[1]("8::");'


@pytest.mark.parametrize('body', ['', 'd=', 'd=3:::hi', 'd=1', 'd=%FF', 'd=%zz', 'x="3:::hi"',
                                  'd="3:::hi'])
def test_a_broken_form_ends_its_client_alone(server, body):
    client, other = Poller(server, 'jsonp-polling'), Poller(server).begin()
    client.poll()
    waiting = client.hold()
    assert client.say(body).status == 400
    assert json.loads(waiting.get(timeout=TIMEOUT)[8:-2]) == '7:::+0'  # "reconnect"
    assert server.owner.reasons == ['parse error']
    assert list(server.sessions) == [other.sid]


# -- htmlfile -------------------------------------------------------------------------------------


def test_htmlfile(server):
    page = Page(server)
    assert page.until(b'1::");</script>') == HEAD + '<script>_("1::");</script>'
    assert len(HEAD) >= 256
    assert page.response['content-type'] == 'text/html; charset=UTF-8'
    assert 'content-length' not in page.response
    assert server.owner.transport(server.owner.sids[0]) == 'streaming'
    server.owner.send('a/b</script>')
    server.owner.emit('ev', '€')
    body = page.until(b'}");</script>')
    first, second = re.findall(r'<script>_\((".*?")\);</script>', body)
    assert '/' not in first.replace('\\/', '')
    assert json.loads(first) == '3:::a/b</script>'
    assert json.loads(second) == '5:::{"name":"ev","args":["€"]}'
    assert page.poller.say('3:1::hi').body == b'1'
    assert page.until(b'</script>') == '<script>_("6:::1");</script>'
    page.connection.close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert empty(server)


def test_heartbeats_of_a_page(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.2)
    page = Page(server)
    for _ in range(5):
        page.until(b'<script>_("2::");</script>')
        page.poller.say('2::')
    with pytest.raises(AssertionError, match='the page ended'):
        page.until(b'never')
    assert server.owner.reasons == ['ping timeout']


def test_a_page_that_is_not_read_is_closed_alone(serve):
    server = serve(max_outbox_size=100_000)
    page, other = Page(server), connected(server)
    page.until(b'1::");</script>')
    for _ in range(400):
        server.owner.send('y' * 50_000)
        other.receive()
        if page.sid not in server.sessions:
            break
    until(lambda: page.sid not in server.sessions)
    assert server.owner.reasons == ['slow client']
    assert len(server.sessions) == 1


def test_one_session_over_one_transport_after_another(server):
    page = Page(server)
    page.until(b'1::");</script>')
    client = Poller(server, sid=page.sid)
    waiting = client.hold()
    with pytest.raises(AssertionError, match='the page ended'):
        page.until(b'never')
    socket = websocket(server, page.sid)
    assert waiting.get(timeout=TIMEOUT) == '8::'
    server.owner.emit('ev')
    assert socket.receive() == '5:::{"name":"ev","args":[]}'
    again = Page(server, page.sid)
    assert socket.receive_until_closed()[0] == []
    again.until(HEAD.encode())
    server.owner.send('x')
    again.until(b'<script>_("3:::x");</script>')
    assert server.owner.reasons == []


# -- websocket ------------------------------------------------------------------------------------


@pytest.mark.parametrize('transport', ['websocket', 'flashsocket'])
def test_websocket(server, transport):
    client = connected(server, transport=transport)
    sid = server.owner.sids[0]
    assert server.owner.transport(sid) == 'websocket'
    client.send('5:1+::{"name":"ask","args":["😀"]}')
    assert client.receive() == '6:::1+["ok",1]'
    server.owner.emit('ev', ('a', {'b': '€'}), to=sid)
    assert client.receive() == '5:::{"name":"ev","args":["a",{"b":"€"}]}'
    client.send('0::')
    messages, (code, _) = client.receive_until_closed()
    assert (messages, code) == ([], 1000)
    assert server.owner.events == [('ask', '😀')]
    assert server.owner.reasons == ['client namespace disconnect']
    assert empty(server)


@pytest.mark.parametrize('draft', [75, 76])
def test_websockets_of_drafts(server, draft):
    sid = sid_of(server)
    client = HixieSocket(server.address, f'/socket.io/1/websocket/{sid}', draft)
    assert client.receive() == '1::'
    client.send('3:1::hi')
    assert client.receive() == '6:::1'
    client.close()
    stranger = HixieSocket(server.address, '/socket.io/1/flashsocket/nobody', draft)
    assert stranger.receive() == '7:::1+0'
    stranger.close()
    assert server.owner.left.wait(TIMEOUT)
    assert empty(server)


def test_a_websocket_with_an_unknown_id(server):
    client = websocket(server, 'nobody')
    assert client.receive_until_closed() == (['7:::1+0'], (1000, ''))
    assert not server.sessions


def test_an_idle_session_keeps_no_request(server):
    client = connected(server)
    assert server.sessions[server.owner.sids[0]].held._answer is None
    client.close()


def test_a_websocket_that_is_cut(server):
    connected(server).close()
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['transport close']
    assert empty(server)


def test_heartbeats(serve):
    server = serve(ping_interval=0.1, ping_timeout=0.2)
    client = connected(server)
    for _ in range(5):
        assert client.receive() == '2::'
        client.send('2::')
    messages, close = client.receive_until_closed()
    assert (messages, close) == (['2::'], (1001, 'ping timeout'))
    assert server.owner.reasons == ['ping timeout']


def test_binary_messages(server):
    client = connected(server)
    client.send(b'3:::hi')
    messages, (code, reason) = client.receive_until_closed()
    assert (messages, code) == ([], 1008)
    assert reason == 'binary data, which Socket.IO 0.9 does not have'
    assert server.owner.reasons == ['parse error']
    assert empty(server)


def test_a_message_that_is_too_big(serve):
    server = serve(max_http_buffer_size=1000)
    client, other = connected(server), connected(server)
    client.send('3:::' + 'x' * 997)
    assert client.receive_until_closed()[1][0] == 1009
    assert server.owner.reasons == ['message too big']
    other.send('3:1::hi')
    assert other.receive() == '6:::1'


@pytest.mark.parametrize('text', ['', 'x', '5:::{', '5:::{"name":"disconnect"}', '9::'])
def test_broken_packets_are_ignored(server, text):
    client = connected(server)
    client.send(text)
    client.send('3:7::after')
    assert client.receive() == '6:::7'
    until(lambda: server.owner.events == [('message', 'after')])


def test_order_both_ways(server):
    client = connected(server)
    for number in range(200):
        client.send(f'4:::{number}')
    until(lambda: len(server.owner.events) == 200)
    assert server.owner.events == [('message', number) for number in range(200)]
    for number in range(200):
        server.owner.emit('ev', number)
    assert [json.loads(client.receive()[4:])['args'] for _ in range(200)] == [
        [number] for number in range(200)]

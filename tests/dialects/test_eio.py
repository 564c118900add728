"""The answers to HTTP requests that Engine.IO does not allow, and the order of the checks."""

from __future__ import annotations

import json

import pytest

FOREIGN = [('Origin', 'http://evil.example')]


def error(code, message):
    return {'code': code, 'message': message}


@pytest.mark.parametrize(
    ('method', 'query', 'status', 'answer'),
    [
        ('GET', {}, 400, error(0, 'Transport unknown')),
        ('GET', {'EIO': '4'}, 400, error(0, 'Transport unknown')),
        ('GET', {'EIO': '4', 'transport': 'tcp'}, 400, error(0, 'Transport unknown')),
        ('GET', {'EIO': '4', 'transport': '__class__'}, 400, error(0, 'Transport unknown')),
        ('GET', {'EIO': '4', 'transport': ''}, 400, error(0, 'Transport unknown')),
        ('GET', {'EIO': '4', 'transport': 'polling', 'sid': 'no'}, 400,
         error(1, 'Session ID unknown')),
        ('GET', {'EIO': '4', 'transport': 'polling', 'sid': '__proto__'}, 400,
         error(1, 'Session ID unknown')),
        ('POST', {'EIO': '4', 'transport': 'polling', 'sid': 'no'}, 400,
         error(1, 'Session ID unknown')),
        ('POST', {'EIO': '4', 'transport': 'polling'}, 400, error(2, 'Bad handshake method')),
        ('GET', {'EIO': '4', 'transport': 'websocket'}, 400, error(3, 'Bad request')),
        ('GET', {'transport': 'polling'}, 400, error(5, 'Unsupported protocol version')),
        ('GET', {'EIO': 'abc', 'transport': 'polling'}, 400,
         error(5, 'Unsupported protocol version')),
        ('GET', {'EIO': '5', 'transport': 'polling'}, 400,
         error(5, 'Unsupported protocol version')),
        ('GET', {'EIO': '04', 'transport': 'polling'}, 400,
         error(5, 'Unsupported protocol version')),
    ],
)
def test_errors(host, method, query, status, answer):
    server = host()
    response = server.request(method, **query)
    assert (response.status, response.json) == (status, answer)
    assert response.headers['content-type'] == 'application/json'
    assert response.body == json.dumps(answer, separators=(',', ':')).encode()
    assert not server.sessions


@pytest.mark.parametrize('name', ['EIO', 'transport', 'sid'])
def test_repeated_session_fields(host, name):
    server = host()
    connection = server.connection()
    response = connection.request(
        'GET', server.target(EIO='4', transport='polling') + f'&{name}=1&{name}=2')
    assert response.status == 400
    assert b'repeated ' + name.encode() in response.body
    assert not server.sessions


@pytest.mark.parametrize('method', ['PUT', 'DELETE', 'PATCH', 'HEAD'])
def test_other_methods(host, method):
    server = host()
    query = {'EIO': '4', 'transport': 'polling'}
    assert server.request(method, **query).status == 400
    sid = json.loads(server.request(**query).body[1:])['sid']
    response = server.request(method, sid=sid, **query)
    assert (response.status, response.headers['allow']) == (405, 'GET, POST')


@pytest.mark.parametrize(
    ('query', 'message'),
    [
        ({'EIO': '4', 'transport': 'tcp'}, b'Transport unknown'),
        ({'EIO': '4', 'transport': 'websocket', 'sid': 'no'}, b'Session ID unknown'),
        ({'EIO': '1', 'transport': 'websocket'}, b'Unsupported protocol version'),
    ],
)
def test_refused_upgrade_is_plain_http(host, query, message):
    server = host()
    websocket = server.websocket(**query)
    response = websocket.response
    assert (response.status_code, response.body) == (400, message)
    assert response.headers['Connection'] == 'close'
    assert response.headers['Content-Type'] == 'text/html'
    assert not server.sessions


@pytest.mark.parametrize('missing', ['Sec-WebSocket-Key', 'Sec-WebSocket-Version'])
def test_half_a_websocket_handshake(host, missing):
    server = host()
    headers = [('Upgrade', 'websocket'), ('Connection', 'Upgrade'),
               ('Sec-WebSocket-Version', '13'), ('Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==')]
    response = server.request(headers=[h for h in headers if h[0] != missing],
                              EIO='4', transport='websocket')
    assert response.status in (400, 426)
    assert not server.sessions


def test_eio3_can_be_switched_off(host):
    server = host(dialects=['eio4'])
    response = server.request(EIO='3', transport='polling')
    assert (response.status, response.json['code']) == (400, 5)
    assert server.request(EIO='4', transport='polling').status == 200


def test_transports_can_be_switched_off(host):
    server = host(transports=['websocket'])
    assert server.request(EIO='4', transport='polling').json['code'] == 0
    assert server.websocket(EIO='4', transport='websocket').receive().startswith('0{')


# -- origins ------------------------------------------------------------------------------------


@pytest.mark.parametrize('query', [
    {'EIO': '4', 'transport': 'polling'},
    {'EIO': '4', 'transport': 'polling', 'j': '0'},
])
def test_foreign_origin_is_refused_before_any_state(host, query):
    server = host()
    response = server.request(headers=FOREIGN, **query)
    assert (response.status, response.json) == (400, error(3, 'Bad request'))
    assert 'access-control-allow-origin' not in response.headers
    assert not server.sessions


def test_foreign_origin_gets_no_websocket(host):
    server = host()
    websocket = server.websocket(headers=FOREIGN, EIO='4', transport='websocket')
    assert websocket.response.status_code == 400
    assert not server.sessions


@pytest.mark.parametrize(
    ('allowed', 'origin', 'status'),
    [
        (None, 'http://127.0.0.1:{port}', 200),
        (None, 'http://127.0.0.1:{port}0', 400),
        (None, 'https://127.0.0.1:{port}', 400),
        (None, 'null', 400),
        ('*', 'http://evil.example', 200),
        ([], 'http://evil.example', 200),
        ('https://a.example', 'https://a.example', 200),
        ('https://a.example', 'https://A.example:443', 200),
        ('https://a.example', 'https://a.example.evil', 400),
        (['https://a.example', 'https://b.example'], 'https://b.example', 200),
        (lambda origin: origin.endswith('.example'), 'https://x.example', 200),
        (lambda origin: False, 'https://x.example', 400),
        (lambda origin, environ: environ['QUERY_STRING'].startswith('EIO'), 'https://x', 200),
    ],
)
def test_allowed_origins(host, allowed, origin, status):
    server = host(cors_allowed_origins=allowed)
    origin = origin.format(port=server.address[1])
    response = server.request(headers=[('Origin', origin)], EIO='4', transport='polling')
    assert response.status == status


def test_a_script_may_come_from_a_frame_without_origin(host):
    server = host()
    nowhere = [('Origin', 'null')]
    opened = server.request(headers=nowhere, EIO='4', transport='polling', j='0')
    assert opened.status == 200
    assert opened.body.startswith(b'___eio[0]("0{')
    assert 'access-control-allow-origin' not in opened.headers
    (sid,) = server.sessions
    assert server.request(headers=nowhere, EIO='3', transport='polling', j='0').status == 400
    query = {'EIO': '4', 'transport': 'polling', 'j': '0', 'sid': sid}
    assert server.request('POST', headers=nowhere, body=b'd=40', **query).status == 400
    socket = server.websocket(headers=nowhere, EIO='4', transport='websocket', j='0')
    assert socket.response.status_code == 400
    assert list(server.sessions) == [sid]


@pytest.mark.parametrize(('site', 'referer', 'status'), [
    ('cross-site', 'http://evil.example/page', 400),
    ('same-site', '', 400),
    ('cross-site', 'http://page.example/a?b', 200),
    ('same-origin', 'http://evil.example/', 200),
    (None, '', 200),
])
@pytest.mark.parametrize('allowed', ['http://page.example', lambda origin: 'page' in origin],
                         ids=['named', 'asked'])
def test_a_script_that_joins_by_itself_is_judged_by_its_page(host, allowed, site, referer, status):
    server = host(cors_allowed_origins=allowed)
    headers = [('Referer', referer)] if site is None \
        else [('Sec-Fetch-Site', site), ('Referer', referer)]
    query = {'EIO': '3', 'transport': 'polling', 'j': '0'}
    assert server.request(headers=headers, **query).status == status
    assert len(server.sessions) == (status == 200)


def test_what_an_application_says_of_a_page_may_change(host):
    asked = []

    def allow(origin):
        asked.append(origin)
        return len(asked) < 5

    server = host(cors_allowed_origins=allow)
    headers = [('Sec-Fetch-Site', 'cross-site'), ('Referer', 'http://page.example/')]
    query = {'EIO': '3', 'transport': 'polling', 'j': '0'}
    connection = server.connection()
    target = server.target(**query)
    assert connection.request('GET', target, headers=headers).status == 200
    query['sid'] = next(iter(server.sessions))
    statuses = []
    for _ in range(4):
        server.sessions[query['sid']].send('42["x"]')
        target = server.target(**query)
        statuses.append(connection.request('GET', target, headers=headers).status)
    assert statuses == [200, 200, 200, 400]
    assert asked == ['http://page.example'] * 5


def test_forwarded_origin(host):
    server = host()
    headers = [('Origin', 'https://chat.example'), ('X-Forwarded-Proto', 'https'),
               ('X-Forwarded-Host', 'chat.example')]
    assert server.request(headers=headers, EIO='4', transport='polling').status == 200


def test_cors_headers(host):
    server = host(cors_allowed_origins='*')
    headers = [('Origin', 'https://a.example')]
    response = server.request(headers=headers, EIO='4', transport='polling')
    assert response.headers['access-control-allow-origin'] == 'https://a.example'
    assert response.headers['access-control-allow-credentials'] == 'true'
    assert response.headers['vary'] == 'Origin'
    failed = server.request(headers=headers, EIO='4', transport='tcp')
    assert failed.headers['access-control-allow-origin'] == 'https://a.example'


def test_cors_without_credentials(host):
    server = host(cors_allowed_origins='*', cors_credentials=False)
    response = server.request(headers=[('Origin', 'https://a.example')],
                              EIO='4', transport='polling')
    assert response.headers['access-control-allow-origin'] == '*'
    assert 'access-control-allow-credentials' not in response.headers


def test_preflight(host):
    server = host(cors_allowed_origins='https://a.example')
    response = server.request('OPTIONS', headers=[
        ('Origin', 'https://a.example'), ('Access-Control-Request-Method', 'POST'),
        ('Access-Control-Request-Headers', 'x-token')], EIO='4', transport='polling')
    assert (response.status, response.body) == (204, b'')
    assert response.headers['access-control-allow-headers'] == 'x-token'
    assert 'POST' in response.headers['access-control-allow-methods']
    assert response.headers['access-control-allow-origin'] == 'https://a.example'


# -- limits -------------------------------------------------------------------------------------


def test_max_connections(host):
    server = host(max_connections=1)
    first = server.websocket(EIO='4', transport='websocket')
    assert first.receive().startswith('0{')
    response = server.request(EIO='4', transport='polling')
    assert response.status == 503
    assert response.headers['retry-after'] == '5'
    first.close()
    server.settle()
    assert server.request(EIO='4', transport='polling').status == 200


def test_cookie(host):
    server = host(cookie='io')
    response = server.request(EIO='4', transport='polling')
    sid = json.loads(response.body[1:])['sid']
    assert response.headers['set-cookie'] == f'io={sid}; Path=/; HttpOnly; SameSite=Lax'
    websocket = server.websocket(EIO='4', transport='websocket')
    sid = json.loads(websocket.receive()[1:])['sid']
    assert websocket.response.headers['Set-Cookie'].startswith(f'io={sid};')

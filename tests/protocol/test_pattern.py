"""Heads that are known again: what a pattern takes means the same as what it was made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventio.protocol.http import MAX_LENGTH_DIGITS, parse_head, parse_query
from geventio.protocol.pattern import MAX_STAMP, PATTERN_SIZE, HeadPattern

LINE = b'%s /socket.io/?EIO=4&transport=polling%s&sid=Xy-1 HTTP/1.1\r\nHost: h:80\r\n'
GET = LINE % (b'GET', b'') + b'Accept: */*\r\nCookie: a=b'
GET_T = LINE % (b'GET', b'&t=Oa1b2c') + b'Accept: */*\r\nCookie: a=b'
POST = LINE % (b'POST', b'') + b'Content-Length: 4\r\nCookie: a=b'
POST_T = LINE % (b'POST', b'&t=Oa1b2c') + b'Content-Type: text/plain\r\ncontent-length:4'
LAST_T = (b'POST /socket.io/?EIO=4&transport=polling&sid=Xy-1&t=Oa1b2c HTTP/1.1\r\n'
          b'Content-Length:\t 4\r\nHost: h')
HEADS = {'get': GET, 'get with t': GET_T, 'post': POST, 'post with t': POST_T,
         't comes last': LAST_T}


def pattern_of(head):
    return HeadPattern.of(head, parse_head(head))


def whole(head, body=b''):
    return head + b'\r\n\r\n' + body


def meaning(head):
    """Everything of a head but ``t`` and the length of the body."""
    request = parse_head(head)
    query = parse_query(request.query)
    headers = dict(request.headers)
    query.pop('t', None)
    headers.pop('content-length', None)
    return (request.method, request.path, query, request.version, headers, request.keep_alive,
            request.chunked, request.expect_continue)


@pytest.mark.parametrize('head', HEADS.values(), ids=HEADS)
def test_the_same_request_is_known(head):
    body = b'4abc' if head.startswith(b'POST') else b''
    assert pattern_of(head).body(whole(head, body)) == body


@pytest.mark.parametrize('head', HEADS.values(), ids=HEADS)
@given(stamp=st.from_regex(r'[0-9A-Za-z._-]{1,40}', fullmatch=True), body=st.binary(max_size=2000))
def test_another_t_and_another_length_are_known(head, stamp, body):
    other = head.replace(b'Oa1b2c', stamp.encode())
    if head.startswith(b'POST'):
        other = other.replace(b' 4', b' %d' % len(body)).replace(b':4', b':%d' % len(body))
    else:
        body = b''
    assert pattern_of(head).body(whole(other, body)) == body


@pytest.mark.parametrize('head', HEADS.values(), ids=HEADS)
@given(data=st.data())
def test_what_is_known_means_the_same(head, data):
    body = b'4abc' if head.startswith(b'POST') else b''
    changed = bytearray(whole(head, body))
    pieces = st.sampled_from([b'', b'\r\n', b'\r', b'\n', b'\0', b'&', b' ', b'=', b'%41', b'+',
                              b'&t=', b'&sid=', b'?', b'0', b'00', b'4', b'-', b'z', b'\xe9',
                              b'\r\n\r\n', b'\r\nContent-Length: 4'])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(changed)))
        stop = min(len(changed), start + data.draw(st.integers(0, 8)))
        changed[start:stop] = data.draw(pieces)
    taken = pattern_of(head).body(bytes(changed))
    if taken is not None:
        before, _, behind = bytes(changed).partition(b'\r\n\r\n')
        request = parse_head(before)
        assert meaning(before) == meaning(head)
        assert taken == behind
        assert request.content_length == len(taken)


@pytest.mark.parametrize('data', [
    b'', b'G', GET, whole(GET)[:-1], whole(GET, b'x'), whole(GET) + whole(GET),
    whole(GET.replace(b'Xy-1', b'Xy-2')), whole(GET.replace(b'a=b', b'a=c')),
    whole(GET.replace(b'GET', b'PUT')), whole(GET.replace(b'Cookie', b'cookie')),
])
def test_another_get_is_not_known(data):
    assert pattern_of(GET).body(data) is None


@pytest.mark.parametrize('stamp', [
    b'', b'a%20', b'a+b', b'a&b', b'a b', b'a=b', b'a\r\n', b'\xe9', b'a' * (MAX_STAMP + 1)])
def test_a_t_that_could_mean_more_is_not_known(stamp):
    assert pattern_of(GET_T).body(whole(GET_T.replace(b'Oa1b2c', stamp))) is None
    assert pattern_of(GET_T).body(whole(GET_T.replace(b'Oa1b2c', b'a' * MAX_STAMP))) == b''


@pytest.mark.parametrize(('length', 'body'), [
    (b'4', b'4ab'), (b'4', b'4abcd'), (b'04', b'4abc'), (b'+4', b'4abc'), (b'', b''),
    (b'4 ', b'4abc'), (b'0_4', b'4abc'), (b'4, 4', b'4abc'), (b'\xb2', b'4a'),
    (b'0' * MAX_LENGTH_DIGITS + b'4', b'4abc')])
def test_a_length_that_is_not_that_of_the_body_is_not_known(length, body):
    head = POST.replace(b'Length: 4', b'Length: ' + length)
    assert pattern_of(POST).body(whole(head, body)) is None


def test_a_field_that_only_looks_like_a_length():
    head = b'GET /x?a&t=1 HTTP/1.1\r\nHost: h\r\nX-Content-Length: 4\r\nA: Content-Length: 5'
    assert pattern_of(head).body(whole(head)) == b''
    assert pattern_of(head).body(whole(head.replace(b': 4', b': 5'))) is None


def test_of_two_t_the_first_one_is_meant():
    head = GET_T.replace(b'&sid', b'&t=2&sid')
    assert pattern_of(head).body(whole(head.replace(b'Oa1b2c', b'z'))) == b''
    assert pattern_of(head).body(whole(head.replace(b't=2', b't=3'))) is None


@pytest.mark.parametrize('line', [
    b'GET /socket.io/&t=1?EIO=4 HTTP/1.1', b'GET /socket.io/?t=1 HTTP/1.1',
    b'GET /socket.io/?a=?t=1 HTTP/1.1', b'GET /&t=1 HTTP/1.1'])
def test_what_is_no_t_behind_another_field_is_not_left_open(line):
    head = line + b'\r\nHost: h'
    assert pattern_of(head).body(whole(head)) == b''
    assert pattern_of(head).body(whole(head.replace(b't=1', b't=2'))) is None


def test_a_head_without_fields():
    head = b'GET /?a&t=1 HTTP/1.0'
    assert pattern_of(head).body(whole(head.replace(b't=1', b't=2'))) == b''


@pytest.mark.parametrize('field', [b'Transfer-Encoding: chunked', b'Expect: 100-continue'])
def test_bodies_that_are_not_there_at_once(field):
    assert pattern_of(LINE % (b'POST', b'') + field) is None


def test_large_heads():
    room = PATTERN_SIZE - len(GET)
    assert pattern_of(GET + b'x' * room) is not None
    assert pattern_of(GET + b'x' * (room + 1)) is None


@given(st.binary(max_size=100), st.integers(0, len(POST_T)))
def test_any_bytes(data, begun):
    assert pattern_of(POST_T).body(whole(POST_T)[:begun // 2] + data) is None

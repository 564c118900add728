"""Canonical packets in pieces: what the pieces say must be what the packet said."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geventio.protocol import canonical, socketio
from geventio.protocol.canonical import is_one, only_text, take_apart
from geventio.protocol.jsontext import Encoder, OtherJSON

# How long one example takes depends on what else the machine does.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PLACEHOLDER = '{"_placeholder":true,"num":0}'

EVENTS: list[tuple[socketio.Encoded, tuple[str, int | None, str, str]]] = [
    ('42["ev",1]', ('/', None, 'ev', '1')),
    ('42/chat,12["ev",{"a":1}]', ('/chat', 12, 'ev', '{"a":1}')),
    ('42["ev"]', ('/', None, 'ev', '')),
    ('420["ev",[1,2],"x,y"]', ('/', 0, 'ev', '[1,2],"x,y"')),
    ('42["a\\"b,]",1]', ('/', None, 'a"b,]', '1')),
    ('42["\\u20ac"]', ('/', None, '€', '')),
    ('42["",""]', ('/', None, '', '""')),
    ('42 [ "ev" , 1 , 2 ] \n', ('/', None, 'ev', '1 , 2')),
    ('42[\n  "ev"\n]', ('/', None, 'ev', '')),
    ('42[5,1]', ('/', None, '5', '1')),
    ('42[ 5 ]', ('/', None, '5', '')),
    ('42[-1.5e3 , "a"]', ('/', None, '-1.5e3', '"a"')),
    ('42', ('/', None, '', '')),
    (['42["ev",1]'], ('/', None, 'ev', '1')),
    ([f'451-["ev",{PLACEHOLDER}]', b'\1\2\3'], ('/', None, 'ev', '"AQID"')),
    ([f'451-/chat,7["ev",{PLACEHOLDER}]', b''], ('/chat', 7, 'ev', '""')),
    (
        [f'452-["ev",{{"b":{PLACEHOLDER},"a":[{PLACEHOLDER.replace("0", "1")}]}}]', b'\0', b'\1'],
        ('/', None, 'ev', '{"b":"AA==","a":["AQ=="]}'),
    ),
    (
        ['451-["ev",{ "_placeholder" : true , "num" : 0 }]', b'\1\2\3'],
        ('/', None, 'ev', '"AQID"'),
    ),
    # A string that looks like a placeholder, and one that points to nothing.
    (
        [f'451-["ev",{json.dumps(PLACEHOLDER)},{PLACEHOLDER}]', b'\1\2\3'],
        ('/', None, 'ev', json.dumps(PLACEHOLDER) + ',"AQID"'),
    ),
    ([f'451-["ev",{PLACEHOLDER.replace("0", "1")}]', b''],
     ('/', None, 'ev', '{"_placeholder":true,"num":1}')),
    (f'42["ev",{PLACEHOLDER}]', ('/', None, 'ev', PLACEHOLDER)),
]


@pytest.mark.parametrize(('packets', 'pieces'), EVENTS)
def test_events(packets: socketio.Encoded, pieces: tuple[str, int | None, str, str]) -> None:
    parts = take_apart(packets)
    assert parts is not None
    assert parts.type == socketio.EVENT
    assert (parts.nsp, parts.id, parts.name, parts.args) == pieces
    assert parts.name_json == parts.name or json.loads(parts.name_json) == parts.name


@pytest.mark.parametrize(
    ('packets', 'pieces'),
    [
        ('43/chat,7["ok",1]', (socketio.ACK, '/chat', 7, '"ok",1')),
        ('430[]', (socketio.ACK, '/', 0, '')),
        ('431[ "a" , 2 ] ', (socketio.ACK, '/', 1, '"a" , 2')),
        ([f'461-7[{PLACEHOLDER}]', b'\1\2\3'], (socketio.ACK, '/', 7, '"AQID"')),
        ('40/chat,{"sid":"x"}', (socketio.CONNECT, '/chat', None, '')),
        ('40{"sid":"x"}', (socketio.CONNECT, '/', None, '')),
        ('40', (socketio.CONNECT, '/', None, '')),
        ('41/chat,', (socketio.DISCONNECT, '/chat', None, '')),
        ('41', (socketio.DISCONNECT, '/', None, '')),
        ('44/chat,{"message":"x"}', (socketio.CONNECT_ERROR, '/chat', None, '')),
        ('44"x"', (socketio.CONNECT_ERROR, '/', None, '')),
    ],
)
def test_other_packets(
    packets: socketio.Encoded, pieces: tuple[int, str, int | None, str]
) -> None:
    parts = take_apart(packets)
    assert parts is not None
    assert (parts.type, parts.nsp, parts.id, parts.args) == pieces
    assert parts.name == ''


@pytest.mark.parametrize('packets', ['0{"sid":"x"}', '1', '2', '3', '6', '4', '4hello', [b'\1']])
def test_what_is_not_socketio(packets: socketio.Encoded) -> None:
    assert take_apart(packets) is None


@pytest.mark.parametrize(
    ('args', 'text', 'one'),
    [
        ('', None, False),
        ('"a"', 'a', True),
        ('"a,b"', 'a,b', True),
        ('""', '', True),
        ('"\\u20ac\\n"', '€\n', True),
        ('"\\ud83d\\ude00"', '😀', True),
        ('"\\ud800"', None, True),
        ('"a","b"', None, False),
        ('"a" , 1', None, False),
        ('1', None, True),
        ('null', None, True),
        ('1,2', None, False),
        ('{"a":1,"b":2}', None, True),
        ('[1,2]', None, True),
        ('[1,2] , [3]', None, False),
        ('[1,2],"x"', None, False),
        ('[1,' + '1' * 5000 + ']', None, False),
        ('[' * 200_000 + '1,2' + ']' * 200_000, None, False),
    ],
)
def test_arguments(args: str, text: str | None, one: bool) -> None:
    assert only_text(args) == text
    assert is_one(args) is one


# -- whatever can be encoded ----------------------------------------------------------------

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.text('",[]{}:\\ \n\u2028😀')
)
binary = st.binary(max_size=20)


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=10,
    )


namespaces = st.just('/') | st.text(
    st.characters(exclude_characters=',', exclude_categories=['Cs'])).map('/'.__add__)
ids = st.none() | st.integers(0, 10**15 - 1)
encoders = st.sampled_from([
    Encoder(),
    OtherJSON(json.dumps, json.loads),
    OtherJSON(lambda value: json.dumps(value, indent=3, sort_keys=True), json.loads),
    OtherJSON(lambda value: json.dumps(value, separators=(' ,\t', '\r: ')), json.loads),
])


def in_base64(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {key: in_base64(item) for key, item in value.items()}
    if isinstance(value, list):
        return [in_base64(item) for item in value]
    return value


def as_json(value: Any) -> Any:
    """What a reader of JSON gets: adjoining lone surrogates are one character."""
    return json.loads(json.dumps(value))


@relaxed
@given(encoders, namespaces, ids, st.text(), st.lists(trees(scalars | binary), max_size=4))
def test_any_event(encoder: Encoder | OtherJSON, nsp: str, id: int | None, name: str,
                   args: list[Any]) -> None:
    parts = take_apart(socketio.encode(encoder, socketio.EVENT, nsp, id, [name, *args]))
    assert parts is not None
    assert (parts.type, parts.nsp, parts.id) == (socketio.EVENT, nsp, id)
    assert as_json(parts.name) == json.loads(parts.name_json) == as_json(name)
    assert json.loads(f'[{parts.args}]') == as_json(in_base64(args))
    assert is_one(parts.args) == (len(args) == 1)
    text = only_text(parts.args)
    if text is not None:
        assert [text] == as_json(in_base64(args))


@relaxed
@given(encoders, namespaces, st.integers(0, 10**15 - 1), st.lists(trees(scalars | binary)))
def test_any_acknowledgement(encoder: Encoder | OtherJSON, nsp: str, id: int, args: list[Any]
                             ) -> None:
    parts = take_apart(socketio.encode(encoder, socketio.ACK, nsp, id, args))
    assert parts is not None
    assert (parts.type, parts.nsp, parts.id) == (socketio.ACK, nsp, id)
    assert json.loads(f'[{parts.args}]') == as_json(in_base64(args))


@relaxed
@given(
    encoders,
    st.sampled_from([socketio.CONNECT, socketio.DISCONNECT, socketio.CONNECT_ERROR]),
    namespaces,
    st.none() | st.dictionaries(st.text(), scalars),
)
def test_any_other(encoder: Encoder | OtherJSON, type: int, nsp: str, data: Any) -> None:
    parts = take_apart(socketio.encode(encoder, type, nsp, None, data))
    assert parts is not None
    assert (parts.type, parts.nsp, parts.id) == (type, nsp, None)


@pytest.mark.parametrize('convert', [float, int, bool, str])
def test_the_name_may_be_a_number(convert: Callable[[int], Any]) -> None:
    name = convert(1)
    parts = take_apart(socketio.encode(Encoder(), socketio.EVENT, '/', None, [name, 2]))
    assert parts is not None
    assert json.loads(parts.name_json) == name
    assert parts.args == '2'


def test_depth_and_size_do_not_matter() -> None:
    deep: Any = [1, 2]
    for _ in range(500):
        deep = [deep]
    parts = take_apart(socketio.encode(Encoder(), socketio.EVENT, '/', None, ['message', deep]))
    assert parts is not None
    assert parts.args == '[' * 501 + '1,2' + ']' * 501
    many = [bytes([n]) for n in range(200)]
    parts = take_apart(socketio.encode(Encoder(), socketio.EVENT, '/', None, ['ev', *many]))
    assert parts is not None
    assert json.loads(f'[{parts.args}]') == in_base64(many)
    assert canonical.only_text(parts.args) is None

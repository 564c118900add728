"""Reading JSON: the same values and the same refusals, whichever decoder reads long texts."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geventio.errors import ProtocolError
from geventio.protocol import jsontext
from geventio.protocol.jsontext import FEW, LONG, MAX_DEPTH, loads_at

PADDING = 'x' * LONG

# How long one example takes depends on what else the machine does.
relaxed = settings(deadline=None)


@pytest.fixture(params=['json', 'orjson'])
def decoder(request, monkeypatch):
    if request.param == 'json':
        monkeypatch.setattr(jsontext, '_orjson', None)
    elif jsontext._orjson is None:
        pytest.skip('orjson is not installed')
    return request.param


def long(text):
    """An array of ``text`` and a string that makes it long."""
    return f'["{PADDING}",{text}]'


def outcome(text, pos=0):
    """The value, told apart by type as well, or the reason of its refusal."""
    try:
        return repr(loads_at(text, pos))
    except ProtocolError as error:
        return error


VALUES = [
    ('-0', 0),
    ('-0.0', -0.0),
    ('18446744073709551615', 2**64 - 1),
    ('18446744073709551616', 2**64),
    ('-9223372036854775809', -(2**63) - 1),
    ('[{"a":[123456789012345678901234567890]}]', [{'a': [123456789012345678901234567890]}]),
    ('100000000000000000000.0', 1e20),
    ('1e400', float('inf')),
    ('5e-324', 5e-324),
    ('{"a":1,"a":2}', {'a': 2}),
    ('"\\ud800"', '\ud800'),
    ('"\\ud83d\\ude00\\u0000\\/"', '\U0001f600\0/'),
    ('"\x7f"', '\x7f'),
    ('"\ud800"', '\ud800'),
    (' true\t\r\n', True),
]


@pytest.mark.parametrize(('text', 'value'), VALUES)
def test_values_of_long_texts(decoder, text, value):
    expected = repr([PADDING, value])
    assert outcome(long(text)) == expected
    assert outcome('42' + long(text) + ' \n', 2) == expected


BROKEN = ['NaN', '-Infinity', '1.', '01', '"\x1f"', "'a'", '1,', '', '\xa01', '"\\x"', '9' * 5000]


@pytest.mark.parametrize('text', BROKEN)
def test_long_texts_that_are_not_json(decoder, text):
    with pytest.raises(ProtocolError, match='^broken JSON'):
        loads_at(long(text), 0)


def test_what_is_behind_a_long_text(decoder):
    for rest in (']', '1', '\0', '\xa0'):
        with pytest.raises(ProtocolError, match='^text behind the JSON value$'):
            loads_at(long('1') + rest, 0)


@pytest.mark.parametrize('padding', ['', PADDING])
def test_depth(decoder, padding):
    for opening, closing in (('[', ']'), ('{"a":', '}')):
        for depth in (MAX_DEPTH - 1, MAX_DEPTH, 2000, 100_000):
            text = f'["{padding}",{opening * depth}1{closing * depth}]'
            if depth < MAX_DEPTH:
                loads_at(text, 0)
            else:
                with pytest.raises(ProtocolError, match='^JSON nested too deep$'):
                    loads_at(text, 0)


def test_many_values_are_read_by_json(monkeypatch):
    read = []
    monkeypatch.setattr(jsontext, '_orjson', lambda text: read.append(text) or json.loads(text))
    few, many = (json.dumps([PADDING, *range(count)]) for count in (FEW, FEW + 1))
    assert outcome(few) == repr(json.loads(few)) and read == [few]
    assert outcome(many) == repr(json.loads(many)) and read == [few]
    loads_at('[1]', 0)
    assert read == [few]


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)
written = st.builds(json.dumps, values, ensure_ascii=st.booleans(), indent=st.none() | st.just(1))
spoilt = st.builds(
    lambda text, at, piece: text[: at % len(text)] + piece + text[at % len(text) + 1 :],
    written,
    st.integers(min_value=0),
    st.text(alphabet='"\\[]{},:0123456789.eE+-utrfalsn \x1f\ud800', max_size=3),
)
digits = st.from_regex(r'-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?', fullmatch=True)


@pytest.mark.skipif(jsontext._orjson is None, reason='orjson is not installed')
@relaxed
@given(written | spoilt | digits)
def test_both_decoders_agree(text):
    found = outcome(long(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsontext, '_orjson', None)
        expected = outcome(long(text))
    if isinstance(expected, ProtocolError):
        assert isinstance(found, ProtocolError) and str(found) == str(expected)
    else:
        assert found == expected


def test_orjson_is_optional(monkeypatch):
    name = 'geventio.protocol.jsontext_without_compiled_code'
    spec = importlib.util.spec_from_file_location(name, jsontext.__file__)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, 'orjson', None)
    spec.loader.exec_module(module)
    assert module.loads_at(long('1'), 0) == [PADDING, 1]

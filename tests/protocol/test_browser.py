"""Literals in scripts and fields of forms."""

from __future__ import annotations

import json
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventio.errors import ProtocolError
from geventio.protocol.browser import MAX_INDEX_DIGITS, form_field, script_index, script_string


@given(st.text() | st.text('</script>!-\\"\u2028\u2029\r\n'))
def test_a_literal_is_inert_and_means_the_text(text: str) -> None:
    literal = script_string(text)
    assert literal.isascii()
    assert literal.isprintable() or '\x7f' in literal
    assert '<' not in literal
    # Two lone surrogates in a row read as the character they encode.
    assert json.loads(literal).encode('utf-16', 'surrogatepass') == text.encode(
        'utf-16', 'surrogatepass')


@pytest.mark.parametrize(
    ('index', 'digits'),
    [
        ('0', '0'),
        ('12', '12'),
        ('', '0'),
        ('1x', '0'),
        ('1\n', '0'),
        ('](alert)//', '0'),
        ('٣', '0'),
        ('1' * MAX_INDEX_DIGITS, '1' * MAX_INDEX_DIGITS),
        ('1' * (MAX_INDEX_DIGITS + 1), '0'),
    ],
)
def test_only_an_index_of_digits_is_echoed(index: str, digits: str) -> None:
    assert script_index(index) == digits


@pytest.mark.parametrize(
    ('body', 'value'),
    [
        (b'd=1', '1'),
        (b'd=a+b%2bc%2Bd', 'a b+c+d'),
        (b'd=%e2%82%AC', '€'),
        ('d=€'.encode(), '€'),
        (b'x=%zz&d=1&d=2&y=\xff', '1'),
        (b'd=1=2', '1=2'),
        (b'd=\\n', '\\n'),
        (b'd', ''),
        (b'', None),
        (b'D=1&dd=1', None),
    ],
)
def test_form_field(body: bytes, value: str | None) -> None:
    assert form_field(body, 'd') == value


@pytest.mark.parametrize('body', [b'd=%', b'd=%4', b'd=%zz', b'd=\xff', b'd=%C3', b'd=%ED%A0%80'])
def test_form_field_refuses(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        form_field(body, 'd')


@given(st.text(st.characters(exclude_categories=['Cs'])) | st.text('a+%&=\n\\'))
def test_a_field_is_read_back(value: str) -> None:
    assert form_field(urlencode({'x': '1', 'd': value}).encode(), 'd') == value
    assert form_field(b'd=' + quote_plus(value).encode(), 'd') == value

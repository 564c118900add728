"""Lengths in UTF-16 code units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventio.protocol.utf16 import take_utf16, utf16_length


@pytest.mark.parametrize(
    ('text', 'length'),
    [('', 0), ('hello', 5), ('€', 1), ('😀', 2), ('a😀€', 4), ('\ud800', 1), ('\uffff', 1)],
)
def test_length(text: str, length: int) -> None:
    assert utf16_length(text) == length


@pytest.mark.parametrize(
    ('start', 'units', 'part'),
    [
        (0, 0, ''),
        (0, 1, 'a'),
        (0, 2, 'a'),  # the end would cut the character
        (0, 3, 'a😀'),
        (1, 2, '😀'),
        (1, 3, '😀b'),
        (2, 99, 'b€'),
        (4, 1, ''),
    ],
)
def test_take(start: int, units: int, part: str) -> None:
    assert take_utf16('a😀b€', start, units) == part


@given(st.text(), st.text(st.characters(exclude_categories=['Cs'])), st.text())
def test_what_was_measured_is_taken(before: str, text: str, after: str) -> None:
    whole = before + text + after
    assert take_utf16(whole, len(before), utf16_length(text)) == text

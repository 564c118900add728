"""Server-Sent Events, read back by the algorithm of the standard."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventio.protocol.eventstream import comment, event

from ..eventsource import Parser


def parse(stream):
    parser = Parser()
    return parser.feed(stream.encode())


@pytest.mark.parametrize(('args', 'block'), [
    (('hello',), 'data: hello\n\n'),
    (('', ), 'data: \n\n'),
    (('a\nb',), 'data: a\ndata: b\n\n'),
    (('a\r\nb\rc\n',), 'data: a\ndata: b\ndata: c\ndata: \n\n'),
    (('[1]', 'news'), 'event: news\ndata: [1]\n\n'),
    (('x', 'a\nb'), 'event: a b\ndata: x\n\n'),
])
def test_vectors(args, block):
    assert event(*args) == block


def test_what_is_no_event():
    assert parse(comment()) == []


@given(st.lists(st.tuples(st.text(), st.text(st.characters(exclude_characters='\r\n\0')))))
def test_a_reader_of_the_standard_gets_the_same(events):
    stream = comment().join(event(data, name) for data, name in events)
    expected = [(name or 'message', re.sub('\r\n|\r', '\n', data)) for data, name in events]
    read = parse(stream)
    assert [(e.name, e.data) for e in read] == [
        (n.encode('utf-8', 'replace').decode(), d.encode('utf-8', 'replace').decode())
        for n, d in expected]


@given(st.text(), st.integers(1, 5))
def test_the_cut_into_pieces_does_not_matter(data, size):
    stream = event(data, 'x').encode() + event('end').encode()
    parser, read = Parser(), []
    for start in range(0, len(stream), size):
        read += parser.feed(stream[start:start + size])
    assert [e.name for e in read] == ['x', 'message']

"""Flash policy: what asks for it, whom it names, and that XML stays XML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventio.protocol.flashpolicy import REQUEST, awaited, policy

HOST = 'example.com:5000'


def grants(policy_file: bytes) -> list[tuple[str, str]]:
    """Read the policy as Flash does: domain and ports of each line."""
    assert policy_file.endswith(b'\n\0')
    root = ElementTree.fromstring(policy_file[:-1])
    assert root.tag == 'cross-domain-policy'
    assert {child.tag for child in root} == {'allow-access-from'}
    return [(child.attrib['domain'], child.attrib['to-ports']) for child in root]


def test_request() -> None:
    assert REQUEST == b'<policy-file-request/>\x00'
    assert len(REQUEST) == 23


@pytest.mark.parametrize(
    ('data', 'more'),
    [
        (b'', 23),
        (b'<', 22),
        (REQUEST[:-1], 1),
        (REQUEST, 0),
        (REQUEST + b'GET', 0),
        (b'GET / HTTP/1.1\r\n', None),
        (b'<p>', None),
        (REQUEST[:-1] + b'\n', None),
        (b'\0', None),
    ],
)
def test_awaited(data: bytes, more: int | None) -> None:
    assert awaited(data) == more


def test_awaited_after_every_byte() -> None:
    for size in range(24):
        assert awaited(REQUEST[:size]) == 23 - size
        assert awaited(REQUEST[:size] + b'\xff') == (0 if size == 23 else None)


def test_everybody() -> None:
    assert policy('*', HOST) == (
        b'<?xml version="1.0"?>\n'
        b'<!DOCTYPE cross-domain-policy SYSTEM '
        b'"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd">\n'
        b'<cross-domain-policy>\n'
        b'<allow-access-from domain="*" to-ports="*"/>\n'
        b'</cross-domain-policy>\n\0'
    )


def test_own_host_alone() -> None:
    assert policy((), HOST).splitlines()[3] == (
        b'<allow-access-from domain="example.com" to-ports="5000"/>'
    )
    assert grants(policy((), HOST)) == [('example.com', '5000')]


@pytest.mark.parametrize(
    ('origin', 'domain'),
    [
        ('https://a.example', 'a.example'),
        ('https://a.example:8443', 'a.example'),
        ('HTTP://A.Example', 'a.example'),
        ('http://127.0.0.1:80', '127.0.0.1'),
        ('http://[::1]:80', '[::1]'),
        ('capacitor://localhost', 'localhost'),
        ('http://a&b', 'a&b'),
        ('http://"><x', '"><x'),
        ("http://'", "'"),
    ],
)
def test_one_line_for_each_origin(origin: str, domain: str) -> None:
    assert grants(policy([origin], HOST)) == [('example.com', '5000'), (domain, '5000')]


@pytest.mark.parametrize(
    'origin',
    [
        'https://*.example.com', 'https://*', '*.example.com', 'null', 'example.com', 'https://',
        'https://a@b', 'https://a/b', 'https://a:b', 'https://a:1:2', 'https://a b', 'https://[*]',
    ],
)  # fmt: skip
def test_no_page_has_such_an_origin(origin: str) -> None:
    assert grants(policy([origin], HOST)) == [('example.com', '5000')]


def test_lines_are_not_repeated() -> None:
    origins = ['http://b.example', 'https://b.example:8443', 'https://example.com']
    assert grants(policy(origins, HOST)) == [('example.com', '5000'), ('b.example', '5000')]


@pytest.mark.parametrize(
    'host', ['', 'example.com', 'example.com:', ':80', 'a:http', '*:80', 'a:1:2', 'a:123456', '::1']
)
def test_own_host_needs_a_port(host: str) -> None:
    with pytest.raises(ValueError, match='host and its port'):
        policy((), host)


def test_own_host_by_address() -> None:
    assert grants(policy((), '[::1]:80')) == [('[::1]', '80')]


# What XML can carry at all; a lone surrogate or a control character is no part of an option.
names = st.text(st.characters(codec='utf-8', exclude_categories=['Cc', 'Cs'],
                              exclude_characters='\ufffe\uffff'), max_size=20)


@given(st.lists(names.map(lambda name: f'http://{name}') | names))
def test_only_a_star_opens_it_for_all(origins: list[str]) -> None:
    found = grants(policy(origins, HOST))
    assert found[0] == ('example.com', '5000')
    assert len(found) <= 1 + len(origins)
    assert all('*' not in domain and ports == '5000' for domain, ports in found)

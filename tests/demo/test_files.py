"""What a file is, by its content."""
from __future__ import annotations

import pytest

from demo_app.files import OTHER, content_type, received


@pytest.mark.parametrize(('data', 'wanted'), [
    (b'\x89PNG\r\n\x1a\n', 'image/png'), (b'\xff\xd8\xff\xe0', 'image/jpeg'),
    (b'GIF87a', 'image/gif'), (b'GIF89a', 'image/gif'), (b'RIFF\0\0\0\0WEBPVP8 ', 'image/webp'),
    (b'RIFF\0\0\0\0WAVE', OTHER), (b'<svg xmlns="http://www.w3.org/2000/svg"/>', OTHER),
    (b'<!doctype html>', OTHER), (b'%PDF-1.7', OTHER), (b'BM', OTHER), (b'\x89PNG', OTHER),
])
def test_content_type(data, wanted):
    assert content_type(data) == wanted


@pytest.mark.parametrize(('name', 'wanted'), [
    ('a.png', 'a.png'), ('../../etc/passwd', 'passwd'), ('C:\\x\\y.exe', 'y.exe'), ('a/', 'file'),
    ('', 'file'), (None, 'file'), (7, 'file'), ('a\0b', 'file'), ('x' * 256, 'file'),
    ('two  words', 'two words'), ('\u202egnp.exe', 'file'),
])
def test_name(name, wanted):
    assert received({'name': name, 'data': b'x'}) == (wanted, OTHER, b'x')

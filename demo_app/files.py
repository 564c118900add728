"""What people paste and drop: which of it is shown as a picture, and under which name.

What a file is, its content tells, never its name or what the sender claims. Pictures are of the
four kinds that cannot contain scripts; everything else is offered as a download.
"""
from __future__ import annotations

from typing import Any

from demo_app import visitors

MAX_FILE = 2_000_000  # bytes
MAX_FILE_NAME = 255
OTHER = 'application/octet-stream'


def content_type(data: bytes) -> str:
    """The content type by the first bytes: of a picture, or else that of any data."""
    if data.startswith(b'\x89PNG\r\n\x1a\n'):
        return 'image/png'
    if data.startswith(b'\xff\xd8\xff'):
        return 'image/jpeg'
    if data.startswith((b'GIF87a', b'GIF89a')):
        return 'image/gif'
    if data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        return 'image/webp'
    return OTHER


def received(file: Any) -> tuple[str, str, bytes] | str:
    """Name, content type and content of what a client sent, or what is wrong with it."""
    if not isinstance(file, dict) or not isinstance(file.get('data'), bytes):
        return 'That is no file.'
    data = file['data']
    if not data:
        return 'The file is empty.'
    if len(data) > MAX_FILE:
        return f'A file may have up to {MAX_FILE // 1_000_000} MB.'
    name = visitors.name(file.get('name'), MAX_FILE_NAME)
    return name.replace('\\', '/').rpartition('/')[2] or 'file', content_type(data), data

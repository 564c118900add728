"""Header fields of HTTP: how they are spelled, in requests and in replies.

The grammar of names and values (RFC 9110 section 5) lives here; what fields mean does not.
"""

from __future__ import annotations

import re

#: Every byte that may stand between two CRLFs: tab, visible ASCII, space, obs-text (section 5.5).
LEGAL = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])

#: Whether a text is a token, as names and methods are (section 5.6.2).
is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch

#: Names that usually come and go, as they are spelled. A hit spares the grammar check and lower().
NAMES = {
    spelling: name.lower()
    for name in (
        'Host', 'Connection', 'User-Agent', 'Accept', 'Accept-Encoding', 'Accept-Language',
        'Cache-Control', 'Pragma', 'Cookie', 'Origin', 'Referer', 'Content-Type', 'Content-Length',
        'Content-Encoding', 'Upgrade', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version',
        'Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Accept',
        'Sec-Fetch-Site', 'Sec-Fetch-Mode', 'Sec-Fetch-Dest', 'sec-ch-ua', 'sec-ch-ua-mobile',
        'sec-ch-ua-platform', 'Priority', 'DNT', 'X-Forwarded-For', 'X-Forwarded-Proto',
        'X-Forwarded-Host', 'X-Real-IP', 'Set-Cookie', 'Vary', 'Access-Control-Allow-Origin',
        'Access-Control-Allow-Credentials', 'X-Content-Type-Options',
    )
    for spelling in (name, name.lower())
}  # fmt: skip

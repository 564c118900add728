"""The socket policy of Flash: the request, and the answer that says whose films may connect.

Flash asks on a raw connection before a film may open one, and a film can forge every header of
HTTP, its Origin included: the policy is the only gate there is. Sockets and timeouts do not live
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

#: What Flash sends, and all it sends. ``<`` cannot begin a request of HTTP.
REQUEST = b'<policy-file-request/>\0'

_HEAD = (
    '<?xml version="1.0"?>\n<!DOCTYPE cross-domain-policy SYSTEM '
    '"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd">\n<cross-domain-policy>\n'
)
_TAIL = '</cross-domain-policy>\n\0'

# Scheme, host, port. No '*' in the host: Flash would take for a pattern what CORS does not.
_origin = re.compile(r'[a-z][a-z0-9+.-]*://([^/:@*\[\]\s]+|\[[0-9a-f:.]+\])(?::[0-9]+)?').fullmatch
_own_host = re.compile(r'([^/:@*\[\]\s]+|\[[0-9a-f:.]+\]):([0-9]{1,5})').fullmatch


def awaited(data: bytes) -> int | None:
    """How many more bytes make `data`, the first of a connection, a policy request.

    :returns: 0 when it is one, whatever follows; None when it cannot become one.
    """
    if not REQUEST.startswith(data[: len(REQUEST)]):
        return None
    return max(0, len(REQUEST) - len(data))


def policy(origins: Iterable[str], host: str) -> bytes:
    """Write the policy file, NUL at its end.

    Films from the hosts of `origins` and from the own one may connect, to the own port. Origins
    that no page can have, such as ``https://*.example.com``, are left out.

    :param origins: ``'*'`` for every film and port, or origins (``'https://example.com:8443'``).
    :param host: own host and port, ``'example.com:5000'``.
    :raises ValueError: for a `host` of another form.
    """
    own = _own_host(host.lower())
    if own is None:
        raise ValueError(f'{host!r} is not a host and its port')
    domain, ports = own.groups()
    domains = [domain]
    if origins == '*':
        domains, ports = ['*'], '*'
    else:
        found = [_origin(origin.lower()) for origin in origins]
        domains += [match[1] for match in found if match is not None]
    lines = [
        f'<allow-access-from domain="{escape(name)}" to-ports="{ports}"/>\n'
        for name in dict.fromkeys(domains)
    ]
    return (_HEAD + ''.join(lines) + _TAIL).encode()

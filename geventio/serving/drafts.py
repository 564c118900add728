"""The opening handshake of the WebSocket drafts before RFC 6455, for doors that allow them."""

from __future__ import annotations

from ..protocol.hixie import draft_of, response_head
from .exchange import Exchange, Headers


class Draft:
    """What was agreed with a client of a draft; stands in the place of ``gateway.Upgrade``.

    :ivar number: 75 or 76.
    :ivar keys: what the challenge of hixie-76 is answered with besides its bytes.
    """

    __slots__ = ('_head', 'deflated', 'keys', 'number')

    def __init__(self, number: int, head: bytes, keys: tuple[str, str]) -> None:
        self.number = number
        self.keys = keys
        self.deflated = False
        self._head = head

    @property
    def status(self) -> str:
        """Code and reason of the 101."""
        return self._head[9:self._head.index(b'\r\n')].decode('latin-1')

    @property
    def headers(self) -> Headers:
        """The headers of the 101."""
        lines = self._head.decode('latin-1').split('\r\n')[1:-2]
        return [(name, value) for name, _, value in (line.partition(': ') for line in lines)]

    def head(self) -> bytes:
        """The 101 as it goes over the wire."""
        return self._head


def agree(exchange: Exchange) -> Draft | None:
    """Check the handshake of a request; None if it is of no draft.

    :raises HTTPError: 400, it is wrong.
    """
    headers = exchange.headers
    number = draft_of(headers) if exchange.method == 'GET' else None
    if number is None:
        return None
    head = response_head(number, headers, exchange.target, secure=exchange.secure)
    return Draft(number, head, (headers.get('sec-websocket-key1', ''),
                                headers.get('sec-websocket-key2', '')))

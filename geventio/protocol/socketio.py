"""Socket.IO packets, revisions 5 and 4, as text: grammar, validation, attachments.

Source: the Socket.IO protocol, revision 5 (revision 4 shares the grammar). A packet here is what
follows the Engine.IO type digit ``4``. Who may send what when is decided in ``core.client``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from ..errors import ProtocolError
from .jsontext import Encoder, OtherJSON, loads_at

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
BINARY_EVENT: Final = 5
BINARY_ACK: Final = 6

#: Event names that neither side may send: they are what the libraries report locally.
RESERVED: Final = frozenset(
    ('connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'))

#: Longest acknowledgement id or attachment count accepted, in digits.
MAX_ID_DIGITS: Final = 15

_DIGITS: Final = '0123456789'


class Packet:
    """One Socket.IO packet.

    :ivar type: CONNECT .. BINARY_ACK.
    :ivar nsp: namespace as it stands on the wire, ``'/'`` when it was left out.
    :ivar id: acknowledgement id, or None.
    :ivar data: the payload, or None; a list for events and acks.
    :ivar attachments: how many binary messages belong to it and follow.
    """

    __slots__ = ('attachments', 'data', 'id', 'nsp', 'type')

    def __init__(self, type: int, nsp: str = '/', id: int | None = None, data: Any = None,
                 attachments: int = 0) -> None:
        self.type = type
        self.nsp = nsp
        self.id = id
        self.data = data
        self.attachments = attachments


def decode(text: str, pos: int = 0, *, max_attachments: int = 10,
           loads_at: Callable[[str, int], Any] = loads_at) -> Packet:
    """Parse the packet that reaches from ``pos`` to the end of ``text``.

    :param max_attachments: most attachments a packet may announce.
    :param loads_at: reads the JSON value from a position to the end of the text.
    :raises ProtocolError: everything the grammar does not allow.
    """
    digit = text[pos:pos + 1]
    if not digit or digit not in '0123456':
        raise ProtocolError('unknown packet type')
    packet = Packet(ord(digit) - 48)
    kind = packet.type
    pos += 1
    if kind >= BINARY_EVENT:
        end = _digits_end(text, pos)
        if end == pos or text[end:end + 1] != '-':
            raise ProtocolError('no attachment count')
        packet.attachments = int(text[pos:end])
        if packet.attachments > max_attachments:
            raise ProtocolError(f'more than {max_attachments} attachments')
        pos = end + 1
    if text.startswith('/', pos):
        comma = text.find(',', pos)
        if comma < 0:
            comma = len(text)
        packet.nsp = text[pos:comma]
        pos = comma + 1
    size = len(text)
    if pos < size:
        end = _digits_end(text, pos)
        if end > pos:
            packet.id = int(text[pos:end])
            pos = end
    if pos < size:
        packet.data = loads_at(text, pos)
        _check(packet)
    elif kind in (ACK, BINARY_EVENT, BINARY_ACK):
        raise ProtocolError('packet without data')
    return packet


def _digits_end(text: str, pos: int) -> int:
    end = pos
    limit = pos + MAX_ID_DIGITS
    while text[end:end + 1] in _DIGITS and end < len(text):
        end += 1
        if end > limit:
            raise ProtocolError(f'a number of more than {MAX_ID_DIGITS} digits')
    return end


def _check(packet: Packet) -> None:
    kind, data = packet.type, packet.data
    if kind in (EVENT, BINARY_EVENT):
        check_event(data)
    elif kind in (ACK, BINARY_ACK):
        if data.__class__ is not list:
            raise ProtocolError('the data of an acknowledgement must be an array')
    elif kind == CONNECT:
        if data.__class__ is not dict:
            raise ProtocolError('the data of CONNECT must be an object')
    elif kind == DISCONNECT:
        raise ProtocolError('DISCONNECT carries no data')


def check_event(data: Any) -> None:
    """Check the data of an event: an array that starts with an allowed name.

    :raises ProtocolError: it is not.
    """
    if data.__class__ is not list or not data:
        raise ProtocolError('the data of an event must be an array with a name')
    name = data[0]
    if name.__class__ is str:
        if name in RESERVED:
            raise ProtocolError(f'reserved event name {name}')
    elif name.__class__ is not int and name.__class__ is not float:
        raise ProtocolError('an event name must be a string or a number')


_HEADS: Final = tuple(f'4{type}' for type in range(BINARY_ACK + 1))

#: A packet as transport packets: one text, or several that belong together.
Encoded: TypeAlias = 'str | list[str | bytes]'


def encode(encoder: Encoder | OtherJSON, type: int, nsp: str, id: int | None, data: Any) -> Encoded:
    """Write a packet: ``'4...'``, or a list of that and its attachments.

    :param data: what :class:`~geventio.protocol.jsontext.Encoder` can write; None for none.
    """
    text, attachments = ('', ()) if data is None else encoder.encode(data)
    if attachments:
        head = f'{_HEADS[type + BINARY_EVENT - EVENT]}{len(attachments)}-'
    else:
        head = _HEADS[type]
    if nsp != '/':
        head = f'{head}{nsp},'
    text = head + text if id is None else f'{head}{id}{text}'
    return [text, *attachments] if attachments else text


def welcome(nsp: str, sid: str) -> str:
    """CONNECT as a server answers it.

    :param sid: the id of the socket; it must not hold what JSON would escape.
    """
    return f'40{{"sid":"{sid}"}}' if nsp == '/' else f'40{nsp},{{"sid":"{sid}"}}'


def join_attachments(packet: Packet, attachments: list[bytes]) -> None:
    """Put received attachments where their placeholders stand.

    :raises ProtocolError: a placeholder that points to no attachment.
    """
    try:
        packet.data = _filled(packet.data, attachments)
    except RecursionError:
        raise ProtocolError('packet nested too deep') from None


def _filled(value: Any, attachments: list[bytes]) -> Any:
    if value.__class__ is dict:
        if value.get('_placeholder') is True:
            num = value.get('num')
            if num.__class__ is not int or not 0 <= num < len(attachments):
                raise ProtocolError('placeholder without an attachment')
            return attachments[num]
        return {k: _filled(v, attachments) for k, v in value.items()}
    if value.__class__ is list:
        return [_filled(v, attachments) for v in value]
    return value

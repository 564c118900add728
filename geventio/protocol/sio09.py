"""Socket.IO protocol revision 1, spoken by clients 0.7 to 0.9: packets and payloads.

Source: the ``socket.io-spec`` of that revision, and what server and client 0.9.17 send. Text
only; lengths are in UTF-16 code units. Also here is how its HTTP transports wrap a payload. URLs,
sessions, heartbeats, HTTP headers and the acknowledgements that a client expects unasked live in
the dialect.

Decoding is lenient, as the original is: a packet that nothing can handle is None and is to be
ignored. Every decoder takes time linear in its input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..errors import ProtocolError
from . import jsontext, socketio
from .browser import form_field, script_index, script_string
from .canonical import Parts, is_one, only_text, take_apart
from .utf16 import take_utf16, utf16_length

DISCONNECT: Final = 0
CONNECT: Final = 1
HEARTBEAT: Final = 2
MESSAGE: Final = 3
JSON: Final = 4
EVENT: Final = 5
ACK: Final = 6
ERROR: Final = 7
NOOP: Final = 8

#: For a client whose session is unknown ("client not handshaken", "reconnect"): it starts anew.
RECONNECT: Final = '7:::1+0'

#: Begins the response of an htmlfile request; browsers wait for 256 bytes before they run it.
HTMLFILE_HEAD: Final = (
    '<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>'
    + ' ' * 173
)

#: Longest message id accepted, in digits.
MAX_ID_DIGITS: Final = socketio.MAX_ID_DIGITS
#: Longest packet length accepted in a payload, in digits.
MAX_LENGTH_DIGITS: Final = 10

#: Stands around each length in a payload of several packets.
MARK: Final = '\ufffd'

_parse: Final = re.compile(
    f'([0-8]):([0-9]{{0,{MAX_ID_DIGITS}}})([+]?):([^:]*)(?::(.*))?', re.DOTALL).fullmatch
_parse_ack: Final = re.compile(
    f'([0-9]{{1,{MAX_ID_DIGITS}}})(?:[+](.*))?', re.DOTALL).fullmatch
_parse_length: Final = re.compile(f'{MARK}([0-9]{{1,{MAX_LENGTH_DIGITS}}}){MARK}').match


class Packet:
    """One packet from a client.

    :ivar type: DISCONNECT .. NOOP.
    :ivar id: message id, or None. For an acknowledgement the id that it answers.
    :ivar data_ack: whether the application's values are to answer ``id`` (the ``+``). Otherwise
        whoever receives an id answers it at once, without values.
    :ivar endpoint: namespace, ``''`` for the main one; without its query.
    :ivar data: by type: ``[name, *args]`` of an event, text of a message, value of a json packet,
        the list of arguments of an acknowledgement, the query of a connect without its ``?``,
        text of an error (``'1+0'``), else None.
    """

    __slots__ = ('data', 'data_ack', 'endpoint', 'id', 'type')

    def __init__(self, type: int, id: int | None = None, data_ack: bool = False,
                 endpoint: str = '', data: Any = None) -> None:
        self.type = type
        self.id = id
        self.data_ack = data_ack
        self.endpoint = endpoint
        self.data = data


def decode(text: str, *, loads_at: Callable[[str, int], Any] = jsontext.loads_at
           ) -> Packet | None:
    """Parse ``type ':' id? '+'? ':' endpoint? (':' data)?``; ``0`` stands for ``0::``.

    An event whose name no side may send is nothing to handle either (see
    :data:`geventio.protocol.socketio.RESERVED`).

    :param loads_at: reads the JSON value from a position to the end of a text.
    :returns: None for a packet that nothing handles: other grammar, an unknown type, broken JSON.
    """
    found = _parse(text)
    if found is None:
        return Packet(DISCONNECT) if text == '0' else None
    kind, id, plus, endpoint, data = found.groups('')
    endpoint, _, query = endpoint.partition('?')
    packet = Packet(int(kind), int(id) if id else None, bool(id and plus), endpoint)
    if packet.type in (MESSAGE, ERROR):
        packet.data = data
    elif packet.type == CONNECT:
        packet.data = query or data.removeprefix('?')
    elif packet.type == ACK:
        found = _parse_ack(data)
        if found is None:
            return None
        packet.id = int(found[1])
        data = found[2] or '[]'
    try:
        if packet.type in (JSON, ACK):
            packet.data = loads_at(data, 0)
        elif packet.type == EVENT:
            packet.data = _event(loads_at(data, 0))
    except ProtocolError:
        return None
    if packet.type == ACK and packet.data.__class__ is not list:
        return None
    return packet


def _event(value: Any) -> list[Any]:
    """``[name, *args]`` of ``{"name":...,"args":[...]}``.

    :raises ProtocolError: it is something else, or the name is not allowed.
    """
    if value.__class__ is not dict:
        raise ProtocolError('an event must be an object')
    args = value.get('args')
    if args is None:
        args = []
    elif args.__class__ is not list:
        raise ProtocolError('the arguments of an event must be an array')
    event = [value.get('name'), *args]
    socketio.check_event(event)
    return event


def event_of(packet: Packet) -> list[Any]:
    """Return ``[name, *args]`` of a packet of type MESSAGE, JSON or EVENT.

    Texts and json packets are events named ``message``.
    """
    event: list[Any] = packet.data if packet.type == EVENT else ['message', packet.data]
    return event


# -- the way out ----------------------------------------------------------------------------

_CONTROL: Final = {'1': '0::', '2': '2::', '6': '8::'}
# The client reads the values of an acknowledgement up to what JavaScript takes for a line's end.
# In JSON the first two are blanks, the others parts of strings.
_ON_ONE_LINE: Final = str.maketrans(
    {'\n': ' ', '\r': ' ', '\u2028': '\\u2028', '\u2029': '\\u2029'})


def rewrite(packets: socketio.Encoded) -> str:
    """Return the packet that says in this protocol what *packets* say; ``''`` if none does.

    An event ``message`` with one argument is a message or a json packet. Its id, if it has one, is
    answered by the client at once and without values. Attachments are base64 strings.

    A client reports ``connecting``, ``connect_failed``, ``error``, ``reconnect``,
    ``reconnecting`` and ``reconnect_failed`` locally, under these names. Events of these names
    are let through as they are: the client cannot tell them from its own.

    :param packets: a packet as :func:`geventio.protocol.socketio.encode` returns it, or an
        Engine.IO packet: close, ping and noop have counterparts. A namespace must not contain
        ``:``, as none does that a client of this protocol can join.
    """
    parts = take_apart(packets)
    if parts is None:
        return _CONTROL.get(packets, '') if isinstance(packets, str) else ''
    endpoint = '' if parts.nsp == '/' else parts.nsp
    type = parts.type
    if type == socketio.EVENT:
        return _rewrite_event(parts, endpoint)
    if type == socketio.ACK:
        args = f'+[{parts.args.translate(_ON_ONE_LINE)}]' if parts.args else ''
        return f'6::{endpoint}:{parts.id}{args}'
    if type == socketio.CONNECT:
        return '1::' + endpoint
    if type == socketio.DISCONNECT:
        return '0::' + endpoint
    return f'7::{endpoint}:2'  # unauthorized


def _rewrite_event(parts: Parts, endpoint: str) -> str:
    id = '' if parts.id is None else str(parts.id)
    args = parts.args
    if parts.name == 'message':
        text = only_text(args)
        if text is not None:
            return f'3:{id}:{endpoint}:{text}'
        if is_one(args):
            return f'4:{id}:{endpoint}:{args}'
    plus = id and '+'
    return f'5:{id}{plus}:{endpoint}:{{"name":{parts.name_json},"args":[{args}]}}'


# -- HTTP -----------------------------------------------------------------------------------


def encode_payload(packets: Sequence[str]) -> bytes:
    """Return the UTF-8 body that carries *packets*: one as it is, several framed."""
    if len(packets) == 1:
        return packets[0].encode()
    return ''.join([f'{MARK}{utf16_length(p)}{MARK}{p}' for p in packets]).encode()


def decode_payload(body: bytes | str) -> list[str]:
    """Return the packets of a body, not yet decoded.

    A packet whose length is wrong is dropped with all that follows, silently as in the original:
    there is no telling where the next one begins.

    :raises ProtocolError: not UTF-8.
    """
    if isinstance(body, str):
        text = body
    else:
        try:
            text = body.decode()
        except UnicodeDecodeError as exc:
            raise ProtocolError('payload is not UTF-8') from exc
    if text[:1] != MARK:
        return [text] if text else []
    packets = []
    pos, size = 0, len(text)
    while pos < size:
        head = _parse_length(text, pos)
        if head is None:
            break
        length = int(head[1])
        packet = take_utf16(text, head.end(), length)
        pos = head.end() + len(packet)
        if utf16_length(packet) != length or text[pos : pos + 1] not in ('', MARK):
            break
        packets.append(packet)
    return packets


def decode_form(body: bytes) -> list[str]:
    """Return the packets of a JSONP POST: its field ``d`` is a payload as a JSON string.

    :raises ProtocolError: no such field, not percent-encoded UTF-8, or not a JSON string.
    """
    field = form_field(body, 'd')
    if field is None:
        raise ProtocolError('no field d')
    payload = jsontext.loads_at(field, 0)
    if payload.__class__ is not str:
        raise ProtocolError('the field d must be a JSON string')
    return decode_payload(payload)


def jsonp_body(index: str, text: str) -> bytes:
    """Return the script that hands *text* (a payload, or a handshake) to the client.

    :param index: of the query; ``0`` stands in for one that is not all digits.
    """
    return f'io.j[{script_index(index)}]({script_string(text)});'.encode('ascii')


def jsonp_error(index: str, message: str) -> bytes:
    """Return the script that refuses a handshake."""
    return f'io.j[{script_index(index)}](new Error({script_string(message)}));'.encode('ascii')


def htmlfile_chunk(text: str) -> bytes:
    """Return the script element that hands *text*, a payload, to the page around it."""
    literal = script_string(text).replace('/', '\\/')
    return f'<script>_({literal});</script>'.encode('ascii')


def handshake_body(sid: str, heartbeat_timeout: float | None, close_timeout: float | None,
                   transports: Sequence[str]) -> str:
    """Return the answer to a handshake: ``sid:60:60:websocket,xhr-polling``.

    :param heartbeat_timeout: seconds without a sign of life; None for no heartbeats.
    :param close_timeout: seconds a session outlives its transport; None for no limit.
    """
    heartbeat, close = ['' if seconds is None else f'{seconds:.10g}'
                        for seconds in (heartbeat_timeout, close_timeout)]
    return f'{sid}:{heartbeat}:{close}:{",".join(transports)}'

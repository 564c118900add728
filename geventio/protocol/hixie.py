"""WebSocket before RFC 6455: the drafts hixie-75 and hixie-76 as pure functions of bytes.

Browsers of 2010 and Flash speak them (draft-hixie-thewebsocketprotocol-75 and -76). In here: the
opening handshake, the one kind of frame there is, and :class:`FrameReader`, which can stand where
:class:`geventio.protocol.websocket.FrameReader` does. Not in here: sockets, parsing HTTP, the
request's method, and which origins may connect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import md5

from ..errors import FrameError, HTTPError
from .replies import response
from .websocket import Close, CloseCode, Event

#: Bytes of a hixie-76 request behind its head. No header announces them.
BODY_SIZE = 8
#: Digits in a Sec-WebSocket-Key1 or -Key2: those of the largest number of 32 bits.
MAX_KEY_DIGITS = 10
#: The close frame of hixie-76, either way.
CLOSE = b'\xff\x00'

_STATUS_LINES = {
    75: b'HTTP/1.1 101 Web Socket Protocol Handshake\r\n',
    76: b'HTTP/1.1 101 WebSocket Protocol Handshake\r\n',
}
_not_digits = re.compile('[^0-9]+')


# -- handshake --------------------------------------------------------------------------------


def draft_of(headers: Mapping[str, str]) -> int | None:
    """Tell the draft a request opens a WebSocket with.

    :param headers: request headers under lower-case names.
    :returns: 75, 76, or None for RFC 6455 and for what asks for no WebSocket at all.
    """
    if headers.get('upgrade', '').strip().lower() != 'websocket':
        return None
    if 'sec-websocket-version' in headers or 'sec-websocket-key' in headers:
        return None
    return 76 if 'sec-websocket-key1' in headers or 'sec-websocket-key2' in headers else 75


def response_head(draft: int, headers: Mapping[str, str], target: str, *, secure: bool) -> bytes:
    """Check an opening handshake and write the answer to it, blank line included.

    To hixie-75 this is all. To hixie-76 it is sent before the last bytes of the request are read,
    because a proxy may hold those back until then; :func:`challenge_answer` follows. The origin
    and the subprotocol are returned as they came; without an Origin ``null`` is.

    :param draft: 75 or 76, see :func:`draft_of`.
    :param headers: request headers under lower-case names.
    :param target: request target as sent, query included.
    :param secure: whether the client sees TLS.
    :raises HTTPError: 400 with a plain reason.
    """
    connection = headers.get('connection', '').lower()
    if 'upgrade' not in [option.strip() for option in connection.split(',')]:
        raise HTTPError(400, 'Connection header lacks upgrade')
    # A body would be read as frames.
    if 'transfer-encoding' in headers or headers.get('content-length', '0').strip() != '0':
        raise HTTPError(400, 'WebSocket handshake with a body')
    host = headers.get('host')
    if not host:
        raise HTTPError(400, 'missing host')
    prefix = ''
    if draft == 76:
        prefix = 'Sec-'
        for name in ('sec-websocket-key1', 'sec-websocket-key2'):
            _key_number(headers.get(name, ''))
    fields = [
        ('Upgrade', 'WebSocket'),
        ('Connection', 'Upgrade'),
        (prefix + 'WebSocket-Origin', headers.get('origin', 'null')),
        (prefix + 'WebSocket-Location', f'{"wss" if secure else "ws"}://{host}{target}'),
    ]
    protocol = headers.get(prefix.lower() + 'websocket-protocol')
    if protocol is not None:
        fields.append((prefix + 'WebSocket-Protocol', protocol))
    try:
        head = response(101, fields)
    except ValueError:
        raise HTTPError(400, 'control character in Host, Origin or subprotocol') from None
    return _STATUS_LINES[draft] + head[head.index(b'\n') + 1 :]


def challenge_answer(key1: str, key2: str, body: bytes) -> bytes:
    """The 16 bytes that end the answer to a hixie-76 handshake (section 5.2 of the draft).

    :param key1: value of Sec-WebSocket-Key1.
    :param key2: value of Sec-WebSocket-Key2.
    :param body: the eight bytes behind the request's head.
    :raises HTTPError: 400 for a key that :func:`response_head` refuses as well.
    :raises ValueError: for a body of another size.
    """
    if len(body) != BODY_SIZE:
        raise ValueError(f'the body is {BODY_SIZE} bytes')
    numbers = b''.join(_key_number(key).to_bytes(4, 'big') for key in (key1, key2))
    return md5(numbers + body, usedforsecurity=False).digest()


def _key_number(key: str) -> int:
    """The number in a key: all its digits, divided by the count of its spaces."""
    digits = _not_digits.sub('', key)
    spaces = key.count(' ')
    if not digits or not spaces:
        raise HTTPError(400, 'WebSocket key without digits or spaces')
    if len(digits) > MAX_KEY_DIGITS or int(digits) > 0xFFFF_FFFF:
        raise HTTPError(400, 'WebSocket key over 32 bits')
    number, rest = divmod(int(digits), spaces)
    if rest:
        raise HTTPError(400, 'WebSocket key that its spaces do not divide')
    return number


# -- frames -----------------------------------------------------------------------------------


def text_frame(text: str) -> bytes:
    """One text frame of either draft and direction.

    :raises UnicodeEncodeError: a lone surrogate, which UTF-8 cannot carry.
    """
    return b'\x00' + text.encode() + b'\xff'


class FrameReader:
    """Bytes from a client in, messages out.

    A frame is ``00``, UTF-8 and ``ff``, a byte that UTF-8 never has. The other frames of the
    drafts, with a length in front, are refused: no client sends them.

    :param max_size: bytes a message may have.
    :param draft: 76 takes ``ff 00`` for a close frame; 75 has none.
    """

    __slots__ = ('_buffer', '_closed', '_draft', '_max_size')

    def __init__(self, max_size: int, *, draft: int = 76) -> None:
        self._max_size = max_size
        self._draft = draft
        self._closed = False
        self._buffer: bytearray | None = None  # a frame that is not complete

    def lone_text(self, data: bytes) -> str | None:
        """None: everything is for :meth:`feed`."""
        return None

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes in the order of arrival and give what they complete.

        Close and FrameError are the last item of a list, and of all lists: what comes after them
        is ignored. A FrameError is an item, not raised, so that the messages before the fault are
        delivered. Its code is 1002 for another kind of frame, 1007 for bad UTF-8 and 1009 for a
        message that is too big; the draft has no way to tell the client.
        """
        events: list[Event] = []
        if self._closed:
            return events
        whole: bytes | bytearray = data
        known = 0  # bytes of the first frame that are known not to end it
        if self._buffer is not None:
            known = len(self._buffer)
            self._buffer += data
            whole = self._buffer
        rest = self._parse(whole, known, events)
        if self._closed or rest == len(whole):
            self._buffer = None
        elif rest or self._buffer is None:
            self._buffer = bytearray(whole[rest:])
        return events

    def _parse(self, data: bytes | bytearray, known: int, events: list[Event]) -> int:
        """Append what `data` holds to `events`; return the offset of the first incomplete frame."""
        at = 0
        size = len(data)
        while at < size:
            if data[at] != 0x00:
                if data[at] == 0xFF and self._draft == 76:
                    if size - at == 1:
                        return at
                    if data[at + 1] == 0x00:
                        return self._end(Close(None, ''), events)
                return self._fault(CloseCode.PROTOCOL_ERROR, 'unknown frame type', events)
            end = data.find(0xFF, max(at + 1, known))
            if (size if end < 0 else end) - at - 1 > self._max_size:
                reason = f'message over {self._max_size} bytes'
                return self._fault(CloseCode.MESSAGE_TOO_BIG, reason, events)
            if end < 0:
                return at
            try:
                events.append(data[at + 1 : end].decode())
            except UnicodeDecodeError:
                return self._fault(CloseCode.INVALID_DATA, 'invalid UTF-8', events)
            at = end + 1
        return at

    def _fault(self, code: CloseCode, reason: str, events: list[Event]) -> int:
        return self._end(FrameError(code, reason), events)

    def _end(self, event: Event, events: list[Event]) -> int:
        self._closed = True
        events.append(event)
        return 0

"""JSON as JavaScript writes and reads it, with the encoder and the decoder made once.

Differences from ``json.dumps``: no spaces; NaN and the infinities become ``null``; text that
UTF-8 cannot carry (lone surrogates) is escaped; bytes-like values become Socket.IO placeholders
and are handed out beside the text. ``json.loads`` would build a scanner for each call and accept
NaN. Long strings are read by orjson when it is installed; writing is left to ``json``, because
orjson knows types (Enum, UUID, ...) that are to be refused or given to ``default``. Packet grammar
does not live here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any

from ..errors import ProtocolError

Default = Callable[[Any], Any]

_orjson: Callable[[str], Any] | None

try:
    from orjson import loads as _orjson  # type: ignore[import-not-found, no-redef, unused-ignore]
except ImportError:
    _orjson = None

#: Deepest nesting of arrays and objects accepted from a peer.
MAX_DEPTH = 256
#: Characters from which a text is long, and the most commas in one that orjson reads.
LONG = 8192
FEW = 64

_WINDOW = 512  # characters that are counted behind each one found
_TOO_LARGE = 2.0 ** 63

_join = ''.join
_BYTES = (bytes, bytearray, memoryview)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f'{name} is not JSON')


_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]


def loads_at(text: str, pos: int) -> Any:
    """Parse the JSON value that reaches from ``pos`` to the end of ``text``.

    :raises ProtocolError: not JSON, something behind the value, or nested too deep.
    """
    size = len(text)
    try:
        value, end = (_scan if size < LONG else _scan_long)(text, pos)
    except StopIteration:
        if text[pos:pos + 1] in (' ', '\t', '\n', '\r'):
            return loads_at(text, size - len(text[pos:].lstrip(' \t\n\r')))
        raise ProtocolError('broken JSON') from None
    except RecursionError:
        raise ProtocolError('JSON nested too deep') from None
    except ValueError as e:
        raise ProtocolError(f'broken JSON: {e}') from None
    if end != size and text[end:].strip(' \t\n\r'):
        raise ProtocolError('text behind the JSON value')
    if end - pos > 2 * MAX_DEPTH and (
            _count(text, '[', MAX_DEPTH) + _count(text, '{', MAX_DEPTH) > MAX_DEPTH):
        _check_depth(value)
    return value


def _count(text: str, character: str, most: int) -> int:
    """How often ``character`` occurs, or a number above ``most``.

    find() passes over long strings many times as fast as count().
    """
    total = 0
    at = text.find(character)
    while at >= 0 and total <= most:
        total += text.count(character, at, at + _WINDOW)
        at = text.find(character, at + _WINDOW)
    return total


def _scan_long(text: str, pos: int) -> tuple[Any, int]:
    """``_scan`` for a long text: by orjson if it is there and certain to give the same value.

    It takes integers beyond 64 bits for floats. Making sure of each number would take more time
    than it saves, so it reads texts of few values, which are long because of their strings. What
    it refuses, lone surrogates besides errors, is left to the decoder of ``json``.
    """
    if _orjson is not None and _count(text, ',', FEW) <= FEW:
        try:
            value = _orjson(text[pos:])
        except ValueError:
            pass
        else:
            if _exact(value):
                return value, len(text)
    return _scan(text, pos)


def _exact(value: Any) -> bool:
    """Whether no float in ``value`` can have been an integer beyond 64 bits."""
    pending = [value]
    while pending:
        item = pending.pop()
        kind = item.__class__
        if kind is dict:
            pending.extend(item.values())
        elif kind is list:
            pending.extend(item)
        elif kind is float and not -_TOO_LARGE < item < _TOO_LARGE:
            return False
    return True


def _check_depth(value: Any) -> None:
    level = [value] if value.__class__ in (list, dict) else []
    for _ in range(MAX_DEPTH):
        level = [item for node in level
                 for item in (node.values() if node.__class__ is dict else node)
                 if item.__class__ is list or item.__class__ is dict]
        if not level:
            return
    raise ProtocolError('JSON nested too deep')


class _Special(Exception):
    """The value holds something that only the slow path can write."""


class Encoder:
    """Writes values as JSON text.

    :param default: called with a value JSON does not know; returns one that it does, or raises
        TypeError. None refuses every such value.
    """

    __slots__ = ('_default', '_fast')

    def __init__(self, default: Default | None = None) -> None:
        self._default = default
        self._fast = _make(self._no_bytes)

    def _no_bytes(self, value: Any) -> Any:
        if isinstance(value, _BYTES):
            raise _Special
        return self._other(value)

    def _other(self, value: Any) -> Any:
        if self._default is not None:
            return self._default(value)
        raise TypeError(f'{type(value).__name__} cannot be sent: it is neither JSON nor bytes')

    def encode(self, value: Any) -> tuple[str, Sequence[bytes]]:
        """Return the JSON text of ``value`` and the bytes taken out of it.

        The k-th bytes-like value becomes ``{"_placeholder":true,"num":k}``.

        :raises TypeError: a value that JSON does not know.
        :raises ValueError: a value that contains itself.
        """
        try:
            text = _join(self._fast(value, 0))
        except (_Special, ValueError):
            return self._encode_slow(value)
        except RecursionError:
            raise ValueError('a value that contains itself, or nests too deep') from None
        if not text.isascii():
            text = _encodable(text)
        return text, ()

    def _encode_slow(self, value: Any) -> tuple[str, list[bytes]]:
        attachments: list[bytes] = []

        def take(item: Any) -> Any:
            if isinstance(item, _BYTES):
                attachments.append(bytes(item))
                return {'_placeholder': True, 'num': len(attachments) - 1}
            return _finite(self._other(item))

        try:
            text = _join(_make(take)(_finite(value), 0))
        except RecursionError:
            raise ValueError('a value that contains itself, or nests too deep') from None
        return _encodable(text), attachments


class OtherJSON:
    """JSON as another library writes and reads it, in the place of Encoder and ``loads_at``.

    :param dumps: returns the text of a value (str, or bytes in UTF-8).
    :param loads: returns the value of a text; any exception means broken JSON.
    """

    __slots__ = ('_dumps', '_loads')

    def __init__(self, dumps: Callable[[Any], str | bytes], loads: Callable[[str], Any]) -> None:
        self._dumps = dumps
        self._loads = loads

    def encode(self, value: Any) -> tuple[str, Sequence[bytes]]:
        """See :meth:`Encoder.encode`."""
        attachments: list[bytes] = []
        try:
            text = self._dumps(_without_bytes(value, attachments))
        except RecursionError:
            raise ValueError('a value that contains itself, or nests too deep') from None
        return _encodable(text.decode() if isinstance(text, bytes) else text), attachments

    def loads_at(self, text: str, pos: int) -> Any:
        """See :func:`loads_at`."""
        try:
            value = self._loads(text[pos:])
        except Exception as error:
            raise ProtocolError(f'broken JSON: {error}') from None
        _check_depth(value)
        return value


def _without_bytes(value: Any, attachments: list[bytes]) -> Any:
    """``value`` with placeholders for bytes-like values, which are added to ``attachments``."""
    if isinstance(value, _BYTES):
        attachments.append(bytes(value))
        return {'_placeholder': True, 'num': len(attachments) - 1}
    if isinstance(value, dict):
        return {key: _without_bytes(item, attachments) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_bytes(item, attachments) for item in value]
    return value


def _make(default: Default) -> Callable[[Any, int], Any]:
    from json.encoder import c_make_encoder  # type: ignore[attr-defined]

    if c_make_encoder is not None:
        made: Callable[[Any, int], Any] = c_make_encoder(
            None, default, encode_basestring, None, ':', ',', False, False, False)
        return made
    encoder = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False,
                               separators=(',', ':'), default=default)
    return lambda value, level: [encoder.encode(value)]


def _finite(value: Any) -> Any:
    """``value`` with NaN and the infinities replaced by None, as JSON.stringify does."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value


def _encodable(text: str) -> str:
    """``text`` with lone surrogates escaped; JSON text holds them only inside strings."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _join(f'\\u{ord(c):04x}' if '\ud800' <= c <= '\udfff' else c for c in text)
    return text

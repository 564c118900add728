"""Arguments of public calls: a wrong one is an error that names it, raised to the caller.

Each function returns the argument in the form the code below works with. Options of a server are
checked in ``config``, handlers in ``registry``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..protocol.jsontext import MAX_DEPTH
from .rooms import Room


def as_rooms(rooms: Any, argument: str = 'to') -> tuple[Room, ...]:
    """One room or a collection of rooms, as a tuple.

    :raises TypeError: something that cannot be a room.
    """
    if rooms.__class__ is str:
        return (rooms,)
    if rooms is None:
        return ()
    names = tuple(rooms) if isinstance(rooms, (list, tuple, set, frozenset)) else (rooms,)
    try:
        for name in names:
            hash(name)
    except TypeError:
        raise TypeError(f'{argument} must be a room, a socket id or a list of them, not '
                        f'{rooms!r}') from None
    return names


def as_room(room: Any) -> Room:
    """One room.

    :raises TypeError: None, or something that cannot be a room.
    """
    try:
        hash(room)
    except TypeError:
        room = None
    if room is None:
        raise TypeError('room must be a str, a number or something else that a dict takes as key, '
                        'and not None')
    name: Room = room
    return name


def as_namespace(namespace: Any) -> str:
    """The name of a namespace; None and the empty one are ``'/'``.

    :raises TypeError: it is not a str.
    """
    if namespace.__class__ is str:
        return namespace or '/'
    if namespace is None:
        return '/'
    if isinstance(namespace, str):
        return str(namespace) or '/'
    raise TypeError(f"namespace must be a str such as '/chat', not {namespace!r}")


def as_namespace_key(namespace: Any, default: str = '/') -> Any:
    """What handlers are registered for: a name, ``'*'`` or a compiled pattern.

    :param default: what None and the empty name stand for.
    :raises TypeError: none of these.
    """
    if namespace is None or namespace == '':
        return default
    if isinstance(namespace, (str, re.Pattern)):
        return namespace
    raise TypeError("namespace must be a str such as '/chat', '*' or a compiled pattern, not "
                    f'{namespace!r}')


def as_sid(sid: Any, argument: str = 'sid') -> str:
    """A socket id.

    :raises TypeError: it is not a str.
    """
    if isinstance(sid, str):
        return sid
    raise TypeError(f'{argument} must be a socket id, a str, not {sid!r}')


def as_timeout(timeout: Any) -> float | None:
    """A number of seconds; None for no limit.

    :raises TypeError: it is not a number.
    :raises ValueError: it is below 0.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f'timeout must be a number of seconds or None, not {timeout!r}')
    if not timeout >= 0:
        raise ValueError(f'timeout must not be below 0, and is {timeout!r}')
    return timeout


def as_callback(callback: Any) -> Callable[..., Any] | None:
    """A function that is called later; None for none.

    :raises TypeError: it cannot be called.
    """
    if callback is None or callable(callback):
        return callback  # type: ignore[no-any-return]
    raise TypeError(f'callback must be a function, not {callback!r}')


def unsendable(values: Any, fails: Callable[[Any], bool]) -> str:
    """Where in the arguments of an event stands what cannot be sent: ``[1]['user']``.

    :param values: the arguments; one of them cannot be sent.
    :param fails: whether one value cannot be sent.
    """
    path = ''
    for _ in range(MAX_DEPTH):
        if isinstance(values, dict):
            parts = list(values.items())
        elif isinstance(values, (list, tuple)):
            parts = list(enumerate(values))
        else:
            break
        for key, value in parts:
            if fails(value):
                path += f'[{key!r}]'
                values = value
                break
        else:
            break
    return path

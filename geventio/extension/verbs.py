"""``emit``, ``send``, ``call``, ``join_room`` ...: what a handler does without naming itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.checks import as_room, as_rooms
from .context import current_event
from .tasks import Task, start_for_client


def flat(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """One tuple as only argument means several; one None means none."""
    if len(args) == 1:
        if isinstance(args[0], tuple):
            return args[0]
        if args[0] is None:
            return ()
    return args


def emit(event: Any, *args: Any, namespace: str | None = None,
         callback: Callable[..., Any] | None = None, broadcast: bool = False, to: Any = None,
         room: Any = None, include_self: bool = True, skip_sid: Any = None,
         ignore_queue: bool = False, except_: Any = None, volatile: bool = False,
         local: bool = False, timeout: float | None = None) -> None:
    """Send an event; by default to the client whose event is handled.

    :param args: its arguments; one tuple is several, one None is none.
    :param namespace: by default the one of the event handled.
    :param callback: called with the values of the client's answer, in the context of this event;
        if it has a keyword-only parameter ``error``, also with that alone, a NotConnectedError or
        TimeoutError, when there will be no answer.
    :param broadcast: send it to everybody in the namespace.
    :param to: a room, a socket id or a list of them. ``room`` is the same.
    :param include_self: False leaves the client whose event is handled out.
    :param skip_sid: a socket id or a list to leave out.
    :param ignore_queue: accepted and not needed.
    :param except_: rooms whose members are left out.
    :param volatile: drop it for clients that could not be written to at once.
    :param local: only clients of this server.
    :param timeout: seconds an answer may take; a callback without a parameter ``error`` then
        gets an error or None first.
    :raises RuntimeError: outside a handler.
    :raises ValueError: a reserved event name.
    :raises TypeError: arguments that cannot be sent.
    """
    current = current_event()
    if to is None:
        to = room
        if to is None and not broadcast:
            to = current.default_target
    if callback is None and except_ is None and skip_sid is None and include_self \
            and namespace is None and timeout is None:
        # What handlers do most, without a detour.
        socket = current.socket
        namespace = current.nsp
        if socket is not None and to is socket.sid and not volatile \
                and namespace == socket.namespace.name:
            packets = socket.namespace.packets(event, flat(args))
            runtime = current.server.runtime
            if runtime.here():
                socket.send(packets)
            else:
                runtime.post(socket.send, packets)
        else:
            current.server.emit_to(None if to is None else as_rooms(to), (), namespace, event,
                                   flat(args), volatile, local)
        return
    if not include_self and current.socket is not None:
        skip_sid = (*as_rooms(skip_sid, 'skip_sid'), current.sid)
    current.server.emit_args(event, flat(args), to, skip_sid, namespace or current.nsp,
                             callback, except_, volatile, local, timeout)


def send(message: Any, json: bool = False, namespace: str | None = None,
         callback: Callable[..., Any] | None = None, broadcast: bool = False, to: Any = None,
         room: Any = None, include_self: bool = True, skip_sid: Any = None,
         ignore_queue: bool = False, **options: Any) -> None:
    """Send a ``message`` event (``json`` with ``json=True``); see :func:`emit`."""
    emit('json' if json else 'message', message, namespace=namespace, callback=callback,
         broadcast=broadcast, to=to, room=room, include_self=include_self, skip_sid=skip_sid,
         **options)


def call(event: Any, *args: Any, namespace: str | None = None, to: str | None = None,
         room: str | None = None, timeout: float | None = 60, ignore_queue: bool = False) -> Any:
    """Send an event to one client, by default the one at hand, and wait for its answer.

    Returns None, the value, or a tuple of several.

    :param timeout: seconds the answer may take; None waits as long as the client is there.
    :raises geventio.errors.TimeoutError: no answer in time.
    :raises geventio.errors.NotConnectedError: the client is gone, or its connect handler has not
        accepted it yet.
    """
    current = current_event()
    target = to if to is not None else room if room is not None else current.sid
    return current.server.call(event, flat(args), to=target, namespace=namespace or current.nsp,
                               timeout=timeout)


def join_room(room: Any, sid: str | None = None, namespace: str | None = None) -> None:
    """Put the client at hand (or ``sid``) into a room.

    :raises ValueError: the room is another client's own.
    :raises geventio.errors.NotConnectedError: ``sid`` is not there.
    """
    current = current_event()
    socket = current.socket
    if sid is None and namespace is None and socket is not None:
        socket.client.server.runtime.ask(socket.namespace.rooms.join, socket, as_room(room))
    else:
        current.server.enter_room(sid or current.sid, room, namespace or current.nsp)


def leave_room(room: Any, sid: str | None = None, namespace: str | None = None) -> None:
    """Take the client at hand (or ``sid``) out of a room; nothing happens if it is not there."""
    current = current_event()
    socket = current.socket
    if sid is None and namespace is None and socket is not None:
        socket.client.server.runtime.ask(socket.namespace.rooms.leave, socket, as_room(room))
    else:
        current.server.leave_room(sid or current.sid, room, namespace or current.nsp)


def close_room(room: Any, namespace: str | None = None) -> None:
    """Take everybody out of a room."""
    current = current_event()
    current.server.close_room(room, namespace or current.nsp)


def rooms(sid: str | None = None, namespace: str | None = None) -> list[Any]:
    """The rooms of the client at hand (or ``sid``), its own among them; none if it is not there."""
    current = current_event()
    return current.server.rooms(sid or current.sid, namespace or current.nsp)


def disconnect(sid: str | None = None, namespace: str | None = None, silent: bool = False
               ) -> None:
    """Disconnect the client at hand (or ``sid``) from the namespace.

    :param silent: ignored; for compatibility.
    """
    current = current_event()
    current.server.disconnect(sid or current.sid, namespace or current.nsp)


def room_members(room: Any, namespace: str | None = None) -> list[str]:
    """The ids of the clients in a room (or in any of a list of rooms)."""
    current = current_event()
    return current.server.room_members(room, namespace or current.nsp)


def start_client_task(target: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
    """Run a function in a greenlet that is killed when the client at hand leaves.

    It has the context of the client: ``request``, ``session``, and ``emit`` that reaches it.
    """
    return start_for_client(current_event(), target, *args, **kwargs)

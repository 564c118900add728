"""What the state machines ask of the world: queueing output, starting handlers, timers.

The one implementation for production is ``serving.runtime``; tests may bring their own. Only
interfaces live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from ..protocol.socketio import Encoded

if TYPE_CHECKING:
    from .event import Event
    from .parcel import Parcel
    from .socket import Socket


class Encoding(Protocol):
    """How one kind of transport wants packets: frames, or items of a payload.

    :ivar rewrite: for dialects with packets of their own: makes one of Engine.IO's, or ``''`` of
        what the dialect cannot say; None for those that carry Engine.IO's.
    """

    rewrite: Callable[[Encoded], str] | None

    def text(self, packet: str) -> Any:
        """One text packet (with its type digit) as an item for the transport's queue."""

    def pack(self, packets: list[str | bytes]) -> Any:
        """Packets that belong together (text and attachments) as one item."""


class DialectEncoding(Encoding, Protocol):
    """An encoding whose dialect has packets of its own."""

    def wrap(self, packet: str) -> Any:
        """One of the dialect's own packets as an item; of ``''`` an item that is nothing."""


class Transport(Protocol):
    """One way to a client. ``out`` is what waits to be written in this loop turn.

    ``out`` is None or a list of items; a transport that does more than wait on arrival keeps an
    object with ``append`` there for good.
    """

    name: str
    encoding: Encoding
    out: Any

    def writable(self) -> bool:
        """Whether a packet would leave at once (volatile packets are dropped otherwise)."""

    def close(self, code: int | None, reason: str) -> None:
        """Say goodbye in the transport's way and release everything; never blocks."""


class Entry(Protocol):
    """What the coarse timer wheel holds: sessions and one-off deadlines."""

    bucket: dict[Any, None] | None

    def tick(self, now: float) -> float | None:
        """Called when due; returns the seconds until the next call, or None for no more."""


class Job(Protocol):
    """Work for a pooled greenlet."""

    def run(self) -> None: ...


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class Waiter(Protocol):
    """A result one greenlet waits for."""

    def set(self, value: Any) -> None: ...

    def get(self, timeout: float | None) -> Any:
        """Return the value; raises geventio.errors.TimeoutError."""


class Runtime(Protocol):
    """The loop as the core sees it. Every method but ``ask`` returns at once."""

    def here(self) -> bool:
        """Whether the calling thread is the loop's; everything below but ``post``, ``ask`` and
        ``waiter`` is for that thread alone."""

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function in the loop soon; from any thread, in the order of that thread."""

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """What a function returns or raises in the loop's thread; from any thread."""

    def push(self, transport: Any, item: Any) -> None:
        """Queue an item for a transport; it leaves at the end of the loop turn."""

    def push_many(self, sockets: Iterable[Socket], parcel: Parcel) -> None:
        """Queue a parcel for many sockets, encoded once per encoding."""

    def start(self, job: Job) -> None:
        """Run ``job.run()`` in a pooled greenlet, at once when called from the loop."""

    def line_up(self, event: Event) -> None:
        """Run an event in a pooled greenlet before the loop reads again, unless it is ``held()``
        when its turn comes; one that has not ended when others get theirs is told so by
        ``waits()``. For callers in the loop."""

    def catch_up(self) -> None:
        """Begin whatever was lined up, before anything else happens; in a greenlet, nothing."""

    def spread(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function in the loop: at once, or in a later turn if many are asked for."""

    def now(self) -> float:
        """Monotonic seconds."""

    def schedule(self, entry: Entry, delay: float) -> None:
        """Have ``entry.tick(now)`` called after ``delay`` seconds (coarse)."""

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Cancellable:
        """Call back in the loop after ``delay`` seconds (exact)."""

    def waiter(self) -> Waiter:
        """A result for the calling greenlet or thread."""

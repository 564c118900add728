"""What a test client receives: events it can answer, and its own handlers at work on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from ...core.event import FATAL
from ...errors import ProtocolError
from ...protocol.socketio import ACK, Encoded, Packet
from .stage import awaits
from .wire import Wire

if TYPE_CHECKING:
    from .client import SocketIOTestClient


class Received(dict[str, Any]):
    """An event from the server: ``name``, ``args`` and ``namespace``; equal to such a dict.

    ``args`` is a list, for ``message`` and ``json`` the one value itself.
    """

    __slots__ = ('_client', '_id', '_socket', '_wire')

    def __init__(self, client: SocketIOTestClient, wire: Wire, packet: Packet) -> None:
        name, *args = packet.data
        plain = name in ('message', 'json')
        super().__init__(name=name, args=(args[0] if args else None) if plain else args,
                         namespace=packet.nsp)
        self._client = client
        self._wire = wire
        self._socket = wire.core.sockets.get(packet.nsp)
        self._id = packet.id

    @property
    def wants_ack(self) -> bool:
        """Whether the server waits for an answer."""
        return self._id is not None and awaits(self._socket, self._id)

    def ack(self, *values: Any) -> None:
        """Answer the server, and wait until the handlers that wanted to know have ended.

        :raises RuntimeError: the server did not ask, or has the answer.
        :raises NotConnectedError: the client has left the namespace.
        """
        if self._id is None:
            raise RuntimeError(f'the server did not ask for an answer to {self["name"]!r}, or has '
                               'it: only emit() with callback=, and call(), want one')
        self._client.answer(self, values)

    def answer(self, values: Sequence[Any]) -> Encoded:
        """The packets of an answer; none if none is wanted (any more)."""
        id, self._id = self._id, None
        return [] if id is None else self._wire.encode(ACK, self['namespace'], id, list(values))


class Reaction:
    """A handler of the test client at work on an event: a job for the server's workers.

    :param failed: gets what the handler raises.
    :ivar greenlet: where it runs.
    :ivar waiting: whether it waits for the end of something it has caused.
    """

    __slots__ = ('_args', '_failed', '_handler', '_received', '_wire', 'greenlet', 'waiting')

    def __init__(self, wire: Wire, handler: Callable[..., Any], received: Received,
                 args: list[Any], failed: Callable[[BaseException], None]) -> None:
        self._wire = wire
        self._handler = handler
        self._received = received
        self._args = args
        self._failed = failed
        self.greenlet: Any = None
        self.waiting = False

    def start(self) -> None:
        """Run soon, and be waited for from now on."""
        self._wire.stage.reactions.add(self)
        runtime = self._wire.runtime
        runtime.loop.run_callback(runtime.start, self)

    def run(self) -> None:
        self.greenlet = getcurrent()
        packets: Encoded = []
        try:
            result = self._handler(*self._args)
            packets = self._received.answer(
                () if result is None else result if isinstance(result, tuple) else (result,))
        except FATAL:
            raise
        except BaseException as error:
            self._failed(error)
        finally:
            self._wire.runtime.loop.run_callback(self._end, packets)

    def _end(self, packets: Encoded) -> None:
        stage = self._wire.stage
        try:
            self._wire.send(packets)
        except ProtocolError as error:
            self._failed(error)
        finally:
            stage.reactions.discard(self)
            stage.changed()

"""The doors of the dialects that have URLs of their own: which are open, and who goes through.

What a door says a request is to get is carried out here, in the loop, over an exchange: whoever
parsed the request. What dialects mean lives in ``dialects``, how they are carried in
``transports``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from ..config import ENGINE_DIALECTS
from ..core.engine import Engine
from ..core.session import GONE
from ..dialects import plain, sio06, sio09, sockjs, sse
from ..dialects.door import TEXT, Door, Hold, Replay, Reply, Stream, Upgrade
from ..errors import HTTPError, ProtocolError
from ..transports.hixie import HixieTransport
from ..transports.holding import HeldTransport
from ..transports.replaying import ReplayTransport
from ..transports.websocket import WebSocketTransport
from . import drafts
from .exchange import Exchange

log = logging.getLogger('geventio')

#: Versions of WebSocket that doors take besides the drafts before RFC 6455.
_VERSIONS = ('13', '8')

#: Dialect -> its door. The order is that in which they are asked for a path.
DOORS: dict[str, Callable[[Engine], Door]] = {
    'sio09': sio09.Sio09Door,
    'sio06': sio06.Sio06Door,
    'websocket': plain.WebSocketDoor,
    'sockjs': sockjs.SockJSDoor,
    'sse': sse.EventStreamDoor,
}


class Doors:
    """The open doors of one server.

    :param gateway: serves the server's own path.
    """

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway
        self._config = gateway.config
        wanted = set(self._config.dialects) - set(ENGINE_DIALECTS)
        self._doors = [make(gateway.engine) for name, make in DOORS.items() if name in wanted]

    def __bool__(self) -> bool:
        return bool(self._doors)

    def find(self, path: str) -> Door | None:
        """The door a path belongs to."""
        for door in self._doors:
            if door.claims(path):
                return door
        return None

    def admit(self, exchange: Exchange, door: Door) -> bool:
        """Check a request's Origin and method; False when it was answered."""
        origins = self._gateway.origins
        origin = door.origin(exchange)
        if origin is not None and not origins.allow(origin, exchange):
            exchange.reply(*door.foreign(exchange))
            return False
        exchange.extra += origins.headers(origin)
        if exchange.method == 'OPTIONS':
            exchange.reply(*door.preflight(exchange, origins.preflight(exchange.headers)))
            return False
        if exchange.method not in ('GET', 'POST', 'HEAD'):
            exchange.reply(405, [('Allow', 'GET, POST, OPTIONS')], b'')
            return False
        return True

    def serve(self, exchange: Exchange, door: Door, body: bytes | None) -> None:
        """Serve an admitted request. Runs in the loop.

        :param body: that of a POST, otherwise None.
        """
        try:
            outcome = door.enter(exchange, body)
        except HTTPError as error:
            self._refuse(exchange, error)
        except ProtocolError as error:
            log.info('parse error: %s', error)
            exchange.reply(400, [TEXT], str(error).encode())
        else:
            _ACTS[outcome.__class__](self, exchange, outcome)

    def _refuse(self, exchange: Exchange, error: HTTPError) -> None:
        headers = [TEXT, ('Retry-After', '5')] if error.status == 503 else [TEXT]
        exchange.reply(error.status, headers, error.reason.encode())

    # -- outcomes -----------------------------------------------------------------------------

    def _reply(self, exchange: Exchange, outcome: Reply) -> None:
        exchange.reply(*outcome)

    def _hold(self, exchange: Exchange, outcome: Hold) -> None:
        session = outcome.session
        held = self._held(session)
        held.hold(exchange, outcome.answer)
        if session.transport is GONE:
            self._begin(session, held)

    def _held(self, session: Any) -> HeldTransport:
        """What carries a session between HTTP requests; a response that went on is over."""
        if session.held is None:
            session.held = HeldTransport(session, self._gateway.engine.runtime,
                                         self._config.max_outbox_size)
        held: HeldTransport = session.held
        if session.transport is not held and session.transport is not GONE:
            session.park()
        return held

    def _begin(self, session: Any, transport: Any) -> None:
        session.begin(transport)
        session.upper = self._gateway.engine.make_upper(session)
        session.upper.opened()

    def _stream(self, exchange: Exchange, outcome: Stream) -> None:
        session, form = outcome.session, outcome.form
        self._held(session)  # for when the response is over
        budget = self._config.response_limit if form.limited else None
        transport = exchange.stream(session, form, outcome.prelude, budget)
        self._carry(session, transport)

    def _carry(self, session: Any, transport: Any) -> None:
        """Have a response that goes on, or a WebSocket, carry a session from now on."""
        if session.transport is GONE:
            self._begin(session, transport)
            return
        held = self._held(session)
        held.release()
        session.switch(transport)
        for packet in held.out.take():
            session.write(packet)

    def _replay(self, exchange: Exchange, outcome: Replay) -> None:
        session, form = outcome.session, outcome.form
        if outcome.after is not None:
            session.held.attach(exchange, form, outcome.after)
            return
        session.held = ReplayTransport(session, self._gateway.engine.runtime,
                                       self._config.sse_replay_size)
        session.held.ask(exchange, form)
        self._begin(session, session.held)

    def _upgrade(self, exchange: Exchange, outcome: Upgrade) -> None:
        agreed: Any = self._agree(exchange, outcome)
        if agreed is None:
            return
        if outcome.opens and self._gateway.engine.full():
            self._refuse(exchange, HTTPError(503, 'Too many connections'))
            return
        exchange.upgrade(agreed, partial(self._websocket, outcome))

    def _agree(self, exchange: Exchange, outcome: Upgrade) -> Any:
        """Check the handshake of a WebSocket; None when it was refused, and answered."""
        if outcome.old_frames is not None:
            try:
                draft = drafts.agree(exchange)
            except HTTPError as error:
                return self._refuse(exchange, error)
            if draft is not None:
                return draft
        agreed = self._gateway.shake(exchange, False, _VERSIONS)
        if agreed is not None and outcome.protocol is not None:
            agreed.extra.append(('Sec-WebSocket-Protocol', outcome.protocol))
        return agreed

    def _websocket(self, outcome: Upgrade, agreed: Any, sock: Any, early: bytes,
                   head: bytes = b'', watcher: Any = None) -> WebSocketTransport:
        """Take an agreed WebSocket over; the parameters are those of ``Gateway.websocket``."""
        if isinstance(agreed, drafts.Draft):
            return self._draft(outcome, agreed, sock, early, head, watcher)
        transport: WebSocketTransport = self._gateway.transport(
            agreed.deflated, outcome.frames, sock, head, watcher)
        self._join(outcome, transport)
        transport.start(early)
        return transport

    def _draft(self, outcome: Upgrade, agreed: drafts.Draft, sock: Any, early: bytes, head: bytes,
               watcher: Any) -> WebSocketTransport:
        """The same for a WebSocket of a draft."""
        config, runtime = self._config, self._gateway.engine.runtime
        transport = HixieTransport(sock, runtime, outcome.old_frames, agreed.number,
                                   config.max_http_buffer_size, config.max_outbox_size, watcher)
        if head:
            runtime.push(transport, head)
        join = partial(self._join, outcome, transport)
        if agreed.number == 76:
            transport.challenge(agreed.keys, join)
        else:
            join()
        transport.start(early)
        return transport

    def _join(self, outcome: Upgrade, transport: Any) -> None:
        """Have a WebSocket carry its session, or turn it away."""
        try:
            session = outcome.open()
        except HTTPError as error:  # things have changed while the server made way
            transport.close(1013, error.reason)
            return
        if isinstance(session, str):
            self._gateway.engine.runtime.push(transport, transport.encoding.wrap(session))
            transport.close(1000, '')
            return
        transport.session = session
        self._carry(session, transport)


_ACTS: dict[type, Callable[[Doors, Exchange, Any], None]] = {
    Reply: Doors._reply, Hold: Doors._hold, Stream: Doors._stream,
    Replay: Doors._replay, Upgrade: Doors._upgrade}


class Reading:
    """Takes the body of a POST for a door, in the place of a transport."""

    __slots__ = ('_door', '_doors')

    def __init__(self, doors: Doors, door: Door) -> None:
        self._doors = doors
        self._door = door

    def begin_post(self, exchange: Exchange) -> bool:
        return True

    def refuse_post(self, exchange: Exchange, status: int) -> None:
        exchange.fail(status)

    def post(self, exchange: Exchange, body: bytes, binary: bool) -> None:
        self._doors.serve(exchange, self._door, body)

"""Socket.IO protocol revision 1, spoken by clients 0.7 to 0.9: URLs, handshake, endpoints, acks.

``GET /socket.io/1/`` is the handshake. It is answered with the session id once the connect handler
of ``/`` has let the client in, and with 403 if it has not. The transport that follows is chosen by
the client; what waited, ``1::`` first, leaves over it. Endpoints are namespaces that share the
connection and the id. The packets themselves live in ``protocol.sio09``.

Source: ``socket.io-spec`` revision 1, and what server and client 0.9.17 do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from ..core.client import CLIENT_LEAVES
from ..core.session import FORCED_SERVER_CLOSE, PARSE_ERROR, TRANSPORT_CLOSE
from ..core.socket import Socket
from ..errors import HTTPError, ProtocolError
from ..protocol import hixie, sio09, socketio
from ..protocol.http import parse_query
from ..protocol.sio09 import Packet, decode, encode_payload, event_of, rewrite
from ..protocol.websocket import text_frame
from .door import NO_STORE, TEXT, Door, Hold, Outcome, Reply, Request, Stream, StreamForm, Upgrade
from .older import Framed, OlderClient, OlderSession, Texts

#: Seconds within which a handshake has to be followed by a transport.
HANDSHAKE_TIMEOUT = 30.0

UNAUTHORIZED = 'handshake unauthorized'
BAD_ORIGIN = 'handshake bad origin'
ERROR = 'handshake error'

NOOP = '8::'
GOODBYE = '0::'
#: "reconnect", for no reason that the protocol has a number for.
START_ANEW = '7:::+0'

SCRIPT = ('Content-Type', 'application/javascript')
POLLED_SCRIPT = [('Content-Type', 'text/javascript; charset=UTF-8'), NO_STORE,
                 ('X-XSS-Protection', '0')]
PAGE = [('Content-Type', 'text/html; charset=UTF-8'), NO_STORE]
#: For browsers that take an answer that quotes a request for an attack.
TRUSTED = ('X-XSS-Protection', '0')

# The life of a session up to its first transport.
ASKED, REFUSED, ADMITTED, USED = range(4)

_starts_with_number = re.compile(r'[0-9]+(?:/|\Z)').match


class Client1(OlderClient):
    """One client of Socket.IO protocol 1.

    Being put out of ``/`` ends its connection, as ``0::`` has no other meaning to it.
    """

    __slots__ = ()

    def receive_text(self, packet: str) -> None:
        """One packet; what nothing handles is ignored.

        :raises ProtocolError: too many namespaces.
        """
        found = decode(packet, loads_at=self.server.parser.loads_at)
        if found is None:
            return
        kind, nsp = found.type, found.endpoint or '/'
        if sio09.MESSAGE <= kind <= sio09.EVENT:
            self._event_packet(found, nsp, len(packet))
        elif kind == sio09.ACK:
            socket = self.sockets.get(nsp)
            if socket is not None:
                socket.acknowledged(found.id, found.data)  # type: ignore[arg-type]
        elif kind == sio09.HEARTBEAT:
            self.session.pong()
        elif kind == sio09.CONNECT:
            self._join(found, nsp)
        elif kind == sio09.DISCONNECT:
            self._leave(nsp)

    def _event_packet(self, packet: Packet, nsp: str, size: int) -> None:
        if nsp not in self.sockets:
            return
        id = packet.id
        if id is not None and not packet.data_ack:  # a receipt is asked for, not an answer
            self.session.write(f'6::{packet.endpoint}:{id}')  # type: ignore[attr-defined]
            id = None
        self.deliver(nsp, event_of(packet), id, size)

    def _join(self, packet: Packet, nsp: str) -> None:
        if nsp in self.sockets:
            return
        if nsp[0] != '/' or ',' in nsp:  # no namespace can be called so
            self.session.write(f'7::{nsp}:2')  # type: ignore[attr-defined]
            return
        try:
            auth = parse_query(packet.data, single=()) if packet.data else None
        except HTTPError as error:
            raise ProtocolError(error.reason) from None
        self.connect(nsp, auth)

    def _leave(self, nsp: str) -> None:
        for name in list(self.sockets) if nsp == '/' else [nsp]:
            socket = self.sockets.get(name)
            if socket is not None:
                socket.namespace.gone(socket, CLIENT_LEAVES)
        if nsp == '/':
            self.session.end(TRANSPORT_CLOSE)

    def new_sid(self, nsp: str) -> str:
        """Clients of this generation know one id, that of the session, for every endpoint."""
        return self.session.sid

    def accepted(self, socket: Socket) -> None:
        if socket is self.root:
            self.session.stage = ADMITTED  # type: ignore[attr-defined]
        super().accepted(socket)

    def refuse(self, nsp: str, payload: dict[str, Any]) -> None:
        if nsp == '/':
            self.session.stage = REFUSED  # type: ignore[attr-defined]
            self.session.end(FORCED_SERVER_CLOSE)
        else:
            super().refuse(nsp, payload)

    def forget(self, socket: Socket) -> None:
        is_root = socket is self.root
        super().forget(socket)
        if is_root and self.session.closed is None:  # what is to be said is said in this turn
            self.server.runtime.post(self.session.end, FORCED_SERVER_CLOSE)

    def close(self, reason: str = PARSE_ERROR) -> None:
        if reason == FORCED_SERVER_CLOSE and self.root is not None:
            self.send_packet(socketio.DISCONNECT, '/', None)
        super().close(reason)


class Session1(OlderSession):
    """A session of Socket.IO protocol 1; it begins with the handshake.

    :ivar door: where it came in.
    :ivar stage: how far it has come: ASKED, REFUSED, ADMITTED or USED.
    """

    __slots__ = ('door', 'stage')

    dialect = 'Socket.IO 0.9'
    client_class = Client1
    texts = Texts(rewrite)
    delay = 60.0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.stage = ASKED

    def batch(self, packets: list[str]) -> int:
        """Nothing leaves in the answer to the handshake."""
        return len(packets) if self.stage == USED else 0

    def unsaid(self, packets: list[str]) -> None:
        """Keep the last words of the server for the next poll."""
        if packets and self.closed == FORCED_SERVER_CLOSE:
            last_words = self.door.last_words
            last_words[self.sid] = packets
            engine = self.engine
            engine.runtime.call_later(engine.config.close_timeout, last_words.pop, self.sid, None)

    def aborted(self) -> None:
        if self.stage != USED:  # nobody knows its id
            self.end(TRANSPORT_CLOSE)

    @property
    def pause(self) -> float:
        return super().pause if self.stage == USED else HANDSHAKE_TIMEOUT

    def beat(self) -> bool:
        self.write('2::')
        return True


class Sio09Door(Door):
    """The URLs below the server's own path that go on with a number."""

    frames = Framed(rewrite, text_frame)
    old_frames = Framed(rewrite, hixie.text_frame)
    page = StreamForm(rewrite, sio09.htmlfile_chunk, PAGE)

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        config = self.config
        self._prefix = config.engine_path
        #: Id of a session the server has ended -> packets that wait for one more poll.
        self.last_words: dict[str, list[str]] = {}
        transports = []
        if 'websocket' in config.transports:
            transports.append('websocket')
            if config.flash_policy_port is not None:
                transports.append('flashsocket')
        if 'polling' in config.transports:
            transports += ['htmlfile', 'xhr-polling', 'jsonp-polling']
        self._transports = transports
        # Whoever hears nothing for the close timeout gives up: it must not be shorter than
        # what the server may be silent.
        heartbeat = config.ping_interval + config.ping_timeout
        pause = Session1.delay if config.disconnect_delay is None else config.disconnect_delay
        close = max(pause, heartbeat, config.polling_duration + config.ping_timeout)
        self._timeouts = math.ceil(heartbeat), math.ceil(close)

    def claims(self, path: str) -> bool:
        prefix = self._prefix
        return path.startswith(prefix) and _starts_with_number(path, len(prefix)) is not None

    def enter(self, request: Request, body: bytes | None) -> Outcome:
        if request.method == 'HEAD':
            raise HTTPError(405, 'GET or POST')
        version, *rest = request.path[len(self._prefix):].rstrip('/').split('/')
        if version != '1':
            return Reply(500, [TEXT], b'Protocol version not supported.')
        if not rest:
            return self._shake(request)
        if len(rest) != 2:
            raise HTTPError(404, 'no such URL')
        transport, sid = rest
        session = self.engine.sessions.get(sid)
        if not isinstance(session, Session1) or session.stage < ADMITTED:
            session = None
        if 'disconnect' in request.query:
            if session is not None:
                session.end(TRANSPORT_CLOSE)
            return Reply(200, [TEXT])
        if transport in ('websocket', 'flashsocket'):
            self.allow('websocket')
            return self._websocket(sid, session)
        if transport not in _ANSWERS:
            raise HTTPError(404, 'unknown transport')
        self.allow('polling')
        if body is not None:
            return self._post(request, transport, session, body)
        answer = _ANSWERS[transport](request)
        if session is None:
            return answer(self.last_words.pop(sid, [sio09.RECONNECT]))
        session.stage = USED
        if transport == 'htmlfile':
            return Stream(session, self.page, sio09.HTMLFILE_HEAD.encode())
        return Hold(session, answer)

    def foreign(self, request: Request) -> Reply:
        if request.path[len(self._prefix):].strip('/').isdigit():
            return _refusal(request, 403, BAD_ORIGIN)
        return super().foreign(request)

    # -- handshake ----------------------------------------------------------------------------

    def _shake(self, request: Request) -> Outcome:
        if request.method != 'GET':
            raise HTTPError(405, 'a handshake is a GET')
        try:
            session = self.open(Session1, request)
        except HTTPError as error:
            if _callback(request) is None:
                raise
            return _refusal(request, error.status, error.reason)
        session.door = self
        return Hold(session, partial(self._shaken, request, session))

    def _shaken(self, request: Request, session: Session1, packets: list[str]) -> Reply:
        """The answer to a handshake: its client was let in or not, or it took too long."""
        if session.stage == REFUSED:
            return _refusal(request, 403, UNAUTHORIZED)
        if session.stage == ASKED or session.closed is not None:
            self.engine.runtime.post(session.end, TRANSPORT_CLOSE)
            return _refusal(request, 500, ERROR)
        line = sio09.handshake_body(session.sid, *self._timeouts, self._transports)
        index = _callback(request)
        if index is not None:
            return Reply(200, [SCRIPT, NO_STORE], sio09.jsonp_body(index, line))
        return Reply(200, [TEXT, NO_STORE], line.encode())

    # -- transports ---------------------------------------------------------------------------

    def _websocket(self, sid: str, session: Session1 | None) -> Upgrade:
        def find() -> Session1 | str:
            if session is None or session.closed is not None:
                return GOODBYE if self.last_words.pop(sid, None) else sio09.RECONNECT
            session.stage = USED
            return session

        return Upgrade(find, self.frames, old_frames=self.old_frames, opens=False)

    def _post(self, request: Request, transport: str, session: Session1 | None, body: bytes
              ) -> Reply:
        if session is not None:
            if transport == 'jsonp-polling':
                try:
                    packets = sio09.decode_form(body)
                except ProtocolError:
                    session.write(START_ANEW)
                    session.end(PARSE_ERROR)
                    raise
            else:
                packets = sio09.decode_payload(body)
            for packet in packets:
                session.receive(packet)
        return Reply(200, [TEXT, TRUSTED] if 'origin' in request.headers else [TEXT], b'1')


def _callback(request: Request) -> str | None:
    """The number of the function that a handshake is to be handed to."""
    index = request.query.get('jsonp', '')
    return index if index.isascii() and index.isdigit() else None


def _refusal(request: Request, status: int, message: str) -> Reply:
    """The answer to a handshake that failed; scripts do not see their status."""
    index = _callback(request)
    if index is not None:
        return Reply(200, [SCRIPT], sio09.jsonp_error(index, message))
    return Reply(status, [TEXT], message.encode())


# -- what polls are answered with ---------------------------------------------------------------


def _text(request: Request) -> Callable[[list[str]], Reply]:
    return lambda packets: Reply(200, [TEXT, NO_STORE], encode_payload(packets or [NOOP]))


def _script(request: Request) -> Callable[[list[str]], Reply]:
    index = request.query.get('i', '')
    return lambda packets: Reply(200, POLLED_SCRIPT, sio09.jsonp_body(
        index, encode_payload(packets or [NOOP]).decode()))


def _page(request: Request) -> Callable[[list[str]], Reply]:
    return lambda packets: Reply(200, PAGE, sio09.HTMLFILE_HEAD.encode() + b''.join(
        [sio09.htmlfile_chunk(packet) for packet in packets]))


_ANSWERS = {'xhr-polling': _text, 'jsonp-polling': _script, 'htmlfile': _page}

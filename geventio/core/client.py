"""A Socket.IO client over an engine session: which namespaces it has joined, what it sends.

Packets are told apart here and handed to the namespaces; half-received attachments are kept
here. Protocol 5 is written out, protocol 4 is a subclass in ``dialects``. Rooms and handlers
live in ``namespace``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..errors import ProtocolError
from ..protocol import socketio
from ..protocol.socketio import RESERVED, Packet
from .load import Load
from .session import FORCED_SERVER_CLOSE, OVERLOADED, PARSE_ERROR, Session
from .socket import Socket

if TYPE_CHECKING:
    from .server import SocketIOServer

log = logging.getLogger('geventio')

CLIENT_LEAVES = 'client namespace disconnect'


class Client:
    """One client of Socket.IO protocol 5.

    :ivar sockets: namespace -> Socket, joined or joining.
    :ivar root: the socket of ``/``, for the fast path.
    """

    #: Makes the sockets.
    socket_class: Any = Socket

    __slots__ = ('_attachments', '_left', '_partial', '_size', 'bucket', 'load', 'root',
                 'server', 'session', 'sockets')

    def __init__(self, server: SocketIOServer, session: Session) -> None:
        self.server = server
        self.session = session
        self.sockets: dict[str, Socket] = {}
        self.root: Socket | None = None
        self._partial: Packet | None = None
        self._attachments: list[bytes] | None = None
        self._size = 0
        self._left: set[str] | None = None
        self.bucket: dict[Any, None] | None = None
        self.load: Load | None = None

    def opened(self) -> None:
        """The handshake is answered: wait for a namespace to let the client in, for a while."""
        self.server.runtime.schedule(self, self.server.config.connect_timeout)

    def tick(self, now: float) -> float | None:
        """The time to join a namespace is up; a connect handler that still decides may go on."""
        if self.sockets:
            return self.server.config.connect_timeout
        self.session.end(FORCED_SERVER_CLOSE, 1008, 'no namespace joined in time')
        return None

    # -- the way in --------------------------------------------------------------------------

    def receive_text(self, packet: str) -> None:
        """One Socket.IO packet, behind the digit of the transport.

        :raises ProtocolError: the session ends with ``parse error``.
        """
        if self._partial is not None:
            raise ProtocolError('text while attachments are awaited')
        socket = self.root
        # The common case, an event on the main namespace, without a Packet object.
        if packet[1:2] == '2' and socket is not None and socket.connected:
            start = packet.find('[')
            if start == 2:
                id = None
            elif 2 < start < 18 and (digits := packet[2:start]).isdigit() and digits.isascii():
                id = int(digits)
            else:
                return self._receive(packet)
            data = self.server.parser.loads_at(packet, start)
            if data and (name := data[0]).__class__ is str and name not in RESERVED:
                socket.namespace.dispatch(socket, data, id, len(packet))
            else:
                self._event(socket, data, id, len(packet))
            return None
        if packet == '40':  # how every client begins
            return self.connect('/', None)
        return self._receive(packet)

    def _receive(self, text: str) -> None:
        packet = self.server.parser.decode(text)
        if packet.attachments:
            self._collect(packet)
        else:
            self.dispatch(packet, len(text))

    def receive_binary(self, data: bytes) -> None:
        """An attachment (or, with a binary parser, a packet)."""
        packet = self._partial
        if packet is None:
            decode = self.server.parser.decode_binary
            if decode is None:
                raise ProtocolError('binary data that no packet announced')
            return self.dispatch(decode(data), len(data))
        assert self._attachments is not None
        self._size += len(data)
        if self._size > self.server.config.max_http_buffer_size:
            raise ProtocolError('attachments larger than max_http_buffer_size')
        self._attachments.append(data)
        if packet.nsp not in self.sockets:
            self._attachments[-1] = b''  # keeps the count, not the bytes
        if len(self._attachments) == packet.attachments:
            attachments = self._attachments
            self._drop_partial()
            socketio.join_attachments(packet, attachments)
            self.dispatch(packet, self._size)
        return None

    def _collect(self, packet: Packet) -> None:
        socket = self.sockets.get(packet.nsp)
        if (socket is None or not socket.connected) and packet.nsp not in (self._left or ()):
            return self.not_joined(packet)
        self._partial = packet
        self._attachments = []
        self._size = 0
        return None

    def _drop_partial(self) -> None:
        self._partial = None
        self._attachments = None

    def dispatch(self, packet: Packet, size: int) -> None:
        """Act on a whole packet of ``size`` bytes."""
        kind = packet.type
        if kind == socketio.CONNECT:
            return self.connect(packet.nsp, packet.data)
        socket = self.sockets.get(packet.nsp)
        if socket is None:
            if self._left is not None and packet.nsp in self._left:
                return None  # sent before the client learned that it is out
            return self.not_joined(packet)
        if kind in (socketio.EVENT, socketio.BINARY_EVENT):
            if not socket.connected:
                return self.not_joined(packet)
            self._event(socket, packet.data, packet.id, size)
        elif kind in (socketio.ACK, socketio.BINARY_ACK):
            if packet.id is not None:
                socket.acknowledged(packet.id, packet.data)
        elif kind == socketio.DISCONNECT:
            socket.namespace.gone(socket, CLIENT_LEAVES)
        else:
            raise ProtocolError('CONNECT_ERROR from a client')
        return None

    def _event(self, socket: Socket, data: Any, id: int | None, size: int) -> None:
        if data is None:  # an event without a name: nobody can have asked for it
            return
        socketio.check_event(data)
        socket.namespace.dispatch(socket, data, id, size)

    # -- namespaces ---------------------------------------------------------------------------

    def connect(self, nsp: str, auth: Any) -> None:
        """CONNECT: ask to join a namespace."""
        if nsp in self.sockets:
            raise ProtocolError('a second CONNECT for the same namespace')
        if len(self.sockets) >= self.server.config.max_namespaces:
            raise ProtocolError('too many namespaces joined')
        namespace = self.server.find_namespace(nsp)
        if namespace is None:
            self.refuse(nsp, {'message': 'Invalid namespace'})
            return
        socket = self.socket_class(self.new_sid(nsp), self, namespace)
        self.sockets[nsp] = socket
        if nsp == '/':
            self.root = socket
        if self._left is not None:
            self._left.discard(nsp)
        namespace.connect(socket, auth)

    def _cancel_timeout(self) -> None:
        bucket = self.bucket
        if bucket is not None:
            bucket.pop(self, None)
            self.bucket = None

    def new_sid(self, nsp: str) -> str:
        """A fresh public id; the transport id stays secret."""
        return self.server.make_id()

    def send_packet(self, type: int, nsp: str, data: Any) -> None:
        """Send a packet of the connection itself, past every gate."""
        self.session.send(self.server.parser.encode(type, nsp, None, data))

    def accepted(self, socket: Socket) -> None:
        """Tell the client that it is in."""
        self._cancel_timeout()
        self.welcome(socket)

    def welcome(self, socket: Socket) -> None:
        """Answer CONNECT."""
        self.session.send(self.server.parser.welcome(socket.namespace.name, socket.sid))

    def refuse(self, nsp: str, payload: dict[str, Any]) -> None:
        """Tell the client that it is not.

        :param payload: ``message`` and perhaps ``data``.
        """
        self.send_packet(socketio.CONNECT_ERROR, nsp, payload)

    def not_joined(self, packet: Packet) -> None:
        """A packet for a namespace this client is not in."""
        raise ProtocolError(f'a packet for a namespace that is not joined: {packet.nsp[:80]}')

    def forget(self, socket: Socket) -> None:
        """The socket has left, or was refused."""
        nsp = socket.namespace.name
        if self.sockets.get(nsp) is socket:
            del self.sockets[nsp]
        if self.root is socket:
            self.root = None
        if self.session.closed is not None:
            return  # nothing comes from it any more
        if self._left is None or len(self._left) >= self.server.config.max_namespaces:
            self._left = set()
        self._left.add(nsp)

    # -- the session below --------------------------------------------------------------------

    def transport_changed(self, transport: Any) -> None:
        """The session moved to another transport."""
        for socket in self.sockets.values():
            if socket.connected:
                socket.transport = transport

    def closed(self, reason: str) -> None:
        """The session is over."""
        self._cancel_timeout()
        if self._partial is not None:
            self._drop_partial()
        for socket in list(self.sockets.values()):
            socket.namespace.gone(socket, reason)

    def handler_failed(self, error: BaseException) -> None:
        """A handler of this client raised what nothing took care of; it is logged already."""

    def overloaded(self) -> None:
        """More events wait for this client's handlers than may wait."""
        limit = self.server.config.max_waiting_size
        log.warning('a client was closed: more than %d bytes of events waited for its handlers '
                    '(max_waiting_size)', limit)
        self.session.end(OVERLOADED, 1008, 'too many events')

    def close(self, reason: str = PARSE_ERROR) -> None:
        """End the session below."""
        self.session.end(reason)

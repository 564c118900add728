"""The connection of a test client: a real session of the engine whose other end is in this process.

Everything below HTTP is what any client meets: codec, dispatcher, gate, rooms, acks, heartbeat.
What a test calls lives in ``testing``, who is waited for in ``stage``.
"""

from __future__ import annotations

from typing import Any

from flask.testing import EnvironBuilder
from gevent.hub import get_hub

from ...core.session import MESSAGE_TOO_BIG, PARSE_ERROR, Session
from ...core.socket import Gate
from ...dialects.eio4 import Session4
from ...errors import NotConnectedError, ProtocolError
from ...protocol.socketio import Encoded, Packet, join_attachments
from ...serving.handshake import WSGIHandshake
from ...serving.runtime import Runtime
from .stage import Stage, WireClient, waits_for_test


def bind(server: Any) -> Runtime:
    """Tie a server to the loop of the calling thread, without serving anybody else.

    :raises RuntimeError: it has clients on another loop.
    """
    runtime: Runtime | None = server.engine.runtime
    if runtime is None or runtime.hub is not get_hub():
        if server.engine.sessions:
            raise RuntimeError('this server has clients on the loop of another thread; a test '
                               'client has to be used in that thread, or a server of its own')
        runtime = Runtime.current(server.config)
        server.engine.bind(runtime)
    runtime.on_wait = _waits
    return runtime


def _waits(waiter: Any) -> None:
    """Somebody waits for an answer, which only the test can bring."""
    waits_for_test(lambda: not waiter.ready())


def handshake(app: Any, path: str, query_string: Any, headers: Any, flask_client: Any
              ) -> WSGIHandshake:
    """The request a test client comes with.

    :param query_string: a str, with or without the question mark, or a mapping; None for none.
    :param flask_client: the Flask test client whose cookies it brings, or None.
    """
    if isinstance(query_string, str):
        query_string = query_string.removeprefix('?')
    base = {'REMOTE_ADDR': '127.0.0.1'} if flask_client is None else flask_client.environ_base
    builder = EnvironBuilder(app, path=path, query_string=query_string or None, headers=headers,
                             environ_base=base)
    try:
        environ = builder.get_environ()
    finally:
        builder.close()
    if flask_client is not None:
        if hasattr(flask_client, '_add_cookies_to_wsgi'):
            flask_client._add_cookies_to_wsgi(environ)
        elif flask_client.cookie_jar is not None:  # Werkzeug before 2.3
            flask_client.cookie_jar.inject_wsgi(environ)
    return WSGIHandshake(environ)


class WireSession(Session4):
    """The session of a test client."""

    __slots__ = ()

    client_class = WireClient


class Wire:
    """What carries such a session: hands over packets as they are, at once.

    :param owner: the test client: ``take(packet)`` for each packet of Socket.IO, ``failed(error)``
        for what it cannot read, ``lost()`` at the end, and ``answers_pings``.
    :param server: the server, tied to the loop of this thread.
    :ivar runtime: that loop.
    :ivar stage: who is at work.
    :ivar encode: writes packets, as the server does.
    :ivar session: the session.
    :ivar core: the server's view of the client.
    """

    name = 'websocket'
    encoding = Gate.encoding
    sock = None  # there is nothing to close

    def __init__(self, owner: Any, server: Any) -> None:
        self.out = self
        self.runtime: Runtime = server.runtime
        self.stage = Stage.of(server)
        self.encode = server.parser.encode
        self._owner = owner
        self._server = server
        self.session: Session = None  # type: ignore[assignment]
        self.core: WireClient = None  # type: ignore[assignment]

    # -- the server's side --------------------------------------------------------------------

    def writable(self) -> bool:
        return True

    def append(self, packets: list[str | bytes]) -> None:
        """The server sends a packet, perhaps with attachments."""
        head = packets[0]
        if head.__class__ is str and head[0] != '4':
            if head == '2' and self._owner.answers_pings:
                self.runtime.loop.run_callback(self.send, '3')
            return
        try:
            packet = self._decode(packets)
        except ProtocolError as error:
            self._owner.failed(error)
        else:
            self._owner.take(packet)
        self.stage.changed()

    def _decode(self, packets: list[Any]) -> Packet:
        head = packets[0]
        if head.__class__ is not str:
            packet: Packet = self._server.parser.decode_binary(head)
            return packet
        packet = self._server.parser.decode(head)
        if packet.attachments:
            join_attachments(packet, [bytes(data) for data in packets[1:]])
        return packet

    def close(self, code: int | None, reason: str) -> None:
        """The session is over."""
        self._owner.lost()
        self.stage.changed()

    # -- the client's side, in the loop ---------------------------------------------------------

    @property
    def closed(self) -> bool:
        return self.session.closed is not None

    def open(self, handshake: Any) -> None:
        """Begin a session.

        :raises NotConnectedError: the server takes nobody.
        """
        engine = self._server.engine
        if engine.full():
            raise NotConnectedError('the server refuses the connection: it is stopping, or '
                                    'max_connections is reached')
        self.session = session = engine.open(WireSession, handshake)
        self._server.gateway.begin(session, self, False)
        self.core = session.upper  # type: ignore[assignment]
        self.core.failed = self._owner.failed

    def send(self, packets: Encoded) -> None:
        """Have the server receive a packet, perhaps with attachments.

        :raises ProtocolError: the server does not take it; the session has ended.
        """
        session = self.session
        limit = self._server.config.max_http_buffer_size
        try:
            for packet in [packets] if isinstance(packets, str) else packets:
                if session.closed is not None:
                    return
                if len(packet) > limit:
                    session.end(MESSAGE_TOO_BIG, 1009, f'message over {limit} bytes')
                    return
                session.receive(packet if isinstance(packet, str) else bytes(packet))
            self.runtime.catch_up()
        except ProtocolError:
            session.end(PARSE_ERROR)
            raise

    def used(self) -> bool:
        """Whether it is open and in a namespace, or on the way into one."""
        return not self.closed and bool(self.core.sockets)

    def close_unused(self) -> None:
        """Say goodbye if no namespace is left, as clients do."""
        if not self.closed and not self.core.sockets:
            self.send('1')

"""Clients without a network: a whole server, from its HTTP parser on, over sockets that are none.

Only the kernel is missing, so that what is measured is this package's work alone.
"""

from __future__ import annotations

import _socket
import os
from itertools import count

from gevent import socket

from geventio import Server
from geventio.serving.httpd import Server as HTTPServer

from .crowd_program import REQUEST
from .measuring import in_loop

_ports = count(1)


class Wire:
    """As much of a non-blocking socket as a connection uses; takes everything at once.

    :ivar send: ``len``, so that the measured path has no Python function of the test in it.
    """

    def __init__(self, fd):
        self._fd = fd
        self.send = len

    def fileno(self):
        return self._fd

    def shutdown(self, how):
        pass

    def close(self):
        pass


class Peer:
    """One client.

    :param request: the handshake it sends.
    :ivar wire: what the server writes to.
    :ivar socket: its Socket in ``/``.
    """

    def __init__(self, world, request=REQUEST):
        self.wire = Wire(world.fd)
        in_loop(self._connect, world, request)

    def _connect(self, world, request):
        engine = world.server.engine
        known = len(engine.sessions)
        before = set(world.http.connections)
        world.http.do_handle(self.wire, ('127.0.0.1', next(_ports)))
        (connection,) = world.http.connections - before
        connection.feed(request)
        assert len(engine.sessions) == known + 1
        self.session = next(reversed(engine.sessions.values()))
        self.session.receive('40')
        self.socket = self.session.upper.sockets['/']

    def says(self, packet, times=1):
        """Packets come from the client, and their handlers run. Runs in the loop."""
        for _ in range(times):
            self.session.receive(packet)
        self.session.engine.runtime.catch_up()

    def vanishes(self):
        """The connection ends. Runs in the loop."""
        if self.session.closed is None:
            self.session.transport.lost()


class Pair:
    """A client whose bytes go through a real pair of sockets, read by the loop as any others."""

    def __init__(self, world):
        mine, theirs = socket.socketpair()
        self._sock = mine
        wire = _socket.socket(theirs.family, theirs.type, theirs.proto, theirs.detach())
        wire.setblocking(False)
        world.http.do_handle(wire, ('127.0.0.1', next(_ports)))

    def ask(self, data):
        """Send bytes; what comes back first."""
        self._sock.sendall(data)
        return self._sock.recv(65536)

    def close(self):
        self._sock.close()


class World:
    """A server and its clients in this process.

    :param owner: a Server of geventio.
    :param app: the WSGI application, if it is not the owner.
    """

    def __init__(self, owner=None, app=None, peers=0):
        self.server = owner or Server()
        # Readiness of one pipe that never has anything stands for all wires.
        self.fd, self._end = os.pipe()
        self.http = HTTPServer(('127.0.0.1', 0), app or self.server, log=None, error_log=None)
        self.http.start()
        self.peers = []
        self.add(peers)

    @property
    def space(self):
        return self.server.namespace('/')

    def add(self, number):
        self.peers += [Peer(self) for _ in range(number)]

    def close(self):
        in_loop(lambda: [peer.vanishes() for peer in reversed(self.peers)])
        self.http.stop(timeout=0)
        os.close(self.fd)
        os.close(self._end)

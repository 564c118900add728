"""A Socket.IO client of protocol 5 over one WebSocket, which reads the packets by itself."""

from __future__ import annotations

import json
import re

import gevent

TIMEOUT = 5

_PACKET = re.compile(r'4(\d)(?:(\d+)-)?(?:(/[^,]*)(?:,|$))?(\d+)?(.*)', re.DOTALL)


class Refused(Exception):
    """CONNECT_ERROR; ``payload`` is what came with it."""

    def __init__(self, payload):
        super().__init__(payload)
        self.payload = payload


class Client:
    """One connection to a server under test.

    :param host: see the fixture ``host``.
    :ivar sids: namespace -> socket id.
    """

    def __init__(self, host, headers=(), **query):
        self.host = host
        self.ws = host.websocket(headers, EIO='4', transport='websocket', **query)
        self.engine_sid = json.loads(self.ws.receive()[1:])['sid']
        self.sids = {}
        self._ids = 0

    @property
    def sid(self):
        return self.sids['/']

    # -- out ------------------------------------------------------------------------------------

    def _send(self, kind, nsp, id='', data=None):
        head = '' if nsp == '/' else nsp + ','
        body = '' if data is None else json.dumps(data)
        self.ws.send(f'4{kind}{head}{id}{body}')

    def ask_in(self, nsp='/', auth=None):
        """Send CONNECT and do not wait."""
        self._send(0, nsp, data=auth)

    def connect(self, nsp='/', auth=None):
        """Join a namespace; returns the socket id.

        :raises Refused: the server said no.
        """
        self.ask_in(nsp, auth)
        kind, where, _, data = self.packet()
        assert where == nsp
        if kind == 4:
            raise Refused(data)
        assert kind == 0
        self.sids[nsp] = data['sid']
        return data['sid']

    def emit(self, event, *args, nsp='/'):
        self._send(2, nsp, data=[event, *args])

    def call(self, event, *args, nsp='/'):
        """Emit and wait for the answer, which must be the next packet; its values."""
        self._ids += 1
        self._send(2, nsp, self._ids, [event, *args])
        kind, where, id, data = self.packet()
        assert (kind, where, id) == (3, nsp, self._ids), (kind, where, id, data)
        return data

    def answer(self, id, *values, nsp='/'):
        self._send(3, nsp, id, list(values))

    def leave(self, nsp='/'):
        self._send(1, nsp)

    def close(self):
        self.ws.close()

    # -- in -------------------------------------------------------------------------------------

    def frame(self):
        """The next message of the transport; heartbeats are answered."""
        while True:
            data = self.ws.receive()
            if data == '2':
                self.ws.send('3')
            else:
                return data

    def packet(self):
        """The next packet as (type, namespace, id, data), attachments not put in place."""
        data = self.frame()
        assert data is not None, 'the connection has ended'
        kind, attachments, nsp, id, body = _PACKET.fullmatch(data).groups()
        for _ in range(int(attachments or 0)):
            self.frame()
        return (int(kind), nsp or '/', None if id is None else int(id),
                json.loads(body) if body else None)

    def event(self, nsp='/'):
        """The next packet, which must be an event; its name and arguments."""
        kind, where, _, data = self.packet()
        assert (kind, where) == (2, nsp), (kind, where, data)
        return data

    def question(self, nsp='/'):
        """The next packet, which must be an event that wants an answer: its id, name and args."""
        kind, where, id, data = self.packet()
        assert (kind, where) == (2, nsp) and id is not None
        return id, data

    def pending(self):
        """Every frame that is on its way to it now."""
        frames = []
        gevent.sleep(0)
        self.host.sessions[self.engine_sid].send('6')
        while (data := self.frame()) != '6':
            frames.append(data)
        return frames

    def ended(self):
        """Read until the server ends the connection; the messages that came before."""
        return self.ws.receive_until_closed()[0]



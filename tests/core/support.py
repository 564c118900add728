"""A server without a network or a clock: real sessions and clients over transports that are lists.

Nothing runs by itself: jobs run when they are started, or wait in ``Runtime.jobs`` when the test
wants to decide; time passes when the test says so.
"""

from __future__ import annotations

from contextvars import Context
from itertools import count

from geventio.adapters.memory import MemoryAdapter
from geventio.config import Config
from geventio.core.server import SocketIOServer, TextParser
from geventio.dialects.eio3 import Session3
from geventio.dialects.eio4 import Session4


class Timer:
    def __init__(self, due, callback, args):
        self.due = due
        self.callback = callback
        self.args = args
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


class Waiter:
    """``get`` does not wait: it does what the test prepared, which must bring the value."""

    def __init__(self, runtime):
        self._runtime = runtime
        self._values = []

    def set(self, value):
        self._values.append(value)

    def get(self, timeout):
        meanwhile, self._runtime.meanwhile = self._runtime.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        assert len(self._values) == 1, 'one result, set once'
        return self._values[0]


class Runtime:
    """Implements ``core.runtime.Runtime``.

    :ivar held: whether jobs wait in ``jobs`` until ``run_jobs``.
    :ivar meanwhile: what happens while the next blocking call waits.
    """

    def __init__(self):
        self.time = 1000.0
        self.held = False
        self.jobs = []
        self.timers = []
        self.meanwhile = None

    def here(self):
        return True

    def post(self, function, *args):
        function(*args)

    def ask(self, function, *args):
        return function(*args)

    def spread(self, function, *args):
        function(*args)

    def push(self, transport, item):
        transport.out.append(item)

    def push_many(self, sockets, parcel):
        for socket in sockets:
            self.push(socket.transport, parcel.item(socket.transport.encoding))

    def start(self, job):
        if self.held:
            self.jobs.append(job)
        else:
            Context().run(job.run)

    def line_up(self, event):
        self.start(event)
        event.waits()

    def catch_up(self):
        pass

    def run_jobs(self):
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            Context().run(job.run)

    def now(self):
        return self.time

    def schedule(self, entry, delay):
        entry.bucket = {entry: None}

    def call_later(self, delay, callback, *args):
        timer = Timer(self.time + delay, callback, args)
        self.timers.append(timer)
        return timer

    def pass_time(self, seconds):
        self.time += seconds
        for timer in sorted(self.timers, key=lambda timer: timer.due):
            if timer.due <= self.time and not timer.cancelled:
                self.timers.remove(timer)
                timer.callback(*timer.args)

    def open_timers(self):
        return [timer for timer in self.timers if not timer.cancelled]

    def waiter(self):
        return Waiter(self)


class Plain:
    """Packets as they are, those that belong together as a list."""

    encoded = 0
    rewrite = None

    def text(self, packet):
        Plain.encoded += 1
        return packet

    def pack(self, packets):
        Plain.encoded += 1
        return packets[0] if len(packets) == 1 else list(packets)


PLAIN = Plain()


class Transport:
    name = 'websocket'
    encoding = PLAIN

    def __init__(self):
        self.out = []
        self.ready = True
        self.closed = None

    def writable(self):
        return self.ready

    def close(self, code, reason):
        self.closed = (code, reason)


class Handshake:
    def environ(self):
        return {'PATH_INFO': '/socket.io/'}


class Peer:
    """One client of the server, spoken for by the test."""

    def __init__(self, world, dialect):
        engine = world.server.engine
        self.world = world
        self.session = engine.open(dialect, Handshake())
        self.transport = Transport()
        self.session.begin(self.transport)
        self.session.upper = engine.make_upper(self.session)
        self.session.upper.opened()

    @property
    def client(self):
        return self.session.upper

    def says(self, *packets):
        for packet in packets:
            self.session.receive(packet)

    def join(self, nsp='/', auth=''):
        """Join a namespace that accepts; returns the Socket."""
        self.says('40' + ('' if nsp == '/' else nsp + ',') + auth)
        socket = self.client.sockets[nsp]
        assert socket.connected
        self.hears()
        return socket

    def hears(self):
        """What was sent to it since the last time."""
        packets = list(self.transport.out)
        self.transport.out.clear()
        return packets

    def vanishes(self, reason='transport close'):
        self.session.end(reason)


class World:
    def __init__(self, **options):
        config = Config.make(options)
        ids = count(1)
        self.runtime = Runtime()
        self.server = SocketIOServer(config, lambda: f'id{next(ids)}', MemoryAdapter,
                                     TextParser(config))
        self.server.engine.bind(self.runtime)

    def on(self, event, handler, namespace='/'):
        self.server.registry.add(event, handler, namespace)

    def peer(self, dialect=Session4):
        return Peer(self, dialect)

    def old_peer(self):
        return Peer(self, Session3)

    @property
    def space(self):
        return self.server.namespace('/')

"""The line that events wait in, and the greenlets that serve it."""

from __future__ import annotations

from contextvars import ContextVar
from time import monotonic

import gevent
import pytest
from gevent.event import Event
from gevent.hub import get_hub
from gevent.local import local
from greenlet import getcurrent

from geventio import Server
from geventio.serving.workers import Workers
from geventio.transports.outbox import READING

from ..scale.crowd_program import CONNECT, REQUEST, masked
from ..scale.inside import Pair, World
from ..scale.measuring import in_loop
from ..waiting import until


class Client:
    load = None


class Job:
    """Does something and writes down where.

    :param act: what it does.
    :param client: whose it is, by default a client's of its own.
    """

    load = False
    left = None

    def __init__(self, log, name, act=lambda: None, client=None):
        self.log = log
        self.name = name
        self.act = act
        self.socket = self  # as far as anybody looks
        self.client = client or Client()
        self.greenlet = None

    def run(self):
        self.greenlet = getcurrent()
        self.log.append(self.name)
        self.act()

    def held(self):
        self.log.append(f'{self.name} is held')
        return True

    def waits(self):
        self.log.append(f'{self.name} waits')


@pytest.fixture
def log():
    return []


@pytest.fixture
def workers(log):
    return Workers(lambda: log.append('pace'))


def line_up(workers, *jobs):
    in_loop(lambda: [workers.line_up(job) for job in jobs])


def test_one_greenlet_serves_the_line_in_order_once_all_has_been_read(workers, log):
    jobs = [Job(log, name) for name in 'abc']

    def read():
        for job in jobs:
            workers.line_up(job)
        assert log == []

    in_loop(read)
    gevent.sleep(0)
    assert log == ['a', 'b', 'c']
    assert len({job.greenlet for job in jobs}) == 1
    assert workers.busy == 0


def test_the_first_that_blocks_keeps_its_greenlet_and_is_told(workers, log):
    go = Event()
    jobs = [Job(log, 'a'), Job(log, 'b', go.wait), Job(log, 'c'), Job(log, 'd')]
    line_up(workers, *jobs)
    gevent.sleep(0)
    assert log == ['a', 'b', 'b waits', 'pace', 'c', 'd']
    a, b, c, d = [job.greenlet for job in jobs]
    assert a is b is not c is d
    assert workers.busy == 1
    go.set()
    until(lambda: not workers.busy)
    line_up(workers, last := Job(log, 'last'))
    gevent.sleep(0)
    assert last.greenlet in (b, c)


def test_whoever_waited_leaves_the_line_to_others(workers, log):
    waiting = Job(log, 'a', lambda: get_hub().switch())
    line_up(workers, waiting)
    gevent.sleep(0)

    def go_on():
        workers.line_up(Job(log, 'b', lambda: gevent.sleep(0)))
        waiting.greenlet.switch()  # its handler goes on and ends
        assert log == ['a', 'a waits']
        assert workers.busy == 0

    in_loop(go_on)
    gevent.sleep(0)
    assert log == ['a', 'a waits', 'b', 'b waits']
    until(lambda: not workers.busy)


def test_what_is_done_in_the_place_of_a_held_event_may_wait_too(workers, log):
    class Held(Job):
        def held(self):
            self.greenlet = getcurrent()
            get_hub().switch()
            return super().held()

    held = Held(log, 'a')
    held.left = 'put out'
    line_up(workers, held, Job(log, 'b'))
    gevent.sleep(0)
    assert log == ['a waits', 'pace', 'b']

    def go_on():
        workers.line_up(Job(log, 'c'))
        held.greenlet.switch()
        assert log == ['a waits', 'pace', 'b', 'a is held']

    in_loop(go_on)
    gevent.sleep(0)
    assert log == ['a waits', 'pace', 'b', 'a is held', 'c']
    assert workers.busy == 0


def test_a_job_of_its_own_comes_behind_the_line(workers, log):
    in_loop(lambda: (workers.line_up(Job(log, 'a')), workers.start(Job(log, 'own'))))
    assert log == ['a', 'own']
    workers.start(Job(log, 'from a greenlet'))
    assert log == ['a', 'own']
    gevent.sleep(0)
    assert log == ['a', 'own', 'from a greenlet']


def test_catching_up(workers, log):
    in_loop(lambda: (workers.line_up(Job(log, 'a')), workers.catch_up(), log.append('then')))
    assert log == ['a', 'then']
    inner = Job(log, 'b', lambda: (workers.line_up(Job(log, 'c')), workers.catch_up(),
                                   log.append('b ends')))
    line_up(workers, inner)
    gevent.sleep(0)
    assert log == ['a', 'then', 'b', 'b ends', 'c']  # in a greenlet there is nothing to catch up


def test_an_error_of_a_job_does_not_stop_the_line(workers, log, caplog):
    line_up(workers, Job(log, 'a', lambda: 1 / 0), Job(log, 'b'))
    gevent.sleep(0)
    assert log == ['a', 'b']
    assert 'a job failed' in caplog.text


def test_the_end_of_the_program_leaves_the_line_to_the_next_turn(workers, log):
    def end():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        line_up(workers, Job(log, 'a', end), Job(log, 'b'))
        gevent.sleep(0.01)
    gevent.sleep(0)
    assert log == ['a', 'b']
    assert workers.busy == 0


def test_a_job_that_keyed_on_its_greenlet_is_its_last(workers, log):
    kept = local()
    seen = []
    jobs = [Job(log, 'a', lambda: setattr(kept, 'name', 'a')),
            Job(log, 'b', lambda: seen.append(hasattr(kept, 'name')))]
    line_up(workers, *jobs)
    gevent.sleep(0)
    assert seen == [False]
    assert jobs[0].greenlet is not jobs[1].greenlet
    assert jobs[0].greenlet.dead


def test_context_variables_do_not_leak_along_the_line(workers, log):
    variable = ContextVar('variable', default=0)
    seen = []
    line_up(workers, *[Job(log, number, lambda: (seen.append(variable.get()), variable.set(1)))
                       for number in range(3)])
    gevent.sleep(0)
    assert seen == [0, 0, 0]


def test_a_long_line_is_paced(workers, log):
    def long():
        until = monotonic() + 1.1 * READING
        while monotonic() < until:
            pass

    line_up(workers, Job(log, 'a', long), Job(log, 'b', long), Job(log, 'c'))
    gevent.sleep(0)
    assert log == ['a', 'pace', 'b', 'pace', 'c']


def test_whoever_catches_up_while_sending_does_not_send(log):
    def pace():
        log.append('pace')
        workers.catch_up()  # a send has failed, and a session ends

    workers = Workers(pace)
    line_up(workers, *[Job(log, number, lambda: gevent.sleep(0)) for number in range(5)])
    gevent.sleep(0)
    assert log == [0, '0 waits', 'pace', 1, '1 waits', 2, '2 waits', 3, '3 waits', 4, '4 waits']
    line_up(workers, Job(log, 'a', lambda: gevent.sleep(0)), Job(log, 'b'))
    gevent.sleep(0)
    assert log[-4:] == ['a', 'a waits', 'pace', 'b']
    until(lambda: not workers.busy)


def test_an_event_is_held_when_another_of_its_client_waits(workers, log):
    client = Client()
    busy = Job(log, 'a', lambda: setattr(client, 'load', object()), client)
    line_up(workers, busy, Job(log, 'b', client=client), Job(log, 'c'))
    gevent.sleep(0)
    assert log == ['a', 'b is held', 'c']


# -- what a client sees ----------------------------------------------------------------------


@pytest.fixture
def serve():
    """``serve(**options)``: a server, and a client of it whose bytes are read at once."""
    worlds = []

    def make(**options):
        worlds.append(world := World(Server(**options)))
        pair = Pair(world)
        pair.ask(REQUEST)
        assert b'40' in pair.ask(CONNECT)
        return world.server, pair

    yield make
    for world in worlds:
        until(lambda world=world: not world.server.engine.sessions)
        world.close()


def test_events_of_one_segment_keep_to_the_limit(serve):
    server, pair = serve(async_handlers=False)
    log = []

    def slow(sid, name):
        log.append(f'{name} begins')
        gevent.sleep(0)
        log.append(f'{name} ends')

    server.on('slow', slow)
    server.on('quick', lambda sid: log.append('quick') or 'over')
    assert b'431["over"]' in pair.ask(
        masked('42["slow","a"]') + masked('42["slow","b"]') + masked('421["quick"]'))
    assert log == ['a begins', 'a ends', 'b begins', 'b ends', 'quick']
    pair.close()


def test_events_of_one_segment_are_bounded(serve, caplog):
    server, pair = serve(max_handlers=2, max_waiting_size=100)
    go, started, reasons = Event(), [], []
    server.on('wait', lambda sid: started.append(sid) or go.wait())
    server.on('disconnect', lambda sid, reason: reasons.append(reason))
    assert b'too many events' in pair.ask(masked('42["wait"]') * 30)
    assert reasons == ['too many events']
    assert caplog.text.count('max_waiting_size') == 1
    assert len(started) == 2
    go.set()
    until(lambda: not server.stats()['handlers'])
    assert len(started) == 2 + 100 // 10  # those that could wait, and none behind them
    pair.close()


@pytest.mark.parametrize('busy', [False, True])
def test_an_event_behind_the_end_of_its_client_is_not_handled(serve, busy):
    server, pair = serve()
    (socket,) = server.namespace('/').rooms.sockets.values()
    go, log = Event(), []
    server.on('wait', lambda sid: go.wait())
    server.on('leave', lambda sid: log.append('leave') or server.disconnect(sid))
    server.on('say', lambda sid: log.append('say'))
    server.on('disconnect', lambda sid, reason: log.append('disconnect'))
    wait = masked('42["wait"]') if busy else b''
    assert pair.ask(wait + masked('42["leave"]') + masked('42["say"]')) == b'\x81\x0241'
    until(lambda: len(log) == 2)
    assert log == ['leave', 'disconnect']
    go.set()
    until(lambda: not server.stats()['handlers'])
    assert (socket.client.load is not None) == busy
    assert not busy or socket.client.load._running == 0
    pair.close()


def test_an_event_of_who_was_put_out_in_the_same_turn_is_not_handled():
    server, log = Server(), []
    world = World(server, peers=2)
    one, other = world.peers
    server.on('kick', lambda sid: log.append('kick') or server.disconnect(other.socket.sid))
    server.on('say', lambda sid: log.append('say'))

    def read():
        one.session.receive('42["kick"]')
        other.session.receive('42["say"]')

    in_loop(read)
    gevent.sleep(0)
    assert log == ['kick']
    world.close()


@pytest.mark.parametrize('farewell', [masked('41'), masked('1'), b'\x88\x80abcd'])
def test_an_event_is_handled_and_answered_before_the_farewell_behind_it(serve, farewell):
    server, pair = serve()
    log = []
    server.on('last', lambda sid: log.append('last') or 'heard')
    server.on('disconnect', lambda sid, reason: log.append('disconnect'))
    assert b'431["heard"]' in pair.ask(masked('421["last"]') + farewell)
    until(lambda: len(log) == 2)
    assert log == ['last', 'disconnect']
    pair.close()

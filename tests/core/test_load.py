"""How many handlers of one client run at a time, and what waits for them."""

from __future__ import annotations

from contextvars import ContextVar

import gevent
import pytest
from gevent.event import Event

from geventio import EngineServer, Server
from geventio.config import Config
from geventio.core.load import Load, begin, done, waits

from ..waiting import until

TIMEOUT = 5
WEBSOCKET = {'EIO': '4', 'transport': 'websocket'}


class Owner:
    load = None


class Job:
    """Ends when it is told to, or at once."""

    def __init__(self, name, log, waits=True):
        self.name = name
        self.log = log
        self.waits = waits
        self.load = False

    def run(self):
        self.log.append(self.name)
        if not self.waits:
            done(self)

    def end(self):
        done(self)


def run(job):
    job.run()


def config(**options):
    return Config.make(options)


def test_a_client_whose_handlers_never_wait_has_no_load():
    owner, log = Owner(), []
    for n in range(3):
        assert begin(owner, Job(n, log, waits=False), 10, run, config(max_handlers=1))
    assert log == [0, 1, 2]
    assert owner.load is None


def test_jobs_over_the_limit_wait_and_start_in_order():
    owner, log = Owner(), []
    jobs = [Job(n, log) for n in range(4)] + [Job(n, log, waits=False) for n in (4, 5)]
    for job in jobs:
        assert begin(owner, job, 10, run, config(max_handlers=2))
    assert log == [0, 1]
    jobs[1].end()  # its greenlet goes on with what waits
    assert log == [0, 1, 2, 3, 4, 5]


def test_one_at_a_time():
    owner, log = Owner(), []
    jobs = [Job(n, log) for n in range(2)]
    for job in jobs:
        begin(owner, job, 10, run, config(async_handlers=False))
    assert log == [0]


def test_a_job_that_turns_out_to_wait_counts_beside_the_others():
    owner, log = Owner(), []
    options = config(max_handlers=2)
    first, second = Job(0, log), Job(1, log)
    begin(owner, first, 10, run, options)
    waits(owner, second, options)
    begin(owner, Job(2, log, waits=False), 10, run, options)
    assert log == [0]
    first.end()
    assert log == [0, 2]


def test_what_waits_is_bounded_in_bytes():
    owner, log = Owner(), []
    options = config(max_handlers=1, max_waiting_size=100)
    first = Job(0, log)
    assert begin(owner, first, 1000, run, options)
    assert begin(owner, Job(1, log, waits=False), 60, run, options)
    assert begin(owner, Job(2, log, waits=False), 40, run, options)
    assert not begin(owner, Job(3, log), 1, run, options)
    first.end()
    assert log == [0, 1, 2]


def test_each_waiting_job_has_a_context_of_its_own():
    variable, seen = ContextVar('variable', default=0), []
    load = Load(config(max_handlers=1))

    class Setting(Job):
        def run(self):
            seen.append(variable.get())
            variable.set(1)
            done(self)

    first = Job(0, [])
    assert load.put(first, 0, run)
    for _ in range(2):
        load.put(Setting(0, []), 0, run)
    first.end()
    assert seen == [0, 0]
    assert variable.get() == 0


def test_a_client_with_too_many_events_is_closed_alone(host, caplog):
    owner, go, reasons = Server(max_handlers=3, max_waiting_size=1000), Event(), []
    owner.on('wait', lambda sid: go.wait())
    owner.on('ask', lambda sid: 'answer')
    owner.on('disconnect', lambda sid, reason: reasons.append(reason))
    server = host(owner)
    greedy, other = server.websocket(**WEBSOCKET), server.websocket(**WEBSOCKET)
    for websocket in (greedy, other):
        websocket.send('40')
        websocket.receive()
        websocket.receive()
    for _ in range(3 + 1000 // 10 + 1):
        greedy.send('42["wait"]')
    _, (code, reason) = greedy.receive_until_closed()
    assert (code, reason) == (1008, 'too many events')
    assert reasons == ['too many events']
    assert 'max_waiting_size' in caplog.text
    other.send('421["ask"]')
    assert other.receive() == '431["answer"]'
    assert owner.stats()['handlers'] == 3
    go.set()
    until(lambda: not owner.stats()['handlers'])


@pytest.mark.parametrize('strict', [True, False])
def test_handlers_of_one_client(host, strict):
    owner, log, second = Server(async_handlers=not strict), [], Event()

    def slow(sid, name):
        log.append(f'{name} begins')
        if name == 'second':
            second.set()
        elif strict:
            gevent.sleep(0)
        else:
            second.wait(TIMEOUT)
        log.append(f'{name} ends')
        return name

    owner.on('slow', slow)
    websocket = host(owner).websocket(**WEBSOCKET)
    websocket.send('40')
    websocket.receive()
    websocket.receive()
    websocket.send('421["slow","first"]')
    websocket.send('422["slow","second"]')
    answers = [websocket.receive(), websocket.receive()]
    if strict:
        assert answers == ['431["first"]', '432["second"]']
        assert log == ['first begins', 'first ends', 'second begins', 'second ends']
    else:
        assert answers == ['432["second"]', '431["first"]']
        assert log == ['first begins', 'second begins', 'second ends', 'first ends']


def test_messages_of_an_engine_server_are_bounded_too(host):
    owner, go, reasons = EngineServer(max_handlers=1, max_waiting_size=100), Event(), []
    owner.on('message', lambda sid, data: go.wait())
    owner.on('disconnect', lambda sid, reason: reasons.append(reason))
    websocket = host(owner).websocket(**WEBSOCKET)
    websocket.receive()
    for _ in range(4):
        websocket.send('4' + 'x' * 50)
    assert websocket.receive_until_closed()[1] == (1008, 'too many messages')
    go.set()
    until(lambda: reasons)
    assert reasons == ['too many events']

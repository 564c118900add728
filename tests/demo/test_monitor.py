"""The monitor: figures from a /proc of the test's own, pushed only while somebody watches."""
from __future__ import annotations

import pytest

from demo_app.monitor import FIELDS, HISTORY, Monitor

NSP = '/monitor'


class Proc:
    """A folder that looks like /proc of a host with two processors."""

    def __init__(self, folder):
        self.folder = folder
        (folder / 'net').mkdir()
        self.write('meminfo', 'MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  250 kB\n')
        self.write('uptime', '3600.25 7000.00\n')
        self.write('loadavg', '1.50 0.75 0.25 2/100 12345\n')
        self.ticks([0, 0], [0, 0])
        self.traffic(0, 0)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def ticks(self, busy, idle):
        """Ticks since the start, for each processor."""
        lines = [f'{name} {b} 0 0 {i - i // 2} {i // 2} 0 0 0 0 0' for name, b, i in [
            ('cpu ', sum(busy), sum(idle)), *zip(('cpu0', 'cpu1'), busy, idle, strict=True)]]
        self.write('stat', '\n'.join([*lines, 'intr 5 5', 'ctxt 7\n']))

    def traffic(self, received, sent):
        self.write('net/dev', 'Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n'
                   '    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n'
                   f'  eth0:{received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n'
                   '  eth1: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n')


@pytest.fixture
def proc(tmp_path):
    return Proc(tmp_path)


@pytest.fixture
def monitor(app, proc, socketio_clock):
    """The application's monitor, of that host and on the test's clock."""
    monitor = app.extensions['monitor'] = Monitor(proc.folder)
    monitor.clock = socketio_clock.now
    return monitor


@pytest.fixture
def watch(app, monitor, socketio_client):
    """``watch()``: somebody opens the page."""
    def watch():
        browser = app.test_client()
        assert browser.get('/monitor').status_code == 200
        return socketio_client(NSP, flask_test_client=browser)

    return watch


def samples(client):
    return [event['args'][0] for event in client.get_received(NSP) if event['name'] == 'sample']


def test_figures(watch, proc, socketio_clock):
    page = watch()
    host = page.wait_for('host', namespace=NSP)['args'][0]
    assert {**host, 'at': None} == {
        'fields': list(FIELDS), 'interval': 1.0, 'history': HISTORY, 'at': None, 'processors': 2,
        'memory': 1000 * 1024, 'up': 3600.25}
    proc.ticks([30, 60], [70, 40])
    proc.traffic(5000, 1000)
    socketio_clock.advance(1)
    [sample] = samples(page)
    assert sample['shares'] == [0.3, 0.6]
    assert sample['load'] == [1.5, 0.75, 0.25]
    assert sample['watchers'] == 1
    assert dict(zip(FIELDS, sample['values'], strict=True)) == {
        'at': pytest.approx(socketio_clock.now(), abs=0.1), 'cpu': 0.45, 'memory': 750 * 1024,
        'load': 1.5, 'received': 5000, 'sent': 1000}


def test_everybody_sees_the_same_and_who_comes_later_the_history(watch, socketio_clock):
    one = watch()
    socketio_clock.advance(3)
    two = watch()
    seen = samples(one)
    assert len(seen) == 3
    assert two.wait_for('history', namespace=NSP)['args'][0] == [each['values'] for each in seen]
    socketio_clock.advance(2)
    assert samples(one) == samples(two) != []


def test_nobody_looks_when_nobody_watches(watch, monitor, proc, socketio_clock):
    read = []
    monitor.read = lambda: read.append(1) or Monitor.read(monitor)
    socketio_clock.advance(10)
    assert read == []
    page = watch()
    socketio_clock.advance(2)
    assert len(monitor.history) == 2
    page.disconnect(NSP)
    assert monitor.watchers == set()
    count = len(read)
    socketio_clock.advance(60)
    assert len(read) == count

    # Whoever comes back finds what was seen then; the first new figures are of now.
    proc.ticks([1000, 1000], [0, 0])
    page = watch()
    proc.ticks([1000, 1000], [100, 100])
    socketio_clock.advance(1)
    [sample] = samples(page)
    assert sample['values'][1] == 0
    assert sample['values'][0] - monitor.history[1][0] > 60


def test_the_history_is_bounded(proc):
    monitor = Monitor(proc.folder)
    monitor.clock = lambda: now
    now = 0.0
    monitor.host()
    for _ in range(HISTORY + 10):
        now += 1
        assert monitor.sample() is not None
    assert len(monitor.history) == HISTORY
    assert [values[0] for values in monitor.history][::HISTORY - 1] == [11, HISTORY + 10]


def test_two_readings_at_once_are_no_sample(proc):
    monitor = Monitor(proc.folder)
    monitor.clock = lambda: now
    now = 0.0
    assert monitor.sample() is None  # nothing to compare with
    now = 0.1
    assert monitor.sample() is None
    now = 1.0
    assert monitor.sample() is not None


def test_counters_that_begin_anew_and_processors_that_come_and_go(proc):
    monitor = Monitor(proc.folder)
    monitor.clock = lambda: now
    now = 0.0
    proc.ticks([50, 50], [50, 50])
    proc.traffic(10 ** 6, 10 ** 6)
    monitor.host()
    now = 1.0
    proc.ticks([0, 0], [0, 0])
    proc.traffic(0, 0)
    assert monitor.sample()['values'][1:] == [0, 750 * 1024, 1.5, 0, 0]
    now = 2.0
    proc.write('stat', 'cpu  10 0 0 10 0 0 0 0 0 0\ncpu0 10 0 0 10 0 0 0 0 0 0\n')
    assert monitor.sample()['shares'] == [0.5]


def test_a_host_without_proc(app, watch, monitor, tmp_path):
    app.extensions['monitor'] = Monitor(tmp_path / 'nothing')
    page = watch()
    assert page.connect_error[NSP]['message'] == \
        'This host has no /proc to read: it takes Linux.'
    assert app.extensions['monitor'].watchers == set()


def test_nobody_is_asked_for_a_name(app, monitor, socketio_client):
    assert socketio_client(NSP).is_connected(NSP)


def test_this_host():
    monitor = Monitor()
    host = monitor.host()
    assert host['processors'] >= 1
    used, total = monitor.memory()
    assert 0 < used < total == host['memory']


def test_a_shell_is_told_how_to_watch(app, monitor):
    page = app.test_client().get('/monitor', base_url='http://monitor.example:8000').text
    assert "curl -N 'http://monitor.example:8000/events?namespace=/monitor'" in page

"""The figures of the server."""
from __future__ import annotations

import pytest

from demo_app import stats


@pytest.fixture
def figures(app):
    return app.extensions['figures']


def test_events_of_all_namespaces_are_counted(figures, visit):
    ann = visit('Ann')
    before = figures.events
    for _ in range(3):
        ann.emit('typing', 'room:Lobby')
    ann.connect('/stats')
    assert figures.events - before == 4


def test_sample(figures, visit, socketio):
    visit('Ann')
    figures.events = 10
    sample = figures.sample(socketio.server, seconds=2.0, lag=0.003)
    assert sample['events'] == 5
    assert sample['lag'] == pytest.approx(3)
    assert sum(sample['transports'].values()) == 1
    assert sample['sockets'] == 1
    assert sample['memory'] > 1_000_000
    assert figures.events == 0


def test_history_is_bounded_and_sent_at_once(figures, visit, socketio):
    for _ in range(stats.KEPT + 5):
        last = figures.sample(socketio.server, 1.0, 0.0)
    visitor = visit('Ann', '/stats')
    [event] = visitor.get_received('/stats')
    assert event['name'] == 'history'
    history = event['args'][0]
    assert len(history) == stats.KEPT
    assert history[-1]['at'] == last['at']

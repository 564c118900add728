"""What the garbage collector passes over while a server runs, and that it ends with the server."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import gevent
import pytest
from flask import Flask

from geventio import SocketIO
from geventio.serving.collector import settled


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    assert gc.get_freeze_count() == 0
    yield
    gc.unfreeze()


def test_what_is_there_is_passed_over_until_the_end() -> None:
    thing = [object()]
    with settled():
        later = [object()]
        looked_at = gc.get_objects()
        assert not any(each is thing for each in looked_at)
        assert any(each is later for each in looked_at)
    assert any(each is thing for each in gc.get_objects())
    assert gc.get_freeze_count() == 0


def test_it_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), settled():
        raise ZeroDivisionError
    assert gc.get_freeze_count() == 0


def test_what_the_program_has_frozen_stays_so() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    with settled():
        later = [object()]
    assert gc.get_freeze_count() >= frozen - 100  # those that have been freed meanwhile
    assert any(each is later for each in gc.get_objects())


def test_a_server_that_runs_is_settled() -> None:
    app = Flask(__name__)
    socketio = SocketIO(app)
    counts = []

    def look() -> None:
        counts.append(gc.get_freeze_count())
        socketio.stop()

    gevent.spawn_later(0.0, look)
    socketio.run(app, port=0)
    assert counts[0] > 10_000  # Flask alone is that many
    assert gc.get_freeze_count() == 0

"""The floor answers whatever the generator sends: its rows are exact, or they say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import build, machine, peers
from .conftest import Run
from .scenarios import SCENARIOS

FLOOR = peers.Peer(('floor',))
SMALL = {'clients': 60, 'room': 20, 'rate': 6000, 'padding': 1000, 'patience': 5}


@pytest.fixture(scope='module')
def server(program: Path) -> Iterator[machine.Server]:
    with machine.Server((str(build.floor()),), 0) as server:
        yield server


@pytest.mark.parametrize('name', [n for n, scenario in SCENARIOS.items() if FLOOR.runs(scenario)])
def test_the_floor_is_exact(run: Run, server: machine.Server, name: str) -> None:
    result = run(SCENARIOS[name].load[0], server.port, server_pid=server.pid, **SMALL)
    assert result['exact'], (result, server.last_words())
    assert result['count'] >= SMALL['clients']


@pytest.mark.parametrize('scenario', ['fanout', 'binary'])
def test_a_busy_room_is_exact(run: Run, server: machine.Server, scenario: str) -> None:
    result = run(scenario, server.port, window=8, **{**SMALL, 'padding': 300_000})
    assert result['exact'], result


@pytest.mark.parametrize('size', [10, 88, 89, 65_498, 65_499, 400_000])
@pytest.mark.parametrize('scenario', ['echo', 'upload', 'polling'])
def test_data_of_every_length(run: Run, server: machine.Server, scenario: str, size: int) -> None:
    result = run(scenario, server.port, padding=size, patience=5)
    assert result['exact'], result
    assert result['count'] > 0


def test_who_has_left_is_told_nothing(run: Run, server: machine.Server) -> None:
    for scenario in ('connect', 'fanout', 'rooms', 'connect', 'fanout'):
        result = run(scenario, server.port, **SMALL)
        assert result['exact'], (scenario, result)


def test_it_runs_what_needs_neither_flask_nor_other_dialects() -> None:
    able = {name for name, scenario in SCENARIOS.items() if FLOOR.runs(scenario)}
    assert {'fanout-1000-w1', 'echo-100', 'rooms-max', 'connect', 'storm-2000'} <= able
    assert {'polling-50', 'idle-5000', 'binary-1mb-100', 'upload-64k-16'} <= able
    assert not {'mixed-1000-w1', 'echo-context-100', 'storm-session-2000'} & able


def test_it_is_listed_where_there_is_a_compiler(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert peers.FLOOR in peers.peers()
    monkeypatch.setenv('CC', 'no-such-compiler')
    assert peers.FLOOR not in peers.peers()

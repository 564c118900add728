"""The whole of it at a small scale: the compiler, every scenario on geventio, the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import build, machine, peers
from .conftest import Run
from .scenarios import SCENARIOS

SMALL = {'clients': 6, 'room': 3, 'rate': 600, 'padding': 1000, 'seconds': 0.2}


@pytest.fixture(scope='module')
def servers() -> Iterator[dict[bool, machine.Server]]:
    """geventio as it is, and with all dialects."""
    geventio = peers.peers()['geventio'].command
    with (
        machine.Server(geventio, 0) as usual,
        machine.Server((*geventio, *peers.ALL_DIALECTS), 0) as mixed,
    ):
        yield {False: usual, True: mixed}


@pytest.mark.parametrize('name', SCENARIOS)
def test_geventio_is_exact(run: Run, servers: dict[bool, machine.Server], name: str) -> None:
    server = servers[SCENARIOS[name].mixed]
    small = {**SMALL, 'server_pid': server.pid, 'patience': 5}
    result = run(SCENARIOS[name].load[0], server.port, **small)
    assert result['exact'], (result, server.last_words())
    assert result['count'] >= 6
    assert 0 <= result['generator_cpu'] <= 1.1


def command(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-m', 'benchmarks', *options],
        cwd=machine.ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )


def test_the_command_measures_prints_and_writes(program: Path, tmp_path: Path) -> None:
    files = [
        '--json',
        str(tmp_path / 'a' / 'runs.json'),
        '--plot',
        str(tmp_path / 'b' / 'runs.svg'),
    ]
    short = ['--rounds', '2', '--seconds', '0.2', '--warmup', '0.1', '--retries', '0']
    done = command('--servers', 'geventio', '--scenarios', 'echo-100', *short, *files)
    assert done.returncode == 0, done.stderr
    assert '| echo-100 | geventio | ' in done.stdout
    everything: dict[str, Any] = json.loads((tmp_path / 'a' / 'runs.json').read_text())
    assert [run['exact'] for run in everything['runs']] == [True, True]
    assert everything['machine']['gevent']
    assert '<svg' in (tmp_path / 'b' / 'runs.svg').read_text()

    again = command('--read', files[1], '--plot', str(tmp_path / 'again.svg'))
    assert again.stdout == done.stdout
    assert (tmp_path / 'again.svg').read_text() == (tmp_path / 'b' / 'runs.svg').read_text()


def test_who_can_run_what() -> None:
    geventio = peers.Peer(('g',), flask=True, mixed=('--more',))
    flask_socketio, node = peers.Peer(('f',), flask=True), peers.Peer(('n',))
    able = {
        name: [
            peer.command_for(scenario)
            for peer in (geventio, flask_socketio, node)
            if peer.runs(scenario)
        ]
        for name, scenario in SCENARIOS.items()
    }
    assert able['fanout-1000-w1'] == [('g',), ('f',), ('n',)]
    assert able['echo-context-100'] == [('g',), ('f',)]
    assert able['mixed-1000-w1'] == able['mixed-1000-w8'] == [('g', '--more')]


def test_an_unknown_scenario_is_refused() -> None:
    done = command('--scenarios', 'echo-7')
    assert done.returncode == 2
    assert "scenario 'echo-7' is not here" in done.stderr


def test_a_missing_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CC', 'no-such-compiler')
    with pytest.raises(build.NotBuilt, match='no-such-compiler.*install'):
        build.generator(tmp_path)


def test_a_failing_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CC', 'false')
    with pytest.raises(build.NotBuilt, match='^false .* failed'):
        build.generator(tmp_path)


def test_the_program_is_compiled_once(program: Path, tmp_path: Path) -> None:
    built = build.generator(tmp_path)
    before = built.stat()
    assert build.generator(tmp_path) == built
    assert built.stat().st_mtime_ns == before.st_mtime_ns
    assert list(tmp_path.iterdir()) == [built]


def test_the_application_can_do_without_a_package() -> None:
    ask = (
        'import sys; sys.argv[1:] = ["geventio", "--without", "websockets", "1"]; '
        'import benchmarks.apps.flask_app; from geventio.protocol import mask; '
        'print(mask.apply_mask is mask.python_mask)'
    )
    done = subprocess.run(
        [sys.executable, '-c', ask], cwd=machine.ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == 'True\n', done.stderr

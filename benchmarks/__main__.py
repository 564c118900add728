"""Runs the servers in turn, round after round, and prints one table. See docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import build, machine, plot, report
from .peers import PLAIN, Peer, peers, versions
from .scenarios import SCENARIOS, Scenario

RESULTS = Path(__file__).with_name('results')
LONGEST = 240.0
"""Seconds that a run may take besides the measured ones."""


def run(
    peer: Peer, scenario: Scenario, program: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """One server, started for it, under one load."""
    with machine.Server(peer.command_for(scenario), options.server_core) as server:
        seconds = max(options.seconds, scenario.seconds)
        load = [str(program), *scenario.load]
        load += ['--port', str(server.port), '--server-pid', str(server.pid)]
        load += ['--seconds', str(seconds), '--warmup', str(options.warmup)]
        mine = os.times()
        begin, busy, own = time.monotonic(), machine.busy_seconds(), machine.cpu_seconds(server.pid)
        try:
            done = subprocess.run(
                load,
                cwd=machine.ROOT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                preexec_fn=machine.prepare(options.generator_core),
                timeout=seconds + LONGEST,
            )
            result: dict[str, Any] = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            result = {'exact': False, 'error': f'no end after {seconds + LONGEST:g} s'}
        except ValueError:
            result = {'exact': False, 'error': done.stderr[-1000:] or f'status {done.returncode}'}
        now = os.times()
        wall = time.monotonic() - begin
        if server.process.poll() is None:
            own = machine.cpu_seconds(server.pid) - own
        own += now.children_user + now.children_system
        own -= mine.children_user + mine.children_system
        result['foreign_cpu'] = max(0.0, (machine.busy_seconds() - busy - own) / wall)
        if result['exact']:
            result['figure'] = result[scenario.key]
        else:
            result['server_log'] = server.last_words()
        return result


def rounds(
    found: dict[str, Peer], program: Path, options: argparse.Namespace
) -> Iterable[dict[str, Any]]:
    """All runs. In each round the servers take turns, and another one begins."""
    for name in options.scenarios:
        scenario = SCENARIOS[name]
        servers = [s for s in options.servers if found[s].runs(scenario)]
        for number in range(options.rounds):
            shift = number % max(len(servers), 1)
            for server in servers[shift:] + servers[:shift]:
                for _ in range(1 + options.retries):
                    result = run(found[server], scenario, program, options)
                    if result['foreign_cpu'] <= report.FOREIGN:
                        break
                if result['exact']:
                    what = f'{report.figure(result["figure"])} {scenario.unit}'
                else:
                    what = f'VOID: {result["error"]}'
                print(f'{name} round {number + 1} {server}: {what}', file=sys.stderr)
                yield {'scenario': name, 'server': server, 'round': number, **result}


def arguments(found: dict[str, Peer]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)

    def listed(known: Iterable[str], what: str) -> Any:
        def names(text: str) -> list[str]:
            chosen = text.split(',')
            for name in chosen:
                if name not in known:
                    message = f'{what} {name!r} is not here, only {", ".join(known)}'
                    raise argparse.ArgumentTypeError(message)
            return chosen

        return names

    usual = [name for name in found if name != PLAIN]
    for option, known, default in (
        ('servers', found, usual),
        ('scenarios', SCENARIOS, list(SCENARIOS)),
    ):
        kind = listed(known, option[:-1])
        text = f'some of {",".join(known)}; default {",".join(default)}'
        parser.add_argument(f'--{option}', type=kind, default=default, help=text)
    parser.add_argument(
        '--speed', action='store_true', help=f'also {PLAIN}: without what geventio[speed] brings'
    )
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=3.0, help='measured seconds of a run')
    parser.add_argument('--warmup', type=float, default=1.0, help='seconds before them')
    parser.add_argument(
        '--retries', type=int, default=1, help='of a run that other processes disturbed'
    )
    parser.add_argument('--server-core', type=int, default=0)
    parser.add_argument('--generator-core', type=int, default=1)
    for option, what, name in (
        ('--json', 'where all runs go', 'latest.json'),
        ('--plot', 'where the plot goes, an SVG image', 'latest.svg'),
    ):
        text = f'{what}; default benchmarks/results/{name}'
        parser.add_argument(option, type=Path, metavar='FILE', default=RESULTS / name, help=text)
    parser.add_argument(
        '--read', type=Path, metavar='FILE', help='measure nothing: show the runs of this JSON file'
    )
    options = parser.parse_args()
    if options.speed and PLAIN not in options.servers:
        if PLAIN not in found:
            parser.error('--speed compares with an installed geventio[speed], and it is not')
        at = options.servers.index('geventio') + 1 if 'geventio' in options.servers else 0
        options.servers.insert(at, PLAIN)
    return options


def measured(options: argparse.Namespace, found: dict[str, Peer]) -> dict[str, Any]:
    """The runs with all that they depend on, written to the JSON file after each of them."""
    everything: dict[str, Any] = {'machine': versions(), 'runs': []}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    for result in rounds(found, build.generator(), options):
        everything['runs'].append(result)
        everything['summary'] = report.summarise(everything['runs'])
        options.json.write_text(json.dumps(everything, indent=1) + '\n')
    return everything


def main() -> int | str:
    options = arguments(found := peers())
    try:
        everything = (
            json.loads(options.read.read_text()) if options.read else measured(options, found)
        )
    except (build.NotBuilt, machine.NotStarted) as error:
        return str(error)
    lines = report.summarise(everything['runs'])
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    options.plot.write_text(plot.svg(lines))
    print(', '.join(f'{name} {version}' for name, version in everything['machine'].items()))
    print()
    print(report.table(lines))
    return 0 if all(result['exact'] for result in everything['runs']) else 1


if __name__ == '__main__':
    sys.exit(main())

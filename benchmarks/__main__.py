"""Runs the servers in turn, round after round, and prints one table. See docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import machine, report

HERE = Path(__file__).parent
PYTHON_SERVERS = {'geventio': 'geventio', 'flask-socketio': 'flask_socketio'}
SCENARIOS = {
    'echo-100': ['echo', '--clients', '100'],
    'echo-context-100': ['echo-context', '--clients', '100'],
    'fanout-100-w8': ['fanout', '--clients', '100', '--window', '8'],
    'fanout-1000-w1': ['fanout', '--clients', '1000', '--window', '1'],
    'fanout-1000-w8': ['fanout', '--clients', '1000', '--window', '8'],
}
FLASK_ONLY = {'echo-context-100'}
"""Scenarios that are about what Flask gives to handlers."""
PACKAGES = ('geventio', 'flask-socketio', 'gevent', 'gevent-websocket', 'greenlet', 'flask')


def node_peer() -> str | None:
    """The socket.io version that Node finds beside this program, None if there is none."""
    if not shutil.which('node'):
        return None
    ask = 'process.stdout.write(require("socket.io/package.json").version)'
    done = subprocess.run(['node', '-e', ask], cwd=HERE, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def commands() -> dict[str, list[str]]:
    """Servers that can run here, each with its command short of the port."""
    found = {
        name: [sys.executable, '-m', f'{__package__}.apps.flask_app', module]
        for name, module in PYTHON_SERVERS.items()
        if find_spec(module)
    }
    if node_peer():
        found['node'] = ['node', str(HERE / 'apps' / 'node_app.js')]
    return found


def run(command: list[str], scenario: str, options: argparse.Namespace) -> dict[str, Any]:
    """One server, started for it, under one load."""
    with machine.Server(command, options.server_core) as server:
        load = [sys.executable, '-m', f'{__package__}.load', *SCENARIOS[scenario]]
        load += ['--port', str(server.port), '--server-pid', str(server.pid)]
        load += ['--seconds', str(options.seconds), '--warmup', str(options.warmup)]
        mine = os.times()
        begin, busy, own = time.monotonic(), machine.busy_seconds(), machine.cpu_seconds(server.pid)
        done = subprocess.run(
            load,
            cwd=machine.ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            preexec_fn=machine.prepare(options.generator_core),
            timeout=options.seconds + options.warmup + 120,
        )
        now = os.times()
        wall = time.monotonic() - begin
        own = machine.cpu_seconds(server.pid) - own
        own += now.children_user + now.children_system
        own -= mine.children_user + mine.children_system
        try:
            result: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            result = {'exact': False, 'error': done.stderr[-1000:]}
        result['foreign_cpu'] = max(0.0, (machine.busy_seconds() - busy - own) / wall)
        if not result['exact']:
            result['server_log'] = server.last_words()
        return result


def rounds(options: argparse.Namespace, found: dict[str, list[str]]) -> list[dict[str, Any]]:
    """All runs. In each round the servers take turns, and another one begins."""
    runs = []
    for scenario in options.scenarios:
        servers = [s for s in options.servers if s in PYTHON_SERVERS or scenario not in FLASK_ONLY]
        for number in range(options.rounds):
            shift = number % max(len(servers), 1)
            for server in servers[shift:] + servers[:shift]:
                for _ in range(1 + options.retries):
                    result = run(found[server], scenario, options)
                    if result['foreign_cpu'] <= report.FOREIGN:
                        break
                runs.append({'scenario': scenario, 'server': server, 'round': number, **result})
                what = f'{result["rate"]:,.0f}/s' if result['exact'] else f'VOID: {result["error"]}'
                print(f'{scenario} round {number + 1} {server}: {what}', file=sys.stderr)
    return runs


def versions() -> dict[str, str]:
    found = machine.describe()
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if peer := node_peer():
        found['socket.io'] = peer
        node = subprocess.run(['node', '--version'], capture_output=True, text=True)
        found['node'] = node.stdout.strip()
    return found


def arguments(found: dict[str, list[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)

    def listed(known: dict[str, Any], what: str) -> Any:
        def names(text: str) -> list[str]:
            chosen = text.split(',')
            for name in chosen:
                if name not in known:
                    message = f'{what} {name!r} is not here, only {", ".join(known)}'
                    raise argparse.ArgumentTypeError(message)
            return chosen

        return names

    for option, known in (('servers', found), ('scenarios', SCENARIOS)):
        kind = listed(known, option[:-1])
        text = f'some of {",".join(known)}; default all'
        parser.add_argument(f'--{option}', type=kind, default=list(known), help=text)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=3.0, help='measured seconds of a run')
    parser.add_argument('--warmup', type=float, default=1.0, help='seconds before them')
    parser.add_argument(
        '--retries', type=int, default=1, help='of a run that other processes disturbed'
    )
    parser.add_argument('--server-core', type=int, default=0)
    parser.add_argument('--generator-core', type=int, default=1)
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all runs to this file')
    return parser.parse_args()


def main() -> int | str:
    options = arguments(found := commands())
    try:
        runs = rounds(options, found)
    except machine.NotStarted as error:
        return str(error)
    lines = report.summarise(runs)
    if options.json:
        everything = {'machine': versions(), 'summary': lines, 'runs': runs}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(everything, indent=1) + '\n')
    print(', '.join(f'{name} {version}' for name, version in versions().items()), end='\n\n')
    print(report.table(lines))
    return 0 if all(run['exact'] for run in runs) else 1


if __name__ == '__main__':
    sys.exit(main())

"""Where a server's CPU time goes: microseconds an event, by the part whose code is running.

usage: python -m benchmarks.anatomy [--scenarios echo-100,...] [--servers geventio,flask-socketio]

It samples the server under the load of a scenario; see ``apps.sampled``. Figures of servers, and
how to compare them, are the business of ``python -m benchmarks``.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from . import build, machine
from .peers import ALL_DIALECTS
from .scenarios import SCENARIOS

MODULES = {'geventio': 'geventio', 'flask-socketio': 'flask_socketio'}
LASTING = [name for name, scenario in SCENARIOS.items() if not scenario.load[0].startswith('storm')]
"""A storm is over before there is anything to sample."""
USUAL = ('echo-100', 'fanout-1000-w1', 'connect', 'polling-50')
PARTS = ('protocol', 'core', 'dialects', 'adapters', 'transports', 'serving', 'extension')
"""Those of geventio; other packages are one part each."""


def part(filename: str) -> str:
    """The part of a server, or the package, that a source file belongs to."""
    path = Path(filename)
    if path.is_relative_to(Path(__file__).parent):
        return 'the application'
    names = path.parts
    if 'geventio' in names:
        at = len(names) - 1 - names[::-1].index('geventio')
        inner = names[at + 1] if len(names) > at + 2 else ''
        return f'geventio.{inner}' if inner in PARTS else 'geventio'
    if 'site-packages' in names:
        return names[names.index('site-packages') + 1].removesuffix('.py')
    if filename.startswith('src/gevent'):
        return 'gevent'
    return 'the standard library'


def sample(server: str, scenario: str, program: Path, seconds: float) -> dict[str, Any]:
    """The ticks of each part, and microseconds of user and system time an event."""
    load = SCENARIOS[scenario].load
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / 'ticks.json'
        command = (sys.executable, '-m', f'{__package__}.apps.sampled', str(found))
        further = ALL_DIALECTS if SCENARIOS[scenario].mixed else ()
        with machine.Server((*command, MODULES[server], *further), 0) as running:
            line = [str(program), *load, '--port', str(running.port), '--warmup', '1']
            line += ['--server-pid', str(running.pid), '--seconds', str(seconds + 2)]
            with subprocess.Popen(
                line, stdout=subprocess.PIPE, text=True, preexec_fn=machine.prepare(1)
            ) as generator:
                try:
                    time.sleep(2.0)  # the warm-up, and the connections of those that hold some
                    running.process.send_signal(signal.SIGUSR1)
                    user, system = machine.cpu_times(running.pid)
                    time.sleep(seconds)
                    now = machine.cpu_times(running.pid)
                    running.process.send_signal(signal.SIGUSR2)
                    result = json.loads(generator.communicate(timeout=seconds + 60)[0])
                finally:
                    generator.kill()
            ticks = json.loads(found.read_text())
    if not result['exact']:
        raise RuntimeError(f'{server} was wrong in {scenario}: {result}')
    parts: Counter[str] = Counter()
    for filename, count in ticks.items():
        parts[part(filename)] += count
    cost = result['server_cpu'] / result['rate'] * 1e6
    share = (now[1] - system) / max(now[0] - user + now[1] - system, 1e-9)
    return {'parts': parts, 'cost': cost, 'system': share}


def table(scenario: str, samples: dict[str, dict[str, Any]]) -> str:
    """The parts of each server in Markdown, the dearest first."""
    rows = [f'### {scenario}', '', '| part | ' + ' | '.join(f'{s}, us' for s in samples) + ' |']
    rows.append('|---' + '|--:' * len(samples) + '|')
    names = Counter[str]()
    costs = {}
    for server, found in samples.items():
        total = sum(found['parts'].values())
        costs[server] = {name: found['cost'] * n / total for name, n in found['parts'].items()}
        names.update({name: int(cost * 1000) for name, cost in costs[server].items()})
    for name, _ in names.most_common():
        if any(costs[s].get(name, 0.0) >= 0.005 * samples[s]['cost'] for s in samples):
            cells = (f'{costs[s][name]:.1f}' if name in costs[s] else '-' for s in samples)
            rows.append(f'| {name} | {" | ".join(cells)} |')
    whole = (f'**{found["cost"]:.1f}**' for found in samples.values())
    rows.append(f'| **all** | {" | ".join(whole)} |')
    kernel = (f'{found["cost"] * found["system"]:.1f}' for found in samples.values())
    rows.append(f'| of it in the kernel | {" | ".join(kernel)} |')
    return '\n'.join(rows)


def main() -> int | str:
    parser = argparse.ArgumentParser(prog='python -m benchmarks.anatomy', description=__doc__)
    parser.add_argument('--scenarios', default=','.join(USUAL))
    parser.add_argument('--servers', default=','.join(MODULES))
    parser.add_argument('--seconds', type=float, default=8.0, help='of sampling (default: 8)')
    options = parser.parse_args()
    scenarios, servers = options.scenarios.split(','), options.servers.split(',')
    for name, known in [(s, LASTING) for s in scenarios] + [(s, MODULES) for s in servers]:
        if name not in known:
            parser.error(f'{name!r} is none of {", ".join(known)}')
    program = build.generator()
    for scenario in scenarios:
        samples = {s: sample(s, scenario, program, options.seconds) for s in servers}
        print(table(scenario, samples), end='\n\n', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())

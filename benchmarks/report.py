"""Medians, ratios and the table made of them."""

from __future__ import annotations

import statistics
from typing import Any

from .scenarios import SCENARIOS

BASE = 'flask-socketio'
"""The server that the others are compared with."""
BASES = (BASE, 'node')
"""Those that there are ratios to."""
BUSY = 0.9
"""Cores; a generator above this may have been what held the server back."""
FOREIGN = 0.15
"""Cores; more than this used by other processes makes a run doubtful."""
MEDIANS = ('p50_ms', 'p99_ms', 'server_cpu', 'generator_cpu')


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each scenario and server, in the order in which they first ran.

    ``ratios`` says how many times as good as those of BASES the median is, whether more or less
    is better; ``share`` what the median is of that with clients of one dialect.
    """
    lines = []
    for scenario, server in dict.fromkeys((run['scenario'], run['server']) for run in runs):
        own = [run for run in runs if (run['scenario'], run['server']) == (scenario, server)]
        exact = [run for run in own if run['exact']]
        line: dict[str, Any] = {
            'scenario': scenario,
            'server': server,
            'runs': len(own),
            'exact': len(exact),
        }
        if exact:
            figures = [run['figure'] for run in exact]
            line.update({key: statistics.median(run[key] for run in exact) for key in MEDIANS})
            line.update(
                median=statistics.median(figures),
                lowest=min(figures),
                highest=max(figures),
                foreign_cpu=max(run['foreign_cpu'] for run in exact),
                cost=None,
            )
            costs = [run['server_cpu'] / run['rate'] * 1e6 for run in exact if run['rate']]
            if costs:
                line['cost'] = statistics.median(costs)
        lines.append(line)
    known = {(line['scenario'], line['server']): line for line in lines}
    for line in lines:
        scenario = SCENARIOS[line['scenario']]
        line['ratios'] = {}
        for base in BASES:
            other = known.get((line['scenario'], base)) or known.get((scenario.beside, base), {})
            pair = line.get('median'), other.get('median')
            if scenario.less:
                pair = pair[1], pair[0]
            if pair[0] and pair[1]:
                line['ratios'][base] = pair[0] / pair[1]
        pure = known.get((scenario.pure, line['server']), {}).get('median')
        line['share'] = line['median'] / pure if pure and 'median' in line else None
        other = known.get((line['scenario'], BASE), {})
        line['base_cost'] = other.get('cost') if line is not other else None
    return lines


def remarks(line: dict[str, Any]) -> str:
    """What keeps a line from being taken at its word."""
    found = []
    if line['exact'] < line['runs']:
        found.append(f'{line["runs"] - line["exact"]} of {line["runs"]} runs void')
    if line.get('generator_cpu', 0.0) > BUSY:
        found.append('generator at its limit: the server can do more')
    if line.get('foreign_cpu', 0.0) > FOREIGN:
        found.append('other processes took part of the cores')
    return '; '.join(found)


def figure(number: float) -> str:
    """A number as a reader wants it: three digits, or all that are before the point."""
    if number >= 100:
        return f'{number:,.0f}'
    return f'{number:.1f}' if number >= 10 else f'{number:.2f}'


def table(lines: list[dict[str, Any]]) -> str:
    """The summary in Markdown."""
    bases = ' / '.join(BASES)
    rows = [
        f'| scenario | server | median | lowest .. highest | unit | times {bases} '
        f'| p50 / p99, ms | server CPU | us an event ({BASE}) | generator CPU | exact | remarks |',
        '|---|---|--:|--:|---|--:|--:|--:|--:|--:|--:|---|',
    ]
    for line in lines:
        unit = SCENARIOS[line['scenario']].unit
        name = f'| {line["scenario"]} | {line["server"]} '
        exact = f'| {line["exact"]}/{line["runs"]} | {remarks(line)} |'
        if 'median' not in line:
            rows.append(f'{name}| - | - | {unit} | - | - | - | - | - {exact}')
            continue
        ratio = ' / '.join(f'{r:.2f}' if (r := line['ratios'].get(b)) else '-' for b in BASES)
        late = f'{figure(line["p50_ms"])} / {figure(line["p99_ms"])}' if line['p99_ms'] else '-'
        cost = '-' if line['cost'] is None else f'{line["cost"]:.1f}'
        if line['base_cost'] is not None:
            cost += f' ({line["base_cost"]:.1f})'
        median = figure(line['median'])
        if line['share'] is not None:
            median += f' ({line["share"]:.2f} of {SCENARIOS[line["scenario"]].pure})'
        rows.append(
            f'{name}| {median} '
            f'| {figure(line["lowest"])} .. {figure(line["highest"])} | {unit} | {ratio} '
            f'| {late} | {line["server_cpu"]:.2f} | {cost} | {line["generator_cpu"]:.2f} {exact}'
        )
    return '\n'.join(rows)

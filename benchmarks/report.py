"""Medians, ratios and the table made of them."""

from __future__ import annotations

import statistics
from typing import Any

BASE = 'flask-socketio'
"""The server that the others are compared with."""
BUSY = 0.9
"""Cores; a generator above this may have been what held the server back."""
FOREIGN = 0.15
"""Cores; more than this used by other processes makes a run doubtful."""


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each scenario and server, in the order in which they first ran."""
    lines = []
    for scenario, server in dict.fromkeys((run['scenario'], run['server']) for run in runs):
        own = [run for run in runs if (run['scenario'], run['server']) == (scenario, server)]
        exact = [run for run in own if run['exact']]
        rates = [run['rate'] for run in exact]
        line: dict[str, Any] = {
            'scenario': scenario,
            'server': server,
            'runs': len(own),
            'exact': len(exact),
        }
        if rates:
            line.update(
                median=statistics.median(rates),
                lowest=min(rates),
                highest=max(rates),
                server_cpu=statistics.median(run['server_cpu'] for run in exact),
                generator_cpu=statistics.median(run['generator_cpu'] for run in exact),
                foreign_cpu=max(run['foreign_cpu'] for run in exact),
                cost=statistics.median(run['server_cpu'] / run['rate'] * 1e6 for run in exact),
            )
        lines.append(line)
    bases = {line['scenario']: line for line in lines if line['server'] == BASE}
    for line in lines:
        base = bases.get(line['scenario'], {})
        both = 'median' in line and 'median' in base
        line['ratio'] = line['median'] / base['median'] if both else None
        line['base_cost'] = base['cost'] if both and line is not base else None
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


def table(lines: list[dict[str, Any]]) -> str:
    """The summary in Markdown."""
    rows = [
        f'| scenario | server | median a second | lowest .. highest | / {BASE} '
        f'| server CPU | us an event ({BASE}) | generator CPU | exact | remarks |',
        '|---|---|--:|--:|--:|--:|--:|--:|--:|---|',
    ]
    for line in lines:
        name = f'| {line["scenario"]} | {line["server"]} '
        exact = f'| {line["exact"]}/{line["runs"]} | {remarks(line)} |'
        if 'median' not in line:
            rows.append(f'{name}| - | - | - | - | - | - {exact}')
            continue
        ratio = f'{line["ratio"]:.2f}' if line['ratio'] else '-'
        cost = f'{line["cost"]:.1f}'
        if line['base_cost'] is not None:
            cost += f' ({line["base_cost"]:.1f})'
        rows.append(
            f'{name}| {line["median"]:,.0f} | {line["lowest"]:,.0f} .. {line["highest"]:,.0f} '
            f'| {ratio} | {line["server_cpu"]:.2f} | {cost} '
            f'| {line["generator_cpu"]:.2f} {exact}'
        )
    return '\n'.join(rows)

"""The summary as an SVG image: bars for each scenario, readable on light and on dark pages."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from .peers import FLOOR
from .report import BASE, figure
from .scenarios import SCENARIOS

WIDTH = 880
COLUMNS = 2
MARGIN = 16
TITLE, BAR, GAP = 22, 17, 14
"""Heights: of a scenario's title, of a bar with its distance to the next, of what follows."""
NAMES, LONGEST = 104, 178
"""Widths: of the servers' names, of the longest bar."""
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.unit, .name { fill: #59636e }
.page { fill: #ffffff }
.ours { fill: #1a7f5a }
.other { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .unit, .name { fill: #9198a1 }
  .page { fill: #0d1117 }
  .ours { fill: #3fb68b }
  .other { fill: #484f58 }
}
"""


def _text(x: float, y: float, text: str, kind: str = '', more: str = '') -> str:
    name = f' class="{kind}"' if kind else ''
    return f'<text x="{x:g}" y="{y:g}"{name}{more}>{escape(text)}</text>'


def _block(lines: list[dict[str, Any]], left: float, top: float) -> list[str]:
    """One scenario: a title, and a bar for each server. The longest bar is the largest figure."""
    scenario = SCENARIOS[lines[0]['scenario']]
    most = max(line['median'] for line in lines) or 1.0
    unit = scenario.unit + (', less is better' if scenario.less else '')
    title = f'{escape(scenario.text)} <tspan class="unit">{escape(unit)}</tspan>'
    made = [f'<text x="{left:g}" y="{top + 13:g}" class="title">{title}</text>']
    for number, line in enumerate(lines):
        y = top + TITLE + number * BAR
        length = max(1.0, LONGEST * line['median'] / most)
        kind = 'ours' if line['server'].startswith('geventio') else 'other'
        label = figure(line['median'])
        if BASE in line['ratios'] and line['server'] != BASE:
            label += f'  ({line["ratios"][BASE]:.1f}x)'
        made += [
            _text(left + NAMES - 6, y + 11, line['server'], 'name', ' text-anchor="end"'),
            f'<rect x="{left + NAMES}" y="{y}" width="{length:.1f}" height="13" rx="2" '
            f'class="{kind}"/>',
            _text(left + NAMES + length + 6, y + 11, label),
        ]
    return made


def svg(lines: list[dict[str, Any]]) -> str:
    """The image, without the floor, which nobody can use, and lines without an exact run."""
    blocks: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if 'median' in line and line['server'] != FLOOR:
            blocks.setdefault(line['scenario'], []).append(line)
    step = (WIDTH - 2 * MARGIN) / COLUMNS
    tops = [float(MARGIN)] * COLUMNS
    made = []
    for block in blocks.values():
        column = tops.index(min(tops))
        made += _block(block, MARGIN + column * step, tops[column])
        tops[column] += TITLE + BAR * len(block) + GAP
    height = max(tops) + BAR + 4
    legend = f'in brackets: how many times as good as {BASE}'
    made.append(_text(MARGIN, height - 12, legend, 'unit'))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="Benchmarks of geventio">'
    )
    page = f'<rect class="page" width="{WIDTH}" height="{height:g}" rx="6"/>'
    return '\n'.join([head, f'<style>{STYLE}</style>', page, *made, '</svg>', ''])

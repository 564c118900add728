"""Medians and ratios, the table and the plot."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from . import plot, report
from .scenarios import SCENARIOS

SVG = '{http://www.w3.org/2000/svg}'
GOOD = {
    'exact': True,
    'server_cpu': 1.0,
    'generator_cpu': 0.5,
    'foreign_cpu': 0.0,
    'p50_ms': 1.0,
    'p99_ms': 2.0,
}


def made(scenario: str, server: str, figure: float, **more: Any) -> dict[str, Any]:
    run = {'scenario': scenario, 'server': server, 'figure': figure, 'rate': figure}
    return {**run, **GOOD, **more}


def void(scenario: str, server: str) -> dict[str, Any]:
    return {'scenario': scenario, 'server': server, 'exact': False, 'error': 'lost'}


def test_void_runs_are_left_out_of_the_median() -> None:
    runs = [
        made('echo-100', 'geventio', 400.0),
        made('echo-100', report.BASE, 100.0, generator_cpu=0.95, foreign_cpu=0.3),
        void('echo-100', 'geventio'),
    ]
    first, second = report.summarise(runs)
    assert (first['median'], first['exact'], first['runs']) == (400.0, 1, 2)
    assert first['ratios'] == {report.BASE: 4.0}
    assert second['ratios'] == {report.BASE: 1.0}
    assert report.remarks(first) == '1 of 2 runs void'
    assert 'generator' in report.remarks(second)
    assert 'other processes' in report.remarks(second)
    assert (first['cost'], first['base_cost']) == (2500.0, 10000.0)
    assert (second['cost'], second['base_cost']) == (10000.0, None)


def test_medians_and_extremes() -> None:
    runs = [made('echo-100', 'node', figure) for figure in (30.0, 10.0, 20.0)]
    (line,) = report.summarise(runs)
    assert (line['lowest'], line['median'], line['highest']) == (10.0, 20.0, 30.0)
    assert line['ratios'] == {'node': 1.0}


def test_less_memory_is_better() -> None:
    runs = [
        made('idle-5000', 'geventio', 5.0, rate=0.0, p50_ms=0.0, p99_ms=0.0),
        made('idle-5000', report.BASE, 50.0, rate=0.0, p50_ms=0.0, p99_ms=0.0),
    ]
    lines = report.summarise(runs)
    assert [line['ratios'][report.BASE] for line in lines] == [10.0, 1.0]
    row = report.table(lines).splitlines()[2]
    assert (
        '| idle-5000 | geventio | 5.00 | 5.00 .. 5.00 | KiB a client | 10.00 / - | - | 1.00 | - |'
        in row
    )


def test_what_only_flask_can_do_is_compared_with_what_comes_nearest() -> None:
    runs = [
        made('echo-context-100', 'geventio', 300.0),
        made('echo-100', 'node', 200.0),
        made('echo-100', report.BASE, 20.0),
        made('echo-context-100', report.BASE, 10.0),
    ]
    ratios = report.summarise(runs)[0]['ratios']
    assert ratios == {'node': 1.5, report.BASE: 30.0}


def test_a_mixed_room_is_compared_with_a_pure_one() -> None:
    runs = [
        made('fanout-1000-w1', 'geventio', 200.0),
        made('fanout-1000-w1', report.BASE, 20.0),
        made('mixed-1000-w1', 'geventio', 150.0),
        made('mixed-1000-w8', 'geventio', 150.0),
    ]
    pure, _, mixed, alone = lines = report.summarise(runs)
    assert [line['share'] for line in lines] == [None, None, 0.75, None]
    assert mixed['ratios'] == alone['ratios'] == {}
    rows = report.table([pure, mixed, alone]).splitlines()[2:]
    medians = [row.split(' | ')[2] for row in rows]
    assert medians == ['200', '150 (0.75 of fanout-1000-w1)', '150']


def test_the_table_has_a_row_for_each_line() -> None:
    runs = [
        made('echo-100', 'geventio', 40000.0, rate=400.0),
        made('echo-100', report.BASE, 10000.0, rate=100.0),
        void('connect', 'geventio'),
    ]
    rows = report.table(report.summarise(runs)).splitlines()
    assert rows[2] == (
        '| echo-100 | geventio | 40,000 | 40,000 .. 40,000 | acks/s | 4.00 / - | 1.00 / 2.00 '
        '| 1.00 | 2500.0 (10000.0) | 0.50 | 1/1 |  |'
    )
    assert '| 1.00 | 10000.0 | 0.50 |' in rows[3]
    assert rows[4].startswith('| connect | geventio | - |')
    assert {row.count('|') for row in rows} == {rows[0].count('|')}


def test_the_plot_shows_a_bar_for_each_exact_line() -> None:
    runs = [
        made('echo-100', 'geventio', 400.0),
        made('echo-100', report.BASE, 100.0),
        void('echo-100', 'node'),
        made('echo-100', 'floor', 900.0),
        made('idle-5000', 'geventio', 5.0),
    ]
    image = ElementTree.fromstring(plot.svg(report.summarise(runs)))
    bars = [r for r in image.iter(f'{SVG}rect') if r.get('class') in ('ours', 'other')]
    lengths = [float(bar.get('width', 0)) for bar in bars]
    assert lengths == [plot.LONGEST, plot.LONGEST / 4, plot.LONGEST]
    texts = [''.join(text.itertext()) for text in image.iter(f'{SVG}text')]
    assert '400  (4.0x)' in texts
    assert not {'node', 'floor'} & set(texts)
    assert any('less is better' in text for text in texts)
    style = image.find(f'{SVG}style')
    assert style is not None and 'prefers-color-scheme: dark' in str(style.text)


def test_the_plot_stays_within_its_page() -> None:
    servers = ('geventio', 'flask-socketio', 'node', 'uvicorn', 'bun')
    runs = [made(name, s, 123456.0) for name in SCENARIOS for s in servers]
    image = ElementTree.fromstring(plot.svg(report.summarise(runs)))
    height = float(image.get('height', 0))
    for text in image.iter(f'{SVG}text'):
        assert 0 < float(text.get('y', 0)) < height
    for bar in image.iter(f'{SVG}rect'):
        assert float(bar.get('x', 0)) + float(bar.get('width', 0)) <= plot.WIDTH

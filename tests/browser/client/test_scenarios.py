"""The scenarios in a page with our client and in one with the official client: the same is seen.

Both talk to geventio and to the official server, over each transport. The official client has no
JSONP; there its polling is what ours over JSONP is compared with.
"""
from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ..cdp import Browser
from .conftest import Ports
from .differences import DIFFERENCES
from .stage import ROOT, Stage, scenario_files

pytestmark = pytest.mark.timeout(60)

SETTINGS: dict[str, dict[str, Any]] = {
    'websocket': {'options': {'transports': ['websocket']}, 'last': 'websocket'},
    'polling': {'options': {'transports': ['polling']}, 'last': 'polling'},
    'upgrade': {'options': {'transports': ['polling', 'websocket']}, 'last': 'websocket'},
    'jsonp': {'options': {'transports': ['jsonp']}, 'last': 'jsonp', 'polls': 'jsonp'},
}
SCENARIOS = [name for path in scenario_files()
             for name in re.findall(r"^scenario\('(.*?)',", path.read_text(), re.MULTILINE)]


LANES = 3
Play = tuple[str, str, str]  # server, transport, name of the scenario


class Lane:
    """A page for each client, which play one scenario at a time, side by side."""

    def __init__(self, browser: Browser, stage: Stage) -> None:
        self._stage = stage
        self._pages = {client: browser.new_page(stage.page(client))
                       for client in ('ours', 'official')}
        self._owners: dict[str, str] = {}  # by client that plays

    def start(self, client: str, name: str, setting: dict[str, Any]) -> None:
        """Begin a scenario in one of the pages."""
        self._pages[client].evaluate(
            f'window.playing = play({json.dumps(name)}, {json.dumps(setting)}); null')
        self._owners[client] = setting['unique']

    def logs(self) -> dict[str, Any]:
        """What the pages have played, waited for, by client."""
        logs = {client: self._pages[client].evaluate('playing', 30) for client in self._owners}
        for client, owner in self._owners.items():
            self._stage.tidy(owner)
            self._pages[client].errors.clear()  # the page logs them itself
            if logs[client]['failure']:
                self._pages[client].reload()  # with whatever is left in it
        self._owners.clear()
        return logs


class Cast:
    """Plays the scenarios in the order of the tests, some of them ahead."""

    def __init__(self, lanes: list[Lane], servers: dict[str, Ports], dead: int,
                 plan: list[Play]) -> None:
        self._lanes = lanes
        self._servers = servers
        self._dead = dead
        self._plan = plan
        self._started = 0
        self._played = 0
        self._official: set[Play] = set()  # begun
        self._logs: dict[tuple[str, Play], Any] = {}

    def compare(self, play: Play) -> tuple[list[Any], list[Any]]:
        """The logs of our client and of the official one."""
        wanted = [('ours', play), ('official', reference(play))]
        while not all(key in self._logs for key in wanted):
            self._advance()
        for client, its_play in wanted:
            failure = self._logs[client, its_play]['failure']
            log = self._logs[client, its_play]['transcript']
            assert failure is None, f'{client}: {failure}\nafter {log}'
        ours, official = (
            [*self._logs[key]['transcript'], ['uncaught', *self._logs[key]['uncaught']]]
            for key in wanted)
        return ours, official

    def _advance(self) -> None:
        """Take what one lane has played, with every other lane under way."""
        while self._started < min(self._played + len(self._lanes), len(self._plan)):
            self._start(self._plan[self._started])
        play = self._plan[self._played]
        for client, log in self._lanes[self._played % len(self._lanes)].logs().items():
            self._logs[client, play if client == 'ours' else reference(play)] = log
        self._played += 1

    def _start(self, play: Play) -> None:
        lane = self._lanes[self._started % len(self._lanes)]
        self._started += 1
        lane.start('ours', play[2], self._setting('ours', play))
        if reference(play) not in self._official:
            self._official.add(reference(play))
            lane.start('official', play[2], self._setting('official', reference(play)))

    def _setting(self, client: str, play: Play) -> dict[str, Any]:
        server, transport, _ = play
        ports = self._servers[server]
        return {'port': ports['bare' if transport == 'jsonp' else 'plain'], 'ports': ports,
                'dead': self._dead, 'polls': 'polling', 'unique': f'{client} {self._started}',
                **SETTINGS[transport]}


def reference(play: Play) -> Play:
    """What the official client plays."""
    server, transport, name = play
    return server, 'polling' if transport == 'jsonp' else transport, name


@pytest.fixture(scope='module')
def cast(request: pytest.FixtureRequest, chromium: Browser, stage: Stage, geventio_ports: Ports,
         node_ports: Ports, dead_port: int) -> Cast:
    plan = [play_of(item.callspec.params) for item in request.session.items
            if item.name.startswith(test_the_same_is_seen.__name__)]
    lanes = [Lane(chromium, stage) for _ in range(min(LANES, len(plan)))]
    return Cast(lanes, {'geventio': geventio_ports, 'node': node_ports}, dead_port, plan)


def play_of(parameters: dict[str, str]) -> Play:
    return parameters['server'], parameters['transport'], parameters['name']


@pytest.mark.parametrize('name', SCENARIOS)
@pytest.mark.parametrize('transport', SETTINGS)
@pytest.mark.parametrize('server', ['geventio', 'node'])
def test_the_same_is_seen(cast: Cast, server: str, transport: str, name: str) -> None:
    ours, official = cast.compare((server, transport, name))
    excused = {difference.label: difference.ours for difference in DIFFERENCES
               if difference.scenario == name and transport in difference.transports}
    assert [line for line in ours if line[0] not in excused] == [
        line for line in official if line[0] not in excused]
    for label, values in excused.items():
        assert values_of(ours, label) == values
        assert values_of(official, label) != values, f'{label} is no difference'


def values_of(log: list[Any], label: str) -> list[Any]:
    """What follows a label in its lines."""
    return [line[1:] for line in log if line[0] == label]


def test_differences_are_documented() -> None:
    table = (ROOT / 'docs' / 'client.md').read_text()
    assert [entry for entry in DIFFERENCES if entry.reason not in table] == []


def test_differences_are_of_scenarios() -> None:
    assert {entry.scenario for entry in DIFFERENCES} <= set(SCENARIOS)

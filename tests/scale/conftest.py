"""Counters, servers without a network, and crowds of real clients."""

from __future__ import annotations

import pytest

from .crowd import Crowd
from .inside import World
from .measuring import Meter


@pytest.fixture
def meter():
    meter = Meter()
    yield meter
    meter.close()


@pytest.fixture
def world():
    """``world(...)``: see ``inside.World``."""
    worlds = []

    def make(*args, **options):
        worlds.append(World(*args, **options))
        return worlds[-1]

    yield make
    for made in worlds:
        made.close()


@pytest.fixture
def crowd():
    """``crowd(host, count)``: see ``crowd.Crowd``."""
    crowds = []

    def make(host, count):
        crowds.append(Crowd(host.http.server_port, count))
        return crowds[-1]

    yield make
    for made in crowds:
        made.close()

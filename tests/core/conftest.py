"""A server to itself for each test."""

from __future__ import annotations

import pytest

from .support import World


@pytest.fixture
def world():
    return World()

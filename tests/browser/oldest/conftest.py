"""The application of this folder, in a process, and the packages it serves."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...tools import MissingToolError, install_packages, unable
from ..served import Served


@pytest.fixture(scope='module')
def site() -> Iterator[Served]:
    """The application: skipped where its packages cannot be had, except in CI."""
    try:
        install_packages(Path(__file__).parent)
    except MissingToolError as missing:
        unable(str(missing))
    running = Served('tests.browser.oldest.app', '{port}')
    yield running
    running.stop()

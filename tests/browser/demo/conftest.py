"""The demo site in a process of its own."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...tools import MissingToolError, install_packages, unable
from ..served import Served

FOLDER = Path(__file__).parents[1]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    """The site with an empty history."""
    running = Served('demo_app', '--port', '{port}', '--db', str(tmp_path / 'demo.sqlite3'))
    yield running
    running.stop()


@pytest.fixture(scope='session')
def axe() -> str:
    """The script of axe-core, installed from npm as the lock file has it."""
    try:
        install_packages(FOLDER)
    except MissingToolError as missing:
        unable(str(missing))
    return (FOLDER / 'node_modules' / 'axe-core' / 'axe.min.js').read_text()

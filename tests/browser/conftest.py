"""A Chromium for the tests of this folder, and the folder for its pictures."""
from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cdp import Browser, Page, launch


@pytest.fixture(scope='module')
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser: skipped where there is none, except in continuous integration."""
    executable = os.environ.get('CHROMIUM') or shutil.which('chromium')
    if not executable:
        message = 'no chromium found; CHROMIUM may name the executable'
        if os.environ.get('CI') == 'true':
            pytest.fail(message)
        pytest.skip(message)
    with launch(executable, tmp_path_factory.mktemp('profile')) as running:
        yield running


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser for one test: its pages are closed, and none may have met an uncaught error."""
    before = chromium.pages
    yield chromium
    errors = []
    for page in chromium.pages:
        if page not in before:
            page.close()
            errors += page.errors
    assert errors == []


@pytest.fixture(scope='module')
def _tab(chromium: Browser) -> Page:
    return chromium.new_page('about:blank')


@pytest.fixture
def tab(_tab: Page) -> Iterator[Page]:
    """A page for tests that leave nothing behind but a document: one for the whole module."""
    yield _tab
    errors = _tab.errors.copy()
    _tab.errors.clear()
    _tab.goto('about:blank')
    assert errors == []


@pytest.fixture(scope='session')
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: the folder named by BROWSER_PICTURES, or else a temporary one."""
    folder = os.environ.get('BROWSER_PICTURES')
    return Path(folder) if folder else tmp_path_factory.mktemp('pictures')

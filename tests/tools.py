"""Tools from outside Python: what a test needs of them, and what it does when one is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

INSTALLING = 300.0  # seconds for npm


class MissingToolError(Exception):
    """Something outside Python that the tests need is not on this machine."""


def unable(reason: str) -> NoReturn:
    """Skip a test for want of a tool, except in CI, where everything has to be there."""
    if os.environ.get('CI') == 'true':
        pytest.fail(reason)
    pytest.skip(reason)


def install_packages(folder: Path) -> None:
    """The npm packages of a folder as its lock file has them, unless they are there already.

    :raises MissingToolError: there is no npm, or it failed.
    """
    npm = shutil.which('npm')
    if npm is None:
        raise MissingToolError('npm is not installed')
    lock, mark = folder / 'package-lock.json', folder / 'node_modules' / '.package-lock.json'
    if mark.exists() and mark.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund']
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALLING)
    if done.returncode:
        raise MissingToolError(f'npm ci failed in {folder}: {done.stderr[-2000:]}')

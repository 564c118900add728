"""The compiled generator, and how tests run it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import build

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope='session')
def program() -> Path:
    try:
        return build.generator()
    except build.NotBuilt as error:
        if os.environ.get('CI') == 'true':
            raise
        pytest.skip(str(error))


@pytest.fixture
def run(program: Path) -> Run:
    """Runs the generator for some tenths of a second: what it printed."""

    def run(scenario: str, port: int, **options: float) -> dict[str, Any]:
        chosen = {'clients': 3, 'seconds': 0.2, 'warmup': 0.1, 'patience': 1.0, **options}
        command = [str(program), scenario, '--port', str(port)]
        for option, value in chosen.items():
            command += [f'--{option.replace("_", "-")}', str(value)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        result: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if result['exact'] else 1), done.stderr
        return result

    return run

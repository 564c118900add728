"""The example applications as processes and what was seen of them; not what is right."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clients.harness import ROOT, Driver, ServerProcess
from ..ports import free_port

#: The name in the applications' sources, and the one that takes its place.
LIBRARIES = ('flask_socketio', 'geventio')
TRANSPORTS = ('websocket', 'polling', 'upgrade')


class ExampleProcess(ServerProcess):
    """An application run as its users run it, on a free port of the loopback address."""

    def __init__(self, source: Path, log: Path, environ: dict[str, str]) -> None:
        self.log = log
        self.port = free_port()
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
        with log.open('ab') as out:
            self._process = subprocess.Popen(
                [sys.executable, source.name], cwd=source.parent, stdout=out, stderr=out,
                env={**os.environ, **environ, 'PYTHONPATH': path, 'PORT': str(self.port)})
        self._await_listening()


@dataclass
class Transcript:
    """What was seen of one library.

    :ivar lines: transport -> what the clients saw, in lines ``[who, what, *values]``. A play that
        could not go on ends with a line of its own.
    :ivar log: what the server wrote.
    """

    lines: dict[str, list[Any]]
    log: str


def read_lines(driver: Driver) -> list[Any]:
    """What the clients saw over the next transport."""
    lines: list[Any] = []
    while True:
        told = driver.line()
        if 'line' in told:
            lines.append(told['line'])
        elif 'error' in told:
            return [*lines, ['the play', 'stopped', told['error']]]
        else:
            return lines

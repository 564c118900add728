"""What the client tests need around the clients: processes, and the lines they write.

Nothing here knows what a right answer is; that is in the drivers and the tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..ports import free_port
from ..tools import MissingToolError, install_packages

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
Environment = dict[str, str]
STARTING = 20.0  # seconds a server may take until it listens
DRIVING = 50.0  # seconds for all scenarios of one client over one transport


def node() -> str:
    """The path of the Node executable."""
    found = shutil.which('node')
    if found is None:
        raise MissingToolError('node is not installed')
    return found


def install_clients() -> None:
    """The official clients, in their versions.

    :raises MissingToolError: they cannot be had.
    """
    install_packages(FOLDER)


class ServerProcess:
    """app.py in a process of its own, with its log in a file."""

    def __init__(self, log: Path, port: int = 0, **options: Any) -> None:
        self.log = log
        self.port = port or free_port()
        command = [sys.executable, str(FOLDER / 'app.py'), str(self.port), json.dumps(options)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
        with log.open('ab') as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, env={**os.environ, 'PYTHONPATH': path}
            )
        self._await_listening()

    def _await_listening(self) -> None:
        deadline = time.monotonic() + STARTING
        address = ('127.0.0.1', self.port)
        while True:
            with contextlib.suppress(OSError), socket.create_connection(address, 1):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                # The wait between two tries: it ends at once when the process dies.
                self._process.wait(0.05)
                raise AssertionError(f'the server ended: {self.log_text()[-3000:]}')
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f'the server does not listen: {self.log_text()[-3000:]}')

    def log_text(self) -> str:
        """What the server has written so far."""
        return self.log.read_text(errors='replace')

    def terminate(self) -> int:
        """Ask the server to end; its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End the server without letting it say goodbye."""
        self._process.kill()
        self._process.wait()


class Driver:
    """A process that writes lines of JSON.

    A thread has to say with which environment, taken before it began: pytest writes to that of
    this process with every test, and a process started meanwhile fails with a bad address.
    """

    def __init__(self, command: list[str], seconds: float, env: Environment | None) -> None:
        self._deadline = time.monotonic() + seconds
        self._process = subprocess.Popen(
            command, cwd=FOLDER, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._buffer = b''

    def line(self) -> Any:
        """The next line, decoded.

        :raises AssertionError: the process ended, or its time is over; with what it complained of.
        """
        stdout = self._process.stdout
        assert stdout is not None
        while b'\n' not in self._buffer:
            left = self._deadline - time.monotonic()
            readable = left > 0 and select.select([stdout], [], [], left)[0]
            chunk = os.read(stdout.fileno(), 65536) if readable else b''
            if not chunk:
                raise AssertionError(f'the driver fell silent: {self.end()}')
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b'\n', 1)
        return json.loads(line)

    def end(self) -> str:
        """End the process if it still runs; what it complained of."""
        if self._process.poll() is None:
            self._process.kill()
        _, complaints = self._process.communicate()
        return complaints.decode(errors='replace')[-3000:]


@contextlib.contextmanager
def driver(command: list[str], seconds: float = DRIVING, env: Environment | None = None
           ) -> Iterator[Driver]:
    """A driver process that is ended whatever happens."""
    running = Driver(command, seconds, env)
    try:
        yield running
    finally:
        running.end()


def outcome_of(result: dict[str, Any]) -> str | None:
    """None for a scenario that went well, else what to tell of it."""
    if result['ok']:
        return None
    lines = [result['error']]
    for index, record in enumerate(result.get('wire') or ()):
        lines += [f'-- connection {index}, from the client', record['client']]
        lines += [f'-- connection {index}, from the server', record['server']]
    return '\n'.join(lines)

"""A server process on a port of its own."""
from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ..ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds


class Served:
    """A Python module run as a server: `python -m <module> <arguments>`, running once made.

    :param arguments: `{port}` in them stands for the port.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}/'
        self._command = [sys.executable, '-m', module,
                         *(argument.format(port=self.port) for argument in arguments)]
        self.start()

    def start(self) -> None:
        """Start it (again); returns when it accepts connections."""
        self._process = subprocess.Popen(self._command, cwd=ROOT)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), timeout=5).close()
                return
            except OSError:
                assert time.monotonic() < deadline, 'the server does not start'
                self._expect_running()

    def stop(self) -> None:
        """End it as an operator does."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()

    def _expect_running(self) -> None:
        try:
            status = self._process.wait(0.05)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f'the server ended with status {status}')

"""Processes, cores and CPU time. Linux: it reads ``/proc``."""

from __future__ import annotations

import os
import platform
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[1]

_TICK = os.sysconf('SC_CLK_TCK')
_START = 20.0
"""Seconds that a server may take to accept its first connection."""


def raise_file_limit() -> None:
    """Allows as many open sockets as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_times(pid: int) -> tuple[float, float]:
    """User time and system time that a process has used."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) / _TICK, int(fields[12]) / _TICK


def cpu_seconds(pid: int) -> float:
    """Both."""
    return sum(cpu_times(pid))


def busy_seconds() -> float:
    """CPU time that the whole machine has spent on anything but idling."""
    fields = [int(n) for n in Path('/proc/stat').read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICK


def describe() -> dict[str, str]:
    """What the figures depend on besides the code."""
    models = [
        line.partition(':')[2].strip()
        for line in Path('/proc/cpuinfo').read_text().splitlines()
        if line.startswith('model name')
    ]
    return {
        'cpu': f'{len(models)} x {models[0]}' if models else platform.machine(),
        'kernel': platform.release(),
        'python': platform.python_version(),
    }


def prepare(core: int) -> Callable[[], None]:
    """What a child process does before it starts: keep to one core, allow many sockets."""

    def run() -> None:
        if (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(0, {core})
        raise_file_limit()

    return run


class NotStarted(Exception):
    """A server that accepts no connection; the text is what it printed."""


class Server:
    """A server process on its own core, from the first accepted connection to its end."""

    def __init__(self, command: Sequence[str], core: int) -> None:
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port: int = probe.getsockname()[1]
        self.command = [*command, str(self.port)]
        self.core = core

    def __enter__(self) -> Server:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=prepare(self.core),
        )
        deadline = time.monotonic() + _START
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1.0).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    text = self.last_words()
                    self.__exit__(None, None, None)
                    raise NotStarted(f'{" ".join(self.command)}: {text}') from None
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        return self.process.pid

    def last_words(self) -> str:
        self.log.seek(0)
        return self.log.read().decode('utf-8', 'replace')[-1000:]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                try:
                    self.process.wait(5.0)
                except subprocess.TimeoutExpired:
                    continue
        self.log.close()

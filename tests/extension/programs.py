"""Programs in processes of their own, which may start others: made, asked, and ended by id."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sys
import textwrap
from pathlib import Path

from ..ports import free_port
from ..serving.support import PATIENCE, Process

#: What goes before a program, for a test that is to hold with and without.
PATCHES = {'plain': '', 'patched': 'from gevent import monkey; monkey.patch_all()\n'}


class Program(Process):
    """A process, and with ``--debug`` its child."""

    def children(self) -> list[int]:
        pid = self._process.pid
        with contextlib.suppress(OSError):
            return [int(child) for child in
                    Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
        return []

    def kill(self) -> None:
        children = self.children()
        super().kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def get(self, path: str = '/', **headers: str) -> tuple[int, str]:
        """Status and text of a page."""
        with contextlib.closing(http.client.HTTPConnection(
                '127.0.0.1', self.port, timeout=PATIENCE)) as connection:
            connection.request('GET', path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def page(self, path: str, wanted: str) -> str:
        """Ask for a page until it contains something."""
        def look() -> str | None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                text = self.get(path)[1]
                if wanted in text:
                    return text
            return None

        return self.until(look, f'{wanted!r} on {path}')

    def pid(self, old: int | None = None) -> int:
        """The id of the process that serves, as soon as it is another one."""
        def look() -> int | None:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                found = int(self.get('/pid')[1])
                return None if found == old else found
            return None

        return self.until(look, 'the process that serves')


@contextlib.contextmanager
def program(folder: Path, text: str, *, name: str = 'program', port: int | None = None,
            command: list[str] | None = None, **environ: str):
    """Run a text as a program, in which PORT is a free port, or ``command`` beside it."""
    if port is None:
        port = free_port()
    write(folder, text.replace('PORT', str(port)), name)
    if command is None:
        command = [f'{name}.py']
    running = Program(folder, [sys.executable, *command], port, environ)
    try:
        yield running
    finally:
        running.kill()


def write(folder: Path, text: str, name: str = 'program') -> None:
    """Write the program, with a time of change that no reloader can miss."""
    path = folder / f'{name}.py'
    path.write_text(textwrap.dedent(text))
    touch(path)


def touch(path: Path) -> None:
    """Write a file as it is, at a later time: either is noticed by one kind of reloader only."""
    path.write_bytes(path.read_bytes())
    later = touch.last = getattr(touch, 'last', 2_000_000_000) + 10
    os.utime(path, (later, later))

"""Compiles ``load.c`` and ``floor.c``: programs in ``build/``, made once for each version."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).with_name('build')
FLAGS = ('-std=c11', '-O2', '-Wall', '-Wextra')


class NotBuilt(Exception):
    """There is no compiler, or it refused; the text says what to do."""


def generator(folder: Path = FOLDER) -> Path:
    """The load generator. See ``compiled``."""
    return compiled('load', folder)


def floor(folder: Path = FOLDER) -> Path:
    """The server that does as little as possible. See ``compiled``."""
    return compiled('floor', folder)


def compiled(name: str, folder: Path) -> Path:
    """A program, compiled unless it is there already.

    The environment variable ``CC`` names the compiler, ``cc`` by default.

    :raises NotBuilt: without a compiler, or with its messages when it fails.
    """
    source = Path(__file__).with_name(f'{name}.c')
    command = [*shlex.split(os.environ.get('CC', '')), *FLAGS]
    if command[0] == FLAGS[0]:
        command.insert(0, 'cc')
    version = hashlib.sha256(source.read_bytes() + repr(command).encode()).hexdigest()[:12]
    program = folder / f'{name}-{version}'
    if program.exists():
        return program
    if shutil.which(command[0]) is None:
        raise NotBuilt(
            f'{source.name} is written in C, and there is no compiler {command[0]!r}: install one '
            '(Debian packages gcc and libc6-dev), or name it in the environment variable CC'
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        built = Path(scratch) / name
        done = subprocess.run(
            [*command, '-o', str(built), str(source)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise NotBuilt(f'{shlex.join(command)} failed:\n{done.stderr.strip()}')
        built.replace(program)
    return program

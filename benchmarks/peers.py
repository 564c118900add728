"""The servers that can run here, and the versions of everything that the figures depend on."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from . import build, machine
from .scenarios import Scenario

HERE = Path(__file__).parent
APPS = HERE / 'apps'
PLAIN = 'geventio-plain'
"""geventio as it is without the packages of its extra ``speed``."""
SPEED = ('orjson', 'websockets')
"""Those packages."""
FLOOR = 'floor'
"""The least that a server must do: no Socket.IO server, but what the others are measured from."""
ALL_DIALECTS = ('--dialects', 'all')
"""What geventio's application is told for the scenarios in which clients of all dialects meet."""
PACKAGES = (
    'geventio',
    'flask-socketio',
    'gevent',
    'gevent-websocket',
    'greenlet',
    'flask',
    'python-socketio',
    'uvicorn',
    'uvloop',
    'websockets',
    'orjson',
)


@dataclass(frozen=True)
class Peer:
    """A server.

    :param command: starts it, with the port behind.
    :param flask: whether its application is one of Flask's.
    :param mixed: what it is told besides to speak all dialects; empty for one that cannot.
    """

    command: tuple[str, ...]
    flask: bool = False
    mixed: tuple[str, ...] = ()

    def runs(self, scenario: Scenario) -> bool:
        """Whether it can."""
        return (self.flask or not scenario.flask) and bool(self.mixed or not scenario.mixed)

    def command_for(self, scenario: Scenario) -> tuple[str, ...]:
        """The command, short of the port."""
        return self.command + self.mixed if scenario.mixed else self.command


def javascript(runtime: str | None, package: str) -> str | None:
    """The version of a package that a JavaScript runtime finds beside this program, or None."""
    if runtime is None:
        return None
    ask = f'process.stdout.write(require("{package}/package.json").version)'
    done = subprocess.run(
        [runtime, '-e', ask], cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else None


def bun() -> str | None:
    """Bun, from npm's folder here or from the system."""
    return shutil.which(HERE / 'node_modules' / '.bin' / 'bun') or shutil.which('bun')


def _flask(module: str, *options: str, mixed: tuple[str, ...] = ()) -> Peer:
    app = (sys.executable, '-m', f'{__package__}.apps.flask_app', module, *options)
    return Peer(app, flask=True, mixed=mixed)


def peers() -> dict[str, Peer]:
    """Every server that is installed."""
    found = {'geventio': _flask('geventio', mixed=ALL_DIALECTS)}
    if any(map(find_spec, SPEED)):
        hidden = [f'--without={name}' for name in SPEED]
        found[PLAIN] = _flask('geventio', *hidden, mixed=ALL_DIALECTS)
    if find_spec('flask_socketio'):
        found['flask-socketio'] = _flask('flask_socketio')
    if find_spec('uvicorn') and find_spec('socketio'):
        found['uvicorn'] = Peer((sys.executable, '-m', f'{__package__}.apps.asgi_app'))
    if javascript(node := shutil.which('node'), 'socket.io'):
        found['node'] = Peer((str(node), str(APPS / 'node_app.js')))
    if javascript(runtime := bun(), '@socket.io/bun-engine'):
        found['bun'] = Peer((str(runtime), str(APPS / 'bun_app.js')))
    with contextlib.suppress(build.NotBuilt):  # the generator cannot be built then, and says so
        found[FLOOR] = Peer((str(build.floor()),))
    return found


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """The machine and what is installed, by name."""
    found = machine.describe()
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    node, bunjs = shutil.which('node'), bun()
    for runtime, name, package in (
        (node, 'node', 'socket.io'),
        (bunjs, 'bun', '@socket.io/bun-engine'),
    ):
        if runtime and (version := javascript(runtime, package)):
            found[package] = version
            found[name] = _output([runtime, '--version'])
    return found

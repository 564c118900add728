"""Runs an example application on both libraries and collects what its clients saw.

The sources say ``flask_socketio``. Each library has a copy of them; in that of geventio the name
is replaced, and nothing else.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..clients.harness import driver, install_clients, node
from ..tools import MissingToolError, unable
from .transcripts import LIBRARIES, TRANSPORTS, ExampleProcess, Transcript, read_lines

FOLDER = Path(__file__).parent
#: What the applications import and Flask-SocketIO runs on, besides what geventio itself needs.
NEEDED = ('flask_socketio', 'geventwebsocket', 'flask_login', 'flask_session', 'cachelib')
PLAYING = 50.0  # seconds for one play over all transports

Play = Callable[..., dict[str, Transcript]]


@pytest.fixture(scope='session')
def node_path() -> str:
    """Node, with the client and the libraries installed: skipped where not, except in CI."""
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            unable(f'{name} is not installed')
    try:
        path = node()
        install_clients()
    except MissingToolError as missing:
        unable(str(missing))
    return path


@pytest.fixture(scope='session')
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Library -> folder with the applications written for it."""
    folders = {}
    for library in LIBRARIES:
        folder = folders[library] = tmp_path_factory.mktemp('examples') / library
        shutil.copytree(FOLDER / 'apps', folder, ignore=shutil.ignore_patterns('__pycache__'))
        for file in folder.rglob('*.py'):
            source = file.read_text(encoding='utf-8')
            file.write_text(source.replace('flask_socketio', library), encoding='utf-8')
    return folders


@pytest.fixture(scope='session')
def play(node_path: str, sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
         ) -> Iterator[Play]:
    """``play(app, name, session_dir=False, **settings)``: each library's transcript of a play.

    ``app`` is the file to run and ``name`` the driver; the libraries are driven side by side.
    ``session_dir`` gives the application a folder for its sessions; the settings are the driver's.
    """
    def perform(library: str, app: str, name: str, session_dir: bool, settings: dict[str, object]
                ) -> Transcript:
        folder = tmp_path_factory.mktemp(library)
        environ = {'SESSION_DIR': str(folder / 'sessions')} if session_dir else {}
        server = ExampleProcess(sources[library] / app, folder / 'log', environ)
        try:
            stage = {'port': server.port, 'transports': TRANSPORTS, 'settings': settings}
            command = [node_path, str(FOLDER / 'drivers' / 'play.js'), name, json.dumps(stage)]
            with driver(command, PLAYING) as running:
                lines = {transport: read_lines(running) for transport in TRANSPORTS}
        finally:
            server.kill()
        return Transcript(lines, server.log_text())

    with ThreadPoolExecutor(len(LIBRARIES)) as pool:
        def start(app: str, name: str, session_dir: bool = False, **settings: object
                  ) -> dict[str, Transcript]:
            futures = {library: pool.submit(perform, library, app, name, session_dir, settings)
                       for library in LIBRARIES}
            return {library: future.result() for library, future in futures.items()}

        yield start

"""What is made of static/geventio.js: the build, its size, and the types that describe it."""
from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from ..clients.harness import FOLDER as CLIENTS
from ..clients.harness import install_clients, node
from ..tools import MissingToolError, install_packages, unable

ROOT = Path(__file__).parents[2]
STATIC = ROOT / 'static'
TOOLS = ROOT / 'tools' / 'client'
OFFICIAL = CLIENTS / 'node_modules' / 'sio48' / 'dist' / 'socket.io.min.js'
LIMIT = 6000  # bytes, compressed, of all that a page loads

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope='module')
def node_path() -> str:
    """Node, with the tools and the clients installed as the lock files have them."""
    try:
        path = node()
        install_clients()
        install_packages(TOOLS)
    except MissingToolError as missing:
        unable(str(missing))
    return path


def test_build_is_of_this_source(node_path: str, tmp_path: Path) -> None:
    subprocess.run([node_path, 'build.mjs', str(tmp_path)], cwd=TOOLS, check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(made) == {'geventio.min.js', 'geventio.min.js.map'}
    for name, content in made.items():
        assert content == (STATIC / name).read_bytes(), (
            f'static/{name} is of another source: run `npm ci && npm run build` in tools/client')


def test_size(node_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    build, module, official = (
        len(gzip.compress(path.read_bytes(), 9, mtime=0))
        for path in (STATIC / 'geventio.min.js', STATIC / 'geventio.esm.js', OFFICIAL))
    with capsys.disabled():
        print(f'\nminified and compressed: geventio.min.js {build} bytes, with geventio.esm.js '
              f'{build + module}; socket.io.min.js 4.8 {official}')
    assert build + module <= LIMIT
    assert official > 2 * LIMIT


def test_types(node_path: str) -> None:
    """The samples compile, and every line in them that must not compile does not."""
    compiler = TOOLS / 'node_modules' / 'typescript' / 'bin' / 'tsc'
    done = subprocess.run([node_path, str(compiler), '--project', 'typed'],
                          cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120)
    assert done.stdout == ''
    assert done.returncode == 0

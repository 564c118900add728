"""What is shipped: the wheel and the source distribution, built from a copy of this checkout."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT_FROM = ('setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'CHANGELOG.md')
COPIED = (*BUILT_FROM, 'LICENSE', 'tox.ini', 'run', 'geventio', 'static', 'demo_app')

pytestmark = pytest.mark.timeout(180)


def build(source: Path, hook: str, out: Path) -> Path:
    """Runs one PEP 517 hook of setuptools in ``source`` and returns the file it made."""
    code = f'from setuptools import build_meta; print(build_meta.{hook}({str(out)!r}))'
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=source, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope='module')
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp('checkout')
    for name in COPIED:
        origin = ROOT / name
        if origin.is_dir():
            ignored = shutil.ignore_patterns('__pycache__')
            shutil.copytree(origin, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(origin, source / name)
    return build(source, 'build_sdist', tmp_path_factory.mktemp('sdist'))


@pytest.fixture(scope='module')
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, so that both are known to be complete."""
    source = tmp_path_factory.mktemp('unpacked')
    with tarfile.open(sdist) as archive:
        archive.extractall(source, filter='data')
    return build(next(source.iterdir()), 'build_wheel', tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp('site')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope='module')
def metadata(installed: Path) -> Message:
    return email.message_from_string(next(installed.glob('*.dist-info/METADATA')).read_text())


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


def test_wheel_holds_the_whole_package_and_nothing_else(installed: Path) -> None:
    package = {f'geventio/{name}' for name in files_below(ROOT / 'geventio')}
    client = {f'geventio/static/{name}' for name in files_below(ROOT / 'static')}
    shipped = {name for name in files_below(installed) if '.dist-info/' not in name}
    assert client, 'static/ is empty'
    assert shipped == package | client
    assert 'geventio/py.typed' in shipped
    assert {name for name in os.listdir(installed) if not name.endswith('.dist-info')} == {
        'geventio'
    }


def test_browser_client_is_shipped_byte_for_byte(installed: Path) -> None:
    for name in files_below(ROOT / 'static'):
        shipped = installed / 'geventio' / 'static' / name
        assert shipped.read_bytes() == (ROOT / 'static' / name).read_bytes()


def test_checkout_finds_the_browser_client_where_the_wheel_has_it() -> None:
    assert files_below(ROOT / 'geventio' / 'static') == files_below(ROOT / 'static')


def test_wheel_imports_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = 'import geventio; print(geventio.__file__, *geventio.__all__)'
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    path, *public = done.stdout.split()
    assert path == str(installed / 'geventio' / '__init__.py')
    assert 'SocketIO' in public


def test_metadata(metadata: Message, installed: Path) -> None:
    assert metadata['Name'] == 'geventio'
    assert f'\n## {metadata["Version"]} ' in (ROOT / 'CHANGELOG.md').read_text()
    assert metadata['Requires-Python'] == '>=3.10'
    required = {r.partition('>')[0] for r in metadata.get_all('Requires-Dist', ()) if ';' not in r}
    assert required == {'flask', 'gevent', 'gevent-websocket', 'greenlet'}
    assert metadata.get_payload() == (ROOT / 'README.md').read_text()
    assert next(installed.glob('*.dist-info/**/LICENSE')).read_text().startswith('MIT License')


def test_lowest_versions_are_the_ones_that_tox_tests(metadata: Message) -> None:
    tox = ''.join((ROOT / 'tox.ini').read_text().split())
    for requirement in metadata.get_all('Requires-Dist', ()):
        if ';' not in requirement:
            assert requirement.replace('>=', '==') in tox


def test_sdist_holds_what_a_build_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    assert names >= {*BUILT_FROM, 'LICENSE', 'geventio/py.typed'}

"""The package itself: its names, and that importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import geventio


def test_every_public_name_is_there():
    for name in geventio.__all__:
        assert getattr(geventio, name).__name__ == name
    assert set(geventio.__all__) <= set(dir(geventio))
    assert sorted(geventio.__all__) == geventio.__all__


def test_a_name_that_is_not():
    with pytest.raises(AttributeError, match="module 'geventio' has no attribute 'Socket'"):
        geventio.Socket  # noqa: B018
    with pytest.raises(ImportError):
        from geventio import Socket  # noqa: F401


@pytest.mark.parametrize(('module', 'but_not'), [
    ('geventio', 'gevent flask ssl'), ('geventio.pytest_plugin', 'gevent flask ssl'),
    ('geventio.extension.cli', 'gevent geventio.extension.extension'),
])
def test_what_other_programs_import_brings_in_no_more_than_it_must(module, but_not):
    code = f'import sys, {module}; print(*(set({but_not.split()}) & set(sys.modules)))'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ('\n', '')

"""Where the time goes: the parts, and the command at a small scale."""

from __future__ import annotations

import subprocess
import sys

import pytest

from . import anatomy, machine


@pytest.mark.parametrize(
    ('filename', 'part'),
    [
        ('/home/me/geventio/geventio/core/event.py', 'geventio.core'),
        ('/venv/lib/python3.12/site-packages/geventio/core/event.py', 'geventio.core'),
        ('/home/me/geventio/geventio/namespace.py', 'geventio'),
        ('/venv/lib/python3.12/site-packages/flask/ctx.py', 'flask'),
        ('/venv/lib/python3.12/site-packages/greenlet.py', 'greenlet'),
        ('src/gevent/event.py', 'gevent'),
        (str(machine.ROOT / 'benchmarks/apps/flask_app.py'), 'the application'),
        ('/usr/lib/python3.12/json/decoder.py', 'the standard library'),
    ],
)
def test_a_file_belongs_to_a_part(filename: str, part: str) -> None:
    assert anatomy.part(filename) == part


def test_the_table_has_the_dearest_part_first_and_leaves_trifles_out() -> None:
    samples = {
        'geventio': {
            'parts': {'geventio.core': 300, 'flask': 1, 'gevent': 699},
            'cost': 20.0,
            'system': 0.25,
        },
        'flask-socketio': {'parts': {'flask': 1000}, 'cost': 100.0, 'system': 0.1},
    }
    rows = anatomy.table('echo-100', samples).splitlines()[4:]
    assert rows == [
        '| flask | 0.0 | 100.0 |',
        '| gevent | 14.0 | - |',
        '| geventio.core | 6.0 | - |',
        '| **all** | **20.0** | **100.0** |',
        '| of it in the kernel | 5.0 | 10.0 |',
    ]


def test_the_command_samples_a_server_under_load() -> None:
    command = [sys.executable, '-m', 'benchmarks.anatomy', '--scenarios', 'echo-100']
    command += ['--servers', 'geventio', '--seconds', '1']
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert '| geventio.core |' in done.stdout


@pytest.mark.parametrize(
    ('option', 'name'),
    [('--servers', 'nodd'), ('--scenarios', 'echo-7'), ('--scenarios', 'storm-2000')],
)
def test_what_cannot_be_sampled_is_refused(option: str, name: str) -> None:
    command = [sys.executable, '-m', 'benchmarks.anatomy', option, name]
    wrong = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, timeout=50)
    assert wrong.returncode == 2
    assert f"'{name}' is none of " in wrong.stderr

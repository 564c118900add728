"""The check for late monkey patching, in real programs; a false alarm is as bad as none."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from geventio.serving import patching

from ..ports import free_port
from .support import PATIENCE, ROOT, Poller, process

PATCH = 'from gevent import monkey; monkey.patch_all()\n'
CHECK = """
import logging
logging.basicConfig(format='%(levelname)s %(name)s %(message)s')
from geventio.serving.patching import warn_if_late
warn_if_late()
"""


def warned(folder, program, **modules):
    """What a program that checks in the end writes."""
    for name, text in modules.items():
        (folder / f'{name}.py').write_text(textwrap.dedent(text))
    path = folder / 'program.py'
    path.write_text(textwrap.dedent(program) + CHECK)
    done = subprocess.run([sys.executable, '-W', 'ignore', str(path)], capture_output=True,
                          text=True, timeout=2 * PATIENCE, env={'PYTHONPATH': str(ROOT)})
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize(('line', 'named'), [
    ('from socket import create_connection', 'helper.create_connection (socket.'),
    ('from time import sleep', 'helper.sleep (time.sleep)'),
    ('from time import sleep as pause', 'helper.pause (time.sleep)'),
    ('from threading import Lock', 'helper.Lock ('),
    ('from threading import local', 'helper.local ('),
    ('from queue import SimpleQueue', 'helper.SimpleQueue (queue.SimpleQueue)'),
    ('from subprocess import Popen', 'helper.Popen (subprocess.Popen)'),
    ('from ssl import SSLContext', 'helper.SSLContext (ssl.SSLContext)'),
    ('from select import select', 'helper.select (select.select)'),
    ('import socket\nclass Mine(socket.socket): pass', 'helper.Mine (derived from socket.'),
    ('import threading\nclass Data(threading.local): pass', 'helper.Data (derived from '),
])
def test_what_a_module_took_too_early_is_named(tmp_path, line, named):
    text = warned(tmp_path, 'import helper\n' + PATCH, helper=line)
    assert text.startswith('WARNING geventio ') and text.count('\n') == 1
    assert named in text
    assert 'monkey.patch_all()' in text


def test_the_program_itself_is_named(tmp_path):
    text = warned(tmp_path, 'from time import sleep\n' + PATCH)
    assert '__main__.sleep (time.sleep)' in text


def test_one_line_names_a_few_and_those_of_the_application_first(tmp_path):
    folder = tmp_path / 'site-packages'
    folder.mkdir()
    (folder / 'installed.py').write_text('from time import sleep\n')
    program = f'import sys; sys.path.append({str(folder)!r})\nimport installed, many\n' + PATCH
    text = warned(tmp_path, program, many="""
        from time import sleep as a1, sleep as a2, sleep as a3, sleep as a4, sleep as a5
    """)
    assert text.count('WARNING') == text.count('\n') == 1
    assert all(f'many.a{number}' in text for number in range(1, 6))
    assert 'installed' not in text
    assert 'and 1 more' in text


@pytest.mark.parametrize('program', [
    'from time import sleep',
    'import gevent.monkey\nfrom time import sleep',
    PATCH + 'from time import sleep\nfrom threading import Lock, local, Thread\n'
            'class Mine(Thread): pass',
    'import time, socket, threading, queue, ssl, asyncio, http.client, xmlrpc.client\n' + PATCH,
    'import flask, flask.cli, werkzeug.serving, werkzeug.debug, geventio\n' + PATCH,
    'from signal import signal\nfrom threading import RLock, Condition, Thread\n'
    'from time import monotonic\nclass Mine(Thread): pass\n' + PATCH,
    PATCH + 'from gevent.monkey import get_original\nreal_sleep = get_original("time", "sleep")',
    PATCH + 'import flask, werkzeug.serving, requests, geventio',
    PATCH + 'import pytest, hypothesis, websockets.sync.client, gunicorn.app.base',
    PATCH + 'try:\n    import redis, sqlalchemy, sqlalchemy.pool\nexcept ImportError: pass',
], ids=['never patched', 'gevent only', 'first', 'standard library', 'flask', 'harmless',
        'asked for', 'requests', 'others', 'databases'])
def test_no_false_alarm(tmp_path, program):
    assert warned(tmp_path, program) == ''


def test_once_for_a_process_and_lazy_modules_stay_unloaded(tmp_path):
    program = 'from time import sleep\n' + PATCH + """
import importlib.util, sys
spec = importlib.util.find_spec('lazy')
spec.loader = importlib.util.LazyLoader(spec.loader)
sys.modules['lazy'] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
""" + CHECK
    text = warned(tmp_path, program, lazy='raise RuntimeError("loaded")')
    assert text.count('monkey patching came too late') == 1


def test_the_check_is_quick(monkeypatch):
    """With everything in this process that the tests have imported."""
    monkeypatch.setattr(patching.monkey, 'saved', {'time': {'sleep': time.sleep}})
    patching.late()
    before = time.process_time()
    found = patching.late()
    assert time.process_time() - before < 0.2
    assert all('(time.sleep)' in item for item in found)


def test_a_server_that_starts_checks(tmp_path):
    program = 'from time import sleep\n' + PATCH + """
import gevent, geventio
server = geventio.Server()
def stop():
    while getattr(server, 'wsgi_server', None) is None:
        gevent.sleep(0.01)
    server.stop()
gevent.spawn(stop)
server.run(port=0)
from geventio.serving import patching
assert patching._done
"""
    text = warned(tmp_path, program)
    assert text.count('__main__.sleep (time.sleep)') == 1


APP = """
from time import sleep
from flask import Flask
from geventio import SocketIO
app = Flask('late')
SocketIO(app)
"""


@pytest.mark.parametrize('preload', [True, False])
def test_gunicorns_worker_checks(tmp_path: Path, preload):
    pytest.importorskip('gunicorn')
    (tmp_path / 'late.py').write_text(APP)
    port = free_port()
    command = [sys.executable, '-m', 'gunicorn', '-k', 'geventio.gunicorn.Worker', '-b',
               f'127.0.0.1:{port}', '--worker-tmp-dir', str(tmp_path),
               *(['--preload'] if preload else []), 'late:app']
    with process(tmp_path, command, port, HOME=str(tmp_path)) as running:
        running.listens()
        running.until(lambda: 'Booting worker' in running.log, 'the worker')
        if preload:
            running.wrote('late.sleep (time.sleep)')
        else:
            plain = Poller(port)
            assert plain.request('GET', '/nothing')[0] == 404  # it serves: it has checked
            plain.close()
            assert 'too late' not in running.log

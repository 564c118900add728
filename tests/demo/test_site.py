"""The application as a whole: its pages, headers and command line."""
from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from flask import url_for

from demo_app import PAGES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(('endpoint', 'label'), PAGES)
def test_page(app, endpoint, label):
    with app.test_request_context():
        address = url_for(endpoint)
    answer = app.test_client().get(address)
    assert answer.status_code == 200
    policy = answer.headers['Content-Security-Policy']
    assert "default-src 'self'" in policy
    assert 'unsafe' not in policy
    assert answer.headers['X-Content-Type-Options'] == 'nosniff'
    assert f'aria-current="page">{label}</a>' in answer.text
    assert ' style="' not in answer.text
    assert '<script>' not in answer.text


def test_cookie_is_given_by_pages_only(app):
    browser = app.test_client()
    with browser.get('/static/site.css') as answer:
        assert 'Set-Cookie' not in answer.headers
    cookie = browser.get('/').headers['Set-Cookie']
    assert 'HttpOnly' in cookie
    assert 'SameSite=Lax' in cookie


def test_visitor_stays_the_same_on_all_pages(app):
    browser = app.test_client()
    ids = set()
    for address in ('/', '/stats', '/'):
        browser.get(address)
        with browser.session_transaction() as session:
            ids.add(session['user_id'])
    assert len(ids) == 1


def test_mistakes_on_the_command_line(tmp_path):
    database = str(tmp_path / 'demo.sqlite3')
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, status, message in [
            (['--port', port, '--db', database], 1,
             f'Port {port} is already in use; choose another one with --port.'),
            (['--port', '99999', '--db', database], 2, 'a port is a number from 1 to 65535'),
            (['--db', str(tmp_path)], 1,
             f'Cannot keep the history in {tmp_path}: unable to open database file.'),
        ]:
            done = subprocess.run([sys.executable, '-m', 'demo_app', *arguments], cwd=ROOT,
                                  capture_output=True, text=True, timeout=30)
            assert done.returncode == status
            assert done.stderr.strip().endswith(message)
            assert 'Traceback' not in done.stderr

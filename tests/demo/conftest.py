"""The demo site without a port: an application on a database in memory, and its visitors."""
from __future__ import annotations

import pytest

import demo_app


@pytest.fixture
def app():
    made = demo_app.create_app(':memory:')
    yield made
    made.extensions['chat'].store.close()


@pytest.fixture
def socketio(app):
    return demo_app.socketio


@pytest.fixture
def visit(app, socketio):
    """``visit('Ann')``: somebody opens the chat; ``tab_of`` makes it another tab of a visitor."""
    visitors = []

    def make(nickname, namespace=None, tab_of=None):
        browser = tab_of.flask_test_client if tab_of else app.test_client()
        assert browser.get('/').status_code == 200
        visitor = socketio.test_client(app, namespace, flask_test_client=browser,
                                       auth={'nickname': nickname})
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        visitor.close()

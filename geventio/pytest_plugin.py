"""Fixtures for the tests of applications: ``socketio``, ``socketio_client``, ``socketio_clock``.

pytest imports this module in every run, so nothing of geventio, Flask or gevent is imported
before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .extension.extension import SocketIO
    from .extension.testing.client import SocketIOTestClient
    from .extension.testing.clock import FakeClock


@pytest.fixture
def socketio(request: pytest.FixtureRequest) -> SocketIO:
    """The SocketIO object of the application that the fixture ``app`` returns.

    Define a fixture of the same name to use another one.
    """
    from .extension.extension import SocketIO

    try:
        app = request.getfixturevalue('app')
    except pytest.FixtureLookupError as error:
        if error.argname != 'app':
            raise
        pytest.fail('geventio: the fixture socketio needs a fixture `app` that returns your Flask '
                    'application, or define a fixture `socketio` of your own', pytrace=False)
    found = getattr(app, 'extensions', {}).get('socketio')
    if not isinstance(found, SocketIO):
        what = 'has none' if found is None else f'has {found!r}'
        pytest.fail('geventio: the fixture `app` must return a Flask application with a '
                    f"geventio.SocketIO in app.extensions['socketio'], and {app!r} {what}: call "
                    'socketio.init_app(app) before it is returned', pytrace=False)
    return found


@pytest.fixture
def socketio_client(socketio: SocketIO) -> Iterator[Callable[..., SocketIOTestClient]]:
    """``socketio_client(namespace=None, query_string=None, headers=None, auth=None,
    flask_test_client=None)``: a new connected client, closed at the end of the test.
    """
    with ExitStack() as clients:
        def connect(namespace: str | None = None, query_string: Any = None, headers: Any = None,
                    auth: Any = None, flask_test_client: Any = None) -> SocketIOTestClient:
            return clients.enter_context(socketio.test_client(
                socketio.app, namespace=namespace, query_string=query_string, headers=headers,
                auth=auth, flask_test_client=flask_test_client))

        yield connect


@pytest.fixture
def socketio_clock(socketio: SocketIO) -> Iterator[FakeClock]:
    """A clock that stands still until ``socketio_clock.advance(seconds)``."""
    from .extension.testing.clock import FakeClock

    with FakeClock(socketio) as clock:
        yield clock

"""Doors where the loop does not parse HTTP: under gunicorn's workers, foreign handlers and TLS."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ..eventsource import Event, Parser
from .support import PATIENCE, Poller, Process, served, trusting, trusting_threads
from .test_gunicorn import BOUND, WORKERS, gunicorn
from .test_tls import certificate  # noqa: F401  a fixture

DIALECTS = ['eio4', 'websocket', 'sse', 'sockjs']


class Listener:
    """An event stream, read event by event."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None,
                 last_id: str | None = None) -> None:
        self._connection = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE) \
            if context is None else http.client.HTTPSConnection(
                '127.0.0.1', port, timeout=PATIENCE, context=context)
        headers = {} if last_id is None else {'Last-Event-ID': last_id}
        self._connection.request('GET', '/events', headers=headers)
        self.response = self._connection.getresponse()
        assert self.response.status == 200
        self.parser = Parser()
        self._events: list[Event] = []

    def next(self) -> Event | None:
        while not self._events:
            data = self.response.read1()
            if not data:
                return None
            self._events += self.parser.feed(data)
        return self._events.pop(0)

    def close(self) -> None:
        self.response.close()
        self._connection.close()


@contextlib.contextmanager
def server_of(kind: str, folder: Path, cert: Any, **options: Any) -> Iterator[Process]:
    options['dialects'] = DIALECTS
    if kind in WORKERS:
        with gunicorn(folder, kind, **options) as running:
            yield running
    elif kind == 'tls':
        key, certificate = cert
        with served(folder, run={'keyfile': key, 'certfile': certificate}, **options) as running:
            yield running
    else:
        with served(folder, server=kind, **options) as running:
            yield running


@pytest.mark.parametrize('kind', ['run', 'tls', 'pywsgi', 'geventio', 'gevent-websocket', *WORKERS])
def test_a_websocket_and_a_stream(
    kind: str, tmp_path: Path, certificate: Any  # noqa: F811
) -> None:
    tls = kind == 'tls'
    with server_of(kind, tmp_path, certificate) as server:
        address = f'{"wss" if tls else "ws"}://127.0.0.1:{server.port}/ws'
        context = trusting_threads() if tls else None
        stream = Listener(server.port, trusting() if tls else None)
        first, second = stream.next(), stream.next()
        assert first is not None and first.name == 'connect'
        assert second == Event('ready', '[]', second.id if second else '')
        with connect(address, ssl=context) as websocket:
            assert websocket.recv(PATIENCE) == '["ready"]'
            websocket.send('["who"]')
            websocket.send('["echo",1]')
        place = stream.parser.last_id
        stream.close()
        again = Listener(server.port, trusting() if tls else None, place)
        assert again.response.headers['content-type'].startswith('text/event-stream')
        if kind == 'run' or kind == 'tls':
            with connect(address, ssl=context) as websocket:
                assert websocket.recv(PATIENCE) == '["ready"]'
                server.send(signal.SIGTERM)
                with pytest.raises(ConnectionClosed) as caught:
                    websocket.recv(PATIENCE)
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1001
            assert again.next() is None
            assert server.ended(BOUND) == 0
        again.close()
        server.clean_log()


@pytest.mark.parametrize('kind', ['run', 'tls', 'pywsgi', 'geventio', 'gevent-websocket', *WORKERS])
def test_polls_and_responses_that_end(
    kind: str, tmp_path: Path, certificate: Any  # noqa: F811
) -> None:
    options = {'ping_interval': 0.3, 'response_limit': 50}
    with server_of(kind, tmp_path, certificate, **options) as server, \
            contextlib.ExitStack() as stack:
        def ask(method: str, what: str, body: str | None = None) -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=PATIENCE) \
                if kind != 'tls' else http.client.HTTPSConnection(
                    '127.0.0.1', server.port, timeout=PATIENCE, context=trusting())
            stack.callback(connection.close)
            connection.request(method, f'/sockjs/0/name/{what}', body)
            return stack.enter_context(connection.getresponse())

        assert ask('POST', 'xhr').read() == b'o\n'
        assert ask('POST', 'xhr').read() == b'a["[\\"ready\\"]"]\n'
        assert ask('POST', 'xhr').read() == b'h\n'
        stream = ask('GET', 'eventsource')
        beat = b'data: h\r\n\r\n'
        assert stream.read(2 + len(beat)) == b'\r\n' + beat
        assert ask('POST', 'xhr').read() == b'c[2010,"Another connection still open"]\n'
        assert stream.read() == 4 * beat
        assert ask('POST', 'xhr_send', '["[\\"echo\\"]"]').status == 204
        server.clean_log()


def test_sessions_end_under_a_foreign_server(tmp_path: Path) -> None:
    with served(tmp_path, server='pywsgi', dialects=DIALECTS, disconnect_delay=0.2) as server:
        stream = Listener(server.port)
        stream.next()
        plain = Poller(server.port)

        def sessions() -> int:
            found: int = json.loads(plain.request('GET', '/counts')[1])['sessions']
            return found

        assert sessions() == 1
        stream.close()
        server.until(lambda: sessions() == 0, 'the end of the session')
        plain.close()
        server.clean_log()

"""What the tests of real servers need: an application, processes, and small clients.

Run as a program, ``python support.py PORT [JSON OPTIONS]`` serves the application until SIGTERM;
gunicorn takes it as ``support:application()``. What is right is said in the tests.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import http.client
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
PATIENCE = 10.0  # seconds anything may take
HANDSHAKE = '/socket.io/?EIO=4&transport='
UPGRADE = (f'GET {HANDSHAKE}websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'
           'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
           'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n').encode()

# -- the application ------------------------------------------------------------------------


def create_app(options: dict[str, Any]) -> Any:
    """A Flask application and its SocketIO, with a middleware around it if ``wrap`` names one.

    Handlers note their calls on standard output. Other options go to ``SocketIO``.
    """
    from flask import Flask, request

    from geventio import SocketIO, emit

    options = dict(options)
    wrap = options.pop('wrap', None)
    hang = options.pop('hang', 0)
    app = Flask(__name__, static_folder=str(FOLDER), static_url_path='/static')
    server = SocketIO(app, **options)
    if wrap is not None:
        app.wsgi_app = WRAPPERS[wrap](app.wsgi_app)

    @app.route('/hello', methods=['GET', 'POST'])
    def hello() -> str:
        return f'hello {request.remote_addr} {request.get_data(as_text=True)}'

    @app.get('/stop')
    def stop_view() -> str:
        server.stop()
        return 'stopping'

    @app.get('/counts')
    def counts() -> dict[str, int]:
        return {**server.server.stats(), 'fds': len(os.listdir('/proc/self/fd')),
                'frozen': gc.get_freeze_count()}

    @server.on('connect')
    def connect() -> None:
        emit('ready')

    @server.on('disconnect')
    def disconnect(reason: str) -> None:
        print('disconnect', reason, flush=True)
        if hang:
            server.sleep(hang)
        print('disconnected', flush=True)

    @server.event
    def echo(*args: Any) -> Any:
        return args

    @server.event
    def who() -> list[Any]:
        return [request.remote_addr, request.scheme, request.host,
                server.server.transport(request.sid)]

    @server.event
    def stop() -> str:
        server.stop()
        return 'stopping'

    return app, server


def proxy_fix(app: Any) -> Any:
    from werkzeug.middleware.proxy_fix import ProxyFix

    return ProxyFix(app, x_for=1, x_proto=1, x_host=1)


class BasicAuth:
    """Middleware that lets nobody in without the password."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get('HTTP_AUTHORIZATION') == PASSWORD:
            return self.app(environ, start_response)
        start_response('401 Unauthorized', [('WWW-Authenticate', 'Basic'), ('Content-Length', '0')])
        return [b'']


def closed_auth(app: Any) -> Any:
    """The same as a function, in which no application can be found."""
    guard = BasicAuth(app)
    return lambda environ, start_response: guard(environ, start_response)


PASSWORD = 'Basic ' + base64.b64encode(b'user:secret').decode()
WRAPPERS = {'proxy': proxy_fix, 'auth': BasicAuth, 'closed': closed_auth}


def application() -> Any:
    """The WSGI application, with the options in ``SUPPORT_OPTIONS``."""
    logging.basicConfig()
    return create_app(json.loads(os.environ.get('SUPPORT_OPTIONS', '{}')))[0]


def main() -> None:
    """Serve in the way ``server`` says: by ``run``, or on one of pywsgi's handlers."""
    logging.basicConfig()
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    kind = options.pop('server', 'run')
    settings = options.pop('run', {})
    app, server = create_app(options)
    port = int(sys.argv[1])
    if kind == 'run':
        server.run(app, port=port, **settings)
        print('run returned', flush=True)
        return
    import geventwebsocket.handler
    from gevent.pool import Pool
    from gevent.pywsgi import WSGIHandler, WSGIServer

    import geventio

    handler = {'gevent-websocket': geventwebsocket.handler.WebSocketHandler,
               'geventio': geventio.WebSocketHandler}.get(kind, WSGIHandler)
    spawn = Pool(4) if kind == 'pool' else 'default'
    WSGIServer(('127.0.0.1', port), app, handler_class=handler, spawn=spawn,
               **settings).serve_forever()


# -- processes ------------------------------------------------------------------------------


class Process:
    """A server in its own process, with all it writes in one file."""

    def __init__(self, folder: Path, command: list[str], port: int, environ: dict[str, str]
                 ) -> None:
        self.port = port
        self.url = f'http://127.0.0.1:{port}'
        self._log = folder / f'{port}.log'
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
        with self._log.open('wb') as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder,
                env={**os.environ, **environ, 'PYTHONPATH': path, 'PYTHONUNBUFFERED': '1'})

    @property
    def log(self) -> str:
        return self._log.read_text(errors='replace')

    def until(self, done: Callable[[], Any], what: str) -> Any:
        """What ``done`` returns once that is true; the process must not end before."""
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            found = done()
            if found:
                return found
            assert time.monotonic() < deadline, f'{what} did not come: {self.log[-3000:]}'
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)  # the time between two looks
                assert done(), f'the process ended before {what}: {self.log[-3000:]}'

    def listens(self, address: Any = None) -> Process:
        """Wait until it accepts connections."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET

        def connects() -> bool:
            with socket.socket(family) as probe:
                return probe.connect_ex(address or ('127.0.0.1', self.port)) == 0

        self.until(connects, 'the first connection')
        return self

    def serves(self) -> Process:
        """Wait until it answers: gunicorn listens before there is a worker."""
        def answers() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException), \
                    contextlib.closing(Poller(self.port)) as plain:
                return plain.request('GET', '/hello')[0] == 200
            return False

        self.until(answers, 'the first answer')
        return self

    def wrote(self, text: str) -> None:
        """Wait until it has written something."""
        self.until(lambda: text in self.log, repr(text))

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self, within: float) -> int:
        """Wait for its end; the exit status."""
        return self._process.wait(within)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def clean_log(self, *accepted: str) -> list[str]:
        """The log's lines without what is always there; asserts that no error is among them."""
        for line in self.log.splitlines():
            if any(text in line for text in accepted):
                continue
            for bad in ('Traceback', 'Exception', 'Error', 'ERROR', 'CRITICAL', 'Warning'):
                assert bad not in line, self.log
        return self.log.splitlines()


@contextlib.contextmanager
def process(folder: Path, command: list[str], port: int, **environ: str) -> Iterator[Process]:
    """A process that listens on a port, ended whatever happens."""
    running = Process(folder, command, port, environ)
    try:
        yield running
    finally:
        running.kill()


@contextlib.contextmanager
def served(folder: Path, **options: Any) -> Iterator[Process]:
    """The application in a process; see ``main`` for the options."""
    from ..ports import free_port

    port = free_port()
    command = [sys.executable, str(FOLDER / 'support.py'), str(port), json.dumps(options)]
    with process(folder, command, port) as running:
        yield running.listens(options.get('run', {}).get('unix_socket'))


# -- clients --------------------------------------------------------------------------------


class UnixConnection(http.client.HTTPConnection):
    """http.client on a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__('localhost', timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


class Poller:
    """Long-polling over one keep-alive connection."""

    def __init__(self, target: Any, prefix: str = '', **headers: str) -> None:
        if isinstance(target, int):
            target = http.client.HTTPConnection('127.0.0.1', target, timeout=PATIENCE)
        self.connection: http.client.HTTPConnection = target
        self.prefix = prefix
        self.headers = headers
        self.path = prefix + HANDSHAKE + 'polling'

    def request(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        self.connection.request(method, path, body, self.headers)
        return self.answer()

    def answer(self) -> tuple[int, str]:
        response = self.connection.getresponse()
        return response.status, response.read().decode()

    def open(self) -> Poller:
        """Make a session and join the main namespace."""
        status, body = self.request('GET', self.path)
        assert status == 200, (status, body)
        self.path += '&sid=' + json.loads(body[1:])['sid']
        self.post('40')
        packets = ''
        while '42["ready"]' not in packets:
            packets += self.get()
        return self

    def get(self) -> str:
        status, body = self.request('GET', self.path)
        assert status == 200, (status, body)
        return body

    def post(self, body: str) -> None:
        assert self.request('POST', self.path, body) == (200, 'ok')

    def park(self) -> None:
        """Begin a GET; ``answer`` waits for its end."""
        self.connection.request('GET', self.path, headers=self.headers)

    def close(self) -> None:
        self.connection.close()


@contextlib.contextmanager
def client(url: str, transports: list[str] | None = None, *, verify: bool | str = True,
           socketio_path: str = 'socket.io', **headers: str) -> Iterator[Any]:
    """A connected client of the python-socketio package; everything of it is closed.

    It leaves by CLOSE and lets the server end the connection: of what its ``disconnect`` sends the
    last may be lost, and the session stays.
    """
    import requests
    import socketio
    from engineio.packet import CLOSE, Packet

    with requests.Session() as session:
        session.trust_env = False
        session.verify = verify
        session.headers.update(headers)  # of its own accord it sends them with the first only
        peer = socketio.Client(reconnection=False, handle_sigint=False, http_session=session,
                               request_timeout=PATIENCE,
                               websocket_extra_options={'suppress_origin': True})
        try:
            peer.connect(url, headers, transports=transports, wait_timeout=int(PATIENCE),
                         socketio_path=socketio_path)
            yield peer
        finally:
            tasks = [peer.eio.write_loop_task, peer.eio.read_loop_task]
            peer.eio._send_packet(Packet(CLOSE))
            for task in filter(None, tasks):  # a request of theirs would open the session again
                task.join(PATIENCE)
            if peer.eio.ws is not None:
                peer.eio.ws.shutdown()


def await_end(peer: Any) -> None:
    """Wait until the server has ended a client: its own ``wait`` takes a second more."""
    peer.eio.wait()


def open_websocket(websocket: Any) -> Any:
    """Join the main namespace over a WebSocket of the ``websockets`` package."""
    assert websocket.recv(PATIENCE)[:1] == '0'
    websocket.send('40')
    while websocket.recv(PATIENCE) != '42["ready"]':
        pass
    return websocket


def trusting() -> ssl.SSLContext:
    """A client's TLS context that takes every certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def trusting_threads() -> ssl.SSLContext:
    """The same for a client that reads and writes in two threads, as that of ``websockets``.

    OpenSSL loses what one thread writes while the other takes in the session tickets, which
    TLS 1.3 sends after the handshake.
    """
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def leave_a_waiting_poll(server: Process) -> None:
    """A client goes away while its GET waits; its session must end at once."""
    with contextlib.closing(Poller(server.port)) as plain:
        def sessions() -> int:
            found: int = json.loads(plain.request('GET', '/counts')[1])['sessions']
            return found

        server.until(lambda: sessions() == 0, 'the end of all sessions')
        with contextlib.closing(Poller(server.port).open()) as poller:
            poller.park()
            server.until(lambda: sessions() == 1, 'the session')
        server.until(lambda: sessions() == 0, 'the end of the session')


if __name__ == '__main__':
    main()

"""The origin of the pages: their files, and the networks and servers they ask for.

A page posts JSON to ``/proxy`` or ``/fake`` and is told the port of a relay or server of its own,
and posts to ``/proxy/<port>`` what shall happen to it.
"""
from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .fake import Fake
from .proxy import Proxy

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CLIENTS = {
    'ours': ROOT / 'static' / 'geventio.js',
    'minified': ROOT / 'static' / 'geventio.min.js',
    'official': ROOT / 'tests' / 'clients' / 'node_modules' / 'sio48' / 'dist' / 'socket.io.js',
}
MODULE = ROOT / 'static' / 'geventio.esm.js'
FILES = {f'client/{path.name}': path for path in [*CLIENTS.values(), MODULE]}
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{client}</title>
<script src="/trial.js"></script><script src="/client/{file}"></script>
{scenarios}</head><body></body></html>"""
STRICT = "default-src 'none'; script-src 'self'; connect-src *"
SCRIPT = 'text/javascript; charset=utf-8'


def scenario_files() -> list[Path]:
    """The scripts with the scenarios."""
    return sorted((HERE / 'scenarios').glob('*.js'))


class Stage(ThreadingHTTPServer):
    """Serves the pages on a port of its own until it is closed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.url = f'http://127.0.0.1:{self.server_address[1]}'
        self.made: dict[int, tuple[Proxy | Fake, str]] = {}  # by port
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def page(self, client: str, **options: str) -> str:
        """Address of the page with a client; `csp='strict'` forbids it nearly everything."""
        return f'{self.url}/?' + '&'.join(
            f'{name}={value}' for name, value in {'client': client, **options}.items())

    def proxy(self, target: int, upgrades: str = 'pass', owner: str = '') -> Proxy:
        """A new relay, until its owner's things are tidied away."""
        made = Proxy(target, upgrades)
        self.made[made.port] = made, owner
        return made

    def fake(self, script: dict[str, Any], owner: str = '') -> Fake:
        """A new server that follows a script."""
        made = Fake(script)
        self.made[made.port] = made, owner
        return made

    def tidy(self, owner: str = '') -> None:
        """End the relays and servers of an owner."""
        for port, (made, its_owner) in list(self.made.items()):
            if its_owner == owner:
                made.close()
                del self.made[port]

    def close(self) -> None:
        """End everything."""
        for made, _ in self.made.values():
            made.close()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Stage

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        name = address.path.removeprefix('/')
        if not name:
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            self._page(query['client'], query.get('csp'))
        elif name in FILES:
            self._answer(FILES[name].read_bytes(), SCRIPT)
        elif name == 'trial.js' or HERE / name in scenario_files():
            self._answer((HERE / name).read_bytes(), SCRIPT)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        length = int(self.headers['Content-Length'])
        answer = self._do(self.path.split('/')[1:], json.loads(self.rfile.read(length)))
        self._answer(json.dumps(answer).encode(), 'application/json')

    def _do(self, path: list[str], what: dict[str, Any]) -> Any:
        if path[1:]:
            made, _ = self.server.made[int(path[1])]
            if 'upgrades' in what:
                made.upgrades = what['upgrades']
            if 'action' in what:
                getattr(made, what['action'])()
            return {}
        make = {'proxy': self.server.proxy, 'fake': self.server.fake}[path[0]]
        return {'port': make(**what).port}

    def _page(self, client: str, csp: str | None) -> None:
        scenarios = ''.join(f'<script src="/scenarios/{path.name}"></script>'
                            for path in scenario_files())
        headers = {'Set-Cookie': 'flavour=oatmeal; HttpOnly; SameSite=Lax'}
        if csp:
            headers['Content-Security-Policy'] = STRICT
        self._answer(PAGE.format(
            client=client, file=CLIENTS[client].name, scenarios=scenarios).encode(),
                     'text/html; charset=utf-8', headers)

    def _answer(self, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store')
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing."""

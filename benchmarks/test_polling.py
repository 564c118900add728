"""The generator over long-polling, before honest and dishonest HTTP servers."""

from __future__ import annotations

import queue
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from .conftest import Run


class Site(ThreadingHTTPServer):
    """Answers echo events, honestly but for its hooks."""

    block_on_close = False
    chunked = False
    """Whether bodies come in chunks, byte by byte."""
    beats = 0

    def __init__(self, echo: Callable[[str], list[str]]) -> None:
        super().__init__(('127.0.0.1', 0), Request)
        self.echo = echo
        self.sessions: dict[str, queue.Queue[str]] = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # the generator has left
            super().handle_error(request, client_address)

    def received(self, packet: str, answers: queue.Queue[str]) -> None:
        if packet == '40':
            answers.put('40{"sid":"b"}')
        elif packet == '3':
            self.beats += 1
        else:
            answer = packet.replace('42', '43', 1).replace('"echo",', '', 1)
            for packet in self.echo(answer):
                answers.put(packet)


class Request(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Site

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the output is the tests' own."""

    def session(self) -> queue.Queue[str]:
        found = re.search('&sid=([^&]+)', self.path)
        assert found
        return self.server.sessions[found[1]]

    def do_GET(self) -> None:
        if 'sid=' not in self.path:
            sid = f's{len(self.server.sessions)}'
            self.server.sessions[sid] = queue.Queue()
            self.respond(f'0{{"sid":"{sid}"}}')
            return
        answers = self.session()
        try:
            packets = [answers.get(timeout=0.5)]
        except queue.Empty:
            packets = ['6']
        while not answers.empty():
            packets.append(answers.get())
        self.respond('\x1e'.join(packets))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        answers = self.session()
        for packet in body.split('\x1e'):
            self.server.received(packet, answers)
        self.respond('ok')

    def respond(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        if not self.server.chunked:
            self.send_header('content-length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        chunks = [body[:9], body[9:]] if len(body) > 9 else [body]
        for byte in b''.join(b'%x\r\n%b\r\n' % (len(chunk), chunk) for chunk in [*chunks, b'']):
            self.wfile.write(bytes((byte,)))


@contextmanager
def serving(echo: Callable[[str], list[str]]) -> Iterator[Site]:
    with Site(echo) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join(10)


def truthful(packet: str) -> list[str]:
    return [packet]


def heartbeating(packet: str) -> list[str]:
    return ['2', packet, '6']


def losing(packet: str) -> list[str]:
    return [] if '0000000003' in packet else [packet]


def doubling(packet: str) -> list[str]:
    return [packet, packet]


def damaging(packet: str) -> list[str]:
    return [packet.replace('xx', 'xy', 1)]


@pytest.mark.parametrize('chunked', [False, True])
@pytest.mark.parametrize('echo', [truthful, heartbeating], ids=lambda f: f.__name__)
def test_what_a_server_may_do_is_exact(
    run: Run, echo: Callable[[str], list[str]], chunked: bool
) -> None:
    with serving(echo) as site:
        site.chunked = chunked
        result = run('polling', site.server_port)
    assert result['exact'], result
    assert result['count'] > 3
    assert bool(site.beats) == (echo is heartbeating)
    assert result['pings'] >= site.beats


@pytest.mark.parametrize('echo', [losing, doubling, damaging], ids=lambda f: f.__name__)
def test_a_wrong_answer_is_noticed(run: Run, echo: Callable[[str], list[str]]) -> None:
    with serving(echo) as site:
        result = run('polling', site.server_port)
    assert not result['exact']
    assert re.search('lost|in place of|came unasked', result['error'])


def test_a_server_without_sessions_is_noticed(run: Run) -> None:
    class Closed(Request):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header('Content-Length', '0')
            self.end_headers()

    with serving(truthful) as site:
        site.RequestHandlerClass = Closed
        result = run('polling', site.server_port)
    assert 'HTTP/1.1 404' in result['error']

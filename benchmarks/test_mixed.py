"""The generator in a room of several dialects, before honest and dishonest servers.

Each dialect is written down here once more, and read and written by Python's own ``json``.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from .conftest import Run

Lie = Callable[[int, str], list[str]]
CLIENTS = 6
ODD = 7
"""The number of the event with which a dishonest server goes wrong."""


def compact(value: Any) -> str:
    return json.dumps(value, separators=(',', ':'))


def named(value: dict[str, Any], key: str) -> list[Any]:
    assert list(value) == [key, 'args']
    return [value[key], *value['args']]


def framed(body: str) -> str:
    return f'~m~{len(body)}~m~{body}'


def unframed(text: str) -> str:
    length, body = re.fullmatch(r'~m~(\d+)~m~~j~(.*)', text).groups()  # type: ignore[union-attr]
    assert len(body) + 3 == int(length)
    return str(body)


@dataclass(frozen=True)
class Dialect:
    """How a server speaks to its clients.

    :param path: of the WebSocket, a regular expression.
    :param opening: what is sent first, and what the client answers, in turns.
    :param read: the items of an event from a client.
    :param write: an event for a client, from its name and its argument.
    :param beat: a heartbeat that is answered, from its number; without one, WebSocket has it.
    :param answer: the answer to it.
    """

    path: str
    opening: list[str]
    read: Callable[[str], list[Any]]
    write: Callable[[str, Any], str]
    beat: Callable[[int], str] | None = None
    answer: str = ''


DIALECTS = {
    'Socket.IO 4': Dialect(
        r'/socket\.io/\?EIO=4&transport=websocket',
        ['0{"sid":"a"}', '40', '40{"sid":"b"}'],
        lambda text: list(json.loads(text.removeprefix('42'))),
        lambda name, data: '42' + compact([name, data]),
        lambda number: '2',
        '3',
    ),
    'Socket.IO 0.9': Dialect(
        r'/socket\.io/1/websocket/session',
        ['1::'],
        lambda text: named(json.loads(text.removeprefix('5:::')), 'name'),
        lambda name, data: '5:::' + compact({'name': name, 'args': [data]}),
        lambda number: '2::',
        '2::',
    ),
    'Socket.IO 0.6': Dialect(
        r'/socket\.io/websocket',
        [framed('7435502511253433')],
        lambda text: named(json.loads(unframed(text)), 'event'),
        lambda name, data: framed('~j~' + compact({'event': name, 'args': [data]})),
        lambda number: framed(f'~h~{number}'),
        r'~m~\d~m~~h~\d+',
    ),
    'SockJS': Dialect(
        r'/sockjs/\d{3}/[^/.]+/websocket',
        ['o'],
        lambda text: list(json.loads(json.loads(text)[0])),
        lambda name, data: 'a' + compact([compact([name, data])]),
    ),
    'plain WebSocket': Dialect(
        '/ws',
        [],
        lambda text: list(json.loads(text)),
        lambda name, data: compact([name, data]),
    ),
}


def truthful(number: int, text: str) -> list[str]:
    return [text]


def losing(number: int, text: str) -> list[str]:
    return [] if number == ODD else [text]


def losing_the_rest(number: int, text: str) -> list[str]:
    return [] if number >= ODD else [text]


def doubling(number: int, text: str) -> list[str]:
    return [text, text] if number == ODD else [text]


def damaging(number: int, text: str) -> list[str]:
    return [text.replace('xx', 'xy', 1) if number == ODD else text]


def shortening(number: int, text: str) -> list[str]:
    return [text[:-1] if number == ODD else text]


def renaming(number: int, text: str) -> list[str]:
    return [text.replace('msg', 'msh', 1) if number == ODD else text]


def postponing() -> Lie:
    """An event is delivered only behind the next one."""
    kept: list[str] = []

    def lie(number: int, text: str) -> list[str]:
        if number == ODD:
            kept.append(text)
            return []
        return [text, *kept] if number == ODD + 1 else [text]

    return lie


def said_as(dialect: Dialect) -> Lie:
    """An event is delivered as clients of another dialect have it."""

    def lie(number: int, text: str) -> list[str]:
        data = {'n': f'{number:010}', 'p': 'x' * 64}
        return [dialect.write('msg', data) if number == ODD else text]

    return lie


@dataclass
class Site:
    """A server of the application that the generator expects, honest but to clients of one
    dialect."""

    lie: Lie = truthful
    victim: str = ''
    beating: bool = False
    handshake: tuple[int, str] = (200, 'session:60:60:websocket')
    port: int = 0
    beats: Counter[str] = field(default_factory=Counter)
    alone: threading.Lock = field(default_factory=threading.Lock)
    everybody: list[tuple[str, ServerConnection]] = field(default_factory=list)

    def view(self, connection: ServerConnection, request: Request) -> Response | None:
        """Gives out sessions of Socket.IO 0.9; None for what is to become a WebSocket."""
        if request.path != '/socket.io/1/':
            return None
        status, body = self.handshake
        return connection.respond(HTTPStatus(status), body)

    def session(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        (name,) = [name for name, d in DIALECTS.items() if re.fullmatch(d.path, path)]
        dialect = DIALECTS[name]
        for number, packet in enumerate(dialect.opening):
            if number % 2:
                assert connection.recv() == packet
            else:
                connection.send(packet)
        for text in connection:
            if dialect.beat and re.fullmatch(dialect.answer, str(text)):
                self.beats[name] += 1
                continue
            event, data = dialect.read(str(text))
            if event == 'tell':
                self.everybody.append((name, connection))
                connection.send(dialect.write('told', data))
            else:
                assert (name, event) == ('Socket.IO 4', 'bcast')
                with self.alone:
                    self.tell(data)

    def tell(self, data: dict[str, str]) -> None:
        number = int(data['n'])
        for name, connection in self.everybody:
            if self.beating and number % 3 == 0:
                self.beat(name, connection, number)
            text = DIALECTS[name].write('msg', data)
            for told in self.lie(number, text) if name == self.victim else [text]:
                connection.send(told)

    def beat(self, name: str, connection: ServerConnection, number: int) -> None:
        beat = DIALECTS[name].beat
        if beat:
            connection.send(beat(number))
            return
        if name == 'SockJS':
            connection.send('h')
        if connection.ping().wait(5):
            self.beats[name] += 1

    def guarded(self, connection: ServerConnection) -> None:
        try:
            self.session(connection)
        except (ConnectionClosed, OSError):
            return  # the generator has left

    @contextmanager
    def serving(self) -> Iterator[Site]:
        with serve(
            self.guarded, '127.0.0.1', 0, compression=None, process_request=self.view
        ) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            self.port = server.socket.getsockname()[1]
            try:
                yield self
            finally:
                server.shutdown()
                thread.join(10)


@pytest.mark.parametrize('window', [1, 4])
def test_an_honest_server_is_exact(run: Run, window: int) -> None:
    with Site().serving() as site:
        result = run('mixed', site.port, clients=CLIENTS, window=window)
    assert result['exact'], result
    assert Counter(name for name, _ in site.everybody) == Counter([*DIALECTS, 'Socket.IO 4'])
    assert result['count'] > 3 * ODD
    assert result['count'] % CLIENTS == 0
    assert 0 < result['p50_ms'] <= result['p99_ms'] < 1000


def test_heartbeats_are_answered(run: Run) -> None:
    with Site(beating=True).serving() as site:
        result = run('mixed', site.port, clients=CLIENTS)
    assert result['exact'], result
    assert result['pings'] == sum(site.beats[name] for name, d in DIALECTS.items() if d.beat)
    events = result['count'] // CLIENTS
    assert site.beats['Socket.IO 4'] == 2 * site.beats['Socket.IO 0.9']
    assert {site.beats[name] for name in list(DIALECTS)[1:]} == {(events + 2) // 3}


LIES = [losing, losing_the_rest, doubling, damaging, shortening, renaming]


@pytest.mark.parametrize('victim', DIALECTS)
@pytest.mark.parametrize('lie', LIES, ids=lambda f: f.__name__)
def test_a_wrong_delivery_to_one_dialect_is_noticed(run: Run, victim: str, lie: Lie) -> None:
    with Site(lie, victim).serving() as site:
        result = run('mixed', site.port, clients=5, window=4)
    assert not result['exact']
    assert re.search('lost|in place of|surplus', result['error'])


@pytest.mark.parametrize('victim', DIALECTS)
def test_a_late_delivery_to_one_dialect_is_noticed(run: Run, victim: str) -> None:
    with Site(postponing(), victim).serving() as site:
        result = run('mixed', site.port, clients=5, window=4)
    assert f'client {list(DIALECTS).index(victim)}: ' in result['error']
    assert 'in place of 7' in result['error']


@pytest.mark.parametrize('victim', DIALECTS)
def test_another_dialect_is_noticed(run: Run, victim: str) -> None:
    names = list(DIALECTS)
    other = names[names.index(victim) - 1]
    with Site(said_as(DIALECTS[other]), victim).serving() as site:
        result = run('mixed', site.port, clients=5)
    assert 'in place of 7' in result['error']


@pytest.mark.parametrize(
    'handshake', [(403, 'handshake unauthorized'), (200, 'no session'), (200, 's' * 80 + ':60:60:')]
)
def test_a_refused_handshake_is_noticed(run: Run, handshake: tuple[int, str]) -> None:
    with Site(handshake=handshake).serving() as site:
        result = run('mixed', site.port, clients=5)
    assert f'was answered HTTP/1.1 {handshake[0]}' in result['error']


def test_a_server_of_one_dialect_is_noticed(run: Run) -> None:
    class Modern(Site):
        def view(self, connection: ServerConnection, request: Request) -> Response | None:
            if 'EIO=4' in request.path:
                return None
            return connection.respond(HTTPStatus.NOT_FOUND, 'nothing here')

    with Modern().serving() as site:
        result = run('mixed', site.port, clients=5)
    assert 'was answered HTTP/1.1 404' in result['error']

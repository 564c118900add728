"""The generator believes a server only if every delivery is right: it is shown servers that lie.

The WebSocket server here is the ``websockets`` package: the generator meets another implementation.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from .conftest import Run

Packets = list[str | bytes]
Deliver = Callable[['Event'], None]
ODD = 7
"""The number of the event with which a dishonest server goes wrong."""


@dataclass
class Event:
    """What is to be delivered, to whom, and who else there is."""

    number: int
    packets: Packets
    audience: list[ServerConnection]
    everybody: list[ServerConnection]

    @property
    def odd(self) -> bool:
        return self.number == ODD

    def send(self, audience: list[ServerConnection] | None = None) -> None:
        for member in self.audience if audience is None else audience:
            for packet in self.packets:
                member.send(packet)


def truthful(event: Event) -> None:
    event.send()


def losing(event: Event) -> None:
    event.send(event.audience[:-1] if event.odd else None)


def losing_the_rest(event: Event) -> None:
    event.send(event.audience[:-1] if event.number >= ODD else None)


def doubling(event: Event) -> None:
    event.send()
    if event.odd:
        event.send(event.audience[-1:])


def damaging(event: Event) -> None:
    last = event.packets[-1]
    if event.odd and isinstance(last, bytes):
        event.packets[-1] = last[:-1] + bytes((last[-1] ^ 1,))
    elif event.odd:
        event.packets = [str(last).replace('xx', 'xy', 1)]
    event.send()


def shortening(event: Event) -> None:
    last = event.packets[-1]
    if event.odd and isinstance(last, bytes):
        event.packets[-1] = last[:-1]
    event.send()


def postponing(late: int) -> Deliver:
    """An event is delivered only behind one with a greater number."""
    kept: list[Event] = []

    def deliver(event: Event) -> None:
        if event.odd:
            kept.append(event)
            return
        event.send()
        if event.number == ODD + late:
            kept[0].send()

    return deliver


def straying(event: Event) -> None:
    event.send(event.everybody if event.odd else None)


def heartbeating(event: Event) -> None:
    if event.number % 3 == 0:
        for member in event.audience:
            member.send('2')
        event.audience[0].ping()
    event.send()


def spacing(event: Event) -> None:
    text = str(event.packets[0])
    head = text[: text.index('[')]
    event.packets[0] = head + json.dumps(json.loads(text[len(head) :]))
    event.send()


def frame(packet: str | bytes) -> bytes:
    payload = packet.encode() if isinstance(packet, str) else packet
    opcode = 0x81 if isinstance(packet, str) else 0x82
    if len(payload) < 126:
        return bytes((opcode, len(payload))) + payload
    return bytes((opcode, 126)) + len(payload).to_bytes(2, 'big') + payload


def dribbling(event: Event) -> None:
    beat = frame('2') if event.number % 3 == 0 else b''
    for byte in beat + beat.join(map(frame, event.packets)) + beat:
        for member in event.audience:
            member.socket.sendall(bytes((byte,)))


def fragmenting(event: Event) -> None:
    if not event.odd:
        event.send()
        return
    event.send(event.audience[:-1])
    text = str(event.packets[0])
    event.audience[-1].send(iter([text[:9], text[9:]]))


def wrong_echo(packet: str) -> str:
    return packet.replace(f'{ODD:010}', f'{ODD + 1:010}')


def wrong_user(packet: str) -> str:
    return packet.replace('"user1"', '"user2"')


def wrong_size(packet: str) -> str:
    return packet.replace(',1000,', ',999,')


def hanging_up(packet: str) -> str:
    raise EOFError


def refusing(packet: str) -> str:
    return '44{"message":"no"}'


def view(connection: ServerConnection, request: Request) -> Response | None:
    """Logs a user in, unless he is the fifth; None for what is to become a WebSocket."""
    if not request.path.startswith('/login/'):
        return None
    response = connection.respond(200, 'welcome')
    user = request.path.removeprefix('/login/')
    if user != 'user4':
        response.headers['Set-Cookie'] = f'session={user}; HttpOnly; Path=/'
    return response


@dataclass
class Site:
    """A server of the application that the generator expects, honest but for its hooks."""

    deliver: Deliver = truthful
    echo: Callable[[str], str] = str
    connect: Callable[[str], str] = str
    port: int = 0
    beats: int = 0
    alone: threading.Lock = field(default_factory=threading.Lock)
    everybody: list[ServerConnection] = field(default_factory=list)
    rooms: dict[str, list[ServerConnection]] = field(default_factory=lambda: defaultdict(list))

    def session(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        user = connection.request.headers.get('Cookie', '').removeprefix('session=')
        connection.send('0{"sid":"a"}')
        namespace = connection.recv()
        assert namespace in ('40', '40/session,')
        sid = f'b{len(self.everybody)}'
        connection.send(self.connect(str(namespace) + json.dumps({'sid': sid})))
        self.everybody.append(connection)
        for packet in connection:
            assert isinstance(packet, str)
            if packet == '3':
                self.beats += 1
                continue
            kind, name, data = re.match(r'4(\d+-?)(\["\w+"),(.*)', packet).groups()  # type: ignore
            answer = f'43{kind[1:]}[{data}'
            if name == '["bcast"':
                packets: Packets = [packet.replace('bcast', 'msg', 1)]
                if kind == '51-':
                    packets.append(connection.recv())
                self.tell(self.everybody, packets)
            elif name == '["say"':
                room, data = json.loads(f'[{data}')
                packets = ['42' + json.dumps(['said', data], separators=(',', ':'))]
                self.tell(self.rooms[room], packets)
            else:
                if name == '["join"':
                    self.rooms[json.loads(f'[{data}')[0]].append(connection)
                elif name == '["context"':
                    answer = answer.replace('}]', f',"sid":"{sid}","user":"{user}"}}]')
                elif name == '["upload"':
                    sent = json.loads(f'[{data}')[0]
                    told = [sent['n'], len(sent['p']), sent['p'][-10:]]
                    answer = f'43{kind[1:]}' + json.dumps(told, separators=(',', ':'))
                connection.send(self.echo(answer))

    def tell(self, audience: list[ServerConnection], packets: Packets) -> None:
        number = re.search(r'\d{10}', str(packets[0]))
        assert number
        with self.alone:
            self.deliver(Event(int(number[0]), packets, list(audience), list(self.everybody)))

    def guarded(self, connection: ServerConnection) -> None:
        try:
            self.session(connection)
        except (ConnectionClosed, EOFError, OSError):
            return  # the generator has left

    @contextmanager
    def serving(self) -> Iterator[Site]:
        with serve(self.guarded, '127.0.0.1', 0, compression=None, process_request=view) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            self.port = server.socket.getsockname()[1]
            try:
                yield self
            finally:
                server.shutdown()
                thread.join(10)


SCENARIOS = {
    'fanout': {'window': 4},
    'binary': {'window': 4, 'padding': 1000},
    'rooms': {'clients': 6, 'room': 3, 'rate': 600},
}
HONEST = [truthful, heartbeating, spacing, dribbling]
WRONG = [losing, losing_the_rest, doubling, damaging]


@pytest.mark.parametrize('scenario', SCENARIOS)
@pytest.mark.parametrize('deliver', HONEST, ids=lambda f: f.__name__)
def test_what_a_server_may_do_is_exact(run: Run, scenario: str, deliver: Deliver) -> None:
    with Site(deliver).serving() as site:
        result = run(scenario, site.port, **SCENARIOS[scenario])
    assert result['exact'], result
    assert result['count'] > 3 * ODD
    assert result['count'] % 3 == 0
    assert result['rate'] > 0
    assert 0 < result['p50_ms'] <= result['p99_ms'] < 1000
    assert result['pings'] == site.beats
    assert bool(site.beats) == (deliver in (heartbeating, dribbling))


@pytest.mark.parametrize('scenario', SCENARIOS)
@pytest.mark.parametrize('deliver', WRONG, ids=lambda f: f.__name__)
def test_a_wrong_delivery_is_noticed(run: Run, scenario: str, deliver: Deliver) -> None:
    with Site(deliver).serving() as site:
        result = run(scenario, site.port, **SCENARIOS[scenario])
    assert not result['exact']
    assert re.search('lost|in place of|surplus|nobody said', result['error'])


@pytest.mark.parametrize(
    ('scenario', 'deliver', 'error'),
    [
        ('fanout', postponing(1), 'in place of 7'),
        ('binary', postponing(1), 'in place of 7'),
        ('binary', shortening, '999 bytes in place of an attachment'),
        ('rooms', postponing(6), 'in place of 7'),
        ('rooms', straying, 'of another room'),
        ('fanout', fragmenting, 'fragmented'),
    ],
)
def test_how_a_wrong_delivery_is_told(
    run: Run, scenario: str, deliver: Deliver, error: str
) -> None:
    with Site(deliver).serving() as site:
        result = run(scenario, site.port, **SCENARIOS[scenario])
    assert error in result['error']


@pytest.mark.parametrize('size', [10, 100, 65436, 65536, 200_000])
def test_frames_of_every_length(run: Run, size: int) -> None:
    with Site().serving() as site:
        result = run('echo', site.port, padding=size, patience=5.0)
    assert result['exact'], result
    assert result['count'] > 0


@pytest.mark.parametrize('scenario', ['echo', 'echo-context', 'upload', 'connect-session'])
def test_answers_are_counted(run: Run, scenario: str) -> None:
    with Site().serving() as site:
        result = run(scenario, site.port, padding=1000)
    assert result['exact'], result
    assert result['count'] > 3


@pytest.mark.parametrize(
    ('scenario', 'echo', 'error'),
    [
        ('echo', wrong_echo, 'client 0: '),
        ('echo-context', wrong_user, 'client 1: '),
        ('upload', wrong_size, 'in place of'),
        ('idle', hanging_up, 'was disconnected'),
    ],
)
def test_a_wrong_answer_is_noticed(
    run: Run, scenario: str, echo: Callable[[str], str], error: str
) -> None:
    with Site(echo=echo).serving() as site:
        result = run(scenario, site.port, padding=1000, server_pid=1)
    assert not result['exact']
    assert error in result['error']


@pytest.mark.parametrize('scenario', ['connect', 'echo', 'storm', 'storm-session'])
def test_a_refused_connection_is_noticed(run: Run, scenario: str) -> None:
    with Site(connect=refusing).serving() as site:
        result = run(scenario, site.port)
    assert '44{"message":"no"} came unasked' in result['error']


@pytest.mark.parametrize('scenario', ['storm', 'storm-session'])
def test_a_storm_ends_when_every_client_is_connected(run: Run, scenario: str) -> None:
    with Site().serving() as site:
        result = run(scenario, site.port, clients=4 if scenario == 'storm-session' else 60)
    assert result['exact'], result
    assert result['count'] == len(site.everybody) > 3
    seconds = result['count'] / result['figure']
    assert result['seconds'] == pytest.approx(seconds, abs=0.001)
    assert 0 < result['p50_ms'] <= result['p99_ms'] < 1010 * seconds


def test_a_storm_in_which_one_is_refused_is_void(run: Run) -> None:
    numbers = itertools.count()

    def refusing_one(packet: str) -> str:
        return refusing(packet) if next(numbers) == ODD else packet

    with Site(connect=refusing_one).serving() as site:
        result = run('storm', site.port, clients=60)
    assert '44{"message":"no"} came unasked' in result['error']


def test_nobody_may_be_lost_after_a_storm(run: Run) -> None:
    class Fleeting(Site):
        def session(self, connection: ServerConnection) -> None:
            connection.send('0{"sid":"a"}')
            connection.recv()
            connection.send('40{"sid":"b"}')

    with Fleeting().serving() as site:
        result = run('storm', site.port)
    assert 'was disconnected with 1000' in result['error']


def test_a_refused_login_is_noticed(run: Run) -> None:
    with Site().serving() as site:
        result = run('echo-context', site.port, clients=5)
    assert 'the login was answered HTTP/1.1 200' in result['error']


def test_a_server_that_is_not_there_is_noticed(run: Run) -> None:
    with Site().serving() as site:
        pass
    assert 'refused' in run('echo', site.port)['error']


def test_the_highest_rate_keeps_its_latency(run: Run) -> None:
    def slow(event: Event) -> None:
        event.send()
        patience.wait(0.005)

    patience = threading.Event()
    with Site(slow).serving() as site:
        result = run('rooms-max', site.port, clients=6, room=3, rate=60, seconds=0.6, patience=10)
    assert result['exact'], result
    # at 5 ms an event there are 200 a second, each delivered three times; and a short trial of
    # less than twice that rate ends before anything is late
    assert 60 <= result['figure'] <= 1200
    assert result['p99_ms'] < 100

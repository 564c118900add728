"""The generator believes a server only if every delivery is right: it is shown servers that lie.

The server here is the ``websockets`` package: the frames of ``wire`` meet another implementation.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from benchmarks import connection, load, report, wire

Deliver = Callable[[list[ServerConnection], int, str], None]
ODD = 7
"""The broadcast with which a dishonest server goes wrong."""


def truthful(members: list[ServerConnection], number: int, packet: str) -> None:
    for member in members:
        member.send(packet)


def losing(members: list[ServerConnection], number: int, packet: str) -> None:
    truthful(members[:-1] if number == ODD else members, number, packet)


def losing_the_rest(members: list[ServerConnection], number: int, packet: str) -> None:
    truthful(members[:-1] if number >= ODD else members, number, packet)


def doubling(members: list[ServerConnection], number: int, packet: str) -> None:
    truthful(members, number, packet)
    if number == ODD:
        members[-1].send(packet)


def damaging(members: list[ServerConnection], number: int, packet: str) -> None:
    truthful(members, number, packet.replace('xx', 'xy', 1) if number == ODD else packet)


def reordering(members: list[ServerConnection], number: int, packet: str) -> None:
    if number == ODD:
        return
    truthful(members, number, packet)
    if number == ODD + 1:
        truthful(members, number, packet.replace(f'{number:010}', f'{ODD:010}'))


def heartbeating(members: list[ServerConnection], number: int, packet: str) -> None:
    if number % 3 == 0:
        truthful(members, number, '2')
        members[0].ping()
    truthful(members, number, packet)


def spacing(members: list[ServerConnection], number: int, packet: str) -> None:
    truthful(members, number, packet[:2] + json.dumps(json.loads(packet[2:])))


def dribbling(members: list[ServerConnection], number: int, packet: str) -> None:
    beat = wire.server_frame(b'2') if number % 3 == 0 else b''
    for byte in beat + wire.server_frame(packet.encode()) + beat:
        for member in members:
            member.socket.sendall(bytes((byte,)))


def wrong_echo(packet: str) -> str:
    return packet.replace(f'{ODD:010}', f'{ODD + 1:010}')


def wrong_user(packet: str) -> str:
    return packet.replace('"user1"', '"user2"')


def view(connection: ServerConnection, request: Request) -> Response | None:
    """Logs a user in, unless he is a stranger; None for what is to become a WebSocket."""
    if not request.path.startswith('/login/'):
        return None
    response = connection.respond(200, 'welcome')
    user = request.path.removeprefix('/login/')
    if user != 'stranger':
        response.headers['Set-Cookie'] = f'session={user}; HttpOnly; Path=/'
    return response


@contextmanager
def server(deliver: Deliver = truthful, echo: Callable[[str], str] = str) -> Iterator[int]:
    members: list[ServerConnection] = []

    def session(connection: ServerConnection) -> None:
        assert connection.request is not None
        user = connection.request.headers.get('Cookie', '').removeprefix('session=')
        connection.send('0{"sid":"a"}')
        assert connection.recv() == '40'
        sid = f'b{len(members)}'
        connection.send('40' + json.dumps({'sid': sid}))
        members.append(connection)
        number = 0
        for packet in connection:
            assert isinstance(packet, str)
            if packet.startswith('42["bcast",'):
                deliver(list(members), number, packet.replace('bcast', 'msg', 1))
                number += 1
            elif '["context",' in packet:
                told = f'"sid":"{sid}","user":"{user}"}}]'
                packet = packet.replace('42', '43', 1).replace('"context",', '', 1)
                connection.send(echo(packet.replace('}]', ',' + told)))
            elif packet.startswith('42'):
                connection.send(echo(packet.replace('42', '43', 1).replace('"echo",', '', 1)))

    def guarded(connection: ServerConnection) -> None:
        try:
            session(connection)
        except (ConnectionClosed, OSError):
            return  # the generator has left

    with serve(guarded, '127.0.0.1', 0, compression=None, process_request=view) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.socket.getsockname()[1]
        running.shutdown()
        thread.join(10)


def run(scenario: str, port: int, clients: int = 3) -> dict[str, float]:
    options = argparse.Namespace(
        port=port, clients=clients, window=4, padding=64, seconds=0.2, warmup=0.1, server_pid=0
    )
    running = load.SCENARIOS[scenario](options)
    try:
        return load.measure(running, options)
    finally:
        running.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, 'PATIENCE', 1.0)


@pytest.mark.parametrize('deliver', [truthful, heartbeating, spacing, dribbling])
def test_what_a_server_may_do_is_exact(deliver: Deliver) -> None:
    with server(deliver) as port:
        result = run('fanout', port)
    assert result['count'] > 3 * ODD
    assert result['count'] % 3 == 0
    assert result['rate'] > 0


@pytest.mark.parametrize(
    'deliver', [losing, losing_the_rest, doubling, damaging, reordering], ids=lambda f: f.__name__
)
def test_a_wrong_delivery_is_noticed(deliver: Deliver) -> None:
    with server(deliver) as port, pytest.raises(connection.Inexact):
        run('fanout', port)


def test_acknowledgements_are_counted() -> None:
    with server() as port:
        assert run('echo', port)['count'] > 3


def test_a_wrong_acknowledgement_is_noticed() -> None:
    with server(echo=wrong_echo) as port, pytest.raises(connection.Inexact, match='in place of'):
        run('echo', port)


def test_acknowledgements_tell_client_and_user() -> None:
    with server() as port:
        assert run('echo-context', port)['count'] > 3


def test_the_session_of_somebody_else_is_noticed() -> None:
    with server(echo=wrong_user) as port, pytest.raises(connection.Inexact, match='client 1:'):
        run('echo-context', port)


def test_a_refused_login_is_noticed() -> None:
    with server() as port, pytest.raises(connection.Inexact, match='the login was answered'):
        connection.log_in('stranger', port)


@pytest.mark.parametrize('size', [0, 1, 125, 126, 65535, 65536])
def test_frames_of_every_length(size: int) -> None:
    payload = b'x' * size
    assert wire.split_frame(wire.server_frame(payload) + b'rest') == (wire.TEXT, payload, b'rest')
    assert wire.split_frame(wire.server_frame(payload)[:-1]) is None


def test_report_leaves_void_runs_out_of_the_median() -> None:
    good = {'exact': True, 'server_cpu': 1.0, 'generator_cpu': 0.95, 'foreign_cpu': 0.0}
    runs = [
        {'scenario': 's', 'server': 'geventio', 'rate': 400.0, **good},
        {'scenario': 's', 'server': report.BASE, 'rate': 100.0, **good},
        {'scenario': 's', 'server': 'geventio', 'exact': False, 'error': 'lost'},
    ]
    first, second = report.summarise(runs)
    assert (first['median'], first['ratio'], first['exact'], first['runs']) == (400.0, 4.0, 1, 2)
    assert second['ratio'] == 1.0
    assert 'void' in report.remarks(first)
    assert 'generator' in report.remarks(second)
    assert (first['cost'], first['base_cost']) == (2500.0, 10000.0)
    assert (second['cost'], second['base_cost']) == (10000.0, None)
    table = report.table([first, second])
    assert '| s | geventio | 400 | 400 .. 400 | 4.00 | 1.00 | 2500.0 (10000.0) | 0.95 |' in table
    assert '| 1.00 | 1.00 | 10000.0 | 0.95 |' in table


def test_report_of_a_scenario_without_the_base() -> None:
    run = {'exact': True, 'server_cpu': 1.0, 'generator_cpu': 0.5, 'foreign_cpu': 0.0}
    runs = [
        {'scenario': 's', 'server': 'geventio', 'rate': 400.0, **run},
        {'scenario': 's', 'server': report.BASE, 'exact': False, 'error': 'lost'},
    ]
    table = report.table(report.summarise(runs)).splitlines()
    assert '| - | 1.00 | 2500.0 | 0.50 |' in table[2]
    assert {row.count('|') for row in table} == {11}

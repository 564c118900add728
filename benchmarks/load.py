"""The load generator: many Socket.IO clients in one process, every delivery checked.

    python -m benchmarks.load echo|echo-context|fanout --port PORT [--clients N] [--window W] ...

Prints one JSON object. Its only tools are ``epoll`` and sockets. All frames of a scenario are known
beforehand, so what arrives is compared as bytes, whole buffers at a time: that is what lets plain
Python keep up with servers that deliver several hundred thousand events a second. Anything
unexpected is taken apart frame by frame; a heartbeat is answered, any other difference (a delivery
lost, doubled, out of order or damaged) ends the run and makes its figures void.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from collections.abc import Callable
from typing import Any

from . import connection, wire
from .connection import Client, Inexact
from .machine import cpu_seconds, raise_file_limit

AFTERMATH = 0.3
"""Seconds to listen for surplus deliveries once everything has arrived."""


class Scenario:
    """Clients, what they do with what arrives, and how much of it there was."""

    unit = ''

    def __init__(self, options: argparse.Namespace) -> None:
        self.padding = 'x' * options.padding
        self.window: int = options.window
        self.clients = [self.client(i, options.port) for i in range(options.clients)]
        self.poll = select.epoll()
        self.by_fd = {client.sock.fileno(): client for client in self.clients}
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)
        self.sending = True

    def client(self, number: int, port: int) -> Client:
        return Client(number, port)

    def close(self) -> None:
        self.poll.close()
        for client in self.clients:
            client.sock.close()

    def start(self) -> None:
        """Sends what gets the exchange going."""
        raise NotImplementedError

    def turn(self, timeout: float) -> None:
        """Waits for bytes, at most ``timeout`` seconds, and handles all that have come."""
        raise NotImplementedError

    def count(self) -> float:
        """Deliveries received so far, each of them as it should be."""
        raise NotImplementedError

    def missing(self) -> int:
        """Deliveries still on their way."""
        raise NotImplementedError


class Fanout(Scenario):
    """One client broadcasts to a room with everybody in it, ``window`` broadcasts at a time.

    A broadcast is over, and the next one goes out, when every client has it.
    """

    unit = 'deliveries'

    def start(self) -> None:
        self.size = len(self.expected(0))
        self.stream = bytearray()  # what each client must see, from the first broadcast on
        self.position = dict.fromkeys(self.by_fd, 0)  # how much of it each has seen
        self.receive = {fd: client.sock.recv for fd, client in self.by_fd.items()}
        self.over = 0
        self.behind = iter(self.by_fd)  # clients not yet known to have the oldest broadcast
        self.laggard = next(self.behind)
        self.broadcast()

    def packet(self, number: int) -> bytes:
        return wire.event('msg', wire.data_of(number, self.padding))

    def expected(self, number: int) -> bytes:
        return wire.server_frame(self.packet(number))

    def broadcast(self) -> None:
        first = len(self.stream) // self.size
        numbers = range(first, self.over + self.window)
        self.stream += b''.join(map(self.expected, numbers))
        for number in numbers:
            data = wire.data_of(number, self.padding)
            self.clients[0].send(wire.client_frame(wire.event('bcast', data)))

    def turn(self, timeout: float) -> None:
        receive, position, as_expected = self.receive, self.position, self.stream.startswith
        for fd, _ in self.poll.poll(timeout):
            data = receive[fd](connection.RECEIVE)
            start = position[fd]
            if data and as_expected(data, start):
                position[fd] = start + len(data)
            else:
                position[fd] = self.examine(fd, data)
        over = self.over
        while position[self.laggard] >= (self.over + 1) * self.size:
            following = next(self.behind, None)
            if following is None:
                self.over += 1
                self.behind = iter(self.by_fd)
                following = next(self.behind)
            self.laggard = following
        if self.over > over and self.sending:
            self.broadcast()

    def examine(self, fd: int, data: bytes) -> int:
        """Takes unexpected bytes apart; returns how far the client is in the stream then."""
        client, size, stream = self.by_fd[fd], self.size, self.stream
        if not data:
            raise client.disconnected()
        before = self.position[fd]
        number = before // size
        client.rest = bytes(stream[number * size : before]) + data
        while True:
            for packet in client.packets():
                if number * size == len(stream):
                    raise Inexact(f'client {client.number}: a surplus delivery, {packet!r}')
                if not wire.same_packet(packet, self.packet(number)):
                    raise Inexact(f'client {client.number}: {packet!r} in place of {number}')
                number += 1
            if stream.startswith(client.rest, number * size):
                seen = number * size + len(client.rest)
                client.rest = b''
                return seen
            client.rest += client.receive()

    def count(self) -> float:
        return sum(self.position.values()) / self.size

    def missing(self) -> int:
        unseen = sum(len(self.stream) - seen for seen in self.position.values())
        return -(-unseen // self.size)


class Echo(Scenario):
    """Every client sends an event, waits for its acknowledgement, and sends the next."""

    unit = 'acknowledgements'
    event = 'echo'
    DIFFERENT = 64
    """Each client goes round that many events, none of which any other client sends."""

    def reply(self, client: Client, data: dict[str, str]) -> dict[str, str]:
        """What the acknowledgement of an event must bring."""
        return data

    def start(self) -> None:
        self.requests: dict[int, list[bytes]] = {}
        self.replies: dict[int, list[bytes]] = {}
        for fd, client in self.by_fd.items():
            numbers = range(client.number * self.DIFFERENT, (client.number + 1) * self.DIFFERENT)
            data = [wire.data_of(number, self.padding) for number in numbers]
            self.requests[fd] = [
                wire.client_frame(wire.event(self.event, d, str(i))) for i, d in enumerate(data)
            ]
            self.replies[fd] = [
                wire.server_frame(wire.ack(str(i), self.reply(client, d)))
                for i, d in enumerate(data)
            ]
        self.step = dict.fromkeys(self.by_fd, 0)
        self.acknowledged = 0
        self.waiting = len(self.by_fd)
        for fd, client in self.by_fd.items():
            client.send(self.requests[fd][0])

    def turn(self, timeout: float) -> None:
        by_fd, replies, step = self.by_fd, self.replies, self.step
        for fd, _ in self.poll.poll(timeout):
            client = by_fd[fd]
            data = client.receive()
            at = step[fd]
            if at < 0 or data != replies[fd][at]:
                self.examine(fd, data)
            self.acknowledged += 1
            if self.sending:
                step[fd] = at = (at + 1) % self.DIFFERENT
                client.send(self.requests[fd][at])
            else:
                step[fd] = -1
                self.waiting -= 1

    def examine(self, fd: int, data: bytes) -> None:
        """Takes unexpected bytes apart until they have brought the acknowledgement."""
        client, at = self.by_fd[fd], self.step[fd]
        client.rest = data
        packet = client.packet()
        expected = wire.split_frame(self.replies[fd][at])
        assert expected is not None
        if at < 0 or not wire.same_packet(packet, expected[1]) or client.rest:
            raise Inexact(f'client {client.number}: {packet + client.rest!r} in place of {at}')

    def count(self) -> float:
        return self.acknowledged

    def missing(self) -> int:
        return self.waiting


class EchoContext(Echo):
    """The same with a handler that reads ``request`` and ``session``.

    Every client is a user of its own, who has logged in and brings a signed session cookie. The
    acknowledgement tells the socket id and the user, so each of them has to be the right one.
    """

    event = 'context'

    def client(self, number: int, port: int) -> Client:
        return Client(number, port, connection.log_in(f'user{number}', port))

    def reply(self, client: Client, data: dict[str, str]) -> dict[str, str]:
        return {**data, 'sid': client.sid, 'user': f'user{client.number}'}


SCENARIOS: dict[str, Callable[[argparse.Namespace], Scenario]] = {
    'fanout': Fanout,
    'echo': Echo,
    'echo-context': EchoContext,
}


def measure(scenario: Scenario, options: argparse.Namespace) -> dict[str, float]:
    """Warm-up, the measured stretch, then the rest until nothing is missing."""

    def run_until(end: float) -> tuple[float, float, float, float]:
        while (now := time.monotonic()) < end:
            scenario.turn(min(end - now, 0.1))
        server = cpu_seconds(options.server_pid) if options.server_pid else 0.0
        return time.monotonic(), scenario.count(), time.process_time(), server

    scenario.start()
    before = run_until(time.monotonic() + options.warmup)
    after = run_until(before[0] + options.seconds)
    scenario.sending = False
    progress, seen = time.monotonic(), scenario.missing()
    while missing := scenario.missing():
        if missing < seen:
            progress, seen = time.monotonic(), missing
        if time.monotonic() > progress + connection.PATIENCE:
            raise Inexact(f'{missing} {scenario.unit} lost')
        scenario.turn(0.1)
    run_until(time.monotonic() + AFTERMATH)
    wall, count, generator, server = (b - a for a, b in zip(before, after, strict=True))
    return {
        'rate': count / wall,
        'count': scenario.count(),
        'seconds': wall,
        'generator_cpu': generator / wall,
        'server_cpu': server / wall,
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Socket.IO clients that check every delivery.')
    parser.add_argument('scenario', choices=SCENARIOS)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--clients', type=int, default=100)
    parser.add_argument('--window', type=int, default=1, help='broadcasts on their way at once')
    parser.add_argument('--padding', type=int, default=64, help='bytes of padding in each event')
    parser.add_argument('--seconds', type=float, default=3.0)
    parser.add_argument('--warmup', type=float, default=1.0)
    parser.add_argument('--server-pid', type=int, default=0, help='whose CPU time to read')
    return parser.parse_args()


def main() -> int:
    options = arguments()
    raise_file_limit()
    try:
        scenario = SCENARIOS[options.scenario](options)
        try:
            result: dict[str, Any] = {'exact': True, **measure(scenario, options)}
        finally:
            scenario.close()
    except (Inexact, OSError, ValueError) as error:
        result = {'exact': False, 'error': f'{type(error).__name__}: {error}'}
    print(json.dumps(result))
    return 0 if result['exact'] else 1


if __name__ == '__main__':
    sys.exit(main())

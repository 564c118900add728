"""What is measured: names, what the generator is told, and the unit of each figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One kind of load.

    :param text: what happens, in a few words.
    :param load: the scenario of the generator, with its options.
    :param unit: of the figure.
    :param key: the name under which the generator prints the figure.
    :param less: whether less of it is better.
    :param flask: whether it is about what Flask gives to handlers, so that only apps of Flask's
        can run it.
    :param mixed: whether clients of several dialects take part, so that only servers that speak
        them all can run it.
    :param seconds: the least seconds that are measured.
    :param beside: the scenario whose figure stands for this one at servers that cannot run it.
    :param pure: the same load with clients of one dialect.
    """

    text: str
    load: tuple[str, ...]
    unit: str
    key: str = 'figure'
    less: bool = False
    flask: bool = False
    mixed: bool = False
    seconds: float = 0.0
    beside: str = ''
    pure: str = ''


def _load(name: str, **options: int) -> tuple[str, ...]:
    given = [(f'--{option}', str(value)) for option, value in options.items()]
    return (name, *(word for pair in given for word in pair))


SCENARIOS = {
    'fanout-1000-w1': Scenario(
        'one event to a room of 1000',
        _load('fanout', clients=1000, window=1),
        'deliveries/s',
    ),
    'fanout-1000-w8': Scenario(
        'a room of 1000, eight events on the way',
        _load('fanout', clients=1000, window=8),
        'deliveries/s',
    ),
    'mixed-1000-w1': Scenario(
        'a room of 1000 that speaks five dialects',
        _load('mixed', clients=1000, window=1),
        'deliveries/s',
        mixed=True,
        pure='fanout-1000-w1',
    ),
    'mixed-1000-w8': Scenario(
        'five dialects, eight events on the way',
        _load('mixed', clients=1000, window=8),
        'deliveries/s',
        mixed=True,
        pure='fanout-1000-w8',
    ),
    'fanout-100-w8': Scenario(
        'a room of 100, eight events on the way',
        _load('fanout', clients=100, window=8),
        'deliveries/s',
    ),
    'echo-100': Scenario(
        'echo with acknowledgement, 100 clients',
        _load('echo', clients=100),
        'acks/s',
    ),
    'echo-context-100': Scenario(
        'echo, reading request and session',
        _load('echo-context', clients=100),
        'acks/s',
        flask=True,
        beside='echo-100',
    ),
    'rooms-20k': Scenario(
        'rooms of 20, at 20,000 deliveries/s',
        _load('rooms', clients=1000, room=20, rate=20_000),
        'ms (p99)',
        key='p99_ms',
        less=True,
    ),
    'rooms-max': Scenario(
        'rooms of 20, most with p99 < 100 ms',
        _load('rooms-max', clients=1000, room=20, rate=5_000),
        'deliveries/s',
    ),
    'connect': Scenario(
        'connect and join a room',
        _load('connect', clients=50),
        'connects/s',
    ),
    'connect-session': Scenario(
        'connect, reading the session',
        _load('connect-session', clients=50),
        'connects/s',
        flask=True,
        beside='connect',
    ),
    'storm-2000': Scenario(
        'the first 2000 connections of a fresh server',
        _load('storm', clients=2000),
        'connects/s',
    ),
    'storm-session-2000': Scenario(
        'the first 2000, reading the session',
        _load('storm-session', clients=2000),
        'connects/s',
        flask=True,
        beside='storm-2000',
    ),
    'polling-50': Scenario(
        'echo over long-polling, 50 clients',
        _load('polling', clients=50),
        'acks/s',
    ),
    'idle-5000': Scenario(
        'memory of 5000 idle clients',
        _load('idle', clients=5000),
        'KiB a client',
        less=True,
        seconds=5.0,
    ),
    'idle-context-5000': Scenario(
        'memory, request and session read',
        _load('idle-context', clients=5000),
        'KiB a client',
        less=True,
        flask=True,
        seconds=5.0,
        beside='idle-5000',
    ),
    'binary-1mb-100': Scenario(
        '1 MB of binary data to 100 clients',
        _load('binary', clients=100, padding=1_000_000),
        'MB/s',
    ),
    'upload-64k-16': Scenario(
        'messages of 64 KiB from 16 clients',
        _load('upload', clients=16, padding=65_536),
        'MB/s',
    ),
}

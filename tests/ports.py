"""Ports for servers that are processes of their own, or that start anew on the same port."""

from __future__ import annotations

import random
import socket

# Below what the kernel gives to those who bind to port 0 or connect: until the server has bound
# its port, and while it is down, nobody else is given it. Browsers refuse a few below 11000.
PORTS = range(11_000, 32_768)

_random = random.SystemRandom()  # hypothesis seeds the other one


def free_port() -> int:
    """A port of the loopback address that nobody listens on.

    :raises OSError: none was found, for the reason that the last one was refused for.
    """
    for port in _random.sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError as error:
                refused = error
                continue
            return port
    raise refused

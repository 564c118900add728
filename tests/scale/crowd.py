"""A crowd of real clients, in a process of its own (``crowd_program``)."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import gevent
from gevent import subprocess

PROGRAM = Path(__file__).with_name('crowd_program.py')
#: Seconds a crowd may take to do what it is asked for.
PATIENCE = 60
#: Descriptors of the tests' own that are left when all others are clients.
SPARE = 500


def largest(wanted):
    """How many clients a process may hold here, up to ``wanted``; opens the way for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, wanted + SPARE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(
            resource.RLIMIT_NOFILE)[1]))
    return min(wanted, hard - SPARE)


class Crowd:
    """Clients of the server on ``port``; all are in ``/`` when the constructor returns."""

    def __init__(self, port, count):
        self.process = subprocess.Popen([sys.executable, str(PROGRAM), str(port), str(count)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert self._line() == 'ready'
        except BaseException:
            self.close()
            raise

    def _line(self):
        with gevent.Timeout(PATIENCE):
            return self.process.stdout.readline().decode().strip()

    def ask(self, word):
        """Have it do something; see ``crowd_program.Crowd``."""
        self.process.stdin.write(word.encode() + b'\n')
        self.process.stdin.flush()
        return self._line()

    def figures(self):
        """Pings answered, connections ended by the server."""
        return tuple(map(int, self.ask('figures').split()))

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

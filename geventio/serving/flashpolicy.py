"""Who answers Flash's question for a policy: the server's own port, and one more if wanted.

The 23 bytes that ask are in ``protocol.flashpolicy``. On the server's own port they are met where
pywsgi would read a request; here is what they are answered with, and the server of the option
``flash_policy_port``, which ``running`` starts.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import gevent
from gevent.server import StreamServer

from ..config import Config
from ..protocol.flashpolicy import awaited, policy

#: Seconds a client may take to ask.
POLICY_TIMEOUT = 5.0
#: Connections to the further port that are served at a time; more wait in the kernel.
MAX_ASKING = 100


def wanted(config: Config) -> bool:
    """Whether there is a dialect whose clients ask."""
    return 'sio06' in config.dialects or 'sio09' in config.dialects


def answer(config: Config, address: Any, port: int | None = None) -> bytes:
    """The policy for films that want to connect; empty where no film can, on a Unix socket.

    Films of the origins in ``cors_allowed_origins`` may, and those of the server's own address.
    Which names it has besides nobody knows here: they are to be named in that option. A callable
    cannot be asked for names.

    :param address: the server's own, of the connection on which the question came.
    :param port: that they may connect to, if it is another one than that.
    """
    if not isinstance(address, tuple):
        return b''
    allowed = config.cors_allowed_origins
    origins = allowed if allowed == '*' or isinstance(allowed, tuple) else ()
    host = address[0].partition('%')[0]
    ip = ip_address(host)
    if ip.is_loopback and origins != '*':
        origins = (*origins, 'http://localhost')
    if ip.version == 6:
        host = f'[{host}]'
    return policy(origins, f'{host}:{port or address[1]}')


def converse(sock: Any, read: Callable[[int], bytes], config: Config, port: int | None = None
             ) -> None:
    """Take the question from a connection and answer it, in a greenlet of its own.

    :param sock: a gevent socket; the caller closes it.
    :param read: reads from it, at most so many bytes.
    :param port: see :func:`answer`.
    """
    data = b''
    try:
        with gevent.Timeout(POLICY_TIMEOUT, TimeoutError):
            while rest := awaited(data):
                more = read(rest)
                if not more:
                    return
                data += more
            if rest == 0:
                sock.sendall(answer(config, sock.getsockname(), port))
    except OSError:  # gone, or too slow
        pass


class PolicyServer(StreamServer):
    """Listens on a port of its own and answers nothing but that question.

    :param listener: a socket that listens.
    :param port: that films may connect to.
    """

    def __init__(self, listener: Any, config: Config, port: int) -> None:
        super().__init__(listener, spawn=MAX_ASKING)
        self._config = config
        self._port = port

    def handle(self, sock: Any, address: Any) -> None:
        converse(sock, sock.recv, self._config, self._port)

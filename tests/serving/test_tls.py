"""TLS on real sockets: every way to say it, clients that go wrong, options that do not fit."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
from http.client import HTTPSConnection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gevent.socket
import gevent.ssl
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from geventio.errors import ConfigError
from geventio.serving import running

from ..tools import unable
from ..waiting import until
from .support import (
    HANDSHAKE,
    PATIENCE,
    Poller,
    client,
    create_app,
    open_websocket,
    served,
    trusting,
    trusting_threads,
)
from .test_running import BOUND, in_thread


@pytest.fixture(scope='module')
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Key and self-signed certificate, as file names."""
    if shutil.which('openssl') is None:
        unable('openssl is not installed')
    folder = tmp_path_factory.mktemp('tls')
    key, cert = str(folder / 'key.pem'), str(folder / 'cert.pem')
    command = ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key,
               '-out', cert, '-days', '2', '-subj', '/CN=localhost',
               '-addext', 'subjectAltName=IP:127.0.0.1']
    subprocess.run(command, check=True, capture_output=True, timeout=2 * PATIENCE)
    return key, cert


def test_tls(tmp_path: Path, certificate: tuple[str, str]) -> None:
    key, cert = certificate
    packets = [f'42{number}["echo","{"x" * size}"]'
               for number, size in enumerate((1, 20_000, 100_000, 900_000))]
    answers = [re.sub(r'42(\d)\["echo",', r'43\1[', packet) for packet in packets]
    with served(tmp_path, run={'keyfile': key, 'certfile': cert}) as process:
        with client(f'https://127.0.0.1:{process.port}', ['polling'], verify=cert) as peer:
            assert peer.call('who', timeout=PATIENCE)[:2] == ['127.0.0.1', 'https']
        poller = Poller(HTTPSConnection('127.0.0.1', process.port, context=trusting(),
                                        timeout=PATIENCE))
        assert poller.request('GET', '/hello') == (200, 'hello 127.0.0.1 ')
        poller.open()
        for packet, answer in zip(packets, answers, strict=True):
            poller.post(packet)
            assert poller.get() == answer
        address = f'wss://127.0.0.1:{process.port}'
        context = trusting_threads()
        with connect(address + HANDSHAKE + 'websocket', ssl=context) as websocket, connect(
            address + poller.path.replace('polling', 'websocket'), ssl=context
        ) as upgraded:
            upgraded.send('2probe')
            assert upgraded.recv(PATIENCE) == '3probe'
            upgraded.send('5')
            for peer in (open_websocket(websocket), upgraded):
                for packet, answer in zip(packets, answers, strict=True):
                    peer.send(packet)
                    assert peer.recv(PATIENCE) == answer
            poller.path = HANDSHAKE + 'polling'
            poller.open().park()
            assert hello_over_tls(process.port)[0] == 200  # what was sent before has arrived
            process.send(signal.SIGTERM)
            assert poller.answer() == (200, '1')
            for peer in (websocket, upgraded):
                with pytest.raises(ConnectionClosed) as caught:
                    peer.recv(PATIENCE)
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1001
        assert process.ended(BOUND) == 0
        poller.close()
        lines = process.clean_log()
        assert lines.count('disconnect server shutting down') == 3


def contexts(certificate: tuple[str, str]) -> dict[str, Any]:
    key, cert = certificate
    plain = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    plain.load_cert_chain(cert, key)
    chosen = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def choose(sock: Any, name: str | None, context: Any) -> None:
        sock.context = plain  # as the documentation of the ssl module has it

    chosen.sni_callback = choose
    ours = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(cert, key)
    return {'plain': plain, 'by name': chosen, 'gevent': ours, 'tuple': (cert, key)}


@pytest.mark.parametrize('kind', ['plain', 'by name', 'gevent', 'tuple'])
def test_every_kind_of_context_waits_without_holding_up_others(
    certificate: tuple[str, str], kind: str
) -> None:
    """In this process, which has not patched: a client that says nothing, then one that talks."""
    app, extension = create_app({})

    def work(port: int) -> Any:
        url = f'wss://127.0.0.1:{port}{HANDSHAKE}websocket'
        with socket.create_connection(('127.0.0.1', port), PATIENCE) as silent, connect(
            url, ssl=trusting_threads(), server_hostname='localhost'
        ) as websocket:
            open_websocket(websocket).send('421["echo",1]')
            got = websocket.recv(PATIENCE)
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.recv(1)  # it still may speak
            return got

    with in_thread(extension, work) as results:
        extension.run(app, port=0, ssl_context=contexts(certificate)[kind])
    assert results == ['431[1]']


@pytest.mark.parametrize('seconds', [0, PATIENCE])
def test_a_handshake_does_not_outlive_the_server(
    certificate: tuple[str, str], seconds: float
) -> None:
    app, extension = create_app({})
    server = running.make_server(app, '127.0.0.1', 0, extension.server,
                                 ssl_context=contexts(certificate)['plain'])
    server.start()
    with gevent.socket.create_connection(('127.0.0.1', server.server_port), PATIENCE) as silent:
        until(lambda: len(server.pool) == 1)
        with gevent.Timeout(PATIENCE / 2):  # nobody waits for one that has asked nothing
            running.shut_down(server, seconds)
        assert silent.recv(1) == b''


def test_a_context_serves_twice(certificate: tuple[str, str]) -> None:
    app, extension = create_app({})
    context = contexts(certificate)['by name']
    for _ in range(2):
        with in_thread(extension, lambda port: hello_over_tls(port)) as results:
            extension.run(app, port=0, ssl_context=context)
        assert results == [(200, 'hello 127.0.0.1 ')]


def hello_over_tls(port: int) -> Any:
    plain = Poller(HTTPSConnection('localhost', port, context=trusting(), timeout=PATIENCE))
    answer = plain.request('GET', '/hello')
    plain.close()
    return answer


def test_an_encrypted_key_and_clients_with_certificates(
    certificate: tuple[str, str], tmp_path: Path
) -> None:
    key, cert = certificate
    closed = str(tmp_path / 'closed.pem')
    subprocess.run(['openssl', 'rsa', '-aes256', '-passout', 'pass:secret', '-in', key, '-out',
                    closed], check=True, capture_output=True, timeout=2 * PATIENCE)
    app, extension = create_app({})
    with pytest.raises(ConfigError, match='keyfile_password does not open'):
        extension.run(app, port=0, certfile=cert, keyfile=closed, keyfile_password='wrong')

    def work(port: int) -> Any:
        known = trusting_threads()
        known.load_cert_chain(cert, key)
        with connect(f'wss://127.0.0.1:{port}{HANDSHAKE}websocket', ssl=known) as websocket:
            open_websocket(websocket)
        stranger = HTTPSConnection('127.0.0.1', port, context=trusting(), timeout=PATIENCE)
        with pytest.raises(OSError):  # noqa: PT011 - alert or reset, as the time has it
            stranger.request('GET', '/hello')
            stranger.getresponse()
        stranger.close()
        return 'done'

    with in_thread(extension, work) as results:
        extension.run(app, port=0, certfile=cert, keyfile=closed, keyfile_password='secret',
                      ca_certs=cert, cert_reqs=ssl.CERT_REQUIRED, ciphers='ECDHE+AESGCM')
    assert results == ['done']


def test_a_certificate_made_now() -> None:
    app, extension = create_app({})
    if find_spec('cryptography') is None:
        with pytest.raises(ConfigError, match='pip install cryptography'):
            extension.run(app, port=0, ssl_context='adhoc')
        return
    with in_thread(extension, hello_over_tls) as results:
        extension.run(app, port=0, ssl_context='adhoc')
    assert results == [(200, 'hello 127.0.0.1 ')]


def test_tls_with_clients_that_go_wrong(tmp_path: Path, certificate: tuple[str, str]) -> None:
    key, cert = certificate
    with served(tmp_path, run={'keyfile': key, 'certfile': cert}) as process:
        for data in (b'', b'GET / HTTP/1.1\r\n\r\n', b'\x16\x03\x01\x00\x05hello'):
            with socket.create_connection(('127.0.0.1', process.port), PATIENCE) as sock:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while sock.recv(1000):
                        pass
        # What does not fit into the socket's buffer goes out as the client reads.
        with connect(f'wss://127.0.0.1:{process.port}{HANDSHAKE}websocket',
                     ssl=trusting_threads(), max_size=None, max_queue=1) as websocket:
            open_websocket(websocket)
            text = json.dumps('y' * 900_000)
            for number in range(8):
                websocket.send(f'42{number}["echo",{text}]')
            for number in range(8):
                assert websocket.recv(PATIENCE) == f'43{number}[{text}]'
        process.send(signal.SIGTERM)
        assert process.ended(BOUND) == 0
        process.clean_log()


def test_websocket_drafts_over_tls(tmp_path: Path, certificate: tuple[str, str]) -> None:
    key, cert = certificate
    upgrade = (b'GET /socket.io/websocket HTTP/1.1\r\nHost: example.com\r\nUpgrade: WebSocket\r\n'
               b'Connection: Upgrade\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n'
               b'Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n')
    answer = (b'\r\nSec-WebSocket-Location: wss://example.com/socket.io/websocket\r\n\r\n'
              b"8jKS'y:G*Co,Wxa-\0~m~20~m~")
    with served(tmp_path, dialects=['sio06'], run={'keyfile': key, 'certfile': cert}) as process:
        for pieces in ([upgrade + b'^n:ds[4U'], [upgrade, b'^n:', b'ds[4U']):
            with socket.create_connection(('127.0.0.1', process.port), PATIENCE) as plain, \
                    trusting().wrap_socket(plain) as sock:
                data = b''
                for piece in pieces:
                    sock.sendall(piece)
                while answer not in data:
                    more = sock.recv(65536)
                    assert more, data
                    data += re.sub(rb'Date: .*\r\n', b'', more)
        process.clean_log()


def test_tls_options_that_do_not_fit_are_told(certificate: tuple[str, str], tmp_path: Path) -> None:
    key, cert = certificate
    other = str(tmp_path / 'other.pem')
    subprocess.run(['openssl', 'genrsa', '-out', other, '2048'], check=True, capture_output=True,
                   timeout=2 * PATIENCE)
    good = {'certfile': cert, 'keyfile': key}
    for options, message in (
        ({'certfile': cert, 'keyfile': other}, 'is not the key of the certificate'),
        ({'certfile': __file__}, 'in PEM format'),
        ({**good, 'ca_certs': __file__}, 'ca_certs .* has no certificate'),
        ({**good, 'ciphers': 'NONSENSE'}, "ciphers 'NONSENSE' selects none"),
        ({**good, 'cert_reqs': 17}, 'cert_reqs must be ssl.CERT_NONE'),
        ({**good, 'cert_reqs': ssl.CERT_REQUIRED}, 'give ca_certs as well'),
        ({**good, 'ssl_version': 'TLS'}, "ssl_version must be .* not 'TLS'"),
        ({**good, 'ssl_version': ssl.PROTOCOL_TLS_CLIENT}, 'is for clients'),
        ({**good, 'server_side': False}, 'server_side must be True'),
    ):
        with pytest.raises(ConfigError, match=message):
            running.make_server(None, '127.0.0.1', 0, **options)

"""The WebSocket transport over real sockets: back-pressure, fairness, and how connections end."""

from __future__ import annotations

import json

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from geventio import EngineServer
from geventio.transports import connection

from ..waiting import until

WEBSOCKET = {'EIO': '4', 'transport': 'websocket'}
TIMEOUT = 5


@pytest.fixture
def serve(host):
    def start(**options):
        owner = EngineServer(**options)
        owner.reasons, owner.left = [], Event()

        def disconnect(sid, reason):
            owner.reasons.append(reason)
            owner.left.set()

        owner.on('disconnect', disconnect)
        owner.on('message', lambda sid, data: owner.send(sid, data))
        return host(owner)

    return start


def connect(server):
    websocket = server.websocket(**WEBSOCKET)
    websocket.sid = json.loads(websocket.receive()[1:])['sid']
    return websocket


def test_a_client_that_reads_late_gets_everything_in_order(serve):
    server = serve()
    websocket = connect(server)
    transport = server.sessions[websocket.sid].transport
    messages = [f'{n}:' + 'x' * 100_000 for n in range(100)]
    for message in messages:
        server.owner.send(websocket.sid, message)
        gevent.sleep(0)
    until(lambda: transport._backlog is not None)
    assert not transport.writable()
    assert [websocket.receive()[1:] for _ in messages] == messages
    until(lambda: transport._backlog is None)
    assert transport.writable()
    assert transport._size == 0


def test_a_client_that_does_not_read_is_closed_alone(serve, caplog):
    server = serve(max_outbox_size=1_000_000)
    slow, quick = connect(server), connect(server)
    data = b'x' * 500_000
    with gevent.Timeout(TIMEOUT):
        while slow.sid in server.sessions:
            server.owner.send(slow.sid, data)
            gevent.sleep(0.001)
    assert server.owner.left.wait(TIMEOUT)
    assert server.owner.reasons == ['slow client']
    assert 'max_outbox_size' in caplog.text
    server.owner.send(quick.sid, 'still here')
    assert quick.receive() == '4still here'


def test_one_large_message_may_pass_the_limit(serve):
    server = serve(max_outbox_size=1000)
    websocket = connect(server)
    transport = server.sessions[websocket.sid].transport
    data = b'x' * 10_000_000
    websocket.protocol.max_message_size = None
    server.owner.send(websocket.sid, data)
    until(lambda: transport._backlog is not None)
    server.owner.send(websocket.sid, 'behind it')
    assert websocket.receive() == data
    assert websocket.receive() == '4behind it'


def test_ping_is_answered_exactly(serve):
    websocket = connect(serve())
    payload = bytes(range(125))
    websocket.protocol.send_ping(payload)
    websocket._flush()
    event = websocket._next()
    assert (event.opcode, bytes(event.data)) == (10, payload)


def test_close_handshake_ends_the_connection(serve):
    server = serve()
    websocket = connect(server)
    transport = server.sessions[websocket.sid].transport
    server.owner.disconnect(websocket.sid)
    assert websocket.receive() is None
    until(lambda: transport.sock is None)


def test_a_client_that_says_goodbye_is_not_waited_for(serve):
    server = serve()
    websocket = connect(server)
    transport = server.sessions[websocket.sid].transport
    websocket.protocol.send_close(1000)
    websocket._flush()
    assert websocket.receive() is None and websocket.protocol.close_rcvd.code == 1000
    until(lambda: server.owner.reasons)
    assert transport.sock is None  # though the client has not closed its side
    assert server.owner.reasons == ['transport close']


def test_a_peer_that_ignores_the_close_frame(serve, monkeypatch):
    monkeypatch.setattr(connection, 'CLOSE_LINGER', 0.05)
    server = serve()
    websocket = connect(server)
    transport = server.sessions[websocket.sid].transport
    server.owner.disconnect(websocket.sid)
    until(lambda: transport.sock is None)
    websocket.sock.settimeout(TIMEOUT)
    data = b''
    while piece := websocket.sock.recv(1000):
        data += piece
    assert data == b'\x88\x02\x03\xe8'


def test_what_a_closing_client_sends_is_bounded(serve, monkeypatch):
    monkeypatch.setattr(connection, 'LINGER_BYTES', 100_000)
    server = serve(max_http_buffer_size=100)
    websocket = connect(server)
    transport = server.sessions[websocket.sid].transport
    websocket.send_raw(b'\x82\xff' + (1 << 40).to_bytes(8, 'big') + b'mask')
    with pytest.raises(OSError), gevent.Timeout(TIMEOUT):
        while True:
            websocket.send_raw(b'x' * 65536)
    assert transport.sock is None
    assert server.owner.reasons == ['message too big']


def test_messages_after_the_close_are_ignored(serve):
    server = serve()
    websocket = connect(server)
    websocket.protocol.send_text(b'1')
    websocket.protocol.send_text(b'4late')
    websocket._flush()
    assert websocket.receive_until_closed()[0] == []
    assert server.owner.reasons == ['transport close']


def test_early_bytes_are_not_lost(serve):
    server = serve()
    sock = socket.create_connection(server.address, timeout=TIMEOUT)
    request = (f'GET {server.target(**WEBSOCKET)} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'
               'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n').encode()
    sock.sendall(request + b'\x81\x83\0\0\0\x004hi')
    data = b''
    while not data.endswith(b'\x81\x034hi'):
        piece = sock.recv(1000)
        assert piece
        data += piece
    sock.close()

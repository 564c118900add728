"""python-socketio's own client, as released, through scenarios against app.py.

``python python_client.py '{"port": 5000, "transports": ["polling"], "scenarios": ["connect"]}'``
writes one line of JSON for each: {name, ok} or {name, ok: false, error}. The setting ``serializer``
goes to the client. The scenario ``restart`` also writes {"state": "ready"} when the server may die
and {"state": "lost"} when it may return.
"""

from __future__ import annotations

import json
import queue
import sys
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import socketio
from engineio.payload import Payload

# Each message starts a thread; a thread that is not interrupted leaves them in order.
sys.setswitchinterval(1)
# Of one polling answer this client reads 16 packets unless told otherwise.
Payload.max_decode_packets = 1000

PATIENCE = 5.0  # seconds that any one thing may take
RETURNING = 30.0  # seconds until a server that is started anew has let the client in
LARGE = 100 * 1024
TEXTS = (
    'é', '€', '😀', 'Ã©', '\u2028 \u2029', '"', "'", '\\', '\\n', 'a\nb\r\nc', '\x00\x1e\x85', '',
)
BLOBS = (b'\x00\x01\xff', {'a': [b'one', {'b': b'two'}]}, b'', [[bytes(range(256))]])


class Client(socketio.Client):
    """The client, as patient when it comes back as at first: it would wait for one second."""

    def connect(self, url: str, **options: Any) -> None:
        super().connect(url, **{'wait_timeout': PATIENCE, **options})


class Peer:
    """A client that remembers what it hears."""

    def __init__(self, settings: dict[str, Any], **options: Any) -> None:
        self.settings = settings
        self.url = f'http://127.0.0.1:{settings["port"]}'
        self.client = Client(
            serializer=settings.get('serializer', 'default'), **{'reconnection': False, **options}
        )
        self._heard: dict[tuple[str, str], queue.Queue[tuple[Any, ...]]] = {}

    def connect(self, *namespaces: str, **options: Any) -> Peer:
        """Connect and wait until every namespace is joined."""
        spaces = list(namespaces) or ['/']
        for namespace in spaces:
            for event in ('welcome', 'disconnect'):
                self.listen(event, namespace)
        self.client.connect(
            self.url,
            namespaces=spaces,
            transports=self.settings['transports'],
            **options,
        )
        return self

    def leave(self) -> None:
        """Disconnect, once all that was to be sent is: this client drops what is not."""
        self.client.eio.queue.join()
        self.client.disconnect()

    def listen(self, event: str, namespace: str = '/') -> None:
        """Remember an event from now on."""
        heard = self._heard.setdefault((namespace, event), queue.Queue())
        self.client.on(event, lambda *args: heard.put(args), namespace=namespace)

    def next(self, event: str, namespace: str = '/', patience: float = PATIENCE
             ) -> tuple[Any, ...]:
        """The arguments of the next event of that name."""
        return self._heard[namespace, event].get(timeout=patience)

    def ask(self, event: str, *args: Any, namespace: str = '/') -> Any:
        """The answer to an event that wants one."""
        return self.client.call(event, args, namespace=namespace, timeout=PATIENCE)

    def tell(self, event: str, *args: Any, namespace: str = '/') -> None:
        """Send an event that wants no answer."""
        self.client.emit(event, args, namespace=namespace)

    def reason(self, sid: str) -> str:
        """The reason the server's disconnect handler was given, waited for."""
        url = f'{self.url}/reason?sid={quote(sid)}'
        with urllib.request.urlopen(url, timeout=PATIENCE + 1) as reply:
            return reply.read().decode()


def same(actual: Any, expected: Any) -> None:
    """Fail unless both are the same."""
    if actual != expected:
        raise AssertionError(f'{repr(actual)[:500]} is not {repr(expected)[:500]}')


def plain(args: Any) -> Any:
    """Values as the server describes them: bytes by their hexadecimal digits."""
    return json.loads(json.dumps(args, default=lambda blob: {'$bytes': blob.hex()}))


def several(value: Any) -> list[Any]:
    """Several values of an acknowledgement as a list, one as a list of it."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def connect(settings: dict[str, Any]) -> None:
    peer = Peer(settings).connect('/', '/chat', auth={'token': '€'}, headers={'X-Token': 'header'})
    same(peer.client.transport(), settings['transports'][-1])
    for namespace in ('/', '/chat'):
        (welcome,) = peer.next('welcome', namespace)
        same(welcome, {
            'sid': peer.client.get_sid(namespace),
            'namespace': namespace,
            'auth': {'token': '€'},
            'query': None,
            'header': 'header',
        })
    peer.leave()


def events(settings: dict[str, Any]) -> None:
    peer = Peer(settings)
    peer.listen('reflected')
    peer.connect()
    values = ('one', 2, [3, [4]], {'five': {'six': 7.5}}, None, True)
    for args in ((), ('one',), values, TEXTS, BLOBS):
        same(json.loads(peer.ask('describe', *args)), plain(args))
        same(several(peer.ask('echo', *args, 'last')), [*args, 'last'])
        peer.tell('reflect', *args)
        same(peer.next('reflected'), args)
    peer.leave()


def questions(settings: dict[str, Any]) -> None:
    peer = Peer(settings)
    peer.listen('answered')
    peer.client.on('question', lambda *args: (len(args), *args))
    peer.connect()
    peer.tell('ask by callback', 'a', b'b', '😀')
    described, *values = peer.next('answered')
    same(json.loads(described), plain([3, 'a', b'b', '😀']))
    same(values, [3, 'a', b'b', '😀'])
    described, values = peer.ask('ask by call', b'why')
    same(list(values), [1, b'why'])
    peer.leave()


def rooms(settings: dict[str, Any]) -> None:
    peers = [Peer(settings) for _ in range(3)]
    room = f'python {settings["transports"]}'
    for peer in peers:
        peer.listen('said')
        peer.connect()
    for peer in peers[:2]:
        same(peer.ask('join', room), [room])
    peers[2].ask('say', room, 'to members', b'\x01')
    peers[0].ask('say to others', room, 'to the other')
    same(peers[0].next('said'), ('to members', b'\x01'))
    same(peers[1].next('said'), ('to members', b'\x01'))
    same(peers[1].next('said'), ('to the other',))
    peers[2].ask('join', room)
    peers[2].ask('say', room, 'last')
    for peer in peers:
        same(peer.next('said'), ('last',))
        peer.leave()


def refused(settings: dict[str, Any]) -> None:
    for namespace, message in (
        ('/refuse', {'message': 'no entry', 'data': {'why': 'test', 'n': [1, 2]}}),
        ('/nowhere', {'message': 'Invalid namespace'}),
    ):
        peer = Peer(settings)
        told: queue.Queue[Any] = queue.Queue()
        peer.client.on('connect_error', told.put, namespace=namespace)
        peer.connect('/', namespace, wait=False)
        same(told.get(timeout=PATIENCE), message)
        peer.next('welcome')
        same(peer.ask('echo', 'root stays'), 'root stays')
        same(list(peer.client.namespaces), ['/'])
        peer.leave()


def leaving(settings: dict[str, Any]) -> None:
    peer = Peer(settings).connect()
    sid = peer.client.get_sid()
    peer.leave()
    same(peer.next('disconnect'), (peer.client.reason.CLIENT_DISCONNECT,))
    # This client may close its websocket before its packet of farewell is written.
    same(peer.reason(sid) in ('client disconnect', 'transport close'), True)


def kicked(settings: dict[str, Any]) -> None:
    peer = Peer(settings)
    peer.listen('said')
    peer.connect()
    sid = peer.client.get_sid()
    peer.tell('speak and kick', 'goodbye', b'bye')
    same(peer.next('said'), ('goodbye', b'bye'))
    same(peer.next('disconnect'), (peer.client.reason.SERVER_DISCONNECT,))
    same(peer.reason(sid), 'server disconnect')


def large(settings: dict[str, Any]) -> None:
    peer = Peer(settings)
    peer.listen('inflated')
    peer.connect()
    text = 'x€' * (LARGE // 4)
    same(peer.ask('echo', text) == text, True)
    measures = peer.ask('measure', 'a' * LARGE, b'b' * LARGE)
    same(measures, [['str', LARGE, True], ['bytes', LARGE, True]])
    length, big, blob = peer.ask('inflate', LARGE, 'abc€')
    same((length, big == 'abc€' * (LARGE // 4), blob == b'\xfe' * LARGE), (LARGE, True, True))
    big, blob = peer.next('inflated')
    same((big == 'abc€' * (LARGE // 4), blob == bytes(range(256)) * (LARGE // 256)), (True, True))
    peer.leave()


def many(settings: dict[str, Any]) -> None:
    peer = Peer(settings)
    peer.listen('number')
    peer.connect()
    for value in range(100):
        peer.tell('number', value)
    same(peer.ask('numbers'), list(range(100)))
    same(peer.ask('burst', 200), 200)
    same([peer.next('number') for _ in range(200)], [(value,) for value in range(200)])
    peer.leave()


def restart(settings: dict[str, Any]) -> None:
    peer = Peer(settings, reconnection=True, reconnection_delay=0.1, reconnection_delay_max=0.2)
    peer.connect()
    peer.next('welcome')
    say({'state': 'ready'})
    same(len(peer.next('disconnect')), 1)
    say({'state': 'lost'})
    peer.next('welcome', patience=RETURNING)
    same(peer.ask('echo', b'back'), b'back')
    peer.leave()


SCENARIOS: dict[str, Callable[[dict[str, Any]], None]] = {
    function.__name__: function
    for function in (
        connect, events, questions, rooms, refused, leaving, kicked, large, many, restart,
    )
}


def say(line: dict[str, Any]) -> None:
    """Write a line of JSON."""
    print(json.dumps(line), flush=True)


def main(settings: dict[str, Any]) -> None:
    """Run the scenarios one after another."""
    for name in settings['scenarios']:
        try:
            SCENARIOS[name](settings)
        except Exception:
            say({'name': name, 'ok': False, 'error': traceback.format_exc()})
        else:
            say({'name': name, 'ok': True})


if __name__ == '__main__':
    main(json.loads(sys.argv[1]))

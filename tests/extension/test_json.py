"""Who writes and reads JSON: geventio, the application's provider, or what ``json=`` names."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
from flask.json.provider import DefaultJSONProvider, JSONProvider

from geventio import SocketIO

from ..waiting import until


class Tagged(JSONProvider):
    """Writes with spaces, and bytes, as some fast libraries do."""

    calls: list[str]

    def dumps(self, obj, **options):
        type(self).calls.append('dumps')
        assert not options
        return json.dumps(obj).encode()

    def loads(self, text, **options):
        type(self).calls.append('loads')
        return json.loads(text)


@pytest.fixture
def tagged(app):
    Tagged.calls = []
    app.json = Tagged(app)
    return Tagged.calls


def test_the_providers_default_writes_what_json_has_no_word_for(socketio, joined):
    client = joined()
    socketio.emit('e', (datetime(2020, 1, 2, tzinfo=timezone.utc), Decimal('1.5'), UUID(int=1)))
    assert client.event()[1:] == ['Thu, 02 Jan 2020 00:00:00 GMT', '1.5',
                                  '00000000-0000-0000-0000-000000000001']


def test_a_provider_of_its_own_default(app, joined):
    class Provider(DefaultJSONProvider):
        @staticmethod
        def default(value):
            return f'<{value.__class__.__name__}>'

    app.json = Provider(app)
    socketio = SocketIO(app)
    client = joined(socketio)
    socketio.emit('e', {'x': object()})
    assert client.event() == ['e', {'x': '<object>'}]


def test_a_provider_that_writes_and_reads_itself(app, tagged, joined):
    socketio = SocketIO(app)
    socketio.on('echo')(lambda *values: values)
    client = joined(socketio)
    del tagged[:]
    assert client.call('echo', 'x', 1) == ['x', 1]
    assert tagged == ['loads', 'dumps']
    socketio.emit('e', ('é', [1]))
    assert client.event() == ['e', 'é', [1]]


def test_one_set_after_the_extension_counts_too(app, joined):
    socketio = SocketIO(app)
    Tagged.calls = []
    app.json = Tagged(app)
    socketio.on('echo')(lambda value: value)
    client = joined(socketio)
    client.call('echo', 1)
    assert 'loads' in Tagged.calls


def test_json_counts_more_than_the_provider(app, tagged, joined):
    calls = []

    def dumps(value, **options):
        calls.append(options)
        return json.dumps(value, **options)

    socketio = SocketIO(app, json=SimpleNamespace(dumps=dumps, loads=json.loads))
    socketio.on('echo')(lambda value: value)
    assert joined(socketio).call('echo', [1, {'a': 2}]) == [[1, {'a': 2}]]
    assert tagged == [] and calls and all(options == {'separators': (',', ':')}
                                          for options in calls)


def test_binary_values_and_broken_text(app, tagged, client):
    socketio = SocketIO(app)
    kept = []
    socketio.on('keep')(kept.append)
    peer = client(socketio)
    peer.connect()
    socketio.emit('bin', {'a': [b'1', bytearray(b'2')]})
    assert peer.frame() == '452-["bin", {"a": [{"_placeholder": true, "num": 0}, ' \
        '{"_placeholder": true, "num": 1}]}]'
    assert [peer.frame(), peer.frame()] == [b'1', b'2']
    peer.ws.send('451-["keep",{"_placeholder":true,"num":0}]')
    peer.ws.send(b'3')
    until(lambda: kept)
    assert kept == [b'3']
    peer.ws.send('42["broken"')
    assert peer.ended() == []


def test_too_deep_for_a_peer_is_too_deep_with_any_library(app, tagged, client):
    socketio = SocketIO(app)
    peer = client(socketio)
    peer.connect()
    peer.ws.send('42["e",' + '[' * 300 + ']' * 300 + ']')
    assert peer.ended() == []


def test_a_value_that_contains_itself(app, tagged, joined):
    socketio = SocketIO(app)
    joined(socketio)
    value = []
    value.append(value)
    with pytest.raises(ValueError, match='contains itself'):
        socketio.emit('e', value)

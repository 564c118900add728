"""A card room in class namespaces: a lobby, the tables, and a monitor that sees every event.

    python tables.py
"""

import os
from collections import defaultdict

from flask import Flask, request
from flask_socketio import (
    ConnectionRefusedError,
    Namespace,
    SocketIO,
    close_room,
    disconnect,
    emit,
    join_room,
)

app = Flask(__name__)
app.config['SECRET_KEY'] = 'secret!'
socketio = SocketIO(app, namespaces='*')


class Lobby(Namespace):
    """Everybody is here; the connect handler takes no payload."""

    def on_connect(self):
        emit('welcome', {'to': request.namespace, 'sid': request.sid})

    def on_rooms(self):
        join_room('visitors')
        return sorted(room for room in self.rooms(request.sid) if room != request.sid)

    def on_invite(self, sid, table):
        """Talks to another client, by its id."""
        self.emit('invited', {'table': table, 'by': request.sid}, room=sid)

    def on_vote(self, sids, question):
        """Waits for the answers of other clients."""
        return [self.call('vote', question, to=sid, timeout=5) for sid in sids]

    def on_broken(self, first, second):
        raise LookupError(f'{first} is not {second}')


class Tables(Namespace):
    """One room for each table."""

    def on_connect(self, auth):
        if not auth or 'name' not in auth:
            raise ConnectionRefusedError('who are you?')
        self.save_session(request.sid, {'name': auth['name'], 'cards': []})

    def on_disconnect(self, reason):
        with self.session(request.sid) as player:
            self.emit('stood up', {'name': player['name'], 'reason': reason}, include_self=False)

    def on_sit(self, table):
        self.enter_room(request.sid, table)
        name = self.get_session(request.sid)['name']
        self.emit('sat down', name, room=table, include_self=False)
        return {'table': table, 'rooms': len(self.rooms(request.sid))}

    def on_stand(self, table):
        self.leave_room(request.sid, table)
        return len(self.rooms(request.sid))

    def on_draw(self, card):
        with self.session(request.sid) as player:
            player['cards'].append(card)
            return player['cards']

    def on_play(self, table, card):
        with self.session(request.sid) as player:
            player['cards'].remove(card)
            self.emit('played', (player['name'], card), room=table)

    def on_chat(self, table, text):
        self.send(text, room=table)

    def on_close(self, table):
        self.emit('closed', table, room=table)
        self.close_room(table)

    def on_kick(self, sid):
        self.disconnect(sid)

    def on_leave(self):
        disconnect()


class Monitor(Namespace):
    """Sees each event before its handler does."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.seen = defaultdict(list)  # by socket id

    def trigger_event(self, event, *args):
        sid = args[0]
        self.seen[sid].append(event)
        return super().trigger_event(event, *args)

    def on_seen(self):
        return self.seen.pop(request.sid)

    def on_add(self, a, b=None):
        return a + b

    def error(self, error):
        """Gets what the methods above raise; the result is the answer."""
        return {'error': type(error).__name__}


socketio.on_namespace(Lobby('/'))
socketio.on_namespace(Tables('/tables'))
socketio.on_namespace(Monitor('/monitor'))


@socketio.on('rules', namespace='/tables')
def rules():
    """A function next to the class."""
    return 'be kind'


@socketio.on('join', namespace='*')
def join_anywhere(room):
    """The same event in every namespace that has no handler of its own."""
    join_room(room)
    return [request.namespace, room]


@socketio.on('shut', namespace='*')
def shut_anywhere(room):
    emit('shut', {'room': room, 'in': request.namespace}, to=room)
    close_room(room)


@socketio.on('dig', namespace='*')
def dig_anywhere(*args):
    return {'in': request.namespace, 'args': list(args), 'event': request.event['message']}


@socketio.on_error('/')
@socketio.on_error('/tables')
def handler_failed(error):
    return {'error': type(error).__name__, 'args': list(request.event['args'])}


if __name__ == '__main__':
    socketio.run(app, port=int(os.environ.get('PORT', 5000)))

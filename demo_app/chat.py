"""The chat itself: what the clients' events do.

A conversation is `room:<name>`, open to all, or `direct:<user id>:<user id>` (ids in order), open
to these two. Every connection is in the Socket.IO room `user:<user id>` and in that of the room
it looks at. An event that can fail answers with `{'error': <sentence>}`.
"""
from __future__ import annotations

import time
from typing import Any

from flask import current_app, request, session

from demo_app.presence import Presence
from demo_app.store import Store
from geventio import ConnectionRefusedError, SocketIO, emit, join_room, leave_room

MAX_NICKNAME = 24
MAX_ROOM_NAME = 32
MAX_ROOMS = 100
MAX_TEXT = 2000
MAX_KEY = 40
MAX_CONVERSATION = 100
HISTORY = 50  # messages shown when a conversation is opened
TIME_PUSH = 5.0  # seconds

socketio = SocketIO()


class Chat:
    """State of one chat site."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.presence = Presence()

    def person(self, user_id: str) -> dict[str, Any]:
        """A user as clients see it."""
        return {'id': user_id, 'nickname': self.store.nickname(user_id)}

    def is_taken(self, nickname: str, user_id: str) -> bool:
        """Whether somebody else who is online goes by that nickname."""
        wanted = nickname.casefold()
        return any(other != user_id and (self.store.nickname(other) or '').casefold() == wanted
                   for other in self.presence.users())

    def may_enter(self, conversation: str, user_id: str) -> bool:
        """Whether a conversation exists and is open to the user."""
        kind, _, rest = conversation.partition(':')
        if kind == 'room':
            return rest in self.store.rooms()
        ids = rest.split(':')
        return (kind == 'direct' and len(ids) == 2 and ids[0] < ids[1] and user_id in ids
                and all(map(self.store.nickname, ids)))

    def overview(self) -> dict[str, Any]:
        """What everybody sees in the margin: the rooms, and who is online."""
        rooms = [{'name': name, 'people': len(self.presence.users_in(f'room:{name}'))}
                 for name in self.store.rooms()]
        return {'rooms': rooms, 'online': [self.person(user) for user in self.presence.users()]}

    def people(self, conversation: str) -> list[dict[str, Any]]:
        """Who is in a room, each user once however many tabs are open."""
        return [self.person(user) for user in self.presence.users_in(conversation)]


def _chat() -> Chat:
    chat: Chat = current_app.extensions['chat']
    return chat


def _announce(*conversations: str | None) -> None:
    """Tell everybody the overview, and those in the given rooms who is there."""
    chat = _chat()
    emit('overview', chat.overview(), broadcast=True)
    for conversation in filter(None, conversations):
        emit('people', {'conversation': conversation, 'people': chat.people(conversation)},
             to=conversation)


def _text(value: object, limit: int) -> str:
    """What a client sent as text, without lone surrogates; empty if it cannot be used."""
    if not isinstance(value, str) or len(value) > limit:
        return ''
    return value.strip().encode('utf-8', 'ignore').decode()


def _name(value: object, limit: int) -> str:
    """A name of one line; empty if it cannot be used."""
    name = ' '.join(_text(value, limit).split())
    return name if name.isprintable() else ''


@socketio.on('connect')
def connect(auth: Any = None) -> None:
    chat = _chat()
    user_id = session.get('user_id')
    if user_id is None:
        raise ConnectionRefusedError('Your visit has expired. Reload the page.')
    nickname = _name(auth.get('nickname') if isinstance(auth, dict) else None, MAX_NICKNAME)
    if not nickname:
        raise ConnectionRefusedError(f'Choose a nickname of 1 to {MAX_NICKNAME} characters.')
    if chat.is_taken(nickname, user_id):
        raise ConnectionRefusedError(f'{nickname} is taken. Choose another nickname.')
    chat.store.rename_user(user_id, nickname)
    chat.presence.add(request.sid, user_id)
    join_room(f'user:{user_id}')
    emit('welcome', {'me': chat.person(user_id), 'time': time.time(),
                     'partners': [chat.person(user) for user in chat.store.partners(user_id)]})
    emit('me', chat.person(user_id), to=f'user:{user_id}', include_self=False)
    _announce(*chat.presence.rooms_of(user_id))


@socketio.on('disconnect')
def disconnect(reason: str) -> None:
    _announce(_chat().presence.remove(request.sid))


@socketio.on('open')
def open_conversation(conversation: Any) -> dict[str, Any]:
    """Turn to a conversation; the answer holds its last messages."""
    chat = _chat()
    user_id = chat.presence.user_of(request.sid)
    conversation = _text(conversation, MAX_CONVERSATION)
    if not chat.may_enter(conversation, user_id):
        return {'error': 'There is no such conversation.'}
    room = conversation if conversation.startswith('room:') else None
    left = chat.presence.move(request.sid, room)
    if left != room:
        if left is not None:
            leave_room(left)
        if room is not None:
            join_room(room)
        _announce(left, room)
    return {'messages': chat.store.history(conversation, HISTORY),
            'people': chat.people(conversation)}


@socketio.on('new room')
def new_room(name: Any) -> dict[str, Any]:
    """Create a room; the answer holds its conversation."""
    chat = _chat()
    name = _name(name, MAX_ROOM_NAME)
    if not name:
        return {'error': f'A room needs a name of 1 to {MAX_ROOM_NAME} characters.'}
    if len(chat.store.rooms()) >= MAX_ROOMS:
        return {'error': 'There are enough rooms already.'}
    if not chat.store.add_room(name):
        return {'error': 'There is a room of that name.'}
    _announce()
    return {'conversation': f'room:{name}'}


@socketio.on('say')
def say(conversation: Any, text: Any, key: Any) -> dict[str, Any]:
    """Keep a message and pass it on; the answer holds it as kept.

    The key is chosen by the client: a message sent again after a lost answer is kept once.
    """
    chat = _chat()
    user_id = chat.presence.user_of(request.sid)
    conversation = _text(conversation, MAX_CONVERSATION)
    text, key = _text(text, MAX_TEXT), _text(key, MAX_KEY)
    if not chat.may_enter(conversation, user_id):
        return {'error': 'There is no such conversation.'}
    if not text:
        return {'error': f'A message has 1 to {MAX_TEXT} characters.'}
    if not key:
        return {'error': 'The message has no key.'}
    message = chat.store.add_message(conversation, user_id, key, text)
    if conversation.startswith('room:'):
        readers = [conversation]
    else:
        readers = [f'user:{reader}' for reader in conversation.split(':')[1:]]
    emit('message', message, to=readers, include_self=False)
    return {'message': message}


@socketio.every(TIME_PUSH)
def push_time() -> None:
    emit('time', time.time(), broadcast=True)

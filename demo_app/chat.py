"""The chat: what the clients' events do.

A conversation is `room:<name>`, open to all, or `direct:<user id>:<user id>` (ids in order), open
to these two. Every connection is in the Socket.IO room `user:<user id>` and in that of the room
it looks at. An event that can fail answers with `{'error': <sentence>}`.
"""
from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, current_app, render_template, request

from demo_app import files, visitors
from demo_app.presence import Presence
from demo_app.store import Store
from geventio import ConnectionRefusedError, EventBlueprint, emit, join_room, leave_room

MAX_ROOM_NAME = 32
MAX_ROOMS = 100
MAX_TEXT = 2000
MAX_KEY = 40
MAX_CONVERSATION = 100
PAGE = 40  # messages sent at a time
READERS = 100  # of whom is told what they have seen
TIME_PUSH = 5.0  # seconds

pages = Blueprint('chat', __name__)
events = EventBlueprint('chat')


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
        """Who is in a room, each user once however many tabs are open; or the two it is between."""
        kind, _, rest = conversation.partition(':')
        ids = rest.split(':') if kind == 'direct' else self.presence.users_in(conversation)
        return [self.person(user) for user in ids]


@pages.get('/')
def page() -> str:
    return render_template('chat.html', max_file=files.MAX_FILE, max_text=MAX_TEXT,
                           max_room_name=MAX_ROOM_NAME)


def _chat() -> Chat:
    chat: Chat = current_app.extensions['chat']
    return chat


def _me() -> str:
    """The user behind the connection whose event is handled."""
    return _chat().presence.user_of(request.sid)


def _readers(conversation: str) -> list[str]:
    """The Socket.IO rooms of those who follow a conversation."""
    if conversation.startswith('room:'):
        return [conversation]
    return [f'user:{user_id}' for user_id in conversation.split(':')[1:]]


def _entered(conversation: Any) -> str:
    """A conversation a client named; empty if it does not exist or is not open to the user."""
    conversation = visitors.text(conversation, MAX_CONVERSATION)
    return conversation if _chat().may_enter(conversation, _me()) else ''


def _number(value: Any) -> int:
    """The id of a message or file that a client named; 0, which none has, if it is none."""
    return value if type(value) is int and 0 < value < 1 << 62 else 0


def _announce(*conversations: str | None) -> None:
    """Tell everybody the overview, and those in the given rooms who is there."""
    chat = _chat()
    emit('overview', chat.overview(), broadcast=True)
    for conversation in filter(None, conversations):
        emit('people', {'conversation': conversation, 'people': chat.people(conversation)},
             to=conversation)


NO_CONVERSATION = {'error': 'There is no such conversation.'}


# ---- Coming and going -------------------------------------------------------------------------

@events.on('connect')
def connect(auth: Any = None) -> None:
    chat = _chat()
    me = visitors.visitor(auth)
    if chat.is_taken(me['nickname'], me['id']):
        raise ConnectionRefusedError(f'{me["nickname"]} is taken. Choose another nickname.')
    chat.store.name_user(me['id'], me['nickname'])
    chat.presence.add(request.sid, me['id'])
    join_room(f'user:{me["id"]}')
    partners = chat.store.partners(me['id'])
    emit('welcome', {'me': me, 'time': time.time(), 'partners': [
        {**chat.person(user), 'unread': unread} for user, unread in partners.items()]})
    emit('me', me, to=f'user:{me["id"]}', include_self=False)
    _announce(*chat.presence.rooms_of(me['id']))


@events.on('disconnect')
def disconnect(reason: str) -> None:
    _announce(_chat().presence.remove(request.sid))


@events.on('open')
def open_conversation(conversation: Any, after: Any = 0) -> dict[str, Any]:
    """Turn to a conversation; the answer holds its last messages.

    :param after: the id of the last message the client has: it was away, and wants what it missed.
    """
    chat = _chat()
    conversation = _entered(conversation)
    if not conversation:
        return NO_CONVERSATION
    room = conversation if conversation.startswith('room:') else None
    left = chat.presence.move(request.sid, room)
    if left != room:
        if left is not None:
            leave_room(left)
        if room is not None:
            join_room(room)
        _announce(left, room)
    messages, more = chat.store.history(conversation, PAGE, after=_number(after))
    return {'messages': messages, 'more': more, 'people': chat.people(conversation),
            'seen': chat.store.seen(conversation, READERS)}


@events.on('older')
def older(conversation: Any, before: Any) -> dict[str, Any]:
    """The messages before one that the client has."""
    conversation = _entered(conversation)
    if not conversation:
        return NO_CONVERSATION
    messages, more = _chat().store.history(conversation, PAGE, before=_number(before))
    return {'messages': messages, 'more': more}


@events.on('new room')
def new_room(name: Any) -> dict[str, Any]:
    """Create a room; the answer holds its conversation."""
    chat = _chat()
    name = visitors.name(name, MAX_ROOM_NAME)
    if not name:
        return {'error': f'A room needs a name of 1 to {MAX_ROOM_NAME} characters.'}
    if len(chat.store.rooms()) >= MAX_ROOMS:
        return {'error': 'There are enough rooms already.'}
    if not chat.store.add_room(name):
        return {'error': 'There is a room of that name.'}
    _announce()
    return {'conversation': f'room:{name}'}


# ---- Messages ---------------------------------------------------------------------------------

@events.on('say')
def say(conversation: Any, text: Any, key: Any, file: Any = None) -> dict[str, Any]:
    """Keep a message and pass it on; the answer holds it as kept.

    The key is chosen by the client: a message sent again after a lost answer is kept once.

    :param file: `{'name': ..., 'data': bytes}`, or None.
    """
    chat, me = _chat(), _me()
    conversation = _entered(conversation)
    text, key = visitors.text(text, MAX_TEXT), visitors.text(key, MAX_KEY)
    kept = None if file is None else files.received(file)
    if not conversation:
        return NO_CONVERSATION
    if isinstance(kept, str):
        return {'error': kept}
    if not text and kept is None:
        return {'error': f'A message has 1 to {MAX_TEXT} characters.'}
    if not key:
        return {'error': 'The message has no key.'}
    message, is_new = chat.store.add_message(conversation, me, key, text, kept)
    if is_new:
        _pass_on(message, me)
    return {'message': message}


def _pass_on(message: dict[str, Any], me: str) -> None:
    """Send a message to its readers; the first who acknowledges it makes it a delivered one."""
    def delivered(*answer: object) -> None:
        if _chat().store.set_delivered(message['id']):
            emit('delivered', message['conversation'], message['id'], to=f'user:{me}')

    conversation = message['conversation']
    emit('message', message, to=_readers(conversation), except_=f'user:{me}', callback=delivered)
    emit('message', message, to=f'user:{me}', include_self=False)  # my other tabs
    if conversation.startswith('room:'):
        emit('news', conversation, broadcast=True, except_=[conversation, f'user:{me}'])


@events.on('seen')
def seen(conversation: Any, message_id: Any) -> None:
    """The user has seen a conversation up to a message."""
    chat, me = _chat(), _me()
    conversation = _entered(conversation)
    newest = chat.store.set_seen(conversation, me, _number(message_id)) if conversation else 0
    if newest:
        emit('seen', conversation, {**chat.person(me), 'message': newest},
             to=_readers(conversation))


@events.on('typing')
def typing(conversation: Any) -> None:
    """Tell the others; nobody waits for news as short-lived as this."""
    conversation, me = _entered(conversation), _me()
    if conversation:
        emit('typing', conversation, _chat().person(me), to=_readers(conversation),
             except_=f'user:{me}', volatile=True)


@events.on('file')
def file(file_id: Any) -> dict[str, Any]:
    """The content of a file of a conversation open to the user."""
    found = _chat().store.file(_number(file_id))
    if found is None or not _entered(found.pop('conversation')):
        return {'error': 'There is no such file.'}
    if found['data'] is None:
        return {'error': 'This file is no longer kept.'}
    return found


@events.every(TIME_PUSH)
def push_time() -> None:
    emit('time', time.time(), broadcast=True)

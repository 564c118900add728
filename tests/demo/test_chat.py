"""The server side of the chat, with geventio's test client."""
from __future__ import annotations

import pytest

from demo_app import chat

LOBBY = 'room:Lobby'
NO_CONVERSATION = {'error': 'There is no such conversation.'}
PNG = b'\x89PNG\r\n\x1a\n and so on'


def ask(visitor, *event):
    return visitor.call(*event)


def events(visitor, name):
    """The arguments of the events of a name that have come since the last call."""
    found = []
    for event in visitor.get_received():
        args = event['args'] if isinstance(event['args'], list) else [event['args']]
        if event['name'] == name:
            found.append(args)
    return found


def me(visitor):
    return events(visitor, 'welcome')[0][0]['me']['id']


def direct(one, other):
    return 'direct:' + ':'.join(sorted([one, other]))


@pytest.fixture
def pair(visit):
    """Ann and Bob in the lobby, and their ids."""
    ann, bob = visit('Ann'), visit('Bob')
    ids = me(ann), me(bob)
    for person in (ann, bob):
        ask(person, 'open', LOBBY)
    for person in (ann, bob):
        person.get_received()
    return ann, bob, *ids


def test_welcome_and_overview(visit):
    ann = visit('  Ann   of Hill ')
    received = {event['name']: event['args'][0] for event in ann.get_received()}
    assert received['welcome']['me']['nickname'] == 'Ann of Hill'
    assert received['welcome']['partners'] == []
    assert [room['name'] for room in received['overview']['rooms']] == ['Lobby', 'Music', 'Python']
    assert received['overview']['online'] == [received['welcome']['me']]


@pytest.mark.parametrize('nickname', ['', ' ', 'x' * 25, None, 7, {}, 'a\0b', '\ud800'])
def test_nicknames_that_are_refused(visit, nickname):
    visitor = visit(nickname)
    assert not visitor.is_connected()
    assert visitor.connect_error['/']['message'] == 'Choose a nickname of 1 to 24 characters.'


def test_taken_nickname(visit):
    ann = visit('Ann')
    other = visit('ANN')
    assert other.connect_error['/']['message'] == 'ANN is taken. Choose another nickname.'
    assert visit('Ann', tab_of=ann).is_connected()
    ann.close()
    assert not visit('ann').is_connected()  # the other tab is still there


def test_without_cookie(app, socketio):
    visitor = socketio.test_client(app, auth={'nickname': 'Ann'})
    assert visitor.connect_error['/']['message'] == 'Your visit has expired. Reload the page.'


def test_tabs_are_one_person(visit):
    ann = visit('Ann')
    tab = visit('Ann', tab_of=ann)
    bob = visit('Bob')
    for person in (ann, tab, bob):
        answer = ask(person, 'open', LOBBY)
    assert [person['nickname'] for person in answer['people']] == ['Ann', 'Bob']
    bob.get_received()
    tab.close()
    assert [people['people'][0]['nickname'] for [people] in events(bob, 'people')] == ['Ann']
    ann.close()
    assert [[p['nickname'] for p in people['people']] for [people] in events(bob, 'people')] == [
        ['Bob']]


def test_renaming_reaches_tabs_and_rooms(visit):
    ann, bob = visit('Ann'), visit('Bob')
    for person in (ann, bob):
        ask(person, 'open', LOBBY)
        person.get_received()
    visit('Zoe', tab_of=ann)
    assert events(ann, 'me')[0][0]['nickname'] == 'Zoe'
    [[people]] = events(bob, 'people')
    assert [person['nickname'] for person in people['people']] == ['Zoe', 'Bob']


def test_message(pair):
    ann, bob, ann_id, _ = pair
    message = ask(ann, 'say', LOBBY, ' <b>hello</b> ', 'key')['message']
    assert message['text'] == '<b>hello</b>'
    assert (message['sender'], message['nickname'], message['key'], message['file']) == (
        ann_id, 'Ann', 'key', None)
    assert events(bob, 'message') == [[message]]
    assert ask(bob, 'open', LOBBY)['messages'] == [message]


def test_message_sent_again_is_kept_and_passed_on_once(pair):
    ann, bob, *_ = pair
    first = ask(ann, 'say', LOBBY, 'hello', 'key')
    assert ask(ann, 'say', LOBBY, 'something else', 'key') == first
    assert len(events(bob, 'message')) == 1
    assert len(ask(bob, 'open', LOBBY)['messages']) == 1


def test_my_other_tabs_get_what_i_say(visit, pair):
    ann, *_ = pair
    tab = visit('Ann', tab_of=ann)
    message = ask(ann, 'say', LOBBY, 'hello', 'key')['message']
    assert events(tab, 'message') == [[message]]
    assert events(ann, 'message') == []


def test_news_of_other_rooms(visit, pair):
    ann, bob, *_ = pair
    cy = visit('Cy')
    ask(cy, 'open', 'room:Music')
    cy.get_received()
    ask(ann, 'say', LOBBY, 'hello', 'key')
    assert [event['name'] for event in cy.get_received()] == ['news']
    assert events(bob, 'news') == []


def test_delivered_by_acknowledgement(pair):
    ann, bob, *_ = pair
    acknowledged = []

    @bob.on('message')
    def got(message):
        acknowledged.append(message['id'])

    message = ask(ann, 'say', LOBBY, 'hello', 'key')['message']
    assert ann.wait_for('delivered')['args'] == [LOBBY, message['id']]
    assert acknowledged == [message['id']]
    assert ask(ann, 'open', LOBBY)['messages'][0]['delivered']


def test_delivery_is_told_once(visit, pair):
    ann, bob, *_ = pair
    cy = visit('Cy')
    ask(cy, 'open', LOBBY)
    for person in (bob, cy):
        person.on('message')(lambda message: None)
    first = ask(ann, 'say', LOBBY, 'hello', '1')['message']
    second = ask(ann, 'say', LOBBY, 'hello', '2')['message']
    told = [ann.wait_for('delivered')['args'][1] for _ in range(2)]
    assert told == [first['id'], second['id']]
    assert events(ann, 'delivered') == []


def test_seen(pair):
    ann, bob, _, bob_id = pair
    ids = [ask(ann, 'say', LOBBY, 'hello', str(key))['message']['id'] for key in range(3)]
    bob.emit('seen', LOBBY, ids[1])
    reader = {'id': bob_id, 'nickname': 'Bob', 'message': ids[1]}
    assert events(ann, 'seen') == [[LOBBY, reader]]
    assert ask(ann, 'open', LOBBY)['seen'] == [reader]
    for useless in (ids[0], ids[1], None, 'x', -1, True, 1.5, [], 1 << 80):
        bob.emit('seen', LOBBY, useless)
    assert events(ann, 'seen') == []
    bob.emit('seen', LOBBY, 10 ** 9)  # nobody sees what has not been said
    assert events(ann, 'seen') == [[LOBBY, {**reader, 'message': ids[2]}]]


def test_typing(pair):
    ann, bob, ann_id, _ = pair
    ann.emit('typing', LOBBY)
    assert events(bob, 'typing') == [[LOBBY, {'id': ann_id, 'nickname': 'Ann'}]]
    assert events(ann, 'typing') == []
    ann.emit('typing', 'room:Nowhere')
    assert bob.get_received() == []


def test_private_messages(visit, pair):
    ann, bob, ann_id, bob_id = pair
    cy = visit('Cy')
    for person in (ann, bob, cy):
        person.get_received()
    conversation = direct(ann_id, bob_id)
    message = ask(ann, 'say', conversation, 'psst', 'key')['message']
    assert events(bob, 'message') == [[message]]
    for event in (['open', conversation], ['older', conversation, 99],
                  ['say', conversation, 'let me in', 'key']):
        assert ask(cy, *event) == NO_CONVERSATION
    cy.emit('seen', conversation, message['id'])
    cy.emit('typing', conversation)
    assert ann.get_received() == []
    assert cy.get_received() == []


def test_both_are_named_in_a_private_conversation(pair):
    ann, bob, ann_id, bob_id = pair
    bob.close()
    answer = ask(ann, 'open', direct(ann_id, bob_id))
    assert {person['nickname'] for person in answer['people']} == {'Ann', 'Bob'}


def test_unseen_private_messages_are_counted(visit, pair):
    ann, bob, ann_id, bob_id = pair
    conversation = direct(ann_id, bob_id)
    for key in 'ab':
        message = ask(ann, 'say', conversation, 'psst', key)['message']

    def unread(visitor):
        return [(p['nickname'], p['unread']) for p in events(visitor, 'welcome')[0][0]['partners']]

    assert unread(visit('Bob', tab_of=bob)) == [('Ann', 2)]
    assert unread(visit('Ann', tab_of=ann)) == [('Bob', 0)]
    bob.emit('seen', conversation, message['id'])
    assert unread(visit('Bob', tab_of=bob)) == [('Ann', 0)]


def test_pages_of_history(pair):
    ann, bob, *_ = pair
    total = 2 * chat.PAGE + 5
    for key in range(total):
        ask(ann, 'say', LOBBY, f'line {key}', str(key))
    texts = [f'line {key}' for key in range(total)]
    answer = ask(bob, 'open', LOBBY)
    shown = [message['text'] for message in answer['messages']]
    while answer['more']:
        answer = ask(bob, 'older', LOBBY, answer['messages'][0]['id'])
        shown = [message['text'] for message in answer['messages']] + shown
    assert shown == texts
    assert ask(bob, 'older', LOBBY, None) == {'messages': [], 'more': False}


def test_missed_messages(pair):
    ann, bob, *_ = pair
    ids = [ask(ann, 'say', LOBBY, 'hello', str(key))['message']['id'] for key in range(5)]
    answer = ask(bob, 'open', LOBBY, ids[2])
    assert [message['id'] for message in answer['messages']] == ids[3:]
    assert not answer['more']
    for key in range(chat.PAGE + 1):
        ask(ann, 'say', LOBBY, 'more', f'more {key}')
    assert ask(bob, 'open', LOBBY, ids[4])['more']


def test_rooms(visit, pair):
    ann, bob, *_ = pair
    assert ask(ann, 'new room', ' The  Garden ') == {'conversation': 'room:The Garden'}
    overview = events(bob, 'overview')[-1][0]
    assert overview['rooms'][-1] == {'name': 'The Garden', 'people': 0}
    assert ask(ann, 'new room', 'the garden') == {'error': 'There is a room of that name.'}
    wrong = {'error': 'A room needs a name of 1 to 32 characters.'}
    for name in ('', ' \n ', 'a\0b', 'x' * 33, None, 1, ['x'], '\ud800'):
        assert ask(ann, 'new room', name) == wrong


def test_there_is_an_end_of_rooms(pair, monkeypatch):
    monkeypatch.setattr(chat, 'MAX_ROOMS', 4)
    ann, *_ = pair
    assert 'error' not in ask(ann, 'new room', 'four')
    assert ask(ann, 'new room', 'five') == {'error': 'There are enough rooms already.'}


@pytest.mark.parametrize('conversation', [
    None, 7, [], {}, '', 'room:', 'room:Nowhere', 'room:lobby', 'direct:', 'direct:a:b', '\ud800',
    'x' * 200, 'room:Lobby:', "room:' OR 1",
])
def test_conversations_that_do_not_exist(pair, conversation):
    ann, _, ann_id, _ = pair
    for event in (['open', conversation], ['older', conversation, 1],
                  ['say', conversation, 'text', 'key']):
        assert ask(ann, *event) == NO_CONVERSATION
    assert ask(ann, 'open', f'direct:{ann_id}:{ann_id}') == NO_CONVERSATION


def test_messages_that_are_refused(pair):
    ann, bob, *_ = pair
    no_text = {'error': 'A message has 1 to 2000 characters.'}
    for text in ('', ' \n', 'x' * 2001, None, 5, [], '\ud800'):
        assert ask(ann, 'say', LOBBY, text, 'key') == no_text
    for key in ('', 1, None, 'x' * 41):
        assert ask(ann, 'say', LOBBY, 'text', key) == {'error': 'The message has no key.'}
    assert bob.get_received() == []


def test_file(pair):
    ann, bob, *_ = pair
    answer = ask(ann, 'say', LOBBY, '', 'key', {'name': 'C:\\me\\a/b.html', 'data': PNG})
    file = answer['message']['file']
    assert file == {'id': file['id'], 'name': 'b.html', 'type': 'image/png', 'size': len(PNG)}
    assert ask(bob, 'file', file['id']) == {'name': 'b.html', 'type': 'image/png', 'data': PNG}


def test_file_of_others(visit, pair):
    ann, bob, ann_id, bob_id = pair
    cy = visit('Cy')
    file = ask(ann, 'say', direct(ann_id, bob_id), '', 'key', {'name': 'a', 'data': PNG})[
        'message']['file']
    assert ask(bob, 'file', file['id'])['data'] == PNG
    for file_id in (file['id'], 99, 0, None, 'x', -1, {}):
        assert ask(cy, 'file', file_id) == {'error': 'There is no such file.'}


@pytest.mark.parametrize(('file', 'error'), [
    ('text', 'That is no file.'), ({}, 'That is no file.'), ([b'x'], 'That is no file.'),
    ({'name': 'a', 'data': 'text'}, 'That is no file.'), (b'data', 'That is no file.'),
    ({'name': 'a', 'data': b''}, 'The file is empty.'),
    ({'name': 'a', 'data': b'x' * 2_000_001}, 'A file may have up to 2 MB.'),
])
def test_files_that_are_refused(pair, file, error):
    ann, bob, *_ = pair
    assert ask(ann, 'say', LOBBY, 'text', 'key', file) == {'error': error}
    assert bob.get_received() == []


def test_time_is_pushed(socketio_clock, visit):
    ann = visit('Ann')
    ann.get_received()
    socketio_clock.advance(4.9)
    assert events(ann, 'time') == []
    socketio_clock.advance(10.2)
    assert len(events(ann, 'time')) == 3

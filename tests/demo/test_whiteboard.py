"""The whiteboard: binary batches on their way, the picture for later, and what is refused."""
from __future__ import annotations

import pytest

from demo_app import board as board_module
from demo_app import whiteboard
from demo_app.board import MAX_STROKE, Stroke, records
from demo_app.whiteboard import MAX_BATCH, Whiteboard

from .records import LINE, record

NSP = '/whiteboard'
ANN, BOB = {'id': 'a', 'nickname': 'Ann'}, {'id': 'b', 'nickname': 'Bob'}
TOO_FAST = {'error': 'Not so fast: the others cannot follow.'}


@pytest.fixture
def board(app):
    return app.extensions['whiteboard'].board


@pytest.fixture
def clock(app):
    """A clock that stands still: add to its first item."""
    now = [0.0]
    app.extensions['whiteboard'].clock = lambda: now[0]
    return now


@pytest.fixture
def enter(app, socketio_client):
    """``enter(nickname)``: a person comes, or with ``beside`` another tab of the same one.

    The client has the number and the picture it was given as ``number`` and ``picture``.
    """
    def enter(nickname, beside=None):
        browser = beside.flask_test_client if beside else app.test_client()
        assert browser.get('/whiteboard').status_code == 200
        client = socketio_client(NSP, auth={'nickname': nickname}, flask_test_client=browser)
        me, client.picture = client.wait_for('picture', namespace=NSP)['args']
        assert me['nickname'] == nickname
        client.number = me['number']
        client.get_received(NSP)
        return client

    return enter


def send(client, *args, event='draw'):
    return client.emit(event, *args, namespace=NSP, callback=True)


def received(client):
    """What has come, people aside: [(name, *args), ...]."""
    return [(event['name'], *event['args']) for event in client.get_received(NSP)
            if event['name'] != 'people']


# -- drawing together -----------------------------------------------------------------------------


def test_strokes_reach_the_others_as_they_were_sent(enter):
    ann, bob = enter('Ann'), enter('Bob')
    batch = record(ann.number, 1) + record(ann.number, 2, [(5, 5)], colour=7, width=2)
    assert send(ann, batch) == {}
    assert received(ann) == []
    assert received(bob) == [('drawn', batch)]


def test_who_comes_later_gets_the_picture(enter):
    ann, bob = enter('Ann'), enter('Bob')
    assert ann.picture == b''
    send(ann, record(ann.number, 1, LINE[:2], colour=3, width=2))
    send(bob, record(bob.number, 1, [(9, 9)]))
    send(ann, record(ann.number, 1, LINE[2:], colour=3, width=2))  # the same stroke goes on
    assert enter('Cy').picture == (
        record(ann.number, 1, LINE, colour=3, width=2) + record(bob.number, 1, [(9, 9)]))


def test_undo_takes_back_ones_own_last_stroke(enter):
    ann, bob = enter('Ann'), enter('Bob')
    for client in (ann, bob, ann):
        send(client, record(client.number, 1 if client is bob else 2 + bool(received(bob))))
    own = records(enter('Cy').picture)
    assert send(ann, event='undo') == {}
    assert received(bob)[-1] == ('removed', [own[2][0]])
    assert [stroke[0] for stroke in records(enter('Dee').picture)] == [own[0][0], own[1][0]]
    assert send(ann, event='undo') == {}
    assert send(ann, event='undo') == {'error': 'Nothing on the board is yours.'}
    assert [stroke[0] for stroke in records(enter('Eve').picture)] == [own[1][0]]


def test_another_tab_may_undo_too(enter):
    ann = enter('Ann')
    send(ann, record(ann.number, 1))
    tab = enter('Ann', beside=ann)
    assert tab.number != ann.number
    assert send(tab, event='undo') == {}
    assert received(ann) == [('removed', [ann.number << 16 | 1])]


def test_clear(enter):
    ann, bob = enter('Ann'), enter('Bob')
    assert send(ann, event='clear') == {'error': 'The board is empty already.'}
    send(ann, record(ann.number, 1))
    assert send(bob, event='clear') == {}
    [(name, person)] = received(ann)
    assert (name, person['nickname']) == ('cleared', 'Bob')
    assert enter('Cy').picture == b''
    assert send(ann, record(ann.number, 1, LINE[1:])) == {}  # what is drawn afterwards stays
    assert enter('Dee').picture == record(ann.number, 1, LINE[1:])


def test_people(enter):
    ann, bob = enter('Ann'), enter('Bob')
    [people] = ann.wait_for('people', namespace=NSP)['args']
    assert [(person['number'], person['nickname']) for person in people] == [
        (ann.number, 'Ann'), (bob.number, 'Bob')]
    bob.disconnect(NSP)
    [people] = ann.wait_for('people', namespace=NSP)['args']
    assert [person['nickname'] for person in people] == ['Ann']


def test_the_board_is_full_of_people(enter, app, socketio_client, monkeypatch):
    monkeypatch.setattr(whiteboard, 'MAX_PAINTERS', 1)
    ann = enter('Ann')
    late = socketio_client(NSP, auth={'nickname': 'Bob'}, flask_test_client=ann.flask_test_client)
    assert late.connect_error[NSP]['message'].startswith('Too many people are at the board.')
    ann.disconnect(NSP)
    late.connect(NSP, auth={'nickname': 'Bob'})
    assert late.is_connected(NSP)


# -- what is not drawn ----------------------------------------------------------------------------

CUT = {'error': 'A record is cut off.'}
SIZE = {'error': f'A batch is 1 to {MAX_BATCH} bytes.'}
BESIDE = {'error': 'A point lies beside the board.'}
NO_PEN = {'error': 'There is no such pen.'}
FOREIGN = {'error': 'That stroke is somebody else’s.'}


@pytest.mark.parametrize(('make', 'answer'), [
    (lambda me: None, SIZE),
    (lambda me: 'text', SIZE),
    (lambda me: {'points': [1, 2]}, SIZE),
    (lambda me: b'', SIZE),
    (lambda me: bytes(MAX_BATCH + 1), SIZE),
    (lambda me: record(me, 1)[:-1], CUT),
    (lambda me: record(me, 1)[:5], CUT),
    (lambda me: record(me, 1) + b'\0', CUT),
    (lambda me: record(me, 1, []), CUT),
    (lambda me: record(me, 1, colour=8), NO_PEN),
    (lambda me: record(me, 1, width=3), NO_PEN),
    (lambda me: record(me, 1, [(1601, 0)]), BESIDE),
    (lambda me: record(me, 1, [(0, 1201)]), BESIDE),
    (lambda me: record(me + 1, 1), FOREIGN),
    (lambda me: record(0, 1), FOREIGN),
    (lambda me: record(me, 1) + record(me + 1, 1), FOREIGN),
])
def test_wrong_batches_change_nothing(enter, board, make, answer):
    ann, bob = enter('Ann'), enter('Bob')
    assert send(ann, make(ann.number)) == answer
    assert received(bob) == []
    assert board.picture() == b''


def test_without_an_argument_or_with_more(enter):
    ann = enter('Ann')
    assert send(ann) == SIZE
    assert send(ann, record(ann.number, 1), 'more') == {}
    assert send(ann, 'more', event='undo') == {}
    assert send(ann, {'x': 1}, event='clear') == {'error': 'The board is empty already.'}


def test_a_stroke_of_somebody_who_left_is_not_continued(enter, board):
    ann, bob = enter('Ann'), enter('Bob')
    board.strokes[bob.number << 16 | 1] = Stroke('ann', 0, 0, bytearray(4))
    assert send(bob, record(bob.number, 1)) == FOREIGN  # a number that was hers once
    assert received(ann) == []


def test_too_fast(enter, board, clock):
    ann, bob = enter('Ann'), enter('Bob')
    answers = [send(ann, record(ann.number, count, [(0, 0)] * MAX_STROKE)) for count in range(5)]
    assert answers == [{}, {}, {}, TOO_FAST, TOO_FAST]
    assert len(received(bob)) == len(board.strokes) == 3
    assert send(bob, record(bob.number, 1)) == {}
    clock[0] += 1
    assert send(ann, record(ann.number, 9, [(0, 0)] * MAX_STROKE)) == {}


@pytest.mark.parametrize('event', ['undo', 'clear'])
def test_too_many_changes(enter, board, clock, event):
    ann, bob = enter('Ann'), enter('Bob')
    for _ in range(40):
        send(ann, event=event)
    send(bob, record(bob.number, 1))
    assert send(ann, event=event) == TOO_FAST
    assert len(board.strokes) == 1


def test_the_others_are_told_what_had_to_go(enter, monkeypatch):
    monkeypatch.setattr(board_module, 'MAX_STROKES', 1)
    ann, bob = enter('Ann'), enter('Bob')
    send(ann, record(ann.number, 1))
    send(ann, record(ann.number, 2))
    assert received(ann) == [('removed', [ann.number << 16 | 1])]
    assert [event[0] for event in received(bob)] == ['drawn', 'drawn', 'removed']


def test_numbers_are_not_given_again_soon():
    whiteboard = Whiteboard()
    first = whiteboard.enter('a', ANN)
    del whiteboard.painters['a']
    second = whiteboard.enter('b', BOB)
    assert (first, second) == (1, 2)
    numbers = [whiteboard.enter('c', ANN) for _ in range(0xFFFF)]
    assert numbers[-1] == 3  # all the way round, past the one that is taken
    assert set(numbers) == set(range(1, 0x10000)) - {2}

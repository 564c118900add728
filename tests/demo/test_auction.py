"""The auction: bids, the countdown by the server's clock, the winner."""
from __future__ import annotations

import json

import pytest

from demo_app.auction import BIDDING, BIDS_SHOWN, LATE, LOTS, MOST_STEPS, PAUSE, Auction

NSP = '/auction'
FIRST, SECOND = LOTS[0].start, LOTS[0].start + LOTS[0].step
ANN, BOB = {'id': 'a', 'nickname': 'Ann'}, {'id': 'b', 'nickname': 'Bob'}


@pytest.fixture
def enter(app, socketio_client, socketio_clock):
    """``enter(nickname)``: a person comes, or with ``beside`` another tab of the same one."""
    app.extensions['auction'].clock = socketio_clock.now

    def enter(nickname, beside=None):
        browser = beside.flask_test_client if beside else app.test_client()
        assert browser.get('/auction').status_code == 200
        return socketio_client(NSP, auth={'nickname': nickname}, flask_test_client=browser)

    return enter


def bid(client, call, amount):
    return client.emit('bid', call, amount, namespace=NSP, callback=True)


def states(client):
    return [event['args'][0] for event in client.get_received(NSP) if event['name'] == 'auction']


def last_state(*clients):
    """What all of them saw last, which has to be the same."""
    last = [states(client)[-1] for client in clients]
    assert all(state == last[0] for state in last)
    return last[0]


# -- the sale as people see it --------------------------------------------------------------------


def test_the_first_bid_starts_the_clock(enter, socketio_clock):
    ann, bob = enter('Ann'), enter('Bob')
    state = last_state(ann, bob)
    assert (state['ends_at'], state['least'], state['people']) == (None, FIRST, 2)
    socketio_clock.advance(BIDDING * 3)
    assert states(ann) == []

    assert bid(ann, 0, FIRST) == {}
    state = last_state(ann, bob)
    assert state['ends_at'] - state['now'] == BIDDING
    assert [(b['nickname'], b['amount']) for b in state['bids']] == [('Ann', FIRST)]
    assert (state['least'], state['most']) == (SECOND, SECOND + (MOST_STEPS - 1) * LOTS[0].step)


def test_the_highest_bid_wins_when_the_time_is_over(enter, socketio_clock):
    ann, bob = enter('Ann'), enter('Bob')
    bid(ann, 0, FIRST)
    bid(bob, 0, SECOND)
    last_state(ann, bob)
    socketio_clock.advance(BIDDING - 0.5)
    assert states(ann) == states(bob) == []
    socketio_clock.advance(1)
    state = last_state(ann, bob)
    assert state['sold']
    assert state['lots'][0]['result'] == {**state['bids'][0], 'nickname': 'Bob', 'amount': SECOND}
    assert bid(ann, 0, SECOND + 50) == {'error': 'Too late: the hammer has fallen.'}
    assert states(ann) == states(bob) == []

    socketio_clock.advance(PAUSE)
    state = last_state(ann, bob)
    assert (state['call'], state['index'], state['sold'], state['bids']) == (1, 1, False, [])
    assert state['lots'][0]['result']['nickname'] == 'Bob'
    assert bid(ann, 0, 500) == {'error': 'Too late: the hammer has fallen.'}  # the lot before
    assert bid(ann, 1, LOTS[1].start) == {}


def test_a_late_bid_leaves_time_to_answer(enter, socketio_clock):
    ann, bob = enter('Ann'), enter('Bob')
    bid(ann, 0, FIRST)
    socketio_clock.advance(BIDDING - 1)
    bid(bob, 0, SECOND)
    state = last_state(ann, bob)
    assert state['ends_at'] - state['now'] == pytest.approx(LATE)
    socketio_clock.advance(LATE - 1)
    assert states(ann) == []
    socketio_clock.advance(1.25)
    assert last_state(ann, bob)['sold']


def test_what_was_due_while_nobody_was_there_is_settled_on_return(enter, socketio_clock):
    ann = enter('Ann')
    bid(ann, 0, FIRST)
    ann.disconnect(NSP)
    socketio_clock.advance(BIDDING + PAUSE + 1)
    state = states(enter('Bob'))[-1]
    assert (state['call'], state['ends_at']) == (1, None)
    assert state['lots'][0]['result']['nickname'] == 'Ann'


def test_several_tabs_are_one_person(enter):
    ann, bob = enter('Ann'), enter('Bob')
    tab = enter('Ann', beside=ann)
    assert last_state(ann, bob, tab)['people'] == 2
    assert bid(ann, 0, FIRST) == {}
    assert bid(tab, 0, SECOND) == {'error': 'The highest bid is yours already.'}
    tab.disconnect(NSP)
    assert last_state(ann, bob)['people'] == 2
    bob.disconnect(NSP)
    assert last_state(ann)['people'] == 1


def test_each_is_told_who_they_are(enter):
    ann = enter(' Ann  of <b>Ghent</b> ')
    [you] = [event['args'][0] for event in ann.get_received(NSP) if event['name'] == 'you']
    assert you['nickname'] == 'Ann of <b>Ghent</b>'
    bid(ann, 0, FIRST)
    assert last_state(ann)['bids'] == [{**you, 'amount': FIRST}]


def test_nobody_comes_in_without_a_cookie_or_a_name(app, socketio_client):
    stranger = socketio_client(NSP, auth={'nickname': 'Ann'})
    assert stranger.connect_error[NSP]['message'] == 'Your visit has expired. Reload the page.'
    browser = app.test_client()
    browser.get('/auction')
    for auth in (None, {}, {'nickname': ' '}, {'nickname': 7}, {'nickname': 'x' * 25}):
        nameless = socketio_client(NSP, auth=auth, flask_test_client=browser)
        assert nameless.connect_error[NSP]['message'].startswith('Choose a nickname')
    assert app.extensions['auction'].visitors == {}


# -- bids that do not count -----------------------------------------------------------------------


@pytest.mark.parametrize(('args', 'error'), [
    ((), 'Too late: the hammer has fallen.'),
    ((0,), 'A bid is a whole number of euros.'),
    ((1, FIRST), 'Too late: the hammer has fallen.'),
    (('0', FIRST), 'Too late: the hammer has fallen.'),
    ((False, FIRST), 'Too late: the hammer has fallen.'),
    ((0.0, FIRST), 'Too late: the hammer has fallen.'),
    (({'call': 0}, FIRST), 'Too late: the hammer has fallen.'),
    ((0, None), 'A bid is a whole number of euros.'),
    ((0, True), 'A bid is a whole number of euros.'),
    ((0, 50.5), 'A bid is a whole number of euros.'),
    ((0, '50'), 'A bid is a whole number of euros.'),
    ((0, [50]), 'A bid is a whole number of euros.'),
    ((0, b'50'), 'A bid is a whole number of euros.'),
    ((0, -50), f'Too low: bid at least €{FIRST}.'),
    ((0, FIRST - 1), f'Too low: bid at least €{FIRST}.'),
    ((0, 10 ** 30), f'Too high for one bid: at most €{FIRST + (MOST_STEPS - 1) * LOTS[0].step}.'),
])
def test_wrong_bids_change_nothing(enter, args, error):
    ann = enter('Ann')
    before = last_state(ann)
    assert ann.emit('bid', *args, namespace=NSP, callback=True) == {'error': error}
    assert states(ann) == []
    assert {**states(enter('Bob'))[-1], 'people': 1} == before


def test_more_arguments_than_there_are(enter):
    ann = enter('Ann')
    assert ann.emit('bid', 0, FIRST, 'and', {'more': 1}, namespace=NSP, callback=True) == {}


def test_a_person_cannot_outbid_themselves(enter):
    ann, bob = enter('Ann'), enter('Bob')
    bid(ann, 0, FIRST)
    assert bid(ann, 0, SECOND) == {'error': 'The highest bid is yours already.'}
    assert bid(bob, 0, SECOND - 1) == {'error': f'Too low: bid at least €{SECOND}.'}
    assert bid(bob, 0, SECOND) == {}


def test_too_many_bids_at_once(enter, socketio_clock):
    ann = enter('Ann')
    answers = [bid(ann, 0, 1) for _ in range(6)]
    assert [answer['error'][:7] for answer in answers] == ['Too low'] * 4 + ['Not so '] * 2
    socketio_clock.advance(1)
    assert bid(ann, 0, FIRST) == {}


# -- the state by itself --------------------------------------------------------------------------


def test_the_clock_decides_even_if_nobody_has_looked():
    auction = Auction()
    auction.clock = lambda: now
    now = 100.0
    assert auction.bid(ANN, 0, FIRST) is None
    now += BIDDING
    assert auction.bid(BOB, 0, SECOND) == 'Too late: the hammer has fallen.'
    assert auction.state()['lots'][0]['result'] == {**ANN, 'amount': FIRST}
    assert not auction.settle()


def test_a_round_ends_and_another_begins():
    auction = Auction()
    auction.clock = lambda: now
    now = 0.0
    for call, lot in enumerate(LOTS):
        assert auction.bid(ANN, call, lot.start) is None
        now += BIDDING
        assert auction.settle()
        results = [shown['result'] for shown in auction.state()['lots']]
        assert [bool(result) for result in results] == [i <= call for i in range(len(LOTS))]
        now += PAUSE
        assert auction.settle()
    state = auction.state()
    assert (state['call'], state['index']) == (len(LOTS), 0)
    assert not any(lot['result'] for lot in state['lots'])


def test_only_the_last_bids_travel():
    auction = Auction()
    for number in range(40):
        assert auction.bid((ANN, BOB)[number % 2], 0, FIRST + number * LOTS[0].step) is None
    state = auction.state()
    assert state['count'] == 40
    assert [b['amount'] for b in state['bids']] == [
        FIRST + number * LOTS[0].step for number in range(39, 39 - BIDS_SHOWN, -1)]
    assert len(json.dumps(state)) < 4000

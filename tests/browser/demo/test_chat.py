"""The chat page, used by several people at headless Chromium."""
from __future__ import annotations

import json

import pytest

from ..cdp import Browser
from ..served import Served
from .people import (
    click_entry,
    enter,
    inside,
    say,
    sign_in,
    texts,
    wait_for_texts,
    write,
)

pytestmark = pytest.mark.timeout(120)

# Every WebSocket fails, as behind a proxy that refuses them.
NO_WEBSOCKET = """
    const Real = WebSocket;
    window.WebSocket = function () { return new Real('ws://127.0.0.1:9/'); };
"""


def test_three_people_chat(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    wait_for_texts(ann, '#link', ['WebSocket'])
    wait_for_texts(ann, '#people-list .name', ['Ann'])
    wait_for_texts(ann, '#empty-title', ['Welcome to #Lobby'])
    bob, cy = enter(browser, site, 'Bob'), enter(browser, site, 'Cy')
    pages = (ann, bob, cy)
    for page in pages:
        wait_for_texts(page, '#people-list .name', ['Ann', 'Bob', 'Cy'])
        wait_for_texts(page, '#subtitle', ['3 people here'])

    say(ann, 'Good morning')
    say(bob, 'Zoë says 你好 🎉')
    say(cy, 'two\nlines')
    for page in pages:
        wait_for_texts(page, '.message .text', ['Good morning', 'Zoë says 你好 🎉', 'two\nlines'])
        wait_for_texts(page, '.message .meta b', ['Ann', 'Bob', 'Cy'])
        wait_for_texts(page, '.divider', ['Today'])

    ann.reload()
    wait_for_texts(ann, '.message .text', ['Good morning', 'Zoë says 你好 🎉', 'two\nlines'])
    wait_for_texts(ann, '#my-name', ['Ann'])
    cy.close()
    wait_for_texts(ann, '#people-list .name', ['Bob', 'Ann'])


def test_text_is_never_markup(browser: Browser, site: Served) -> None:
    hostile = '<img src=x onerror="window.harmed = true"><b>bold</b>'
    name = '<i>Eve</i>'
    ann = enter(browser, site, 'Ann')
    eve = enter(browser, site, name)
    say(eve, hostile)
    wait_for_texts(ann, '.message .text', [hostile])
    wait_for_texts(ann, '.message .meta b', [name])
    wait_for_texts(ann, '#people-list .name', ['Ann', name])
    eve.click('#room-name')
    eve.type('<s>room</s>')
    eve.press('Enter')
    wait_for_texts(ann, '#rooms .name', ['Lobby', 'Music', 'Python', '<s>room</s>'])
    assert ann.evaluate("document.querySelector('.text img, .text b, li i, s')") is None
    assert ann.evaluate('window.harmed') is None
    policy = ann.evaluate("fetch('/').then((r) => r.headers.get('Content-Security-Policy'))")
    assert policy.startswith("default-src 'self'")  # were it markup, its scripts would not run


def test_web_addresses_become_links_and_nothing_else_does(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    text = ('see https://example.org/a?b=c&d#e, (http://example.org/x) javascript:alert(1) '
            'data:text/html,x https://"onmouseover=alert(1)')
    say(ann, text)
    wait_for_texts(ann, '.text', [text])
    links = "[...document.querySelectorAll('.text a')].map((a) => [a.href, a.rel])"
    assert ann.evaluate(links) == [
        ['https://example.org/a?b=c&d#e', 'noopener noreferrer nofollow'],
        ['http://example.org/x', 'noopener noreferrer nofollow'],
    ]


def test_several_tabs_are_one_person(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    bob = enter(browser, site, 'Bob')
    second = browser.new_page(site.url, beside=ann)
    wait_for_texts(second, '#people-list .name', ['Ann', 'Bob'])
    say(second, 'from the second tab')
    wait_for_texts(ann, '.message.mine .text', ['from the second tab'])
    wait_for_texts(bob, '#people-list .name', ['Ann', 'Bob'])
    second.close()
    say(ann, 'still here')
    wait_for_texts(bob, '.message .text', ['from the second tab', 'still here'])
    wait_for_texts(bob, '#people-list .name', ['Ann', 'Bob'])
    wait_for_texts(bob, '#subtitle', ['2 people here'])


def test_rooms(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    bob = enter(browser, site, 'Bob')
    ann.click('#room-name')
    ann.type('  lobby ')
    ann.press('Enter')
    wait_for_texts(ann, '#room-error', ['There is a room of that name.'])
    ann.evaluate("document.querySelector('#room-name').value = ''")
    ann.type('Garden')
    ann.press('Enter')
    wait_for_texts(ann, '#title', ['# Garden'])
    wait_for_texts(ann, '#people-list .name', ['Ann'])
    wait_for_texts(bob, '#people-list .name', ['Bob'])
    say(ann, 'only in the garden')
    say(bob, 'only in the lobby')
    wait_for_texts(ann, '.message .text', ['only in the garden'])
    wait_for_texts(bob, '#rooms .news', ['#Garden11 new'])  # one person, one message

    click_entry(bob, '#rooms', 'Garden')
    wait_for_texts(bob, '.message .text', ['only in the garden'])
    wait_for_texts(bob, '#rooms .news', [])
    wait_for_texts(ann, '#people-list .name', ['Ann', 'Bob'])
    bob.evaluate('history.back()')
    wait_for_texts(bob, '.message .text', ['only in the lobby'])
    wait_for_texts(ann, '#people-list .name', ['Ann'])


def test_private_messages_reach_one_person(browser: Browser, site: Served) -> None:
    ann, bob, cy = (enter(browser, site, name) for name in ('Ann', 'Bob', 'Cy'))
    click_entry(ann, '#people-list', 'Bob')
    wait_for_texts(ann, '#title', ['Bob'])
    wait_for_texts(ann, '#empty-title', ['You and Bob'])
    say(ann, 'for your eyes only')
    wait_for_texts(bob, '#directs .name', ['Ann'])
    wait_for_texts(bob, '#directs .unread', ['1 new'])
    assert bob.evaluate('document.title') == '(1) # Lobby · geventio'
    bob.reload()  # what has not been seen is known to the server
    wait_for_texts(bob, '#directs .unread', ['1 new'])
    click_entry(bob, '#directs', 'Ann')
    wait_for_texts(bob, '.message .text', ['for your eyes only'])
    wait_for_texts(bob, '#directs .unread', [])
    say(bob, 'seen')
    wait_for_texts(ann, '.message .text', ['for your eyes only', 'seen'])

    # Whatever Cy's page asks for, the conversation of others stays closed.
    conversation = inside(ann, 'return state.conversation')
    for attempt in (['open', conversation], ['older', conversation, 99],
                    ['say', conversation, 'let me in', 'key']):
        answer = inside(cy, f'return socket.emitWithAck(...{json.dumps(attempt)})')
        assert answer == {'error': 'There is no such conversation.'}
    assert cy.evaluate(texts('#directs .name')) == []

    ann.reload()
    wait_for_texts(ann, '#title', ['Bob'])
    wait_for_texts(ann, '.message .text', ['for your eyes only', 'seen'])
    bob.close()
    wait_for_texts(ann, '#subtitle', ['Offline, and will find this later.'])


def test_ticks(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    say(ann, 'anybody here?')
    wait_for_texts(ann, '.tick', ['Sent'])
    bob = enter(browser, site, 'Bob')
    wait_for_texts(ann, '.tick', ['Seen by Bob'])

    click_entry(ann, '#people-list', 'Bob')
    wait_for_texts(ann, '#title', ['Bob'])
    say(ann, 'a word')
    wait_for_texts(ann, '.tick', ['Delivered'])  # Bob's page has it, and he looks elsewhere
    ann.reload()
    wait_for_texts(ann, '.tick', ['Delivered'])
    click_entry(bob, '#directs', 'Ann')
    wait_for_texts(ann, '.tick', ['Seen'])


def test_typing(browser: Browser, site: Served) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    bob.click('#text')
    bob.type('hm')
    wait_for_texts(ann, '#typing', ['Bob is typing'])
    assert bob.evaluate(texts('#typing')) == ['']
    bob.press('Enter')
    wait_for_texts(ann, '.text', ['hm'])
    wait_for_texts(ann, '#typing', [''])
    bob.type('not finished')
    wait_for_texts(ann, '#typing', ['Bob is typing'])
    wait_for_texts(ann, '#typing', [''])  # by and by


def test_nickname(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    other = browser.new_page(site.url)
    sign_in(other, 'ANN')
    wait_for_texts(other, '#sign-in-error', ['ANN is taken. Choose another nickname.'])
    sign_in(other, ' ')
    wait_for_texts(other, '#sign-in-error', ['Type a nickname first.'])
    other.press('Escape')
    assert other.evaluate("document.querySelector('#door').open")
    sign_in(other, 'Anna')
    wait_for_texts(other, '#people-list .name', ['Ann', 'Anna'])
    ann.click('#change-name')
    sign_in(ann, 'Zoe')
    for page in (ann, other):
        page.wait_for(f'{texts("#people-list .name")}.sort().join() === "Anna,Zoe"')
    wait_for_texts(ann, '#my-name', ['Zoe'])


def test_server_time_is_pushed(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    ann.wait_for("document.querySelector('#server-time').dateTime")
    passed = ann.run("""
        const time = document.querySelector('#server-time');
        const next = () => new Promise((resolve) => {
            new MutationObserver((_, observer) => {
                observer.disconnect();
                resolve(Date.parse(time.dateTime));
            }).observe(time, {attributes: true});
        });
        const shown = Date.parse(time.dateTime);
        return await next() - shown;
    """)
    assert 4000 < passed < 7000


def test_without_websocket(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann', init_script=NO_WEBSOCKET)
    bob = enter(browser, site, 'Bob')
    wait_for_texts(ann, '#link', ['Polling'])
    wait_for_texts(bob, '#link', ['WebSocket'])
    say(ann, 'by polling: é 😀')
    wait_for_texts(bob, '.message .text', ['by polling: é 😀'])
    for number in range(20):  # several at once, in order
        write(bob, f'answer {number}')
    wait_for_texts(ann, '.message .text',
                   ['by polling: é 😀', *(f'answer {number}' for number in range(20))])
    wait_for_texts(bob, '.message:last-child .tick', ['Seen by Ann'])
    inside(ann, "await socket.emitWithAck('older', 'room:Lobby', 1)")  # nothing is under way
    ann.close()
    wait_for_texts(bob, '#people-list .name', ['Bob'])

"""The chat page when the connection breaks, and with a long history."""
from __future__ import annotations

import pytest

from ..cdp import Browser
from ..served import Served
from .people import click_entry, enter, go_offline, inside, say, texts, wait_for_texts, write

pytestmark = pytest.mark.timeout(120)


def test_server_restart(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    say(ann, 'before')
    site.stop()
    wait_for_texts(ann, '#link', ['Offline'])
    assert ann.evaluate("document.querySelector('#banner').textContent")
    write(ann, 'written offline')
    wait_for_texts(ann, '.message.pending .text', ['written offline'])
    wait_for_texts(ann, '.message.pending .tick', ['Waiting to be sent'])
    site.start()
    wait_for_texts(ann, '.message:not(.pending) .text', ['before', 'written offline'])
    wait_for_texts(ann, '#banner', ['Back online. You have missed nothing.'])
    wait_for_texts(ann, '#banner', [''])  # by and by
    ann.reload()
    wait_for_texts(ann, '.message .text', ['before', 'written offline'])


def test_missed_messages_are_restored(browser: Browser, site: Served) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    say(ann, 'before')
    wait_for_texts(bob, '.text', ['before'])
    go_offline(bob)
    wait_for_texts(bob, '#link', ['Offline'])
    wait_for_texts(ann, '#people-list .name', ['Ann'])
    say(ann, 'first')
    say(ann, 'second')
    write(bob, 'mine')
    assert bob.evaluate(texts('.message:not(.pending) .text')) == ['before']
    go_offline(bob, False)
    for page in (ann, bob):
        wait_for_texts(page, '.message:not(.pending) .text', ['before', 'first', 'second', 'mine'])
    wait_for_texts(bob, '.divider.missed + .message .text', ['first'])
    wait_for_texts(bob, '#banner', ['Back online. Missed messages: 2.'])
    wait_for_texts(ann, '.message.mine .tick', ['Seen by Bob'] * 3)


def test_another_room_chosen_offline(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    go_offline(ann)
    wait_for_texts(ann, '#link', ['Offline'])
    click_entry(ann, '#rooms', 'Music')
    wait_for_texts(ann, '#title', ['# Lobby'])
    go_offline(ann, False)
    wait_for_texts(ann, '#title', ['# Music'])


def test_odd_addresses(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    for address in ('#%', '#room:Nowhere', '#direct:a:b', '#%00', '#direct:'):
        ann.goto('about:blank')
        ann.goto(site.url + address)
        wait_for_texts(ann, '#title', ['# Lobby'])


def test_long_absence(browser: Browser, site: Served) -> None:
    """More was missed than is sent at a time: the page begins anew with the last messages."""
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    say(ann, 'before')
    wait_for_texts(bob, '.text', ['before'])
    go_offline(bob)
    wait_for_texts(ann, '#people-list .name', ['Ann'])
    fill(ann, 60)
    go_offline(bob, False)
    bob.wait_for(f"{texts('.text')}.at(-1) === 'line 59' && {texts('.text')}[0] !== 'before'")
    bob.evaluate("document.querySelector('#scroll').scrollTop = 0")
    wait_for_texts(bob, '.text', ['before', *(f'line {number}' for number in range(60))])


def test_older_messages_are_loaded(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    fill(ann, 130)
    ann.reload()
    shown = [f'line {number}' for number in range(130)]
    wait_for_texts(ann, '.text', shown[-40:])
    assert ann.evaluate("(({scrollTop, clientHeight, scrollHeight}) => "
                        "scrollTop + clientHeight >= scrollHeight - 1)"
                        "(document.querySelector('#scroll'))")

    ann.run("""
        const scroll = document.querySelector('#scroll');
        scroll.scrollTop = 0;
        window.first = document.querySelector('.message');
        window.place = first.getBoundingClientRect().top;
    """)
    wait_for_texts(ann, '.text', shown[-80:])
    # what is read stays where it is
    assert ann.evaluate('Math.abs(first.getBoundingClientRect().top - place)') < 40

    # with the keyboard; in sight, the button would be pressed by itself before the key comes
    ann.evaluate("document.querySelector('#load-older').focus({preventScroll: true})")
    ann.press('Enter')
    wait_for_texts(ann, '.text', shown[-120:])
    ann.evaluate("document.querySelector('#scroll').scrollTop = 0")
    wait_for_texts(ann, '.text', shown)
    ann.wait_for("document.querySelector('#older').hidden")


def test_newest_messages_button(browser: Browser, site: Served) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    fill(ann, 30)
    wait_for_texts(bob, '.text', [f'line {number}' for number in range(30)])
    bob.evaluate("document.querySelector('#scroll').scrollTop = 0")
    say(ann, 'news')
    bob.wait_for("!document.querySelector('#newest').hidden")
    wait_for_texts(ann, '.message:last-child .tick', ['Delivered'])  # not in sight of Bob
    bob.click('#newest')
    bob.wait_for("document.querySelector('#newest').hidden")
    wait_for_texts(ann, '.message:last-child .tick', ['Seen by Bob'])


def test_a_message_the_server_refuses_can_be_sent_again(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    inside(ann, "window.refuse = true; const emit = socket.timeout; socket.timeout = (...args) => "
                "window.refuse ? {emitWithAck: async () => ({error: 'No.'})} "
                ": emit.apply(socket, args)")
    write(ann, 'again')
    wait_for_texts(ann, '.failed .note', ['No. Try again'])
    ann.evaluate('window.refuse = false')
    ann.click('.failed .note button')
    wait_for_texts(ann, '.message:not(.pending):not(.failed) .text', ['again'])


def fill(page, count: int) -> None:
    """Say many lines in the lobby."""
    inside(page, f"""await Promise.all(Array.from({{length: {count}}}, (_, number) => (
        socket.emitWithAck('say', 'room:Lobby', `line ${{number}}`, `key ${{number}}`))));""")

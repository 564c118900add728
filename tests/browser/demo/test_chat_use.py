"""The chat page without a mouse, on a phone, and in the colours of one's choice."""
from __future__ import annotations

from pathlib import Path

import pytest

from ..cdp import Browser, Page
from ..served import Served
from .people import click_entry, enter, say, wait_for_texts

pytestmark = pytest.mark.timeout(120)


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until an element that matches has the focus."""
    for _ in range(40):
        page.press('Tab')
        if page.evaluate(f"document.activeElement.matches('{wanted}')"):
            # what has the focus can be seen, and shows it
            assert page.evaluate("""(() => {
                const box = document.activeElement.getBoundingClientRect();
                const {outlineStyle} = getComputedStyle(document.activeElement.closest('#composer')
                    || document.activeElement);
                return box.width > 0 && box.right > 0 && (outlineStyle !== 'none'
                    || document.activeElement.closest('#composer') !== null);
            })()"""), wanted
            return
    raise AssertionError(f'Tab never reaches {wanted}')


def test_keyboard_alone(browser: Browser, site: Served) -> None:
    bob = enter(browser, site, 'Bob')
    ann = enter(browser, site, 'Ann')  # in by the keyboard as well
    ann.wait_for("document.activeElement.id === 'text'")
    ann.type('hello')
    ann.press('Enter')
    wait_for_texts(bob, '.text', ['hello'])

    tab_to(ann, '#people-list button')  # Bob
    ann.press('Enter')
    wait_for_texts(ann, '#title', ['Bob'])
    ann.wait_for("document.activeElement.id === 'text'")
    ann.type('just you')
    ann.press('Enter')
    wait_for_texts(bob, '#directs .unread', ['1 new'])

    ann.evaluate('document.activeElement.blur(); scrollTo(0, 0)')
    ann.goto(site.url)
    wait_for_texts(ann, '#title', ['# Lobby'])
    ann.evaluate("document.activeElement.blur(); document.querySelector('.brand').focus()")
    seen = []
    for _ in range(17):
        ann.press('Tab')
        seen.append(ann.evaluate("""(({id, ariaLabel, textContent}) => id || ariaLabel
            || document.activeElement.querySelector('.name')?.textContent || textContent)
            (document.activeElement)"""))
    assert seen == ['Chat', 'Auction', 'Whiteboard', 'Monitor', 'Server figures', 'theme',
                    'Lobby', 'Music', 'Python', 'room-name', 'Create the room', 'Bob',
                    'change-name', 'scroll', 'attach', 'text', 'Bob']
    ann.evaluate("document.querySelector('#rooms li:nth-child(1) button').focus()")
    tab_to(ann, '#rooms li:nth-child(2) button')
    ann.press('Enter')
    wait_for_texts(ann, '#title', ['# Music'])
    ann.wait_for("document.activeElement.id === 'text'")


def test_skip_link(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    click_entry(ann, '#rooms', 'Music')
    wait_for_texts(ann, '#title', ['# Music'])
    ann.evaluate("document.querySelector('.skip').focus()")
    ann.wait_for("document.querySelector('.skip').getBoundingClientRect().top >= 0")
    ann.press('Enter')
    ann.wait_for("location.hash === '#main'")
    ann.press('Tab')
    ann.wait_for("document.activeElement.closest('main')")
    wait_for_texts(ann, '#title', ['# Music'])  # it is no conversation that is asked for


def test_focus_stays_when_lists_are_drawn_anew(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    ann.evaluate("document.querySelector('#rooms li:nth-child(2) button').focus()")
    enter(browser, site, 'Bob')
    wait_for_texts(ann, '#people-list .name', ['Ann', 'Bob'])
    assert ann.evaluate("document.activeElement.querySelector('.name')?.textContent") == 'Music'


def test_phone(browser: Browser, site: Served, pictures: Path) -> None:
    ann = enter(browser, site, 'Ann')
    bob = enter(browser, site, 'Bob', width=390, height=780)
    bob.view(390, 780, mobile=True)
    say(ann, 'A rather long message, which a narrow window has to break into several lines.' * 4)
    say(ann, 'w' * 400)
    bob.wait_for("document.querySelectorAll('.message').length === 2")
    for selector in ('html', '#scroll', '.site-bar'):
        assert bob.evaluate(f"document.querySelector('{selector}').scrollWidth") == 390
    bob.screenshot(pictures / 'phone.png')

    bob.click('#show-nav')
    bob.screenshot(pictures / 'phone-rooms.png')
    click_entry(bob, '#rooms', 'Music')
    wait_for_texts(bob, '#title', ['# Music'])
    assert bob.evaluate("document.querySelector('#nav.open')") is None
    bob.click('#show-people')
    wait_for_texts(bob, '#people.open #people-list .name', ['Bob'])
    bob.press('Escape')
    assert bob.evaluate("document.querySelector('#people.open')") is None
    say(bob, 'typed on a phone')

    bob.click('.menu-button')
    bob.wait_for("document.querySelector('#site-nav').matches(':popover-open')")
    bob.click('#site-nav a[href="/stats"]')
    wait_for_texts(bob, 'h1', ['Server figures'])


def test_widths(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    for width in (320, 481, 861, 961, 1081):  # where something folds, there is least room
        ann.view(width, 700)
        for selector in ('html', '.site-bar', '.site-tools'):
            ann.wait_for(f"""(({{scrollWidth, clientWidth}}) => scrollWidth <= clientWidth)
                (document.querySelector('{selector}'))""")


def test_smallest_phone(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann', width=320, height=560)
    ann.view(320, 560, mobile=True)
    say(ann, 'fits')
    for selector in ('html', '#scroll', '.site-bar'):
        assert ann.evaluate(f"document.querySelector('{selector}').scrollWidth") == 320
    assert ann.evaluate("document.querySelector('#send').getBoundingClientRect().bottom") <= 560


def test_colours(browser: Browser, site: Served) -> None:
    background = 'getComputedStyle(document.body).backgroundColor'
    ann = enter(browser, site, 'Ann')
    light = ann.evaluate(background)
    ann.view(1280, 800, dark=True)  # as the system has it
    dark = ann.evaluate(background)
    assert (light, dark) == ('rgb(255, 255, 255)', 'rgb(20, 24, 27)')
    ann.click('#theme')
    assert ann.evaluate(background) == light
    assert ann.evaluate("document.querySelector('#theme').ariaLabel") == 'Colours: light'
    ann.reload()
    assert ann.evaluate(background) == light
    ann.click('#theme')
    ann.view(1280, 800)
    assert ann.evaluate(background) == dark

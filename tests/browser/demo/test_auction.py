"""The auction page, used by several people at headless Chromium."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from ..cdp import Browser, Page
from ..served import Served
from .hands import tab_to
from .people import enter, texts, wait_for_texts

pytestmark = pytest.mark.timeout(120)

LATE = "document.querySelector('#clock.late')"
SOLD = "document.querySelector('#stamp').checkVisibility()"
LEFT = 'state.ends_at - clock() - ahead'
HARD = "document.querySelector('#quick button').getAttribute('aria-disabled')"


@pytest.fixture
def changing_site() -> Iterator[Served]:
    """The site with a clock that `set_forward` moves."""
    running = Served('tests.browser.demo.auction_site', '{port}')
    yield running
    running.stop()


def set_forward(site: Served, seconds: int) -> None:
    urlopen(f'{site.url}forward/{seconds}', data=b'', timeout=10).close()


def come(browser: Browser, site: Served, nickname: str, **options: object) -> Page:
    page = enter(browser, site, nickname, 'auction', **options)
    page.wait_for("document.querySelector('#sale').checkVisibility()")
    return page


def bid(page: Page, price: str) -> None:
    """Bid with the first button, which has to offer that price, and wait for it to count."""
    wait_for_texts(page, '#quick button:first-child', [f'Bid {price}'])
    page.evaluate('changedAt = -Infinity')  # patience is tested elsewhere
    page.click('#quick button:first-child')
    wait_for_texts(page, '#bids li:first-child .number', [price])


def write_amount(page: Page, amount: str) -> None:
    page.click('#amount')
    page.evaluate("document.querySelector('#amount').select(); changedAt = -Infinity")
    page.type(amount)
    page.press('Enter')


def test_two_people_bid_until_the_hammer_falls(
        browser: Browser, changing_site: Served, pictures: Path) -> None:
    ann, bob = (come(browser, changing_site, name) for name in ('Ann', 'Bob'))
    for page in (ann, bob):
        wait_for_texts(page, '#lot-name', ['Transistor radio'])
        wait_for_texts(page, '#price', ['€40'])
        wait_for_texts(page, '#call', ['The first bid starts the clock.'])
        wait_for_texts(page, '#people', ['2 people here'])
        assert page.evaluate("document.querySelector('#no-bids').checkVisibility()")

    bid(ann, '€40')
    wait_for_texts(ann, '#call', ['Your bid is the highest.'])
    assert ann.evaluate(HARD) == 'true'
    wait_for_texts(bob, '#bids .who', ['Ann'])
    wait_for_texts(bob, '#call', ['Who bids more?'])
    bid(bob, '€45')
    write_amount(ann, '70')
    for page, whos in ((ann, ['You', 'Bob', 'You']), (bob, ['Ann', 'You', 'Ann'])):
        wait_for_texts(page, '#bids .who', whos)
        wait_for_texts(page, '#bids .number', ['€70', '€45', '€40'])
        wait_for_texts(page, '#price', ['€70'])
    # the clocks of the two pages agree, as both follow the server's
    left = [page.evaluate(LEFT) for page in (ann, bob)]
    assert 35 < min(left) <= max(left) <= 45
    assert max(left) - min(left) < 2
    bob.view(1280, 940)
    bob.screenshot(pictures / 'auction.png')

    # the seconds before each change go by as they do for people
    assert not bob.evaluate(LATE)
    set_forward(changing_site, int(bob.evaluate(LEFT) - 15))
    bob.wait_for(LATE)
    wait_for_texts(bob, '#call', ['Any more bids?'])
    set_forward(changing_site, int(bob.evaluate(LEFT) - 10))
    wait_for_texts(bob, '#call', ['Going once …'])
    bid(bob, '€75')  # late: everybody gets time to answer
    assert bob.evaluate(LEFT) > 13
    set_forward(changing_site, 11)
    assert not bob.evaluate(SOLD)
    for page in (ann, bob):
        page.wait_for(SOLD)
    wait_for_texts(ann, '#call', ['Sold to Bob.'])
    wait_for_texts(bob, '#call', ['Sold to you. Congratulations!'])
    assert ann.evaluate(HARD) == bob.evaluate(HARD) == 'true'
    assert ann.evaluate("document.querySelector('#news').textContent") == \
        'Transistor radio is sold to Bob for €75.'
    wait_for_texts(ann, '#catalogue li:first-child .result', ['€75 · Bob'])
    set_forward(changing_site, 6)
    for page in (ann, bob):
        wait_for_texts(page, '#lot-name', ['Rangefinder camera'])
        assert not page.evaluate(SOLD)
    bid(ann, '€120')


def test_bids_that_do_not_count(browser: Browser, site: Served) -> None:
    ann = come(browser, site, 'Ann')
    for typed, told in [
        ('39', 'Too low: bid at least €40.'),
        ('100000', 'Too high for one bid: at most €135.'),
        ('a lot', 'Type an amount of €40 or more.'),
        ('', 'Type an amount of €40 or more.'),
    ]:
        write_amount(ann, typed)
        wait_for_texts(ann, '#bid-error', [told])
        assert ann.evaluate("document.querySelector('#amount').ariaInvalid") == 'true'
    assert ann.evaluate('state.count') == 0
    write_amount(ann, '€ 41')
    wait_for_texts(ann, '#bids .number', ['€41'])
    wait_for_texts(ann, '#bid-error', [''])


def test_a_click_for_the_price_before_is_not_a_bid(browser: Browser, site: Served) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    bid(ann, '€40')
    wait_for_texts(bob, '#quick button:first-child', ['Bid €45'])
    bob.evaluate("changedAt = performance.now(); document.querySelector('#quick button').click()")
    wait_for_texts(bob, '#bid-error', ['The price has just changed.'])
    assert bob.evaluate('state.count') == 1


def test_names_are_never_markup(browser: Browser, site: Served) -> None:
    name = '<img src=x onerror=x()>'
    ann, eve = come(browser, site, 'Ann'), come(browser, site, name)
    bid(eve, '€40')
    wait_for_texts(ann, '#bids .who', [name])
    assert name in ann.evaluate("document.querySelector('#leader').textContent")
    assert ann.evaluate("document.querySelector('main img')") is None


def test_keyboard_alone(browser: Browser, site: Served) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    ann.evaluate('changedAt = -Infinity')
    tab_to(ann, '#quick button')
    ann.press('Enter')
    wait_for_texts(ann, '#bids .number', ['€40'])
    assert ann.evaluate("document.activeElement.matches('#quick button')")  # it stays there
    bid(bob, '€45')
    wait_for_texts(ann, '#price', ['€45'])
    tab_to(ann, '#amount')
    ann.evaluate('changedAt = -Infinity')
    ann.type('60')
    ann.press('Enter')
    wait_for_texts(bob, '#price', ['€60'])
    wait_for_texts(bob, '#news', ['Ann: €60.'])


def test_offline(browser: Browser, site: Served) -> None:
    ann = come(browser, site, 'Ann')
    bid(ann, '€40')
    site.stop()
    wait_for_texts(ann, '#call', ['Not connected: bidding waits.'])
    wait_for_texts(ann, '#seconds', ['–'])
    assert ann.evaluate("document.querySelector('#banner').textContent")
    assert ann.evaluate(HARD) == 'true'
    site.start()
    wait_for_texts(ann, '#call', ['The first bid starts the clock.'])  # a new auction
    wait_for_texts(ann, '#banner', [''])
    bid(ann, '€40')


def test_phone(browser: Browser, site: Served, pictures: Path) -> None:
    ann = come(browser, site, 'Ann')
    bob = come(browser, site, 'x' * 24)
    ann.view(360, 740, mobile=True)
    bid(bob, '€40')
    wait_for_texts(ann, '#price', ['€40'])
    assert ann.evaluate('document.documentElement.scrollWidth') == 360
    # what bidding takes is seen without scrolling
    bottom = "document.querySelector('#quick').getBoundingClientRect().bottom"
    assert ann.evaluate(bottom) <= 740
    bid(ann, '€45')
    ann.screenshot(pictures / 'auction-phone.png')
    assert ann.evaluate(texts('#catalogue b'))[0] == 'Transistor radio'

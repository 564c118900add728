"""The page of the server figures."""
from __future__ import annotations

import pytest

from ..cdp import Browser
from ..served import Served
from .people import enter, inside, wait_for_texts

pytestmark = pytest.mark.timeout(120)


def test_figures(browser: Browser, site: Served) -> None:
    page = browser.new_page(f'{site.url}stats')
    wait_for_texts(page, '#websocket', ['1'])
    wait_for_texts(page, '#polling', ['0'])
    ann = enter(browser, site, 'Ann', '?transports=polling')
    wait_for_texts(page, '#polling', ['1'])
    wait_for_texts(page, '#connections', ['2'])
    inside(ann, """
        window.busy = setInterval(() => socket.emit('typing', 'room:Lobby'), 20);
    """)
    page.wait_for("Number(document.querySelector('#events').textContent) > 5")
    for figure in ('#lag', '#memory'):
        assert float(page.evaluate(f"document.querySelector('{figure}').textContent")) >= 0
    page.wait_for("document.querySelectorAll('.plot:not([data-empty]) path.line').length === 4")
    ann.close()
    wait_for_texts(page, '#connections', ['1'])


def test_the_last_minutes_are_there_at_once(browser: Browser, site: Served) -> None:
    first = browser.new_page(f'{site.url}stats')
    points = "(document.querySelector('#plot-lag path.line')?.getAttribute('d').match(/L/g) || [])"
    first.wait_for(f'{points}.length >= 3')
    second = browser.new_page(f'{site.url}stats')
    second.wait_for(f'{points}.length >= 3', timeout=2)


def test_reading_at_the_pointer(browser: Browser, site: Served) -> None:
    page = browser.new_page(f'{site.url}stats')
    page.wait_for("document.querySelector('#plot-connections:not([data-empty])')")
    x, y = page.evaluate("""(() => {
        const box = document.querySelector('#plot-connections svg').getBoundingClientRect();
        return [box.right - 2, box.top + 20];
    })()""")
    page.call('Input.dispatchMouseEvent', type='mouseMoved', x=x, y=y)
    page.wait_for("document.querySelector('#plot-connections .cursor')")
    assert ':' in page.evaluate("document.querySelector('#plot-connections .reading').textContent")
    page.call('Input.dispatchMouseEvent', type='mouseMoved', x=5, y=5)
    page.wait_for("!document.querySelector('#plot-connections .cursor')")

"""The page that shows the host, at headless Chromium."""
from __future__ import annotations

from pathlib import Path

import pytest

from ..cdp import Browser, Page
from ..served import Served
from .hands import hover, key, tab_to
from .people import wait_for_texts

pytestmark = pytest.mark.timeout(120)

PLOTS = ('cpu', 'memory', 'load', 'network')


def come(browser: Browser, site: Served, **options: object) -> Page:
    page = browser.new_page(f'{site.url}monitor', **options)
    page.wait_for("document.querySelector('#main').ariaBusy !== 'true'")
    return page


def value(page: Page, plot: str) -> str:
    return page.evaluate(f"document.querySelector('#{plot} .value').textContent")


def test_figures_of_this_host(browser: Browser, site: Served) -> None:
    page = come(browser, site)
    page.wait_for('samples.length >= 3')
    processors = int(page.evaluate("document.querySelector('#processors').textContent"))
    assert page.evaluate("document.querySelectorAll('#cores li').length") == processors
    for plot in PLOTS:
        assert page.evaluate(f"""(() => {{
            const {{width, height}} = document.querySelector('#{plot} path').getBBox();
            return width > 0 && height >= 0;
        }})()""")
    assert value(page, 'cpu').endswith(' %')
    assert 'GiB of ' in value(page, 'memory')
    assert float(value(page, 'load').split('on')[0]) >= 0
    assert value(page, 'network').count('/s') == 2
    wait_for_texts(page, '#watchers', ['1 page'])


def test_picture(browser: Browser, site: Served, pictures: Path) -> None:
    """The page with a minute of a quiet host, which is the same each time."""
    page = come(browser, site, height=940)
    page.view(1280, 940)
    page.evaluate("""
        socket.off('sample');
        host = {...host, at: 1772461925, up: 1e6, memory: 16 * 2 ** 30, processors: 4};
        samples = Array.from({length: 61}, (_, second) => ({
            at: host.at - 60 + second,
            cpu: .3 + .14 * Math.sin(second / 5) + .08 * Math.sin(second * 1.7),
            memory: (6.1 + .3 * Math.sin(second / 14)) * 2 ** 30,
            load: 1.4 + .5 * Math.sin(second / 17),
            received: 9e5 * (1 + Math.sin(second / 7)) + 2e5 * (second * 37 % 5),
            sent: 4e5 * (1 + Math.cos(second / 9)) + 1e5 * (second * 23 % 7),
        }));
        $('processors').textContent = host.processors;
        $('total').textContent = gibibytes(host.memory);
        $('up').textContent = duration(host.up);
        showCores([.42, .31, .18, .27]);
        plotAll();
    """)
    points = "(d) => d.getAttribute('d').match(/[ML]/g).length"
    for plot, lengths in zip(PLOTS, ([63, 61], [63, 61], [61], [61, 61]), strict=True):
        paths = f"[...document.querySelectorAll('#{plot} path')]"
        assert page.evaluate(f'{paths}.map({points})') == lengths
    page.screenshot(pictures / 'monitor.png')


def test_two_pages_see_the_same(browser: Browser, site: Served) -> None:
    one = come(browser, site)
    one.wait_for('samples.length >= 3')
    two = come(browser, site)
    wait_for_texts(one, '#watchers', ['2 pages'])
    last = one.evaluate('samples.at(-1).at')
    two.wait_for(f'samples.at(-1).at >= {last}')
    common = f'JSON.stringify(samples.filter(({{at}}) => at <= {last}))'
    assert one.evaluate(common) == two.evaluate(common)
    two.close()
    wait_for_texts(one, '#watchers', ['1 page'])


def test_pause_leaves_a_gap(browser: Browser, site: Served) -> None:
    page = come(browser, site)
    page.wait_for('samples.length >= 2')
    page.click('#pause')
    wait_for_texts(page, '#link', ['Paused'])
    wait_for_texts(page, '#banner', [''])
    paused_at = page.evaluate('[samples.at(-1).at, samples.length, performance.now()]')
    page.wait_for(f'performance.now() > {paused_at[2] + 4000}')
    assert page.evaluate('samples.length') == paused_at[1]
    page.click('#pause')
    page.wait_for(f'samples.at(-1).at > {paused_at[0] + 3}')
    for plot in PLOTS:
        assert page.evaluate(f"document.querySelectorAll('#{plot} .gap').length") == 1
    wait_for_texts(page, '#cpu .times span:nth-child(2)', ['shaded: nobody watched'])


def test_looking_back(browser: Browser, site: Served) -> None:
    page = come(browser, site)
    page.wait_for('samples.length >= 4')
    crosses = "document.querySelectorAll('.cross:not([hidden])').length"
    hover(page, '#cpu .area', (.97, .5))
    page.wait_for(f'{crosses} === 4')  # in all plots at once
    page.wait_for("document.querySelector('#load .times').textContent.includes('at ')")
    hover(page, '#cpu .area', (.5, -1))
    page.wait_for(f'{crosses} === 0')

    tab_to(page, '#memory .area')
    key(page, 'ArrowLeft', times=2)
    page.wait_for(f'{crosses} === 4')
    area = "document.querySelector('#memory .area')"
    assert page.evaluate(f'Number({area}.ariaValueNow)') in (-1, -2, -3)
    assert ' GiB of ' in page.evaluate(f'{area}.ariaValueText')
    page.press('Escape')
    page.wait_for(f'{crosses} === 0')


def test_keyboard_alone(browser: Browser, site: Served) -> None:
    page = come(browser, site)
    tab_to(page, '[name=range]')
    key(page, 'ArrowRight')
    page.wait_for('range === 300')
    tab_to(page, '#pause')
    page.press('Enter')
    wait_for_texts(page, '#pause', ['Go on'])
    page.press('Enter')
    wait_for_texts(page, '#pause', ['Pause'])
    wait_for_texts(page, '#link', ['WebSocket'])


def test_offline_and_back(browser: Browser, site: Served) -> None:
    page = come(browser, site)
    site.stop()
    page.wait_for("document.querySelector('.monitor.away')")
    assert page.evaluate("document.querySelector('#banner').textContent")
    site.start()
    page.wait_for("!document.querySelector('.monitor.away')")
    page.wait_for('samples.length >= 1')
    wait_for_texts(page, '#banner', [''])


def test_a_host_without_figures(browser: Browser, site: Served) -> None:
    page = come(browser, site)
    page.evaluate("""
        socket.disconnect();
        for (const listener of socket.listeners('connect_error')) {
            listener(new Error('This host has no /proc to read.'));
        }
    """)
    wait_for_texts(page, '#refused', ['This host has no /proc to read.'])
    assert not page.evaluate("document.querySelector('#figures').checkVisibility()")


def test_phone(browser: Browser, site: Served, pictures: Path) -> None:
    page = come(browser, site)
    page.view(390, 780, mobile=True)
    page.wait_for('samples.length >= 3')
    assert page.evaluate('document.documentElement.scrollWidth') == 390
    page.screenshot(pictures / 'monitor-phone.png')

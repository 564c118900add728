"""axe-core finds nothing serious, on any page, in any state that people meet."""
from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from ..cdp import Browser, Page
from ..served import Served
from .people import enter, go_offline, inside, say, wait_for_texts
from .test_chat_files import png

pytestmark = pytest.mark.timeout(120)

PAGES = ('', 'auction', 'whiteboard', 'monitor', 'stats')

Check = Callable[[Page], None]


@pytest.fixture
def check(axe: str) -> Check:
    """Judges a page as it is: nothing serious or critical."""
    def judge(page: Page) -> None:
        page.evaluate(f'{axe}; null')
        found = page.run("""
            const {violations, passes} = await axe.run();
            const serious = violations.filter(({impact}) => impact !== 'minor'
                && impact !== 'moderate');
            return [passes.length, serious.map(({id, nodes}) => [id, nodes.map((node) => (
                `${node.target}: ${node.failureSummary}`))])];
        """)
        assert found[0] > 10  # it has looked
        assert found[1] == []
    return judge


@pytest.mark.parametrize('dark', [False, True], ids=['light', 'dark'])
@pytest.mark.parametrize('path', PAGES, ids=[path or 'chat' for path in PAGES])
def test_page(browser: Browser, site: Served, check: Check, path: str, dark: bool) -> None:
    page = browser.new_page(site.url + path)
    page.view(1280, 800, dark=dark)
    if page.wait_for("document.querySelector('#link').textContent "
                     "|| document.querySelector('#door').open && 'door'") == 'door':
        check(page)
        page.type('Ann')
        page.press('Enter')
    page.wait_for("!document.querySelector('#link').matches('.off, [hidden]')")
    check(page)
    page.view(390, 780, mobile=True, dark=dark)
    check(page)


@pytest.mark.parametrize('dark', [False, True], ids=['light', 'dark'])
def test_chat_in_use(browser: Browser, site: Served, check: Check, dark: bool) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    ann.view(1280, 800, dark=dark)
    say(ann, 'hello https://example.org/')
    say(bob, 'hello')
    inside(bob, f"""
        const data = Uint8Array.from(atob('{base64.b64encode(png()).decode()}'),
                                     (char) => char.charCodeAt(0));
        await socket.emitWithAck('say', 'room:Lobby', '', 'k', {{name: 'x.png', data}});
        const text = {{name: 'x.txt', data: data.slice(4)}};
        await socket.emitWithAck('say', 'room:Lobby', '', 'l', text);
        await socket.emitWithAck('say', `direct:${{[...state.online.keys()].sort().join(':')}}`,
                                 'psst', 'm');
    """)
    wait_for_texts(ann, '#directs .unread', ['1 new'])
    ann.wait_for("document.querySelector('.picture img')")
    bob.click('#text')
    bob.type('x')
    wait_for_texts(ann, '#typing', ['Bob is typing'])
    check(ann)
    ann.click('.picture')
    ann.wait_for("document.querySelector('#viewer').open")
    check(ann)
    ann.press('Escape')
    ann.view(390, 780, mobile=True, dark=dark)
    ann.click('#show-nav')
    check(ann)
    ann.press('Escape')
    go_offline(ann)
    wait_for_texts(ann, '#link', ['Offline'])
    check(ann)

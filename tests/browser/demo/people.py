"""What people do on the chat page, and what they see there."""
from __future__ import annotations

import json
from typing import Any

from ..cdp import Browser, Page
from ..served import Served


def enter(browser: Browser, site: Served, nickname: str, path: str = '', **options: Any) -> Page:
    """A new person comes in, to the lobby if nothing else is said."""
    page = browser.new_page(site.url + path, **options)
    sign_in(page, nickname)
    page.wait_for('!document.querySelector("#door").open')
    if not path:
        wait_for_texts(page, '#title', ['# Lobby'])
    return page


def sign_in(page: Page, nickname: str) -> None:
    page.wait_for("document.activeElement.id === 'nickname'")
    page.evaluate('document.activeElement.select()')
    page.type(nickname)
    page.press('Enter')


def say(page: Page, text: str) -> None:
    """Say something where the person is, and wait until the server has it."""
    write(page, text)
    page.wait_for(f'{texts(".message:not(.pending) .text")}.includes({json.dumps(text)})')


def write(page: Page, text: str) -> None:
    page.click('#text')
    page.type(text)
    page.press('Enter')


def texts(selector: str) -> str:
    """Script for the texts of the elements that match."""
    return f'[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)'


def wait_for_texts(page: Page, selector: str, wanted: list[str]) -> None:
    page.wait_for(f'JSON.stringify({texts(selector)}) === JSON.stringify({json.dumps(wanted)})')


def click_entry(page: Page, place: str, name: str) -> None:
    """Click the entry of a name in one of the lists."""
    script = f"""[...document.querySelectorAll({json.dumps(f'{place} .entry')})]
        .findIndex((e) => e.querySelector('.name')?.textContent === {json.dumps(name)}) + 1"""
    page.click(f'{place} li:nth-child({page.wait_for(script)}) .entry')


def inside(page: Page, body: str) -> Any:
    """The result of an async function that has the chat page's `socket` and `state`."""
    return page.run(f"const {{socket, state}} = await import('/static/chat/state.js'); {body}")


def go_offline(page: Page, offline: bool = True) -> None:
    """Pull the network cable of one person, or plug it in again."""
    page.call('Network.enable')
    page.call('Network.emulateNetworkConditions', offline=offline, latency=0,
              downloadThroughput=-1, uploadThroughput=-1)

"""The demo chat site, used by people at headless Chromium."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cdp import Browser, Page
from .served import PATIENCE, ROOT, Served

pytestmark = pytest.mark.timeout(120)

# Every WebSocket fails, as behind a proxy that refuses them.
NO_WEBSOCKET = """
    const Real = WebSocket;
    window.WebSocket = function () { return new Real('ws://127.0.0.1:9/'); };
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    """A chat with an empty history."""
    running = Served('demo_app', '--port', '{port}', '--db', str(tmp_path / 'chat.sqlite3'))
    yield running
    running.stop()


def enter(browser: Browser, site: Served, nickname: str, **options: object) -> Page:
    """A new person comes in."""
    page = browser.new_page(site.url, **options)
    sign_in(page, nickname)
    page.wait_for("document.querySelector('#title').textContent === '# Lobby'")
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
        .findIndex((e) => e.querySelector('.name').textContent === {json.dumps(name)}) + 1"""
    page.click(f'{place} li:nth-child({page.wait_for(script)}) .entry')


def test_two_people_chat(browser: Browser, site: Served, pictures: Path) -> None:
    ann = enter(browser, site, 'Ann')
    assert ann.evaluate("document.querySelector('#link').textContent") == 'WebSocket'
    wait_for_texts(ann, '#people-list .name', ['Ann'])
    bob = enter(browser, site, 'Bob')
    for page in (ann, bob):
        wait_for_texts(page, '#people-list .name', ['Ann', 'Bob'])

    say(ann, 'Good morning, Bob')
    wait_for_texts(bob, '.message .text', ['Good morning, Bob'])
    wait_for_texts(bob, '.message .meta b', ['Ann'])
    say(bob, 'Zoë says 你好 🎉')
    for page in (ann, bob):
        wait_for_texts(page, '.message .text', ['Good morning, Bob', 'Zoë says 你好 🎉'])
    ann.screenshot(pictures / 'desktop.png')

    ann.reload()
    wait_for_texts(ann, '.message .text', ['Good morning, Bob', 'Zoë says 你好 🎉'])
    assert ann.evaluate("document.querySelector('#my-name').textContent") == 'Ann'
    bob.close()
    wait_for_texts(ann, '#people-list .name', ['Ann'])


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
    assert ann.evaluate("document.querySelector('.text img, .text b, i, s')") is None
    assert ann.evaluate('window.harmed') is None
    policy = ann.evaluate("fetch('/').then((r) => r.headers.get('Content-Security-Policy'))")
    assert policy.startswith("default-src 'self'")  # were it markup, its scripts would not run


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
    assert bob.evaluate("document.querySelector('#subtitle').textContent") == '2 people here'


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

    click_entry(bob, '#rooms', 'Garden')
    wait_for_texts(bob, '.message .text', ['only in the garden'])
    wait_for_texts(ann, '#people-list .name', ['Ann', 'Bob'])
    bob.evaluate('history.back()')
    wait_for_texts(bob, '.message .text', ['only in the lobby'])
    wait_for_texts(ann, '#people-list .name', ['Ann'])


def test_direct_messages_reach_one_person(browser: Browser, site: Served) -> None:
    ann, bob, cy = (enter(browser, site, name) for name in ('Ann', 'Bob', 'Cy'))
    click_entry(ann, '#people-list', 'Bob')
    wait_for_texts(ann, '#title', ['Bob'])
    say(ann, 'for your eyes only')
    wait_for_texts(bob, '#directs .name', ['Ann'])
    wait_for_texts(bob, '#directs .unread', ['1'])
    assert bob.evaluate('document.title') == '(1) geventio chat'
    click_entry(bob, '#directs', 'Ann')
    wait_for_texts(bob, '.message .text', ['for your eyes only'])
    wait_for_texts(bob, '#directs .unread', [])
    say(bob, 'seen')
    wait_for_texts(ann, '.message .text', ['for your eyes only', 'seen'])

    # Whatever Cy's page asks for, the conversation of others stays closed.
    conversation = ann.evaluate('state.conversation')
    for attempt in (['open', conversation], ['say', conversation, 'let me in', 'key']):
        answer = cy.evaluate(f'socket.emitWithAck(...{json.dumps(attempt)})')
        assert answer == {'error': 'There is no such conversation.'}
    assert cy.evaluate(texts('#directs .name')) == []

    ann.reload()
    wait_for_texts(ann, '#title', ['Bob'])
    wait_for_texts(ann, '.message .text', ['for your eyes only', 'seen'])


def test_taken_nickname(browser: Browser, site: Served, pictures: Path) -> None:
    enter(browser, site, 'Ann')
    other = browser.new_page(site.url)
    sign_in(other, 'ANN')
    wait_for_texts(other, '#sign-in-error', ['ANN is taken. Choose another nickname.'])
    other.screenshot(pictures / 'door.png')
    sign_in(other, ' ')
    wait_for_texts(other, '#sign-in-error', ['Type a nickname first.'])
    sign_in(other, 'Anna')
    wait_for_texts(other, '#people-list .name', ['Ann', 'Anna'])


def test_server_time_is_pushed(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    before = ann.wait_for("document.querySelector('#server-time').dateTime")
    after = ann.wait_for(f"""(() => {{
        const now = document.querySelector('#server-time').dateTime;
        return now !== {json.dumps(before)} && now;
    }})()""")
    passed = f'Date.parse({json.dumps(after)}) - Date.parse({json.dumps(before)})'
    assert ann.evaluate(passed) <= 7000


def test_server_restart(browser: Browser, site: Served, pictures: Path) -> None:
    ann = enter(browser, site, 'Ann')
    say(ann, 'before')
    site.stop()
    ann.wait_for("!document.querySelector('#offline').hidden")
    write(ann, 'written offline')
    wait_for_texts(ann, '.message.pending .text', ['written offline'])
    ann.screenshot(pictures / 'offline.png')
    site.start()
    ann.wait_for("document.querySelector('#offline').hidden")
    wait_for_texts(ann, '.message:not(.pending) .text', ['before', 'written offline'])
    ann.reload()
    wait_for_texts(ann, '.message .text', ['before', 'written offline'])


def test_without_websocket(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann', init_script=NO_WEBSOCKET)
    bob = enter(browser, site, 'Bob')
    assert ann.evaluate("document.querySelector('#link').textContent") == 'Polling'
    assert bob.evaluate("document.querySelector('#link').textContent") == 'WebSocket'
    say(ann, 'by polling: é 😀')
    wait_for_texts(bob, '.message .text', ['by polling: é 😀'])
    for number in range(20):  # several at once, in order
        write(bob, f'answer {number}')
    wait_for_texts(ann, '.message .text',
                   ['by polling: é 😀', *(f'answer {number}' for number in range(20))])
    ann.close()
    wait_for_texts(bob, '#people-list .name', ['Bob'])


def test_phone(browser: Browser, site: Served, pictures: Path) -> None:
    ann = enter(browser, site, 'Ann')
    bob = enter(browser, site, 'Bob')
    bob.view(390, 780, mobile=True)
    say(ann, 'A rather long message, which a narrow window has to break into several lines.' * 4)
    say(ann, 'w' * 400)
    bob.wait_for("document.querySelectorAll('.message').length === 2")
    assert bob.evaluate('document.documentElement.scrollWidth') == 390
    assert bob.evaluate("document.querySelector('#scroll').scrollWidth") == 390
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


def test_keyboard_alone(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    ann.wait_for("document.activeElement.id === 'text'")
    ann.evaluate("document.querySelector('#change-name').focus()")
    seen = []
    while 'text' not in seen and len(seen) < 30:
        ann.press('Tab')
        seen.append(ann.evaluate(
            'document.activeElement.id || document.activeElement.textContent'))
    assert seen[:3] == ['#Lobby1', '#Music', '#Python']
    assert seen[-1] == 'text'
    ann.evaluate("document.querySelector('#rooms li:nth-child(2) .entry').focus()")
    ann.press('Enter')
    wait_for_texts(ann, '#title', ['# Music'])
    ann.wait_for("document.activeElement.id === 'text'")


def test_last_messages_are_shown(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    ann.evaluate("""Promise.all(Array.from({length: 60}, (_, number) => (
        socket.emitWithAck('say', 'room:Lobby', `line ${number}`, `key ${number}`))))""")
    answer = ann.evaluate("socket.emitWithAck('say', 'room:Lobby', 'once more', 'key 59')")
    assert answer['message']['text'] == 'line 59'  # the same message, sent again
    ann.reload()
    wait_for_texts(ann, '.message .text', [f'line {number}' for number in range(10, 60)])


def test_odd_input_is_answered(browser: Browser, site: Served) -> None:
    ann = enter(browser, site, 'Ann')
    me = ann.evaluate('state.me.id')
    no_conversation = {'error': 'There is no such conversation.'}
    no_text = {'error': 'A message has 1 to 2000 characters.'}
    for attempt, answer in [
        (['open', None], no_conversation),
        (['open', {'room': 'Lobby'}], no_conversation),
        (['open', 'room:lobby'], no_conversation),
        (['open', '\ud800'], no_conversation),
        (['open', f'direct:{me}:{me}'], no_conversation),
        (['open', f'direct:{me}:nobody'], no_conversation),
        (['say', 'room:Nowhere', 'text', 'key'], no_conversation),
        (['say', 'room:Lobby', [], 'key'], no_text),
        (['say', 'room:Lobby', 'x' * 2001, 'key'], no_text),
        (['say', 'room:Lobby', '\ud800', 'key'], no_text),
        (['say', 'room:Lobby', 'text', 1], {'error': 'The message has no key.'}),
        (['new room', ' \n '], {'error': 'A room needs a name of 1 to 32 characters.'}),
        (['new room', 'a\0b'], {'error': 'A room needs a name of 1 to 32 characters.'}),
        (['new room', 'x' * 33], {'error': 'A room needs a name of 1 to 32 characters.'}),
    ]:
        assert ann.evaluate(f'socket.emitWithAck(...{json.dumps(attempt)})') == answer, attempt
    say(ann, 'still in the lobby')


def test_mistakes_on_the_command_line(site: Served, tmp_path: Path) -> None:
    database = str(tmp_path / 'other.sqlite3')
    for arguments, status, message in [
        (['--port', str(site.port), '--db', database], 1,
         f'Port {site.port} is already in use; choose another one with --port.'),
        (['--port', '99999', '--db', database], 2, 'a port is a number from 1 to 65535'),
        (['--db', str(tmp_path)], 1,
         f'Cannot keep the history in {tmp_path}: unable to open database file.'),
    ]:
        done = subprocess.run([sys.executable, '-m', 'demo_app', *arguments], cwd=ROOT,
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == status
        assert done.stderr.strip().endswith(message)
        assert 'Traceback' not in done.stderr

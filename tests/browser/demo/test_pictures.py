"""The pictures of the documentation: always the same people, words and times.

They are drawn with every run of the tests, and kept where BROWSER_PICTURES says:

    BROWSER_PICTURES=docs/images ./run test tests/browser/demo/test_pictures.py
"""
from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.sessions import SecureCookieSessionInterface

from demo_app import create_app
from demo_app.store import Store

from ..cdp import Browser, Page
from ..served import Served
from .people import inside, wait_for_texts

pytestmark = pytest.mark.timeout(120)

DAY = datetime(2026, 3, 2, tzinfo=timezone.utc).timestamp()
CLOCK = '14:32:05'
PEOPLE = {'ada': 'Ada', 'grace': 'Grace', 'linus': 'Linus', 'margaret': 'Margaret', 'tim': 'Tim'}
LOBBY = 'room:Lobby'
TALK = (  # hour, minute, who, what
    (14, 2, 'grace', 'Good afternoon! The new release is on the test machine.'),
    (14, 2, 'grace', 'Notes are at https://example.org/releases/2'),
    (14, 5, 'linus', 'Looks good here. It has been running since the morning.'),
    (14, 11, 'margaret', 'Could somebody look at the latency of the relay?'),
    (14, 19, 'ada', 'I measured it again over lunch:'),
    (14, 20, 'ada', ''),
    (14, 24, 'grace', 'Then let us ship it on Thursday.'),
    (14, 31, 'ada', 'Agreed. I will write the announcement tonight.'),
)


def chart() -> bytes:
    """A picture for the chat: a curve under a line, as PNG."""
    width, height = 720, 400
    rows = []
    for y in range(height):
        row = bytearray(b'\0')
        for x in range(width):
            level = height * (.78 - .5 * (1 - math.exp(-x / 190)) - .03 * math.sin(x / 23))
            if y < level - 2:
                row += bytes((247, 250, 249) if y % 80 else (226, 232, 230))
            elif y < level + 2:
                row += bytes((15, 118, 110))
            else:
                fade = (y - level) / height
                row += bytes(int(low + (high - low) * min(1, fade * 1.3))
                             for low, high in zip((178, 222, 215), (247, 250, 249), strict=True))
        rows.append(bytes(row))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (struct.pack('>I', len(data)) + kind + data
                + struct.pack('>I', zlib.crc32(kind + data)))

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
            + chunk(b'IDAT', zlib.compress(b''.join(rows))) + chunk(b'IEND', b''))


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history as if it had been written on one day."""
    path = tmp_path / 'demo.sqlite3'
    store = Store(path)
    for person in PEOPLE.items():
        store.name_user(*person)
    store.add_room('Release')
    now = [0.0]
    monkeypatch.setattr('demo_app.store.time', SimpleNamespace(time=lambda: now[0]))
    last = 0
    for number, (hour, minute, sender, text) in enumerate(TALK):
        now[0] = DAY + hour * 3600 + minute * 60 + number
        file = None if text else ('latency.png', 'image/png', chart())
        message, _ = store.add_message(LOBBY, sender, str(number), text, file)
        store.set_delivered(message['id'])
        last = message['id']
    for reader in ('grace', 'linus'):
        store.set_seen(LOBBY, reader, last - 1)
    for partner in ('margaret', 'linus'):
        store.add_message(f'direct:ada:{partner}', partner, 'direct', 'Have you got a minute?')
    store.set_seen('direct:ada:linus', 'ada', last + 9)
    store.close()
    return path


@pytest.fixture
def site(database: Path) -> Iterator[Served]:
    running = Served('demo_app', '--port', '{port}', '--db', str(database))
    yield running
    running.stop()


@pytest.fixture
def cookies(database: Path) -> dict[str, str]:
    """The cookie of each person, as the site would have given it."""
    app = create_app(database)
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    made = {user_id: serializer.dumps({'user_id': user_id}) for user_id in PEOPLE}
    app.extensions['chat'].store.close()
    return made


def visit(browser: Browser, site: Served, cookies: dict[str, str], user_id: str,
          room: str = LOBBY, width: int = 1280) -> Page:
    """One of the people comes in."""
    page = browser.new_page('about:blank', width=width, init_script=f"""
        if (location.protocol !== 'about:') localStorage.setItem('nickname', '{PEOPLE[user_id]}');
    """)
    page.call('Emulation.setTimezoneOverride', timezoneId='UTC')
    page.call('Emulation.setLocaleOverride', locale='en-GB')
    page.call('Network.enable')
    page.call('Network.setCookie', name='session', value=cookies[user_id], url=site.url)
    page.goto(f'{site.url}#{room}')
    wait_for_texts(page, '#title', [f'# {room.partition(":")[2]}'])
    return page


def shoot(page: Page, path: Path) -> None:
    """A picture, once everything is there and the clock is stopped."""
    page.run(f"""
        await document.fonts.ready;
        const time = document.querySelector('#server-time');
        time.replaceWith(Object.assign(document.createElement('time'),
            {{id: 'server-time', className: 'number', textContent: '{CLOCK}'}}));
        document.activeElement.blur();
        document.querySelector('#banner').replaceChildren();
        const scroll = document.querySelector('#scroll');
        scroll.scrollTop = scroll.scrollHeight;
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    """)
    page.screenshot(path)
    assert path.stat().st_size > 10_000


def test_chat(browser: Browser, site: Served, cookies: dict[str, str], pictures: Path) -> None:
    visit(browser, site, cookies, 'tim', 'room:Music')
    visit(browser, site, cookies, 'margaret', 'room:Release')
    others = [visit(browser, site, cookies, user_id) for user_id in ('grace', 'linus')]
    ada = visit(browser, site, cookies, 'ada')
    wait_for_texts(ada, '#people-list .name', ['Grace', 'Linus', 'Ada'])
    wait_for_texts(ada, '#directs .unread', ['1 new'])
    ada.wait_for("document.querySelector('.picture img')?.complete")
    stop_typing = keep_typing(others[0])
    for name, size, dark in (('chat-light', (1280, 880), False), ('chat-dark', (1280, 880), True),
                             ('chat-phone', (390, 780), False)):
        ada.view(*size, mobile=size[0] < 500, dark=dark)
        wait_for_texts(ada, '#typing', ['Grace is typing'])
        shoot(ada, pictures / f'{name}.png')
    others[0].evaluate(stop_typing)


def keep_typing(page: Page) -> str:
    """Somebody types without end; returns the script that ends it."""
    number = inside(page, """
        const tell = () => socket.emit('typing', 'room:Lobby');
        tell();
        return setInterval(tell, 1000);
    """)
    return f'clearInterval({number})'


def test_server_figures(browser: Browser, site: Served, cookies: dict[str, str],
                        pictures: Path) -> None:
    """Made-up figures, handed to the page in the server's place, so that the plots have a shape."""
    page = browser.new_page(f'{site.url}stats', height=960)
    page.call('Emulation.setTimezoneOverride', timezoneId='UTC')
    page.wait_for("document.querySelector('#plot-lag path.line')")
    page.run("""
        figures.socket.disconnect();
        document.querySelector('#link').textContent = 'WebSocket';
        document.querySelector('#link').classList.remove('off');
        const wave = (number, length, low, high) => (
            low + (high - low) * (.5 + .5 * Math.sin(number / length)));
        figures.show(Array.from({length: 180}, (_, number) => ({
            at: 1772461800 + number,
            transports: {
                websocket: Math.round(wave(number, 40, 180, 420)),
                polling: Math.round(wave(number, 25, 12, 60)),
            },
            events: wave(number, 17, 240, 900) + 80 * Math.sin(number * 1.7),
            lag: 1.1 + Math.abs(Math.sin(number * 2.3)) + (number % 47 === 20 ? 5 : 0),
            sockets: 512, rooms: 71, handlers: 3, memory: 61e6, uptime: 93784,
        })));
    """)
    wait_for_texts(page, '#memory', ['61'])
    page.screenshot(pictures / 'stats.png')

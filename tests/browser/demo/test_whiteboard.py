"""The whiteboard page, used by several people at headless Chromium."""
from __future__ import annotations

import time
from math import cos, pi, sin
from pathlib import Path

import pytest

from ..cdp import TIMEOUT, Browser, Page
from ..served import Served
from .hands import drag, key, swipe, tab_to
from .people import enter, wait_for_texts

pytestmark = pytest.mark.timeout(120)

BUSY = "document.querySelector('#main').ariaBusy"
STROKES = '[...strokes.values()].map((s) => [s.colour, s.width, s.points])'
LINE = [(.2, .2), (.4, .5), (.6, .2)]
BEND = (.4, .425)  # where the line, which is rounded, turns


def come(browser: Browser, site: Served, nickname: str, **options: object) -> Page:
    page = enter(browser, site, nickname, 'whiteboard', **options)
    page.wait_for(f'{BUSY} !== "true"')
    return page


def circle(x: float, y: float, radius: float, steps: int = 24) -> list[tuple[float, float]]:
    return [(x + radius * .75 * cos(2 * pi * step / steps), y + radius * sin(2 * pi * step / steps))
            for step in range(steps + 1)]


def between(points: list[tuple[float, float]], parts: int = 6) -> list[tuple[float, float]]:
    """The points with others on the way from one to the next."""
    return [points[0], *((x + (right - x) * part / parts, y + (down - y) * part / parts)
                         for (x, y), (right, down) in zip(points, points[1:], strict=False)
                         for part in range(1, parts + 1))]


def choose(page: Page, name: str, number: int) -> None:
    """Take another colour or width."""
    page.click(f'[name={name}][value="{number}"]')


def wait_for_strokes(page: Page, count: int) -> None:
    page.wait_for(f'strokes.size === {count}')


def strokes(page: Page) -> list[list[object]]:
    """All strokes as [colour, width, points], in their order."""
    return page.evaluate(STROKES)


def wait_until_same(*pages: Page) -> None:
    """Until every page has the same strokes; a stroke may still be on its way to any of them."""
    deadline = time.monotonic() + TIMEOUT
    while any(strokes(page) != strokes(pages[0]) for page in pages[1:]):
        assert time.monotonic() < deadline, [strokes(page) for page in pages]
        time.sleep(0.02)  # each page can be waited for, but not two at once


def ink(page: Page, share: tuple[float, float]) -> list[int]:
    """The colour on the canvas at a place."""
    right, down = share
    return page.evaluate(f"""(() => {{
        const [x, y] = [Math.round(canvas.width * {right}), Math.round(canvas.height * {down})];
        return [...context.getImageData(x, y, 1, 1).data];
    }})()""")


def test_people_draw_together(browser: Browser, site: Served, pictures: Path) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    wait_for_texts(ann, '#people .who', ['Ann (you)', 'Bob'])
    assert ann.evaluate("document.querySelector('#empty').checkVisibility()")
    choose(ann, 'colour', 2)
    choose(ann, 'width', 2)
    drag(ann, '#canvas', circle(.3, .45, .18))
    choose(bob, 'colour', 5)
    drag(bob, '#canvas', [(.5 + step / 100, .4 + .15 * sin(step / 5)) for step in range(40)])
    wait_for_strokes(ann, 2)
    wait_until_same(ann, bob)
    [[colour, width, points], [other, *_]] = strokes(ann)
    assert (colour, width, other) == (2, 2, 5)
    assert points[:2] == pytest.approx([(.3 + .18 * .75) * 1600, .45 * 1200], abs=3)
    assert len(points) == 2 * 25
    assert ink(bob, (.3, .27)) == ink(ann, (.3, .27)) != ink(bob, (.9, .9))  # on the circle's top
    wait_for_texts(ann, '.tag', ['Bob'])

    cy = come(browser, site, 'Cy')  # later
    wait_until_same(ann, cy)
    assert ink(cy, (.3, .27)) == ink(ann, (.3, .27))
    cy.close()
    wait_for_texts(ann, '#people .who', ['Ann (you)', 'Bob'])


def test_a_picture_by_two(browser: Browser, site: Served, pictures: Path) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    for page, colour, width, points in [
        (ann, 0, 1, [(.3, .75), (.3, .5), (.45, .34), (.6, .5), (.6, .75), (.3, .75)]),
        (ann, 4, 2, [(.26, .53), (.45, .33), (.64, .53)]),
        (ann, 3, 1, [(.4, .75), (.4, .58), (.49, .58), (.49, .75)]),
        (bob, 5, 2, circle(.8, .2, .07)),
        *((bob, 5, 1, [(.8 + .075 * cos(turn), .2 + .1 * sin(turn)),
                       (.8 + .1 * cos(turn), .2 + .14 * sin(turn))])
          for turn in (index * pi / 4 for index in range(8))),
        (ann, 2, 0, circle(.535, .58, .035)),
        (bob, 6, 2, [(.05 + step / 22, .8 - .04 * sin(step / 2.7)) for step in range(21)]),
        (bob, 6, 1, [(.78, .76), (.78, .6), (.73, .6), (.78, .42), (.83, .6), (.78, .6)]),
    ]:
        choose(page, 'colour', colour)
        choose(page, 'width', width)
        drag(page, '#canvas', points if len(points) > 9 else between(points))
    wait_for_strokes(ann, 15)
    wait_until_same(bob, ann)
    wait_for_texts(ann, '.tag', ['Bob'])
    ann.screenshot(pictures / 'whiteboard.png')


def test_a_long_line_goes_on_as_another_stroke(browser: Browser, site: Served) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    ann.evaluate('put(0, 0); for (let x = 1; x < 1500; x += 1) move(x, x % 2 * 4); lift()')
    wait_until_same(ann, bob)
    first, second = strokes(bob)
    assert first[2][-2:] == second[2][:2]
    assert (len(first[2]) + len(second[2])) / 2 == 1501
    cy = come(browser, site, 'Cy')
    wait_until_same(ann, cy)


def test_undo_save_and_clear(browser: Browser, site: Served) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    ann.click('#undo')
    wait_for_texts(ann, '#toast', ['Nothing on the board is yours.'])
    ann.click('#clear')
    wait_for_texts(ann, '#toast', ['The board is empty already.'])
    drag(ann, '#canvas', LINE)
    wait_for_strokes(bob, 1)
    drag(bob, '#canvas', circle(.5, .5, .2))
    wait_for_strokes(ann, 2)
    drag(ann, '#canvas', circle(.2, .8, .1))
    wait_for_strokes(bob, 3)
    assert ink(ann, BEND) != ink(ann, (.95, .95))
    key(ann, 'z', ctrl=True)
    wait_for_strokes(bob, 2)
    ann.click('#undo')
    wait_for_strokes(bob, 1)
    wait_until_same(bob, ann)
    assert ink(ann, BEND) == ink(ann, (.95, .95))

    ann.evaluate("""
        URL.createObjectURL = (blob) => { window.saved = blob; return 'blob:x'; };
        HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; };
    """)
    ann.click('#save')
    assert ann.wait_for('window.savedAs') == 'whiteboard.png'
    assert ann.run("""
        const {width, height} = await createImageBitmap(window.saved);
        return [width, height];
    """) == ann.evaluate('[canvas.width, canvas.height]')

    ann.click('#clear')
    wait_for_texts(ann, '#confirm-text', ['The only stroke goes, and it cannot be brought back.'])
    assert ann.evaluate('document.activeElement.value') == 'keep'
    ann.press('Escape')
    ann.wait_for("!document.querySelector('#confirm').open")
    ann.click('#clear')
    ann.click('#confirm [value=keep]')
    assert ann.evaluate('strokes.size') == 1
    ann.click('#clear')
    ann.click('#confirm [value=clear]')
    for page in (ann, bob):
        wait_for_strokes(page, 0)
        wait_for_texts(page, '#toast', ['Ann has cleared the board.'])
        assert page.evaluate("document.querySelector('#empty').checkVisibility()")


def test_keyboard_alone(browser: Browser, site: Served) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    tab_to(ann, '[name=colour]')
    key(ann, 'ArrowRight', times=4)
    tab_to(ann, '[name=width]')
    key(ann, 'ArrowRight')
    tab_to(ann, '#canvas')
    assert ann.evaluate("document.querySelector('#cursor').checkVisibility()")
    key(ann, 'ArrowUp', times=5)
    assert ann.evaluate('strokes.size') == 0  # the pen is up
    ann.press('Enter')
    wait_for_texts(ann, '#toast', ['The pen is down.'])
    key(ann, 'ArrowRight', times=10)
    key(ann, 'ArrowDown', times=3, shift=True)
    ann.press('Enter')
    wait_for_texts(ann, '#toast', ['The pen is up.'])
    key(ann, 'ArrowLeft', times=4)
    wait_until_same(ann, bob)
    [[colour, width, points]] = strokes(bob)
    assert (colour, width) == (4, 2)
    assert (points[:2], points[-2:]) == ([800, 500], [1000, 512])
    key(ann, ' ')
    ann.press('Escape')
    wait_for_strokes(bob, 2)  # a dot
    assert ink(bob, (920 / 1600, 515 / 1200)) == ink(bob, (900 / 1600, 500 / 1200))
    key(ann, 'z', ctrl=True)
    wait_for_strokes(bob, 1)
    tab_to(ann, '#undo')
    ann.press('Enter')
    wait_for_strokes(bob, 0)


def test_phone(browser: Browser, site: Served, pictures: Path) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    bob.view(390, 780, mobile=True)
    assert bob.evaluate('document.documentElement.scrollWidth') == 390
    choose(bob, 'colour', 4)
    swipe(bob, '#canvas', circle(.5, .5, .3))
    wait_for_strokes(ann, 1)
    wait_until_same(bob, ann)
    [[colour, _, points]] = strokes(ann)
    assert colour == 4 and len(points) > 20
    assert bob.evaluate('scrollY') == 0  # the finger has drawn and not scrolled
    drag(ann, '#canvas', LINE)
    wait_for_strokes(bob, 2)
    bob.screenshot(pictures / 'whiteboard-phone.png')


def test_offline(browser: Browser, site: Served) -> None:
    ann = come(browser, site, 'Ann')
    drag(ann, '#canvas', LINE)
    wait_for_strokes(ann, 1)
    site.stop()
    ann.wait_for("document.querySelector('#board.away')")
    drag(ann, '#canvas', circle(.5, .5, .2))
    ann.evaluate('put(5, 5)')
    assert ann.evaluate('strokes.size') == 1
    ann.click('#undo')
    wait_for_texts(ann, '#toast', ['Not connected.'])
    site.start()
    ann.wait_for("!document.querySelector('#board.away')")
    wait_for_strokes(ann, 0)  # as the server has it, which was started anew
    drag(ann, '#canvas', LINE)
    bob = come(browser, site, 'Bob')
    wait_until_same(ann, bob)


def test_names_are_never_markup(browser: Browser, site: Served) -> None:
    name = '<b onclick=x()>Eve'
    ann, eve = come(browser, site, 'Ann'), come(browser, site, name)
    drag(eve, '#canvas', LINE)
    wait_for_texts(ann, '.tag', [name])
    wait_for_texts(ann, '#people .who', ['Ann (you)', name])
    eve.click('#clear')
    eve.click('#confirm [value=clear]')
    wait_for_texts(ann, '#toast', [f'{name} has cleared the board.'])
    assert ann.evaluate("document.querySelector('main b')") is None


def test_what_the_server_refuses_is_taken_back(browser: Browser, site: Served) -> None:
    ann, bob = come(browser, site, 'Ann'), come(browser, site, 'Bob')
    drag(ann, '#canvas', LINE)
    wait_until_same(ann, bob)
    ann.evaluate('put(0, 0); pen.stroke.colour = 200; lift()')
    wait_for_texts(ann, '#toast', ['There is no such pen.'])
    wait_for_strokes(ann, 1)
    wait_until_same(bob, ann)
    drag(ann, '#canvas', circle(.5, .5, .2))
    wait_for_strokes(bob, 2)


def test_dark_has_inks_of_its_own(browser: Browser, site: Served) -> None:
    ann = come(browser, site, 'Ann')
    drag(ann, '#canvas', LINE)
    wait_for_strokes(ann, 1)
    light = [ink(ann, BEND), ink(ann, (.9, .9))]
    ann.view(1280, 800, dark=True)
    ann.wait_for('context.getImageData(5, 5, 1, 1).data[0] < 100')
    dark = [ink(ann, BEND), ink(ann, (.9, .9))]
    assert max(light[0][:3]) < 100 < min(light[1][:3])
    assert max(dark[1][:3]) < 100 < min(dark[0][:3])

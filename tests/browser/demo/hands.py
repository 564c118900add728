"""What hands do on a page beside clicking: keys, a mouse that is dragged, a finger."""
from __future__ import annotations

import json
from collections.abc import Iterable

from ..cdp import Page

Point = tuple[float, float]

_CODES = {'ArrowLeft': 37, 'ArrowUp': 38, 'ArrowRight': 39, 'ArrowDown': 40, 'Home': 36,
          'End': 35, ' ': 32, 'z': 90}


def key(page: Page, name: str, *, times: int = 1, ctrl: bool = False, shift: bool = False) -> None:
    """Press a key that writes nothing, or one with Ctrl."""
    event = {'key': name, 'windowsVirtualKeyCode': _CODES[name],
             'modifiers': 2 * ctrl + 8 * shift}
    for _ in range(times):
        page.call('Input.dispatchKeyEvent', type='rawKeyDown', **event)
        page.call('Input.dispatchKeyEvent', type='keyUp', **event)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element that matches has the focus; it has to show that."""
    for _ in range(60):
        page.press('Tab')
        if page.evaluate(f'document.activeElement.matches({json.dumps(selector)})'):
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f'Tab never reaches {selector}')


def on(page: Page, selector: str, shares: Iterable[Point]) -> list[Point]:
    """Points of the window, given as shares of an element's width and height."""
    x, y, width, height = page.evaluate(f"""(() => {{
        const {{x, y, width, height}} =
            document.querySelector({json.dumps(selector)}).getBoundingClientRect();
        return [x, y, width, height];
    }})()""")
    return [(x + width * right, y + height * down) for right, down in shares]


def hover(page: Page, selector: str, share: Point) -> None:
    """Move the mouse over a place of an element."""
    [(x, y)] = on(page, selector, [share])
    page.call('Input.dispatchMouseEvent', type='mouseMoved', x=x, y=y)


def drag(page: Page, selector: str, shares: Iterable[Point]) -> None:
    """Press the mouse on the first point, move along, let go on the last."""
    points = on(page, selector, shares)
    for index, (x, y) in enumerate(points):
        page.call('Input.dispatchMouseEvent', type='mouseMoved' if index else 'mousePressed',
                  x=x, y=y, button='left', buttons=1, clickCount=1)
    page.call('Input.dispatchMouseEvent', type='mouseReleased', x=points[-1][0], y=points[-1][1],
              button='left', clickCount=1)


def swipe(page: Page, selector: str, shares: Iterable[Point]) -> None:
    """Draw a finger along the points."""
    for index, (x, y) in enumerate(on(page, selector, shares)):
        page.call('Input.dispatchTouchEvent', type='touchMove' if index else 'touchStart',
                  touchPoints=[{'x': x, 'y': y}])
    page.call('Input.dispatchTouchEvent', type='touchEnd', touchPoints=[])

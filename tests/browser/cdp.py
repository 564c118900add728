"""A small driver of headless Chromium over the Chrome DevTools Protocol.

It knows of pages, keys and pictures, nothing of what is tested. Every wait has a limit; a page's
uncaught errors are kept in `Page.errors`.
"""
from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

TIMEOUT = 20.0  # seconds, for anything that is waited for

_FLAGS = (
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
    '--hide-scrollbars', '--disable-background-timer-throttling',
    '--no-first-run', '--no-default-browser-check', '--disable-extensions', '--disable-sync',
    '--disable-background-networking', '--disable-component-update',
    '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
    '--no-proxy-server', '--remote-debugging-port=0',
)

# Resolves once the expression is true; tells what it last was if that takes too long.
_WAIT = """new Promise((resolve, reject) => {
  const deadline = Date.now() + %d;
  (function look() {
    let value;
    try { value = (%s); } catch (error) { value = error; }
    if (value && !(value instanceof Error)) resolve(value);
    else if (Date.now() > deadline) reject(new Error('still ' + value));
    else setTimeout(look, 20);
  }());
})"""

_KEYS = {'Enter': ('\r', 13), 'Tab': ('\t', 9), 'Escape': ('', 27)}


class PageError(Exception):
    """A script failed in the page, or what was waited for has not come."""


class Browser:
    """A running Chromium; use `launch`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._last_id = 0
        self._pages: dict[str, Page] = {}  # by session

    @property
    def pages(self) -> list[Page]:
        """The open pages."""
        return list(self._pages.values())

    def call(self, method: str, session: str | None = None, timeout: float = TIMEOUT,
             **params: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._last_id += 1
        message: dict[str, Any] = {'id': self._last_id, 'method': method, 'params': params}
        if session is not None:
            message['sessionId'] = session
        self._connection.send(json.dumps(message))
        deadline = time.monotonic() + timeout
        while True:
            try:
                answer = json.loads(self._connection.recv(deadline - time.monotonic()))
            except TimeoutError:
                raise PageError(f'{method}: no answer within {timeout} s') from None
            if answer.get('id') == self._last_id:
                if 'error' in answer:
                    raise PageError(f'{method}: {answer["error"]["message"]}')
                return answer['result']
            if answer.get('method') == 'Runtime.exceptionThrown':
                page = self._pages.get(answer['sessionId'])
                if page:
                    page.errors.append(_describe(answer['params']['exceptionDetails']))

    def new_page(self, url: str, *, init_script: str = '', width: int = 1280, height: int = 800,
                 beside: Page | None = None) -> Page:
        """Open a page: as a new person with no cookies, or as another tab `beside` a page.

        :param init_script: run ahead of every script of the page.
        """
        context = beside.context if beside else self.call(
            'Target.createBrowserContext')['browserContextId']
        target = self.call('Target.createTarget', url='about:blank', browserContextId=context,
                           width=width, height=height, newWindow=True)['targetId']
        session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        page = self._pages[session] = Page(self, session, context, target)
        page.call('Page.enable')
        page.call('Runtime.enable')
        page.view(width, height)
        if init_script:
            page.call('Page.addScriptToEvaluateOnNewDocument', source=init_script)
        page.goto(url)
        return page


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, context: str, target: str) -> None:
        self.browser = browser
        self.context = context
        self.errors: list[str] = []
        self._session = session
        self._target = target

    def call(self, method: str, timeout: float = TIMEOUT, **params: Any) -> Any:
        """Call a method of the protocol for this page."""
        return self.browser.call(method, self._session, timeout, **params)

    def evaluate(self, expression: str, timeout: float = TIMEOUT) -> Any:
        """The value of an expression, awaited if it is a promise."""
        result = self.call('Runtime.evaluate', timeout + 5, expression=expression,
                           awaitPromise=True, returnByValue=True, userGesture=True,
                           allowUnsafeEvalBlockedByCSP=False)
        if 'exceptionDetails' in result:
            raise PageError(f'{expression}: {_describe(result["exceptionDetails"])}')
        return result['result'].get('value')

    def run(self, body: str) -> Any:
        """The result of an async function with that body."""
        return self.evaluate(f'(async () => {{ {body} }})()')

    def wait_for(self, expression: str, timeout: float = TIMEOUT) -> Any:
        """Wait until an expression is true, and return its value."""
        try:
            return self.evaluate(_WAIT % (timeout * 1000, expression), timeout)
        except PageError as error:
            raise PageError(f'waited for {expression}: {str(error)[-300:]}') from None

    def goto(self, url: str) -> None:
        """Load an address; returns when its scripts have run."""
        self.evaluate('window.beforeLoading = true')
        self.call('Page.navigate', url=url)
        self._loaded()

    def reload(self) -> None:
        """Load the page again."""
        self.evaluate('window.beforeLoading = true')
        self.call('Page.reload')
        self._loaded()

    def _loaded(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            # the context of the old document may vanish under the question
            with contextlib.suppress(PageError):
                self.wait_for("!window.beforeLoading && document.readyState === 'complete'")
                return
        raise PageError('the page does not load')

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse, once it has stopped moving."""
        x, y = self.wait_for(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: 'nearest'}});
            const box = element.getBoundingClientRect();
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const before = element.middleBefore;
            element.middleBefore = `${{x}} ${{y}}`;
            return before === element.middleBefore && box.width
                && element.contains(document.elementFromPoint(x, y)) && [x, y];
        }})()""")
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def type(self, text: str) -> None:
        """Put text where the focus is."""
        self.call('Input.insertText', text=text)

    def press(self, key: str) -> None:
        """Press Enter, Tab or Escape."""
        text, code = _KEYS[key]
        event = {'key': key, 'code': key, 'windowsVirtualKeyCode': code}
        self.call('Input.dispatchKeyEvent', type='keyDown', text=text, **event)
        self.call('Input.dispatchKeyEvent', type='keyUp', **event)

    def view(self, width: int, height: int, *, mobile: bool = False, dark: bool = False) -> None:
        """Set the size of the window in CSS pixels, and what the person prefers."""
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=2 if mobile else 1, mobile=mobile)
        self.call('Emulation.setTouchEmulationEnabled', enabled=mobile)
        self.call('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'},
            {'name': 'prefers-reduced-motion', 'value': 'reduce'},
        ])

    def screenshot(self, path: Path) -> None:
        """Save what is seen as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call('Page.captureScreenshot')['data']))

    def close(self) -> None:
        """Close the tab."""
        self.browser.call('Target.closeTarget', targetId=self._target)
        del self.browser._pages[self._session]


def _describe(details: dict[str, Any]) -> str:
    exception = details.get('exception', {})
    return str(exception.get('description') or exception.get('value') or details['text'])


@contextlib.contextmanager
def launch(executable: str, profile: Path) -> Iterator[Browser]:
    """Run Chromium headless with its profile in an empty folder, and end it."""
    process = subprocess.Popen([executable, *_FLAGS, f'--user-data-dir={profile}', 'about:blank'],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, errors='replace',
                               env={**os.environ, 'HOME': str(profile)})
    assert process.stderr is not None
    addresses: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_find_address, args=(process.stderr, addresses), daemon=True)
    reader.start()
    try:
        address = addresses.get(timeout=TIMEOUT * 2)
        with connect(address, max_size=None, compression=None,
                     ping_interval=None) as connection:
            browser = Browser(connection)
            try:
                yield browser
            finally:
                browser.call('Browser.close')
        process.wait(TIMEOUT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(TIMEOUT)
        process.stderr.close()


def _find_address(lines: Iterable[str], addresses: queue.Queue[str]) -> None:
    for line in lines:  # read to the end, so that the pipe never fills
        match = re.search(r'DevTools listening on (ws://\S+)', line)
        if match:
            addresses.put(match[1])

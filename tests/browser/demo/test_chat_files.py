"""Pictures and files in the chat: pasted, dropped, chosen, shown and saved."""
from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import pytest

from ...waiting import until
from ..cdp import Browser, Page
from ..served import Served
from .people import enter, go_offline, texts, wait_for_texts

pytestmark = pytest.mark.timeout(120)


def png(width: int = 40, height: int = 30) -> bytes:
    """A picture of one colour."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (struct.pack('>I', len(data)) + kind + data
                + struct.pack('>I', zlib.crc32(kind + data)))

    rows = (b'\0' + b'\x0f\x76\x6e' * width) * height
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
            + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def paste(page: Page, picture: bytes) -> None:
    """Copy a picture, and paste it with Ctrl+V where the person writes."""
    page.browser.call('Browser.grantPermissions', browserContextId=page.context,
                      permissions=['clipboardReadWrite', 'clipboardSanitizedWrite'])
    page.call('Page.bringToFront')
    page.run(f"""
        const bytes = Uint8Array.from(atob('{base64.b64encode(picture).decode()}'),
                                      (char) => char.charCodeAt(0));
        await navigator.clipboard.write([
            new ClipboardItem({{'image/png': new Blob([bytes], {{type: 'image/png'}})}})]);
        document.querySelector('#text').focus();
    """)
    page.call('Input.dispatchKeyEvent', type='keyDown', key='v', code='KeyV', modifiers=2,
              windowsVirtualKeyCode=86, commands=['paste'])
    page.call('Input.dispatchKeyEvent', type='keyUp', key='v', code='KeyV', modifiers=2,
              windowsVirtualKeyCode=86)


def choose(page: Page, *paths: Path) -> None:
    """Choose files in the dialog of the browser."""
    root = page.call('DOM.getDocument')['root']['nodeId']
    node = page.call('DOM.querySelector', nodeId=root, selector='#choose')['nodeId']
    page.call('DOM.setFileInputFiles', nodeId=node, files=[str(path) for path in paths])


def drop(page: Page, *paths: Path) -> None:
    """Drag files from elsewhere over the messages, and drop them."""
    data = {'items': [], 'files': [str(path) for path in paths], 'dragOperationsMask': 1}
    for kind in ('dragEnter', 'dragOver', 'drop'):
        page.call('Input.dispatchDragEvent', type=kind, x=600, y=400, data=data)
        if kind == 'dragOver':
            page.wait_for("!document.querySelector('#drop-here').hidden")
    page.wait_for("document.querySelector('#drop-here').hidden")


def wait_for_picture(page: Page, width: int) -> None:
    page.wait_for(f"document.querySelector('.message .picture img')?.naturalWidth === {width}")


def saved(page: Page, selector: str, folder: Path) -> tuple[str, bytes]:
    """Name and content of the file that a click saves in a folder."""
    folder.mkdir()
    page.browser.call('Browser.setDownloadBehavior', behavior='allow', downloadPath=str(folder),
                      browserContextId=page.context)
    page.click(selector)

    def whole() -> list[Path]:
        return [path for path in folder.iterdir()
                if path.suffix != '.crdownload' and path.stat().st_size]

    until(whole)
    (path,) = whole()
    return path.name, path.read_bytes()


def test_paste_a_picture(browser: Browser, site: Served, tmp_path: Path) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    paste(ann, png(40, 30))
    wait_for_texts(ann, '#attachments .name', ['image.png'])
    ann.type('look')
    ann.press('Enter')
    wait_for_picture(bob, 40)
    wait_for_texts(bob, '.message .text', ['look'])
    wait_for_texts(ann, '#attachments .name', [])
    wait_for_picture(ann, 40)
    assert bob.evaluate("document.querySelector('.picture img').src").startswith('blob:')

    bob.click('.picture')
    bob.wait_for("document.querySelector('#viewer').open "
                 "&& document.querySelector('#viewer-picture').naturalWidth === 40")
    name, content = saved(bob, '#viewer-save', tmp_path / 'saved')
    assert name == 'image.png'
    assert content.startswith(b'\x89PNG')
    bob.press('Escape')
    bob.wait_for("!document.querySelector('#viewer').open")
    bob.reload()
    wait_for_picture(bob, 40)


def test_drop_and_choose_files(browser: Browser, site: Served, tmp_path: Path) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    notes, picture = tmp_path / 'notes.txt', tmp_path / 'picture.png'
    notes.write_text('some notes')
    picture.write_bytes(png(50, 20))
    drop(ann, notes, picture)
    wait_for_texts(ann, '#attachments .name', ['notes.txt', 'picture.png'])
    ann.press('Enter')
    wait_for_texts(bob, '.message .file b', ['notes.txt'])
    wait_for_picture(bob, 50)
    assert saved(bob, '.message .file', tmp_path / 'saved') == ('notes.txt', b'some notes')

    choose(ann, notes)
    wait_for_texts(ann, '#attachments .name', ['notes.txt'])
    ann.click('#attachments .icon-button')
    wait_for_texts(ann, '#attachments .name', [])
    assert ann.evaluate("document.querySelector('#send').disabled")


def test_what_could_run_is_only_saved(browser: Browser, site: Served, tmp_path: Path) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    page = '<script>window.harmed = true</script>'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg">{page}</svg>'
    paths = []
    for name, content in (('page.html', page), ('drawing.svg', drawing), ('fake.png', drawing)):
        paths.append(tmp_path / name)
        paths[-1].write_text(content)
    choose(ann, *paths)
    wait_for_texts(ann, '#attachments .name', ['page.html', 'drawing.svg', 'fake.png'])
    ann.click('#send')
    wait_for_texts(bob, '.message .file b', ['page.html', 'drawing.svg', 'fake.png'])
    assert bob.evaluate("document.querySelector('.message img')") is None
    assert saved(bob, '.message .file', tmp_path / 'saved') == ('page.html', page.encode())
    assert bob.evaluate('location.pathname') == '/'
    assert bob.evaluate('window.harmed') is None


def test_files_that_cannot_be_sent(browser: Browser, site: Served, tmp_path: Path) -> None:
    ann = enter(browser, site, 'Ann')
    large, empty = tmp_path / 'large.bin', tmp_path / 'empty.txt'
    large.write_bytes(b'x' * 2_000_001)
    empty.touch()
    choose(ann, large, empty)
    wait_for_texts(ann, '#composer-error', [
        'large.bin has 2.0 MB; a file may have up to 2.0 MB. empty.txt is empty or a folder.'])
    assert ann.evaluate(texts('#attachments li')) == []


def test_the_largest_file_over_polling(browser: Browser, site: Served, tmp_path: Path) -> None:
    ann = enter(browser, site, 'Ann', '?transports=polling')
    bob = enter(browser, site, 'Bob')
    large = tmp_path / 'large.bin'
    large.write_bytes(b'\xff' * 2_000_000)
    choose(ann, large)
    ann.wait_for("!document.querySelector('#send').disabled")
    ann.click('#send')
    wait_for_texts(bob, '.message .file b', ['large.bin'])
    wait_for_texts(ann, '#link', ['Polling'])


def test_a_picture_that_is_damaged(browser: Browser, site: Served, tmp_path: Path) -> None:
    ann = enter(browser, site, 'Ann')
    picture = tmp_path / 'broken.png'
    picture.write_bytes(png()[:40])
    choose(ann, picture)
    ann.wait_for("!document.querySelector('#send').disabled")
    ann.click('#send')
    wait_for_texts(ann, '.message:not(.pending) .picture', ['This picture is damaged.'])


def test_a_picture_sent_offline(browser: Browser, site: Served) -> None:
    ann, bob = enter(browser, site, 'Ann'), enter(browser, site, 'Bob')
    go_offline(ann)
    wait_for_texts(ann, '#link', ['Offline'])
    paste(ann, png(60, 30))
    wait_for_texts(ann, '#attachments .name', ['image.png'])
    ann.press('Enter')
    wait_for_picture(ann, 60)  # from the page's own memory
    go_offline(ann, False)
    wait_for_picture(bob, 60)

"""The mask of WebSocket frames, compiled and not."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventio.protocol import mask as mask_module
from geventio.protocol import websocket
from geventio.protocol.mask import python_mask, python_unmasked, unmasked

MASK = b'\x37\xfa\x21\x3d'


@given(st.binary(max_size=200), st.binary(min_size=4, max_size=4))
def test_python_mask(data, mask):
    expected = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    assert python_mask(data, mask) == expected
    assert python_mask(bytearray(data), bytearray(mask)) == expected


@given(st.binary(max_size=125), st.binary(min_size=4, max_size=4))
def test_payload_of_a_short_frame(data, mask):
    wire = websocket.frame(websocket.OP_BINARY, data, mask=mask)
    assert python_unmasked(wire) == unmasked(wire) == data


@pytest.mark.parametrize('size', [*range(1497, 1505), 50_001])
def test_python_mask_of_long_frames(size):
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    expected = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(data))
    assert python_mask(data, MASK) == expected
    kept = bytearray(data)
    assert python_mask(kept, bytearray(MASK)) == expected
    assert kept == data


def test_compiled_mask_is_optional(monkeypatch):
    name = 'mask_without_compiled_code'
    spec = importlib.util.spec_from_file_location(name, mask_module.__file__)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, 'websockets.speedups', None)
    spec.loader.exec_module(module)
    assert module.apply_mask is module.python_mask
    assert module.unmasked is module.python_unmasked
    monkeypatch.setattr(websocket, 'apply_mask', module.apply_mask)
    monkeypatch.setattr(websocket, 'unmasked', module.unmasked)
    wire = websocket.frame(websocket.OP_TEXT, b'Hello', mask=MASK)
    assert websocket.FrameReader(10).feed(wire) == ['Hello']
    assert websocket.FrameReader(10).lone_text(wire) == 'Hello'

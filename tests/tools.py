"""What a test does when a tool is missing that it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def unable(reason: str) -> NoReturn:
    """Skip a test for want of a tool, except in CI, where everything has to be there."""
    if os.environ.get('CI') == 'true':
        pytest.fail(reason)
    pytest.skip(reason)

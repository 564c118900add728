"""Who a visitor is, and what of the things visitors send can be used.

The signed cookie tells who is who, so that all tabs of one browser are one person; the nickname
comes with each connection. Nothing in here is kept.
"""
from __future__ import annotations

import secrets
from typing import Any

from flask import request, session

from geventio import ConnectionRefusedError

MAX_NICKNAME = 24


def remember() -> None:
    """Give whoever opens a page an id that stays: `before_request` of every page."""
    if request.endpoint != 'static' and 'user_id' not in session:
        session['user_id'] = secrets.token_hex(8)
        session.permanent = True


def visitor(auth: object) -> dict[str, str]:
    """Who connects, as clients are told: `{'id': ..., 'nickname': ...}`.

    :param auth: what the client sent along, with its `nickname`.
    :raises ConnectionRefusedError: no cookie, or no nickname that can be used.
    """
    user_id = session.get('user_id')
    if user_id is None:
        raise ConnectionRefusedError('Your visit has expired. Reload the page.')
    nickname = name(auth.get('nickname') if isinstance(auth, dict) else None, MAX_NICKNAME)
    if not nickname:
        raise ConnectionRefusedError(f'Choose a nickname of 1 to {MAX_NICKNAME} characters.')
    return {'id': user_id, 'nickname': nickname}


def text(value: Any, limit: int) -> str:
    """What a client sent as text, without lone surrogates; empty if it cannot be used."""
    if not isinstance(value, str) or len(value) > limit:
        return ''
    return value.strip().encode('utf-8', 'ignore').decode()


def name(value: Any, limit: int) -> str:
    """A name of one line; empty if it cannot be used."""
    line = ' '.join(text(value, limit).split())
    return line if line.isprintable() else ''

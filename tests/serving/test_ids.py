"""Ids: unguessable means that no two are alike, not even after a fork."""

from __future__ import annotations

import os
import re

from geventio.serving import ids


def test_ids_are_url_safe_and_distinct():
    made = [ids.make_id() for _ in range(100_000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch('[A-Za-z0-9_-]{20}', one) for one in made)
    for at in range(20):  # no position has a constant part
        assert len({one[at] for one in made[:2000]}) == 64


def test_a_child_process_has_ids_of_its_own():
    ids.make_id()
    ready = list(ids._ready)
    assert ready
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, ' '.join(ids.make_id() for _ in range(len(ready))).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        theirs = pipe.read().split()
    os.waitpid(child, 0)
    assert len(theirs) == len(ready) and not set(theirs) & set(ready)
    assert ids._ready == ready

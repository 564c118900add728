"""Python's garbage collector while a server runs.

What objects the collector spares lives here, and nothing about memory besides.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settled() -> Iterator[None]:
    """Have the collector pass over everything that is there now, until the block ends.

    An application is made of some ten thousand objects that stay as long as it runs. Each of the
    collector's full passes would look at all of them, and no client is served meanwhile. Nothing
    happens when the program has called ``gc.freeze()`` itself.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()  # takes no time, and touches no memory that processes share
    try:
        yield
    finally:
        gc.unfreeze()

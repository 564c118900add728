"""Calls from other threads: what a server's public methods need to work from anywhere.

The state machines belong to the loop's thread. A method of an object with ``runtime`` (None
before it serves) is taken there with :func:`in_loop`; how that happens is the runtime's affair.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar, cast

Method = TypeVar('Method', bound=Callable[..., Any])


def in_loop(method: Method) -> Method:
    """Decorator: run a method in the loop's thread; another thread waits for its result.

    The method must not wait. It sees the context variables of the caller.
    """

    @functools.wraps(method)
    def run(self: Any, *args: Any, **options: Any) -> Any:
        runtime = self.runtime
        if runtime is None or runtime.here():
            return method(self, *args, **options)
        return runtime.ask(
            functools.partial(copy_context().run, method, self, *args, **options))

    return cast(Method, run)

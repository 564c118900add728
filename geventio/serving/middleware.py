"""WSGI middleware around an application, as far as it does nothing but rewrite the environ.

What such middleware (ProxyFix, and the classes named in ``environ_middleware``) makes of a request
can be had without a WSGI server. In here: finding it, and applying it to an environ. Who wants the
environ, and when, is up to the door and the server.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterator
from copy import copy
from typing import Any

from ..errors import ConfigError, HTTPError

log = logging.getLogger('geventio')

#: Where middleware keeps the application it wraps.
NAMES = ('wsgi_app', 'app', 'application')

#: An application, and the attribute in which it keeps the next one; empty for the last.
Layer = tuple[Any, str]

# What decides whom a request is for. The loop goes by it before there is an environ.
_DECIDING = ('REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING')


def layers(app: Any) -> Iterator[Layer]:
    """An application and what it wraps, from the outside in."""
    seen: list[Any] = []
    while app is not None:
        seen.append(app)
        found = '', None
        for name in NAMES:
            inner = getattr(app, name, None)
            # Some keep the Flask application too, whose wsgi_app they are.
            if callable(inner) and not any(inner is other for other in seen):
                found = name, inner
                break
        yield app, found[0]
        app = found[1]


def only_calls(app: Any) -> bool:
    """Whether it is a Flask application, which only calls its ``wsgi_app``."""
    owner = next((cls for cls in type(app).__mro__ if '__call__' in vars(cls)), object)
    return owner.__module__ == 'flask.app'


def only_rewrites(app: Any, declared: Collection[type]) -> bool:
    """Whether it is middleware that only rewrites the environ: what is known for a class is not
    known for its subclasses.
    """
    return type(app) in _known() or type(app) in declared


def rewriters(app: Any, declared: Collection[type]) -> list[Layer]:
    """What only rewrites the environ among an application and what it wraps."""
    return [(each, name) for each, name in layers(app) if name and only_rewrites(each, declared)]


def _known() -> tuple[type, ...]:
    module = sys.modules.get('werkzeug.middleware.proxy_fix')
    return () if module is None else (module.ProxyFix,)


class Rewrite:
    """What middleware makes of an environ: ``rewrite(environ)``, on any thread.

    :param chain: the middleware, from the outside in. Copies of it are called, which have nothing
        behind them: no request can get further.
    :raises ConfigError: of some of it there can be no such copy.
    :ivar eager: whether it must run as soon as a request comes, because it may fail, or look at
        more than the environ. ProxyFix can wait until somebody asks.
    """

    def __init__(self, chain: list[Layer]) -> None:
        entry: Any = _arrive
        for layer, name in reversed(chain):
            kind = type(layer)
            try:
                layer = copy(layer)
                object.__setattr__(layer, name, entry)
            except Exception as error:
                raise ConfigError(f'{kind.__name__} cannot stand in environ_middleware: there is '
                                  f'no copy of it that wraps another application ({error}); take '
                                  'it out of that option') from error
            entry = layer
        self._entry = entry
        self._names = ', '.join(type(layer).__name__ for layer, _ in chain)
        self.eager = any(type(layer) not in _known() for layer, _ in chain)

    @classmethod
    def of(cls, chain: list[Layer]) -> Rewrite | None:
        """One for a chain; None if that is empty."""
        return cls(chain) if chain else None

    def __call__(self, environ: dict[str, Any]) -> dict[str, Any]:
        """The environ as it leaves the middleware; the one given may be changed.

        :raises HTTPError: 500: the middleware raised, or does more than it may; it is logged.
        """
        deciding = [environ.get(key) for key in _DECIDING]
        arrival = _Arrival()
        try:
            if self._entry(environ, arrival) is not arrival or arrival.environ is None:
                raise _more_than_declared('answers requests or changes the answers')
            environ = arrival.environ
            if [environ.get(key) for key in _DECIDING] != deciding:
                raise _more_than_declared('changes the method, the path or the query of requests')
        except Exception as error:
            log.error('a request was answered with 500: error in the WSGI middleware (%s)',
                      self._names, exc_info=error)
            raise HTTPError(500, 'Internal Server Error') from error
        return environ


class _Arrival:
    """Stands for ``start_response`` on the way, and for the answer on the way back.

    :ivar environ: what has arrived behind the middleware.
    """

    __slots__ = ('environ',)

    environ: dict[str, Any] | None

    def __init__(self) -> None:
        self.environ = None

    def __call__(self, *args: Any) -> Any:
        raise _more_than_declared('answers requests')


def _arrive(environ: dict[str, Any], start_response: Any) -> Any:
    """The application behind the middleware."""
    if start_response.__class__ is not _Arrival:
        raise _more_than_declared('changes the answers')
    start_response.environ = environ
    return start_response


def _more_than_declared(what: str) -> ConfigError:
    return ConfigError(f'middleware named in environ_middleware {what}: take it out of that '
                       'option, so that every request goes through it')

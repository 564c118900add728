"""A client's session: where it comes from and where what handlers write into it goes.

Reading and writing go through the application's session interface, as for a request. When a
session is opened and saved is decided in ``context``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from flask import Request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.http import parse_cookie

from ..core.event import log, name_of

_IN_COOKIE = (
    'what %s wrote into flask.session is lost: the browser would need a new cookie for it, and '
    'an open connection cannot set cookies. With manage_session=False keep sessions on the server '
    '(Flask-Session) and change them in a view when the cookie has to change; or use '
    'manage_session=True for a session that lasts as long as the connection')
_NOT_KNOWN = (
    'the session that %s began is lost: its id is in a cookie, and an open connection cannot set '
    'cookies. Have a view write into flask.session before the page connects; or use '
    'manage_session=True for a session that lasts as long as the connection')

#: Session cookies remembered because their clients come again, or have them read at every event,
#: and the characters of the longest one remembered: together about 1 MB at worst for a key.
MAX_COOKIES = 512
COOKIE_SIZE = 512
#: Cookie fields remembered for the same reason, and the characters of the longest.
MAX_FIELDS = 256
FIELD_SIZE = 1000

# Values of which a copy is as good as a fresh one.
_PLAIN = frozenset({str, int, float, bool, type(None)})

# Application -> the warnings it has had.
_warned: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class ClientSession(dict[str, Any], SessionMixin):
    """A session that belongs to a connection: a copy of what its client came with.

    It is not written back; HTTP requests do not see it.
    """

    modified = accessed = False


class _SecureCookies(SecureCookieSessionInterface):
    """Flask's own interface, to read with: it keeps an application's signing serializer.

    Making the serializer, its signer and the key takes longer than checking a cookie with them.
    """

    def __init__(self) -> None:
        # Application -> what its serializer was made from, the serializer.
        self._made: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()

    def get_signing_serializer(self, app: Any) -> Any:
        source = (app.secret_key, tuple(app.config.get('SECRET_KEY_FALLBACKS') or ()), self.salt,
                  self.key_derivation, self.digest_method, self.serializer)
        made = self._made.get(app)
        if made is None or made[0] != source:
            made = self._made[app] = source, _kept(super().get_signing_serializer(app))
        return made[1]


def _kept(serializer: Any) -> Any:
    """A signing serializer that makes its signers, and the keys they derive, only once.

    It verifies a cookie whose session holds nothing but plain values once, and judges its age at
    each reading.
    """
    if serializer is not None:
        signers = list(serializer.iter_unsigners())
        for signer in signers:
            signer.derive_key = cache(signer.derive_key)
        serializer.iter_unsigners = lambda salt=None: iter(signers)
        serializer.loads = _Verified(serializer.loads, signers[0].get_timestamp)
    return serializer


class _Verified:
    """``loads`` of a signing serializer that remembers cookies it has verified.

    :param loads: verifies and reads a cookie.
    :param now: the time as signatures give it, in seconds.
    """

    __slots__ = ('_known', '_loads', '_now')

    def __init__(self, loads: Callable[..., Any], now: Callable[[], int]) -> None:
        self._loads = loads
        self._now = now
        self._known: dict[str, tuple[int, dict[str, Any]]] = {}  # cookie -> time, session

    def __call__(self, cookie: str, max_age: int) -> Any:
        known = self._known.get(cookie)
        if known is not None and 0 <= self._now() - known[0] <= max_age:
            return known[1].copy()
        data, signed = self._loads(cookie, max_age=max_age, return_timestamp=True)
        if len(cookie) <= COOKIE_SIZE and data.__class__ is dict \
                and _PLAIN.issuperset(map(type, data.values())):
            if len(self._known) >= MAX_COOKIES:
                self._known.clear()
            self._known[cookie] = int(signed.timestamp()), data.copy()
        return data


_secure_cookies = _SecureCookies()


class CookieRequest:
    """As much of a request as Flask's own session interface looks at.

    :param cookie: the request's Cookie field.
    :ivar cookies: name -> value; of several with one name the first.
    """

    __slots__ = ('cookies',)

    def __init__(self, cookie: str | None) -> None:
        read = _known_cookies if cookie is not None and len(cookie) <= FIELD_SIZE else _cookies
        self.cookies = read(cookie)


def _cookies(field: str | None) -> Mapping[str, str]:
    pairs: Any = parse_cookie(field, cls=list)  # type: ignore[arg-type]
    return dict(reversed(pairs))


# Nobody writes into what it gives.
_known_cookies = lru_cache(maxsize=MAX_FIELDS)(_cookies)


def _is_flasks_own(interface: Any) -> bool:
    return interface.__class__ is SecureCookieSessionInterface and not interface.__dict__


def needs_only_cookie(app: Any) -> bool:
    """Whether the session of a request depends on nothing but its Cookie field."""
    return app.request_class is Request and _is_flasks_own(app.session_interface)


def open_session(app: Any, request: Any) -> Any:
    """The session a request belongs to; one that cannot be written to when there is no key."""
    interface = app.session_interface
    reader: Any = _secure_cookies if _is_flasks_own(interface) else interface
    session = reader.open_session(app, request)
    return interface.make_null_session(app) if session is None else session


def save_session(app: Any, session: Any, request: Any, handler: Callable[..., Any]) -> None:
    """Write back a session that was opened for one event.

    A change that can never be read again, because the browser would have to get a cookie, is
    warned about once for each application and kind.

    :param request: what the session was opened with.
    :param handler: who changed it, for the warning.
    """
    interface = app.session_interface
    if not getattr(session, 'modified', True) or interface.is_null_session(session):
        return
    response = app.response_class()
    interface.save_session(app, session, response)
    changed = _changed_cookies(response, request)
    if not changed:
        return
    in_cookie = (isinstance(interface, SecureCookieSessionInterface)
                 or not changed.isdisjoint(request.cookies))
    warning = _IN_COOKIE if in_cookie else _NOT_KNOWN
    warned = _warned.setdefault(app, set())
    if warning in warned or _same(session, open_session(app, request)):
        return
    warned.add(warning)
    log.warning(warning, name_of(handler))


def _changed_cookies(response: Any, request: Any) -> set[str]:
    """Names of the cookies a response sets to something else than the request had."""
    changed = set()
    for header in response.headers.getlist('Set-Cookie'):
        for name, value in parse_cookie(header.partition(';')[0]).items():
            if request.cookies.get(name) != value:
                changed.add(name)
    return changed


def _same(one: Any, other: Any) -> bool:
    """Whether two sessions hold the same: a cookie may differ in nothing but its time."""
    return dict(one) == dict(other)

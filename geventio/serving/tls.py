"""TLS: from what an application gives to a context whose handshakes wait in gevent's loop.

Only certificates, keys and contexts live here; sockets are opened in ``running``.
"""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from typing import Any

import gevent.ssl

from ..errors import ConfigError

#: Options that say how to speak TLS.
OPTIONS = frozenset({'ca_certs', 'cert_reqs', 'certfile', 'ciphers', 'keyfile', 'keyfile_password',
                     'ssl_context', 'ssl_version'})
#: Options of each connection; they mean nothing without one of the above.
SOCKET_OPTIONS = frozenset({'do_handshake_on_connect', 'server_side', 'suppress_ragged_eofs'})


def make_context(ssl_context: Any = None, certfile: Any = None, keyfile: Any = None,
                 keyfile_password: Any = None, ca_certs: Any = None, cert_reqs: Any = None,
                 ciphers: str | None = None, ssl_version: Any = ssl.PROTOCOL_TLS_SERVER) -> Any:
    """An object with ``wrap_socket`` for gevent's servers.

    :param ssl_context: a context of ``ssl`` or ``gevent.ssl``, a tuple of the names of the
        certificate's and the key's file, or ``'adhoc'`` for a certificate made now, which nobody
        trusts. The others cannot be given with it.
    :param certfile: name of a PEM file with the certificate, and the key if ``keyfile`` is not
        given.
    :param keyfile_password: what the key is encrypted with.
    :param ca_certs: name of a PEM file with the authorities whose clients are let in.
    :param cert_reqs: ``ssl.CERT_OPTIONAL`` or ``ssl.CERT_REQUIRED`` to ask clients for theirs.
    :raises ConfigError: naming the option that is wrong, or whose file cannot be used.
    """
    if ssl_context is not None:
        others = {'certfile': certfile, 'keyfile': keyfile, 'ca_certs': ca_certs,
                  'cert_reqs': cert_reqs, 'ciphers': ciphers}
        for name, value in others.items():
            if value is not None:
                raise ConfigError(f'{name} cannot be given together with ssl_context: put it into '
                                  'the context, or leave ssl_context out')
        if isinstance(ssl_context, tuple):
            if not 1 <= len(ssl_context) <= 2:
                raise ConfigError('ssl_context as a tuple must be (certfile, keyfile), not one '
                                  f'with {len(ssl_context)} elements')
            certfile, keyfile = (*ssl_context, None)[:2]
        else:
            return _given(ssl_context)
    if certfile is None:
        raise ConfigError('TLS needs certfile (and keyfile), or ssl_context')
    context = _new(ssl_version)
    _load(context, certfile, keyfile, keyfile_password)
    _ask_clients(context, ca_certs, cert_reqs)
    if ciphers is not None:
        try:
            context.set_ciphers(ciphers)
        except ssl.SSLError:
            raise ConfigError(f'ciphers {ciphers!r} selects none that OpenSSL knows') from None
    return context


def _given(context: Any) -> Any:
    """A context the application has made, or asks us to make."""
    if context == 'adhoc':
        context = _adhoc()
    # Patching replaces ssl.SSLContext; gevent's class is derived from the original.
    if not isinstance(context, gevent.ssl.SSLContext.__base__):
        raise ConfigError('ssl_context must be an ssl.SSLContext, a tuple (certfile, keyfile) or '
                          f"'adhoc', not {context!r}")
    if context.check_hostname or context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise ConfigError('ssl_context is one for clients, which no server can use: make it with '
                          'ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)')
    return context if isinstance(context, gevent.ssl.SSLContext) else _Cooperative(context)


def _adhoc() -> Any:
    if find_spec('cryptography') is None:  # Werkzeug needs it
        raise ConfigError("ssl_context='adhoc' needs the package cryptography: "
                          'pip install cryptography')
    from werkzeug.serving import generate_adhoc_ssl_context

    return generate_adhoc_ssl_context()


class _Cooperative:
    """An ordinary context, from which gevent's sockets are made."""

    def __init__(self, context: Any) -> None:
        self._context = context
        chosen = context.sni_callback
        if chosen is not None and not isinstance(chosen, _ServerName):
            context.sni_callback = _ServerName(chosen)

    def wrap_socket(self, sock: Any, **options: Any) -> Any:
        return gevent.ssl.SSLSocket(sock, _context=self._context, **options)


class _ServerName:
    """An ``sni_callback`` that gets the TLS socket as the ssl module's sockets give it."""

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    def __call__(self, raw: Any, *args: Any) -> Any:
        sock = getattr(raw, '_sslsock', None)  # of gevent's sockets only
        return self._callback(raw if sock is None else sock(), *args)


def _new(version: Any) -> Any:
    try:
        context = gevent.ssl.SSLContext(version)
    except (TypeError, ValueError):
        raise ConfigError('ssl_version must be one of the PROTOCOL_ constants of the ssl module, '
                          f'not {version!r}') from None
    if context.check_hostname:
        raise ConfigError(f'ssl_version {version!r} is for clients; leave it out, or use '
                          'ssl.PROTOCOL_TLS_SERVER')
    return context


def _load(context: Any, certfile: Any, keyfile: Any, password: Any) -> None:
    for name, value in (('certfile', certfile), ('keyfile', keyfile)):
        if value is not None:
            _check_readable(name, value)
    try:
        context.load_cert_chain(certfile, keyfile, password)
    except ssl.SSLError as error:
        if error.reason == 'KEY_VALUES_MISMATCH':
            raise ConfigError(f'keyfile {keyfile or certfile!r} is not the key of the certificate '
                              f'in certfile {certfile!r}') from None
        if password is not None:
            raise ConfigError('keyfile_password does not open the key in '
                              f'{keyfile or certfile!r}, or that is no key in PEM format'
                              ) from None
        raise ConfigError(f'certfile {certfile!r} and keyfile {keyfile!r} are not a certificate '
                          f'and its key in PEM format: {error}') from None


def _check_readable(name: str, path: Any) -> None:
    try:
        with open(os.fspath(path), 'rb'):
            pass
    except TypeError:
        raise ConfigError(f'{name} must be the name of a file, not {path!r}') from None
    except OSError as error:
        raise ConfigError(f'{name} {path!r} cannot be read: {error.strerror}') from None


def _ask_clients(context: Any, ca_certs: Any, cert_reqs: Any) -> None:
    if ca_certs is not None:
        _check_readable('ca_certs', ca_certs)
        try:
            context.load_verify_locations(ca_certs)
        except ssl.SSLError:
            raise ConfigError(f'ca_certs {ca_certs!r} has no certificate in PEM format') from None
    if cert_reqs is None:
        return
    try:
        context.verify_mode = cert_reqs
    except (TypeError, ValueError):
        raise ConfigError('cert_reqs must be ssl.CERT_NONE, ssl.CERT_OPTIONAL or '
                          f'ssl.CERT_REQUIRED, not {cert_reqs!r}') from None
    if context.verify_mode != ssl.CERT_NONE and ca_certs is None:
        raise ConfigError('cert_reqs asks clients for a certificate, but nothing says whose are '
                          'trusted: give ca_certs as well')

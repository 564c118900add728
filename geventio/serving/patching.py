"""The check at start-up for monkey patching that came too late.

geventio needs no patching. Where a program patches all the same, a module imported before that
keeps the blocking functions it had taken by then, and nobody notices until one client holds up
all others. Only the finding and the telling live here; nothing is repaired.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from gevent import monkey

log = logging.getLogger('geventio')

#: Late objects that are named in the warning; the others are counted.
NAMED = 5

# Top-level names of modules that are not looked at: the standard library is patched in place,
# gevent keeps the originals on purpose, gunicorn has threads before it patches, and the packages
# Flask is made of use them only for moments, or in the reloader's own thread: `flask run` imports
# them before any application.
_LEFT_OUT = sys.stdlib_module_names | {
    'gevent', 'geventio', 'greenlet', 'gunicorn', 'flask', 'werkzeug', 'jinja2', 'click',
    'watchdog'}
# Patched, but no harm in the original: a thread, for one, finds all it does in its module.
_HARMLESS = {'os.close', 'signal.getsignal', 'signal.set_wakeup_fd', 'signal.signal',
             'subprocess.CompletedProcess', 'threading.Thread', 'threading.Timer',
             'threading._DummyThread'}

_done = False


def warn_if_late() -> None:
    """Log one warning if modules hold what gevent's monkey patching has replaced since.

    Does nothing when called again, or when the program has not patched.
    """
    global _done
    if _done or not monkey.saved:
        return
    _done = True
    found = late()
    if found:
        more = f' and {len(found) - NAMED} more' if len(found) > NAMED else ''
        log.warning(
            'monkey patching came too late for %s%s: taken before gevent patched, they hold up '
            "every client while they wait. Put 'from gevent import monkey; monkey.patch_all()' "
            'into the first lines of the program, before any other import, or start it with '
            "'python -m gevent.monkey'", ', '.join(found[:NAMED]), more)


def late() -> list[str]:
    """What is unpatched, as ``module.name (what it is)``, that of the application first."""
    originals = {
        id(value): f'{module}.{name}'
        for module, values in monkey.saved.items() if not module.startswith('_gevent')
        for name, value in values.items()
        if callable(value) and f'{module}.{name}' not in _HARMLESS
    }
    own: list[str] = []
    others: list[str] = []
    seen: set[int] = set()
    for module_name, module in list(sys.modules.items()):
        if module_name.partition('.')[0] in _LEFT_OUT or id(module) in seen \
                or not issubclass(type(module), ModuleType):
            continue
        seen.add(id(module))  # some have a second name
        names = dict(ModuleType.__getattribute__(module, '__dict__'))
        if id(monkey.get_original) not in map(id, names.values()):  # who asks for originals, may
            installed = '-packages' in str(names.get('__file__'))
            (others if installed else own).extend(_late_in(module_name, names, originals))
    return own + others


# Lazy modules and proxies do their work when they are asked for an attribute: nothing here asks
# them, and isinstance() would.


def _late_in(module: str, names: dict[str, Any], originals: dict[int, str]) -> Iterator[str]:
    for name, value in names.items():
        if id(value) in originals:
            yield f'{module}.{name} ({originals[id(value)]})'
        elif issubclass(type(value), type) and _attribute(value, '__module__') == module:
            for base in _attribute(value, '__mro__'):
                if str(_attribute(base, '__module__')).startswith('gevent.'):
                    break  # some replacements are derived from the originals
                if id(base) in originals:
                    yield f'{module}.{name} (derived from {originals[id(base)]})'
                    break


def _attribute(cls: Any, name: str) -> Any:
    return type.__getattribute__(cls, name)

"""Starting the program again when its files change.

The files are watched as Werkzeug does it, with two differences. The server stays on the main
thread, where the greenlets and locks of the application live, and the watching gets the thread
of its own. A process that is replaced or ended may say goodbye to its clients.

The parent process holds the listening socket and never serves: clients that come while the
program starts again wait instead of being refused. What is served lives in ``running``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import click
from gevent import monkey, socket
from werkzeug._reloader import _get_args_for_reloading, reloader_loops
from werkzeug.serving import is_running_from_reloader

from ..config import unknown_option
from ..errors import ConfigError

#: Seconds that sessions and handlers get when the process is replaced.
STOP_TIMEOUT = 1.0
#: Seconds after which a process that does not end is ended.
PATIENCE = 6.0
#: Seconds after which a child is taken not to have been interrupted with its parent.
INTERRUPTED = 1.0

# The exit status by which Werkzeug's watchers ask for a new process.
_CHANGED = 3
# The number of the listening socket, as Werkzeug's own server hands it on.
_LISTENER = 'WERKZEUG_SERVER_FD'
_OPTIONS = ('exclude_patterns', 'extra_files', 'interval', 'reloader_type')


class _Ended(SystemExit):
    """A signal asks the parent to end."""


class Reloader:
    """Both sides of reloading: :meth:`supervise` in the parent, :meth:`watch` in its child.

    :param options: ``reloader_type`` (``'stat'``, ``'watchdog'`` or ``'auto'``),
        ``extra_files``, ``exclude_patterns`` and ``interval`` in seconds, as of Werkzeug.
    :raises ConfigError: another option, or a kind that is not there.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        for name in options:
            if name not in _OPTIONS:
                raise unknown_option(f'reloader_options.{name}',
                                     (f'reloader_options.{known}' for known in _OPTIONS))
        options = dict(options)
        kind = options.pop('reloader_type', 'auto')
        if kind not in reloader_loops:
            raise ConfigError(f'reloader_type must be one of {", ".join(sorted(reloader_loops))}, '
                              f'not {kind!r}')
        if kind == 'watchdog' and reloader_loops['auto'] is reloader_loops['stat']:
            raise ConfigError("reloader_type='watchdog' needs the package watchdog: "
                              'pip install watchdog')
        files: Iterable[str] | None = options.get('extra_files')
        if isinstance(files, (str, os.PathLike)):
            raise ConfigError(f'extra_files must be a list of file names, not {files!r}')
        self._kind = kind
        self._options = options
        self._child: Any = None
        self._status: int | None = None

    # -- in the parent --------------------------------------------------------------------------

    def supervise(self, listener: Any) -> int:
        """Run the program in child processes until one ends for good; its exit status.

        A program that fails after a change is started again at the next one.

        :param listener: the socket to serve on.
        :raises RuntimeError: not on the main thread.
        """
        try:
            before = {number: signal.signal(number, self._on_signal)
                      for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:
            raise RuntimeError('the reloader works on the main thread only: give '
                               'use_reloader=False to run() in another one') from None
        listener.set_inheritable(True)
        environ = {**os.environ, 'WERKZEUG_RUN_MAIN': 'true', _LISTENER: str(listener.fileno())}
        changed = False
        try:
            while True:
                watcher = reloader_loops['stat'](**self._options)
                watcher.__enter__()  # a change while the program starts is not missed
                self._child = subprocess.Popen(_get_args_for_reloading(), env=environ,
                                               close_fds=False)
                status: int = self._child.wait()
                if status > 0 and status != _CHANGED and changed:
                    click.echo(' * The program has failed; it starts again when a file changes',
                               err=True)
                    _wait_for_change(watcher)
                elif status != _CHANGED:
                    return status if status >= 0 else 128 - status
                changed = True
        except _Ended:
            self._end_child()
            return 0
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: Any) -> None:
        if number == signal.SIGTERM and self._child is not None:
            self._child.terminate()  # the terminal interrupts both
        raise _Ended

    def _end_child(self) -> None:
        child = self._child
        if child is None:
            return
        with contextlib.suppress(_Ended):  # once more: the user is in a hurry
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(INTERRUPTED)
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE)
        child.kill()
        child.wait()

    # -- in the child ---------------------------------------------------------------------------

    def watch(self, stop: Callable[[], Any]) -> None:
        """Watch the files in a thread from now on.

        :param stop: called in that thread when a file has changed, to end the server; raises
            RuntimeError as long as there is none.
        """
        start = monkey.get_original('_thread', 'start_new_thread')
        looked = monkey.get_original('_thread', 'allocate_lock')()
        looked.acquire()
        start(self._watch, (stop, os.getppid(), looked))
        looked.acquire()  # what changes later is noticed

    def _watch(self, stop: Callable[[], Any], parent: int, looked: Any) -> None:
        try:
            watcher = self._watcher(parent)
            watcher.__enter__()
        finally:
            looked.release()
        try:
            watcher.run()
        except SystemExit as asked:
            self._status = int(asked.code or 0)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                stop()
                break
            except RuntimeError:
                time.sleep(0.05)
        time.sleep(PATIENCE)  # the process ends meanwhile, if nothing blocks it
        sys.stdout.flush()
        os._exit(self._status or 0)

    def _watcher(self, parent: int) -> Any:
        """Werkzeug's, which looks at the parent as well."""
        watcher = reloader_loops[self._kind](**self._options)
        look = watcher.run_step

        def run_step() -> None:
            if os.getppid() != parent:  # killed: nobody would start us again
                raise SystemExit(0)
            look()

        watcher.run_step = run_step  # type: ignore[method-assign]
        return watcher

    def leave(self) -> None:
        """After serving: end the process if that was for a changed file."""
        if self._status is not None:
            sys.exit(self._status)


def _wait_for_change(watcher: Any) -> None:
    try:
        watcher.run()
    except _Ended:
        raise
    except SystemExit:
        pass


def inherited_listener(port: int, path: str | None) -> Any:
    """In a child: the listening socket of the parent.

    None in any other process, and when the program has changed its mind about where to listen.

    :param path: of a Unix socket, instead of the port.
    """
    if not is_running_from_reloader():
        return None
    try:
        number = int(os.environ[_LISTENER])
        listener = socket.socket(fileno=os.dup(number))
    except (KeyError, ValueError, OSError):
        return None
    address = listener.getsockname()
    if address != path if path is not None else port not in (0, address[1]):
        listener.close()
        return None
    os.set_inheritable(number, False)  # it is not for programs that the application starts
    return listener

"""``flask run`` with the real server: WebSocket works, with and without ``--debug``.

The command takes the place of Flask's own in every application of the environment. One that has
no SocketIO object of geventio gets Flask's own, unchanged. Every ``flask`` command imports this
module, so nothing else of geventio is imported before it is needed.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import click
from flask.cli import ScriptInfo, pass_script_info, run_command, show_server_banner
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader


@pass_script_info
def _run(info: ScriptInfo, /, **params: Any) -> None:
    """Flask's function with another server; gets every option that Flask's has."""
    try:
        app = info.load_app()
    except Exception as error:
        if not is_running_from_reloader():
            raise
        _fail_again(info, error)
        app = None
    socketio = getattr(app, 'extensions', {}).get('socketio')
    if not _is_ours(socketio):
        run_command.callback(**params)  # type: ignore[misc]
        return
    from ..errors import ConfigError
    from .running import serve

    debug = get_debug_flag()
    reload, debugger = params['reload'], params['debugger']
    show_server_banner(debug, info.app_import_path)
    try:
        serve(socketio, app, params['host'], params['port'],
              log_output=True,
              use_reloader=debug if reload is None else reload,
              use_debugger=debug if debugger is None else debugger,
              ssl_context=params['cert'],
              extra_files=params['extra_files'],
              reloader_options={'exclude_patterns': params['exclude_patterns']})
    except OSError as error:  # the address
        raise click.ClickException(error.strerror or str(error)) from error
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


def _is_ours(socketio: Any) -> bool:
    """Whether it is a SocketIO object; the application has imported the class then."""
    module = sys.modules.get('geventio.extension.extension')
    return module is not None and isinstance(socketio, module.SocketIO)


def _fail_again(info: ScriptInfo, error: Exception) -> None:
    """Let Flask's command find the same error, without importing the application once more.

    It then serves a page that shows the error, until the reloader sees a change.
    """
    def load_app() -> Any:
        raise error

    info.load_app = load_app  # type: ignore[method-assign]


#: The command, with the options of the installed Flask.
run: click.Command = copy.copy(run_command)
run.callback = _run
run.help = ('Run the application on geventio if it has a SocketIO object, else on the local '
            "development server.\n\nThe reloader and debugger are enabled by default with the "
            "'--debug' option.")

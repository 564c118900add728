"""gunicorn's gevent worker with our HTTP server in it.

Only how gunicorn starts, logs and ends the server lives here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gunicorn.workers.ggevent import GeventPyWSGIWorker, GeventResponse, PyWSGIHandler

from ..errors import HTTPError
from ..protocol.http import Request
from .collector import settled
from .httpd import Handler, Server
from .patching import warn_if_late
from .running import STOP_TIMEOUT, shut_down


class _Handler(Handler, PyWSGIHandler):  # type: ignore[misc]
    """Our handler; environ and access log as gunicorn has them."""

    def log_request(self) -> None:
        if self.environ is not None:  # it is not there when the request made no sense
            PyWSGIHandler.log_request(self)


class _Server(Server):
    """Our server; closes every client cleanly when the worker closes it."""

    handler_class = _Handler

    def __init__(self, listener: Any, application: Any, log: Any, **options: Any) -> None:
        super().__init__(listener, application, log=log, **options)
        warn_if_late()
        self._gunicorn_log = log
        if not getattr(log, 'access_log_enabled', True):
            self.access_log = None

    def close(self) -> None:
        started = self.started
        super().close()
        if started:
            config = self._gunicorn_log.cfg
            # gunicorn kills a worker that takes longer than either of the two; 0 is no limit.
            limits = (config.graceful_timeout, config.timeout)
            shut_down(self, min(STOP_TIMEOUT, *(limit / 2 for limit in limits if limit)))

    def log_access(self, address: Any, request: Request, status: int, size: int) -> None:
        try:
            environ = self.environs.make(request, address)
        except HTTPError:  # the answer is on its way all the same
            environ = self.environs.plain(request, address)
        environ['RAW_URI'] = request.target
        self._gunicorn_log.access(GeventResponse(str(status), (), size), request.headers, environ,
                                  timedelta())


class Worker(GeventPyWSGIWorker):  # type: ignore[misc]
    """``gunicorn -k geventio.gunicorn.Worker``: WebSocket, and polling without a greenlet.

    Clients that left a WebSocket or a poll open are told when the worker stops. With several
    workers each client must always come to the same one, which gunicorn itself does not see to.
    """

    server_class = _Server
    wsgi_handler = _Handler

    def init_process(self) -> None:
        if self.cfg.workers > 1 and self.age == 1:
            self.log.warning('%d workers: polling needs something in front of gunicorn that '
                             'brings a client always to the same worker (sticky sessions), and '
                             'an emit reaches the clients of its own worker only',
                             self.cfg.workers)
        super().init_process()

    def run(self) -> None:
        with settled():
            super().run()

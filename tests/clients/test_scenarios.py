"""The official clients, unmodified, over each of their transports: every scenario of the driver.

One process of Node runs one client over one transport through all scenarios; each scenario is a
test of its own here. What a scenario expects stands in driver/scenarios/.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest

from .conftest import CLIENTS, KINDS, Runs
from .harness import FOLDER, ServerProcess, outcome_of

pytestmark = pytest.mark.timeout(400)

SCENARIOS = (
    'connect',
    'events',
    'values',
    'values of JavaScript',
    'ack from the server',
    'ack to the server, by callback',
    'ack to the server, by call',
    'ack to the server, never given',
    'text from the client',
    'text from the server',
    'text beside binary',
    'names of events',
    'surrogates',
    'binary from the client',
    'binary from the server',
    'binary in acks',
    'typed arrays',
    'promises and retries',
    'rooms',
    'rooms left',
    'broadcast',
    'namespaces on one connection',
    'namespace left and joined again',
    'namespace closed by the server',
    'namespace alone',
    'namespace refused',
    'namespace unknown',
    'namespace by pattern',
    'namespace by option',
    'root refused',
    'credentials',
    'credentials that come later',
    'query and headers',
    'client disconnects',
    'client speaks and disconnects',
    'client closes the transport',
    'server disconnects',
    'server speaks and disconnects',
    'connection cut',
    'reconnects after a cut',
    'reconnects its namespaces',
    'large text',
    'large binary',
    'large from the server',
    'more than one request may carry',
    'many in one tick',
    'many with binary in one tick',
    'order both ways',
)
#: Those of protocol 5.
NEWER = {'sio31', 'sio41', 'sio48'}
#: Scenarios of what only some clients can do.
ONLY = {
    'typed arrays': NEWER,
    'credentials that come later': NEWER,
    'promises and retries': {'sio48'},
    'more than one request may carry': {'sio48'},  # The first to heed maxPayload is 4.5.
}
#: After an upgrade from JSONP, or in MessagePack, all is as after any other: these are about the
#: way there.
UPGRADE = {
    'connect', 'text from the client', 'text from the server', 'binary from the client',
    'binary from the server', 'reconnects after a cut', 'order both ways',
}
#: MessagePack has no lone surrogates, and its own undefined, NaN and dates; of a view the client's
#: parser sends the whole buffer.
NOT_MSGPACK = {'surrogates', 'values of JavaScript', 'typed arrays'}
#: What permessage-deflate could spoil.
DEFLATE = {
    'events', 'text from the client', 'text from the server', 'binary from the client',
    'binary from the server', 'large text', 'large binary', 'large from the server',
    'many in one tick', 'many with binary in one tick', 'order both ways',
}

Kind = tuple[str, str, str]  # client, transport, name of the server's fixture


def concerns(kind: Kind, scenario: str) -> bool:
    """Whether a scenario is for a client, over a transport, on a server."""
    client, transport, server = kind
    brief = transport == 'jsonp-upgrade' or (transport, server) == ('upgrade', 'msgpack_server')
    return (
        client in ONLY.get(scenario, {client})
        and not (brief and scenario not in UPGRADE)
        and not (server == 'msgpack_server' and scenario in NOT_MSGPACK)
        and not (server == 'deflate_server' and scenario not in DEFLATE)
    )


def cases() -> Iterator[object]:
    """Each kind with each scenario that is for it."""
    kinds: list[Kind] = [(*kind, 'server') for kind in KINDS]
    kinds += [('sio48', name, 'msgpack_server') for name in ('websocket', 'polling', 'upgrade')]
    kinds += [(client, 'websocket', 'deflate_server') for client in CLIENTS]
    for kind in kinds:
        for scenario in filter(partial(concerns, kind), SCENARIOS):
            yield pytest.param(kind, scenario, id='-'.join([*kind, scenario]))


@pytest.mark.parametrize(('kind', 'scenario'), list(cases()))
def test_scenario(node_runs: Runs, kind: Kind, scenario: str) -> None:
    """The client and the server agree on everything the scenario looks at."""
    problem = outcome_of(node_runs.result(kind, scenario))
    assert problem is None, problem


def test_every_scenario_is_run(node_path: str) -> None:
    """The table above and the driver name the same scenarios."""
    listed = subprocess.check_output([node_path, 'driver/run.js'], cwd=FOLDER, timeout=30)
    assert sorted(json.loads(listed)) == sorted(SCENARIOS)


def test_the_servers_report_no_error(
    server: ServerProcess, msgpack_server: ServerProcess, deflate_server: ServerProcess
) -> None:
    """After all that, no server has written a traceback."""
    for running in (server, msgpack_server, deflate_server):
        assert 'Traceback' not in running.log_text()

"""What Flask-SocketIO and python-socketio have and geventio deliberately has not, or otherwise.

``object.name`` is a name that is missing, ``object.name(parameter)`` a parameter that is missing,
stands elsewhere or has another default. ``test_api.py`` compares: what differs must stand here,
and what stands here must differ.
"""

from __future__ import annotations

_NO_ASYNCIO = 'there is no asyncio variant to tell apart'
_STEP = 'a step of their connect and disconnect procedure, which nobody else can take'
_STATE = 'a structure of theirs: the views show what it is looked at for'
_PACKETS = 'packets are no objects here'
_LOOP = 'reading and writing happen in the loop, not in methods of a connection'
_CONSTANT = 'a constant of theirs, for their own use'
_LOGGER = "there is one logger: logging.getLogger('geventio')"
_SERVICE = 'heartbeats need no service task here'
_SESSION = 'sessions belong to a socket: socketio.server.get_session(sid)'

DIFFERENCES: dict[str, str] = {
    'Namespace.call(timeout)': '60 seconds as everywhere else, instead of waiting forever',
    'Namespace.is_asyncio_based': _NO_ASYNCIO,

    'server.always_connect': 'there is no such option: nothing is sent before the client is in',
    'server.is_asyncio_based': _NO_ASYNCIO,
    'server.logger': _LOGGER,
    'server.manager_initialized': _STATE,
    'server.not_handled': _CONSTANT,
    'server.packet_class': _PACKETS,
    'server.reserved_events': _CONSTANT,

    'manager.basic_disconnect': _STEP,
    'manager.callbacks': _STATE,
    'manager.connect': _STEP,
    'manager.eio_to_sid': _STATE,
    'manager.initialize': _STEP,
    'manager.is_pre_connected': _STEP,
    'manager.is_sid_room': _STEP,
    'manager.json': 'the JSON provider of the application writes values',
    'manager.logger': _LOGGER,
    'manager.pending_connect': _STATE,
    'manager.pending_disconnect': _STATE,
    'manager.pre_connect': _STEP,
    'manager.pre_disconnect': _STEP,
    'manager.set_server': _STEP,
    'manager.trigger_callback': _STEP,

    'eio.async_modes': _CONSTANT,
    'eio.compression_methods': _CONSTANT,
    'eio.cookie': 'an option that is kept as the text of a header',
    'eio.event_names': _CONSTANT,
    'eio.get_session': _SESSION,
    'eio.handlers': "the engine's events are the server's own",
    'eio.is_asyncio_based': _NO_ASYNCIO,
    'eio.log_message_keys': _STATE,
    'eio.logger': _LOGGER,
    'eio.on': "the engine's events are the server's own",
    'eio.save_session': _SESSION,
    'eio.send_packet': _PACKETS,
    'eio.sequence_number': _STATE,
    'eio.service_task_event': _SERVICE,
    'eio.service_task_handle': _SERVICE,
    'eio.session': _SESSION,
    'eio.start_service_task': _SERVICE,
    'eio.valid_transports': _CONSTANT,

    'eio.sockets[].check_ping_timeout': _SERVICE,
    'eio.sockets[].handle_get_request': _LOOP,
    'eio.sockets[].handle_post_request': _LOOP,
    'eio.sockets[].last_ping': _SERVICE,
    'eio.sockets[].poll': _LOOP,
    'eio.sockets[].queue': _LOOP,
    'eio.sockets[].receive': _LOOP,
    'eio.sockets[].schedule_ping': _SERVICE,
    'eio.sockets[].send(pkt)': _PACKETS,
    'eio.sockets[].session': _SESSION,
    'eio.sockets[].upgrade_protocols': _CONSTANT,
}

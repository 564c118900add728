"""The measured application on python-socketio under uvicorn.

usage: python -m benchmarks.apps.asgi_app PORT
"""

from __future__ import annotations

import sys
from typing import Any

import socketio
import uvicorn

server = socketio.AsyncServer(async_mode='asgi')


@server.event
async def connect(sid: str, environ: dict[str, Any]) -> None:
    await server.enter_room(sid, 'all')


@server.event
async def bcast(sid: str, data: Any) -> None:
    await server.emit('msg', data, to='all')


@server.event
async def join(sid: str, room: str) -> str:
    await server.enter_room(sid, room)
    return room


@server.event
async def say(sid: str, room: str, data: Any) -> None:
    await server.emit('said', data, to=room)


@server.event
async def echo(sid: str, data: Any) -> Any:
    return data


@server.event
async def upload(sid: str, data: Any) -> tuple[str, int, str]:
    return data['n'], len(data['p']), data['p'][-10:]


if __name__ == '__main__':
    uvicorn.run(
        socketio.ASGIApp(server),
        host='127.0.0.1',
        port=int(sys.argv[1]),
        log_level='warning',
        access_log=False,
        backlog=4096,
    )

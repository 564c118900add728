"""Prices pushed from a background task, and jobs whose progress one client watches.

    python ticker.py
"""

import os
from threading import Lock

from flask import Flask, jsonify, request
from flask_socketio import SocketIO, emit, join_room, leave_room

app = Flask(__name__)
app.config['SECRET_KEY'] = 'secret!'
socketio = SocketIO(app, async_mode='gevent')

thread = None
thread_lock = Lock()
started = 0


def background_thread():
    """Sends a number to everybody, and another one to those in the room."""
    count = 0
    while True:
        socketio.sleep(0.02)
        count += 1
        socketio.emit('tick', {'count': count})
        socketio.emit('price', {'symbol': 'GEV', 'cents': 100 + count % 50}, to='GEV')


@socketio.event
def connect():
    global thread, started
    with thread_lock:
        if thread is None:
            started += 1
            thread = socketio.start_background_task(background_thread)
    emit('hello', {'threads': started})


@socketio.event
def subscribe(symbol):
    join_room(symbol)
    return True


@socketio.event
def unsubscribe(symbol):
    leave_room(symbol)
    return True


def work(sid, steps, weight=1):
    """A job: its owner hears of each step, the others of the end."""
    total = 0
    for step in range(1, steps + 1):
        socketio.sleep(0.01)
        total += step * weight
        socketio.emit('progress', {'step': step, 'of': steps}, to=sid)
    socketio.emit('done', total, to=sid)
    socketio.emit('job ended', {'total': total}, skip_sid=sid)


@socketio.on('start job')
def start_job(steps):
    socketio.start_background_task(work, request.sid, steps, weight=2)


@socketio.on('run job')
def run_job(steps):
    """Waits for the job, so that the answer follows all of its events."""
    socketio.start_background_task(work, request.sid, steps).join()
    return 'finished'


@app.post('/announce')
def announce():
    """A view that pushes: to everybody, or to a room but for some."""
    data = request.get_json()
    socketio.emit('news', data['text'], to=data.get('to'), skip_sid=data.get('skip'))
    socketio.send({'announced': data['text']}, json=True, to=data.get('to'))
    return jsonify(ok=True)


@app.post('/move')
def move():
    """Puts a client into a room from outside its handlers."""
    data = request.get_json()
    socketio.server.enter_room(data['sid'], data['room'])
    return jsonify(rooms=sorted(r for r in socketio.server.rooms(data['sid']) if r != data['sid']))


@app.post('/close')
def close():
    socketio.close_room(request.get_json()['room'])
    return jsonify(ok=True)


@app.post('/kick')
def kick():
    socketio.server.disconnect(request.get_json()['sid'])
    return jsonify(ok=True)


@app.get('/who')
def who():
    """Who is in a room, and what the server knows of them."""
    manager = socketio.server.manager
    room = request.args.get('room')
    people = [{
        'sid': sid,
        'connected': manager.is_connected(sid, '/'),
        'transport': socketio.server.transport(sid),
        'agent': socketio.server.get_environ(sid).get('HTTP_X_NAME'),
    } for sid, eio_sid in manager.get_participants('/', room) if eio_sid]
    return jsonify(sorted(people, key=lambda person: person['agent']))


if __name__ == '__main__':
    socketio.run(app, port=int(os.environ.get('PORT', 5000)))

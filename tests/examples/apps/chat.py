"""A chat with rooms for users who have logged in.

    python chat.py

Views and event handlers know the user through Flask-Login. Each connection starts with a copy of
the user's session and keeps that for itself. With SESSION_DIR set, sessions are files in that
folder instead, and views and event handlers share them.
"""

import functools
import os

from cachelib import FileSystemCache
from flask import Flask, jsonify, request, session
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)
from flask_session import Session
from flask_socketio import (
    ConnectionRefusedError,
    SocketIO,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)

SESSION_DIR = os.environ.get('SESSION_DIR')
PASSWORDS = {'ann': 'apple', 'bob': 'banana'}

app = Flask(__name__)
app.config['SECRET_KEY'] = 'secret!'
if SESSION_DIR:
    app.config['SESSION_TYPE'] = 'cachelib'
    app.config['SESSION_CACHELIB'] = FileSystemCache(SESSION_DIR)
    Session(app)
login_manager = LoginManager(app)
socketio = SocketIO(app, manage_session=not SESSION_DIR)

online = {}  # socket id -> name


class User(UserMixin):
    def __init__(self, name):
        self.id = name


@login_manager.user_loader
def load_user(name):
    return User(name) if name in PASSWORDS else None


@app.post('/login')
def log_in():
    data = request.get_json()
    if PASSWORDS.get(data['name']) != data['password']:
        return jsonify(error='wrong name or password'), 401
    login_user(User(data['name']))
    session['color'] = data['color']
    return jsonify(name=current_user.id)


@app.post('/logout')
@login_required
def log_out():
    logout_user()
    return jsonify(bye=True)


@app.get('/me')
@login_required
def me():
    return jsonify(name=current_user.id, color=session['color'], said=session.get('said', 0))


def authenticated_only(handler):
    @functools.wraps(handler)
    def wrapped(*args, **kwargs):
        if not current_user.is_authenticated:
            disconnect()
            return None
        return handler(*args, **kwargs)

    return wrapped


@socketio.on('connect')
def connected():
    if not current_user.is_authenticated:
        raise ConnectionRefusedError('please log in', {'login': '/login'})
    online[request.sid] = current_user.id
    emit('online', sorted(online.values()), broadcast=True)


@socketio.on('disconnect')
def disconnected(reason):
    online.pop(request.sid)
    emit('online', sorted(online.values()), broadcast=True, include_self=False)
    if 'room' in session:
        send(f'{session["name"]} has left ({reason})', to=session['room'], include_self=False)


@socketio.on('connect', namespace='/staff')
def staff_connected():
    return current_user.is_authenticated and current_user.id == 'ann'


@socketio.on('online', namespace='/staff')
def staff_online():
    return sorted(online.values())


@socketio.on('whoami')
def whoami():
    return {'name': current_user.get_id(), 'color': session.get('color'),
            'said': session.get('said', 0)}


@socketio.on('join')
@authenticated_only
def join(data):
    session['name'] = current_user.id
    session['room'] = data['room']
    join_room(data['room'])
    send(f'{current_user.id} has entered', to=data['room'])
    return sorted(room for room in rooms() if room != request.sid)


@socketio.on('leave')
@authenticated_only
def leave(data):
    leave_room(data['room'])
    send(f'{current_user.id} has gone', to=data['room'])
    return sorted(room for room in rooms() if room != request.sid)


@socketio.on('text')
@authenticated_only
def text(data):
    session['said'] = session.get('said', 0) + 1
    send({'from': current_user.id, 'color': session['color'], **data}, json=True,
         to=session['room'])


@socketio.on('typing')
@authenticated_only
def typing():
    emit('typing', current_user.id, to=session['room'], include_self=False)


@socketio.on('whisper')
@authenticated_only
def whisper(name, message):
    sids = [sid for sid, owner in online.items() if owner == name]
    emit('whisper', (current_user.id, message), to=sids)
    return len(sids)


if __name__ == '__main__':
    socketio.run(app, port=int(os.environ.get('PORT', 5000)))

"""The extension object, made before there is an application."""

from flask_socketio import SocketIO

socketio = SocketIO(cors_allowed_origins='*')

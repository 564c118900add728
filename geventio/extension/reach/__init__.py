"""What applications reach through ``socketio.server``, spelled as in python-socketio."""

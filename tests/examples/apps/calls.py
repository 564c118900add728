"""Questions in both directions: acknowledgements, callbacks, call(), binary data and errors.

    python calls.py
"""

import os

from flask import Flask, jsonify, request
from flask_socketio import SocketIO, call, emit

app = Flask(__name__)
app.config['SECRET_KEY'] = 'secret!'
socketio = SocketIO(app)


# Answers to the client.

@socketio.on('nothing')
def nothing():
    pass


@socketio.on('one')
def one(value):
    return value


@socketio.on('several')
def several(*values):
    return values


@socketio.on('listed')
def listed(*values):
    return list(values)


@socketio.on('reverse')
def reverse(data):
    return {'size': len(data['blob']), 'blob': bytes(reversed(data['blob'])), 'name': data['name']}


@socketio.on('types')
def types(*values):
    return [type(value).__name__ for value in values]


@socketio.on('*')
def unknown(event, *args):
    return f'no handler for {event}', len(args)


@socketio.on('gift')
def gift():
    """What the server sends of its own accord: several arguments, bytes deep inside, unicode."""
    emit('gift', ('ключ 🗝', b'\x00\x01\xff', {'inside': [b'deep', {'deeper': b''}], 'π': 3.14}))
    emit('gift', None)
    emit('gift', [1, None, True, 'quote " and \\'])


# Questions to the client.

@socketio.on('ask me')
def ask_me(question):
    """The answer is a callback, called in this client's context."""
    def answered(*answers):
        emit('you said', {'sid': request.sid, 'answers': list(answers)})

    emit('question', question, callback=answered)


@socketio.on('ask other')
def ask_other(sid, question):
    asker = request.sid

    def answered(answer):
        socketio.emit('they said', answer, to=asker)

    socketio.emit('question', question, to=sid, callback=answered)


@socketio.on('interview')
def interview(*questions):
    """Waits for the client's answers in the middle of a handler."""
    return [call('question', question, timeout=5) for question in questions]


@socketio.on('interview other')
def interview_other(sid, question):
    return socketio.call('question', question, to=sid, timeout=5)


@socketio.on('impatient')
def impatient():
    try:
        return call('silence', timeout=0.1)
    except Exception as error:
        return type(error).__name__


@socketio.on('poll')
def poll(sids):
    """Asks in a background task, which tells the one who wanted to know."""
    asker = request.sid

    def ask():
        answers = [socketio.call('question', 'vote', to=sid, timeout=5) for sid in sids]
        socketio.emit('polled', answers, to=asker)

    socketio.start_background_task(ask)


@app.post('/ask')
def ask_from_view():
    data = request.get_json()
    try:
        answer = socketio.call(data['event'], data['question'], to=data['sid'], timeout=0.5)
    except Exception as error:
        return jsonify(error=type(error).__name__), 504
    return jsonify(answer=answer)


# Errors.

@socketio.on('connect', namespace='/strict')
@socketio.on('connect', namespace='/loose')
def connect_elsewhere():
    pass


@socketio.on('divide')
@socketio.on('divide', namespace='/strict')
@socketio.on('divide', namespace='/loose')
def divide(a, b):
    return a / b


@socketio.on_error('/strict')
def strict_error(error):
    emit('strict error', {'event': request.event['message'], 'args': list(request.event['args'])})
    return {'error': str(error)}


@app.post('/forgive')
def forgive():
    """From now on errors of every other namespace are answered too."""
    @socketio.on_error_default
    def default_error(error):
        return f'{request.namespace} {type(error).__name__}'

    return jsonify(ok=True)


if __name__ == '__main__':
    socketio.run(app, port=int(os.environ.get('PORT', 5000)))

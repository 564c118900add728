"""The event side: readers in '/', editors in '/desk'."""

from flask import current_app, g, request, url_for
from flask_socketio import close_room, emit, join_room, leave_room, rooms

from .database import get_database
from .extensions import socketio


@socketio.on('follow')
def follow(topic):
    """Joins a topic and catches up with what was published before."""
    join_room(topic)
    for article in get_database().articles:
        if article['topic'] == topic:
            emit('article', {'title': article['title'], 'url': None})
    return {'edition': current_app.config['EDITION'], 'app': current_app.name}


def unfollow(topic):
    leave_room(topic)
    return sorted(room for room in rooms() if room != request.sid)


socketio.on_event('unfollow', unfollow)


@socketio.on('fresh')
def fresh():
    """Each event has a g of its own."""
    before = 'mark' in g
    g.mark = True
    return before, 'mark' in g


@socketio.on('search')
def search(word):
    found = [article['title'] for article in get_database().articles if word in article['title']]
    if not found:
        raise LookupError(word)
    return found


@socketio.on_error()
def not_found(error):
    return {'not found': str(error)}


@socketio.on('connect', namespace='/desk')
def desk_connect(auth):
    return auth == {'key': 'sesame'}


@socketio.event(namespace='/desk')
def withdraw(topic):
    """Nobody follows the topic any more, in the readers' namespace."""
    emit('withdrawn', topic, to=topic, namespace='/')
    close_room(topic, namespace='/')
    return topic


@socketio.on('correct', namespace='/desk')
def correct(number, title):
    """An editor's change, told to the readers in the other namespace."""
    article = get_database().articles[number]
    article['title'] = title
    with current_app.test_request_context():
        url = url_for('articles.show', number=number)
    emit('corrected', {'title': title, 'url': url}, to=article['topic'], namespace='/')
    return request.headers['X-Editor'], request.args['desk']

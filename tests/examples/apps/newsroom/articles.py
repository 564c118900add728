"""The HTTP side: what readers and editors do in a browser."""

from flask import Blueprint, abort, jsonify, request, url_for

from .database import get_database
from .extensions import socketio

articles = Blueprint('articles', __name__)


@articles.get('/')
def index():
    return jsonify(get_database().articles)


@articles.post('/')
def publish():
    article = request.get_json()
    stored = get_database().articles
    stored.append(article)
    url = url_for('articles.show', number=len(stored) - 1)
    socketio.emit('article', {'title': article['title'], 'url': url}, to=article['topic'])
    socketio.emit('counted', len(stored), namespace='/desk')
    return jsonify(url=url), 201


@articles.get('/<int:number>')
def show(number):
    stored = get_database().articles
    if number >= len(stored):
        abort(404)
    return jsonify(stored[number])

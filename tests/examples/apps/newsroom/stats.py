"""Numbers for whoever runs the site."""

from flask import Blueprint, current_app, jsonify

stats = Blueprint('stats', __name__)


@stats.get('/stats')
def connections():
    database = current_app.extensions['database']
    return jsonify(opened=database['opened'], closed=database['closed'])


@stats.post('/reset')
def reset():
    database = current_app.extensions['database']
    database.update(opened=0, closed=0)
    database['articles'].clear()
    return jsonify(ok=True)

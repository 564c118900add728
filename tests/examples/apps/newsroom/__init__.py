"""A newsroom in several modules: an application factory, blueprints, handlers apart."""

from flask import Flask

from .database import close_database
from .extensions import socketio


def create_app(config=None):
    app = Flask(__name__)
    app.config.update(SECRET_KEY='secret!', EDITION='evening')
    app.config.update(config or {})
    app.extensions['database'] = {'opened': 0, 'closed': 0, 'articles': []}
    app.teardown_appcontext(close_database)

    from .articles import articles
    from .stats import stats

    app.register_blueprint(articles, url_prefix='/articles')
    app.register_blueprint(stats)

    from . import events  # noqa: F401

    socketio.init_app(app, path='/live/news', cors_allowed_origins=['http://news.example'])
    return app

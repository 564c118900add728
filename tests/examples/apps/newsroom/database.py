"""A stand-in for a database connection: opened at first use, closed when the context ends."""

from flask import current_app, g


class Connection:
    def __init__(self, database):
        self.articles = database['articles']
        database['opened'] += 1


def get_database():
    if 'database' not in g:
        g.database = Connection(current_app.extensions['database'])
    return g.database


def close_database(error=None):
    if g.pop('database', None) is not None:
        current_app.extensions['database']['closed'] += 1

"""The worker class for gunicorn: ``gunicorn -k geventio.gunicorn.Worker module:app``."""

from __future__ import annotations

from .serving.gunicorn import Worker

__all__ = ['Worker']

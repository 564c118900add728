"""``geventio.namespace``: the public name of the class namespaces' module, and nothing else."""

from .extension.views import Namespace

__all__ = ['Namespace']

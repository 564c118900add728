"""``geventio.test_client``: the public name of the test client's module, and nothing else."""

from .extension.testing.client import SocketIOTestClient

__all__ = ['SocketIOTestClient']

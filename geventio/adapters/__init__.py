"""Adapters spread packets over the sockets of a namespace, here or on many servers."""

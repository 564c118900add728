"""HTTP, WSGI and the loop: how requests reach the transports, and who runs handlers."""

"""Pure codecs: bytes in, packets out, and back. No clock, no socket, no gevent, no Flask."""

"""What carries a session: WebSocket and polling, over gevent's loop."""

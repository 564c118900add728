"""State machines and the shared registry. Time comes in as an argument, output is queued.

No gevent, Flask, socket or time here: whatever acts on the world is reached through the
:class:`~geventio.core.runtime.Runtime` that a higher floor provides.
"""

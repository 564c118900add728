"""Measures geventio beside other Socket.IO servers. ``python -m benchmarks`` runs everything.

The parts: ``apps/`` one and the same application for every server; ``load.c`` the generator, a
process of its own, and ``build`` its compilation; ``scenarios`` what is measured; ``peers`` the
servers that can run here; ``machine`` processes, cores and CPU time; ``report`` medians and tables;
``plot`` the picture of them; ``__main__`` the rounds. Only the standard library is used outside
``apps/``.
"""

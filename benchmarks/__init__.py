"""Measures geventio beside other Socket.IO servers. ``python -m benchmarks`` runs everything.

The parts: ``apps/`` one and the same application for every server; ``wire`` the bytes of the
protocol, made without any library under test; ``connection`` one client; ``load`` the generator, a
process of its own; ``machine`` processes, cores and CPU time; ``report`` medians and tables;
``__main__`` the rounds. Only the standard library is used outside ``apps/``.
"""

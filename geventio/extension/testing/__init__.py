"""Testing applications: a client without a network, and a clock that moves when told to."""

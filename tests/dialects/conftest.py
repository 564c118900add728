"""What the tests of dialects have in common."""

from __future__ import annotations

import pytest

from ..conftest import Outer


@pytest.fixture(params=['loop', 'wsgi'])
def serve_both_ways(request, host):
    """``serve_both_ways(owner)``: in the loop, or behind middleware that has to see everything."""
    def start(owner):
        server = host(owner, Outer(owner) if request.param == 'wsgi' else None)
        assert (server.http.gateway is None) == (request.param == 'wsgi')
        return server

    return start

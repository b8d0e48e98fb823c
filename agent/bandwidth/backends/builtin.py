"""The project's own engine, against a measurement server of the bureau."""

from __future__ import annotations

from agent.bandwidth.backends.base import Request
from agent.bandwidth.connection import endpoint
from agent.bandwidth.engine import measure as measure_line
from agent.bandwidth.result import Result


def measure(request: Request) -> Result:
    """Measure with `agent.bandwidth.engine`; raises as it does."""
    where = endpoint(
        request.server, source=request.source, proxy=request.proxy, ca_file=request.ca_file
    )
    return measure_line(
        where,
        directions=request.directions,
        token=request.token,
        caps=request.caps,
        memory=request.memory,
        second_source=request.second_source,
        link=request.link,
        progress=request.progress,
    )

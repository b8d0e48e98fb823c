"""What every backend is asked and must answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.bandwidth.bounds import BOTH, Caps, Direction, Progress
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.result import Result

if TYPE_CHECKING:
    from agent.bandwidth.link_counters import LinkCounters


@dataclass(frozen=True, slots=True)
class Request:
    """One measurement to make. `caps` hold per direction.

    `server` is an http(s) URL, or `host:port` for iperf3. `source` is the local address of the
    uplink to use. `token` is the slot's, for a bureau's measurement server. Only the built-in
    engine knows what to do with `second_source`, another address that leaves through the same
    line, and `link`, which counts that line's whole traffic.
    """

    server: str
    directions: tuple[Direction, ...] = BOTH
    caps: Caps = field(default_factory=Caps)
    source: str | None = None
    proxy: str | None = None
    ca_file: Path | None = None
    token: str | None = field(default=None, repr=False)
    memory: LineMemory | None = None
    second_source: str | None = None
    link: LinkCounters | None = None
    progress: Progress | None = None


class Backend(Protocol):
    """A module of this folder."""

    def measure(self, request: Request) -> Result:
        """Measure. Raises MeasurementError or, for an address it cannot use, ValueError."""

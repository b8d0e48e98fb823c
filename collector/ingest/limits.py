"""The bounds of one request and of one school. Each has a counter for when it bites."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What the collector takes; a request over a bound gets a clear answer, never half of it."""

    compressed_bytes: int = 1 << 20
    body_bytes: int = 8 << 20
    """After decompression; a gzip bomb is stopped here, however small it came."""
    readings: int = 5000
    series_per_school: int = 20_000
    pending_batches: int = 100_000
    """Over this, the series store has been down for long: agents keep their data and wait."""
    body_wait_s: float = 30.0
    concurrent_requests: int = 16
    refused_body_bytes_kept: int = 64 << 10
    clock_ahead: timedelta = timedelta(minutes=10)
    earliest_time: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    """A reading from before this product existed comes from a clock that was never set."""

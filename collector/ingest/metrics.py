"""What the ingest counts, for `/metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class IngestMetrics:
    """Counters and gauges of one collector process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batches = Counter(
            "campusgauge_collector_batches",
            "Batches by what became of them: stored, duplicate, conflict, refused, unavailable.",
            ["result"],
            registry=registry,
        )
        self.readings = Counter(
            "campusgauge_collector_readings", "Readings accepted into the inbox.", registry=registry
        )
        self.refusals = Counter(
            "campusgauge_collector_refusals",
            "Refused batches by reason; a bound that bites is counted under its name.",
            ["reason"],
            registry=registry,
        )
        self.applied = Counter(
            "campusgauge_collector_batches_applied",
            "Batches moved from the inbox into the series store.",
            registry=registry,
        )
        self.apply_failures = Counter(
            "campusgauge_collector_apply_failures",
            "Failed attempts to move batches into the series store.",
            registry=registry,
        )
        self.pending = Gauge(
            "campusgauge_collector_batches_pending",
            "Accepted batches that wait for the series store.",
            registry=registry,
        )
        self.set_aside = Gauge(
            "campusgauge_collector_batches_set_aside",
            "Accepted batches that the series store cannot take; kept, tried again at start.",
            registry=registry,
        )

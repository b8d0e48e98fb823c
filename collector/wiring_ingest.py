"""Wires what agents send into the app: enrolment, batches, bundles, and what applies them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import anyio
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from collector.enrolment import key_routes
from collector.enrolment import routes as enrolment_routes
from collector.enrolment.guessing import GuessGuard
from collector.enrolment.service import EnrolmentService
from collector.ingest import bundle_routes, quarantine_routes
from collector.ingest import routes as ingest_routes
from collector.ingest.applier import Applier
from collector.ingest.limits import IngestLimits
from collector.ingest.metrics import IngestMetrics
from collector.ingest.service import IngestService
from collector.storage.ports import RecordStore, SeriesStore


def add_ingest(
    app: FastAPI,
    records: RecordStore,
    series: SeriesStore,
    limits: IngestLimits,
    registry: CollectorRegistry,
    clock: Callable[[], datetime],
) -> Applier:
    """Add the routes of agents to the app; returns what moves accepted batches, not started yet."""
    metrics = IngestMetrics(registry)
    applier = Applier(records, series, metrics, clock)
    app.state.enrolment = EnrolmentService(records, GuessGuard(time.monotonic), clock)
    app.state.ingest = IngestService(records, limits, metrics, clock, applier)
    # Ingest has its own share of threads, so that a rush of agents leaves some for the pages.
    app.state.ingest_limiter = anyio.CapacityLimiter(limits.concurrent_requests)
    for module in (ingest_routes, quarantine_routes, bundle_routes, enrolment_routes, key_routes):
        app.include_router(module.router)
    return applier

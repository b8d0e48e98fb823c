"""The one wiring place: which stores, which features, which rules make up a collector."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from collector import operations, problems
from collector.access import SESSION_COOKIE, Access, NewKey, is_loopback
from collector.data_dir import make_data_dir
from collector.errors import UnavailableError
from collector.ingest.applier import Applier
from collector.ingest.limits import IngestLimits
from collector.ingest.schema import WireBatch
from collector.scoring.holidays import HolidayTables
from collector.scoring.service import ScoringService
from collector.security_headers import SecurityHeaders
from collector.settings import EVIDENCE_FOLDER, SESSION_FILE, Settings
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.ports import RecordStore, SeriesStore
from collector.storage.sql_records import open_records
from collector.summaries.worker import SummaryWorker
from collector.web.services import WebServices
from collector.web.site import Site
from collector.wiring_assessment import add_assessment
from collector.wiring_evidence import add_evidence
from collector.wiring_imports import import_service
from collector.wiring_ingest import add_ingest
from collector.wiring_people import add_people
from collector.wiring_readings import reading_worker
from collector.wiring_slots import add_slots
from collector.wiring_summaries import summary_refresher, summary_worker
from rubrics import __version__
from rubrics.model import Rubric

DESCRIPTION = """The collector of CampusGauge 校园标尺.

Agents push batches of readings with their own key; a batch is durable before it is acknowledged.
Viewing is open on a loopback address and needs a key with scope `read` everywhere else. Every error
is an RFC 9457 problem document whose `detail` says what to do next.
"""


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores of one collector."""

    records: RecordStore
    series: SeriesStore

    def close(self) -> None:
        """Release both."""
        self.series.close()
        self.records.close()


def open_stores(settings: Settings, progress: Callable[[str], None]) -> Stores:
    """Open the stores that the settings name; `progress` gets a line while a schema is migrated.

    Raises UnavailableError if one cannot be opened, for instance because a collector has it.
    """
    make_data_dir(settings.data)
    records = open_records(settings.records_url, progress)
    try:
        return Stores(records, DuckDBSeriesStore(settings.series_file))
    except BaseException:
        records.close()
        raise


def create_app(
    settings: Settings,
    stores: Stores,
    rubrics: Mapping[str, Rubric],
    *,
    local_key: NewKey | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    limits: IngestLimits | None = None,
) -> FastAPI:
    """Wire a collector over opened stores; it closes them when it shuts down.

    Raises UnavailableError if the secret of a measurement server cannot be read.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        applier.start()
        summarising.start()
        readings.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(readings.stop)
            await anyio.to_thread.run_sync(summarising.stop)
            await anyio.to_thread.run_sync(applier.stop)
            stores.close()

    records, series = stores.records, stores.series
    app, registry = _bare_app(lifespan), _registry()
    cookie_secret = _session_secret(settings.data / SESSION_FILE)
    holidays = HolidayTables(settings.holidays_folder)
    calendar = holidays.calendar()
    app.state.settings = settings
    app.state.records = records
    app.state.public_holidays = holidays.spans
    app.state.metrics_registry = registry
    app.state.access = Access(
        records,
        open_viewing=is_loopback(settings.host) and not settings.require_view_key,
        session_secret=cookie_secret,
        clock=clock,
        local_key=local_key,
    )
    add_people(app, settings, records, clock, cookie_secret)
    applier = add_ingest(app, records, series, limits or IngestLimits(), registry, clock)
    add_slots(app, settings, records, calendar, clock)
    app.include_router(operations.router)
    sheets = ScoringService(records, series, rubrics, calendar=calendar)
    assessment = add_assessment(app, records, series, rubrics, calendar, clock)
    app.state.assessment = assessment
    app.state.imports = import_service(records, rubrics, clock)
    refresher = summary_refresher(records, series, rubrics, sheets, assessment.reader)
    summarising: SummaryWorker = summary_worker(refresher, records, registry, clock)
    readings = reading_worker(records, rubrics, sheets, assessment.reader, clock)
    app.state.reading_effects = readings
    folder = settings.data / EVIDENCE_FOLDER
    add_evidence(app, folder, records, rubrics, sheets, assessment.reader, clock)
    app.state.health_checks = {
        "records": records.check,
        "series": series.check,
        "applier": lambda: _check_applier(applier),
        "summaries": lambda: _check_summaries(summarising),
    }
    site = Site(WebServices(records, series, sheets, rubrics, clock, sheets))
    site.mount(app)
    problems.install(app, site.error_page)
    app.add_middleware(SecurityHeaders)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _bare_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    return FastAPI(
        title="CampusGauge 校园标尺",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        # Both load scripts from the internet, which an intranet does not have.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    PlatformCollector(registry)
    ProcessCollector(registry=registry)
    return registry


def _check_applier(applier: Applier) -> None:
    if not applier.running:
        raise UnavailableError(
            "applier_down", "Accepted batches are no longer moved on; restart the collector."
        )


def _check_summaries(worker: SummaryWorker) -> None:
    if not worker.running:
        raise UnavailableError(
            "summaries_down", "County pages are no longer kept current; restart the collector."
        )


def _session_secret(path: Path) -> str:
    """Return the secret that signs viewing cookies; made once, readable by the owner alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        secret = secrets.token_hex(32)
        file.write(secret + "\n")
    return secret


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the interface, with the schemas that FastAPI does not see on its own."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        for model in (problems.Problem, WireBatch):
            described = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(described.pop("$defs", {}))
            schemas[model.__name__] = described
        schema["components"]["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key `cg_…` or a person's token `cgt_…`",
            },
            "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
        }
        app.openapi_schema = schema
    return app.openapi_schema

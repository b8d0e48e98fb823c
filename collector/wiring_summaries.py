"""Wires the summaries of sheets: what is scored, how, and by whom."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from secrets import token_hex

from prometheus_client import CollectorRegistry

from collector.assessment.case_reader import CaseReader
from collector.domain import CaseKey
from collector.scoring.service import ScoringService
from collector.storage.ports import RecordStore, SeriesStore
from collector.summaries.refresher import CaseSheet, Refresher
from collector.summaries.worker import SummaryMetrics, SummaryWorker
from rubrics.model import Rubric


def summary_refresher(
    records: RecordStore,
    series: SeriesStore,
    rubrics: Mapping[str, Rubric],
    sheets: ScoringService,
    cases: CaseReader,
) -> Refresher:
    """Return what keeps the summaries of schools and of cases current."""

    def case_sheet(key: CaseKey, now: datetime) -> CaseSheet:
        found = cases.read(key)
        return CaseSheet(cases.score(found, now).sheet, found.rubric)

    return Refresher(records, series, rubrics, sheets.sheets, case_sheet)


def summary_worker(
    refresher: Refresher,
    records: RecordStore,
    registry: CollectorRegistry,
    clock: Callable[[], datetime],
) -> SummaryWorker:
    """Return the worker of this process; its name tells it from those on other hosts."""
    holder = f"{socket.gethostname()[:60]}/{token_hex(8)}"
    return SummaryWorker(refresher, records, SummaryMetrics(registry), clock, holder)

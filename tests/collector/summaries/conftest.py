"""A county of two schools on real stores, with the real engine and all official rubrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from collector.assessment.case_reader import CaseReader
from collector.assessment.pins import Pins
from collector.assessment.rounds import RoundService
from collector.domain import (
    Act,
    Batch,
    Outcome,
    PinnedRubric,
    Round,
    RoundState,
    School,
    SchoolKind,
    Stage,
    StoredReading,
)
from collector.scoring.round_case import RoundCases
from collector.scoring.service import ScoringService
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.sql_records import SqlRecordStore, open_records
from collector.summaries.refresher import Refresher
from collector.wiring_summaries import summary_refresher
from rubrics.loader import official_rubrics

NOW = datetime(2026, 9, 18, 9, 30, 20, tzinfo=UTC)
INSPECTION = "zhongxian-inspection"


@dataclass
class Scored:
    """The stores, and what refreshes summaries over them."""

    records: SqlRecordStore
    series: DuckDBSeriesStore
    refresher: Refresher
    rounds: RoundService
    now: datetime = NOW
    _numbers: Iterator[int] = field(default_factory=count)

    def measure(self, school_id: str, at: datetime, **values: float) -> None:
        """Store one reading of the outlet probe."""
        number = next(self._numbers)
        reading = StoredReading(
            number, "outlet_bandwidth", "default", at, Outcome.OK, values=values
        )
        batch = Batch(f"b{number}", school_id, "a1", "st", number, at, (reading,))
        assert self.series.apply_batches([batch]) == 1

    def refresh_all(self, now: datetime) -> int:
        """Make everything that is due; returns how much that was."""
        due = self.refresher.due(now)
        for one in due:
            self.refresher.refresh(one, now)
        return len(due)

    def open_round(self, *school_ids: str) -> Round:
        """Open a round of the inspection form over some schools."""
        held = Round(
            "round-1", "一", NOW.date(), date(2026, 9, 1), date(2026, 9, 30),
            (PinnedRubric(INSPECTION),), school_ids,
        )  # fmt: skip
        act = Act("admin", NOW, "round.test")
        draft = self.rounds.create(held, act)
        self.rounds.open(draft.id, draft.revision, act)
        opened = self.records.round(draft.id)
        assert opened is not None
        assert opened.state is RoundState.OPEN
        return opened


@pytest.fixture
def scored(tmp_path: Path, migrated: Path) -> Iterator[Scored]:
    """Yield the county; the schools were declared a day ago."""
    shutil.copyfile(migrated, tmp_path / "records.sqlite3")
    records = open_records(f"sqlite:///{tmp_path / 'records.sqlite3'}", lambda _: None)
    series = DuckDBSeriesStore(tmp_path / "series.duckdb")
    school = School(
        "zx-001", "忠县示例小学", SchoolKind.GENERAL, (Stage.PRIMARY,), 1200, 90, 24,
        date(2026, 9, 1),
    )  # fmt: skip
    act = Act("system", NOW - timedelta(days=1), "school.put")
    records.put_school(school, act)
    records.put_school(replace(school, id="zx-002", kind=SchoolKind.VOCATIONAL, stages=()), act)
    rubrics = official_rubrics()
    files = RoundCases(series)
    cases = CaseReader(records, files, Pins(records))
    sheets = ScoringService(records, series, rubrics)
    refresher = summary_refresher(records, series, rubrics, sheets, cases)
    rounds = RoundService(records, cases, files, rubrics, lambda: NOW)
    yield Scored(records, series, refresher, rounds)
    series.close()
    records.close()

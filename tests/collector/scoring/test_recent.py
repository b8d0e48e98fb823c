"""Looking again does not measure again, and never hides what would change what a page says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from collector.domain import Fact, StoredSheet
from collector.scoring.recent import KEPT
from collector.scoring.service import ScoringService
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.sql_records import SqlRecordStore
from rubrics.loader import official_rubrics

RUBRIC = "zhongxian-smart-campus-general"
NOW = datetime(2026, 9, 18, 9, 30, 20, tzinfo=UTC)
MORE = timedelta(minutes=1)
SERVER = {
    "cpu_used_ratio": 0.5, "cpu_count": 8, "memory_used_ratio": 0.1,
    "memory_total_bytes": 16e9, "disk_used_ratio": 0.1, "disk_total_bytes": 1e12,
}  # fmt: skip


@pytest.fixture
def service(records: SqlRecordStore, series: DuckDBSeriesStore) -> ScoringService:
    """Return the service over the school's real stores."""
    return ScoringService(records, series, official_rubrics())


@pytest.fixture
def tested(measure: Callable[..., None], school_day_times: Callable[..., Any]) -> Any:
    """Return a function that stores ten tests of the outlet, and store the first ten."""

    def store(rate_mbps: float, probe: str = "outlet_bandwidth") -> None:
        measure(probe, school_day_times(10), {"download_line_rate_mbps": rate_mbps})

    store(700.0)
    return store


def rates(stored: StoredSheet) -> Any:
    """Return what the case file says of the outlet: its value and how many samples there are."""
    found = json.loads(stored.case_json)["indicators"].get("outlet_capacity") or {}
    return found.get("value"), found.get("samples")


def test_a_second_look_shows_what_was_measured_at_the_first(
    service: ScoringService, tested: Callable[..., None]
) -> None:
    """Until some minutes have passed; who asks for fresh numbers gets them at once."""
    first = rates(service.score("zx-001", RUBRIC, NOW, fresh=False))
    tested(100.0)
    assert rates(service.score("zx-001", RUBRIC, NOW + MORE, fresh=False)) == first
    later = NOW + KEPT
    assert rates(service.score("zx-001", RUBRIC, later, fresh=False)) != first


def test_a_fresh_look_is_fresh_and_renews_what_others_see(
    service: ScoringService, tested: Callable[..., None]
) -> None:
    """What is signed must be measured when it is signed, and no older page may follow."""
    first = rates(service.score("zx-001", RUBRIC, NOW, fresh=False))
    tested(100.0)
    fresh = rates(service.score("zx-001", RUBRIC, NOW + MORE))
    assert fresh != first
    assert rates(service.score("zx-001", RUBRIC, NOW + MORE, fresh=False)) == fresh


def test_a_clock_set_back_measures_anew(
    service: ScoringService, tested: Callable[..., None]
) -> None:
    """What was measured later than asked for answers nothing."""
    first = rates(service.score("zx-001", RUBRIC, NOW, fresh=False))
    tested(100.0)
    assert rates(service.score("zx-001", RUBRIC, NOW - MORE, fresh=False)) != first


@pytest.mark.usefixtures("tested")
def test_the_first_reading_of_another_probe_shows_at_once(
    service: ScoringService, measure: Callable[..., None]
) -> None:
    """Whoever installs something wants to see that it arrived."""
    before = json.loads(service.score("zx-001", RUBRIC, NOW, fresh=False).case_json)["indicators"]
    assert "server_headroom" not in before
    measure("server_headroom", [NOW - timedelta(minutes=5)], SERVER)
    after = json.loads(service.score("zx-001", RUBRIC, NOW, fresh=False).case_json)["indicators"]
    assert len(after) > len(before)


@pytest.mark.usefixtures("tested")
def test_what_people_declare_shows_at_once(
    service: ScoringService, records: SqlRecordStore
) -> None:
    """Facts are read at every look, and those that a census counts by measure anew."""
    service.score("zx-001", RUBRIC, NOW, fresh=False)
    records.add_fact(Fact("zx-001", "contracted_mbps", "1000", date(2026, 9, 1), "admin", NOW))
    case = json.loads(service.score("zx-001", RUBRIC, NOW, fresh=False).case_json)
    assert case["facts"]["contracted_mbps"]["value"] in ("1000", 1000)


def test_a_census_follows_what_is_declared(
    service: ScoringService, records: SqlRecordStore, measure: Callable[..., None]
) -> None:
    """Two servers of two are all; of three they are not, however recently that was measured."""
    measure("server_headroom", [NOW - timedelta(minutes=5)], SERVER, agent="s1")

    def declared(number: str, minute: int) -> Any:
        at = NOW + timedelta(minutes=minute)
        records.add_fact(Fact("zx-001", "servers", number, date(2026, 9, 1), "admin", at))
        case = json.loads(service.score("zx-001", RUBRIC, NOW, fresh=False).case_json)
        return {
            one.get("targets_declared")
            for one in case["indicators"].values()
            if "targets_declared" in one
        }

    assert declared("2", 0) == {2}
    assert declared("3", 1) == {3}

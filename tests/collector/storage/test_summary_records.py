"""Summaries of sheets and leases in the record store, on every database it runs on."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

from collector.domain import (
    STANDING,
    Act,
    Case,
    CaseChange,
    CaseEntry,
    CaseKey,
    Fact,
    IndicatorVerdict,
    PinnedRubric,
    Round,
    School,
    SchoolKind,
    Side,
    Summary,
)
from collector.storage.ports import SummaryRecords
from collector.storage.sql_records import SqlRecordStore

NOW = datetime(2026, 11, 20, 1, 2, 3, 456789, tzinfo=UTC)
SUMMARY = Summary(
    STANDING,
    "zx-001",
    "inspection",
    "2021.1",
    NOW,
    "sha256:a",
    counts={"met": 3, "not_met": 1},
    proven="12.5",
    possible="80",
    max="100",
    vetoed=None,
    indicators=(
        IndicatorVerdict(
            "outlet_capacity", "not_met", "94.1", "Mbit/s", "ge", ("660.48",), "1", "1a", "code"
        ),
        IndicatorVerdict("availability", None, None, None, None, (), "1", "1b"),
    ),
)


def add_schools(records: SqlRecordStore) -> None:
    """Add two schools."""
    for name in ("zx-001", "zx-002"):
        records.put_school(School(name, name, SchoolKind.GENERAL))


def test_a_summary_comes_back_as_it_was(records: SqlRecordStore) -> None:
    """Exact text, open numbers and the order of the indicators stay; so does an open veto."""
    add_schools(records)
    port: SummaryRecords = records
    other = dataclasses.replace(SUMMARY, rubric_id="other", refused="case_unusable")
    port.put_summaries(STANDING, "zx-001", [SUMMARY, other])
    assert port.summaries(STANDING, "inspection") == [SUMMARY]
    assert port.summaries(STANDING, "other") == [other]
    assert port.summaries("round-1", "inspection") == []
    assert port.school_summaries(STANDING, ["zx-001", "zx-002"]) == [SUMMARY, other]
    assert port.school_summaries(STANDING, ["zx-002"]) == []


def test_new_summaries_of_a_school_replace_its_old_ones_in_that_round(
    records: SqlRecordStore,
) -> None:
    """A rubric that no longer applies leaves nothing behind; other schools and rounds stay."""
    add_schools(records)
    later = dataclasses.replace(SUMMARY, computed_at=NOW + timedelta(hours=1), proven="13")
    in_round = dataclasses.replace(SUMMARY, round_id="round-1")
    second = dataclasses.replace(SUMMARY, school_id="zx-002")
    records.put_summaries(
        STANDING, "zx-001", [SUMMARY, dataclasses.replace(SUMMARY, rubric_id="gone")]
    )
    records.put_summaries("round-1", "zx-001", [in_round])
    records.put_summaries(STANDING, "zx-002", [second])
    records.put_summaries(STANDING, "zx-001", [later])
    assert records.summaries(STANDING, "inspection") == [later, second]
    assert records.summaries(STANDING, "inspection", since=later.computed_at) == [later]
    assert records.summaries(STANDING, "gone") == []
    assert records.summaries("round-1", "inspection") == [in_round]
    assert records.summary_times(STANDING) == {
        "zx-001": later.computed_at,
        "zx-002": NOW,
    }


def test_declaring_is_noticed(records: SqlRecordStore) -> None:
    """A new fact makes a summary old, whenever it was computed."""
    add_schools(records)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    records.add_fact(
        Fact("zx-002", "contracted_mbps", "1000", date(2026, 9, 1), "editor", tomorrow)
    )
    times = records.declared_times()
    assert times["zx-002"] == tomorrow
    assert times["zx-001"] < tomorrow, "the profile counts as declared when it was added"


def test_changing_a_case_is_noticed(records: SqlRecordStore) -> None:
    """An entry makes the summary of that round old, and of no other."""
    add_schools(records)
    key = CaseKey("round-1", "zx-001", "inspection")
    held = Round(
        "round-1", "一", date(2026, 9, 1), date(2026, 9, 1), date(2026, 12, 1),
        (PinnedRubric("inspection"),), ("zx-001",), created_at=NOW,
    )  # fmt: skip
    assert records.add_round(held, Act("admin", NOW, "round.add"))
    opened = dataclasses.replace(held, revision=1)
    cases = [Case(key, changed_at=NOW)]
    assert records.put_round(opened, Act("admin", NOW, "round.open"), cases)
    assert records.case_times("round-1") == {"zx-001": NOW}
    later = NOW + timedelta(minutes=5)
    entry = CaseEntry(key, Side.SCHOOL, "1", "points", 3, "editor", later, 1)
    clash = records.change_case(
        CaseChange(key, 0, entries=(entry,)), Act("editor", later, "entry.save")
    )
    assert clash is None
    assert records.case_times("round-1") == {"zx-001": later}
    assert records.case_times("round-2") == {}


def test_one_at_a_time_holds_a_lease(records: SqlRecordStore) -> None:
    """Who was killed blocks nobody for good; who works on is not pushed aside."""
    minute = timedelta(minutes=1)
    assert records.take_lease("summaries", "one", NOW, NOW + minute)
    assert not records.take_lease("summaries", "two", NOW, NOW + minute)
    assert records.take_lease("summaries", "one", NOW + minute, NOW + 2 * minute)
    assert not records.take_lease("summaries", "two", NOW + 2 * minute, NOW + 3 * minute)
    assert records.take_lease("summaries", "two", NOW + 3 * minute, NOW + 4 * minute)
    records.release_lease("summaries", "one")
    assert not records.take_lease("summaries", "one", NOW + 3 * minute, NOW + 4 * minute)
    records.release_lease("summaries", "two")
    assert records.take_lease("summaries", "one", NOW + 3 * minute, NOW + 4 * minute)

"""A school in real stores, scored by the official 附件3-2: from samples to findings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from collector.domain import Entry, Fact, School, SchoolKind, StoredSheet
from collector.errors import NotFoundError, UnprocessableError
from collector.scoring.service import ScoringService
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.sql_records import SqlRecordStore
from rubrics.loader import load_rubric, official_paths
from rubrics.model import Rubric

RUBRIC = "zhongxian-smart-campus-general"
RUBRICS: Mapping[str, Rubric] = {RUBRIC: load_rubric(official_paths()[RUBRIC])}
NOW = datetime(2026, 9, 18, 9, 30, 20, tzinfo=UTC)
Measure: TypeAlias = Callable[..., None]
Times: TypeAlias = Callable[..., list[datetime]]


@pytest.fixture
def service(records: SqlRecordStore, series: DuckDBSeriesStore) -> ScoringService:
    """Return the service over the school's real stores."""
    return ScoringService(records, series, RUBRICS)


def findings(stored: StoredSheet, item: str) -> dict[str, Any]:
    """Return the findings of one item by id."""
    sheet = json.loads(stored.sheet_json)
    return {finding["id"]: finding for finding in sheet["items"][item]["findings"]}


def test_a_line_that_suffices_meets_1e(
    service: ScoringService, measure: Measure, school_day_times: Times
) -> None:
    """Ten tests on ten days at 700 Mbit/s against 512 kbit/s × 1290 = 660.48 Mbit/s."""
    measure("outlet_bandwidth", school_day_times(10), {"download_line_rate_mbps": 700.0})
    found = findings(service.score("zx-001", RUBRIC, NOW), "1")["1e"]
    assert found["result"] == "met"


@pytest.mark.parametrize("cause", ["same_host", "burst"])
def test_what_is_no_rate_of_the_line_is_insufficient_and_never_met(
    service: ScoringService, measure: Measure, school_day_times: Times, cause: str
) -> None:
    """9000 Mbit/s over loopback, or of credit that may run out, would pass 660 proving nothing."""
    measure(
        "outlet_bandwidth", school_day_times(12), {"download_line_rate_mbps": 9000.0},
        limited_by=(cause,),
    )  # fmt: skip
    stored = service.score("zx-001", RUBRIC, NOW)
    found = findings(stored, "1")["1e"]
    assert (found["result"], found["reason"]) == ("insufficient", cause)
    outlet = json.loads(stored.case_json)["indicators"]["outlet_capacity"]
    assert (outlet["value"], outlet["observed"]) == (None, 9000)


@pytest.mark.parametrize(
    ("limited_by", "contract", "result"),
    [
        (("nic",), None, "insufficient"),
        ((), "200", "not_met"),
        ((), "1000", "insufficient"),
    ],
)
def test_a_slow_line_fails_only_when_nothing_else_can_explain_it(
    service: ScoringService,
    records: SqlRecordStore,
    measure: Measure,
    school_day_times: Times,
    limited_by: tuple[str, ...],
    contract: str | None,
    result: str,
) -> None:
    """94 Mbit/s behind a 100 Mbit/s card, with a small contract, and with a large one."""
    if contract:
        records.add_fact(
            Fact("zx-001", "contracted_mbps", contract, date(2026, 9, 1), "admin", NOW)
        )
    measure(
        "outlet_bandwidth", school_day_times(10), {"download_line_rate_mbps": 94.0},
        limited_by=limited_by,
    )  # fmt: skip
    assert findings(service.score("zx-001", RUBRIC, NOW), "1")["1e"]["result"] == result


@pytest.mark.parametrize(
    ("declared", "used", "result", "reason"),
    [
        (None, 0.5, "insufficient", "servers_not_declared"),
        ("3", 0.5, "insufficient", "servers_not_covered"),
        ("3", 0.9, "insufficient", "servers_not_covered"),
        ("2", 0.5, "met", None),
        ("2", 0.9, "not_met", None),
    ],
)
def test_headroom_is_judged_when_every_declared_server_reports(
    service: ScoringService,
    records: SqlRecordStore,
    measure: Measure,
    school_day_times: Times,
    declared: str | None,
    used: float,
    result: str,
    reason: str | None,
) -> None:
    """Two servers report every minute for three weeks; two idle ones say nothing of a third."""
    if declared:
        records.add_fact(Fact("zx-001", "servers", declared, date(2026, 9, 1), "admin", NOW))
    values = {
        "cpu_used_ratio": used, "cpu_count": 8, "memory_used_ratio": 0.1,
        "memory_total_bytes": 16e9, "disk_used_ratio": 0.1, "disk_total_bytes": 1e12,
    }  # fmt: skip
    for agent in ("a1", "a2"):
        times = school_day_times(14, 180) + [
            time + timedelta(hours=5) for time in school_day_times(13, 210)
        ]
        measure("server_headroom", times, values, target="host", agent=agent)
    found = findings(service.score("zx-001", RUBRIC, NOW), "3")["3b"]
    assert (found["result"], found["reason"]) == (result, reason)
    assert found["origin"]["targets"] == 2
    assert found["origin"].get("targets_declared") == (int(declared) if declared else None)


@pytest.mark.parametrize(
    ("declared", "slowest", "result", "reason"),
    [
        (None, 10_000.0, "insufficient", "backbone_links_not_declared"),
        ("3", 10_000.0, "insufficient", "backbone_links_not_covered"),
        ("2", 10_000.0, "met", None),
        (None, 1_000.0, "not_met", None),
        ("3", 1_000.0, "not_met", None),
    ],
)
def test_some_links_can_fail_a_backbone_and_only_all_can_pass_it(
    service: ScoringService,
    records: SqlRecordStore,
    measure: Measure,
    school_day_times: Times,
    declared: str | None,
    slowest: float,
    result: str,
    reason: str | None,
) -> None:
    """The worst link decides: one slow link is enough, two fast ones of three are not."""
    if declared:
        records.add_fact(Fact("zx-001", "backbone_links", declared, date(2026, 9, 1), "a", NOW))
    for target, speed in (("uplink1", 10_000.0), ("uplink2", slowest)):
        measure(
            "link_speed", school_day_times(12), {"speed_mbps": speed}, target=target,
            labels={"role": "backbone"},
        )  # fmt: skip
    found = findings(service.score("zx-001", RUBRIC, NOW), "1")["1c"]
    assert (found["result"], found["reason"]) == (result, reason)


def test_too_few_tests_are_insufficient(
    service: ScoringService, measure: Measure, school_day_times: Times
) -> None:
    """Nine tests of a line that is fast enough prove nothing yet."""
    measure("outlet_bandwidth", school_day_times(9), {"download_line_rate_mbps": 700.0})
    found = findings(service.score("zx-001", RUBRIC, NOW), "1")["1e"]
    assert (found["result"], found["reason"]) == ("insufficient", "too_few_samples")


def test_the_same_data_at_the_same_time_give_the_same_sheet_stored_once(
    service: ScoringService,
    records: SqlRecordStore,
    series: DuckDBSeriesStore,
    measure: Measure,
    school_day_times: Times,
) -> None:
    """Threads, a sorted archive and a second service change no digit of it."""
    measure("anchors", school_day_times(3, 50), {"reachable": 1.0}, target="outlet")
    first = service.score("zx-001", RUBRIC, NOW)
    series.archive()
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: service.score("zx-001", RUBRIC, NOW), range(8)))
    again.append(ScoringService(records, series, RUBRICS).score("zx-001", RUBRIC, NOW))
    assert {sheet.content_hash for sheet in again} == {first.content_hash}
    assert {sheet.case_json for sheet in again} == {first.case_json}
    latest = records.latest_sheet("zx-001", RUBRIC)
    assert latest is not None
    assert not records.add_sheet(replace(latest, computed_at=NOW + timedelta(days=1)))


def test_new_data_give_a_new_sheet_and_idle_hours_do_not(
    service: ScoringService, measure: Measure, school_day_times: Times
) -> None:
    """Looking again later the same day stores nothing new until something new is known."""
    measure("outlet_bandwidth", school_day_times(10), {"download_line_rate_mbps": 700.0})
    first = service.score("zx-001", RUBRIC, NOW)
    later = service.score("zx-001", RUBRIC, NOW + timedelta(hours=3))
    assert later.content_hash == first.content_hash
    measure("outlet_bandwidth", [NOW + timedelta(hours=4)], {"download_line_rate_mbps": 800.0})
    newer = service.score("zx-001", RUBRIC, NOW + timedelta(hours=5))
    assert newer.content_hash != first.content_hash


def test_the_case_pins_what_it_was_computed_with(service: ScoringService) -> None:
    """Window, zone, calendar data and catalogue are in the case, hence under the sheet's hash."""
    stored = service.score("zx-001", RUBRIC, NOW)
    pinned = json.loads(stored.case_json)["pinned"]
    assert pinned["since"] == "2026-08-07T16:00:00+00:00"
    assert pinned["until"] == "2026-09-18T16:00:00+00:00"
    assert pinned["zone"] == "Asia/Shanghai"
    assert pinned["calendar"].startswith("chinesecalendar")
    assert pinned["calendar_unknown_days"] == 0
    assert pinned["indicator_catalogue"].startswith("sha256:")


def test_facts_and_entries_reach_the_case(service: ScoringService, records: SqlRecordStore) -> None:
    """1600 wired points for 1290 people meet 1.2 per head (1548); numbers stay exact."""
    records.add_entry(Entry("zx-001", RUBRIC, "1", "wired_points", 1600, "admin", NOW))
    records.add_fact(Fact("zx-001", "no_such_fact", "7", date(2026, 9, 1), "admin", NOW))
    stored = service.score("zx-001", RUBRIC, NOW)
    case = json.loads(stored.case_json)
    assert case["entries"] == {"1": {"wired_points": 1600}}
    assert "no_such_fact" not in case["facts"]
    assert case["school"]["students"] == 1200
    assert "award_level" not in case["school"]
    assert findings(stored, "1")["1b"]["result"] == "met"


def test_refusals_say_what_to_do(service: ScoringService, records: SqlRecordStore) -> None:
    """Unknown school, unknown rubric, the wrong kind of school, an entry nobody can use."""
    with pytest.raises(NotFoundError, match="campusgauge school add"):
        service.score("nobody", RUBRIC, NOW)
    with pytest.raises(NotFoundError, match=RUBRIC):
        service.score("zx-001", "no-such-rubric", NOW)
    records.put_school(School("zx-002", "职业学校", SchoolKind.VOCATIONAL))
    with pytest.raises(UnprocessableError) as refused:
        service.score("zx-002", RUBRIC, NOW)
    assert refused.value.code == "rubric_does_not_apply"
    records.add_entry(Entry("zx-001", RUBRIC, "1", "wired_points", "many", "admin", NOW))
    with pytest.raises(UnprocessableError) as unusable:
        service.score("zx-001", RUBRIC, NOW)
    assert [error.field for error in unusable.value.errors] == ["entries.1.wired_points"]
    assert records.latest_sheet("zx-001", RUBRIC) is None


def test_all_indicators_of_a_school_can_be_asked_for(
    service: ScoringService, measure: Measure, school_day_times: Times
) -> None:
    """Pages show indicators that no rubric of the school uses."""
    measure("anchors", school_day_times(2, 5), {"reachable": 1.0}, target="outlet")
    assert set(service.indicators("zx-001", NOW)) == {"availability"}
    with pytest.raises(NotFoundError):
        service.indicators("nobody", NOW)


@pytest.mark.parametrize(
    ("usable_bytes", "result", "reason"),
    [(6.45e12, "met", None), (6.44e12, "insufficient", "limited_by_unseen_storage")],
)
def test_storage_that_is_seen_can_suffice_but_never_fall_short(
    service: ScoringService,
    measure: Measure,
    school_day_times: Times,
    usable_bytes: float,
    result: str,
    reason: str | None,
) -> None:
    """5 GB × 1290 people is 6.45 TB; what no host mounts might be the missing 0.01 TB."""
    measure("storage_volumes", school_day_times(2), {"usable_bytes": usable_bytes}, target="lun")
    found = findings(service.score("zx-001", RUBRIC, NOW), "3")["3c"]
    assert (found["result"], found["reason"]) == (result, reason)

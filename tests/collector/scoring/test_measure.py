"""Indicators from real stored samples: window, calendar, filters and what never counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from collector.scoring.calendar import SchoolCalendar
from collector.scoring.measure import ScoringWindow, measure_indicators
from collector.storage.ports import SeriesStore
from rubrics.indicators import Window, load_indicators

CALENDAR = SchoolCalendar()
NOW = datetime(2026, 9, 18, 9, 30, 20, tzinfo=UTC)
Measure: TypeAlias = Callable[..., None]
Times: TypeAlias = Callable[..., list[datetime]]


def measured(series: SeriesStore, now: datetime = NOW, days: int = 42) -> dict[str, Any]:
    """Compute every indicator of the school at `now`."""
    window = ScoringWindow.last_days(days, now, CALENDAR)
    definitions = load_indicators().values()
    return dict[str, Any](measure_indicators(series, "zx-001", definitions, window, CALENDAR))


def test_the_window_is_whole_local_days_and_expects_nothing_of_the_future() -> None:
    """At 17:30:20 in Shanghai two days reach from midnight to midnight, cut after this minute."""
    window = ScoringWindow.last_days(2, NOW, CALENDAR)
    assert window.since == datetime(2026, 9, 16, 16, tzinfo=UTC)
    assert window.until == datetime(2026, 9, 18, 16, tzinfo=UTC)
    assert window.stop == datetime(2026, 9, 18, 9, 31, tzinfo=UTC)
    (today,) = window.spans(Window.ALL, CALENDAR, last_days=1)
    assert today.start == datetime(2026, 9, 17, 16, tzinfo=UTC)


def test_a_school_without_samples_has_no_indicators(series: SeriesStore) -> None:
    """Unknown is an absent key."""
    assert measured(series) == {}


def test_two_uplinks_add_up(series: SeriesStore, measure: Measure, school_day_times: Times) -> None:
    """p90 of each uplink, then the sum; each tested on ten school days."""
    for uplink, rate in (("telecom", 600.0), ("unicom", 400.0)):
        measure(
            "outlet_bandwidth", school_day_times(10), {"download_line_rate_mbps": rate},
            target=uplink,
        )  # fmt: skip
    outlet = measured(series)["outlet_capacity"]
    assert (outlet["value"], outlet["samples"], outlet["days"]) == (1000, 10, 10)
    assert outlet["limited_by"] == []


def test_one_volume_on_two_hosts_counts_once_and_surveillance_never(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """A shared LUN of 5 TB, a local 1 TB volume, 20 TB of recordings: 6 TB, least of ten days."""
    recent, old = school_day_times(2), [NOW - timedelta(days=20)]
    for agent in ("a1", "a2"):
        measure("storage_volumes", recent, {"usable_bytes": 5e12}, target="lun", agent=agent)
    measure("storage_volumes", recent[:1], {"usable_bytes": 1e12}, target="local")
    measure("storage_volumes", recent[1:], {"usable_bytes": 1.5e12}, target="local")
    measure("storage_volumes", old, {"usable_bytes": 9e12}, target="unplugged since")
    measure(
        "storage_volumes", recent, {"usable_bytes": 20e12}, target="nvr",
        labels={"purpose": "surveillance"},
    )  # fmt: skip
    assert measured(series)["storage_usable_bytes"]["value"] == 6e12


def test_headroom_looks_at_school_hours_only(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """A backup at night that fills the CPU leaves the headroom of the day as it was."""
    day = {
        "cpu_used_ratio": 0.2, "cpu_count": 8, "memory_used_ratio": 0.6,
        "memory_total_bytes": 16e9, "disk_used_ratio": 0.5, "disk_total_bytes": 1e12,
    }  # fmt: skip
    times = school_day_times(10, 3)
    measure("server_headroom", times, day, target="host")
    nights = [time + timedelta(hours=12) for time in times]
    measure("server_headroom", nights, {**day, "cpu_used_ratio": 1.0}, target="host")
    headroom = measured(series)["server_headroom"]
    assert headroom["value"] == 0.4
    assert (headroom["samples"], headroom["days"], headroom["weeks"]) == (30, 10, 2)
    assert headroom["coverage"] < 0.01


def test_a_gap_is_missing_coverage_and_not_an_outage(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """Up for all that was seen: available, although two hours of three were not seen."""
    minutes = school_day_times(1, 150)
    measure("anchors", minutes, {"reachable": 1.0}, target="outlet")
    availability = measured(series)["availability"]
    assert availability["value"] == 1
    assert availability["coverage"] == pytest.approx(150 / 390, abs=1e-4)


def test_an_outage_in_the_records_lowers_availability(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """Ten of a hundred recorded minutes down in a row: 0.9. Single anchors do not decide."""
    minutes = school_day_times(1, 100)
    measure("anchors", minutes[:90], {"reachable": 1.0}, target="outlet")
    measure("anchors", minutes[90:], {"reachable": 0.0}, target="outlet")
    measure("anchors", minutes, {"reachable": 0.0}, target="anchor one")
    assert measured(series)["availability"]["value"] == 0.9


def test_the_worst_backbone_link_counts_and_other_links_do_not(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """Two hosts may both call their interface eth0; the server link at 100 is no backbone."""
    times = school_day_times(5, 2)
    for agent, role, speed in (("a1", "backbone", 10_000), ("a2", "backbone", 25_000),
                               ("a3", "server", 100)):  # fmt: skip
        measure(
            "link_speed", times, {"speed_mbps": speed, "up": 1}, target="eth0", agent=agent,
            labels={"role": role},
        )  # fmt: skip
    backbone = measured(series)["backbone_link_speed"]
    assert (backbone["value"], backbone["samples"], backbone["days"]) == (10_000, 10, 5)


def test_links_of_hosts_and_of_switches_are_one_backbone(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """A 10G host and a 1G switch link, both called backbone: the worst of them, from two probes."""
    times = school_day_times(5, 2)
    backbone = {"role": "backbone"}
    speeds = {"link_speed": ("eth0", 10_000), "switch_links": ("core/ge1", 1_000)}
    for probe, (target, speed) in speeds.items():
        measure(probe, times, {"speed_mbps": speed, "up": 1}, target=target, labels=backbone)
    found = measured(series)["backbone_link_speed"]
    assert (found["value"], found["targets"], found["samples"]) == (1_000, 2, 10)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (datetime(2026, 9, 13, 3, tzinfo=UTC), "outside_school_hours"),  # a Sunday
        (datetime(2026, 9, 14, 12, tzinfo=UTC), "outside_school_hours"),  # a Monday evening
        (datetime(2039, 3, 12, 3, tzinfo=UTC), "calendar_unknown"),  # a Saturday, not announced
    ],
)
def test_samples_where_no_school_is_known_to_be_are_no_evidence(
    series: SeriesStore, measure: Measure, when: datetime, reason: str
) -> None:
    """There is no value; the reason and what was observed are there for the technician."""
    measure("anchors", [when], {"reachable": 1.0}, target="outlet")
    availability = measured(series, now=when + timedelta(hours=1))["availability"]
    assert (availability["value"], availability["observed"]) == (None, 1)
    assert (availability["reason"], availability["samples"]) == (reason, 0)


def test_weekdays_stand_in_for_holidays_that_nobody_knows(
    series: SeriesStore, measure: Measure
) -> None:
    """People see a value over Monday to Friday that says so; Saturday and Sunday are left out."""
    monday = datetime(2039, 3, 7, 3, tzinfo=UTC)
    times = [monday + timedelta(days=day) for day in range(7)]
    measure("anchors", times[:5], {"reachable": 1.0}, target="outlet")
    measure("anchors", times[5:], {"reachable": 0.0}, target="outlet")
    found = measured(series, now=times[-1] + timedelta(hours=1))["availability"]
    assert (found["value"], found["days"]) == (1, 5)
    assert found["limited_by"][0] == "calendar_assumed"
    assert found["assumed_days"] == 30  # the weekdays of six weeks


def test_an_anchor_on_the_own_host_proves_no_outlet(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """Loopback anchors, as in a demonstration, are observed and excluded."""
    measure(
        "anchors", school_day_times(1, 5), {"reachable": 1.0}, target="outlet",
        limited_by=("same_host",),
    )  # fmt: skip
    availability = measured(series)["availability"]
    assert (availability["value"], availability["reason"]) == (None, "same_host")
    assert availability["excluded"] == {"same_host": 5}


def test_what_was_tried_in_vain_says_why(
    series: SeriesStore, measure: Measure, school_day_times: Times
) -> None:
    """The newest reading that fits gives the reason; other links and old trouble do not."""
    old = [NOW - timedelta(days=60)]
    measure("storage_volumes", old, {}, target="host", failed="volume_not_readable")
    times = school_day_times(3)
    measure("link_speed", times, {}, target="eth1", failed="virtual_interface")
    backbone = {"role": "backbone"}
    measure("link_speed", times[:1], {}, target="eth0", failed="link_down", labels=backbone)
    measure("link_speed", times[1:], {}, target="eth0", failed="lag_member_down", labels=backbone)
    found = measured(series)
    assert set(found) == {"backbone_link_speed"}
    assert found["backbone_link_speed"]["value"] is None
    assert found["backbone_link_speed"]["reason"] == "lag_member_down"

"""From summaries to indicator values: examples worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.scoring.calendar import SchoolCalendar
from collector.scoring.indicators import (
    PartEvidence,
    indicator_value,
    part_query,
    weight_query,
)
from collector.storage.ports import GroupSummary, TimeSpan
from rubrics.indicators import Window, load_indicators

SINCE = datetime(2026, 9, 6, 16, tzinfo=UTC)  # Monday 7 September, 00:00 in Shanghai
SPANS = SchoolCalendar().spans(Window.SCHOOL_HOURS, SINCE, SINCE + timedelta(days=14))
GROUP = GroupSummary(
    group="uplink",
    value=100.0,
    samples=12,
    days=6,
    weeks=2,
    slots=12,
    since=SPANS[0].start,
    until=SPANS[-1].stop - timedelta(minutes=1),
    free_samples=12,
    free_days=6,
    limited_by_cause={},
    void_samples=0,
    void_by_cause={},
    observed=None,
)
VOID = replace(
    GROUP, value=None, samples=0, days=0, weeks=0, slots=0, since=None, until=None, free_samples=0,
    free_days=0, void_samples=3, void_by_cause={"same_host": 3}, observed=9000.0,
)  # fmt: skip


def value_of(
    indicator: str,
    *groups_of_parts: list[GroupSummary],
    weights: list[dict[str, float]] | None = None,
    spans: list[TimeSpan] = SPANS,
) -> dict[str, Any]:
    """Compute an indicator of the catalogue from the groups of each part."""
    definition = load_indicators()[indicator]
    weights = weights or [{} for _ in groups_of_parts]
    parts = [
        PartEvidence(part, groups, capacities)
        for part, groups, capacities in zip(definition.parts, groups_of_parts, weights, strict=True)
    ]
    value = indicator_value(definition, parts, spans)
    assert value is not None
    return dict[str, Any](value)


def test_outlet_capacity_is_the_sum_of_the_uplinks_p90() -> None:
    """600 + 400.5 Mbit/s; the uplink tested least says how much evidence there is."""
    found = value_of(
        "outlet_capacity",
        [
            replace(GROUP, group="telecom", value=600.0, samples=60, days=14),
            replace(GROUP, group="unicom", value=400.5),
        ],
    )
    assert found == {
        "value": 1000.5,
        "unit": "Mbit/s",
        "statistic": "p90",
        "samples": 12,
        "days": 6,
        "weeks": 2,
        "targets": 2,
        "limited_by": [],
        "since": "2026-09-07T00:00:00+00:00",
        "until": "2026-09-20T09:29:00+00:00",
    }


@pytest.mark.parametrize(
    ("free_samples", "free_days", "limited_by"),
    [(10, 5, []), (9, 5, ["nic", "wifi"]), (10, 4, ["nic", "wifi"]), (0, 0, ["nic", "wifi"])],
)
def test_limits_are_named_until_free_samples_suffice_alone(
    free_samples: int, free_days: int, limited_by: list[str]
) -> None:
    """Ten free samples on five days stand by themselves; with fewer, every cause is named."""
    limited = replace(
        GROUP,
        free_samples=free_samples,
        free_days=free_days,
        limited_by_cause={"wifi": 2, "nic": 1},
    )
    assert value_of("outlet_capacity", [limited])["limited_by"] == limited_by


def test_each_uplink_needs_its_own_free_samples() -> None:
    """A well-tested uplink does not lend its evidence to one that only ever met a limit."""
    limited = replace(GROUP, group="b", free_samples=0, free_days=0, limited_by_cause={"nic": 12})
    assert value_of("outlet_capacity", [GROUP, limited])["limited_by"] == ["nic"]


def test_a_test_against_the_own_host_yields_no_value_but_is_shown() -> None:
    """9000 Mbit/s over loopback is observed and excluded; the indicator stays unknown."""
    found = value_of("outlet_capacity", [VOID])
    assert found["value"] is None
    assert found["reason"] == "same_host"
    assert (found["excluded"], found["observed"]) == ({"same_host": 3}, 9000.0)
    assert found["limited_by"] == ["same_host"]
    assert (found["samples"], found["days"]) == (0, 0)
    assert "since" not in found


def test_void_samples_beside_valid_ones_are_counted_and_harm_nothing() -> None:
    """The same uplink, once tested wrongly and often rightly: the value is that of the valid."""
    mixed = replace(GROUP, void_samples=1, void_by_cause={"same_host": 1}, observed=9000.0)
    found = value_of("outlet_capacity", [mixed])
    assert (found["value"], found["limited_by"]) == (100, [])
    assert (found["excluded"], found["observed"]) == ({"same_host": 1}, 9000)


def test_an_uplink_with_void_samples_alone_voids_the_sum() -> None:
    """Its share is unknown, so the sum may not pass as complete."""
    found = value_of("outlet_capacity", [GROUP, replace(VOID, group="second")])
    assert found["limited_by"] == ["same_host"]


def test_server_headroom_weighs_by_capacity_and_takes_the_scarcest() -> None:
    """CPU (0.9 × 4 + 0.5 × 12) ÷ 16 = 0.6, memory 0.7, disk 0.2: headroom is 1 − 0.7 = 0.3."""
    small, large = replace(GROUP, group="a1"), replace(GROUP, group="a2")
    found = value_of(
        "server_headroom",
        [replace(small, value=0.9), replace(large, value=0.5)],
        [replace(small, value=0.7), replace(large, value=0.7)],
        [replace(small, value=0.2), replace(large, value=0.2)],
        weights=[{"a1": 4, "a2": 12}, {"a1": 8e9, "a2": 64e9}, {"a1": 1e12, "a2": 1e12}],
    )
    assert found["value"] == 0.3
    assert found["statistic"] == "p95"


def test_without_a_capacity_or_a_part_the_headroom_is_unknown() -> None:
    """A server of unknown size cannot be weighed; a missing disk might be the fullest."""
    full = replace(GROUP, group="a1", value=0.5)
    weighed = [{"a1": 1.0}] * 3
    unweighed = value_of("server_headroom", [full], [full], [full], weights=[{}, *weighed[1:]])
    assert (unweighed["value"], unweighed["reason"]) == (None, "capacity_unknown")
    partial = value_of("server_headroom", [full], [full], [], weights=weighed)
    assert (partial["value"], partial["reason"]) == (None, "series_missing")
    assert partial["samples"] == 0


def test_coverage_counts_school_minutes_from_the_first_sample_and_rounds_down() -> None:
    """First sample 15:30 on the last day, so 120 minutes are expected; 79 came: 0.6583."""
    late = replace(
        GROUP, value=1.0, slots=79, since=SPANS[-1].start + timedelta(minutes=90, seconds=30)
    )
    assert value_of("availability", [late])["coverage"] == 0.6583
    assert value_of("availability", [replace(late, slots=500)])["coverage"] == 1


def test_coverage_is_that_of_the_server_seen_least() -> None:
    """11 days (a working Sunday is one) × 450 minutes; 4950 and 990 covered: 0.2 for the worst."""
    good = replace(GROUP, group="a1", value=0.1, slots=4950)
    poor = replace(good, group="a2", slots=990)
    weights = [{"a1": 1.0, "a2": 1.0}] * 3
    found = value_of("server_headroom", *[[good, poor]] * 3, weights=weights)
    assert found["coverage"] == 0.2


def test_a_share_counts_targets_and_pools_their_samples() -> None:
    """Two of three ports reach 100 Mbit/s; a port seen once does not make the rest too thin."""
    ports = [
        replace(GROUP, group="p1", value=1000.0),
        replace(GROUP, group="p2", value=100.0),
        replace(GROUP, group="p3", value=99.9, samples=1, days=1, weeks=1),
    ]
    found = value_of("desktop_port_share", ports)
    assert found["value"] == pytest.approx(2 / 3)
    assert (found["samples"], found["days"]) == (25, 6)


def test_backbone_is_the_worst_link_and_storage_the_sum_of_volumes() -> None:
    """min(10000, 1000) Mbit/s; 3 TB + 1 TB."""
    links = [replace(GROUP, value=10000.0), replace(GROUP, group="b", value=1000.0)]
    assert value_of("backbone_link_speed", links)["value"] == 1000
    volumes = [replace(GROUP, value=3e12), replace(GROUP, group="b", value=1e12)]
    storage = value_of("storage_usable_bytes", volumes)
    assert (storage["value"], storage["targets"]) == (4e12, 2)
    assert storage["limited_by"] == ["unseen_storage"]


def test_no_sample_at_all_is_no_indicator() -> None:
    """The case then lacks the key, which is what unknown looks like."""
    definition = load_indicators()["outlet_capacity"]
    assert indicator_value(definition, [PartEvidence(definition.parts[0], [])], SPANS) is None


def test_queries_carry_filters_void_causes_and_slots() -> None:
    """What the catalogue says is what the store is asked."""
    definition = load_indicators()["storage_usable_bytes"]
    query = part_query(definition, definition.parts[0], "zx-001", SPANS)
    assert query.labels_not == {"purpose": ("surveillance", "desktop")}
    outlet = load_indicators()["outlet_capacity"]
    void = part_query(outlet, outlet.parts[0], "zx-001", SPANS).void_causes
    assert void == ("same_host", "burst")
    headroom = load_indicators()["server_headroom"].parts[0]
    weight = weight_query(headroom, "zx-001", SPANS)
    assert weight is not None
    assert (weight.series, weight.per) == ("server_headroom.cpu_count", headroom.per)

"""What every series store promises of the points and outages that charts show."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from collector.domain import Batch, StoredReading
from collector.storage.ports import Outage, SeriesQuery, SeriesStore, TimeSpan
from rubrics.indicators import Grouping, Statistic

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
MakeReading: TypeAlias = Callable[..., StoredReading]
MakeBatch: TypeAlias = Callable[..., Batch]
WholeDays: TypeAlias = Callable[[int], list[TimeSpan]]


def rates(spans: list[TimeSpan], series: str = "outlet_bandwidth.rate_mbps") -> SeriesQuery:
    """Ask for the rate of each target; tests on the own host are void."""
    return SeriesQuery(
        school_id="zx-001",
        series=series,
        per=Grouping.TARGET,
        statistic=Statistic.P90,
        spans=spans,
        void_causes=("same_host",),
    )


def test_few_samples_come_back_one_by_one(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """A chart of slot tests shows each test at its time, with what limited it."""
    store.apply_batches(
        [
            make_batch(
                [
                    make_reading(5, {"rate_mbps": 90}, limited_by=("nic", "host_cpu")),
                    make_reading(1, {"rate_mbps": 480}),
                    make_reading(9, {"rate_mbps": 9000}, limited_by=("same_host",)),
                    make_reading(1, {"rate_mbps": 7}, target="mobile"),
                    make_reading(2000, {"rate_mbps": 1}),
                ]
            )
        ]
    )
    found = store.samples(rates(whole_days(1)), max_points=10, max_groups=10)
    minute = timedelta(minutes=1)
    shown = [(p.group, (p.since - MONDAY) // minute, p.median, p.void) for p in found]
    assert shown == [
        ("default", 1, 480.0, False),
        ("default", 5, 90.0, False),
        ("default", 9, 9000.0, True),
        ("mobile", 1, 7.0, False),
    ]
    assert found[1].limited_by_cause == {"host_cpu": 1, "nic": 1}
    assert [point.samples for point in found] == [1, 1, 1, 1]


def test_many_samples_come_back_as_few_stretches(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """Thinning keeps the extremes, the median and the number of samples of each stretch."""
    values = [float(number * 37 % 101) for number in range(1440)]
    readings = [make_reading(n, {"rate_mbps": value}) for n, value in enumerate(values)]
    store.apply_batches([make_batch(readings)])
    found = store.samples(rates(whole_days(1)), max_points=24, max_groups=1)
    assert len(found) == 24
    for hour, point in enumerate(found):
        inside = values[hour * 60 : hour * 60 + 60]
        assert (point.smallest, point.largest) == (min(inside), max(inside))
        assert point.median == statistics.median(inside)
        assert abs(point.mean - statistics.fmean(inside)) < 1e-9
        assert point.samples == 60
        assert point.since == MONDAY + timedelta(hours=hour)
        assert point.until == MONDAY + timedelta(hours=hour, minutes=59)


def test_void_and_valid_samples_never_share_a_point(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """A test on the own host must not lift the median of the line's own tests."""
    readings = [
        make_reading(n, {"rate_mbps": 9000.0 if n % 2 else 100.0},
                     limited_by=("same_host",) if n % 2 else ())
        for n in range(100)
    ]  # fmt: skip
    store.apply_batches([make_batch(readings)])
    found = store.samples(rates(whole_days(1)), max_points=10, max_groups=1)
    assert {(point.void, point.smallest, point.largest) for point in found} == {
        (False, 100.0, 100.0),
        (True, 9000.0, 9000.0),
    }
    assert sum(point.samples for point in found) == 100


def test_a_thousand_targets_do_not_swamp_a_chart(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """Groups are bounded by name order, points by group."""
    readings = [
        make_reading(minute, {"rate_mbps": 1.0}, target=f"port-{number:03d}")
        for number in range(50)
        for minute in range(4)
    ]
    store.apply_batches([make_batch(readings)])
    found = store.samples(rates(whole_days(1)), max_points=2, max_groups=3)
    assert {point.group for point in found} == {"port-000", "port-001", "port-002"}
    assert len(found) <= 6
    assert store.samples(rates([]), max_points=2, max_groups=3) == []


def test_outages_are_the_runs_that_the_up_ratio_counts(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """Two lost minutes are lost probes; three in a row are an outage, shown with its length."""
    down = {10, 11, 30, 31, 32, 60, 61, 62, 63}
    readings = [
        make_reading(n, {"reachable": float(n not in down)}, probe="anchors") for n in range(100)
    ]
    store.apply_batches([make_batch(readings)])
    query = rates(whole_days(1), "anchors.reachable")
    expected = [
        Outage("default", MONDAY + timedelta(minutes=30), MONDAY + timedelta(minutes=33)),
        Outage("default", MONDAY + timedelta(minutes=60), MONDAY + timedelta(minutes=64)),
    ]
    assert store.outages(query, max_outages=10) == expected
    assert store.outages(query, max_outages=1) == expected[1:]
    assert store.outages(rates([]), max_outages=1) == []

"""What every series store promises; each engine runs this same suite."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

import pytest

from collector.domain import Batch, Outcome, StoredReading
from collector.storage.ports import GroupSummary, SeriesQuery, SeriesStore, TimeSpan
from rubrics.indicators import Grouping, Statistic

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
MakeReading: TypeAlias = Callable[..., StoredReading]
MakeBatch: TypeAlias = Callable[..., Batch]
WholeDays: TypeAlias = Callable[[int], list[TimeSpan]]


def rates(spans: list[TimeSpan], **changes: object) -> SeriesQuery:
    """Ask for the p90 of the download rate per target, with changes."""
    query = SeriesQuery(
        school_id="zx-001",
        series="outlet_bandwidth.rate_mbps",
        per=Grouping.TARGET,
        statistic=Statistic.P90,
        spans=spans,
    )
    return replace(query, **changes)  # type: ignore[arg-type]


def by_group(summaries: object) -> Mapping[str, GroupSummary]:
    """Key the summaries by their group."""
    assert isinstance(summaries, list)
    return {summary.group: summary for summary in summaries}


def test_a_repeated_batch_changes_nothing(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """Replay after a crash neither doubles samples nor readings, also within one call."""
    batch = make_batch([make_reading(0, {"rate_mbps": 5})])
    other = make_batch([make_reading(1, {"rate_mbps": 7})])
    assert store.apply_batches([batch]) == 1
    assert store.apply_batches([batch, other, other]) == 1
    assert store.apply_batches([batch, other]) == 0
    assert [s.samples for s in store.summarise(rates(whole_days(1)))] == [2]
    assert len(store.latest_readings("zx-001")) == 2


def test_the_same_batch_id_of_two_agents_are_two_batches(
    store: SeriesStore, make_reading: MakeReading
) -> None:
    """Ids are random per agent; a clash between agents must not swallow data."""
    readings = (make_reading(0, {"rate_mbps": 5}),)
    first = Batch("same", "zx-001", "a1", "s1", 1, MONDAY, readings)
    assert store.apply_batches([first, replace(first, agent_id="a2")]) == 2


def test_a_reading_comes_back_as_it_went_in(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading
) -> None:
    """Reason, labels, causes, values and details are evidence and survive unchanged."""
    reading = make_reading(
        3.5,
        {"rate_mbps": 0.1, "rtt_ms": 12.25},
        limited_by=("nic", "host_cpu"),
        reason="nic_too_slow",
        labels={"role": "uplink", "名称": "电信"},
        details={"streams": 8, "trace": [1.5, None, {"端口": "eth0"}]},
    )
    failed = make_reading(4, outcome=Outcome.FAILED, reason="server_gone")
    store.apply_batches([make_batch([reading, failed])])
    found = store.latest_readings("zx-001")
    assert [item.reading for item in found] == [failed, reading]
    assert {(item.school_id, item.agent_id) for item in found} == {("zx-001", "a1")}


def test_latest_readings_are_bounded_ordered_and_of_one_probe(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading
) -> None:
    """Newest first by measurement time, however late they arrived; other schools stay out."""
    store.apply_batches([make_batch([make_reading(m, {"rate_mbps": m}) for m in (5, 1, 3)])])
    store.apply_batches([make_batch([make_reading(9, probe="anchors", target="outlet")])])
    store.apply_batches([make_batch([make_reading(99)], school="zx-002")])
    found = store.latest_readings("zx-001", "outlet_bandwidth", limit=2)
    assert [item.reading.values["rate_mbps"] for item in found] == [5, 3]
    assert store.latest_readings("zx-001", limit=1)[0].reading.probe == "anchors"
    assert store.latest_readings("nobody") == []


def test_newest_reading_per_school_survives_late_arrivals(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading
) -> None:
    """Silence is counted from the newest reading, not from the last batch; no reading, no entry."""
    store.apply_batches([make_batch([make_reading(50)]), make_batch([make_reading(2)])])
    assert store.last_reading_times() == {"zx-001": MONDAY + timedelta(minutes=50)}


def test_only_samples_within_the_spans_count(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading
) -> None:
    """The start of a span belongs to it, its end does not, and gaps between spans are out."""
    minutes = [0, 59, 60, 119, 120, 179, 180, 200]
    store.apply_batches([make_batch([make_reading(m, {"rate_mbps": m}) for m in minutes])])
    hour = timedelta(hours=1)
    spans = [
        TimeSpan(date(2026, 9, 7), MONDAY + hour, MONDAY + 2 * hour),
        TimeSpan(date(2026, 9, 7), MONDAY + 3 * hour, MONDAY + 4 * hour),
    ]
    (lowest,) = store.summarise(rates(spans, statistic=Statistic.MIN))
    (highest,) = store.summarise(rates(spans, statistic=Statistic.MAX))
    assert (lowest.value, highest.value, lowest.samples, lowest.days) == (60, 200, 4, 1)
    assert (lowest.since, lowest.until) == (MONDAY + hour, MONDAY + timedelta(minutes=200))
    assert store.summarise(rates([])) == []


def test_days_weeks_and_slots_are_counted_where_samples_are(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """Sunday belongs to the week before; two samples in one slot cover it once."""
    minutes = [0, 0.5, 1, 6 * 1440, 7 * 1440]
    store.apply_batches([make_batch([make_reading(m, {"rate_mbps": 1}) for m in minutes])])
    (summary,) = store.summarise(rates(whole_days(8), slot_s=60))
    assert (summary.samples, summary.slots, summary.days, summary.weeks) == (5, 4, 3, 2)


def test_void_samples_are_left_out_counted_and_kept_as_observed(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """A loopback test never reaches the value, and nobody loses sight of it either."""
    readings = [make_reading(m, {"rate_mbps": 100}) for m in range(3)]
    readings += [make_reading(3, {"rate_mbps": 200}, limited_by=("nic", "host_cpu"))]
    readings += [make_reading(4, {"rate_mbps": 300}, limited_by=("line",))]
    readings += [make_reading(5, {"rate_mbps": 9000}, limited_by=("host_cpu", "same_host"))]
    store.apply_batches([make_batch(readings)])
    (summary,) = store.summarise(
        rates(whole_days(1), statistic=Statistic.MAX, void_causes=("same_host",))
    )
    assert (summary.value, summary.samples, summary.free_samples) == (300, 5, 4)
    assert summary.limited_by_cause == {"host_cpu": 1, "line": 1, "nic": 1}
    assert (summary.void_samples, summary.void_by_cause) == (1, {"same_host": 1})
    assert summary.observed == 9000


def test_a_group_with_void_samples_alone_has_no_value(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """Nothing valid is unknown, which is not zero."""
    voided = make_reading(0, {"rate_mbps": 9000}, limited_by=("same_host",))
    store.apply_batches([make_batch([voided])])
    (summary,) = store.summarise(rates(whole_days(1), void_causes=("same_host",)))
    assert (summary.value, summary.samples, summary.since) == (None, 0, None)
    assert (summary.observed, summary.void_samples) == (9000, 1)


def test_a_limited_reading_without_a_cause_is_limited_by_its_reason(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """An agent that names the cause only as reason is voided all the same."""
    reading = make_reading(0, {"rate_mbps": 9}, outcome=Outcome.LIMITED, reason="same_host")
    store.apply_batches([make_batch([reading])])
    (summary,) = store.summarise(rates(whole_days(1), void_causes=("same_host",)))
    assert summary.value is None


def test_failed_readings_give_no_evidence(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """A number from a test that broke off is kept with its reading, and never a sample."""
    broken = make_reading(0, {"rate_mbps": 3}, outcome=Outcome.FAILED, reason="server_gone")
    store.apply_batches([make_batch([broken])])
    assert store.summarise(rates(whole_days(1))) == []
    assert store.latest_readings("zx-001")[0].reading.values == {"rate_mbps": 3}


@pytest.mark.parametrize(
    ("changes", "groups"),
    [
        ({}, {"core1", "core2", "pc"}),
        ({"target": "pc"}, {"pc"}),
        ({"labels": {"role": "backbone"}}, {"core1", "core2"}),
        ({"labels": {"role": "backbone", "floor": "2"}}, {"core2"}),
        ({"labels_not": {"role": ("backbone",)}}, {"pc"}),
        ({"labels_not": {"floor": ("1", "2")}}, {"core1", "pc"}),
        ({"per": Grouping.AGENT}, {"a1", "a2"}),
        ({"per": Grouping.AGENT_TARGET}, {"a1/core1", "a1/pc", "a2/core2", "a2/pc"}),
        ({"per": Grouping.SCHOOL}, {"zx-001"}),
        ({"school_id": "zx-009"}, set()),
        ({"series": "outlet_bandwidth.rate"}, set()),
    ],
)
def test_groups_and_filters(
    store: SeriesStore,
    make_batch: MakeBatch,
    make_reading: MakeReading,
    whole_days: WholeDays,
    changes: dict[str, object],
    groups: set[str],
) -> None:
    """A missing label is not the label asked for, and not the label excluded either."""
    core1 = make_reading(0, {"rate_mbps": 1}, target="core1", labels={"role": "backbone"})
    core2 = make_reading(
        0, {"rate_mbps": 2}, target="core2", labels={"role": "backbone", "floor": "2"}
    )
    pc = make_reading(0, {"rate_mbps": 3}, target="pc")
    store.apply_batches([make_batch([core1, pc]), make_batch([core2, pc], agent="a2")])
    assert set(by_group(store.summarise(rates(whole_days(1), **changes)))) == groups


def test_a_run_of_three_down_minutes_is_an_outage(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """Two lost minutes are forgiven, three are not, and unobserved minutes count nowhere."""
    down = {2, 3, 6, 7, 8}
    up = [(m, float(m not in down)) for m in range(10)] + [(600, 1.0), (601, 0.0)]
    readings = [make_reading(m, {"rate_mbps": value}) for m, value in up]
    store.apply_batches([make_batch(readings)])
    (summary,) = store.summarise(rates(whole_days(1), statistic=Statistic.UP_RATIO))
    assert summary.value == pytest.approx(9 / 12)
    assert summary.samples == 12


def test_a_second_observer_can_clear_an_outage(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """An agent that lost its own cable does not take the school's outlet down with it."""
    lost = [make_reading(m, {"rate_mbps": 0}) for m in range(6)]
    fine = [make_reading(m + 0.5, {"rate_mbps": 1}) for m in range(6)]
    store.apply_batches([make_batch(lost), make_batch(fine, agent="a2")])
    (summary,) = store.summarise(rates(whole_days(1), statistic=Statistic.UP_RATIO))
    assert summary.value == 1


def test_many_threads_may_write_and_read_at_once(
    store: SeriesStore, make_batch: MakeBatch, make_reading: MakeReading, whole_days: WholeDays
) -> None:
    """The store is shared by request threads and the applier; a reader never sees half a batch."""
    batches = [
        make_batch([make_reading(n * 10 + k, {"rate_mbps": 1}) for k in range(10)])
        for n in range(40)
    ]
    seen: list[int] = []
    errors: list[Exception] = []

    def work(part: list[Batch]) -> None:
        try:
            for batch in part:
                store.apply_batches([batch])
                seen.extend(s.samples for s in store.summarise(rates(whole_days(1))))
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(batches[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert all(count % 10 == 0 for count in seen)
    assert [s.samples for s in store.summarise(rates(whole_days(1)))] == [400]

"""Summaries of series in SQL: DuckDB scans, filters by span and reduces; only results come back.

Each sample is matched to the span it lies in by an as-of join (five times faster here than a range
join), and read once for everything a summary says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from collector.storage.ports import GroupSummary, SeriesQuery
from rubrics.indicators import Grouping, Statistic

Read = Callable[[str, Mapping[str, object]], list[Any]]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

SHORTEST_OUTAGE_MINUTES: Final = 3
"""A shorter run of down minutes is lost probes, not an outage (Q12)."""

_GROUP: Final = {
    Grouping.TARGET: "s.target",
    Grouping.AGENT: "s.agent_id",
    Grouping.AGENT_TARGET: "s.agent_id || '/' || s.target",
    Grouping.SCHOOL: "s.school_id",
}

_AGGREGATE: Final = {
    Statistic.MIN: "min(value)",
    Statistic.P5: "quantile_cont(value, 0.05)",
    Statistic.P10: "quantile_cont(value, 0.1)",
    Statistic.MEDIAN: "quantile_cont(value, 0.5)",
    Statistic.P90: "quantile_cont(value, 0.9)",
    Statistic.P95: "quantile_cont(value, 0.95)",
    Statistic.MAX: "max(value)",
    Statistic.MEAN: "favg(value)",
    # Two observers may share an instant: the smaller value is the careful one.
    Statistic.LATEST: "max_by(value, {'t': time, 'v': -value})",
}

PICKED: Final = """
WITH spans AS (
    SELECT unnest($span_starts::BIGINT[]).make_timestamp() AS start,
           unnest($span_stops::BIGINT[]).make_timestamp() AS stop,
           unnest($span_days::INTEGER[]) AS day, unnest($span_weeks::INTEGER[]) AS week
), chosen AS (
    SELECT e.series_id, {group} AS grp
    FROM series e JOIN sources s USING (source_id)
    WHERE s.school_id = $school AND s.probe = $probe AND e.metric = $metric
      AND ($target IS NULL OR s.target = $target)
      AND list_bool_and([true] || list_transform($with_names::VARCHAR[],
            lambda name, i: s.labels[name] IS NOT DISTINCT FROM ($with_texts::VARCHAR[])[i]))
      AND list_bool_and([true] || list_transform($without_names::VARCHAR[],
            lambda name, i: s.labels[name] IS DISTINCT FROM ($without_texts::VARCHAR[])[i]))
), picked AS (
    SELECT c.grp, p.start, p.day, p.week, v.time, v.value, v.limited_by,
           coalesce(list_has_any(v.limited_by, $void::VARCHAR[]), false) AS void
    FROM samples v
    JOIN chosen c USING (series_id)
    ASOF JOIN spans p ON v.time >= p.start
    WHERE v.time < p.stop AND v.outcome IN ('ok', 'limited')
      AND v.time >= $first::BIGINT.make_timestamp() AND v.time < $last::BIGINT.make_timestamp()
)
"""

_SUMMARY: Final = """
SELECT grp,
       {aggregate} FILTER (NOT void) AS value,
       count(*) FILTER (NOT void),
       count(DISTINCT day) FILTER (NOT void),
       count(DISTINCT week) FILTER (NOT void),
       count(DISTINCT (epoch_us(start) + (epoch_us(time) - epoch_us(start)) // $slot_us * $slot_us))
         FILTER (NOT void),
       min(time) FILTER (NOT void),
       max(time) FILTER (NOT void),
       count(*) FILTER (NOT void AND (limited_by IS NULL OR limited_by = ['line'])),
       count(DISTINCT day) FILTER (NOT void AND (limited_by IS NULL OR limited_by = ['line'])),
       histogram(array_to_string(limited_by, ',')) FILTER (NOT void AND limited_by IS NOT NULL),
       count(*) FILTER (void),
       histogram(array_to_string(list_intersect(limited_by, $void::VARCHAR[]), ',')) FILTER (void),
       {aggregate} FILTER (void) AS observed
FROM picked GROUP BY grp ORDER BY grp
"""

MINUTE_RUNS: Final = """
, minutes AS (
    SELECT grp, void, start, (epoch_us(time) - epoch_us(start)) // 60000000 AS minute,
           max(value) > 0 AS up
    FROM picked GROUP BY ALL
), numbered AS (
    SELECT *, row_number() OVER runs - row_number() OVER same AS run
    FROM minutes
    WINDOW runs AS (PARTITION BY grp, void, start ORDER BY minute),
           same AS (PARTITION BY grp, void, start, up ORDER BY minute)
)
"""
"""Runs of observed minutes that were all up or all down, within each span."""

_UP_RATIO: Final = """
, counted AS (
    SELECT grp, void, count(*) AS minutes,
           up OR max(minute) - min(minute) + 1 < $shortest_outage AS counts_as_up
    FROM numbered GROUP BY grp, void, start, up, run
)
SELECT grp, void, coalesce(sum(minutes) FILTER (counts_as_up), 0) / sum(minutes)
FROM (SELECT grp, void, minutes, counts_as_up FROM counted) GROUP BY grp, void
"""

_MEDIAN_OF_DAILY_MEAN: Final = """
, daily AS (SELECT grp, void, day, favg(value) AS mean FROM picked GROUP BY grp, void, day)
SELECT grp, void, quantile_cont(mean, 0.5) FROM daily GROUP BY grp, void
"""

_SEPARATE: Final = {
    Statistic.UP_RATIO: (MINUTE_RUNS, _UP_RATIO),
    Statistic.MEDIAN_OF_DAILY_MEAN: (_MEDIAN_OF_DAILY_MEAN,),
}


def summarise(read: Read, query: SeriesQuery) -> Sequence[GroupSummary]:
    """Answer the query through `read(sql, parameters)`; see SeriesStore.summarise."""
    if not query.spans:
        return []
    picked = PICKED.format(group=group_expression(query))
    parameters = parameters_of(query)
    separate = _SEPARATE.get(query.statistic)
    aggregate = _AGGREGATE.get(query.statistic, "any_value(NULL::DOUBLE)")
    slot_us = query.slot_s * 1_000_000
    rows = read(picked + _SUMMARY.format(aggregate=aggregate), {**parameters, "slot_us": slot_us})
    values: dict[tuple[str, bool], float | None] = {}
    if separate is not None:
        if query.statistic is Statistic.UP_RATIO:
            parameters["shortest_outage"] = SHORTEST_OUTAGE_MINUTES
        statement = "".join((picked, *separate))
        values = {(grp, void): value for grp, void, value in read(statement, parameters)}
    return [_summary(row, values) for row in rows]


def group_expression(query: SeriesQuery) -> str:
    """Return what `PICKED` groups by."""
    return _GROUP[query.per]


def parameters_of(query: SeriesQuery) -> dict[str, object]:
    """Return the parameters that `PICKED` names."""
    probe, _, metric = query.series.partition(".")
    spans = query.spans
    without = [(name, text) for name, texts in query.labels_not.items() for text in texts]
    return {
        "school": query.school_id,
        "probe": probe,
        "metric": metric,
        "target": query.target,
        "with_names": list(query.labels),
        "with_texts": list(query.labels.values()),
        "without_names": [name for name, _ in without],
        "without_texts": [text for _, text in without],
        "void": list(query.void_causes),
        "span_starts": [_microseconds(span.start) for span in spans],
        "span_stops": [_microseconds(span.stop) for span in spans],
        "span_days": [span.day.toordinal() for span in spans],
        "span_weeks": [(span.day.toordinal() - 1) // 7 for span in spans],
        "first": _microseconds(spans[0].start),
        "last": _microseconds(spans[-1].stop),
    }


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _summary(
    row: tuple[Any, ...], separate: Mapping[tuple[str, bool], float | None]
) -> GroupSummary:
    (group, value, samples, days, weeks, slots, since, until, free_samples, free_days,
     limited, void_samples, void, observed) = row  # fmt: skip
    return GroupSummary(
        group=group,
        value=separate.get((group, False), value),
        samples=samples,
        days=days,
        weeks=weeks,
        slots=slots,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
        free_samples=free_samples,
        free_days=free_days,
        limited_by_cause=by_cause(limited),
        void_samples=void_samples,
        void_by_cause=by_cause(void),
        observed=separate.get((group, True), observed),
    )


def by_cause(histogram: Mapping[str, int] | None) -> dict[str, int]:
    """Count each cause of a histogram whose keys are causes joined by commas."""
    counts: dict[str, int] = {}
    for causes, samples in (histogram or {}).items():
        for cause in causes.split(","):
            counts[cause] = counts.get(cause, 0) + samples
    return dict(sorted(counts.items()))

"""Samples for charts in SQL: the picked samples thinned to few points, and the outages among them.

Both look at the very samples that `summarise` reduces for the same query, so that a chart never
shows what a verdict did not see. Thinning happens in the store: a term of minutes is a quarter of
a million rows for one host, and a chart has room for some hundreds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from collector.storage.duckdb_statistics import (
    MINUTE_RUNS,
    PICKED,
    SHORTEST_OUTAGE_MINUTES,
    Read,
    by_cause,
    group_expression,
    parameters_of,
)
from collector.storage.ports import Outage, SamplePoint, SeriesQuery

_POINTS: Final = """
, sized AS (
    SELECT grp, count(*) AS size FROM picked GROUP BY grp ORDER BY grp LIMIT $max_groups
), placed AS (
    SELECT p.*, CASE WHEN z.size <= $max_points THEN epoch_us(p.time)
                ELSE (epoch_us(p.time) - $first::BIGINT) * $max_points::BIGINT
                     // ($last::BIGINT - $first::BIGINT) END AS bucket
    FROM picked p JOIN sized z USING (grp)
)
SELECT grp, void, min(time), max(time), min(value), quantile_cont(value, 0.5), max(value),
       favg(value), count(*),
       histogram(array_to_string(limited_by, ',')) FILTER (limited_by IS NOT NULL)
FROM placed GROUP BY grp, void, bucket ORDER BY grp, min(time), void
"""

_OUTAGES: Final = """
SELECT grp, start + to_minutes(min(minute)), start + to_minutes(max(minute) + 1)
FROM numbered WHERE NOT void AND NOT up
GROUP BY grp, start, run
HAVING max(minute) - min(minute) + 1 >= $shortest_outage
ORDER BY 2 DESC, grp LIMIT $max_outages
"""


def samples(
    read: Read, query: SeriesQuery, max_points: int, max_groups: int
) -> Sequence[SamplePoint]:
    """Answer through `read(sql, parameters)`; see SeriesStore.samples."""
    if not query.spans:
        return []
    bounds = {"max_points": max_points, "max_groups": max_groups}
    rows = read(
        PICKED.format(group=group_expression(query)) + _POINTS, {**parameters_of(query), **bounds}
    )
    return [_point(row) for row in rows]


def outages(read: Read, query: SeriesQuery, max_outages: int) -> Sequence[Outage]:
    """Answer through `read(sql, parameters)`; see SeriesStore.outages."""
    if not query.spans:
        return []
    bounds = {"shortest_outage": SHORTEST_OUTAGE_MINUTES, "max_outages": max_outages}
    rows = read(
        PICKED.format(group=group_expression(query)) + MINUTE_RUNS + _OUTAGES,
        {**parameters_of(query), **bounds},
    )
    return [
        Outage(group, start.replace(tzinfo=UTC), stop.replace(tzinfo=UTC))
        for group, start, stop in reversed(rows)
    ]


def _point(row: tuple[Any, ...]) -> SamplePoint:
    group, void, since, until, smallest, median, largest, mean, count, causes = row
    return SamplePoint(
        group=group,
        since=since.replace(tzinfo=UTC),
        until=until.replace(tzinfo=UTC),
        smallest=smallest,
        median=median,
        largest=largest,
        mean=mean,
        samples=count,
        void=void,
        limited_by_cause=by_cause(causes),
    )

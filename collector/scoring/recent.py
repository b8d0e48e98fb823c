"""What was measured of a school a few minutes ago, so that looking again does not measure again.

Measuring a document costs most of a second; forms are looked at every few seconds, and everything
on them but the measurements is read anew. What is frozen or signed is always measured anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

from collector.domain import Fact, Json
from collector.scoring.calendar import SchoolCalendar
from collector.scoring.measure import ScoringWindow, measure_indicators
from collector.storage.ports import SeriesStore
from rubrics.indicators import IndicatorDefinition

KEPT = timedelta(minutes=5)
"""Agents send every minute; five more do not change what six weeks of samples say."""
MOST_KEPT = 256
"""Schools times documents; each is some ten thousand characters."""


class RecentMeasurements:
    """Measures indicators and remembers what came out. Safe to share between threads.

    Remembered is by school, indicators, days, `rules` (what else the caller measures by: calendar
    and definitions), the probes that the school ever ran, and the declared facts that a census
    counts by; a change of any of them measures anew. Two processes may differ by `KEPT`.
    """

    def __init__(self, series: SeriesStore) -> None:
        self._series = series
        self._known: OrderedDict[Hashable, tuple[datetime, dict[str, Json]]] = OrderedDict()
        self._lock = Lock()

    def measure(
        self,
        school_id: str,
        definitions: Sequence[IndicatorDefinition],
        window: ScoringWindow,
        calendar: SchoolCalendar,
        facts: Mapping[str, Fact],
        rules: Hashable,
        *,
        fresh: bool,
    ) -> dict[str, Json]:
        """Return what `measure_indicators` does; unless `fresh`, perhaps as of `KEPT` ago."""
        key = (
            school_id,
            tuple(one.id for one in definitions),
            (window.since, window.until),
            rules,
            self._series.probes_of(school_id),
            tuple(_counts(definitions, facts)),
        )
        if not fresh:
            known = self._recall(key, window.stop)
            if known is not None:
                return known
        found = measure_indicators(self._series, school_id, definitions, window, calendar, facts)
        with self._lock:
            if fresh and key not in self._known:
                return found  # nobody is looking at it: the background works through all schools
            self._known[key] = window.stop, found
            self._known.move_to_end(key)
            if len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        return dict(found)

    def _recall(self, key: Hashable, stop: datetime) -> dict[str, Json] | None:
        with self._lock:
            known = self._known.get(key)
            if known is None or not timedelta() <= stop - known[0] < KEPT:
                return None
            self._known.move_to_end(key)
            return dict(known[1])


def _counts(
    definitions: Sequence[IndicatorDefinition], facts: Mapping[str, Fact]
) -> list[tuple[str, str]]:
    names = {one.census.fact for one in definitions if one.census is not None}
    return sorted((name, facts[name].value) for name in names if name in facts)

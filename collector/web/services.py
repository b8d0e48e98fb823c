"""What the pages need from the rest of the collector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from collector.domain import StoredSheet
from collector.storage.ports import RecordStore, SeriesQuery, SeriesStore
from rubrics.indicators import Window
from rubrics.model import Rubric


class SheetService(Protocol):
    """Scores one school by one rubric."""

    def score(
        self, school_id: str, rubric_id: str, now: datetime, *, fresh: bool = True
    ) -> StoredSheet:
        """Compute the sheet from what is stored at `now`, keep it if it changed, return it.

        Unless `fresh`, what was measured may be as of some minutes ago: enough to look at.
        Raises NotFoundError for an unknown school or rubric, UnprocessableError with the reason
        where the rubric does not apply to the school.
        """
        ...


class SampleQueries(Protocol):
    """Knows which samples an indicator is computed from."""

    def sample_queries(
        self, school_id: str, indicator: str, now: datetime, window: Window | None = None
    ) -> list[SeriesQuery]:
        """Return what the indicator asks of the series store, one query for each of its series.

        Over the part of the scoring window that the indicator looks at, or over another one.
        Raises NotFoundError for an unknown school or indicator.
        """
        ...


@dataclass(frozen=True)
class WebServices:
    """Everything a page or the read API asks; wired in `collector/app.py`."""

    records: RecordStore
    series: SeriesStore
    sheets: SheetService
    rubrics: Mapping[str, Rubric]
    """By id."""
    clock: Callable[[], datetime]
    queries: SampleQueries
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))

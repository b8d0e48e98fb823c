"""What the pages need from the rest of the collector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from collector.domain import StoredSheet
from collector.storage.ports import RecordStore, SeriesStore
from rubrics.model import Rubric


class SheetService(Protocol):
    """Scores one school by one rubric."""

    def score(self, school_id: str, rubric_id: str, now: datetime) -> StoredSheet:
        """Compute the sheet from what is stored at `now`, keep it if it changed, return it.

        Raises NotFoundError for an unknown school or rubric, UnprocessableError with the reason
        where the rubric does not apply to the school.
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
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))

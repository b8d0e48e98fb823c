"""Counts of the newest sheets for the overview, parsed once per sheet."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

from collector.domain import StoredSheet
from collector.storage.ports import SheetRecords
from collector.web.overview_page import Scored
from collector.web.sheet_page import points_of
from collector.web.verdicts import Counts, Result

#: A county has up to a few thousand schools with some rubrics each; older ones are parsed again.
KEPT = 8192


class SheetCounts:
    """Reads the newest sheet's counts; a sheet never changes under its hash, so they are kept."""

    def __init__(self, records: SheetRecords) -> None:
        self._records = records
        self._kept: OrderedDict[str, Scored] = OrderedDict()
        self._lock = Lock()

    def newest(self, school_id: str, rubric_id: str) -> Scored | None:
        """Return the counts of the newest stored sheet; None while there is none."""
        stored = self._records.latest_sheet(school_id, rubric_id)
        if stored is None:
            return None
        with self._lock:
            scored = self._kept.get(stored.content_hash)
            if scored is None or scored.computed_at != stored.computed_at:
                scored = self._kept[stored.content_hash] = _read(stored)
            self._kept.move_to_end(stored.content_hash)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return scored


def _read(stored: StoredSheet) -> Scored:
    sheet: Mapping[str, Any] = json.loads(stored.sheet_json)
    results = (
        Result(finding["result"])
        for item in sheet["items"].values()
        for finding in item.get("findings") or ({"result": Result.INSUFFICIENT},)
    )
    return Scored(Counts.of(results), stored.computed_at, points_of(sheet.get("total")))

"""Score sheets with the case files they came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredSheet:
    """A score sheet together with the very case file it was computed from (both JSON texts)."""

    school_id: str
    rubric_id: str
    rubric_version: str
    content_hash: str
    computed_at: datetime
    case_json: str
    sheet_json: str

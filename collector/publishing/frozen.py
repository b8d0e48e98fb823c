"""What publishing reads: sheets as they were frozen, from the store or from a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FrozenSheet:
    """One version of one school's sheet by one rubric, with all it was computed from.

    `version` counts the frozen states of the case; a correction says why in `reason` and leaves
    earlier versions as they were. `evidence` lists what supported the items as it stood then, in
    the form of `BundledEvidence` without `school_id` and `file`.
    """

    school_id: str
    school_name: str
    rubric_id: str
    rubric_version: str
    rubric_hash: str
    engine_version: str
    content_hash: str
    case_json: str
    sheet_json: str
    version: int
    frozen_by: str
    frozen_at: datetime
    reason: str = ""
    evidence: Sequence[Mapping[str, Any]] = ()

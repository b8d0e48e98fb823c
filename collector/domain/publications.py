"""Publications of a round: which frozen sheets were made known, and what ties them together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """One publication of a round. `number` counts from 1; a later one holds corrections.

    `manifest_sha256` names the document that lists every sheet, case file, rubric and piece of
    evidence by hash: the table of contents of the round's bundle. `why` is empty for the first.
    """

    round_id: str
    number: int
    manifest_sha256: str
    sheets: int
    published_by: str
    published_at: datetime
    why: str = ""

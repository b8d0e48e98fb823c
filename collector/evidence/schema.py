"""The JSON of the evidence interface."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from collector.domain import Evidence, Support

ShortText = Annotated[str, Field(max_length=2000)]


class SupportAnswer(BaseModel):
    """A line of an item's 支撑材料清单, numbered from 1."""

    rubric_id: str
    item_id: str
    number: int


class EvidenceAnswer(BaseModel):
    """One piece of evidence and the items it supports."""

    sha256: str
    name: str
    media_type: str
    size_bytes: int
    since: date | None
    until: date | None
    note: str
    added_by: str
    added_at: datetime
    withdrawn_at: datetime | None
    supports: tuple[SupportAnswer, ...] = ()

    @classmethod
    def of(cls, piece: Evidence, supports: tuple[Support, ...]) -> EvidenceAnswer:
        """Describe a piece."""
        return cls(
            sha256=piece.sha256,
            name=piece.name,
            media_type=piece.kind.value,
            size_bytes=piece.size_bytes,
            since=piece.since,
            until=piece.until,
            note=piece.note,
            added_by=piece.added_by,
            added_at=piece.added_at,
            withdrawn_at=piece.withdrawn_at,
            supports=tuple(
                SupportAnswer(rubric_id=one.rubric_id, item_id=one.item_id, number=one.number)
                for one in supports
            ),
        )


class EvidenceList(BaseModel):
    """All evidence of a school, oldest first. `next` continues, null at the end."""

    evidence: tuple[EvidenceAnswer, ...]
    next: str | None = None


class AddedAnswer(BaseModel):
    """What was handed in. `new` is false where the school had given the very same content."""

    evidence: EvidenceAnswer
    new: bool


class ExcerptRequest(BaseModel):
    """Which measurement to freeze: an indicator of the catalogue."""

    indicator: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
    note: ShortText = ""

"""Evidence (支撑材料): files and frozen excerpts of measurements, by their content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class EvidenceKind(StrEnum):
    """What may be handed in; the value is the media type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    JPEG = "image/jpeg"
    PNG = "image/png"
    EXCERPT = "application/vnd.campusgauge.excerpt+json"
    """Measurements as they stood, written by the collector itself."""

    @property
    def suffix(self) -> str:
        """The usual end of a file name."""
        return _SUFFIXES[self]


_SUFFIXES = {
    EvidenceKind.PDF: ".pdf",
    EvidenceKind.DOCX: ".docx",
    EvidenceKind.XLSX: ".xlsx",
    EvidenceKind.JPEG: ".jpg",
    EvidenceKind.PNG: ".png",
    EvidenceKind.EXCERPT: ".json",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence of one school. `sha256` (hex) is its identity within the school.

    `since` and `until` bound the period it proves something about, both days included; None means
    that nobody said. `name` is for people, cleaned of paths, and never used to find the file.
    """

    school_id: str
    sha256: str
    name: str
    kind: EvidenceKind
    size_bytes: int
    added_by: str
    added_at: datetime
    since: date | None = None
    until: date | None = None
    note: str = ""
    withdrawn_at: datetime | None = None
    """When the school took it back. It stays on record, and in what was published with it."""


@dataclass(frozen=True, slots=True)
class Support:
    """That a piece of evidence supports an item: line `number` of its 支撑材料清单."""

    school_id: str
    rubric_id: str
    item_id: str
    sha256: str
    number: int
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class FlagNote:
    """What a person said about a flag: an explanation, or what an inspector found."""

    round_id: str
    school_id: str
    rubric_id: str
    flag_id: str
    text: str
    author: str
    recorded_at: datetime

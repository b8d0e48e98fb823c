"""The table of contents of a verification bundle: what was published and what proves it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FORMAT: Final = "campusgauge-bundle/1"
MANIFEST = "manifest.json"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[
    str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9._/-]{1,300}$", max_length=310)
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BundledSheet(_Part):
    """One published score sheet, with the files it is computed from.

    `content_hash` is the sheet's own (rubric, case and engine version). `version` counts the
    publications of this school and rubric in the round; a correction says what it corrects.
    """

    school_id: str
    school_name: str
    rubric_id: str
    rubric_version: str
    rubric_hash: str
    engine_version: str
    content_hash: str
    proven: str | None
    possible: str | None
    max: str | None
    """Points of the whole sheet as decimal text; absent where the document has none."""
    band: str | None
    version: Annotated[int, Field(ge=1)]
    published_at: datetime
    published_by: str
    reason: str = ""
    """Why a version after the first was published."""
    rubric_file: FileName
    case_file: FileName
    sheet_file: FileName


class BundledSupport(_Part):
    """Which item a piece of evidence supports, and its number in that item's list."""

    rubric_id: str
    item_id: str
    number: Annotated[int, Field(ge=1)]


class BundledEvidence(_Part):
    """A piece of evidence by its hash. `file` is absent where the bundle leaves files out."""

    sha256: Sha256
    school_id: str
    name: str
    media_type: str
    size_bytes: Annotated[int, Field(ge=0)]
    since: date | None = None
    until: date | None = None
    supports: tuple[BundledSupport, ...] = ()
    file: FileName | None = None


class Manifest(_Part):
    """Everything in a bundle, with the SHA-256 of each file beside it."""

    format: Literal["campusgauge-bundle/1"] = FORMAT
    round_id: str
    round_title: str
    program_version: str
    audit_head: str | None = None
    """Head of the audit chain when the sheets were frozen; ties the bundle to the records."""
    sheets: tuple[BundledSheet, ...]
    evidence: tuple[BundledEvidence, ...] = ()
    files: dict[FileName, Sha256]

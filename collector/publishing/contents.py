"""From frozen sheets to the contents of a bundle: pure, no store and no clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from collector.publishing.frozen import FrozenSheet
from collector.publishing.manifest import BundledEvidence, BundledSheet, Manifest
from rubrics import __version__


@dataclass(frozen=True, slots=True)
class Contents:
    """A manifest and the texts it names. Evidence files are added by whoever has them."""

    manifest: Manifest
    texts: Mapping[str, bytes]


def contents(
    round_id: str,
    round_title: str,
    frozen: Sequence[FrozenSheet],
    rubric_texts: Mapping[str, str],
    *,
    audit_head: str | None,
    with_evidence: bool,
) -> Contents:
    """Return the contents of a bundle for frozen sheets of one round.

    `rubric_texts` are the frozen rubrics by hash. Without `with_evidence` the bundle names its
    evidence by hash alone.
    """
    texts: dict[str, bytes] = {}
    sheets, evidence = [], {}
    for one in frozen:
        sheet = _sheet(one)
        texts[sheet.rubric_file] = rubric_texts[one.rubric_hash].encode()
        texts[sheet.case_file] = one.case_json.encode()
        texts[sheet.sheet_file] = one.sheet_json.encode()
        sheets.append(sheet)
        for piece in _evidence(one, with_files=with_evidence):
            evidence[piece.school_id, piece.sha256, one.rubric_id] = piece
    listed = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    listed |= {piece.file: piece.sha256 for piece in evidence.values() if piece.file}
    manifest = Manifest(
        round_id=round_id,
        round_title=round_title,
        program_version=__version__,
        audit_head=audit_head,
        sheets=tuple(sheets),
        evidence=tuple(evidence[key] for key in sorted(evidence)),
        files=dict(sorted(listed.items())),
    )
    return Contents(manifest, texts)


def _evidence(one: FrozenSheet, *, with_files: bool) -> list[BundledEvidence]:
    return [
        BundledEvidence.model_validate(
            {
                **piece,
                "school_id": one.school_id,
                "file": f"evidence/{piece['sha256']}" if with_files else None,
            }
        )
        for piece in one.evidence
    ]


def _sheet(one: FrozenSheet) -> BundledSheet:
    stem = f"{_safe(one.school_id)}/{_safe(one.rubric_id)}-v{one.version}.json"
    sheet = json.loads(one.sheet_json)
    return BundledSheet(
        school_id=one.school_id,
        school_name=one.school_name,
        rubric_id=one.rubric_id,
        rubric_version=one.rubric_version,
        rubric_hash=one.rubric_hash,
        engine_version=one.engine_version,
        content_hash=one.content_hash,
        **result_of(sheet),
        version=one.version,
        published_at=one.frozen_at,
        published_by=one.frozen_by,
        reason=one.reason,
        rubric_file=f"rubrics/{one.rubric_hash.removeprefix('sha256:')}.json",
        case_file=f"cases/{stem}",
        sheet_file=f"sheets/{stem}",
    )


def result_of(sheet: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what the list of results says of a sheet (its JSON form)."""
    total = sheet["total"]
    return {
        "proven": total["proven"],
        "possible": total["possible"],
        "max": total["max"],
        "band": sheet["outcome"]["band"],
    }


def _safe(name: str) -> str:
    """Spell an id so that every file system takes it as one name."""
    return quote(name, safe="").replace("%", "_").replace("~", "_7E").lstrip(".") or "_"

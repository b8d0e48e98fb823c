"""Handing in evidence: the file first, durably, then its record; never the other way round."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath, PureWindowsPath

from collector.domain import Act, Evidence, EvidenceKind, Json, Support
from collector.errors import (
    ConflictError,
    NotFoundError,
    RowError,
    TooLargeError,
    UnprocessableError,
)
from collector.evidence.files import EvidenceFiles, Received
from collector.evidence.sniffing import sniff
from collector.storage.ports import EvidenceRecords

NAME_CHARACTERS_MAX = 120


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """Bounds of what one school may hand in."""

    file_bytes: int = 20 << 20
    school_bytes: int = 4 << 30
    school_pieces: int = 5000


@dataclass(frozen=True, slots=True)
class Described:
    """What a person says about a piece: its name, the period it proves, a note."""

    name: str
    since: date | None = None
    until: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """A piece on record. `new` is false if the school had handed in the very same content."""

    evidence: Evidence
    new: bool


class EvidenceService:
    """Takes, lists and gives out evidence. Safe to share between threads."""

    def __init__(
        self,
        records: EvidenceRecords,
        files: EvidenceFiles,
        rubric_items: Callable[[str], frozenset[str] | None],
        limits: EvidenceLimits | None = None,
    ) -> None:
        """Take `rubric_items`: the item ids of a rubric, or None where there is no such rubric."""
        self._records = records
        self._files = files
        self._rubric_items = rubric_items
        self.limits = limits or EvidenceLimits()

    def check_room(self, school_id: str) -> None:
        """Return if the school may hand in more. Raises ConflictError."""
        use = self._records.evidence_use(school_id)
        if use.pieces >= self.limits.school_pieces or use.size_bytes >= self.limits.school_bytes:
            raise ConflictError(
                "evidence_full",
                f"本校已交 {use.pieces} 份、{use.size_bytes >> 20} MiB，到了上限；请联系教育局。",
                detail_en=f"{use.pieces} pieces, {use.size_bytes >> 20} MiB handed in: the bound "
                "of a school. Ask the bureau.",
            )

    def check_size(self, size_bytes: int) -> None:
        """Return if a file may be this large. Raises TooLargeError."""
        if size_bytes > self.limits.file_bytes:
            mib = self.limits.file_bytes >> 20
            raise TooLargeError(
                "evidence_too_large",
                f"文件超过 {mib} MiB；请压缩图片或分成几份。",
                detail_en=f"More than {mib} MiB; make the pictures smaller or split the file.",
            )

    def add(self, school_id: str, received: Received, described: Described, act: Act) -> Added:
        """Keep a received file and put it on record; it is dropped where that fails.

        Raises UnsupportedMediaError for a kind that is not taken, UnprocessableError for a period
        that ends before it begins, NotFoundError for an unknown school.
        """
        try:
            kind = sniff(received.path)
            _check_period(described)
        except BaseException:
            self._files.drop(received)
            raise
        self._files.keep(received)
        return self._record(school_id, received.sha256, received.size_bytes, kind, described, act)

    def add_excerpt(self, school_id: str, excerpt: Json, described: Described, act: Act) -> Added:
        """Freeze measurements as they stand now, with the standing of any other evidence."""
        _check_period(described)
        text = json.dumps(excerpt, ensure_ascii=False, sort_keys=True, indent=1).encode()
        receiver = self._files.begin()
        try:
            receiver.write(text)
            received = receiver.end()
        except BaseException:
            receiver.abandon()
            raise
        self._files.keep(received)
        return self._record(
            school_id, received.sha256, len(text), EvidenceKind.EXCERPT, described, act
        )

    def _record(
        self,
        school_id: str,
        sha256: str,
        size_bytes: int,
        kind: EvidenceKind,
        described: Described,
        act: Act,
    ) -> Added:
        piece = Evidence(
            school_id=school_id,
            sha256=sha256,
            name=clean_name(described.name, kind),
            kind=kind,
            size_bytes=size_bytes,
            added_by=act.actor,
            added_at=act.at,
            since=described.since,
            until=described.until,
            note=described.note,
        )
        new = self._records.add_evidence(piece, act)
        kept = self._records.evidence(school_id, sha256)
        return Added(kept or piece, new)

    def piece(self, school_id: str, sha256: str) -> Evidence:
        """Return a piece of a school. Raises NotFoundError."""
        found = self._records.evidence(school_id, sha256)
        if found is None:
            raise NotFoundError(
                "evidence_unknown",
                "本校没有这份支撑材料。",
                detail_en="This school has no such evidence.",
            )
        return found

    def content(self, piece: Evidence) -> Iterator[bytes]:
        """Return the file of a piece. Raises NotFoundError if it is gone from the disk."""
        return self._files.pieces(piece.sha256)

    def withdraw(self, school_id: str, sha256: str, act: Act) -> None:
        """Take a piece back. Raises NotFoundError, ConflictError if it was taken back before."""
        self.piece(school_id, sha256)
        if not self._records.withdraw_evidence(school_id, sha256, act):
            raise ConflictError(
                "evidence_withdrawn",
                "这份材料已经撤回。",
                detail_en="This piece was withdrawn before.",
            )

    def support(
        self, school_id: str, sha256: str, rubric_id: str, item_id: str, act: Act
    ) -> Support:
        """Put a piece on an item's list (支撑材料清单).

        Raises NotFoundError for an unknown piece, rubric or item, ConflictError for a piece that
        was withdrawn.
        """
        piece = self.piece(school_id, sha256)
        items = self._rubric_items(rubric_id)
        if items is None or item_id not in items:
            raise NotFoundError(
                "item_unknown",
                f"细则 {rubric_id} 里没有评估项 {item_id}。",
                detail_en=f"Rubric {rubric_id} has no item {item_id}.",
            )
        if piece.withdrawn_at is not None:
            raise ConflictError(
                "evidence_withdrawn",
                "这份材料已经撤回，请重新上传。",
                detail_en="This piece was withdrawn; hand it in again first.",
            )
        return self._records.add_support(
            Support(school_id, rubric_id, item_id, sha256, 1, act.actor, act.at), act
        )


def clean_name(given: str, kind: EvidenceKind) -> str:
    """Return a name to show: no path, nothing invisible, the suffix of what the file really is."""
    last = PurePosixPath(PureWindowsPath(given).name).name
    text = "".join(
        character
        for character in unicodedata.normalize("NFC", last)
        if unicodedata.category(character)[0] != "C"
    )
    stem = text.rsplit(".", 1)[0] if "." in text.lstrip(".") else text
    stem = stem.strip(" .")[:NAME_CHARACTERS_MAX] or "材料"
    return stem + kind.suffix


def _check_period(described: Described) -> None:
    if described.since and described.until and described.until < described.since:
        raise UnprocessableError(
            "period_reversed",
            "有效期的止期早于起期，请更正。",
            detail_en="The period ends before it begins.",
            errors=(RowError(None, "until", "before `since`"),),
        )

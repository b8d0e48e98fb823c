"""Publishing a round: freezing the list of everything, and handing it out as a bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO, Any, Protocol

from collector.domain import (
    Act,
    Case,
    CaseKey,
    CaseState,
    CaseVersion,
    Document,
    Publication,
    Round,
)
from collector.errors import ConflictError, NotFoundError, UnavailableError
from collector.publishing.bundle import manifest_text, write_bundle
from collector.publishing.contents import contents
from collector.publishing.frozen import FrozenSheet
from collector.publishing.manifest import BundledSheet, Manifest
from collector.storage.ports import (
    AuditRecords,
    CaseRecords,
    EvidenceRecords,
    PublicationRecords,
    RoundRecords,
)

_PAGE = 500

PublishRound = Callable[[Round, Mapping[CaseState, int], datetime], Round]
"""The step of the round's state machine; raises ConflictError where it is not time yet."""


class PublishedRecords(
    RoundRecords, CaseRecords, EvidenceRecords, PublicationRecords, AuditRecords, Protocol
):
    """The records that publishing reads and writes."""


@dataclass(frozen=True, slots=True)
class PublishedBundle:
    """A publication, or the part of one school, ready to be written."""

    publication: Publication
    manifest: Manifest

    @property
    def manifest_sha256(self) -> str:
        """SHA-256 of the manifest: what is printed on official sheets and given to `--expect`."""
        return hashlib.sha256(manifest_text(self.manifest)).hexdigest()


class PublishingService:
    """Publishes rounds and makes their bundles. Safe to share between threads."""

    def __init__(
        self,
        records: PublishedRecords,
        evidence_file: Callable[[str], Iterator[bytes]],
        publish_round: PublishRound,
    ) -> None:
        """Take `evidence_file`: the content of a piece of evidence by its hash."""
        self._records = records
        self._evidence_file = evidence_file
        self._publish_round = publish_round

    def publish(self, round_id: str, revision: int, act: Act) -> Publication:
        """Freeze the newest version of every case of a round as its next publication.

        Raises NotFoundError for an unknown round, ConflictError while a case is not final, where
        nothing changed since the last publication, or where the round changed meanwhile.
        """
        held = self._round(round_id)
        changed = self._publish_round(held, self._records.case_counts(round_id), act.at)
        earlier = self._records.publications(round_id)
        if held.revision != revision:
            raise _changed_meanwhile(held)
        if earlier and self._sheets_of(earlier[-1]) == self._newest_hashes(round_id):
            raise ConflictError(
                "publication_unchanged",
                "自上次公布以来没有更正，无需再次公布。",
                detail_en="Nothing was corrected since the last publication.",
            )
        manifest = self._manifest(held)
        document = Document.of("manifest", manifest_text(manifest).decode())
        publication = Publication(
            round_id,
            len(earlier) + 1,
            document.sha256,
            len(manifest.sheets),
            act.actor,
            act.at,
            act.why,
        )
        following = replace(changed, revision=held.revision + 1)
        if not self._records.add_publication(publication, document, following, act):
            raise _changed_meanwhile(held)
        return publication

    def publications(self, round_id: str) -> Sequence[Publication]:
        """Return what was published of a round, oldest first. Raises NotFoundError."""
        self._round(round_id)
        return self._records.publications(round_id)

    def bundle(
        self,
        round_id: str,
        number: int | None = None,
        *,
        school_id: str | None = None,
        with_evidence: bool = False,
    ) -> PublishedBundle:
        """Return a publication (the newest without `number`), or the part of one school.

        Raises NotFoundError where there is no such publication, or nothing of that school in it.
        """
        found = [
            one for one in self.publications(round_id) if number is None or one.number == number
        ]
        if not found:
            raise _nothing_published()
        manifest = self._published(found[-1])
        if school_id is not None:
            manifest = _part_of(manifest, school_id)
            if not manifest.sheets:
                raise _nothing_published()
        if with_evidence:
            manifest = _with_files(manifest)
        return PublishedBundle(found[-1], manifest)

    def write(self, bundle: PublishedBundle, target: IO[bytes]) -> None:
        """Write a bundle. Raises UnavailableError if a record it needs was damaged."""
        write_bundle(target, bundle.manifest, self._files(bundle.manifest))

    def _files(self, manifest: Manifest) -> Iterator[tuple[str, Iterable[bytes]]]:
        rubrics = {sheet.rubric_file: sheet.rubric_hash for sheet in manifest.sheets}
        for name in sorted(rubrics):
            yield name, [self._text(rubrics[name]).encode()]
        for sheet in manifest.sheets:
            key = CaseKey(manifest.round_id, sheet.school_id, sheet.rubric_id)
            version = self._version(key, sheet.version)
            case, found = _split(self._text(version.document_sha256))
            yield sheet.case_file, [case.encode()]
            yield sheet.sheet_file, [found.encode()]
        for sha256 in sorted({one.sha256 for one in manifest.evidence if one.file}):
            yield f"evidence/{sha256}", self._evidence_file(sha256)

    def _manifest(self, held: Round) -> Manifest:
        frozen = [self._frozen(case) for case in self._cases(held.id)]
        rubrics = {one.rubric_hash: self._text(one.rubric_hash) for one in frozen}
        head = self._records.audit_head()
        made = contents(
            held.id, held.title, frozen, rubrics, audit_head=str(head), with_evidence=False
        )
        return made.manifest

    def _cases(self, round_id: str) -> Iterator[Case]:
        last: CaseKey | None = None
        while True:
            page = self._records.cases(round_id, after=last, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].key

    def _frozen(self, case: Case) -> FrozenSheet:
        version = self._version(case.key, case.version)
        case_json, sheet_json = _split(self._text(version.document_sha256))
        found, sheet = json.loads(case_json), json.loads(sheet_json)
        return FrozenSheet(
            school_id=case.key.school_id,
            school_name=str(found["school"].get("name", "")),
            rubric_id=case.key.rubric_id,
            rubric_version=sheet["rubric_version"],
            rubric_hash=sheet["rubric_hash"],
            engine_version=sheet["engine_version"],
            content_hash=sheet["content_hash"],
            case_json=case_json,
            sheet_json=sheet_json,
            version=version.version,
            frozen_by=version.author,
            frozen_at=version.recorded_at,
            reason=version.why,
            evidence=self._evidence(case.key),
        )

    def _evidence(self, key: CaseKey) -> list[dict[str, Any]]:
        """List what is on the lists of this case's items, each piece once."""
        listed: dict[str, list[dict[str, Any]]] = {}
        for one in self._records.supports(key.school_id, key.rubric_id):
            line = {"rubric_id": one.rubric_id, "item_id": one.item_id, "number": one.number}
            listed.setdefault(one.sha256, []).append(line)
        if not listed:
            return []
        return [
            {
                "sha256": piece.sha256,
                "name": piece.name,
                "media_type": piece.kind.value,
                "size_bytes": piece.size_bytes,
                "since": piece.since,
                "until": piece.until,
                "supports": listed[piece.sha256],
            }
            for piece in self._records.evidence_of(key.school_id)
            if piece.sha256 in listed
        ]

    def _version(self, key: CaseKey, number: int) -> CaseVersion:
        for version in self._records.case_versions(key):
            if version.version == number:
                return version
        raise _damaged(f"{key.school_id}/{key.rubric_id} version {number}")

    def _text(self, sha256: str) -> str:
        document = self._records.document(sha256)
        if document is None or Document.of(document.kind, document.text).sha256 != sha256:
            raise _damaged(sha256)
        return document.text

    def _published(self, publication: Publication) -> Manifest:
        return Manifest.model_validate_json(self._text(publication.manifest_sha256))

    def _sheets_of(self, publication: Publication) -> dict[tuple[str, str], int]:
        sheets = self._published(publication).sheets
        return {(one.school_id, one.rubric_id): one.version for one in sheets}

    def _newest_hashes(self, round_id: str) -> dict[tuple[str, str], int]:
        return {
            (case.key.school_id, case.key.rubric_id): case.version for case in self._cases(round_id)
        }

    def _round(self, round_id: str) -> Round:
        held = self._records.round(round_id)
        if held is None:
            raise NotFoundError(
                "round_unknown",
                f"没有轮次 {round_id}。",
                detail_en=f"There is no round {round_id}.",
            )
        return held


def _split(text: str) -> tuple[str, str]:
    """Return case and sheet of a frozen version, each in its one spelling."""
    document = json.loads(text)
    return _canonical(document["case"]), _canonical(document["sheet"])


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _part_of(manifest: Manifest, school_id: str) -> Manifest:
    sheets = tuple(one for one in manifest.sheets if one.school_id == school_id)
    evidence = tuple(one for one in manifest.evidence if one.school_id == school_id)
    names = {name for sheet in sheets for name in _names(sheet)}
    return manifest.model_copy(
        update={
            "sheets": sheets,
            "evidence": evidence,
            "files": {name: sha for name, sha in manifest.files.items() if name in names},
        }
    )


def _names(sheet: BundledSheet) -> tuple[str, str, str]:
    return sheet.rubric_file, sheet.case_file, sheet.sheet_file


def _with_files(manifest: Manifest) -> Manifest:
    """Return the manifest with the evidence files among its files."""
    evidence = tuple(
        one.model_copy(update={"file": f"evidence/{one.sha256}"}) for one in manifest.evidence
    )
    files = {**manifest.files, **{f"evidence/{one.sha256}": one.sha256 for one in evidence}}
    return manifest.model_copy(update={"evidence": evidence, "files": dict(sorted(files.items()))})


def _changed_meanwhile(held: Round) -> ConflictError:
    return ConflictError(
        "round_changed_meanwhile",
        "轮次在此期间被修改，请刷新后重试。",
        detail_en="The round was changed meanwhile; load it again.",
        extra={"revision": held.revision, "state": held.state.value},
    )


def _nothing_published() -> NotFoundError:
    return NotFoundError(
        "nothing_published",
        "本轮次还没有公布（或其中没有这所学校）。",
        detail_en="Nothing of this was published yet.",
    )


def _damaged(what: str) -> UnavailableError:
    return UnavailableError(
        "record_damaged",
        f"记录 {what} 缺失或损坏，请运行 campusgauge audit verify 并从备份恢复。",
        detail_en=f"The record {what} is missing or damaged: run `campusgauge audit verify` and "
        "restore a backup.",
    )

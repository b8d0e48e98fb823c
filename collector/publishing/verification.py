"""Re-computing what was published, offline: the bundle, this program, and nothing else.

A sheet is a pure function of rubric, case file and engine version. Whoever holds the bundle can
evaluate it again and compare each digit; what differs is named by its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic import ValidationError

from collector.publishing.bundle import Bundle, BundleError
from collector.publishing.contents import result_of
from collector.publishing.manifest import MANIFEST, BundledSheet, Manifest
from rubrics.engine import ENGINE_VERSION, CaseError, evaluate
from rubrics.engine.plain_data import as_decimal_text
from rubrics.model import Rubric

PLACES_MAX = 20
"""Differences listed of one sheet; a sheet with more of them is another sheet."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it was published.

    `place` is a file, or a file and the path inside it. `code` is one of `file_missing`,
    `file_changed`, `file_unlisted`, `rubric_unreadable`, `case_unreadable`, `sheet_unreadable`,
    `hash_differs`, `value_differs`, `engine_differs`.
    """

    code: str
    place: str
    published: str | None = None
    found: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a re-computation came to."""

    manifest_sha256: str
    manifest: Manifest
    equal_sheets: int
    evidence_checked: int
    differences: tuple[Difference, ...] = field(default=())

    @property
    def equal(self) -> bool:
        """Whether everything is as it was published."""
        return not self.differences


def verify(bundle: Bundle, progress: Callable[[int, int], None]) -> Verdict:
    """Check every file's hash and compute every sheet again; `progress` gets done and total."""
    manifest = bundle.manifest
    differences = list(_check_files(bundle))
    total, equal = len(manifest.sheets), 0
    rubrics: dict[str, Rubric | Difference] = {}
    for done, sheet in enumerate(manifest.sheets):
        progress(done, total)
        if sheet.rubric_file not in rubrics:
            rubrics[sheet.rubric_file] = _read_rubric(bundle, sheet.rubric_file)
        found = list(_check_sheet(bundle, sheet, rubrics[sheet.rubric_file]))
        equal += not found
        differences += found
    progress(total, total)
    for engine in sorted({one.engine_version for one in manifest.sheets} - {ENGINE_VERSION}):
        differences.insert(0, Difference("engine_differs", "engine", engine, ENGINE_VERSION))
    checked = sum(piece.file is not None for piece in manifest.evidence)
    return Verdict(
        bundle.manifest_sha256, manifest, equal, checked, tuple(dict.fromkeys(differences))
    )


def _check_files(bundle: Bundle) -> Iterator[Difference]:
    listed = bundle.manifest.files
    for name, sha256 in sorted(listed.items()):
        if name not in bundle.names:
            yield Difference("file_missing", name, sha256, None)
            continue
        try:
            found = bundle.sha256(name)
        except BundleError as error:
            yield Difference("file_changed", name, sha256, str(error))
            continue
        if found != sha256:
            yield Difference("file_changed", name, sha256, found)
    for name in sorted(bundle.names - set(listed)):
        yield Difference("file_unlisted", name)
    yield from _check_references(bundle.manifest)


def _check_references(manifest: Manifest) -> Iterator[Difference]:
    """Name what the manifest speaks of and does not list among its files."""
    listed = manifest.files
    for piece in manifest.evidence:
        if piece.file is not None and listed.get(piece.file) != piece.sha256:
            yield Difference("file_changed", piece.file, piece.sha256, listed.get(piece.file))
    for sheet in manifest.sheets:
        for name in (sheet.rubric_file, sheet.case_file, sheet.sheet_file):
            if name not in listed:
                yield Difference("file_missing", name)


def _read_rubric(bundle: Bundle, name: str) -> Rubric | Difference:
    try:
        return Rubric.model_validate_json(bundle.read(name))
    except BundleError:
        return Difference("file_missing", name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return Difference("rubric_unreadable", f"{name}: {place}", None, first["msg"])


def _check_sheet(
    bundle: Bundle, sheet: BundledSheet, rubric: Rubric | Difference
) -> Iterator[Difference]:
    if isinstance(rubric, Difference):
        yield rubric
        return
    try:
        case = _read_json(bundle, sheet.case_file)
        published = _read_json(bundle, sheet.sheet_file)
    except BundleError as error:
        yield Difference("case_unreadable", sheet.case_file, None, str(error))
        return
    try:
        again = evaluate(rubric, case)
    except CaseError as error:
        yield Difference("case_unreadable", sheet.case_file, None, str(error))
        return
    if again.content_hash != sheet.content_hash:
        yield Difference("hash_differs", sheet.case_file, sheet.content_hash, again.content_hash)
    # Through JSON and back, as the published one went, so that only content is compared.
    recomputed = json.loads(json.dumps(again.to_json()))
    result = result_of(recomputed)
    said = {name: getattr(sheet, name) for name in result}
    yield from _compare(f"{MANIFEST}: {sheet.school_id}/{sheet.rubric_id}", said, result)
    yield from islice(_compare(sheet.sheet_file, published, recomputed), PLACES_MAX)


def _read_json(bundle: Bundle, name: str) -> Any:
    try:
        found = json.loads(bundle.read(name), parse_float=as_decimal_text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name}: {error}") from error
    if not isinstance(found, dict):
        raise BundleError(f"{name} is no JSON object")
    return found


def _compare(place: str, published: Any, found: Any) -> Iterator[Difference]:
    """List where two JSON values differ, by path."""
    if isinstance(published, dict) and isinstance(found, dict):
        for key in sorted(published.keys() | found.keys()):
            within = f"{place}.{key}" if ": " in place else f"{place}: {key}"
            yield from _compare(within, published.get(key), found.get(key))
    elif isinstance(published, list) and isinstance(found, list) and len(published) == len(found):
        for index, (one, other) in enumerate(zip(published, found, strict=True)):
            yield from _compare(f"{place}[{index}]", one, other)
    elif published != found:
        yield Difference("value_differs", place, _short(published), _short(found))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "…"

"""Saving one item of a review form: what was changed is written, what was left alone is not.

Sending the same form twice changes nothing the second time, so that a telephone whose answer was
lost on the way may simply send its draft again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collector.assessment.case_reader import CaseReader, HeldCase
from collector.assessment.case_writer import CaseWriter
from collector.assessment.fields import stored_value
from collector.domain import Act, CaseKey, EntryValue, Side
from collector.errors import CollectorError, ConflictError, RowError, UnprocessableError
from collector.web.typed_values import typed_text, typed_value

MakeAct = Callable[[str, str], Act]
"""Makes the act of an action and its reason."""


class ReviewSaving:
    """Writes the official side of one item."""

    def __init__(self, reader: CaseReader, writer: CaseWriter, act: MakeAct) -> None:
        self._reader = reader
        self._writer = writer
        self._act = act

    def item(self, key: CaseKey, item_id: str, texts: Mapping[str, str]) -> None:
        """Save values, points and remark of an item as they were typed.

        What can be saved is saved, also where another field of the same form is refused. Raises
        the refusal: ConflictError if somebody else saved meanwhile, UnprocessableError with the
        fields that are wrong, NotFoundError.
        """
        found = self._reader.read(key)
        refused: list[CollectorError] = []
        item = next((one for one in found.rubric.items() if one.id == item_id), None)
        for name, spec in item.entries.items() if item else ():
            given = texts.get(f"v.{name}")
            if given is None or given == texts.get(f"s.{name}"):
                continue
            value = typed_value(spec.type, given)
            if self._stored(found, item_id, name) == stored_value(value):
                continue
            try:
                self._writer.save_entry(
                    key, Side.OFFICIAL, item_id, name, value, _revision(texts, f"r.{name}"),
                    self._act("entry.review", ""),
                )  # fmt: skip
            except CollectorError as error:
                refused.append(error)
        try:
            self._mark(found, item_id, texts)
        except CollectorError as error:
            refused.append(error)
        if refused:
            raise _together(refused)

    def verdict(
        self, key: CaseKey, item_id: str, finding_id: str, texts: Mapping[str, str]
    ) -> None:
        """Put a verdict beside a finding, or withdraw it; raises as `CaseWriter.save_override`."""
        result = texts.get(f"result.{finding_id}") or None
        why = texts.get(f"why.{finding_id}", "").strip()
        before = self._reader.read(key).override(item_id, finding_id)
        if (before.result, before.why) == (result, why) if before else result is None and not why:
            return
        self._writer.save_override(
            key, item_id, finding_id, result, _revision(texts, f"r.{finding_id}"),
            self._act("override", why),
        )  # fmt: skip

    def _mark(self, found: HeldCase, item_id: str, texts: Mapping[str, str]) -> None:
        points, remark = texts.get("points", ""), texts.get("remark", "").strip()
        if (points, remark) == (texts.get("s.points", ""), texts.get("s.remark", "").strip()):
            return
        stage_id = found.case.stage_id or ""
        given = typed_value("number", points)
        mark = found.mark(stage_id, item_id)
        stored = (mark.points, mark.remark) if mark else (None, "")
        if stored == (None if given is None else str(given), remark):
            return
        self._writer.save_mark(
            found.key, Side.OFFICIAL, stage_id, item_id, given, remark,
            _revision(texts, "r.mark"), self._act("mark.review", ""),
        )  # fmt: skip

    def _stored(self, found: HeldCase, item_id: str, name: str) -> EntryValue:
        entry = found.entry(Side.OFFICIAL, item_id, name)
        return entry.value if entry else None


def _revision(texts: Mapping[str, str], name: str) -> int:
    text = texts.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _together(refused: list[CollectorError]) -> CollectorError:
    """Return one error for all refusals of a form: a conflict first, every wrong field named."""
    rows: tuple[RowError, ...] = tuple(row for error in refused for row in error.errors)
    conflicts = [error for error in refused if isinstance(error, ConflictError)]
    first = (conflicts or refused)[0]
    if not conflicts and rows:
        return UnprocessableError(first.code, first.detail, errors=rows, detail_en=first.detail_en)
    return first


def clash_values(error: CollectorError) -> tuple[str, str] | None:
    """Return what is stored now and who stored it, where a conflict says so."""
    current = error.extra.get("current")
    if not isinstance(current, Mapping):
        return None
    value = next((current[n] for n in ("value", "points", "result") if current.get(n)), None)
    remark = current.get("remark") or current.get("why") or ""
    text = " · ".join(part for part in (typed_text(value, ", "), str(remark)) if part)
    return text, str(current.get("author") or "")

"""Two people at once: what is stored now, beside what was given, so that neither is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from collector.assessment.case_reader import AssessmentRecords, CaseReader
from collector.domain import CaseChange, CaseEntry, Clash, EntryValue, Fact, Override, StageMark
from collector.errors import ConflictError
from collector.refusals import conflict


def clash_refusal(
    records: AssessmentRecords,
    reader: CaseReader,
    change: CaseChange,
    clash: Clash,
    given: EntryValue,
) -> ConflictError:
    """Return the 409: both values where a value clashed, the new state where the case moved on."""
    if clash is Clash.CASE:
        case = records.case(change.key)
        state = case.state.value if case else None
        return conflict("case_changed_meanwhile", state=state, given=_json({"value": given}))
    return conflict(
        "entry_changed_meanwhile",
        current=_json(_current(records, reader, change, clash)),
        given=_json({"value": given}),
    )


def _current(
    records: AssessmentRecords, reader: CaseReader, change: CaseChange, clash: Clash
) -> Mapping[str, Any] | None:
    key = change.key
    if clash is Clash.FACT and change.fact is not None:
        history = records.fact_history(key.school_id, change.fact.name)
        return _shown(history[-1]) if history else None
    found = reader.read(key)
    stored: list[CaseEntry | StageMark | Override | None] = [
        *(found.entry(one.side, one.item_id, one.name) for one in change.entries),
        *(found.mark(one.stage_id, one.item_id) for one in change.marks),
        *(found.override(one.item_id, one.finding_id) for one in change.overrides),
    ]
    seen = [
        *(one.revision - 1 for one in change.entries),
        *(one.revision - 1 for one in change.marks),
        *(one.revision - 1 for one in change.overrides),
    ]
    for now, revision in zip(stored, seen, strict=True):
        if now is not None and now.revision != revision:
            return _shown(now)
    return None


def _shown(stored: CaseEntry | StageMark | Override | Fact) -> Mapping[str, Any]:
    written = asdict(stored)
    names = ("value", "points", "remark", "result", "why", "author", "recorded_at")
    shown = {name: written[name] for name in names if name in written}
    revision = stored.id if isinstance(stored, Fact) else stored.revision
    return {**shown, "revision": revision}


def _json(values: Mapping[str, Any] | None) -> Any:
    """Return plain JSON data; times as ISO text."""
    if values is None:
        return None
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }

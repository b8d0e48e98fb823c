"""What an earlier round held, offered for an empty field; never filled in by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.assessment.case_reader import AssessmentRecords, HeldCase
from collector.assessment.fields import fields_of, problem_with
from collector.domain import CaseEntry, CaseKey, EntryValue, Round, RoundState, Side

ROUNDS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Proposal:
    """One value that may be taken over. `revision` is that of the empty field."""

    item_id: str
    name: str
    value: EntryValue
    revision: int
    round_id: str
    round_title: str
    author: str
    recorded_at: datetime


def proposals(records: AssessmentRecords, found: HeldCase) -> Sequence[Proposal]:
    """Return a proposal for each empty field of the school that an earlier round answers.

    Of the rounds before, the newest that has a case of this school by this rubric. A value that
    the field would not take any more is not proposed.
    """
    earlier = _earlier(records, found)
    if earlier is None:
        return ()
    held, entries = earlier
    offered = []
    for field in fields_of(found.rubric):
        own = found.entry(Side.SCHOOL, field.item.id, field.name)
        old = _best(entries, field.item.id, field.name)
        if old is None or field.fact is not None or (own and own.value is not None):
            continue
        if problem_with(field.spec, old.value) is None:
            offered.append(
                Proposal(
                    field.item.id,
                    field.name,
                    old.value,
                    own.revision if own else 0,
                    held.id,
                    held.title,
                    old.author,
                    old.recorded_at,
                )
            )
    return offered


def _earlier(
    records: AssessmentRecords, found: HeldCase
) -> tuple[Round, Sequence[CaseEntry]] | None:
    before = [
        one
        for one in records.rounds(limit=ROUNDS_LOOKED_AT)
        if one.as_of < found.held.as_of and one.state is not RoundState.DRAFT
    ]
    for held in sorted(before, key=lambda one: one.as_of, reverse=True):
        key = CaseKey(held.id, found.key.school_id, found.key.rubric_id)
        if records.case(key) is not None:
            return held, records.case_entries(key)
    return None


def _best(entries: Sequence[CaseEntry], item_id: str, name: str) -> CaseEntry | None:
    """Return the value that counted: the official one where there was one."""
    given = [e for e in entries if (e.item_id, e.name) == (item_id, name) and e.value is not None]
    return min(given, key=lambda entry: entry.side is not Side.OFFICIAL, default=None)

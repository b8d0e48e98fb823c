"""Writing into a case: entries, declared facts, points and remarks, overrides.

Each write says on which revision it was decided. What somebody else saved in between is never
overwritten: the refusal carries both values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.assessment.case_machine import writing_side
from collector.assessment.case_reader import AssessmentRecords, CaseReader
from collector.assessment.case_stages import case_stages
from collector.assessment.clashes import clash_refusal
from collector.assessment.fields import (
    find_field,
    problem_with,
    problem_with_fact,
    problem_with_points,
    stored_value,
)
from collector.assessment.proposals import Proposal, proposals
from collector.domain import (
    Act,
    Case,
    CaseChange,
    CaseEntry,
    CaseKey,
    EntryValue,
    Fact,
    Override,
    Round,
    Side,
    StageMark,
)
from collector.errors import NotFoundError, RowError
from collector.refusals import conflict, fields_wrong, refusal
from rubrics.engine.case import VERDICTS_OF_PEOPLE
from rubrics.model import Rubric
from rubrics.model.rubric import Item

REMARK_CHARACTERS_MAX = 2000


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved, and the revision to name next time."""

    value: EntryValue
    revision: int
    author: str
    recorded_at: datetime


class CaseWriter:
    """Writes into cases. Safe to share between threads."""

    def __init__(
        self, records: AssessmentRecords, reader: CaseReader, clock: Callable[[], datetime]
    ) -> None:
        self._records = records
        self._reader = reader
        self._clock = clock

    def save_entry(
        self,
        key: CaseKey,
        side: Side,
        item_id: str,
        name: str,
        value: object,
        revision: int,
        act: Act,
    ) -> Saved:
        """Save one field of one side.

        A field that stands for a declared fact declares it, on the school's side. Raises
        NotFoundError, UnprocessableError for a value the field does not take, ConflictError.
        """
        held, case, rubric = self._writable(key, side)
        field = find_field(rubric, item_id, name)
        if field is None:
            raise refusal(NotFoundError, "field_unknown", item_id=item_id, name=name)
        given = stored_value(value)
        problem = problem_with(field.spec, given)
        if problem is not None:
            raise fields_wrong(RowError(None, f"{item_id}.{name}", problem))
        if field.fact is not None and side is Side.SCHOOL:
            return self._declare(held, case, field.fact, given, revision, act)
        entry = CaseEntry(key, side, item_id, name, given, act.actor, act.at, revision=revision + 1)
        self._change(CaseChange(key, case.revision, entries=(entry,)), act, given)
        return Saved(given, entry.revision, entry.author, entry.recorded_at)

    def save_fact(self, key: CaseKey, name: str, value: object, revision: int, act: Act) -> Saved:
        """Declare a figure that the rubric lists under its facts; raises as `save_entry`."""
        held, case, rubric = self._writable(key, Side.SCHOOL)
        spec = rubric.facts.get(name)
        if spec is None:
            raise refusal(NotFoundError, "field_unknown", name=name)
        given = stored_value(value)
        problem = problem_with_fact(spec, given)
        if problem is not None:
            raise fields_wrong(RowError(None, name, problem))
        return self._declare(held, case, name, given, revision, act)

    def save_mark(
        self,
        key: CaseKey,
        side: Side,
        stage_id: str,
        item_id: str,
        points: object,
        remark: str,
        revision: int,
        act: Act,
    ) -> StageMark:
        """Save points and remark of a stage for an item; raises as `save_entry`."""
        _, case, rubric = self._writable(key, side)
        item = _item(rubric, item_id)
        stage = next((one for one in case_stages(rubric) if one.id == stage_id), None)
        if stage is None:
            raise refusal(NotFoundError, "field_unknown", stage_id=stage_id)
        if stage.side is not side or (side is Side.OFFICIAL and stage_id != case.stage_id):
            raise conflict("stage_not_now", stage_id=stage_id, current=case.stage_id)
        given = stored_value(points)
        mark = StageMark(
            key,
            stage_id,
            item_id,
            None if given is None else str(given),
            remark.strip(),
            act.actor,
            act.at,
            revision=revision + 1,
        )
        _check_mark(mark, item, has_points=stage.has_points)
        self._change(CaseChange(key, case.revision, marks=(mark,)), act, given)
        return mark

    def save_override(
        self,
        key: CaseKey,
        item_id: str,
        finding_id: str,
        result: str | None,
        revision: int,
        act: Act,
    ) -> Override:
        """Put a verdict beside a finding, or (None) withdraw it; `act.why` is the reason."""
        _, case, rubric = self._writable(key, Side.OFFICIAL)
        check_override(_item(rubric, item_id), finding_id, result, act.why)
        override = Override(
            key,
            item_id,
            finding_id,
            result,
            act.why.strip(),
            act.actor,
            act.at,
            revision=revision + 1,
        )
        self._change(CaseChange(key, case.revision, overrides=(override,)), act, result)
        return override

    def proposals(self, key: CaseKey) -> Sequence[Proposal]:
        """Return what an earlier round held where this case has no value yet."""
        return proposals(self._records, self._reader.read(key))

    def accept_proposals(
        self, key: CaseKey, wanted: Sequence[tuple[str, str]], act: Act
    ) -> Sequence[Saved]:
        """Take over proposed values as the school's own; all of them or none."""
        _, case, _ = self._writable(key, Side.SCHOOL)
        offered = {(one.item_id, one.name): one for one in self.proposals(key)}
        missing = [pair for pair in wanted if pair not in offered]
        if missing:
            none = "没有可沿用的值 / no proposal"
            rows = (RowError(None, f"{item}.{name}", none) for item, name in missing)
            raise fields_wrong(*rows)
        entries = tuple(
            CaseEntry(
                key,
                Side.SCHOOL,
                item_id,
                name,
                offered[item_id, name].value,
                act.actor,
                act.at,
                revision=offered[item_id, name].revision + 1,
            )
            for item_id, name in dict.fromkeys(wanted)
        )
        return self._save_all(case, entries, act)

    def fill_in(
        self, key: CaseKey, values: Mapping[tuple[str, str], object], act: Act
    ) -> Sequence[Saved]:
        """Save values, by item and field, of a school where nobody has entered any; all or none.

        Declared facts are not among them: each stands for itself (`save_entry`). Raises as
        `save_entry`, and names every field that is wrong.
        """
        _, case, rubric = self._writable(key, Side.SCHOOL)
        entries, wrong = [], []
        for (item_id, name), value in values.items():
            field, given = find_field(rubric, item_id, name), stored_value(value)
            if field is None or field.fact is not None:
                raise refusal(NotFoundError, "field_unknown", item_id=item_id, name=name)
            problem = problem_with(field.spec, given)
            if problem is not None:
                wrong.append(RowError(None, f"{item_id}.{name}", problem))
            entries.append(
                CaseEntry(key, Side.SCHOOL, item_id, name, given, act.actor, act.at, revision=1)
            )
        if wrong:
            raise fields_wrong(*wrong)
        return self._save_all(case, tuple(entries), act)

    def _save_all(self, case: Case, entries: tuple[CaseEntry, ...], act: Act) -> Sequence[Saved]:
        self._change(CaseChange(case.key, case.revision, entries=entries), act, None)
        return [Saved(e.value, e.revision, e.author, e.recorded_at) for e in entries]

    def _writable(self, key: CaseKey, side: Side) -> tuple[Round, Case, Rubric]:
        held, case, rubric = self._reader.pinned(key)
        if writing_side(case, held, self._clock()) is not side:
            raise conflict("case_other_side", state=case.state.value)
        return held, case, rubric

    def _declare(
        self, held: Round, case: Case, name: str, value: EntryValue, seen: int, act: Act
    ) -> Saved:
        if value is None:
            empty = "申报数据不能清空，请更正 / a declared fact cannot be emptied, only corrected"
            raise fields_wrong(RowError(None, name, empty))
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        fact = Fact(case.key.school_id, name, text, held.as_of, act.actor, act.at)
        change = CaseChange(case.key, case.revision, fact=fact, fact_seen=seen)
        self._change(change, act, value)
        stored = self._records.fact_history(case.key.school_id, name)[-1]
        return Saved(value, stored.id, act.actor, act.at)

    def _change(self, change: CaseChange, act: Act, given: EntryValue) -> None:
        clash = self._records.change_case(change, act)
        if clash is not None:
            raise clash_refusal(self._records, self._reader, change, clash, given)


def check_override(item: Item, finding_id: str, result: str | None, why: str) -> None:
    """Refuse a verdict without reason, or on what is no criterion. Raises UnprocessableError."""
    rows = []
    if finding_id not in [criterion.id for criterion in item.criteria]:
        rows.append(RowError(None, finding_id, "没有这条判定条件 / no such criterion"))
    if result is not None and result not in VERDICTS_OF_PEOPLE:
        rows.append(RowError(None, "result", "应为 met、not_met 或 not_applicable / one of these"))
    if not why.strip():
        rows.append(RowError(None, "why", "请写明理由 / a reason is needed"))
    if rows:
        raise fields_wrong(*rows)


def _check_mark(mark: StageMark, item: Item, *, has_points: bool) -> None:
    rows = []
    if mark.points is not None:
        problem = problem_with_points(item, mark.points)
        if not has_points:
            problem = "这份文件不计分，只写备注 / this document has no points, remarks only"
        if problem is not None:
            rows.append(RowError(None, "points", problem))
    if len(mark.remark) > REMARK_CHARACTERS_MAX:
        rows.append(RowError(None, "remark", f"至多 {REMARK_CHARACTERS_MAX} 字 / too long"))
    if rows:
        raise fields_wrong(*rows)


def _item(rubric: Rubric, item_id: str) -> Item:
    found = next((item for item in rubric.items() if item.id == item_id), None)
    if found is None:
        raise refusal(NotFoundError, "field_unknown", item_id=item_id)
    return found

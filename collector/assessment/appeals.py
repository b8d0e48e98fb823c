"""Appeals (申诉): filing, taking up, re-measuring, deciding; the outcome is bound to the round."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from collector.assessment import appeal_machine, case_machine
from collector.assessment.appeal_changes import (
    CHANGING,
    WORDS_MAX,
    AppealChanges,
    check_decision,
    item_of,
    with_newest,
    written_by,
)
from collector.assessment.case_reader import (
    AssessmentRecords,
    CaseReader,
    HeldCase,
    Scored,
    evaluated,
    written_parts,
)
from collector.assessment.case_stages import official_stages
from collector.assessment.pins import Pins
from collector.domain import (
    Act,
    Appeal,
    AppealOutcome,
    AppealState,
    CaseChange,
    CaseKey,
    Json,
    Side,
)
from collector.errors import NotFoundError, RowError
from collector.refusals import conflict, fields_wrong, refusal

APPEALS_OF_A_CASE_MAX = 1000


class Retests(Protocol):
    """Asks for a bandwidth re-test of a school; the speed test's slots provide it."""

    def ask(self, school_id: str, now: datetime) -> None:
        """Ask for a re-test; one that is waiting already serves. Raises UnavailableError."""


class Measurements(Protocol):
    """What the indicators of a rubric show between two times; scoring provides it."""

    def remeasured(
        self,
        rubric: Any,
        school_id: str,
        since: datetime,
        until: datetime,
        catalogue_text: str,
        facts: Any,
    ) -> dict[str, Json]:
        """Return the indicators as a case file carries them."""


class AppealService:
    """Handles appeals. Safe to share between threads."""

    def __init__(
        self,
        records: AssessmentRecords,
        reader: CaseReader,
        pins: Pins,
        measurements: Measurements,
        retests: Retests,
        clock: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._reader = reader
        self._pins = pins
        self._measurements = measurements
        self._retests = retests
        self._clock = clock

    def file(self, key: CaseKey, item_id: str, grounds: str, act: Act) -> Appeal:
        """File an appeal against one item of an announced case.

        Raises NotFoundError, ConflictError, UnprocessableError.
        """
        found = self._reader.read(key)
        item_of(found, item_id)
        if not grounds.strip() or len(grounds) > WORDS_MAX:
            long = f"请写明理由，至多 {WORDS_MAX} 字 / 1 to that many characters"
            raise fields_wrong(RowError(None, "grounds", long))
        announced = [v for v in self._records.case_versions(key) if v.cause == "announce"]
        since = (
            announced[-1].recorded_at if announced else datetime.min.replace(tzinfo=act.at.tzinfo)
        )
        earlier = [a for a in self.of_case(key) if a.item_id == item_id and a.filed_at >= since]
        appeal_machine.check_filing(found.case, earlier, self._clock())
        appeal = Appeal(
            id=secrets.token_hex(8),
            key=key,
            item_id=item_id,
            grounds=grounds.strip(),
            filed_by=act.actor,
            filed_at=act.at,
            before=self._reader.frozen(key, found.case.version).sheet["items"][item_id],
            revision=1,
        )
        # The case counts on, so that of two appeals against one item at once one is refused.
        case = replace(found.case, revision=found.case.revision + 1)
        return self._write(CaseChange(key, found.case.revision, case=case, appeal=appeal), act)

    def of_case(self, key: CaseKey) -> Sequence[Appeal]:
        """Return all appeals of a case, newest first."""
        return self._records.appeals(key=key, limit=APPEALS_OF_A_CASE_MAX)

    def find(self, key: CaseKey, appeal_id: str) -> Appeal:
        """Return an appeal of this case, with what a re-test has shown so far.

        Raises NotFoundError.
        """
        appeal = self._records.appeal(appeal_id)
        if appeal is None or appeal.key != key:
            raise refusal(NotFoundError, "appeal_unknown")
        if appeal.state is AppealState.RETESTING:
            return replace(appeal, retest=self._retest(self._reader.read(key), appeal))
        return appeal

    def accept(self, key: CaseKey, appeal_id: str, revision: int, act: Act) -> Appeal:
        """Take it up. Raises NotFoundError, ConflictError."""
        appeal = self._seen(key, appeal_id, revision)
        return self._put(appeal_machine.accept(appeal, act.actor, act.at), act)

    def retest(self, key: CaseKey, appeal_id: str, revision: int, act: Act) -> Appeal:
        """Ask the school's agent for a re-measurement. Raises NotFoundError, ConflictError."""
        appeal = self._seen(key, appeal_id, revision)
        asked = appeal_machine.ask_retest(appeal, act.at)
        stored = self._put(asked, act)
        self._retests.ask(key.school_id, self._clock())
        return stored

    def withdraw(self, key: CaseKey, appeal_id: str, revision: int, act: Act) -> Appeal:
        """Take it back. Raises NotFoundError, ConflictError."""
        return self._put(appeal_machine.withdraw(self._seen(key, appeal_id, revision)), act)

    def decide(
        self,
        key: CaseKey,
        appeal_id: str,
        revision: int,
        outcome: AppealOutcome,
        decision: str,
        changes: AppealChanges,
        act: Act,
    ) -> Appeal:
        """Settle it; a decision for the school changes its item and makes a new version.

        Raises NotFoundError, ConflictError, ForbiddenError for one who scored the item,
        UnprocessableError for a decision without words, or without fitting changes.
        """
        appeal = self._seen(key, appeal_id, revision)
        found = self._reader.read(key)
        check_decision(outcome, decision, changes)
        retest = self._retest(found, appeal) if appeal.retest_asked_at is not None else None
        settled = appeal_machine.decide(
            appeal, act.actor, self._scorers(found, appeal.item_id), outcome, decision.strip(),
            act.at, retest,
        )  # fmt: skip
        if outcome not in CHANGING:
            return self._put(replace(settled, after=appeal.before), act)
        return self._settle(found, settled, changes, act)

    def _settle(self, found: HeldCase, settled: Appeal, changes: AppealChanges, act: Act) -> Appeal:
        key = found.key
        marks, entries, overrides = written_by(found, settled, changes, act)
        changed = replace(
            found,
            marks=with_newest(found.marks, marks, "stage_id", "item_id"),
            entries=with_newest(found.entries, entries, "side", "item_id", "name"),
            overrides=with_newest(found.overrides, overrides, "item_id", "finding_id"),
        )
        scored = self._amended(changed)
        case = case_machine.amended(found.case)
        settled = replace(
            settled,
            after=scored.sheet["items"][settled.item_id],
            revision=settled.revision + 1,
        )
        change = CaseChange(
            key,
            found.case.revision,
            case=replace(case, revision=found.case.revision + 1, changed_at=act.at),
            entries=entries,
            marks=marks,
            overrides=overrides,
            version=self._reader.version_of(
                found, scored, "appeal", act.actor, act.at, settled.decision
            ),
            documents=(scored.document(),),
            appeal=settled,
        )
        return self._write(change, act)

    def _amended(self, changed: HeldCase) -> Scored:
        """Score the announced case file with the decision's changes; measurements stay."""
        announced = self._reader.frozen(changed.key, changed.case.version)
        return evaluated(changed.rubric, {**announced.case_file, **written_parts(changed)})

    def _retest(self, found: HeldCase, appeal: Appeal) -> Json:
        """Return what was measured since the re-test was asked for, beside what had counted."""
        if appeal.retest_asked_at is None:
            return None
        measured = self._measurements.remeasured(
            found.rubric,
            found.key.school_id,
            appeal.retest_asked_at,
            self._clock(),
            self._pins.text(found.held.catalogue_hash),
            found.facts,
        )
        counted = self._reader.frozen(found.key, found.case.version).case_file["indicators"]
        return {
            "asked_at": appeal.retest_asked_at.isoformat(),
            "measured": measured,
            "counted": {name: counted.get(name) for name in measured},
        }

    def _scorers(self, found: HeldCase, item_id: str) -> frozenset[str]:
        official = {stage.id for stage in official_stages(found.rubric)}
        marked = {
            mark.author
            for mark in self._records.case_mark_history(found.key, item_id)
            if mark.stage_id in official
        }
        wrote = self._records.case_authors(found.key, item_id, Side.OFFICIAL)
        return frozenset(marked | wrote)

    def _seen(self, key: CaseKey, appeal_id: str, revision: int) -> Appeal:
        appeal = self._records.appeal(appeal_id)
        if appeal is None or appeal.key != key:
            raise refusal(NotFoundError, "appeal_unknown")
        appeal_machine.check_revision(appeal, revision)
        return appeal

    def _put(self, appeal: Appeal, act: Act) -> Appeal:
        case = self._records.case(appeal.key)
        if case is None:
            raise refusal(NotFoundError, "case_unknown")
        appeal = replace(appeal, revision=appeal.revision + 1)
        return self._write(CaseChange(appeal.key, case.revision, appeal=appeal), act)

    def _write(self, change: CaseChange, act: Act) -> Appeal:
        clash = self._records.change_case(change, act)
        if clash is not None:
            raise conflict("appeal_changed_meanwhile", clash=clash.value)
        assert change.appeal is not None  # noqa: S101 - every change written here carries one
        return change.appeal

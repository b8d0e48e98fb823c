"""The steps of a case: signing, submitting, returning, accepting, finishing, correcting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.assessment import case_machine
from collector.assessment.appeal_machine import OPEN
from collector.assessment.case_reader import AssessmentRecords, CaseFiles, CaseReader, HeldCase
from collector.assessment.case_stages import official_stages
from collector.domain import (
    Act,
    Case,
    CaseChange,
    CaseKey,
    CaseState,
    CaseVersion,
    Document,
    RoundState,
    Signature,
)
from collector.errors import RowError
from collector.refusals import conflict, fields_wrong

APPEALS_OF_A_CASE_MAX = 1000


class CaseSteps:
    """Moves cases on. Safe to share between threads; of two steps at once one is refused."""

    def __init__(
        self,
        records: AssessmentRecords,
        reader: CaseReader,
        files: CaseFiles,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._records = records
        self._reader = reader
        self._files = files
        self._clock = clock
        self._zone = zone

    def sign(self, key: CaseKey, revision: int, act: Act) -> Case:
        """Sign for the school: freeze what it says as a version. Raises ConflictError."""
        found = self._found(key, revision)
        signature = Signature(act.actor, act.at, found.case.version + 1)
        newest_fact = self._records.newest_fact(key.school_id)
        after = case_machine.sign(
            found.case, found.held, signature, newest_fact, found.profile_version
        )
        version, document = self._frozen(found, "sign", act)
        return self._step(found.case, after, act, version, document)

    def unsign(self, key: CaseKey, revision: int, act: Act) -> Case:
        """Take the signature back before the case is submitted. Raises ConflictError."""
        found = self._found(key, revision)
        after = case_machine.withdraw_signature(found.case, found.held, self._clock())
        return self._step(found.case, after, act)

    def submit(self, key: CaseKey, revision: int, act: Act) -> Case:
        """Hand in what was signed. Raises ConflictError."""
        found = self._found(key, revision)
        return self._step(
            found.case, case_machine.submit(found.case, found.held, self._clock()), act
        )

    def send_back(self, key: CaseKey, revision: int, due_at: datetime | None, act: Act) -> Case:
        """Return it to the school; `act.why` says why. Raises ConflictError.

        Raises UnprocessableError without a reason, or with a deadline that is over.
        """
        _demand_reason(act)
        if due_at is not None and due_at <= self._clock():
            raise fields_wrong(RowError(None, "due_at", "期限应在以后 / must be in the future"))
        found = self._found(key, revision)
        if due_at is None and found.held.state is not RoundState.OPEN:
            late = "填报已截止，请给一个期限 / the round is closed; a deadline is needed"
            raise fields_wrong(RowError(None, "due_at", late))
        return self._step(
            found.case, case_machine.send_back(found.case, act.why.strip(), due_at), act
        )

    def accept(self, key: CaseKey, revision: int, act: Act) -> Case:
        """Accept it for review. Raises ConflictError."""
        found = self._found(key, revision)
        after = case_machine.accept(found.case, official_stages(found.rubric))
        return self._step(found.case, after, act)

    def finish(self, key: CaseKey, revision: int, act: Act) -> Case:
        """End what is under way: an official stage, or the announcement. Raises ConflictError."""
        found = self._found(key, revision)
        if found.case.state is CaseState.ANNOUNCED:
            appeals = self._records.appeals(key=key, limit=APPEALS_OF_A_CASE_MAX)
            waiting = sum(appeal.state in OPEN for appeal in appeals)
            after = case_machine.make_final(found.case, waiting, self._clock())
            return self._step(found.case, after, act)
        until = case_machine.end_of_appeals(
            act.at,
            found.held.deadlines.appeal_working_days,
            self._files.is_working_day,
            self._zone,
        )
        after = case_machine.finish(found.case, official_stages(found.rubric), until)
        if after.state is not CaseState.ANNOUNCED:
            return self._step(found.case, after, act)
        version, document = self._frozen(found, "announce", act)
        return self._step(found.case, after, act, version, document)

    def correct(self, key: CaseKey, revision: int, act: Act) -> Case:
        """Review a final case again because of a fault; `act.why` says which.

        Raises ConflictError, UnprocessableError without a reason.
        """
        _demand_reason(act)
        found = self._found(key, revision)
        after = case_machine.correct(found.case, act.why.strip(), official_stages(found.rubric))
        return self._step(found.case, after, act)

    def _found(self, key: CaseKey, revision: int) -> HeldCase:
        found = self._reader.read(key)
        case_machine.check_revision(found.case, revision)
        return found

    def _frozen(self, found: HeldCase, cause: str, act: Act) -> tuple[CaseVersion, Document]:
        scored = self._reader.compute(found, self._clock())
        why = act.why or found.case.note
        version = self._reader.version_of(found, scored, cause, act.actor, act.at, why)
        return version, scored.document()

    def _step(
        self,
        before: Case,
        after: Case,
        act: Act,
        version: CaseVersion | None = None,
        document: Document | None = None,
    ) -> Case:
        after = replace(after, revision=before.revision + 1, changed_at=act.at)
        change = CaseChange(
            before.key,
            before.revision,
            case=after,
            version=version,
            documents=() if document is None else (document,),
        )
        if self._records.change_case(change, act) is not None:
            raise conflict("case_changed_meanwhile", revision=before.revision)
        return after


def _demand_reason(act: Act) -> None:
    if not act.why.strip():
        raise fields_wrong(RowError(None, "why", "请写明理由 / a reason is needed"))

"""What may happen to a case, and when: 自评 → 提交 → 退回/接收 → 考评 → 公示 → 申诉 → 定稿.

Pure. Each step returns the next state of the case, or raises ConflictError with the reason code.
Saving compares revisions, so two people who take a step at once never both succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.assessment.case_stages import CaseStage
from collector.domain import Case, CaseState, Round, RoundState, Side, Signature
from collector.refusals import conflict

WITH_SCHOOL = (CaseState.FILLING, CaseState.RETURNED)
FIXED = (CaseState.ANNOUNCED, CaseState.FINAL)
LONGEST_APPEAL_DAYS = 90
"""Where the calendar knows no working days so far ahead, the deadline falls here."""


def check_revision(case: Case, given: int) -> None:
    """Refuse a step that was decided on an older state of the case."""
    if case.revision != given:
        raise conflict("case_changed_meanwhile", revision=case.revision, state=case.state.value)


def writing_side(case: Case, held: Round, now: datetime) -> Side:
    """Return whose values may be written now. Raises ConflictError if nobody's may."""
    if held.state is RoundState.DRAFT:
        raise conflict("round_not_open", state=held.state.value)
    if case.state in WITH_SCHOOL:
        if case.signature is not None:
            raise conflict("case_signed", state=case.state.value)
        _check_in_time(case, held, now)
        return Side.SCHOOL
    if case.state is CaseState.REVIEW:
        return Side.OFFICIAL
    code = "case_awaits_acceptance" if case.state is CaseState.SUBMITTED else "case_frozen"
    raise conflict(code, state=case.state.value)


def sign(case: Case, held: Round, signature: Signature, facts_upto: int, profile: int) -> Case:
    """Sign (校长): from here on the school's part is pinned."""
    _demand(case, WITH_SCHOOL)
    if case.signature is not None:
        raise conflict("case_signed", state=case.state.value)
    _check_in_time(case, held, signature.at)
    return replace(
        case,
        signature=signature,
        facts_upto=facts_upto,
        profile_version=profile,
        version=signature.version,
    )


def withdraw_signature(case: Case, held: Round, now: datetime) -> Case:
    """Take the signature back, as long as the case is not submitted."""
    _demand(case, WITH_SCHOOL)
    if case.signature is None:
        raise conflict("case_not_signed", state=case.state.value)
    _check_in_time(case, held, now)
    return _unpinned(case)


def submit(case: Case, held: Round, now: datetime) -> Case:
    """Hand in what the headmaster signed (提交)."""
    _demand(case, WITH_SCHOOL)
    if case.signature is None:
        raise conflict("case_not_signed", state=case.state.value)
    _check_in_time(case, held, now)
    return replace(case, state=CaseState.SUBMITTED, note="", due_at=None)


def send_back(case: Case, why: str, due_at: datetime | None) -> Case:
    """Return it with a reason (退回): the school may change everything and signs again."""
    _demand(case, (CaseState.SUBMITTED, CaseState.REVIEW))
    returned = replace(case, state=CaseState.RETURNED, stage_id=None, note=why, due_at=due_at)
    return _unpinned(returned)


def accept(case: Case, stages: Sequence[CaseStage]) -> Case:
    """Accept it (接收): the first official stage begins."""
    _demand(case, (CaseState.SUBMITTED,))
    return replace(case, state=CaseState.REVIEW, stage_id=stages[0].id)


def finish(case: Case, stages: Sequence[CaseStage], appeal_until: datetime) -> Case:
    """End the official stage under way: on to the next one, or announce the result (公示)."""
    _demand(case, (CaseState.REVIEW,))
    ids = [stage.id for stage in stages]
    following = ids[ids.index(case.stage_id or ids[0]) + 1 :]
    if following:
        return replace(case, stage_id=following[0])
    return replace(
        case,
        state=CaseState.ANNOUNCED,
        stage_id=None,
        version=case.version + 1,
        appeal_until=appeal_until,
    )


def make_final(case: Case, open_appeals: int, now: datetime) -> Case:
    """Make the announced result final (定稿): time to appeal is over, no appeal is open."""
    _demand(case, (CaseState.ANNOUNCED,))
    if open_appeals:
        raise conflict("case_has_open_appeals", appeals=open_appeals)
    if case.appeal_until is not None and now < case.appeal_until:
        raise conflict("case_appeal_time_runs", appeal_until=case.appeal_until.isoformat())
    return replace(case, state=CaseState.FINAL, note="")


def correct(case: Case, why: str, stages: Sequence[CaseStage]) -> Case:
    """Review a final case again because of a fault, towards a new version."""
    _demand(case, (CaseState.FINAL,))
    return replace(case, state=CaseState.REVIEW, stage_id=stages[-1].id, note=why)


def amended(case: Case) -> Case:
    """Count the new version of the result that an appeal makes."""
    _demand(case, (CaseState.ANNOUNCED,))
    return replace(case, version=case.version + 1)


def end_of_appeals(
    announced: datetime,
    working_days: int,
    is_working_day: Callable[[date], bool | None],
    zone: ZoneInfo,
) -> datetime:
    """Return when the last of that many working days after the announcement ends.

    A day of which nobody can know yet whether it is one does not count: the school gets more time,
    never less, and at most `LONGEST_APPEAL_DAYS` days.
    """
    day, left = announced.astimezone(zone).date(), working_days
    latest = day + timedelta(days=LONGEST_APPEAL_DAYS)
    while left and day < latest:
        day += timedelta(days=1)
        left -= is_working_day(day) is True
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(announced.tzinfo)


def _unpinned(case: Case) -> Case:
    return replace(case, signature=None, facts_upto=None, profile_version=None)


def _check_in_time(case: Case, held: Round, now: datetime) -> None:
    """Refuse what comes late; a case that was sent back may have its own deadline."""
    deadline = case.due_at or held.deadlines.submit_by
    own_time = case.due_at is not None
    if held.state is not RoundState.OPEN and not own_time:
        raise conflict("round_not_open", state=held.state.value)
    if deadline is not None and now > deadline:
        raise conflict("case_deadline_over", deadline=deadline.isoformat())


def _demand(case: Case, states: Sequence[CaseState]) -> None:
    if case.state not in states:
        raise conflict(
            "case_state_wrong",
            state=case.state.value,
            needed=[state.value for state in states],
        )

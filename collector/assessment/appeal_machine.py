"""What may happen to an appeal: 提交 → 受理 → 复测/复核 → 结论. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from collector.domain import Appeal, AppealOutcome, AppealState, Case, CaseState, Json
from collector.errors import ForbiddenError
from collector.refusals import conflict, refusal

OPEN = (AppealState.FILED, AppealState.ACCEPTED, AppealState.RETESTING)


def check_revision(appeal: Appeal, given: int) -> None:
    """Refuse a step that was decided on an older state of the appeal."""
    if appeal.revision != given:
        raise conflict(
            "appeal_changed_meanwhile", revision=appeal.revision, state=appeal.state.value
        )


def check_filing(case: Case, earlier: Collection[Appeal], now: datetime) -> None:
    """Refuse an appeal that comes too early, too late, or a second time for the same item.

    `earlier` are the appeals against this item since the case was last reviewed.
    """
    if case.state is not CaseState.ANNOUNCED:
        raise conflict("appeal_needs_announced", state=case.state.value)
    if case.appeal_until is not None and now >= case.appeal_until:
        raise conflict("appeal_too_late", appeal_until=case.appeal_until.isoformat())
    if any(appeal.state is not AppealState.WITHDRAWN for appeal in earlier):
        raise conflict("appeal_filed_already")


def accept(appeal: Appeal, person: str, now: datetime) -> Appeal:
    """Take it up (受理)."""
    _demand(appeal, AppealState.FILED)
    return replace(appeal, state=AppealState.ACCEPTED, handled_by=person, accepted_at=now)


def ask_retest(appeal: Appeal, now: datetime) -> Appeal:
    """Ask for a re-measurement; asking again starts it anew."""
    _demand(appeal, AppealState.ACCEPTED, AppealState.RETESTING)
    return replace(appeal, state=AppealState.RETESTING, retest_asked_at=now)


def decide(
    appeal: Appeal,
    person: str,
    scorers: Collection[str],
    outcome: AppealOutcome,
    decision: str,
    now: datetime,
    retest: Json = None,
) -> Appeal:
    """Settle it (结论). `scorers` gave the item's official points, values or verdicts.

    Raises ForbiddenError if one of them decides.
    """
    if outcome is AppealOutcome.INADMISSIBLE:
        _demand(appeal, AppealState.FILED, AppealState.ACCEPTED)
    else:
        _demand(appeal, AppealState.ACCEPTED, AppealState.RETESTING)
    if person_of(person) in {person_of(scorer) for scorer in scorers}:
        raise refusal(ForbiddenError, "appeal_own_score")
    return replace(
        appeal,
        state=AppealState.DECIDED,
        decided_by=person,
        decided_at=now,
        outcome=outcome,
        decision=decision,
        retest=appeal.retest if retest is None else retest,
    )


def withdraw(appeal: Appeal) -> Appeal:
    """Take it back; it may be filed again in time."""
    _demand(appeal, *OPEN)
    return replace(appeal, state=AppealState.WITHDRAWN)


def person_of(actor: str) -> str:
    """Return the person behind an actor: a token acts for the person who made it."""
    return actor.partition("/")[0]


def _demand(appeal: Appeal, *states: AppealState) -> None:
    if appeal.state not in states:
        raise conflict(
            "appeal_state_wrong",
            state=appeal.state.value,
            needed=[state.value for state in states],
        )

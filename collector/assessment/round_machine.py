"""What may happen to a round: 筹备 → 进行中 → 截止填报 → 已发布. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from collector.domain import CaseState, PinnedRubric, Round, RoundState
from collector.refusals import conflict

OPEN_FIELDS = ("title", "deadlines")
"""What may still change once schools are filling in; all else is pinned."""


def check_revision(held: Round, given: int) -> None:
    """Refuse a change that was decided on an older state of the round."""
    if held.revision != given:
        raise conflict("round_changed_meanwhile", revision=held.revision, state=held.state.value)


def check_changes(before: Round, after: Round) -> None:
    """Refuse changes to what opening pinned."""
    if before.state is RoundState.DRAFT:
        return
    if before.state is RoundState.PUBLISHED:
        raise conflict("round_published", state=before.state.value)
    same = {name: getattr(before, name) for name in OPEN_FIELDS}
    if replace(after, **same) != before:
        raise conflict("round_pinned", state=before.state.value, changeable=list(OPEN_FIELDS))


def open_round(
    held: Round,
    rubrics: tuple[PinnedRubric, ...],
    calendar_hash: str,
    catalogue_hash: str,
    now: datetime,
) -> Round:
    """Pin what the round is judged by; from here on it cannot drift."""
    _demand(held, RoundState.DRAFT)
    return replace(
        held,
        state=RoundState.OPEN,
        rubrics=rubrics,
        calendar_hash=calendar_hash,
        catalogue_hash=catalogue_hash,
        opened_at=now,
    )


def close_round(held: Round, now: datetime) -> Round:
    """End the time of filling in."""
    _demand(held, RoundState.OPEN)
    return replace(held, state=RoundState.CLOSED, closed_at=now)


def publish_round(held: Round, cases: Mapping[CaseState, int], now: datetime) -> Round:
    """Publish: every case is final. A published round is published again after a correction."""
    if held.state not in (RoundState.CLOSED, RoundState.PUBLISHED):
        raise conflict("round_not_closed", state=held.state.value)
    unfinished = {state.value: n for state, n in cases.items() if state is not CaseState.FINAL}
    if unfinished:
        raise conflict("round_has_open_cases", cases=dict(unfinished))
    return replace(held, state=RoundState.PUBLISHED, published_at=now)


def _demand(held: Round, state: RoundState) -> None:
    if held.state is not state:
        raise conflict("round_state_wrong", state=held.state.value, needed=[state.value])

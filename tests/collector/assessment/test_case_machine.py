"""The path of a case: which step is possible when, and what it leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.assessment import case_machine as machine
from collector.assessment.case_stages import case_stages, official_stages
from collector.domain import (
    Case,
    CaseKey,
    CaseState,
    Deadlines,
    PinnedRubric,
    Round,
    RoundState,
    Side,
    Signature,
)
from collector.errors import ConflictError
from collector.scoring.calendar import CHINA, is_workday_in_china
from rubrics.loader import load_rubric

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
ROUND = Round(
    "2026",
    "2026 年秋",
    date(2026, 9, 1),
    date(2026, 9, 1),
    date(2026, 11, 30),
    (PinnedRubric("zhongxian-inspection"),),
    ("zx-001",),
    deadlines=Deadlines(submit_by=NOW + timedelta(days=1)),
    state=RoundState.OPEN,
)
CASE = Case(CaseKey("2026", "zx-001", "zhongxian-inspection"))
STAGES = official_stages(load_rubric("zhongxian-inspection"))


def signed(case: Case = CASE) -> Case:
    """Return the case with its headmaster's signature."""
    return machine.sign(case, ROUND, Signature("person:1", NOW, case.version + 1), 7, 2)


def in_review() -> Case:
    """Return an accepted case."""
    return machine.accept(machine.submit(signed(), ROUND, NOW), STAGES)


def test_the_straight_path_ends_final_and_writes_move_from_school_to_officials() -> None:
    """自评 → 签字 → 提交 → 接收 → 考评 → 公示 → 定稿; each part is written by its own side."""
    assert machine.writing_side(CASE, ROUND, NOW) is Side.SCHOOL
    review = in_review()
    assert (review.facts_upto, review.profile_version, review.version) == (7, 2, 1)
    assert machine.writing_side(review, ROUND, NOW) is Side.OFFICIAL
    announced = machine.finish(review, STAGES, NOW + timedelta(days=7))
    assert (announced.state, announced.version) == (CaseState.ANNOUNCED, 2)
    final = machine.make_final(announced, 0, NOW + timedelta(days=7))
    assert final.state is CaseState.FINAL


@pytest.mark.parametrize("state", [CaseState.SUBMITTED, CaseState.ANNOUNCED, CaseState.FINAL])
def test_nobody_writes_while_a_case_waits_or_is_fixed(state: CaseState) -> None:
    """After submission and after the announcement no value changes."""
    with pytest.raises(ConflictError) as refused:
        machine.writing_side(replace(CASE, state=state), ROUND, NOW)
    assert refused.value.extra["state"] == state.value


def test_a_signature_locks_the_case_until_it_is_taken_back() -> None:
    """Nothing changes after the signature; taking it back unpins facts and profile."""
    with pytest.raises(ConflictError) as locked:
        machine.writing_side(signed(), ROUND, NOW)
    assert locked.value.code == "case_signed"
    open_again = machine.withdraw_signature(signed(), ROUND, NOW)
    assert (open_again.signature, open_again.facts_upto) == (None, None)
    assert machine.writing_side(open_again, ROUND, NOW) is Side.SCHOOL


def test_a_case_is_not_submitted_unsigned() -> None:
    """The headmaster signs first."""
    with pytest.raises(ConflictError) as refused:
        machine.submit(CASE, ROUND, NOW)
    assert refused.value.code == "case_not_signed"


def test_a_returned_case_has_its_own_deadline_even_after_the_round_closed() -> None:
    """The school gets the time it was given, and signs again; without a time it stays shut."""
    closed = replace(ROUND, state=RoundState.CLOSED)
    returned = machine.send_back(in_review(), "缺合同", NOW + timedelta(days=3))
    assert (returned.state, returned.signature, returned.note) == (
        CaseState.RETURNED,
        None,
        "缺合同",
    )
    assert machine.writing_side(returned, closed, NOW + timedelta(days=2)) is Side.SCHOOL
    with pytest.raises(ConflictError) as late:
        machine.writing_side(returned, closed, NOW + timedelta(days=4))
    assert late.value.code == "case_deadline_over"
    with pytest.raises(ConflictError) as shut:
        machine.writing_side(replace(returned, due_at=None), closed, NOW)
    assert shut.value.code == "round_not_open"


def test_the_deadline_of_the_round_ends_writing() -> None:
    """One second late is late."""
    with pytest.raises(ConflictError) as late:
        machine.writing_side(CASE, ROUND, NOW + timedelta(days=1, seconds=1))
    assert late.value.code == "case_deadline_over"


def test_a_final_case_waits_for_time_and_for_appeals() -> None:
    """Neither a running deadline nor an open appeal is passed over."""
    announced = machine.finish(in_review(), STAGES, NOW + timedelta(days=7))
    for appeals, when, code in (
        (1, NOW + timedelta(days=8), "case_has_open_appeals"),
        (0, NOW + timedelta(days=6), "case_appeal_time_runs"),
    ):
        with pytest.raises(ConflictError) as refused:
            machine.make_final(announced, appeals, when)
        assert refused.value.code == code


def test_a_correction_reviews_again_and_makes_another_version() -> None:
    """The version counts on; the earlier one is not touched."""
    announced = machine.finish(in_review(), STAGES, NOW)
    final = machine.make_final(announced, 0, NOW)
    again = machine.correct(final, "加错了", STAGES)
    assert (again.state, again.note) == (CaseState.REVIEW, "加错了")
    assert machine.finish(again, STAGES, NOW).version == final.version + 1


def test_two_official_stages_follow_each_other() -> None:
    """附件4 has a school's and an authority's opinion; a rubric may have several official ones."""
    stages = (replace(STAGES[0], id="town"), replace(STAGES[0], id="county"))
    review = machine.accept(machine.submit(signed(), ROUND, NOW), stages)
    assert review.stage_id == "town"
    second = machine.finish(review, stages, NOW)
    assert (second.state, second.stage_id, second.version) == (CaseState.REVIEW, "county", 1)
    assert machine.finish(second, stages, NOW).state is CaseState.ANNOUNCED


@pytest.mark.parametrize(
    ("rubric_id", "expected"),
    [
        ("zhongxian-inspection", "self school points, official official points"),
        ("zhongxian-smart-campus-general", "school school remarks, official official remarks"),
        ("zhongxian-acceptance-application", "school school remarks, authority official remarks"),
        ("yuhuatai-informatization-2020", "self school points, official official points"),
    ],
)
def test_stages_are_those_of_the_document(rubric_id: str, expected: str) -> None:
    """Columns of points where the document has them, remarks on both sides where it has none."""
    stages = case_stages(load_rubric(rubric_id))
    takes = {True: "points", False: "remarks"}
    told = [f"{stage.id} {stage.side.value} {takes[stage.has_points]}" for stage in stages]
    assert ", ".join(told) == expected


def test_the_time_to_appeal_counts_working_days_by_the_decreed_calendar() -> None:
    """Five working days from 30 September 2025 end after the holiday week, on 13 or 14 October."""
    announced = datetime(2025, 9, 30, 2, tzinfo=UTC)
    until = machine.end_of_appeals(announced, 5, is_workday_in_china, CHINA)
    # 1–8 October is a holiday; 9, 10, 11 (make-up Saturday), 13 and 14 are working days.
    assert until.astimezone(CHINA).date() == date(2025, 10, 15)
    assert until.astimezone(CHINA).hour == 0


def test_a_year_without_announced_holidays_never_shortens_the_time_to_appeal() -> None:
    """Unknown days do not count, and there is an end to it."""
    announced = datetime(2040, 1, 3, tzinfo=UTC)
    until = machine.end_of_appeals(announced, 5, lambda _: None, CHINA)
    assert (until - announced).days == machine.LONGEST_APPEAL_DAYS


def test_a_step_on_an_old_state_is_refused() -> None:
    """The second of two people who act at once is told what the case is now."""
    with pytest.raises(ConflictError) as refused:
        machine.check_revision(replace(CASE, revision=3), 2)
    assert refused.value.extra == {"revision": 3, "state": "filling"}

"""A round is changed on its page before it opens, by the rules of the JSON route."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from collector.domain import Act, School, SchoolKind, Stage

RUBRIC = "zhongxian-inspection"
FORM = {
    "title": "秋季督查", "as_of": "2026-09-01", "since": "2026-09-01", "until": "2026-11-30",
    "rubric": RUBRIC, "appeal_working_days": "5",
}  # fmt: skip


def draft_of(bureau: Any, **fields: str) -> str:
    """Make a draft; return its address."""
    return str(bureau.draft(**fields).headers["location"])


def test_the_form_shows_the_draft_and_saves_each_field(bureau: Any) -> None:
    """What was kept is in the form; saving it changes what was typed and leads to the round."""
    place = draft_of(bureau, terms="2026-09-01 至 2027-01-20", hours="08:00-11:50",
                     submit_by="2026-10-31")  # fmt: skip
    page = bureau.get(f"{place}/edit")
    for kept in ("秋季督查", "2026-11-30", "2026-09-01 至 2027-01-20", "08:00-11:50", "2026-10-31"):
        assert kept in page
    assert f'value="{RUBRIC}" checked' in page
    changed = FORM | {"title": "秋季督查（改）", "until": "2026-12-15", "exams": "2026-11-10",
                      "why": "期末提前", "revision": "1"}  # fmt: skip
    assert bureau.post(f"{place}/edit", **changed).headers["location"] == place
    held = bureau.records.round(place.rsplit("/", 1)[1])
    assert (held.title, held.until, held.revision) == ("秋季督查（改）", date(2026, 12, 15), 2)
    assert held.calendar.exams == (date(2026, 11, 10),)
    assert held.calendar.terms == ()
    newest = bureau.records.audit_records(bureau.records.audit_head().position - 1, 1)[0]
    assert (newest.action, newest.why) == ("round.change", "期末提前")


def test_what_the_form_cannot_say_is_kept(bureau: Any) -> None:
    """Timetables of single schools and the hour of a deadline outlive a change of the title."""
    place = draft_of(bureau, submit_by="2026-10-31")
    round_id = place.rsplit("/", 1)[1]
    held = bureau.records.round(round_id)
    hours = {"zx-001": ((time(7, 40), time(12)),)}
    noon = datetime(2026, 10, 31, 4, tzinfo=UTC)
    act = Act("system", bureau.now, "round.change")
    bureau.records.put_round(
        replace(
            held,
            calendar=replace(held.calendar, school_hours=hours),
            deadlines=replace(held.deadlines, submit_by=noon),
            revision=2,
        ),
        act,
    )
    bureau.post(f"{place}/edit", **FORM, submit_by="2026-10-31", revision="2")
    after = bureau.records.round(round_id)
    assert after.calendar.school_hours == hours
    assert after.deadlines.submit_by == noon


def test_a_wrong_change_comes_back_with_what_was_typed(bureau: Any) -> None:
    """Fields, schools and windows are refused as on the JSON route; nothing is changed or lost."""
    place = draft_of(bureau)
    wrong = FORM | {"title": "改到一半", "since": "2026-12-01", "school_ids": "zx-009",
                    "revision": "1"}  # fmt: skip
    page = bureau.post(f"{place}/edit", want=422, **wrong).text
    assert 'value="改到一半"' in page
    assert "应不早于开始日" in page
    assert "没有这所学校" in page
    stale = bureau.post(f"{place}/edit", want=409, **(FORM | {"revision": "7"})).text
    assert 'role="alert"' in stale
    assert bureau.records.round(place.rsplit("/", 1)[1]).revision == 1


def test_an_empty_list_of_schools_follows_the_county(bureau: Any) -> None:
    """A draft of all schools names none, so schools that came since join when it is saved."""
    place = draft_of(bureau)
    bureau.records.put_school(School("zx-002", "白石小学", SchoolKind.GENERAL, (Stage.PRIMARY,)))
    page = bureau.get(f"{place}/edit")
    assert '<textarea id="school_ids" name="school_ids" rows="2">zx-001</textarea>' in page
    bureau.post(f"{place}/edit", **FORM, school_ids="", revision="1")
    assert bureau.records.round(place.rsplit("/", 1)[1]).school_ids == ("zx-001", "zx-002")
    assert 'name="school_ids" rows="2"></textarea>' in bureau.get(f"{place}/edit")


def test_of_an_open_round_only_title_and_deadlines_change(bureau: Any) -> None:
    """What opening pinned is not on the form, and cannot be smuggled in."""
    round_id = bureau.open_round()
    page = bureau.get(f"/rounds/{round_id}/edit")
    assert 'name="since"' not in page
    assert 'name="rubric"' not in page
    bureau.post(
        f"/rounds/{round_id}/edit", title="改名", submit_by="2026-12-01", until="2030-01-01",
        appeal_working_days="3", revision="2",
    )  # fmt: skip
    held = bureau.records.round(round_id)
    assert (held.title, held.until) == ("改名", date(2026, 11, 30))
    assert held.deadlines.appeal_working_days == 3

"""Rounds: what a draft must say, what opening pins, and profiles that change under it."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from collector.assessment.pins import rubric_document
from collector.domain import CaseKey, Document
from collector.scoring.round_case import RoundCases
from rubrics.indicators import catalogue_hash, load_indicators
from rubrics.loader import load_rubric, official_rubrics

GENERAL, INSPECTION = "zhongxian-smart-campus-general", "zhongxian-inspection"


def test_every_wrong_field_of_a_draft_is_named(cast: Any) -> None:
    """One answer names all of them, in Chinese; nothing is kept."""
    body = {
        "title": " ",
        "as_of": "2026-09-01",
        "since": "2026-09-30",
        "until": "2026-09-01",
        "rubrics": [{"rubric_id": INSPECTION, "readings": {"c15_rate": "nonsense", "x": "y"}}],
        "school_ids": ["primary", "nowhere"],
        "calendar": {"hours": [["14:00", "17:00"], ["08:00", "12:00"]]},
        "deadlines": {"appeal_working_days": 99},
    }
    problem = cast.call("admin", "POST", "/rounds", body, want=422)
    fields = {row["field"] for row in problem["errors"]}
    assert {"title", "until", "school_ids", "calendar.hours"} <= fields
    assert {"deadlines.appeal_working_days", "rubrics.readings.x"} <= fields
    assert cast.call("admin", "GET", "/rounds")["rounds"] == []


def test_opening_pins_rubric_catalogue_and_days_by_hash(cast: Any) -> None:
    """Each document is there under the hash that the round names, and cannot be swapped."""
    exams = {"exams": ["2026-10-15"], "open": [], "terms": [["2026-09-01", "2026-11-20"]]}
    round_id = cast.open(GENERAL, calendar=exams)
    held = cast.call("admin", "GET", f"/rounds/{round_id}")
    assert held["rubrics"][0]["content_hash"] == load_rubric(GENERAL).content_hash
    assert held["catalogue_hash"] == catalogue_hash(load_indicators())
    calendar = json.loads(cast.records.document(held["calendar_hash"]).text)
    days = set(calendar["school_days"])
    # A make-up Sunday of the decreed calendar is a school day; exam and late days are not.
    assert "2026-09-20" in days
    assert not days & {"2026-09-25", "2026-10-15", "2026-11-23"}
    assert "chinesecalendar" in calendar["source"]
    revision = held["revision"]
    body = {"revision": revision, "until": "2026-12-31"}
    problem = cast.call("admin", "PATCH", f"/rounds/{round_id}", body, want=409)
    assert problem["code"] == "round_pinned"
    renamed = {"revision": revision, "title": "新名称"}
    assert cast.call("admin", "PATCH", f"/rounds/{round_id}", renamed)["title"] == "新名称"
    stale = cast.call("admin", "PATCH", f"/rounds/{round_id}", renamed, want=409)
    assert stale["code"] == "round_changed_meanwhile"


TABLE_2027 = """
year: 2027
source: 示例通知，不是真实安排
holidays:
  - {name: 元旦, off: [2027-01-01, 2027-01-03]}
  - {name: 示例, off: [2027-01-11, 2027-01-12], work: [2027-01-16]}
  - {name: 劳动节, off: [2027-05-01, 2027-05-05]}
  - {name: 国庆节, off: [2027-10-01, 2027-10-07]}
"""


def test_days_nobody_knew_at_the_opening_are_learnt_later(
    cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round over New Year counts weekdays and says so; a table added later settles its days."""
    monkeypatch.setattr("collector.scoring.holidays.LOOK_EVERY_S", 0.0)
    cast.now = datetime(2027, 1, 20, 1, tzinfo=UTC)
    cast.watch_outlet("primary", days=16)
    key = CaseKey(cast.open(GENERAL, since="2027-01-04", until="2027-01-31"), "primary", GENERAL)
    reader = cast.client.app.state.assessment.reader

    def case_file() -> Any:
        return reader.compute(reader.read(key), cast.now).case_file

    guessed = case_file()
    assert guessed["pinned"]["calendar_unknown_days"] == 28
    availability = guessed["indicators"]["availability"]
    assert (availability["days"], availability["assumed_days"]) == (12, 13)
    assert availability["limited_by"] == ["calendar_assumed"]
    folder = cast.client.app.state.settings.holidays_folder
    folder.mkdir()
    (folder / "2027.yaml").write_text(TABLE_2027, encoding="utf-8")
    known = case_file()
    assert known["pinned"]["calendar_unknown_days"] == 0
    assert "2027.yaml sha256:" in known["pinned"]["calendar"]
    availability = known["indicators"]["availability"]
    assert (availability["days"], availability["limited_by"]) == (11, [])


def test_pinned_texts_hash_to_the_names_that_others_use() -> None:
    """The hash of a rubric's text is its content hash, that of the catalogue the catalogue's."""
    for rubric in official_rubrics().values():
        assert rubric_document(rubric).sha256 == rubric.content_hash
    text_of_all = RoundCases(None).catalogue_text()  # type: ignore[arg-type] # reads no series
    assert Document.of("catalogue", text_of_all).sha256 == catalogue_hash(load_indicators())


def test_an_altered_rubric_is_refused_not_used(cast: Any) -> None:
    """Somebody who edits the pinned text in the database stops the round, with the hash named."""
    round_id = cast.open(GENERAL)
    sha256 = load_rubric(GENERAL).content_hash
    altered = zlib.compress(cast.records.document(sha256).text.replace("512", "51").encode())
    engine = create_engine(cast.client.app.state.settings.records_url)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE documents SET body = :body WHERE sha256 = :sha256"),
            {"body": altered, "sha256": sha256},
        )
    engine.dispose()
    problem = cast.call("admin", "GET", cast.case(round_id, "primary", GENERAL).path, want=503)
    assert (problem["code"], problem["document"]) == ("document_altered", sha256)


def test_a_school_without_a_fitting_rubric_is_told_apart(cast: Any) -> None:
    """附件1 is not for the vocational school: opening says so instead of making a case."""
    drafted = cast.draft(INSPECTION, schools=("primary", "vocational"))
    opened = cast.call("admin", "POST", f"/rounds/{drafted['id']}/open", {"revision": 1})
    assert (opened["cases"], opened["without_rubric"]) == (1, ["vocational"])


def profile(**changes: Any) -> dict[str, Any]:
    """Return a profile of the primary school."""
    return {
        "seen": 1, "why": "开学统计", "name": "示例 primary", "kind": "general",
        "stages": ["primary"], "students": 600, "staff": 90, "classes": 24,
        "as_of": "2026-09-01", **changes,
    }  # fmt: skip


def test_a_change_of_heads_says_which_verdicts_it_changed(cast: Any) -> None:
    """500 Mbit/s is too little for 1290 heads and enough for 690: answer and form say so."""
    cast.measure_outlet("primary", 500)
    case = cast.case(cast.open(GENERAL), "primary", GENERAL)
    assert case.finding("1", "1e")["result"] == "not_met"
    cast.now += cast.now.resolution * 1_000_000
    declared = cast.call("editor-primary", "POST", "/schools/primary/profile", profile(), want=201)
    assert (declared["notice"], declared["heads_before"]) == ("heads_changed", 1290)
    (changed,) = [one for one in declared["changed"] if one["finding_id"] == "1e"]
    assert (changed["before"], changed["after"]) == ("not_met", "met")
    assert "690" in changed["working"]
    (notice,) = case.form()["notices"]
    assert (notice["code"], notice["facts"]["after"]) == ("heads_changed", 690)


def test_profiles_are_versions_and_of_two_writers_one_is_told(cast: Any) -> None:
    """A version for a later day is kept and does not count on the round's day."""
    path = "/schools/primary/profile"
    later = profile(students=9000, as_of="2026-10-01")
    cast.call("editor-primary", "POST", path, later, want=201)
    problem = cast.call("head-primary", "POST", path, profile(), want=409)
    assert problem["code"] == "profile_changed_meanwhile"
    versions = cast.call("admin", "GET", path)["profiles"]
    assert [one["students"] for one in versions] == [9000, 1200]
    form = cast.case(cast.open(GENERAL), "primary", GENERAL).form()
    assert form["school"]["students"] == 1200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"as_of": "2099-01-01"}, "as_of"),
        ({"township_id": "nowhere"}, "township_id"),
        ({"main_school_id": "junior"}, "main_school_id"),
        ({"teaching_point": True, "main_school_id": "point"}, "main_school_id"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(cast: Any, changes: Any, field: str) -> None:
    """A day to come, an unknown township, a main school that is none."""
    problem = cast.call(
        "editor-primary", "POST", "/schools/primary/profile", profile(**changes), want=422
    )
    assert [row["field"] for row in problem["errors"]] == [field]


def test_forms_of_schools_follow_their_stages_and_townships_hold_them(cast: Any) -> None:
    """九年一贯, 完全中学, 中职 and 教学点 are told from kind, stages and the flag."""
    forms = {
        name: cast.call("admin", "GET", f"/schools/{name}/profile")["profiles"][0]["form"]
        for name in ("primary", "junior", "nine", "complete", "vocational", "point")
    }
    assert list(forms.values()) == [
        "primary", "junior", "nine_year", "complete", "vocational", "teaching_point",
    ]  # fmt: skip
    town = {"id": "zhongzhou", "name": "忠州街道"}
    cast.call("admin", "POST", "/townships", town, want=201)
    cast.call("admin", "POST", "/townships", {**town, "parent_id": "zhongzhou"}, want=422)
    body = profile(township_id="zhongzhou")
    cast.call("editor-primary", "POST", "/schools/primary/profile", body, want=201)
    (found,) = cast.call("admin", "GET", "/townships")["townships"]
    assert (found["name"], found["schools"]) == ("忠州街道", ["primary"])

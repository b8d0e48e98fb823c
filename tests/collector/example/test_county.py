"""The example county: the same seed gives the same schools, and their measurements are judged."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from collector.app import open_stores
from collector.cli.main import app
from collector.domain import CaseKey, SchoolForm
from collector.example.county import Wish, build
from collector.example.networks import network
from collector.example.places import schools
from collector.scoring.calendar import SchoolCalendar
from collector.scoring.service import ScoringService
from collector.settings import Settings
from collector.wiring_example import WRITTEN_RUBRIC
from rubrics.indicators import Window
from rubrics.loader import official_rubrics

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAY = date(2026, 9, 1)


def test_the_same_seed_is_the_same_county_and_another_another() -> None:
    """Two builders see the same schools and the same networks."""
    one, again = (list(schools(60, DAY, Random(7))) for _ in range(2))
    assert one == again
    assert one != list(schools(60, DAY, Random(8)))
    assert network(one[0], Random(3)) == network(one[0], Random(3))


def test_sixty_schools_hold_every_form_and_each_name_once() -> None:
    """A county to learn on has primary, nine-year, complete, vocational schools and points."""
    county = list(schools(60, DAY, Random(1)))
    assert {school.form for school in county} == {
        SchoolForm.PRIMARY,
        SchoolForm.JUNIOR,
        SchoolForm.NINE_YEAR,
        SchoolForm.COMPLETE,
        SchoolForm.VOCATIONAL,
        SchoolForm.TEACHING_POINT,
    }
    names = [school.name for school in county]
    assert len(set(names)) == len(names)


def test_its_measurements_reach_verdicts(tmp_path: Path) -> None:
    """Three weeks of one school: its outlet suffices, its backbone does not."""
    stores = open_stores(Settings(data=tmp_path / "data"), lambda _: None)
    calendar = SchoolCalendar()
    try:
        built = build(
            stores.records,
            stores.series,
            Wish(schools=1, days=22, seed=17),
            NOW,
            lambda since, until: calendar.spans(Window.SCHOOL_HOURS, since, until),
            calendar.day_start,
            lambda *_: None,
        )
        service = ScoringService(stores.records, stores.series, official_rubrics())
        results = set()
        for school in built:
            stored = service.score(school.id, "zhongxian-smart-campus-general", NOW)
            items = json.loads(stored.sheet_json)["items"]
            found = {
                one["id"]: one["result"] for item in items.values() for one in item["findings"]
            }
            results |= {(name, found[name]) for name in ("1c", "1e", "3b")}
    finally:
        stores.close()
    assert {("1e", "met"), ("1c", "not_met")} <= results


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the command once: twelve schools; return the directory and what it printed."""
    data = tmp_path_factory.mktemp("example") / "demo"
    arguments = ["example", "--data", str(data), "--schools", "12", "--days", "2"]
    made = CliRunner().invoke(app, arguments)
    assert made.exit_code == 0, made.output
    return data, made.output


def test_the_command_hands_out_a_way_to_sign_in_for_each_role(demo: tuple[Path, str]) -> None:
    """One person of each role with a one-time code, and never a default password."""
    assert {"admin", "inspector", "editor", "headmaster", "viewer"} <= set(demo[1].split())


def test_it_never_mixes_with_real_schools(tmp_path: Path) -> None:
    """A directory with a real school is left alone."""
    run, real = CliRunner().invoke, str(tmp_path / "real")
    added = run(app, ["school", "add", "--data", real, "--id", "zx-1", "--name", "某小学"])
    assert added.exit_code == 0
    refused = run(app, ["example", "--data", real, "--schools", "1", "--days", "2"])
    assert refused.exit_code == 2
    assert "正式学校" in refused.output


def test_the_example_round_has_cases_in_every_state(demo: tuple[Path, str]) -> None:
    """Some untouched, some submitted, in review and announced, each change audited, by people."""
    stores = open_stores(Settings(data=demo[0]), lambda _: None)
    try:
        states = set(stores.records.case_counts("example-round"))
        report = stores.records.verify_audit(None, lambda *_: None)
        keys = [CaseKey("example-round", s.id, WRITTEN_RUBRIC) for s in stores.records.schools()]
        authors = {entry.author for key in keys for entry in stores.records.case_entries(key)}
        people = {f"person:{person.id}" for person in stores.records.people()}
    finally:
        stores.close()
    assert {state.value for state in states} == {"filling", "submitted", "review", "announced"}
    assert report.faults == ()
    assert authors, "nobody filled in anything"
    assert authors <= people, "pages name authors by their accounts"
    assert report.rows > 500


@pytest.mark.parametrize("count", [1, 12])
def test_ids_are_stable(count: int) -> None:
    """A larger county begins with the schools of a smaller one."""
    small = [school.id for school in schools(count, DAY, Random(1))]
    large = [school.id for school in schools(60, DAY, Random(1))]
    assert large[:count] == small

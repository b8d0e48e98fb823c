"""Trials: the engine answers, nothing is stored, and what is typed wrong is named."""

import json
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from collector.web.formatting import Formatter
from collector.web.language import load_translator
from collector.web.outline import outline_of
from collector.web.prospects import Work, prospects
from collector.web.sheet_page import SheetReader
from collector.web.what_if import WhatIf
from rubrics.engine import evaluate
from rubrics.reasons import load_reasons

PATH = "/schools/zx-001/test-campus/what-if"
FORMATTER = Formatter(load_translator("zh"), ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def school(county: Any) -> Any:
    """Return a county of one school."""
    county.add_school("zx-001")
    return county


def trial_of(page: str) -> str:
    """Return the markup of the trial's result."""
    found = re.search(r'<section class="panel trial".*?</section>', page, re.S)
    assert found, "the page shows no result"
    return found.group()


@pytest.mark.usefixtures("school")
def test_a_faster_backbone_would_be_met(client: TestClient) -> None:
    """The difference list names the criterion, both verdicts and the working."""
    page = client.get(PATH, params={"indicator.backbone_link_speed": "10000"}).text
    result = trial_of(page)
    assert ">1b<" in result
    assert result.index("未达标") < result.index("达标</span>", result.index("未达标") + 5)
    assert "10000 ≥ 10000" in result
    assert ">1a<" not in result, "what does not change is not listed"


@pytest.mark.usefixtures("school")
def test_more_heads_raise_the_thresholds_that_grow_with_them(client: TestClient) -> None:
    """1620 points are enough for 1290 people and too few for 2090."""
    result = trial_of(client.get(PATH, params={"profile.students": "2000"}).text)
    assert ">1c<" in result
    assert "1620 &lt; 1.2 × 2090 = 2508" in result


def test_a_trial_stores_nothing(client: TestClient, school: Any) -> None:
    """Neither profile nor sheet may differ after somebody tried."""
    before = school.sheets.score("zx-001", "test-campus", school.now)
    client.get(PATH, params={"profile.students": "1", "entry.1.wired_points": "0"})
    assert school.records.school("zx-001").students == 1200
    kept = school.records.latest_sheet("zx-001", "test-campus")
    assert kept.content_hash == before.content_hash


@pytest.mark.usefixtures("school")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("profile.students", "many"),
        ("profile.students", "-3"),
        ("profile.students", "1.5"),
        ("fact.contracted_mbps", "1e9999999"),
        ("entry.1.wireless_exists", "perhaps"),
        ("indicator.outlet_capacity", "9" * 41),
    ],
)
def test_a_wrong_assumption_is_named_and_kept(client: TestClient, name: str, text: str) -> None:
    """The form comes back with what was typed, and says which field is wrong."""
    answer = client.get(PATH, params={name: text})
    assert answer.status_code == 422
    assert f'id="w-{name}"' in answer.text
    assert 'class="panel trial"' not in answer.text
    assert "请填一个数" in answer.text


@pytest.mark.usefixtures("school")
def test_what_the_engine_refuses_is_said(client: TestClient) -> None:
    """A count of half a point is a number, and still no count."""
    answer = client.get(PATH, params={"entry.1.wired_points": "0.5"})
    assert answer.status_code == 422
    assert "这些假设无法评分" in answer.text


@pytest.mark.usefixtures("school")
def test_unknown_names_change_nothing(client: TestClient) -> None:
    """An address from elsewhere cannot smuggle a field into the case."""
    answer = client.get(PATH, params={"school.id": "x", "entry.9.none": "1", "profile.kind": "x"})
    assert answer.status_code == 200
    assert "没有哪一条的判定会改变" in answer.text
    assert client.get("/schools/zx-001/none/what-if").status_code == 404


def test_a_trial_is_the_engines_own_verdict(school: Any) -> None:
    """The changed case scored directly gives the very sheet of the trial."""
    stored = school.sheets.score("zx-001", "test-campus", school.now)
    case, rubric = json.loads(stored.case_json), school.rubrics["test-campus"]
    trial = WhatIf(rubric, FORMATTER).trial(case, {"entry.1.wired_points": "1000"})
    case["entries"]["1"]["wired_points"] = "1000"
    assert trial.sheet == evaluate(rubric, case).to_json()
    assert case["entries"]["1"]["wired_points"] == "1000"


def test_writing_down_comes_before_measuring_and_building(school: Any) -> None:
    """The first line is what costs least; within a kind, the most for each condition."""
    stored = school.sheets.score("zx-001", "test-campus", school.now)
    outline = outline_of(school.rubrics["test-campus"])
    reader = SheetReader(outline, load_reasons(), FORMATTER, {})
    sheet = reader.read(json.loads(stored.sheet_json))
    found = prospects(sheet, load_reasons(), FORMATTER.translator)
    assert [one.work for one in found] == sorted(one.work for one in found)
    first = next(one for one in found if one.item.id == "1")
    needs = {need.finding.label: need.work for need in first.needs}
    assert needs["1b"] is Work.CHANGE
    assert needs["1d"] is Work.ANSWER
    assert first.work is Work.CHANGE

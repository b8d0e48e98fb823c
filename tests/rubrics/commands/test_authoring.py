"""An author's way: new, lint, test, show, schema; what goes wrong says where and how to mend."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rubrics.loader import load_rubric, official_paths
from rubrics.yaml_source import parse

Run = Callable[..., Any]
IDS = list(official_paths())


@pytest.fixture
def started(run: Run, tmp_path: Path) -> Path:
    """Return a rubric that `rubric new` wrote."""
    done = run("rubric", "new", "my-county-2026")
    assert done.code == 0, done.err
    return tmp_path / "my-county-2026.yaml"


def test_a_new_rubric_lints_clean_and_passes(run: Run, started: Path) -> None:
    """The skeleton is a sound rubric from the first minute, without a single warning."""
    done = run("rubric", "lint", started, "--format", "json")
    assert done.code == 0
    (checked,) = done.json
    assert (checked["rubric"], checked["problems"]) == ("my-county-2026", [])
    assert checked["warnings"] == []
    assert run("rubric", "test", started).out.count("✓") == 2


def test_a_new_rubric_names_a_schema_that_is_there(started: Path) -> None:
    """The editor line points to the schema beside the file, and the schema accepts the file."""
    first = started.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=\./(\S+)", first)
    assert named is not None
    schema = json.loads((started.parent / named[1]).read_text(encoding="utf-8"))
    jsonschema.validate(plain(started), schema)


def plain(path: Path) -> Any:
    """Return a rubric file as the JSON data that an editor checks."""
    return json.loads(json.dumps(parse(path.read_text(encoding="utf-8")).data, default=float))


def test_new_never_overwrites(run: Run, started: Path) -> None:
    """An hour of an author's work is not lost to a repeated command."""
    started.write_text("mine", encoding="utf-8")
    done = run("rubric", "new", "my-county-2026")
    assert done.code == 2
    assert started.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["Big", "a b", "../x", "zhongxian-inspection"])
def test_new_refuses_bad_and_taken_ids(run: Run, tmp_path: Path, name: str) -> None:
    """Ids stay fit for files and addresses, and official ones stay official."""
    assert run("rubric", "new", name).code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rubric_id", IDS)
def test_the_schema_accepts_official_files(run: Run, rubric_id: str) -> None:
    """Editors complete and check the official files with the schema that ships."""
    schema = run("rubric", "schema").json
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(plain(official_paths()[rubric_id]), schema)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("max: 3", "maxx: 3"), ("type: count, unit: room", "type: counts, unit: room")],
)
def test_the_schema_rejects_slips(run: Run, started: Path, wrong: str, right: str) -> None:
    """An unknown field and an unknown type are underlined in the editor."""
    text = started.read_text(encoding="utf-8")
    assert wrong in text
    started.write_text(text.replace(wrong, right, 1), encoding="utf-8")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(started), run("rubric", "schema").json)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("type: judge", "type: jugde", "did you mean `judge`?"),
        ("scoring_text: 每缺", "scoringtext: 每缺", "did you mean `scoring_text`?"),
        ("{entry: rooms_missing}", "{entry: room_missing}", "rooms_missing"),
        ("below: {value: 95, unit: percent}", "below: {value: 95}", "unit"),
        ("id: A2", "id: A1", "is used twice"),
        ("- id: A", "- id: 一", "`一` is no id or name"),
        ("en: First heading", "en: First, heading", "needs quotes"),
        ("- name: 全部", "- name: all: 全部", "text that holds `: ` needs quotes"),
        ("    items:", "\t  items:", "not with tabs"),
        ("en: Rooms missing}", "en: Rooms missing", "not closed"),
        ("{value: 95, unit: percent}", "{value: 95, unit: hour}", "hour"),
    ],
)
def test_a_broken_file_ends_with_1_and_says_where(
    run: Run, started: Path, before: str, after: str, says: str
) -> None:
    """file:line:column of the very line, and what to do, in the order of the text."""
    lines = started.read_text(encoding="utf-8").splitlines()
    at = next(index for index, line in enumerate(lines) if before in line)
    lines[at] = lines[at].replace(before, after)
    started.write_text("\n".join(lines), encoding="utf-8")
    done = run("rubric", "lint", started)
    assert done.code == 1
    assert says in done.out
    places = [int(one[1]) for one in re.finditer(r"yaml:(\d+):\d+", done.out)]
    assert places
    assert min(abs(place - (at + 1)) for place in places) <= 8


def test_an_example_that_fails_says_expected_and_found(run: Run, started: Path) -> None:
    """A wrong expectation is an error of lint and of test, with both numbers and the line."""
    text = started.read_text(encoding="utf-8")
    started.write_text(text.replace("A1: {proven: 1.5}", "A1: {proven: 2}"), encoding="utf-8")
    done = run("rubric", "test", started)
    assert done.code == 1
    assert "items.A1.proven" in done.out
    assert "2" in done.out
    assert "1.5" in done.out
    linted = run("rubric", "lint", started)
    assert linted.code == 1
    line = text[: text.index("- name: 缺 3 间")].count("\n") + 1
    assert f"my-county-2026.yaml:{line}:" in linted.out


def test_warnings_end_with_0_and_carry_place_and_consequence(run: Run) -> None:
    """The official table's misprinted header is a warning with its line, not an error."""
    done = run("rubric", "lint", "zhongxian-inspection", "--format", "json")
    assert done.code == 0
    (checked,) = done.json
    header = next(one for one in checked["warnings"] if one["code"] == "header_sum_differs")
    assert header["families"] == ["I1"]
    assert header["items"] == ["C21", "C22", "C23"]
    line = int(header["place"].rsplit(":", 2)[1])
    path = official_paths()["zhongxian-inspection"]
    assert "printed_max: 11" in path.read_text(encoding="utf-8").splitlines()[line - 1]
    for field in ("zh", "en", "follows_zh", "follows_en", "clause"):
        assert header[field]


def test_lint_all_is_clean_of_errors_and_compares_documents(run: Run) -> None:
    """All official files load, their examples come out, and they are read side by side."""
    done = run("rubric", "lint", "--all", "--format", "json")
    assert done.code == 0
    assert [one["rubric"] for one in done.json] == IDS
    codes = {warning["code"] for one in done.json for warning in one["warnings"]}
    assert {"threshold_differs", "ids_used_in_both"} <= codes


@pytest.mark.parametrize("arguments", [[], ["--all", "a.yaml"], ["nothing-here.yaml"]])
def test_lint_without_a_file_is_wrong_use(run: Run, arguments: list[str]) -> None:
    """Nothing to check is not a pass."""
    assert run("rubric", "lint", *arguments).code == 2


class Cells(HTMLParser):
    """Counts the cells of a table, spans included."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.covered: list[int] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add a cell's columns to its row and to the rows it spans."""
        given = dict(attrs)
        if tag == "script" or "http" in str(given):
            self.scripts += 1
        if tag == "tr":
            self.rows.append(self.covered.pop(0) if self.covered else 0)
        if tag in ("td", "th"):
            width = int(given.get("colspan") or 1)
            self.rows[-1] += width
            for below in range(int(given.get("rowspan") or 1) - 1):
                if below >= len(self.covered):
                    self.covered.append(0)
                self.covered[below] += width


@pytest.mark.parametrize("rubric_id", IDS)
def test_the_page_is_a_whole_table_of_the_official_words(run: Run, rubric_id: str) -> None:
    """Every row has every column, every item stands in it, nothing is fetched from outside."""
    page = run("rubric", "show", rubric_id, "--format", "html").out
    cells = Cells()
    cells.feed(page)
    assert len(set(cells.rows)) == 1
    assert cells.scripts == 0
    rubric = load_rubric(rubric_id)
    assert len(cells.rows) == 1 + len(list(rubric.items()))
    for item in rubric.items():
        assert f'id="item-{item.id}"' in page


def test_the_text_form_says_what_is_computed(run: Run) -> None:
    """A reader who knows no YAML sees the deduction of C4 and both standards of C8."""
    out = run("rubric", "show", "zhongxian-inspection").out
    assert "−0.5 × 缺少的功能室间数" in out
    assert "学段 = 小学 → 2 项" in out

"""The official documents: lint finds what readers found in them, and nothing unexplained."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rubrics.lint import LintWarning, lint_rubric, load_rules
from rubrics.loader import load_rubric, official_paths, official_rubrics

EXPECTED: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("expected_official.yaml").read_text(encoding="utf-8")
)
IDS = list(official_paths())


def shown(warning: LintWarning) -> str:
    """Name a warning by what it is about: a reading, one item, first and last of several."""
    if warning.code.startswith("reading_"):
        return str(warning.place[-1])
    if not warning.items:
        return ".".join(str(part) for part in warning.place)
    ends = dict.fromkeys((warning.items[0], warning.items[-1]))
    name = "…".join(ends)
    rules = ("denominators_differ", "grades_differ", "ids_used_in_both")
    if warning.code in rules:
        other = next(other for other in IDS if other in warning.en)
        return f"{name} / {other}"
    return name


def warnings_of(rubric_id: str) -> tuple[LintWarning, ...]:
    """Lint one official rubric beside all others."""
    return lint_rubric(load_rubric(rubric_id), official_rubrics())


@pytest.mark.parametrize("rubric_id", IDS)
def test_warnings_are_those_that_people_confirmed(rubric_id: str) -> None:
    """A warning that appears or disappears is seen by somebody who read the document."""
    found: dict[str, list[str]] = {}
    for warning in warnings_of(rubric_id):
        found.setdefault(warning.code, []).append(shown(warning))
    expected = {code: list(cases) for code, cases in EXPECTED["found"][rubric_id].items()}
    assert found == expected


def test_every_expected_warning_is_traced() -> None:
    """Each stands for an entry of the list of inconsistencies, or says why it goes beyond it."""
    rules = load_rules()
    for rubric_id, codes in EXPECTED["found"].items():
        for code, cases in codes.items():
            for case, listed in cases.items():
                place = f"{rubric_id} {code} {case}"
                if listed.startswith("I"):
                    assert listed in rules[code].families, place
                else:
                    assert listed in EXPECTED["beyond_the_list"], place


def test_every_entry_of_the_list_is_found_or_explained() -> None:
    """I1 to I33: found by a rule in some official document, or named as one for readers only."""
    found = {
        listed
        for codes in EXPECTED["found"].values()
        for cases in codes.values()
        for listed in cases.values()
    }
    for_readers = {defect for items in EXPECTED["only_readers_see"].values() for defect in items}
    assert {f"I{number}" for number in range(1, 34)} == {
        entry for entry in found | for_readers if entry.startswith("I")
    }
    assert for_readers - found == {"I16"}


@pytest.mark.parametrize("rubric_id", IDS)
def test_defects_that_authors_marked_are_found(rubric_id: str) -> None:
    """`defects` of an item are found by rules that never read them, except those listed."""
    rules = load_rules()
    covered = {
        (item, family)
        for warning in warnings_of(rubric_id)
        for family in rules[warning.code].families
        for item in warning.items
    }
    rubric = load_rubric(rubric_id)
    marked = {(item.id, defect) for item in rubric.items() for defect in item.defects}
    only_readers = {
        (item, defect)
        for defect, items in EXPECTED["only_readers_see"].get(rubric_id, {}).items()
        for item in items
    }
    assert marked - covered == only_readers

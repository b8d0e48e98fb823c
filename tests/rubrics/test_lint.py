"""Lint finds what the official documents got wrong, and changes nothing."""

import pytest

from rubrics.engine import evaluate
from rubrics.lint import lint_rubric
from rubrics.loader import load_rubric, official_paths, parse_rubric

HEAD = 'id: x\nversion: "1"\ntitle: 例\nauthority: 例\nsource: {document: 例}\n'


def codes(sections: str) -> list[tuple[str, str]]:
    """Lint a rubric with these sections."""
    found = lint_rubric(parse_rubric(HEAD + sections))
    return [(one.where, one.code) for one in found]


def deduct(clauses: str, text: str = "甲", top: str = "4") -> str:
    """Write one section with one deduct item."""
    return f"""\
sections:
  - id: A
    title: 甲
    items:
      - id: C1
        text: {text}
        max: {top}
        entries:
          n: {{type: count, zh: 数}}
          a: {{type: bool, zh: 甲}}
          b: {{type: bool, zh: 乙}}
        rule:
          type: deduct
          clauses: [{clauses}]
"""


FLAG_A = "{kind: flag, points: %s, when: {entry: a}}"
FLAG_B = "{kind: zero, points: %s, when: {entry: b}}"
EACH = "{kind: each, points: 1, count: {entry: n}}"


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (deduct(f"{FLAG_A % 2}, {FLAG_B % 2}"), []),
        (deduct(f"{FLAG_A % 1}, {FLAG_B % 2}"), ["points_never_lost"]),
        (deduct(f"{FLAG_A % 3}, {FLAG_B % 4}"), ["deductions_exceed_max"]),
        (deduct(FLAG_B % 5), ["clause_exceeds_max", "deductions_exceed_max"]),
        (deduct(EACH), ["unbounded_without_floor"]),
        (deduct(EACH, text="每缺一项扣1分，扣完为止"), []),
    ],
)
def test_deductions_are_compared_with_the_max(sections: str, expected: list[str]) -> None:
    """Clauses that can take more or less than the item is worth are reported."""
    assert [code for _, code in codes(sections)] == expected


def test_printed_headings_are_compared_with_items() -> None:
    """A wrong sum in a heading is reported, for the heading and the one above it."""
    inner = deduct(FLAG_A % 4).replace("sections:\n", "").replace("\n", "\n    ").rstrip()
    inner = inner.replace("title: 甲\n", "title: 甲\n        printed_max: 5\n", 1)
    found = codes(
        f"sections:\n  - id: T\n    title: 总\n    printed_max: 4\n    sections:\n    {inner}\n"
    )
    assert found == [("T", "printed_headings_differ"), ("A", "printed_sum_differs")]


def test_inspection_table_shows_its_known_defects() -> None:
    """附件1: the wrong heading B8 and the three points that can never be lost (I1, I8)."""
    if "zhongxian-inspection" not in official_paths():
        pytest.fail("the inspection table is missing")
    rubric = load_rubric("zhongxian-inspection")
    found = {(one.where, one.code) for one in lint_rubric(rubric)}
    assert ("B8", "printed_sum_differs") in found
    lost = {where for where, code in found if code == "points_never_lost"}
    assert lost == {"C23", "C32", "C33"}


def test_lint_changes_nothing() -> None:
    """The item's points stay authoritative: 5 points lost of 4 leave zero, the max stays 4."""
    rubric = parse_rubric(HEAD + deduct(FLAG_B % 5))
    sheet = evaluate(rubric, {"school": {"kind": "general"}, "entries": {"C1": {"b": True}}})
    item = sheet.to_json()["items"]["C1"]
    assert (item["proven"], item["possible"], item["max"]) == ("0", "0", "4")
    assert item["working"] == "4 − 5 = -1 → 0 (扣完为止)"

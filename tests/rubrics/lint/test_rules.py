"""Each lint rule on the smallest rubric that shows it, and on one that must stay quiet."""

import textwrap

import pytest

from rubrics.lint import LintWarning, lint_rubric, load_rules
from rubrics.loader import official_rubrics, parse_rubric
from rubrics.model import Rubric

HEADER = 'id: small\nversion: "1"\ntitle: 例\nauthority: 例\nsource: {document: 例}\n'
SECTION = "sections:\n  - id: A\n    title: 例\n    items:\n"


def rubric(items: str, head: str = "") -> Rubric:
    """Make a rubric of one section from its items."""
    body = textwrap.indent(textwrap.dedent(items).strip("\n"), "      ")
    return parse_rubric(HEADER + textwrap.dedent(head) + SECTION + body + "\n")


def found(one: Rubric, code: str) -> list[LintWarning]:
    """Warnings of one rule."""
    return [warning for warning in lint_rubric(one) if warning.code == code]


COUNT = "entries: {n: {type: count, zh: 缺}}"
DEDUCT = "rule: {type: deduct, clauses: [{kind: each, points: 1, count: {entry: n}}]}"
SHOWS = {
    "rule_exceeds_max": f"""
        - id: a
          text: 有
          max: 2
          {COUNT}
          rule:
            type: bands
            value: {{entry: n}}
            bands: [{{ge: {{value: 1, unit: count}}, points: 3}}]
        """,
    "points_out_of_reach": """
        - id: a
          text: 有
          max: 5
          entries: {x: {type: bool, zh: 有}}
          rule: {type: meets, criteria: [{id: k, title: 有, points: 4, when: {entry: x}}]}
        """,
    "ranges_overlap": f"""
        - id: a
          text: 人数
          max: 1
          {COUNT}
          rule:
            type: deduct
            clauses:
              - kind: each
                points: 1
                count:
                  shortfall:
                    - variant:
                        - when: {{value: {{profile: classes}}, ge: {{value: 24, unit: class}}}}
                          value: {{value: 4, unit: count}}
                        - when: {{value: {{profile: classes}}, le: {{value: 24, unit: class}}}}
                          value: {{value: 2, unit: count}}
                    - {{entry: n}}
        """,
    "repeats_without_floor": f"""
        - {{id: a, text: 每缺一件扣1分。, max: 2, {COUNT}, {DEDUCT}}}
        """,
    "entry_unused": f"""
        - id: a
          text: 每缺一件扣1分，扣完为止。
          max: 2
          entries: {{n: {{type: count, zh: 缺}}, m: {{type: count, zh: 余}}}}
          {DEDUCT}
        """,
    "word_repeated": f"""
        - {{id: a, text: 发生一起事故发生扣1分，扣完为止。, max: 2, {COUNT}, {DEDUCT}}}
        """,
}


@pytest.mark.parametrize("code", SHOWS)
def test_rule_speaks(code: str) -> None:
    """The smallest rubric with the fault gets exactly one warning of the rule, on its item."""
    warnings = found(rubric(SHOWS[code]), code)
    assert [warning.items for warning in warnings] == [("a",)]
    assert "a" in warnings[0].zh
    assert warnings[0].follows_en


def test_a_judge_step_that_misses_the_maximum_is_reported() -> None:
    """Steps of 2 never give 5 points."""
    one = rubric(
        "- {id: a, text: 有, max: 5, rule: {type: judge, step: 2}}",
        "stages: [{id: s, title: 评, actor: bureau}]\n",
    )
    assert found(one, "step_misses_max")


def test_printed_total_and_header_are_compared() -> None:
    """What is printed stays, and every difference is named with both numbers."""
    text = (
        HEADER
        + "total_printed_max: 9\n"
        + SECTION.replace("例\n    items", "例\n    printed_max: 7\n    items")
    )
    one = parse_rubric(text + f"      - {{id: a, text: 扣完为止, max: 5, {COUNT}, {DEDUCT}}}\n")
    (header,) = found(one, "header_sum_differs")
    assert "7" in header.zh
    assert "5" in header.zh
    assert "9" in found(one, "total_differs")[0].en


def test_bands_gates_and_unused_parts_are_reported() -> None:
    """What an author wrote and nothing uses has no effect, and lint says so."""
    one = rubric(
        f"- {{id: a, text: 扣完为止, max: 5, gate: {{}}, {COUNT}, {DEDUCT}}}",
        """\
        facts: {f: {zh: 数}}
        readings:
          r:
            question: 甲还是乙
            alternatives: {x: {meaning: 甲}, y: {meaning: 乙}}
            default: x
            when_not_chosen: default
        bands:
          - {id: good, title: 好, ge: {value: 80, unit: percent}}
          - {id: fine, title: 良, ge: {value: 80, unit: percent}}
        """,
    )
    codes = {warning.code for warning in lint_rubric(one)}
    assert codes == {
        "no_examples",
        "figure_unused",
        "reading_unused",
        "gate_without_band",
        "bands_out_of_order",
    }


def test_a_settled_question_says_what_settles_it() -> None:
    """A reading answers the text's open question; without one nothing is claimed."""
    item = """
        - id: a
          text: 资料
          scoring_text: 每缺一项扣1分，扣完为止。
          max: 2
          entries: {n: {type: count, zh: 缺%s}}
          rule: {type: deduct, clauses: [{kind: each, points: 1, count: {entry: n}}]}
        """
    (open_one,) = found(rubric(item % ""), "unit_of_count_undefined")
    (settled,) = found(rubric(item % "（计划、总结）"), "unit_of_count_undefined")
    assert open_one.settled_by is None
    assert settled.settled_by == "entries: n"


def test_variant_gap_names_the_schools_left_out() -> None:
    """A value for primary schools alone leaves every other combination of stages without one."""
    one = rubric("""
        - id: a
          text: 教具
          max: 1
          entries: {n: {type: count, zh: 件数}}
          rule:
            type: deduct
            clauses:
              - kind: each
                points: 0.5
                count:
                  shortfall:
                    - variant:
                        - {when: {profile: stages, has: primary}, value: {value: 2, unit: count}}
                        - {when: {profile: stages, is: [junior]}, value: {value: 3, unit: count}}
                    - {entry: n}
        """)
    (gap,) = found(one, "variant_gap")
    assert "高中" in gap.zh
    assert "初中+高中" in gap.zh
    assert "小学" not in gap.zh


def test_every_rule_speaks_somewhere() -> None:
    """No rule is dead: each fires on an official document or on a rubric of this file."""
    rubrics = official_rubrics()
    spoken = {w.code for one in rubrics.values() for w in lint_rubric(one, rubrics)}
    here = {"step_misses_max", "total_differs", "no_examples", "figure_unused", "reading_unused"}
    here |= {"gate_without_band", "bands_out_of_order", *SHOWS}
    assert set(load_rules()) <= spoken | here

"""What is wrong in a rubric file is found at load, with its place and the way out."""

from pathlib import Path

import pytest

from rubrics.loader import RubricError, UnknownRubricError, load_rubric, parse_rubric

SOUND = """\
id: small
version: "1"
title: 例
authority: 例
source: {document: 例}
readings:
  kbps:
    question: K
    alternatives: {"1000": {meaning: 千, value: 1000}, "1024": {meaning: 二进制, value: 1024}}
    default: "1000"
    when_not_chosen: default
sections:
  - id: A
    title: 一
    items:
      - id: C1
        text: 甲
        max: 2
        entries: {missing: {type: count, zh: 缺}, rate: {type: percent, zh: 率}}
        rule:
          type: deduct
          clauses:
            - {kind: each, points: 0.5, count: {entry: missing}}
            - kind: step
              points: 1
              step: {value: 5, unit: percent}
              below: {value: 95, unit: percent}
              value: {entry: rate}
      - id: C2
        text: 乙
        rule:
          type: meets
          criteria:
            - id: 1e
              title: 出口
              when:
                value: {indicator: outlet_capacity}
                ge: {per_head: {value: 512, unit: kbit/s, kilo: {reading: kbps}}}
"""


def errors_of(text: str) -> str:
    """Load a broken rubric and return what the loader says."""
    with pytest.raises(RubricError) as caught:
        parse_rubric(text, file="small.yaml")
    return str(caught.value)


def test_sound_rubric_loads() -> None:
    """The rubric that the other tests break is sound."""
    assert [item.id for item in parse_rubric(SOUND).items()] == ["C1", "C2"]


@pytest.mark.parametrize(
    ("right", "wrong", "place", "says"),
    [
        ("max: 2", "maxx: 2", "18:15 [", "unknown field `maxx`; did you mean `max`?"),
        (
            "type: deduct",
            "type: deduckt",
            "21:11 [",
            "unknown type `deduckt`; did you mean `deduct`?",
        ),
        ("kind: each", "kind: eech", "23:15 [", "did you mean `each`?"),
        ("points: 1\n", "points: one\n", "25:", "'one' is not a decimal number"),
        ("step: {value: 5, unit: percent}", "step: {value: 5}", "26:", "`unit` is missing"),
        ("below: {value: 95, unit: percent}", "below: 95", "27:", "threshold without unit"),
        ("95, unit: percent}", "95, unit: prcent}", "27:", "did you mean percent,"),
        ("below: {value: 95, unit: percent}", "below: {value: 95, unit: GB}", "24:", "cannot be"),
        ("count: {entry: missing}", "count: {entry: mising}", "23:", "no entry `mising`"),
        ("count: {entry: missing}", "count: {entry: rate}", "23:", "number of things"),
        ("outlet_capacity", "outlet_capasity", "37:36 [", "did you mean `outlet_capacity`?"),
        ("reading: kbps", "reading: kb", "38:", "no reading `kb`"),
        ("id: C2", "id: C1", "29:13 [", "item id `C1` is used twice"),
        ('default: "1000"', 'default: "1"', "8:5 [", "default '1' is none of"),
        ("text: 乙", "text: 乙\n        text: 丙", "31:9 [", "`text` is given twice"),
        ("max: 2", "max: 0", "16:9 [", "greater than zero"),
        ("max: 2\n", "\n", "16:9 [", "needs the item's `max`"),
        ("text: 乙", "text: 7", "30:15 [", "valid string"),
        ("title: 例", "title: &t 例\nlocale: *t", "4:1 ", "anchors and aliases"),
        ("title: 例", "title: " + "[" * 200_000 + "]" * 200_000, "", "nested deeper than 40"),
        ("sections:", "sections: [", "13:3 ", "not YAML"),
    ],
)
def test_mistake_is_placed_and_explained(right: str, wrong: str, place: str, says: str) -> None:
    """A mistake gives file, line and column, and says what to write instead."""
    assert right in SOUND
    message = errors_of(SOUND.replace(right, wrong, 1))
    assert f"small.yaml:{place}" in message
    assert says in message


def test_all_mistakes_are_reported_at_once() -> None:
    """An author sees every mistake of a kind in one run, in the order of the file."""
    message = errors_of(SOUND.replace("max: 2", "max: x").replace("points: 1\n", "points: y\n"))
    first, second = message.splitlines()
    assert ":18:" in first
    assert ":25:" in second


def test_numbers_never_pass_through_binary_floats() -> None:
    """0.1 in a rubric is one tenth, not the nearest binary float."""
    rubric = parse_rubric(SOUND.replace("points: 0.5", "points: 0.1"))
    clause = next(rubric.items()).rule.clauses[0]
    assert clause.points * 10 == 1


def test_comments_do_not_change_the_hash_but_points_do() -> None:
    """The content hash follows what the rubric says."""
    plain = parse_rubric(SOUND).content_hash
    assert parse_rubric("# 说明\n" + SOUND).content_hash == plain
    assert parse_rubric(SOUND.replace("points: 0.5", "points: 0.50")).content_hash == plain
    assert parse_rubric(SOUND.replace("points: 0.5", "points: 0.6")).content_hash != plain


def test_unknown_rubric_id_lists_the_known() -> None:
    """A wrong id says which rubrics exist."""
    with pytest.raises(UnknownRubricError, match="zhongxian-smart-campus-general"):
        load_rubric("zhongxian-smart-campus")


def test_rubric_loads_from_a_path(tmp_path: Path) -> None:
    """A county's own file loads by its path, and errors name that path."""
    path = tmp_path / "own.yaml"
    path.write_text(SOUND, encoding="utf-8")
    assert load_rubric(path).id == "small"
    path.write_text("id: [", encoding="utf-8")
    with pytest.raises(RubricError, match=r"own\.yaml:1:"):
        load_rubric(str(path))

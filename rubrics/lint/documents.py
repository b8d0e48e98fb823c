"""Two rubrics side by side: the same question with another bound, another count of people, ids."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rubrics.checks import walk
from rubrics.describe import Words
from rubrics.lint.places import items_of
from rubrics.lint.warning import LintWarning, warn
from rubrics.model import expressions as ex
from rubrics.model import rules
from rubrics.model.rubric import Item, Rubric
from rubrics.yaml_source import Path

PEOPLE = re.compile(r"在编|在籍|在校师生总人数|师生总数|实际在校学生数|专任教师")
GRADES = re.compile(r"小学[一二三四五六]年级以上")


def compare_documents(mine: Rubric, other: Rubric) -> Iterator[LintWarning]:
    """Find what one rubric says otherwise than another.

    Shared item ids are reported on one side only, all else on both.
    """
    yield from _thresholds(mine, other)
    yield from _terms("denominators_differ", PEOPLE, mine, other)
    yield from _terms("grades_differ", GRADES, mine, other)
    if mine.id < other.id:
        yield from _ids(mine, other)


Asked = tuple[Path, Item, str, ex.Compare]


def _asked(rubric: Rubric) -> Iterator[tuple[str, Asked]]:
    """Every comparison of a criterion, by what it asks for."""
    for path, item in items_of(rubric):
        if not isinstance(item.rule, rules.Meets):
            continue
        for index, criterion in enumerate(item.rule.criteria):
            for at, node in walk(criterion.when, (*path, "rule", "criteria", index, "when")):
                if isinstance(node, ex.Compare):
                    yield node.value.model_dump_json(), (at, item, criterion.id, node)


def _thresholds(mine: Rubric, other: Rubric) -> Iterator[LintWarning]:
    there = dict(_asked(other))
    for question, (at, item, criterion, node) in _asked(mine):
        found = there.get(question)
        if found is None or node.op == "between" or found[3].op != node.op:
            continue
        bounds = [
            Words(rubric, holder).value(getattr(part, part.op))
            for rubric, holder, part in ((mine, item, node), (other, found[1], found[3]))
        ]
        if bounds[0] != bounds[1]:
            yield warn("threshold_differs", mine.id, at, items=(item.id,), clause=criterion,
                       item=item.id, criterion=criterion, other=other.id, there=found[2],
                       mine=bounds[0], theirs=bounds[1])  # fmt: skip


def _terms(
    code: str, pattern: re.Pattern[str], mine: Rubric, other: Rubric
) -> Iterator[LintWarning]:
    here, there = _words(pattern, mine), _words(pattern, other)
    if here and there and set(here) != set(there):
        places = [place for found in here.values() for place in found]
        items = tuple(dict.fromkeys(item for _, item in places))
        yield warn(code, mine.id, places[0][0], items=items,
                   clause="、".join(here), mine="、".join(here), theirs="、".join(there),
                   other=other.id)  # fmt: skip


def _words(pattern: re.Pattern[str], rubric: Rubric) -> dict[str, list[tuple[Path, str]]]:
    found: dict[str, list[tuple[Path, str]]] = {}
    for path, item in items_of(rubric):
        title = item.title.zh if item.title is not None else ""
        for match in pattern.finditer(title + "\n" + item.text):
            found.setdefault(match[0], []).append(((*path, "text"), item.id))
    return found


def _ids(mine: Rubric, other: Rubric) -> Iterator[LintWarning]:
    here = {item.id: item.text for _, item in items_of(mine)}
    shared = [item.id for _, item in items_of(other)
              if item.id in here and here[item.id] != item.text]  # fmt: skip
    if shared:
        ids = f"{shared[0]}…{shared[-1]}" if len(shared) > 1 else shared[0]
        yield warn("ids_used_in_both", mine.id, ("sections",), items=tuple(shared), clause=ids,
                   ids=ids, other=other.id)  # fmt: skip

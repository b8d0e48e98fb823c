"""What the official text leaves open, seen in the structure of the rules that were made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations

from rubrics.checks import walk
from rubrics.exact import decimal_text, exact_sum
from rubrics.lint.places import items_of, readings_of, settled_by_readings
from rubrics.lint.variants import variant_gaps
from rubrics.lint.warning import LintWarning, warn
from rubrics.model import expressions as ex
from rubrics.model import rules
from rubrics.model.rubric import Item, Rubric
from rubrics.yaml_source import Path

NOT_APPLICABLE_WORDS = re.compile(r"不涉及|不适用|没有[^，。；]{0,12}的(?:学校)?[，]?(?:不|记|得)")
TIME_WORDS = re.compile(r"[每本近前当][一二三3]?[学年期度月周]|年度|学年|年内")
PART_STEP_WORDS = re.compile(r"不足[^，。；]{0,12}(?:按|不)|四舍五入|百分点")
ANY_REQUIREMENT_WORDS = re.compile(r"有一项|符合要求|资料不完善")
"""A scoring text that deducts for whatever is not met names no requirement by itself."""
EFFORT_WORDS = re.compile(r"^(?:充分|积极|认真|以|按|加强|注重|做好)|好$|量大$")
VETO_EFFECT_WORDS = re.compile(r"不得|取消|不予|降[一为低]|[记计为]0分|不合格")


def gap_warnings(rubric: Rubric) -> Iterator[LintWarning]:
    """Variants, applicability, steps, rates, ranges, judged points and reading choices."""
    for path, item in items_of(rubric):
        yield from variant_gaps(rubric, path, item)
        yield from _applicability(rubric, path, item)
        yield from _steps(rubric, path, item)
        yield from _rates(rubric, path, item)
        yield from _ranges(rubric, path, item)
        yield from _unnamed(rubric, path, item)
        yield from _awards(rubric, path, item)
        yield from _veto(rubric, path, item)
    yield from _judged(rubric)
    yield from _levels(rubric)
    yield from _award_levels(rubric)
    yield from _readings(rubric)
    yield from _caps(rubric)


# Single items


def _applicability(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    text = item.text + (item.scoring_text or "")
    if item.applies_when is None or item.max is None or NOT_APPLICABLE_WORDS.search(text):
        return
    word = item.when_not_applicable
    chosen = word if isinstance(word, str) else f"reading {word.reading}"
    settled = None if isinstance(word, str) else settled_by_readings((word.reading,))
    yield warn("not_applicable_unwritten", rubric.id, (*path, "applies_when"), items=(item.id,),
               clause=item.text, settled_by=settled, item=item.id, word=chosen)  # fmt: skip


def _steps(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    text = item.text + (item.scoring_text or "")
    if PART_STEP_WORDS.search(text):
        return
    clauses = [(at, n) for at, n in walk(item.rule, (*path, "rule"))
               if isinstance(n, rules.StepClause)]  # fmt: skip
    if clauses:
        at, clause = clauses[0]
        named = dict.fromkeys(readings_of(clause))
        rounding = clause.rounding
        settled = None if isinstance(rounding, str) else settled_by_readings(tuple(named))
        words = item.scoring_text or item.text
        yield warn("part_step_open", rubric.id, at, items=(item.id,), clause=words,
                   settled_by=settled, item=item.id)  # fmt: skip


def _rates(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    """Percentages that people enter, called rates, with nothing that says rate of what."""
    if re.search(r"÷|占|/", item.text + (item.scoring_text or "")):
        return
    rates = [
        (name, spec.zh, _formula(item, name) or ("help" if spec.help is not None else None))
        for name, spec in item.entries.items()
        if spec.type == "percent" and re.search(r"[率度]|应用面|开展面|覆盖面", spec.zh)
    ]
    open_ones = [rate for rate in rates if rate[2] is None]
    for shown in (open_ones or rates)[:1]:
        name, _, settled = shown
        named = "”“".join(zh for _, zh, _ in open_ones or rates)
        yield warn("rate_without_formula", rubric.id, (*path, "entries", name), items=(item.id,),
                   clause=item.text, settled_by=settled, item=item.id, rate=named)  # fmt: skip


def _formula(item: Item, name: str) -> str | None:
    """Say how the rule computes the rate where it is not entered as such."""
    formulas = [
        node for _, node in walk(item.rule) if isinstance(node, ex.OneOf) and _enters(node, name)
    ]
    ways = dict.fromkeys(reading for node in formulas for reading in readings_of(node))
    return settled_by_readings(tuple(ways)) or ("formula" if formulas else None)


def _enters(node: ex.OneOf, name: str) -> bool:
    return any(isinstance(one, ex.EntryValue) and one.entry == name for one in node.one_of)


def _ranges(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    """Two rows of one variant that both hold at the same number."""
    for at, node in walk(item, path):
        if not isinstance(node, ex.Variant):
            continue
        edges = [_edge(part) for row in node.variant for _, part in walk(row.when)]
        known = [edge for edge in edges if edge is not None]
        for value, op, number in known:
            if op == "ge" and (value, "le", number) in known:
                yield warn("ranges_overlap", rubric.id, at, items=(item.id,), clause=item.text,
                           settled_by=settled_by_readings(readings_of(node)), item=item.id,
                           number=number)  # fmt: skip


def _edge(part: object) -> tuple[str, str, str] | None:
    if not isinstance(part, ex.Compare) or part.op not in ("ge", "le"):
        return None
    bound = getattr(part, part.op)
    if not isinstance(bound, ex.Quantity):
        return None
    return part.value.model_dump_json(), part.op, decimal_text(bound.value)


def _unnamed(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    """Find requirements that a scoring text passes over while it names others of the same item."""
    if item.scoring_text is None or not isinstance(item.rule, rules.Deduct):
        return
    if ANY_REQUIREMENT_WORDS.search(item.scoring_text):
        return
    scoring = item.scoring_text
    for parts in _requirements(item):
        missing = [part for part in parts if not _shares_a_word(part, scoring)]
        if missing and len(missing) < len(parts):
            yield warn("requirement_without_rule", rubric.id, (*path, "scoring_text"),
                       items=(item.id,), clause=item.text,
                       settled_by=settled_by_readings(readings_of(item)), item=item.id,
                       requirement="”“".join(missing))  # fmt: skip


def _requirements(item: Item) -> Iterator[list[str]]:
    """Split the official words: its clauses, and the members of a list of short things."""
    text = re.sub(r"[（(][^（）()]*[）)]|“[^”]*”", "", item.text.removeprefix(item.id))
    clauses = [part.strip(" ．.\u3000") for part in re.split(r"[，,；;。]", text)]
    yield [part for part in clauses if len(part) > 2 and not EFFORT_WORDS.search(part)]
    for clause in clauses:
        members = clause.split("、")
        if len(members) > 2 and all(1 < len(member) <= 4 for member in members):
            yield members


def _shares_a_word(part: str, text: str) -> bool:
    return any(part[at : at + 2] in text for at in range(len(part) - 1))


def _awards(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    text = item.text + (item.scoring_text or "")
    if "获奖" not in text or item.max is None or TIME_WORDS.search(text):
        return
    if isinstance(item.rule, rules.Award | rules.Deduct | rules.Bonus):
        settled = settled_by_readings(readings_of(item))
        if settled is None and item.period is not None:
            settled = f"period: {item.period.zh}"
        yield warn("awards_without_year", rubric.id, (*path, "text"), items=(item.id,),
                   clause=item.text, settled_by=settled, item=item.id)  # fmt: skip


def _veto(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    if isinstance(item.rule, rules.Veto) and not VETO_EFFECT_WORDS.search(item.text):
        yield warn("veto_without_effect", rubric.id, (*path, "rule", "effect"), items=(item.id,),
                   clause=item.text, settled_by=f"effect: {item.rule.effect.zh}",
                   item=item.id)  # fmt: skip


# The whole rubric


def _judged(rubric: Rubric) -> Iterator[LintWarning]:
    judged = [
        (path, item)
        for path, item in items_of(rubric)
        if isinstance(item.rule, rules.Judge) and item.scoring_text is None
    ]
    if judged:
        points = exact_sum(item.max for _, item in judged if item.max is not None)
        yield warn("judged_without_rule", rubric.id, judged[0][0],
                   items=tuple(item.id for _, item in judged), clause=judged[0][1].text,
                   count=len(judged), points=decimal_text(points))  # fmt: skip


def _levels(rubric: Rubric) -> Iterator[LintWarning]:
    """Find boxes of one question where the level of one includes the level of another."""
    boxes: dict[str, list[tuple[Path, Item, str]]] = {}
    for path, item in items_of(rubric):
        question, _, label = item.text.rpartition(" ")
        if question:
            boxes.setdefault(question, []).append((path, item, label))
    for group in boxes.values():
        for (path, one, wide), (_, other, narrow) in permutations(group, 2):
            base = re.sub(r"及?以上$", "", wide)
            if base not in (wide, "") and base in narrow:
                shared = tuple(name for name in readings_of(one) if name in readings_of(other))
                yield warn("levels_overlap", rubric.id, (*path, "text"),
                           items=(one.id, other.id), clause=one.text, wide=wide, narrow=narrow,
                           settled_by=settled_by_readings(shared))  # fmt: skip


def _award_levels(rubric: Rubric) -> Iterator[LintWarning]:
    if len(rubric.award_levels) < 2:
        return
    asking = [
        (path, item)
        for path, item in items_of(rubric)
        if any(isinstance(n, ex.ProfileIs) and n.profile == "award_level" for _, n in walk(item))
    ]
    if len(asking) <= 1:
        names = "、".join(level.zh for level in rubric.award_levels)
        yield warn("award_level_in_one_clause", rubric.id, ("award_levels",),
                   items=tuple(item.id for _, item in asking), clause=names, levels=names,
                   count=len(asking))  # fmt: skip


def _readings(rubric: Rubric) -> Iterator[LintWarning]:
    for name, choice in rubric.readings.items():
        if choice.when_not_chosen == "default":
            continue
        code = "reading_required" if choice.when_not_chosen == "required" else "reading_open"
        users = tuple(item.id for _, item in items_of(rubric) if name in readings_of(item))
        question = choice.question
        yield warn(code, rubric.id, ("readings", name), items=users, clause=question.zh,
                   reading=name, question=question.zh,
                   question_en=question.in_language("en"))  # fmt: skip


def _caps(rubric: Rubric) -> Iterator[LintWarning]:
    for index, cap in enumerate(rubric.shared_caps):
        if cap.applies_when is not None:
            yield warn("cap_scope_open", rubric.id, ("shared_caps", index), items=cap.items,
                       clause=cap.id, settled_by=settled_by_readings((cap.applies_when.reading,)),
                       cap=decimal_text(cap.cap), reading=cap.applies_when.reading)  # fmt: skip

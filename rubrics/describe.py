"""Values, conditions and rules of a rubric in words: for people who read a rubric, not for scoring.

Chinese and English. What a rule says can be checked against the official text without knowing the
file format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from rubrics.exact import decimal_text
from rubrics.model import expressions as ex
from rubrics.model import rules
from rubrics.model.base import Text
from rubrics.model.rubric import Item, Rubric
from rubrics.units import UNITS

Language = Literal["zh", "en"]
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "eq": "="}
PROFILE = {
    "students": ("在校学生数", "students"),
    "staff": ("教职工数", "staff"),
    "heads": ("师生总数", "students and staff"),
    "classes": ("班级数", "classes"),
    "kind": ("学校类别", "kind of school"),
    "stages": ("学段", "stages"),
    "award_level": ("申报等级", "award level"),
    "setting": ("城乡", "setting"),
}
CHOICES = {
    "general": "普通中小学",
    "vocational": "中职",
    "primary": "小学",
    "junior": "初中",
    "senior": "高中",
    "urban": "城区",
    "town": "镇区",
    "rural": "乡村",
}
STATISTICS = {
    "mean": ("平均", "mean"),
    "min": ("最小", "lowest"),
    "max": ("最大", "highest"),
    "sum": ("合计", "sum"),
    "count": ("个数", "number"),
    "median": ("中位数", "median"),
    "cv": ("变异系数", "coefficient of variation"),
    "share_at_least": ("达到下限的比例", "share that reaches the bound"),
}


class Words:
    """Words for the parts of one item's rule, in one language."""

    def __init__(self, rubric: Rubric, item: Item, language: Language = "zh") -> None:
        self._rubric = rubric
        self._item = item
        self._language = language
        self._items: Mapping[str, Item] = {one.id: one for one in rubric.items()}

    def rule(self) -> list[str]:
        """Return the item's rule as lines, one for each clause, criterion or band."""
        return _RULES[type(self._item.rule)](self, self._item.rule)

    def value(self, value: Any) -> str:
        """Write a value as arithmetic on named figures."""
        return _VALUES[type(value)](self, value)

    def condition(self, condition: Any) -> str:
        """Write a condition as a statement."""
        return _CONDITIONS[type(condition)](self, condition)

    def pick(self, zh: str, en: str) -> str:
        """Choose the language."""
        return zh if self._language == "zh" else en

    def text(self, text: Text | None) -> str:
        """Write a bilingual text; empty where there is none."""
        return "" if text is None else text.in_language(self._language)

    def entry(self, name: str, item: str | None) -> str:
        """Write what an entry asks for."""
        holder = self._item if item is None else self._items[item]
        spec = holder.entries[name]
        return self.pick(spec.zh, spec.en or spec.zh)

    def reading(self, name: str) -> str:
        """Name a reading choice."""
        return self.pick(f"口径 {name}", f"reading {name}")

    def indicator(self, name: str) -> str:
        """Name an indicator by its title."""
        used = self._rubric.indicators.get(name)
        return name if used is None else self.text(used.title)

    def choice(self, name: str) -> str:
        """Name a kind, stage, setting or award level."""
        levels = {level.id: level.zh for level in self._rubric.award_levels}
        return self.pick({**CHOICES, **levels}.get(name, name), name)

    def figure(self, name: str) -> str:
        """Name a fact or a reference figure."""
        spec = self._rubric.facts.get(name) or self._rubric.references.get(name)
        return name if spec is None else self.pick(spec.zh, spec.en or spec.zh)


def _quantity(words: Words, value: ex.Quantity) -> str:
    unit = UNITS[value.unit]
    return f"{decimal_text(value.value)} {words.pick(unit.zh, unit.en)}".strip().replace(" %", "%")


def _joined(words: Words, values: Any, sign: str) -> str:
    return sign.join(
        f"({text})" if " " in text and sign != ", " else text
        for text in (words.value(value) for value in values)
    )


def _variant(words: Words, value: ex.Variant) -> str:
    rows = [f"{words.condition(row.when)} → {words.value(row.value)}" for row in value.variant]
    return "{" + "; ".join(rows) + "}"


def _statistic(words: Words, value: ex.ListStatistic) -> str:
    bound = "" if value.at_least is None else f" ≥ {words.value(value.at_least)}"
    return f"{words.pick(*STATISTICS[value.statistic])}({words.entry(value.list, None)}{bound})"


def _shortfall(words: Words, value: ex.Shortfall) -> str:
    return f"max(0, {_joined(words, value.shortfall, ' − ')})"


def _rounded(words: Words, value: ex.Rounded) -> str:
    mode = value.mode if isinstance(value.mode, str) else words.reading(value.mode.reading)
    return f"{mode}({words.value(value.rounded)})"


_VALUES: dict[type, Callable[[Words, Any], str]] = {
    ex.Quantity: _quantity,
    ex.ReadingRef: lambda words, value: words.reading(value.reading),
    ex.IndicatorValue: lambda words, value: words.indicator(value.indicator),
    ex.FactValue: lambda words, value: words.figure(value.fact),
    ex.ReferenceValue: lambda words, value: words.figure(value.reference),
    ex.EntryValue: lambda words, value: words.entry(value.entry, value.item),
    ex.ProfileValue: lambda words, value: words.pick(*PROFILE[value.profile]),
    ex.PerHead: lambda words, value: (
        f"{words.value(value.per_head)} × {words.pick(*PROFILE['heads'])}"
    ),
    ex.Ratio: lambda words, value: _joined(words, value.ratio, " ÷ "),
    ex.Product: lambda words, value: _joined(words, value.product, " × "),
    ex.Sum: lambda words, value: _joined(words, value.sum, " + "),
    ex.Difference: lambda words, value: _joined(words, value.difference, " − "),
    ex.Shortfall: _shortfall,
    ex.Largest: lambda words, value: f"max({_joined(words, value.largest, ', ')})",
    ex.Smallest: lambda words, value: f"min({_joined(words, value.smallest, ', ')})",
    ex.OneOf: lambda words, value: words.pick(" 或 ", " or ").join(
        words.value(one) for one in value.one_of
    ),
    ex.Rounded: _rounded,
    ex.ListStatistic: _statistic,
    ex.Variant: _variant,
}


def _compare(words: Words, condition: ex.Compare) -> str:
    bound = getattr(condition, condition.op)
    if condition.op == "between":
        return f"{words.value(bound[0])} ≤ {words.value(condition.value)} ≤ {words.value(bound[1])}"
    return f"{words.value(condition.value)} {SIGNS[condition.op]} {words.value(bound)}"


def _profile(words: Words, condition: ex.ProfileIs) -> str:
    name = words.pick(*PROFILE[condition.profile])
    if condition.has is not None:
        return f"{name} ∋ {words.choice(condition.has)}"
    wanted = condition.one_of or condition.is_ or ()
    listed = (wanted,) if isinstance(wanted, str) else wanted
    shown = "+".join(words.choice(one) for one in listed)
    return f"{name} {'∈' if condition.one_of else '='} {shown}"


def _is(words: Words, name: str, wanted: bool | str) -> str:
    if isinstance(wanted, str):
        return f"{name} = {wanted}"
    return _yes(words, name) if wanted else _no(words, name)


def _yes(words: Words, name: str) -> str:
    return f"{name}: {words.pick('是', 'yes')}"


def _no(words: Words, name: str) -> str:
    return f"{name}: {words.pick('否', 'no')}"


def _negated(words: Words, condition: ex.Not) -> str:
    inner = condition.not_
    if isinstance(inner, ex.EntryIs) and inner.is_ is True:
        return _no(words, words.entry(inner.entry, inner.item))
    return f"{words.pick('不是', 'not')} ({words.condition(inner)})"


def _parts(words: Words, parts: Any, word: str) -> str:
    return word.join(
        f"({words.condition(one)})"
        if isinstance(one, ex.AnyOf | ex.AllOf)
        else words.condition(one)
        for one in parts
    )


def _k_of_n(words: Words, condition: ex.KOfN) -> str:
    listed = "; ".join(words.condition(one) for one in condition.k_of_n)
    must = "; ".join(words.condition(one) for one in condition.must)
    tail = f"; {words.pick('必备', 'required')}: {must}" if must else ""
    return words.pick(f"至少 {condition.k} 条", f"at least {condition.k} of") + f" [{listed}]{tail}"


_CONDITIONS: dict[type, Callable[[Words, Any], str]] = {
    ex.Compare: _compare,
    ex.ProfileIs: _profile,
    ex.EntryIs: lambda words, one: _is(words, words.entry(one.entry, one.item), one.is_),
    ex.FactIs: lambda words, one: _is(words, words.figure(one.fact), one.is_),
    ex.ReadingIs: lambda words, one: f"{words.reading(one.reading)} = {one.is_}",
    ex.AllOf: lambda words, one: _parts(words, one.all_of, words.pick(" 且 ", " and ")),
    ex.AnyOf: lambda words, one: _parts(words, one.any_of, words.pick(" 或 ", " or ")),
    ex.KOfN: _k_of_n,
    ex.Not: _negated,
}


def _clause(words: Words, clause: Any, sign: str) -> str:
    points = f"{sign}{decimal_text(clause.points)}"
    only = "" if clause.applies_when is None else f"[{words.condition(clause.applies_when)}] "
    if clause.kind == "each":
        return f"{only}{points} × {words.value(clause.count)}"
    if clause.kind == "step":
        target = clause.below if clause.below is not None else clause.above
        word = (
            words.pick("低于", "below") if clause.below is not None else words.pick("高于", "above")
        )
        return (
            f"{only}{points} {words.pick('每', 'for each')} {words.value(clause.step)}"
            f" {words.value(clause.value)} {word} {words.value(target)}"
        )
    tail = (
        words.pick("（其他扣分不再计）", " (absorbs the others)") if clause.kind == "zero" else ""
    )
    return f"{only}{points} {words.pick('若', 'if')} {words.condition(clause.when)}{tail}"


def _criterion(words: Words, criterion: rules.Criterion) -> str:
    head = f"{criterion.id} {words.text(criterion.title)}"
    points = "" if criterion.points is None else f" (+{decimal_text(criterion.points)})"
    if criterion.when is None:
        return f"{head}{points}: {words.pick('由人判定', 'a person decides')}"
    return f"{head}{points}: {words.condition(criterion.when)}"


def _judge(words: Words, rule: rules.Judge) -> list[str]:
    who = words.pick("由人给分，0 到满分", "a person gives 0 to the maximum")
    return [who, *(_criterion(words, one) for one in rule.criteria)]


def _award(words: Words, rule: rules.Award) -> list[str]:
    each = words.pick("每个", "each")
    lines = [f"+{decimal_text(one.points)} {each} {words.text(one.title)}" for one in rule.levels]
    return lines if rule.cap is None else [*lines, f"≤ {decimal_text(rule.cap)}"]


def _bands(words: Words, rule: rules.Bands) -> list[str]:
    sign = "≥" if rule.higher_is_better else "≤"
    lines = [f"{sign} {words.value(one.ge)} → {decimal_text(one.points)}" for one in rule.bands]
    return [words.value(rule.value), *lines, f"… → {decimal_text(rule.otherwise)}"]


def _interpolate(words: Words, rule: rules.Interpolate) -> list[str]:
    knots = [f"{words.value(one.at)} → {decimal_text(one.points)}" for one in rule.knots]
    return [words.value(rule.value), *knots]


def _proportional(words: Words, rule: rules.Proportional) -> list[str]:
    return [f"max × {words.value(rule.value)} ÷ {words.value(rule.full_at)}"]


def _level(words: Words, rule: rules.Level) -> list[str]:
    return [
        f"{words.text(one.title)} → {decimal_text(one.points)}: "
        + "; ".join(_criterion(words, bullet) for bullet in one.bullets)
        for one in rule.levels
    ]


def _grade(words: Words, rule: rules.Grade) -> list[str]:
    shares = ", ".join(f"{name} × {decimal_text(c)}" for name, c in rule.coefficients.items())
    return [f"{words.entry(rule.entry, None)}: {shares}"]


def _average(words: Words, rule: rules.Average) -> list[str]:
    scale = f"{decimal_text(rule.lowest)}–{decimal_text(rule.highest)}"
    return [f"{words.pick('平均', 'mean')}({words.entry(rule.marks, None)}), {scale}"]


def _veto(words: Words, rule: rules.Veto) -> list[str]:
    return [f"{words.condition(rule.when)} → {words.text(rule.effect)}"]


def _text(words: Words, rule: rules.TextRule) -> list[str]:
    limit = rule.max_characters
    most = (
        "" if limit is None else words.pick(f"，最多 {limit} 字", f", at most {limit} characters")
    )
    return [words.pick("文字材料", "a text") + most]


_RULES: dict[type, Callable[[Words, Any], list[str]]] = {
    rules.Deduct: lambda words, rule: [_clause(words, one, "−") for one in rule.clauses],
    rules.Bonus: lambda words, rule: [_clause(words, one, "+") for one in rule.clauses],
    rules.Award: _award,
    rules.Judge: _judge,
    rules.Meets: lambda words, rule: [_criterion(words, one) for one in rule.criteria],
    rules.Bands: _bands,
    rules.Interpolate: _interpolate,
    rules.Proportional: _proportional,
    rules.Average: _average,
    rules.Level: _level,
    rules.Grade: _grade,
    rules.Veto: _veto,
    rules.Fact: lambda words, rule: [words.entry(rule.entry, None)],
    rules.TextRule: _text,
}

"""The working of conditions in words, Chinese or English."""

from __future__ import annotations

from rubrics.engine.arithmetic import UNKNOWN
from rubrics.engine.comparison import comparison_text
from rubrics.engine.conditions import MET, NOT_MET, Outcome
from rubrics.engine.scope import Scope
from rubrics.model import expressions as ex

_WORDS = {
    "zh": {"yes": "是", "no": "否", "and": "；", "or": " 或 "},
    "en": {"yes": "yes", "no": "no", "and": "; ", "or": " or "},
}


def condition_text(outcome: Outcome, scope: Scope, language: str) -> str:
    """Write the working of a decided condition."""
    node, words = outcome.node, _WORDS[language]
    if isinstance(node, ex.Compare):
        return comparison_text(outcome, scope, language)
    if isinstance(node, ex.EntryIs):
        return f"{entry_label(node.entry, node.item, scope, language)}: {_answer(outcome, words)}"
    if isinstance(node, ex.FactIs):
        spec = scope.plan.rubric.facts[node.fact]
        label = (spec.en if language == "en" else None) or spec.zh
        return f"{label}: {_answer(outcome, words)}"
    if isinstance(node, ex.ProfileIs):
        return f"{node.profile}: {_answer(outcome, words)}"
    if isinstance(node, ex.ReadingIs):
        choice = scope.plan.rubric.readings[node.reading]
        return choice.alternatives[scope.readings[node.reading]].meaning.in_language(language)
    joint = words["or"] if isinstance(node, ex.AnyOf) else words["and"]
    parts = _in_force(outcome)
    return joint.join(filter(None, (condition_text(part, scope, language) for part in parts)))


def _in_force(outcome: Outcome) -> tuple[Outcome, ...]:
    """Leave out what a reading switched off, and the reading itself: numbers decide, not ids."""
    if isinstance(outcome.node, ex.AnyOf):
        if any(_is_reading(part, MET) for part in outcome.parts):
            return ()
        return tuple(part for part in outcome.parts if not _switched_off(part))
    if isinstance(outcome.node, ex.AllOf):
        return tuple(part for part in outcome.parts if not _is_reading(part, MET))
    return outcome.parts


def _switched_off(part: Outcome) -> bool:
    inner = part.parts if isinstance(part.node, ex.AllOf) else (part,)
    return any(_is_reading(one, NOT_MET) for one in inner)


def _is_reading(part: Outcome, result: str) -> bool:
    return isinstance(part.node, ex.ReadingIs) and part.result == result


def entry_label(name: str, item: str | None, scope: Scope, language: str) -> str:
    """Return the label of an entry in a language."""
    holder = scope.item if item is None else scope.plan.items[item]
    spec = holder.entries[name]
    return (spec.en if language == "en" else None) or spec.zh


def _answer(outcome: Outcome, words: dict[str, str]) -> str:
    if outcome.answer is None:
        return UNKNOWN
    if isinstance(outcome.answer, bool):
        return words["yes"] if outcome.answer else words["no"]
    return str(outcome.answer)

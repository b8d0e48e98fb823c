"""A lint warning, and the list of rules that can give one (`rubrics/lint/rules.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rubrics.model.base import Many, Name, Some, Strict
from rubrics.yaml_source import Path as PlacePath
from rubrics.yaml_source import parse

RULES_PATH = Path(__file__).with_name("rules.yaml")
Words = Literal["title", "text", "scoring_text", "section_title", "form"]


class Sentence(Strict):
    """One sentence in both languages; `{name}` stands for what was found."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]


class Wording(Strict):
    """What the official words look like where the rule applies."""

    looks_in: Some[Words] = ("text", "scoring_text")
    pattern: str
    """Regular expression over one text."""
    unless: str | None = None
    """No warning where the same text matches this."""
    settled_by: Many[Literal["reading", "period", "entries", "criterion", "variant"]] = ()
    """What in the item's own data answers the question."""

    @model_validator(mode="after")
    def _compiles(self) -> Wording:
        for pattern in (self.pattern, self.unless):
            if pattern is not None:
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ValueError(f"not a regular expression: {error}") from error
        return self


class Rule(Strict):
    """One thing lint can say: what was found, and what follows from it."""

    families: Many[Annotated[str, Field(pattern=r"^I\d+$")]] = ()
    """Entries of the project's list of inconsistencies that this rule covers."""
    found: Sentence
    follows: Sentence
    wording: Wording | None = None
    """Rules without it are computed in code from the numbers and structure of the rubric."""


class _RulesFile(Strict):
    rules: Mapping[Name, Rule]


@dataclass(frozen=True, slots=True)
class LintWarning:
    """One warning: what was found where, and what follows for people who score with the rubric."""

    code: str
    rubric: str
    items: tuple[str, ...]
    """Items it concerns; empty where it concerns a section or the whole document."""
    place: PlacePath
    """Path in the rubric file."""
    clause: str
    """The official words, or the part of the rule, that the warning is about."""
    zh: str
    en: str
    follows_zh: str
    follows_en: str
    settled_by: str | None = None
    """What in the file answers the open question; None where nobody has answered it."""

    def to_json(self) -> dict[str, Any]:
        """Write the warning as plain JSON data."""
        return {
            "code": self.code,
            "families": list(load_rules()[self.code].families),
            "rubric": self.rubric,
            "items": list(self.items),
            "path": ".".join(str(part) for part in self.place),
            "clause": self.clause,
            "zh": self.zh,
            "en": self.en,
            "follows_zh": self.follows_zh,
            "follows_en": self.follows_en,
            "settled_by": self.settled_by,
        }


@cache
def load_rules() -> Mapping[str, Rule]:
    """Every rule by code, in the order of the file."""
    document = parse(RULES_PATH.read_text(encoding="utf-8"))
    if document.problems:
        raise ValueError(f"{RULES_PATH.name}:{document.problems[0]}")
    return MappingProxyType(dict(_RulesFile.model_validate(document.data).rules))


def warn(
    code: str,
    rubric: str,
    place: PlacePath,
    *,
    items: tuple[str, ...] = (),
    clause: str = "",
    settled_by: str | None = None,
    **words: object,
) -> LintWarning:
    """Fill a rule's sentences with what was found; `{items}` is the list of item ids."""
    rule = load_rules()[code]
    words["items"] = ", ".join(items)
    return LintWarning(
        code,
        rubric,
        items,
        place,
        clause,
        rule.found.zh.format(**words),
        rule.found.en.format(**words),
        rule.follows.zh.format(**words),
        rule.follows.en.format(**words),
        settled_by,
    )

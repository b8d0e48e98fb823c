"""Reason codes in words: why something has no value or no verdict, and what to do next.

`rubrics/reasons.yaml` is the one list; agent, engine and collector write the codes, pages and
reports show the sentence.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

REASONS_PATH = Path(__file__).with_name("reasons.yaml")

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Sentence = Annotated[str, Field(min_length=1)]


class Actor(StrEnum):
    """Who can mend the cause."""

    NETWORK_ADMIN = "network_admin"
    SCHOOL = "school"
    BUREAU = "bureau"
    INSPECTOR = "inspector"


class Reason(BaseModel):
    """One cause in both languages. `who` is absent where it depends on the criterion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    zh: Sentence
    en: Sentence
    who: Annotated[Actor | None, Field(strict=False)] = None


class _ReasonsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1]
    reasons: Mapping[Code, Reason]


LIMITED_BY = "limited_by_"
_STAGE_DIFFERS = re.compile(r"stage_[a-z0-9_]+_differs_from_rule")


class ReasonList(Mapping[str, Reason]):
    """The reasons by code, in the order of the file.

    What held a value back is one cause, whether a reading names it (`nic`) or a finding
    (`limited_by_nic`): where the list has one of the two, it serves both. A warning about a stage
    names the stage (`stage_self_differs_from_rule`); all share one sentence.
    """

    def __init__(self, listed: Mapping[str, Reason]) -> None:
        self._listed = dict(listed)

    def __getitem__(self, code: str) -> Reason:
        for spelling in (code, LIMITED_BY + code, code.removeprefix(LIMITED_BY)):
            if spelling in self._listed:
                return self._listed[spelling]
        if _STAGE_DIFFERS.fullmatch(code):
            return self._listed["stage_differs_from_rule"]
        raise KeyError(code)

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)


def parse_reasons(text: str) -> ReasonList:
    """Read the list.

    Raises pydantic.ValidationError where an entry does not hold, yaml.YAMLError where the text is
    not YAML.
    """
    return ReasonList(_ReasonsFile.model_validate(yaml.safe_load(text)).reasons)


@cache
def load_reasons() -> ReasonList:
    """Return the list that ships with this release."""
    return parse_reasons(REASONS_PATH.read_text(encoding="utf-8"))

"""Reason codes in words: why something has no value or no verdict, and what to do next.

`rubrics/reasons.yaml` is the one list; agent, engine and collector write the codes, pages and
reports show the sentence.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
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


def parse_reasons(text: str) -> Mapping[str, Reason]:
    """Read the list, in the order of the file.

    Raises pydantic.ValidationError where an entry does not hold, yaml.YAMLError where the text is
    not YAML.
    """
    return MappingProxyType(dict(_ReasonsFile.model_validate(yaml.safe_load(text)).reasons))


@cache
def load_reasons() -> Mapping[str, Reason]:
    """Return the list that ships with this release."""
    return parse_reasons(REASONS_PATH.read_text(encoding="utf-8"))

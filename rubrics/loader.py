"""Rubric files to checked rubrics; every error says file, line, column, path and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rubrics.checks import check_rubric, used_indicator_ids
from rubrics.exact import exact
from rubrics.indicators import IndicatorDefinition, load_indicators
from rubrics.model.base import Text
from rubrics.model.rubric import Rubric, RubricFile, UsedIndicator
from rubrics.units import unit
from rubrics.yaml_source import Problem, parse

OFFICIAL_DIRECTORY = Path(__file__).with_name("official")
_ID_LINE = re.compile(r"^id:\s*[\"']?([A-Za-z0-9._-]+)", re.MULTILINE)


class RubricError(ValueError):
    """A rubric file that cannot be used, with all its problems in the order of the text."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        super().__init__("\n".join(f"{file}:{problem}" for problem in self.problems))


class UnknownRubricError(LookupError):
    """No official rubric has this id."""


def load_rubric(source: str | Path) -> Rubric:
    """Load an official rubric by its id, or any rubric by the path of its file.

    Raises UnknownRubricError, RubricError, or OSError where the file cannot be read.
    """
    if isinstance(source, Path) or source.endswith((".yaml", ".yml")):
        path = Path(source)
        return parse_rubric(path.read_text(encoding="utf-8"), file=str(path))
    path_of = official_paths()
    if source not in path_of:
        raise UnknownRubricError(f"no rubric {source!r}; known: {', '.join(path_of)}")
    return _official(source)


@cache
def official_paths() -> Mapping[str, Path]:
    """File of every official rubric by rubric id, sorted by id."""
    found: dict[str, Path] = {}
    for path in sorted(OFFICIAL_DIRECTORY.rglob("*.yaml")):
        match = _ID_LINE.search(path.read_text(encoding="utf-8"))
        if match is None:
            raise RubricError(str(path), [Problem(1, 1, "", "the file has no `id:` line")])
        if match[1] in found:
            message = f"id {match[1]} is also used by {found[match[1]]}"
            raise RubricError(str(path), [Problem(1, 1, "id", message)])
        found[match[1]] = path
    return MappingProxyType(dict(sorted(found.items())))


def official_rubrics() -> Mapping[str, Rubric]:
    """Every official rubric by id, loaded and checked."""
    return MappingProxyType({name: _official(name) for name in official_paths()})


@cache
def _official(name: str) -> Rubric:
    return load_rubric(official_paths()[name])


def parse_rubric(
    text: str,
    file: str = "<text>",
    indicators: Mapping[str, IndicatorDefinition] | None = None,
) -> Rubric:
    """Parse and check one rubric; the indicators it uses are pinned into it.

    Raises RubricError with every problem found.
    """
    document = parse(text)
    if document.problems:
        raise RubricError(file, document.problems)
    try:
        written = RubricFile.model_validate(document.data)
    except ValidationError as error:
        problems = [
            document.problem(
                (*found["loc"], found.get("ctx", {}).get("field", "")), _sentence(found)
            )
            for found in _causes(error)
        ]
        raise RubricError(file, problems) from None
    catalogue = load_indicators() if indicators is None else indicators
    used = {
        name: _pinned(catalogue[name])
        for name in sorted(used_indicator_ids(written))
        if name in catalogue
    }
    rubric = Rubric.model_validate({**dict(written), "indicators": used})
    wrong = [document.problem(path, text) for path, text in check_rubric(rubric, catalogue)]
    if wrong:
        raise RubricError(file, wrong)
    return rubric


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """List the errors without those that only follow from one further inside."""
    found = error.errors(include_url=False)
    return [
        outer
        for outer in found
        if outer["type"] != "too_short"
        or all(len(inner["loc"]) <= len(outer["loc"]) for inner in found if _inside(inner, outer))
    ]


def _inside(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    return inner["loc"][: len(outer["loc"])] == outer["loc"]


def _sentence(found: ErrorDetails) -> str:
    if found["type"] == "union_tag_invalid":
        context = found["ctx"]
        expected = [name.strip(" '") for name in str(context["expected_tags"]).split(",")]
        near = get_close_matches(str(context["tag"]), expected, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(expected)}"
        field = str(context["discriminator"]).strip("'")
        return f"unknown {field} `{context['tag']}`; {hint}"
    if found["type"] == "string_pattern_mismatch":
        given = str(found["input"])
        return f"`{given}` is no id or name: write it in Latin letters, digits and . _ -"
    if found["type"] == "missing":
        return f"`{found['loc'][-1]}` is missing"
    return found["msg"].removeprefix("Value error, ")


def _pinned(definition: IndicatorDefinition) -> UsedIndicator:
    enough, census = definition.sufficiency, definition.census
    void = census.causes if census and census.then == "void" else ()
    return UsedIndicator(
        id=definition.id,
        title=Text(zh=definition.title.zh, en=definition.title.en),
        unit=unit(definition.unit).name,
        evidence=definition.evidence.value,
        samples=enough.samples,
        days=enough.days,
        weeks=enough.weeks,
        coverage=None if enough.coverage is None else exact(enough.coverage),
        void_when=(*definition.void_when, *void),
        measurable=definition.probe == "present",
        upper_bound_when=census.causes if census and census.then == "upper_bound" else (),
    )

"""Examples that travel with a rubric: cases worked by hand, run against the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rubrics.engine import CaseError, evaluate
from rubrics.exact import decimal_text, exact
from rubrics.model.rubric import Example, Rubric


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """One expectation that the sheet did not meet."""

    example: str
    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.example}: {self.path} should be {self.expected}, is {self.found}"


def run_examples(rubric: Rubric) -> list[ExampleFailure]:
    """Score every example of a rubric; empty when all expectations hold."""
    return [failure for example in rubric.examples for failure in run_example(rubric, example)]


def run_example(rubric: Rubric, example: Example) -> list[ExampleFailure]:
    """Score one example and compare what it expects; what it does not mention is not compared."""
    wanted = example.expect.get("error")
    try:
        sheet = evaluate(rubric, example.case).to_json()
    except CaseError as error:
        if wanted is not None and str(wanted) in str(error):
            return []
        expected = "a score sheet" if wanted is None else f"an error saying {wanted!r}"
        return [ExampleFailure(example.name, "error", expected, str(error))]
    if wanted is not None:
        failure = ExampleFailure(example.name, "error", f"an error saying {wanted!r}", "none")
        return [failure]
    return [
        ExampleFailure(example.name, path, expected, found)
        for path, expected, found in _differences(example.expect, sheet, "")
    ]


def _differences(expected: Any, found: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if path.endswith("findings") and isinstance(expected, Mapping):
        found = _by_id(found, expected)
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping):
            yield path, "an object", repr(found)
            return
        for key, value in expected.items():
            inner = f"{path}.{key}" if path else key
            if key not in found:
                yield inner, repr(value), "nothing"
            else:
                yield from _differences(value, found[key], inner)
    elif not _equal(expected, found):
        yield path, repr(expected), repr(found)


def _by_id(findings: Sequence[Mapping[str, Any]], expected: Mapping[str, Any]) -> dict[str, Any]:
    """Key findings by id; where only a word is expected, it is the result."""
    return {
        str(one["id"]): one if isinstance(expected.get(one["id"]), Mapping) else one["result"]
        for one in findings
    }


def _equal(expected: Any, found: Any) -> bool:
    if isinstance(expected, bool) or expected is None or isinstance(found, bool):
        return bool(expected == found)
    if isinstance(expected, list | tuple):
        return isinstance(found, list) and [str(one) for one in expected] == [
            str(one) for one in found
        ]
    if isinstance(found, str) and not isinstance(expected, str):
        return decimal_text(exact(expected)) == found
    return bool(expected == found)

"""Lint: what in a rubric, or in the official text behind it, people should know before using it.

A rubric that loads is sound; lint says where the document it copies is not. Every warning is found
from the data by a rule that knows no rubric and no item: sums, deductions against points, gaps in
variants, words that refer to something the document does not give. A warning never changes a score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rubrics.lint.authoring import authoring_warnings
from rubrics.lint.deductions import deduction_warnings
from rubrics.lint.documents import compare_documents
from rubrics.lint.gaps import gap_warnings
from rubrics.lint.sums import sum_warnings
from rubrics.lint.warning import LintWarning, Rule, load_rules
from rubrics.lint.wording import wording_warnings
from rubrics.model.rubric import Rubric

__all__ = ["LintWarning", "Rule", "compare_documents", "lint_rubric", "load_rules"]

_RULES = (
    sum_warnings,
    deduction_warnings,
    gap_warnings,
    wording_warnings,
    authoring_warnings,
)


def lint_rubric(
    rubric: Rubric, beside: Mapping[str, Rubric] | None = None
) -> tuple[LintWarning, ...]:
    """Every warning about one rubric, in the order of the rules.

    `beside`: other rubrics by id; what contradicts one of them is reported too.
    """
    return tuple(_all(rubric, beside or {}))


def _all(rubric: Rubric, beside: Mapping[str, Rubric]) -> Iterator[LintWarning]:
    for rule in _RULES:
        yield from rule(rubric)
    for name, other in beside.items():
        if name != rubric.id:
            yield from compare_documents(rubric, other)

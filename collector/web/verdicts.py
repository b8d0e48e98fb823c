"""The five results of a criterion as people see them: a symbol, a word, a count.

Symbol and word always go together, so that a verdict never depends on colour alone (WCAG 2.2,
1.4.1).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from collector.web.language import Translator


class Result(StrEnum):
    """The result of a finding, in the order in which pages list them."""

    MET = "met"
    NOT_MET = "not_met"
    INSUFFICIENT = "insufficient"
    DISPUTED = "disputed"
    NOT_APPLICABLE = "not_applicable"

    @property
    def slug(self) -> str:
        """The result as part of an address, a CSS class and an icon's id."""
        return self.value.replace("_", "-")


def result_word(result: Result, translator: Translator) -> str:
    """Return the verdict in one word of the page's language."""
    _ = translator.gettext
    words = {
        Result.MET: _("达标"),
        Result.NOT_MET: _("未达标"),
        Result.INSUFFICIENT: _("证据不足"),
        Result.DISPUTED: _("数据矛盾"),
        Result.NOT_APPLICABLE: _("不适用"),
    }
    return words[result]


@dataclass(frozen=True)
class Counts:
    """How many criteria came to which result."""

    by_result: Mapping[Result, int]

    @classmethod
    def of(cls, results: Iterable[Result]) -> "Counts":
        """Count results; every result has a number, also zero."""
        counted = dict.fromkeys(Result, 0)
        for result in results:
            counted[result] += 1
        return cls(counted)

    def __getitem__(self, result: Result) -> int:
        return self.by_result[result]

    def __iter__(self) -> Iterator[tuple[Result, int]]:
        """Yield results with their counts, in listing order."""
        return iter(self.by_result.items())

    @property
    def total(self) -> int:
        """All criteria."""
        return sum(self.by_result.values())


@dataclass(frozen=True)
class BarPart:
    """One stretch of a bar: where it starts and how wide it is, in percent of the bar."""

    result: Result
    count: int
    start_percent: str
    width_percent: str


def bar_parts(counts: Counts) -> tuple[BarPart, ...]:
    """Cut a bar into stretches that shows the shares of the results; none for no criteria."""
    parts = []
    seen = 0
    for result, count in counts:
        if count:
            start, width = 100 * seen / counts.total, 100 * count / counts.total
            parts.append(BarPart(result, count, f"{start:.3f}%", f"{width:.3f}%"))
        seen += count
    return tuple(parts)

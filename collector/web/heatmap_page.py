"""Schools × indicators: each cell a value, the bound, and a verdict that needs no colour. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from collector.domain import IndicatorVerdict
from collector.web.county_rows import SchoolRow
from collector.web.formatting import Formatter, as_decimal
from collector.web.verdicts import Counts, Result, result_word
from rubrics.model import Rubric

_SHORT_DIGITS = 4
"""Significant digits in a cell; the whole number is in its description."""


@dataclass(frozen=True, slots=True)
class HeatColumn:
    """One indicator of the rubric."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    """What one school shows for one indicator; `result` is None where nothing is asked of it."""

    result: Result | None
    text: str
    description: str
    anchor: str

    @property
    def slug(self) -> str:
        """The verdict as a CSS class and an icon's id."""
        return self.result.slug if self.result else "no-bound"


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One school; a cell is None where the sheet says nothing of the indicator, or is missing."""

    row: SchoolRow
    cells: tuple[HeatCell | None, ...]


@dataclass(frozen=True, slots=True)
class TownshipRow:
    """One township: its schools, how many are not heard of, and verdicts by indicator."""

    id: str
    name: str
    schools: int
    silent: int
    cells: tuple[Counts, ...]

    @property
    def sums(self) -> Counts:
        """Verdicts of all its schools and indicators together."""
        return sum_counts(self.cells)


@dataclass(frozen=True, slots=True)
class HeatColumns:
    """The indicators of the rubric, as it lists them, by what the county shows of them."""

    judged: tuple[HeatColumn, ...]
    """A clause bounds it at some school."""
    shown: tuple[HeatColumn, ...]
    """Measured at some school, without a bound."""
    unknown: tuple[HeatColumn, ...]
    """Neither: a column would be empty."""


def heat_columns(rubric: Rubric, rows: Iterable[SchoolRow], english: bool) -> HeatColumns:
    """Sort the indicators that the rubric looks at."""
    verdicts = [one for row in rows if row.summary for one in row.summary.indicators]
    judged = {one.indicator for one in verdicts if one.result}
    shown = {one.indicator for one in verdicts if one.value is not None} - judged
    columns = [
        HeatColumn(name, (used.title.en if english else None) or used.title.zh)
        for name, used in rubric.indicators.items()
    ]
    return HeatColumns(
        tuple(column for column in columns if column.id in judged),
        tuple(column for column in columns if column.id in shown),
        tuple(column for column in columns if column.id not in judged | shown),
    )


@dataclass(frozen=True)
class HeatReader:
    """Writes cells in one language."""

    formatter: Formatter

    def row(self, row: SchoolRow, columns: Sequence[HeatColumn]) -> HeatRow:
        """Return the cells of a school."""
        found = _verdicts(row)
        cells = (
            self._cell(column, found[column.id]) if column.id in found else None
            for column in columns
        )
        return HeatRow(row, tuple(cells))

    def _cell(self, column: HeatColumn, found: IndicatorVerdict) -> HeatCell:
        _ = self.formatter.translator.gettext
        result = Result(found.result) if found.result else None
        measured = self.formatter.quantity(found.value, found.unit)
        parts = [f"{column.title} {measured}"]
        if found.threshold:
            bounds = (self.formatter.quantity(bound, found.unit) for bound in found.threshold)
            sign = self.formatter.comparison(found.op) if len(found.threshold) == 1 else ""
            parts.append(f"{_('要求')} {sign} {' – '.join(bounds)}".replace("  ", " "))
        parts.append(result_word(result, self.formatter.translator) if result else _("不设要求"))
        official = found.finding_id.startswith(found.item_id)
        name = found.finding_id if official else f"{found.item_id}-{found.finding_id}"
        short = measured if found.value is None else self._short(found)
        return HeatCell(result, short, _("，").join(parts), f"criterion-{name}")

    def _short(self, found: IndicatorVerdict) -> str:
        """Write the value in few digits, unless that would put it on the other side of a bound."""
        number = as_decimal(found.value)
        if number is None or number == 0:
            return self.formatter.quantity(found.value, found.unit)
        digits = max(_SHORT_DIGITS, number.adjusted() + 1)
        rounded = number.quantize(Decimal(1).scaleb(number.adjusted() + 1 - digits))
        bounds = [bound for each in found.threshold if (bound := as_decimal(each)) is not None]
        if any((rounded >= bound) != (number >= bound) for bound in bounds):
            rounded = number
        text = self.formatter.quantity(rounded, found.unit).removeprefix("≈ ")
        return text if rounded == number else f"≈{text}"


def _verdicts(row: SchoolRow) -> Mapping[str, IndicatorVerdict]:
    return {one.indicator: one for one in row.summary.indicators} if row.summary else {}


def township_rows(
    rows: Iterable[SchoolRow], columns: Sequence[HeatColumn]
) -> tuple[TownshipRow, ...]:
    """Sum up the schools of each township; one without a summary counts as insufficient."""
    schools: dict[str, list[SchoolRow]] = {}
    for row in rows:
        schools.setdefault(row.school.township_id or "", []).append(row)
    found = [_township(identity, members, columns) for identity, members in schools.items()]
    return tuple(sorted(found, key=lambda township: (not township.id, township.name, township.id)))


def sum_counts(parts: Iterable[Counts]) -> Counts:
    """Add counts up, result by result."""
    every = list(parts)
    return Counts({result: sum(part[result] for part in every) for result in Result})


def _township(
    identity: str, members: Sequence[SchoolRow], columns: Sequence[HeatColumn]
) -> TownshipRow:
    found = Counter(
        (one.indicator, one.result)
        for row in members
        if row.summary
        for one in row.summary.indicators
    )
    return TownshipRow(
        id=identity,
        name=members[0].township,
        schools=len(members),
        silent=sum(row.reporting.state.value != "reporting" for row in members),
        cells=tuple(_counts(found, column.id, len(members)) for column in columns),
    )


def _counts(found: Mapping[tuple[str, str | None], int], name: str, schools: int) -> Counts:
    """Count the verdicts of an indicator; schools without one are insufficient."""
    counts = {result: found.get((name, result.value), 0) for result in Result}
    counts[Result.INSUFFICIENT] += schools - sum(counts.values())
    return Counts(counts)

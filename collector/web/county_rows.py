"""All schools of a county with what is known of each, filtered and ordered. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from collector.domain import School, Summary
from collector.web.county_query import OverviewQuery
from collector.web.reporting import Reporting, State
from collector.web.sheet_page import PointsView
from collector.web.verdicts import Counts, Result

PAGE_SIZE = 100
_VERDICT_ORDERS = {result.value: result for result in Result}
_STATE_ORDER = (State.SILENT, State.NEVER, State.NOT_INSTALLED, State.REPORTING)


@dataclass(frozen=True, slots=True)
class SchoolRow:
    """One school; `summary` is None while there is none."""

    school: School
    reporting: Reporting
    township: str
    """Name of the township or group; empty where the school stands below none."""
    summary: Summary | None = None

    @property
    def counts(self) -> Counts | None:
        """Findings by result, where there is a sheet."""
        return summed_counts(self.summary)

    @property
    def points(self) -> PointsView | None:
        """The interval of the total, where the document has points."""
        return summed_points(self.summary)


def summed_counts(found: Summary | None) -> Counts | None:
    """Return findings by result, where there is a sheet."""
    if found is None or found.refused:
        return None
    return Counts({result: found.counts.get(result.value, 0) for result in Result})


def summed_points(found: Summary | None) -> PointsView | None:
    """Return the interval of the total, where the document has points."""
    if found is None or found.proven is None or found.possible is None:
        return None
    return PointsView(found.proven, found.possible, found.max)


@dataclass(frozen=True)
class Slice:
    """One page of rows; the query names the page that is shown."""

    query_at_page: OverviewQuery
    rows: tuple[SchoolRow, ...]
    pages: int


def count_states(rows: Sequence[SchoolRow]) -> Mapping[State, int]:
    """Count schools by reporting state; every state has a number, also zero."""
    states = dict.fromkeys(State, 0)
    for row in rows:
        states[row.reporting.state] += 1
    return states


def matching(rows: Sequence[SchoolRow], query: OverviewQuery) -> list[SchoolRow]:
    """Return the rows that every filter lets through."""
    wanted = query.text.strip().casefold()
    return [
        row
        for row in rows
        if (query.state is None or row.reporting.state is query.state)
        and (query.form is None or row.school.form is query.form)
        and (not query.township or row.school.township_id == query.township)
        and (not wanted or _mentions(row, wanted))
    ]


def _mentions(row: SchoolRow, wanted: str) -> bool:
    return wanted in row.school.name.casefold() or wanted in row.school.id.casefold()


def ordered(rows: Sequence[SchoolRow], order: str) -> list[SchoolRow]:
    """Order rows; among equals the school's id decides. Unknown orders are by state."""
    backwards = order.startswith("-")
    field = order.removeprefix("-")
    by_id = sorted(rows, key=lambda row: row.school.id)
    if field == "name":
        return sorted(by_id, key=lambda row: row.school.name, reverse=backwards)
    if field in _VERDICT_ORDERS:
        return _by_verdict(by_id, field, backwards)
    return sorted(by_id, key=lambda row: _STATE_ORDER.index(row.reporting.state), reverse=backwards)


def _by_verdict(rows: list[SchoolRow], result: str, backwards: bool) -> list[SchoolRow]:
    """Most first: one looks for the schools with most open points. Without a sheet: last."""
    scored = [row for row in rows if row.summary is not None and not row.summary.refused]
    unscored = [row for row in rows if row.summary is None or row.summary.refused]
    scored.sort(
        key=lambda row: row.summary.counts.get(result, 0) if row.summary else 0,
        reverse=not backwards,
    )
    return scored + unscored


def page_count(number: int) -> int:
    """Return how many pages that many rows make; an empty list is one page."""
    return max(1, -(-number // PAGE_SIZE))


def page_of(rows: Sequence[SchoolRow], query: OverviewQuery) -> Slice:
    """Cut the page that is asked for; beyond the last one it is the last."""
    pages = page_count(len(rows))
    number = min(max(1, query.page), pages)
    shown = tuple(rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE])
    return Slice(replace(query, page=number), shown, pages)

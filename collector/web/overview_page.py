"""What the county overview shows: filter, order and page of the schools, as plain addresses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from collector.domain import School
from collector.web.reporting import Reporting, State
from collector.web.sheet_page import PointsView
from collector.web.verdicts import Counts, Result

PAGE_SIZE = 100
_VERDICT_ORDERS = {result.value: result for result in Result}
_STATE_ORDER = (State.SILENT, State.NEVER, State.NOT_INSTALLED, State.REPORTING)


@dataclass(frozen=True)
class Scored:
    """What the newest sheet of a school says, and when it was computed."""

    counts: Counts
    computed_at: datetime
    points: PointsView | None = None


@dataclass(frozen=True)
class SchoolRow:
    """One school of the table; `scored` is None while there is no sheet."""

    school: School
    reporting: Reporting
    scored: Scored | None = None


@dataclass(frozen=True)
class OverviewQuery:
    """The address of an overview: what is asked for, and links to its variations."""

    state: State | None = None
    text: str = ""
    order: str = "state"
    page: int = 1
    rubric: str = ""

    def href(self, **changes: object) -> str:
        """Link to this overview with some parts changed; the page starts over."""
        wish = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]  # names are ours
        given = {
            "state": wish.state.value if wish.state else "",
            "rubric": wish.rubric,
            "q": wish.text,
            "sort": "" if wish.order == "state" else wish.order,
            "page": "" if wish.page == 1 else str(wish.page),
        }
        return "?" + urlencode({name: value for name, value in given.items() if value})

    def order_href(self, order: str) -> str:
        """Link that orders by `order`, and backwards if that is the order already."""
        return self.href(order=f"-{order}" if self.order == order else order)

    def aria_sort(self, order: str) -> str | None:
        """Return the aria-sort value of a column head, None when another column orders."""
        if self.order.removeprefix("-") != order:
            return None
        falls = order in _VERDICT_ORDERS  # verdicts start with the most
        return "descending" if self.order.startswith("-") != falls else "ascending"


@dataclass(frozen=True)
class OverviewView:
    """One page of the overview with the numbers above it."""

    query: OverviewQuery
    rows: tuple[SchoolRow, ...]
    states: Mapping[State, int]
    total: int
    matching: int
    pages: int

    @property
    def has_points(self) -> bool:
        """Some sheet has points, so the table has a column for them."""
        return any(row.scored and row.scored.points for row in self.rows)


def overview(
    rows: Sequence[SchoolRow],
    query: OverviewQuery,
    score: Callable[[School], Scored | None],
) -> OverviewView:
    """Filter, order and cut. Sheets are looked up for the rows shown, or for all to order by."""
    states = dict.fromkeys(State, 0)
    for row in rows:
        states[row.reporting.state] += 1
    matching = [row for row in rows if _matches(row, query)]
    by_verdict = query.order.removeprefix("-") in _VERDICT_ORDERS
    if by_verdict:
        matching = [replace(row, scored=score(row.school)) for row in matching]
    ordered = _ordered(matching, query.order)
    pages = max(1, -(-len(ordered) // PAGE_SIZE))
    query = replace(query, page=min(max(1, query.page), pages))
    shown = ordered[(query.page - 1) * PAGE_SIZE : query.page * PAGE_SIZE]
    if not by_verdict:
        shown = [replace(row, scored=score(row.school)) for row in shown]
    return OverviewView(query, tuple(shown), states, len(rows), len(matching), pages)


def _matches(row: SchoolRow, query: OverviewQuery) -> bool:
    if query.state is not None and row.reporting.state is not query.state:
        return False
    wanted = query.text.strip().casefold()
    return wanted in row.school.name.casefold() or wanted in row.school.id.casefold()


def _ordered(rows: Sequence[SchoolRow], order: str) -> list[SchoolRow]:
    backwards = order.startswith("-")
    field = order.removeprefix("-")
    by_id = sorted(rows, key=lambda row: row.school.id)
    if field == "name":
        return sorted(by_id, key=lambda row: row.school.name, reverse=backwards)
    if field in _VERDICT_ORDERS:
        result = _VERDICT_ORDERS[field]
        scored = [row for row in by_id if row.scored is not None]
        unscored = [row for row in by_id if row.scored is None]
        # Most first: one looks for the schools with most open points. Without a sheet: last.
        return (
            sorted(
                scored,
                key=lambda row: row.scored.counts[result] if row.scored else 0,
                reverse=not backwards,
            )
            + unscored
        )
    return sorted(by_id, key=lambda row: _STATE_ORDER.index(row.reporting.state), reverse=backwards)

"""What the big screen (大屏) shows: sums over the county, one section at a time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.web.county_rows import SchoolRow, count_states
from collector.web.formatting import Formatter
from collector.web.heatmap_page import (
    HeatColumn,
    TownshipRow,
    heat_columns,
    sum_counts,
    township_rows,
)
from collector.web.ranking_page import Reached, rank
from collector.web.reporting import State
from collector.web.verdicts import Counts
from rubrics.model import Rubric

REFRESH_S = 20
"""How long a section stays: time to read it from across a room."""
TOWNSHIPS_SHOWN = 12
"""As many rows as are legible at five metres; the others are summed up in one."""
INDICATORS_SHOWN = 12


class WallView(StrEnum):
    """The sections, in the order in which they follow each other."""

    REPORTING = "reporting"
    INDICATORS = "indicators"
    TOWNSHIPS = "townships"
    TOTALS = "totals"


@dataclass(frozen=True)
class WallPage:
    """One section of the big screen. Only what it needs is filled."""

    view: WallView
    following: WallView
    total: int
    states: Mapping[State, int]
    scored: int
    """Schools with a sheet by the rubric."""
    newest: datetime | None
    """When the newest summary was computed."""
    columns: tuple[HeatColumn, ...] = ()
    indicators: tuple[tuple[HeatColumn, Counts], ...] = ()
    townships: tuple[TownshipRow, ...] = ()
    more_townships: int = 0
    reached: tuple[Reached, ...] = ()
    max: str | None = None


@dataclass(frozen=True)
class WallBuilder:
    """Builds the big screen in one language."""

    formatter: Formatter

    def build(
        self, rows: Sequence[SchoolRow], rubric: Rubric | None, view: WallView, now: datetime
    ) -> WallPage:
        """Sum up the county for one section. Names of schools never appear."""
        kinds = rubric.applies_to.kinds if rubric else ()
        fitting = [row for row in rows if row.school.kind in kinds]
        times = [row.summary.computed_at for row in fitting if row.summary]
        columns: tuple[HeatColumn, ...] = ()
        if rubric is not None:
            known = heat_columns(rubric, fitting, self.formatter.english)
            columns = known.judged[:INDICATORS_SHOWN]
        ranking = rank(fitting, list(kinds))
        sections = [one for one in WallView if one is not WallView.TOTALS or ranking.max]
        shown = view if view in sections else sections[0]
        whole = township_rows(fitting, columns)
        everybody = tuple(
            sum_counts(township.cells[at] for township in whole) for at in range(len(columns))
        )
        return WallPage(
            view=shown,
            following=sections[(sections.index(shown) + 1) % len(sections)],
            total=len(rows),
            states=count_states(rows),
            scored=sum(row.counts is not None for row in fitting),
            newest=max((at for at in times if at <= now), default=None),
            columns=columns,
            indicators=tuple(zip(columns, everybody, strict=True)),
            townships=whole[:TOWNSHIPS_SHOWN],
            more_townships=max(0, len(whole) - TOWNSHIPS_SHOWN),
            reached=ranking.reached,
            max=ranking.max,
        )

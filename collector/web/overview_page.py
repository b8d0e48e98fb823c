"""What the county overview shows in each of its views. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.domain import Round, School, SchoolForm, Township
from collector.web.county_query import OverviewQuery, View
from collector.web.county_rows import (
    PAGE_SIZE,
    SchoolRow,
    count_states,
    matching,
    ordered,
    page_count,
    page_of,
)
from collector.web.formatting import Formatter
from collector.web.heatmap_page import (
    HeatColumn,
    HeatColumns,
    HeatReader,
    HeatRow,
    TownshipRow,
    heat_columns,
    township_rows,
)
from collector.web.language import Translator
from collector.web.ranking_page import Placed, Ranking, left_out_word, rank
from collector.web.reporting import State
from rubrics.model import Rubric

LEFT_OUT_SHOWN = 100


@dataclass(frozen=True)
class Choice:
    """One choice of a filter."""

    value: str
    text: str
    current: bool


@dataclass(frozen=True)
class OverviewView:
    """One page of the overview. Only what its view needs is filled."""

    query: OverviewQuery
    view: View
    total: int
    matching: int
    pages: int
    states: Mapping[State, int]
    computed: tuple[datetime, datetime] | None
    """When the oldest and the newest of the summaries shown were computed."""
    waiting: int
    """Schools of the rubric that have no summary yet."""
    forms: tuple[Choice, ...] = ()
    townships: tuple[Choice, ...] = ()
    rounds: tuple[Choice, ...] = ()
    rows: tuple[SchoolRow, ...] = ()
    columns: tuple[HeatColumn, ...] = ()
    unknown: tuple[HeatColumn, ...] = ()
    """Indicators of the rubric that no school shows anything of."""
    heat: tuple[HeatRow, ...] = ()
    by_township: tuple[TownshipRow, ...] = ()
    ranking: Ranking | None = None
    placed: tuple[Placed, ...] = ()
    left_out: tuple[tuple[School, str], ...] = ()

    @property
    def has_points(self) -> bool:
        """Some sheet has points, so the table has a column for them."""
        return any(row.points for row in self.rows)


@dataclass(frozen=True)
class OverviewBuilder:
    """Builds the overview in one language."""

    formatter: Formatter

    def build(
        self,
        rows: Sequence[SchoolRow],
        query: OverviewQuery,
        rubric: Rubric | None,
        townships: Sequence[Township],
        rounds: Sequence[Round],
    ) -> OverviewView:
        """Filter, order and cut; of the views only the one that is asked for is made."""
        view = query.view or (View.TOWNSHIPS if len(rows) > PAGE_SIZE else View.SCHOOLS)
        found = matching(rows, query)
        kinds = rubric.applies_to.kinds if rubric else ()
        fitting = [row for row in found if row.school.kind in kinds]
        times = [row.summary.computed_at for row in fitting if row.summary]
        base = OverviewView(
            query=query,
            view=view,
            total=len(rows),
            matching=len(found),
            pages=1,
            states=count_states(rows),
            computed=(min(times), max(times)) if times else None,
            waiting=sum(row.summary is None for row in fitting),
            forms=self._forms(rows, query),
            townships=tuple(Choice(t.id, t.name, t.id == query.township) for t in townships),
            rounds=tuple(Choice(r.id, r.title, r.id == query.round) for r in rounds),
        )
        if rubric is None or view is View.SCHOOLS:
            return self._schools(base, found)
        if view is View.RANKING:
            return self._ranking(base, rank(found, list(kinds)))
        # Of the whole county, so that a filter does not move the columns.
        every = [row for row in rows if row.school.kind in kinds]
        columns = heat_columns(rubric, every, self.formatter.english)
        if view is View.HEATMAP:
            return self._heatmap(base, fitting, columns)
        by_township = township_rows(fitting, columns.judged)
        return replace(base, columns=columns.judged, by_township=by_township)

    def _schools(self, base: OverviewView, found: Sequence[SchoolRow]) -> OverviewView:
        cut = page_of(ordered(found, base.query.order), base.query)
        return replace(base, query=cut.query_at_page, rows=cut.rows, pages=cut.pages)

    def _heatmap(
        self, base: OverviewView, fitting: Sequence[SchoolRow], columns: HeatColumns
    ) -> OverviewView:
        cut = page_of(ordered(fitting, base.query.order), base.query)
        reader = HeatReader(self.formatter)
        given = (*columns.judged, *columns.shown)
        heat = tuple(reader.row(row, given) for row in cut.rows)
        return replace(
            base,
            query=cut.query_at_page,
            columns=given,
            unknown=columns.unknown,
            heat=heat,
            pages=cut.pages,
            matching=len(fitting),
        )

    def _ranking(self, base: OverviewView, ranking: Ranking) -> OverviewView:
        pages = page_count(len(ranking.placed))
        number = min(base.query.page, pages)
        shown = ranking.placed[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        left_out = tuple(
            (row.school, left_out_word(code, self.formatter.translator))
            for row, code in ranking.left_out[:LEFT_OUT_SHOWN]
        )
        return replace(
            base,
            query=replace(base.query, page=number),
            ranking=ranking,
            placed=shown,
            left_out=left_out,
            pages=pages,
        )

    def _forms(self, rows: Sequence[SchoolRow], query: OverviewQuery) -> tuple[Choice, ...]:
        there = {row.school.form for row in rows}
        return tuple(
            Choice(form.value, form_word(form, self.formatter.translator), form is query.form)
            for form in SchoolForm
            if form in there
        )


def form_word(form: SchoolForm, translator: Translator) -> str:
    """Name what people call a school of this form."""
    _ = translator.gettext
    words = {
        SchoolForm.PRIMARY: _("小学"),
        SchoolForm.JUNIOR: _("初中"),
        SchoolForm.SENIOR: _("高中"),
        SchoolForm.NINE_YEAR: _("九年一贯制学校"),
        SchoolForm.TWELVE_YEAR: _("十二年一贯制学校"),
        SchoolForm.COMPLETE: _("完全中学"),
        SchoolForm.VOCATIONAL: _("中等职业学校"),
        SchoolForm.TEACHING_POINT: _("教学点"),
        SchoolForm.UNKNOWN: _("学段未登记"),
    }
    return words[form]

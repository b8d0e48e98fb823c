"""The county's addresses: the overview in its views, and the big screen."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import STANDING, Right, Round, RoundState, SchoolForm
from collector.web.county_board import CountyBoard
from collector.web.county_query import OverviewQuery, View
from collector.web.outline import RubricOutline, outline_of
from collector.web.overview_page import OverviewBuilder
from collector.web.rendering import Pages
from collector.web.reporting import State
from collector.web.services import WebServices
from collector.web.verdicts import Result
from collector.web.wall_page import REFRESH_S, WallBuilder, WallView

ROUNDS_OFFERED = 20

Word = Annotated[str, Query(max_length=100)]
PageNumber = Annotated[int, Query(ge=1, le=100_000)]


def overview_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the county's pages."""
    handlers = OverviewHandlers(services, pages)
    router = APIRouter(include_in_schema=False)
    county = [needs(Right.COUNTY_READ)]
    router.get("/", dependencies=county)(handlers.overview)
    router.get("/wall", dependencies=county)(handlers.wall)
    return router


class OverviewHandlers:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._board = CountyBoard(services.records, services.series)
        # The rubrics that measurements say most about come first.
        ordered = sorted(services.rubrics.values(), key=lambda rubric: -len(rubric.indicators))
        self._outlines = {rubric.id: outline_of(rubric) for rubric in ordered}

    def overview(
        self,
        request: Request,
        view: Word = "",
        state: Word = "",
        form: Word = "",
        township: Word = "",
        round: Word = "",  # noqa: A002  # the address's own word
        q: Word = "",
        sort: Word = "state",
        page: PageNumber = 1,
        rubric: Word = "",
    ) -> Response:
        """Show the county: who reports, who meets what. Unknown filters are ignored."""
        now = self._services.clock()
        rounds = self._rounds()
        outlines = self._offered(rounds.get(round))
        townships = self._services.records.townships()
        query = OverviewQuery(
            view=View(view) if view in set(View) else None,
            state=State(state) if state in set(State) else None,
            form=SchoolForm(form) if form in set(SchoolForm) else None,
            township=township if township in {one.id for one in townships} else "",
            round=round if round in rounds else STANDING,
            text=q,
            order=sort,
            page=page,
            rubric=rubric if rubric in outlines else "",
        )
        chosen = outlines.get(rubric) or self._most_telling(outlines)
        rubric_id = chosen.id if chosen else ""
        builder = OverviewBuilder(self._pages.formatter(self._pages.language(request)))
        shown = builder.build(
            self._board.rows(query.round, rubric_id, now),
            query,
            self._services.rubrics.get(rubric_id),
            townships,
            list(rounds.values()),
        )
        context = {
            "view": shown,
            "rubric": chosen,
            "rubrics": tuple(outlines.values()),
            "results": tuple(Result),
        }
        return self._pages.render(request, "overview.html", context, now=now, section="overview")

    def wall(
        self,
        request: Request,
        view: Word = "",
        rubric: Word = "",
        round: Word = "",  # noqa: A002  # the address's own word
        hold: bool = False,
    ) -> Response:
        """Show one section of the big screen; it goes on to the next by itself, unless on hold."""
        now = self._services.clock()
        rounds = self._rounds()
        outlines = self._offered(rounds.get(round))
        chosen = outlines.get(rubric) or self._most_telling(outlines)
        rubric_id = chosen.id if chosen else ""
        held = round if round in rounds else STANDING
        builder = WallBuilder(self._pages.formatter(self._pages.language(request)))
        shown = builder.build(
            self._board.rows(held, rubric_id, now),
            self._services.rubrics.get(rubric_id),
            WallView(view) if view in set(WallView) else WallView.REPORTING,
            now,
        )
        chosen_by = {"rubric": rubric, "round": round}
        following = {"view": shown.following.value, **chosen_by}
        turned = {"view": shown.view.value, **chosen_by, "hold": "" if hold else "1"}
        context = {
            "wall": shown,
            "rubric": chosen,
            "round_title": rounds[held].title if held in rounds else "",
            "following": {name: value for name, value in following.items() if value},
            "turned": {name: value for name, value in turned.items() if value},
            "hold": hold,
            "refresh_s": REFRESH_S,
            "results": tuple(Result),
        }
        return self._pages.render(request, "wall.html", context, now=now, section="wall")

    def _rounds(self) -> Mapping[str, Round]:
        found = self._services.records.rounds(ROUNDS_OFFERED)
        return {held.id: held for held in found if held.state is not RoundState.DRAFT}

    def _most_telling(self, outlines: Mapping[str, RubricOutline]) -> RubricOutline | None:
        """Return the rubric that measurements say most about, counted over all schools."""
        schools = Counter(school.kind.value for school in self._services.records.schools())

        def verdicts(outline: RubricOutline) -> int:
            asked = len(self._services.rubrics[outline.id].indicators)
            return asked * sum(schools[kind] for kind in outline.kinds)

        return max(outlines.values(), key=verdicts, default=None)

    def _offered(self, held: Round | None) -> dict[str, RubricOutline]:
        """Return the rubrics to choose from: those of the round, or all."""
        if held is None:
            return self._outlines
        return {name: one for name, one in self._outlines.items() if held.rubric(name)}

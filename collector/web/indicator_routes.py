"""The addresses of an indicator's page and of the numbers that its charts draw."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from collector.access import needs
from collector.domain import Right
from collector.web.indicator_page import ChartView, IndicatorPage
from collector.web.indicator_reader import IndicatorReader
from collector.web.rendering import STATIC, Pages
from collector.web.school_reader import SchoolReader
from collector.web.services import WebServices

CHARTS_BUNDLE = STATIC / "vendor" / "echarts.js"
"""Present in wheels that were built with it; pages are complete without."""


def indicator_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes."""
    handlers = IndicatorHandlers(services, pages)
    router = APIRouter(include_in_schema=False)
    sheet = [needs(Right.SHEET_READ)]
    path = "/schools/{school_id}/indicators/{indicator}"
    router.get(path, dependencies=sheet)(handlers.page)
    router.get(path + "/points.json", dependencies=sheet)(handlers.points)
    return router


class IndicatorHandlers:
    """One method per address."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._reader = IndicatorReader(services, SchoolReader(services))

    def page(
        self,
        request: Request,
        school_id: str,
        indicator: str,
        rubric: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Show an indicator over the window that is scored now."""
        page = self._read(request, school_id, indicator, rubric)
        context = {"page": page, "rubric": rubric, "interactive": CHARTS_BUNDLE.exists()}
        now = self._services.clock()
        return self._pages.render(request, "indicator.html", context, now=now)

    def points(
        self,
        request: Request,
        school_id: str,
        indicator: str,
        rubric: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Return what the charts of the page draw, numbers unrounded."""
        page = self._read(request, school_id, indicator, rubric)
        return JSONResponse(
            {"charts": [chart_json(one) for one in page.charts]},
            headers={"Cache-Control": "no-store"},
        )

    def _read(self, request: Request, school_id: str, indicator: str, rubric: str) -> IndicatorPage:
        formatter = self._pages.formatter(self._pages.language(request))
        return self._reader.page(school_id, indicator, rubric, formatter, self._services.clock())


def chart_json(view: ChartView) -> dict[str, Any]:
    """Return a chart as data: times in ISO 8601, values in the unit of the series."""
    data = view.data
    return {
        "series": view.series,
        "since": data.since.isoformat(),
        "until": data.until.isoformat(),
        "threshold": data.threshold,
        "top": view.chart.top,
        "gap_ms": round(data.gap.total_seconds() * 1000),
        "curve": "mean" if data.curve_of_means else "median",
        "single": view.single,
        "stripes": [
            {"kind": one.kind, "start": one.start.isoformat(), "stop": one.stop.isoformat()}
            for one in data.stripes
        ],
        "points": [
            {
                "group": point.group,
                "since": point.since.isoformat(),
                "until": point.until.isoformat(),
                "smallest": point.smallest,
                "median": point.median,
                "mean": point.mean,
                "largest": point.largest,
                "samples": point.samples,
                "void": point.void,
                "limited_by": dict(point.limited_by_cause),
                "note": row.note,
            }
            for point, row in zip(data.points, view.rows, strict=True)
        ],
    }

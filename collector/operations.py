"""What operators watch: `/healthz`, `/metrics`, `/openapi.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, Field

from collector.access import PUBLIC, needs
from collector.domain import Right
from collector.errors import CollectorError
from collector.problems import problem_responses

Check = Callable[[], None]
"""Returns if a dependency answers; raises a CollectorError that says what to do if not."""

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """Whether the collector can keep its promises, dependency by dependency."""

    status: Literal["ok", "down"]
    checks: dict[str, str] = Field(examples=[{"records": "ok", "series": "ok", "applier": "ok"}])


@router.get(
    "/healthz",
    dependencies=[PUBLIC],
    summary="Ask whether every dependency answers",
    responses={503: {"model": Health, "description": "At least one dependency is down"}},
)
def healthz(request: Request, response: Response) -> Health:
    """Answer 200 if all checks pass, 503 otherwise; the text says which and what to do."""
    checks: Mapping[str, Check] = request.app.state.health_checks
    results = {name: _result(check) for name, check in checks.items()}
    healthy = all(result == "ok" for result in results.values())
    response.status_code = 200 if healthy else 503
    return Health(status="ok" if healthy else "down", checks=results)


def _result(check: Check) -> str:
    try:
        check()
    except CollectorError as error:
        return error.detail
    return "ok"


@router.get(
    "/metrics",
    dependencies=[needs(Right.COUNTY_READ)],
    summary="Read the collector's own metrics",
    response_class=Response,
    responses={
        **problem_responses(401, 403),
        200: {
            "description": "Prometheus text",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
    },
)
def metrics(request: Request) -> Response:
    """Answer in the Prometheus text format."""
    registry: CollectorRegistry = request.app.state.metrics_registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/openapi.json", dependencies=[PUBLIC], include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """Answer with the description of this very interface."""
    description: dict[str, Any] = request.app.openapi()
    return description

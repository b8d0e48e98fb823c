"""Errors as RFC 9457 problem documents: the only place where an exception becomes an answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from collector.errors import CollectorError, RowError, UnauthenticatedError
from collector.security_headers import HEADERS

_CRASH_DETAIL = "The collector failed here; its log says where. Nothing was acknowledged."
_HTTP_DETAILS = {
    404: "There is nothing at this address. /openapi.json lists what there is.",
    405: "This address does not know that method. /openapi.json lists what it knows.",
}

log = logging.getLogger(__name__)


class ProblemRow(BaseModel):
    """One wrong row or field."""

    row: int | None = Field(description="Position in `readings`, from 0; null: the request itself.")
    field: str = Field(examples=["values.cpu_used_ratio"])
    reason: str


class Problem(BaseModel):
    """RFC 9457 problem document. `detail` says what to do next.

    Some problems carry further members: a 409 has both values under `current` and `given`.
    """

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:campusgauge:problem:rows_wrong"])
    title: str
    status: int
    detail: str
    detail_en: str | None = None
    code: str = Field(examples=["rows_wrong"])
    retry: bool = Field(description="Whether sending the same request again can help.")
    errors: list[ProblemRow] | None = None


ErrorPage: TypeAlias = Callable[[Request, int, str], Response | None]
"""Renders status and detail as a page for people, or None where a program asks."""


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that can answer these statuses."""
    meanings = {
        400: "Cannot be read; permanent",
        401: "No valid key",
        403: "The key may not do this",
        404: "Not found",
        408: "The body did not arrive in time; try again",
        409: "Contradicts what is stored; permanent",
        410: "Used up or expired; permanent",
        413: "Too large; split it",
        415: "Content type or encoding not read here",
        422: "Wrong rows or fields, each named; permanent for those",
        429: "Too many; obey Retry-After",
        503: "A dependency is down; try again",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": meanings[status],
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in statuses
    }


def install(app: FastAPI, error_page: ErrorPage | None) -> None:
    """Answer every error of the app with a problem document, or with a page for people."""

    def on_error(request: Request, error: Exception) -> Response:
        problem, own_headers = describe(error)
        # A crash is answered outside all middleware, so the headers are added here for all.
        headers = {**HEADERS, **own_headers}
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request_crashed path=%s", request.url.path, exc_info=error)
        page = error_page(request, problem.status, problem.detail) if error_page else None
        if page is not None:
            page.headers.update(headers)
            return page
        return JSONResponse(
            problem.model_dump(exclude_none=True),
            problem.status,
            headers,
            media_type="application/problem+json",
        )

    for kind in (CollectorError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, on_error)


def describe(error: Exception) -> tuple[Problem, Mapping[str, str]]:
    """Return the problem document of any exception, and the headers that belong to it."""
    match error:
        case CollectorError():
            return problem_of(error), _headers(error)
        case RequestValidationError():
            problem = _problem(
                422,
                "Some rows or fields are wrong",
                "fields_wrong",
                "Correct the named fields and send the request again.",
                errors=_fields(error.errors()),
            )
            return problem, {}
        case HTTPException():
            title, code = str(error.detail), f"http_{error.status_code}"
            detail = _HTTP_DETAILS.get(error.status_code, title)
            return _problem(error.status_code, title, code, detail), error.headers or {}
        case _:
            return _problem(500, "Internal error", "internal", _CRASH_DETAIL, retry=True), {}


def _headers(error: CollectorError) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def problem_of(error: CollectorError) -> Problem:
    """Return the document of one of our own errors."""
    problem = _problem(
        error.status,
        error.title,
        error.code,
        error.detail,
        retry=error.retry,
        errors=error.errors or None,
    )
    return problem.model_copy(update={**error.extra, "detail_en": error.detail_en})


def _problem(
    status: int,
    title: str,
    code: str,
    detail: str,
    *,
    retry: bool = False,
    errors: Sequence[RowError] | None = None,
) -> Problem:
    rows = [ProblemRow(row=e.row, field=e.field, reason=e.reason) for e in errors or ()]
    return Problem(
        type=f"urn:campusgauge:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        retry=retry,
        errors=rows or None,
    )


def _fields(errors: Sequence[Any]) -> list[RowError]:
    return [
        RowError(None, ".".join(str(part) for part in error["loc"][1:]), error["msg"])
        for error in errors
    ]

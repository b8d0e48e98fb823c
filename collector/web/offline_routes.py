"""The script that lets review pages be opened without network."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from collector.access import PUBLIC
from collector.web.rendering import STATIC


def offline_router() -> APIRouter:
    """Build the route of the worker."""
    router = APIRouter(include_in_schema=False)
    router.get("/review-worker.js", dependencies=[PUBLIC])(worker)
    return router


def worker() -> Response:
    """Return the script that gives out kept copies.

    A worker rules over what lies beside and below its own address, so it cannot lie with the
    other scripts. A browser asks for it again with every visit.
    """
    script = STATIC / "js" / "review_worker.js"
    headers = {"Cache-Control": "no-cache"}
    return FileResponse(script, media_type="text/javascript", headers=headers)

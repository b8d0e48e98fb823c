"""After the announcement: the result beside the school's own, its versions, and appeals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from collector.access import needs
from collector.assessment.case_reader import HeldCase
from collector.assessment.form import differences
from collector.domain import CaseKey, Right
from collector.errors import CollectorError, NotFoundError
from collector.web.case_desk import (
    FORM_BYTES_MAX,
    CasePages,
    Key,
    bounded,
    case_address,
    desk_of,
)
from collector.web.case_result_page import appeal_views, difference_views, version_views
from collector.web.rendering import Pages
from collector.web.services import WebServices
from collector.web.sheet_page import points_of


def case_result_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of result and appeals."""
    handlers = CaseResultPages(services, pages)
    router = APIRouter(
        prefix="/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}",
        include_in_schema=False,
    )
    reads = [needs(Right.CASE_READ)]
    files = [bounded(FORM_BYTES_MAX), needs(Right.APPEAL_FILE)]
    router.get("/result", dependencies=reads)(handlers.result)
    router.get("/appeals", dependencies=reads)(handlers.appeals)
    router.post("/appeals", dependencies=files)(handlers.file)
    router.post("/appeals/{appeal_id}/withdraw", dependencies=files)(handlers.withdraw)
    return router


class CaseResultPages(CasePages):
    """One method per address."""

    def result(self, request: Request, key: Key) -> Response:
        """Show the result, where officials and school differ and why, and the frozen versions."""
        desk, formatter = desk_of(request), self._formatter(request)
        found = desk.reader.read(key)
        scored = desk.reader.score(found, self._now(), fresh=False)
        head = self._head(request, found)
        official = head.announced or head.state.value == "review"
        rows = differences(found, scored) if official else []
        context: dict[str, object] = {
            "head": head,
            "points": points_of(scored.sheet.get("total")),
            "rows": difference_views(found, rows, self._name, formatter),
            "versions": version_views(
                self._services.records.case_versions(key), self._name, formatter.translator
            ),
            "hash": scored.content_hash,
            "published": self._published(request, found),
        }
        return self._page(request, "case_result.html", context)

    def appeals(self, request: Request, key: Key, item: str = "") -> Response:
        """Show the appeals of the case, and the form for one more while there is time."""
        return self._appeals(request, key, {"item": item})

    async def file(self, request: Request, key: Key) -> Response:
        """File an appeal against one item."""
        form = await request.form()
        given = {name: str(form.get(name) or "") for name in ("item", "grounds")}
        return await run_sync(self._file, request, key, given)

    async def withdraw(self, request: Request, key: Key, appeal_id: str) -> Response:
        """Take an appeal back."""
        given = str((await request.form()).get("revision") or "")
        revision = int(given) if given.isdecimal() and len(given) < 10 else 0
        return await run_sync(self._withdraw, request, key, appeal_id, revision)

    def _file(self, request: Request, key: CaseKey, given: Mapping[str, str]) -> Response:
        try:
            act = self._act(request, "appeal.file")
            desk_of(request).appeals.file(key, given["item"], given["grounds"], act)
        except CollectorError as refused:
            return self._appeals(request, key, given, refused)
        return self._go(request, case_address(key, "/appeals"))

    def _withdraw(self, request: Request, key: CaseKey, appeal_id: str, revision: int) -> Response:
        try:
            act = self._act(request, "appeal.withdraw")
            desk_of(request).appeals.withdraw(key, appeal_id, revision, act)
        except CollectorError as refused:
            return self._appeals(request, key, {}, refused)
        return self._go(request, case_address(key, "/appeals"))

    def _appeals(
        self,
        request: Request,
        key: CaseKey,
        given: Mapping[str, str],
        refused: CollectorError | None = None,
    ) -> Response:
        desk, formatter = desk_of(request), self._formatter(request)
        found = desk.reader.read(key)
        head = self._head(request, found)
        open_still = (
            head.state.value == "announced"
            and head.appeal_until is not None
            and self._now() <= head.appeal_until
        )
        context: dict[str, object] = {
            "head": head,
            "appeals": appeal_views(found, desk.appeals.of_case(key), self._name, formatter),
            "open": open_still,
            "items": [
                (item.id, f"{item.id} {_title(item, formatter.english)}")
                for item in found.rubric.items()
            ],
            "given": {"item": given.get("item", ""), "grounds": given.get("grounds", "")},
            "refused": self._words(request, refused) if refused else "",
        }
        status = refused.status if refused else 200
        return self._page(request, "case_appeals.html", context, status)

    def _published(self, request: Request, found: HeldCase) -> bool:
        """Say whether the school's part of a publication can be had."""
        try:
            key = found.key
            desk_of(request).publishing.bundle(key.round_id, school_id=key.school_id)
        except NotFoundError:
            return False
        return True


def _title(item: Any, english: bool) -> str:
    if item.title is None:
        return str(item.text[:30])
    return str((item.title.en if english else None) or item.title.zh)

"""The addresses of a case's evidence: hand in, list, take off a list, withdraw, freeze."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import CaseKey, Right
from collector.errors import CollectorError
from collector.evidence.schema import ExcerptRequest
from collector.web.case_desk import (
    FORM_BYTES_MAX,
    UPLOAD_BYTES_MAX,
    CasePages,
    Key,
    bounded,
    case_address,
    desk_of,
)
from collector.web.case_evidence_page import evidence_page
from collector.web.rendering import Pages
from collector.web.services import WebServices

Item = Annotated[str, Query(max_length=64)]


def case_evidence_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of a case's evidence."""
    handlers = CaseEvidencePages(services, pages)
    router = APIRouter(
        prefix="/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}/evidence",
        include_in_schema=False,
    )
    adds = needs(Right.EVIDENCE_ADD)
    router.get("", dependencies=[needs(Right.CASE_READ)])(handlers.show)
    router.post("", dependencies=[bounded(UPLOAD_BYTES_MAX), adds])(handlers.upload)
    router.post("/change", dependencies=[bounded(FORM_BYTES_MAX), adds])(handlers.change)
    return router


class CaseEvidencePages(CasePages):
    """One method per address."""

    def show(self, request: Request, key: Key, item: Item = "", done: str = "") -> Response:
        """Show the lists of all items, and of one item everything that can be done with it."""
        return self._show(request, key, item, done=done)

    async def upload(self, request: Request, key: Key, item: Item = "") -> Response:
        """Hand in a file; with an item it goes to the end of the item's list."""
        api = desk_of(request).evidence
        try:
            added = await api.add(request, key.school_id)
            if item:
                sha256 = added.evidence.sha256
                await run_sync(api.support, request, key.school_id, sha256, key.rubric_id, item)
        except CollectorError as refused:
            return await run_sync(self._show, request, key, item, refused)
        form = await request.form()
        back = f"#item-{item}" if form.get("back") == "form" else ""
        if back:
            return self._go(request, case_address(key, back))
        return self._to_item(request, key, item, "added" if added.new else "known")

    async def change(self, request: Request, key: Key, item: Item = "") -> Response:
        """Put on the item's list, take off it, withdraw, or freeze a measurement."""
        form = await request.form()
        given = {name: str(form.get(name) or "") for name in ("do", "sha256", "indicator", "why")}
        return await run_sync(self._change, request, key, item, given)

    def _change(self, request: Request, key: CaseKey, item: str, given: dict[str, str]) -> Response:
        api, school_id, sha256 = desk_of(request).evidence, key.school_id, given["sha256"]
        try:
            match given["do"]:
                case "support":
                    api.support(request, school_id, sha256, key.rubric_id, item)
                case "drop":
                    api.drop_support(request, school_id, sha256, key.rubric_id, item)
                case "withdraw":
                    api.withdraw(request, school_id, sha256, given["why"][:2000])
                case "freeze":
                    wanted = ExcerptRequest(indicator=given["indicator"], note=given["why"][:2000])
                    added = api.excerpt(request, school_id, wanted)
                    if item:
                        piece = added.evidence.sha256
                        api.support(request, school_id, piece, key.rubric_id, item)
        except CollectorError as refused:
            return self._show(request, key, item, refused)
        return self._to_item(request, key, item, given["do"])

    def _to_item(self, request: Request, key: CaseKey, item: str, done: str) -> Response:
        return self._go(request, case_address(key, f"/evidence?item={item}&done={done}"))

    def _show(
        self,
        request: Request,
        key: CaseKey,
        item: str,
        refused: CollectorError | None = None,
        done: str = "",
    ) -> Response:
        desk, records = desk_of(request), self._services.records
        found = desk.reader.read(key)
        page = evidence_page(
            found,
            desk.reader.score(found, self._now(), fresh=False).sheet,
            records.supports(key.school_id, key.rubric_id),
            records.evidence_of(key.school_id),
            item,
            self._name,
            self._formatter(request),
        )
        context: dict[str, object] = {
            "head": self._head(request, found),
            "page": page,
            "done": done,
            "refused": self._words(request, refused) if refused else "",
        }
        status = refused.status if refused else 200
        return self._page(request, "case_evidence.html", context, status)

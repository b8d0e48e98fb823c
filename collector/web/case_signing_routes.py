"""The headmaster's page: what is said beside what was measured; sign, take back, submit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from collector.access import needs
from collector.assessment.form import form_of
from collector.domain import Act, Case, CaseKey, CaseState, Right
from collector.errors import CollectorError, UnprocessableError
from collector.web.case_desk import (
    FORM_BYTES_MAX,
    CasePages,
    Key,
    bounded,
    case_address,
    desk_of,
    reason_words,
)
from collector.web.case_fields import NOTHING_TYPED, FieldReader
from collector.web.case_form_page import FormPageBuilder, pieces_by_item
from collector.web.rendering import Pages
from collector.web.services import WebServices
from rubrics.reasons import load_reasons

NOTE_CHARACTERS_MAX = 2000


def case_signing_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of checking, signing and submitting."""
    handlers = CaseSigningPages(services, pages)
    router = APIRouter(
        prefix="/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}",
        include_in_schema=False,
    )
    router.get("/signing", dependencies=[needs(Right.CASE_READ)])(handlers.show)
    for step, right, handler in (
        ("sign", Right.CASE_SIGN, handlers.sign),
        ("unsign", Right.CASE_SIGN, handlers.unsign),
        ("submit", Right.CASE_SUBMIT, handlers.submit),
    ):
        router.post(f"/{step}", dependencies=[bounded(FORM_BYTES_MAX), needs(right)])(handler)
    router.post("/flags/{flag_id}", dependencies=[bounded(FORM_BYTES_MAX), needs(Right.FLAG_NOTE)])(
        handlers.note
    )
    return router


class CaseSigningPages(CasePages):
    """One method per address."""

    def show(self, request: Request, key: Key) -> Response:
        """Show totals, what is missing, where declared and measured differ, and the next step."""
        return self._show(request, key, None)

    async def sign(self, request: Request, key: Key) -> Response:
        """Sign: freeze what the school says."""
        return await self._step(request, key, "case.sign", desk_of(request).steps.sign)

    async def unsign(self, request: Request, key: Key) -> Response:
        """Take the signature back."""
        return await self._step(request, key, "case.unsign", desk_of(request).steps.unsign)

    async def submit(self, request: Request, key: Key) -> Response:
        """Hand in what was signed."""
        return await self._step(request, key, "case.submit", desk_of(request).steps.submit)

    async def note(self, request: Request, key: Key, flag_id: str) -> Response:
        """Say something about a flag."""
        text = str((await request.form()).get("text") or "").strip()
        return await run_sync(self._note, request, key, flag_id, text)

    async def _step(
        self,
        request: Request,
        key: CaseKey,
        action: str,
        step: Callable[[CaseKey, int, Act], Case],
    ) -> Response:
        given = str((await request.form()).get("revision") or "")
        revision = int(given) if given.isdecimal() and len(given) < 10 else 0
        return await run_sync(self._take, request, key, revision, action, step)

    def _take(
        self,
        request: Request,
        key: CaseKey,
        revision: int,
        action: str,
        step: Callable[[CaseKey, int, Act], Case],
    ) -> Response:
        try:
            step(key, revision, self._act(request, action))
        except CollectorError as refused:
            return self._show(request, key, refused)
        return self._go(request, case_address(key, "/signing"))

    def _note(self, request: Request, key: CaseKey, flag_id: str, text: str) -> Response:
        try:
            if not 0 < len(text) <= NOTE_CHARACTERS_MAX:
                raise UnprocessableError(
                    "fields_wrong",
                    f"请写 1 至 {NOTE_CHARACTERS_MAX} 字的说明。",
                    detail_en=f"Write 1 to {NOTE_CHARACTERS_MAX} characters.",
                )
            act = self._act(request, "flag.note", text)
            desk_of(request).merging.note(key, flag_id, text, act)
        except CollectorError as refused:
            return self._show(request, key, refused)
        return self._go(request, case_address(key, "/signing#flags-head"))

    def _show(self, request: Request, key: CaseKey, refused: CollectorError | None) -> Response:
        desk, formatter, now = desk_of(request), self._formatter(request), self._now()
        records = self._services.records
        found = desk.reader.read(key)
        scored = desk.reader.score(found, now, fresh=False)
        form = form_of(found, scored, records.profiles(key.school_id), now)
        reader = FieldReader(formatter, cache(self._name), {}, NOTHING_TYPED)
        builder = FormPageBuilder(formatter, load_reasons(), reader)
        flags = desk.merging.flags_of(key, found, scored.sheet)
        lists = pieces_by_item(
            records.supports(key.school_id, key.rubric_id), records.evidence_of(key.school_id)
        )
        page = builder.build(found, form, scored.sheet, flags, lists)
        head = self._head(request, found)
        with_school = head.state in (CaseState.FILLING, CaseState.RETURNED)
        context: dict[str, object] = {
            "head": head,
            "page": page,
            "flags": builder.flags(flags),
            "without_evidence": [
                (item.anchor, f"{item.id} {item.title or item.text[:24]}")
                for section in page.sections
                for item in section.items
                if item.wanted and not item.pieces
            ],
            "signed": found.case.signature is not None,
            "with_school": with_school,
            "in_time": page.writable or form.not_writable_because == "case_signed",
            "why_not": (
                reason_words(form.not_writable_because, english=formatter.english)
                if form.not_writable_because
                else ""
            ),
            "hash": scored.content_hash,
            "refused": self._words(request, refused) if refused else "",
        }
        status = refused.status if refused else 200
        return self._page(request, "case_signing.html", context, status)

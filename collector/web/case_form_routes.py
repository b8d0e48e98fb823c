"""The addresses of the form: show it, save one section of it, take over earlier values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.assessment.case_reader import HeldCase
from collector.assessment.fields import fields_of
from collector.assessment.form import form_of
from collector.assessment.form_answers import FormAnswer
from collector.domain import CaseKey, Right
from collector.errors import CollectorError, NotFoundError
from collector.web.case_desk import (
    FORM_BYTES_MAX,
    CaseDesk,
    CasePages,
    Key,
    bounded,
    case_address,
    desk_of,
)
from collector.web.case_fields import NOTHING_TYPED, FieldReader, slots_of
from collector.web.case_form_page import FormPageBuilder, pieces_by_item
from collector.web.case_saving import Saving, SectionSaver
from collector.web.rendering import Pages
from collector.web.services import WebServices
from collector.web.typed_values import typed_text
from rubrics.reasons import load_reasons

CASE_PAGE = "/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}"
Saved = Annotated[int | None, Query(ge=0, le=100_000)]


def case_form_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the form."""
    handlers = CaseFormPages(services, pages)
    router = APIRouter(prefix=CASE_PAGE, include_in_schema=False)
    read, save = [needs(Right.CASE_READ)], [bounded(FORM_BYTES_MAX), needs(Right.ENTRY_SAVE)]
    router.get("", dependencies=read)(handlers.form)
    router.post("/sections/{section_id}", dependencies=save)(handlers.save)
    router.get("/proposals", dependencies=read)(handlers.proposals)
    router.post("/proposals", dependencies=save)(handlers.accept)
    return router


class CaseFormPages(CasePages):
    """One method per address."""

    def form(self, request: Request, key: Key, saved: Saved = None) -> Response:
        """Show the form."""
        return self._form(request, key, None, saved)

    async def save(self, request: Request, key: Key, section_id: str) -> Response:
        """Save what was changed in one section, and show it, or what is wrong with it."""
        given = {name: text for name, text in (await request.form()).items() if type(text) is str}
        return await run_sync(self._save, request, key, section_id, given)

    def proposals(self, request: Request, key: Key) -> Response:
        """Show what an earlier round held, to be taken over or not."""
        return self._proposals(request, key, None)

    async def accept(self, request: Request, key: Key) -> Response:
        """Take over the chosen values, or all of them."""
        form = await request.form()
        chosen = [str(text) for text in form.getlist("field")]
        return await run_sync(self._accept, request, key, chosen, "all" in form)

    def _save(
        self, request: Request, key: CaseKey, section_id: str, given: Mapping[str, str]
    ) -> Response:
        desk = desk_of(request)
        form, _, _ = self._read(desk, key)
        slots = list(slots_of(form, section_id))
        if not slots:
            raise NotFoundError("field_unknown", "没有这一部分。", detail_en="No such section.")
        english = self._formatter(request).english
        saver = SectionSaver(desk.writer, key, lambda name: self._act(request, name), english)
        done = saver.save(slots, given)
        if done.status == 200:
            address = case_address(key, f"?saved={done.saved}#section-{section_id}")
            return self._go(request, address)
        return self._form(request, key, done, done.saved)

    def _read(self, desk: CaseDesk, key: CaseKey) -> tuple[FormAnswer, HeldCase, Mapping[str, Any]]:
        found, now = desk.reader.read(key), self._now()
        scored = desk.reader.score(found, now, fresh=False)
        profiles = self._services.records.profiles(key.school_id)
        return form_of(found, scored, profiles, now), found, scored.sheet

    def _form(
        self, request: Request, key: CaseKey, done: Saving | None, saved: int | None
    ) -> Response:
        desk, formatter = desk_of(request), self._formatter(request)
        form, found, sheet = self._read(desk, key)
        typed = done.typed if done else NOTHING_TYPED
        records = self._services.records
        reader = FieldReader(formatter, cache(self._name), self._also(desk, found), typed)
        builder = FormPageBuilder(formatter, load_reasons(), reader)
        page = builder.build(
            found,
            form,
            sheet,
            desk.merging.flags_of(key, found, sheet),
            pieces_by_item(
                records.supports(key.school_id, key.rubric_id), records.evidence_of(key.school_id)
            ),
        )
        head = self._head(request, found)
        context: dict[str, object] = {
            "head": head,
            "page": page,
            "api": f"{request.scope.get('root_path', '')}/api/v1{case_address(key)}",
            "editable": head.may_write and page.writable,
            "proposed": len(desk.writer.proposals(key)) if page.writable else 0,
            "saved": saved,
            "wrong": len(typed.errors),
            "clashes": len(typed.clashes),
            "refused": self._words(request, done.refused) if done and done.refused else "",
        }
        return self._page(request, "case_form.html", context, done.status if done else 200)

    def _also(self, desk: CaseDesk, found: HeldCase) -> dict[str, tuple[str, ...]]:
        """Return where else each declared figure is used, in the words of the other documents."""
        places: dict[str, list[str]] = {}
        for one in found.held.rubrics:
            key = CaseKey(found.key.round_id, found.key.school_id, one.rubric_id)
            if key == found.key or self._services.records.case(key) is None:
                continue
            _, _, rubric = desk.reader.pinned(key)
            stated = {f.fact for f in fields_of(rubric) if f.fact}
            for field in fields_of(rubric):
                if field.fact is not None:
                    places.setdefault(field.fact, []).append(f"{rubric.title.zh} {field.item.id}")
            for name in rubric.facts:
                if name not in stated:
                    places.setdefault(name, []).append(rubric.title.zh)
        return {name: tuple(dict.fromkeys(found)) for name, found in places.items()}

    def _proposals(
        self, request: Request, key: CaseKey, refused: CollectorError | None
    ) -> Response:
        desk, formatter = desk_of(request), self._formatter(request)
        found = desk.reader.read(key)
        fields = {(f.item.id, f.name): f for f in fields_of(found.rubric)}
        offered = []
        for one in desk.writer.proposals(key):
            field = fields[one.item_id, one.name]
            text = typed_text(one.value)
            answers = {choice.id: choice.zh for choice in field.spec.choices}
            offered.append(
                {
                    "id": f"{one.item_id}/{one.name}",
                    "item": one.item_id,
                    "label": (field.spec.en if formatter.english else None) or field.spec.zh,
                    "value": (
                        formatter.quantity(one.value)
                        if isinstance(one.value, bool)
                        else answers.get(text, text)
                    ),
                    "round": one.round_title,
                    "author": self._name(one.author),
                    "at": one.recorded_at,
                }
            )
        context: dict[str, object] = {
            "head": self._head(request, found),
            "offered": offered,
            "refused": self._words(request, refused) if refused else "",
        }
        status = refused.status if refused else 200
        return self._page(request, "case_proposals.html", context, status)

    def _accept(
        self, request: Request, key: CaseKey, chosen: list[str], everything: bool
    ) -> Response:
        desk = desk_of(request)
        wanted = [(item, name) for item, _, name in (one.partition("/") for one in chosen)]
        if everything:
            wanted = [(one.item_id, one.name) for one in desk.writer.proposals(key)]
        try:
            taken = desk.writer.accept_proposals(
                key, wanted, self._act(request, "entry.carry_over")
            )
        except CollectorError as refused:
            return self._proposals(request, key, refused)
        return self._go(request, case_address(key, f"?saved={len(taken)}"))

"""Pages of inspectors and the bureau: cases to look at, and a case item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query, Request, Response

from collector.access import needs
from collector.assessment.form import form_of
from collector.assessment.form_answers import FormAnswer
from collector.domain import Act, Case, CaseKey, CaseState, Right, may
from collector.errors import CollectorError, RowError, UnprocessableError
from collector.web.case_desk import CaseDesk, Key, bounded, case_address, desk_of, state_word
from collector.web.form_pages import FormPages, PostedForm, Refusal, text_of, whole_number
from collector.web.rendering import Pages
from collector.web.review_list import ReviewList, ReviewRow, read_reviews
from collector.web.review_page import VERDICTS_OF_PEOPLE, ReviewBuilder, ReviewPage, Typed
from collector.web.review_saving import ReviewSaving, clash_values
from collector.web.services import WebServices

REVIEW = "/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}/review"
FORM_BYTES_MAX = 1 << 20
UPLOAD_BYTES_MAX = 24 << 20
FRAGMENT_HEADER = "x-fragment"
"""Sent by our script, which wants the one item and no redirect."""
Name = Annotated[str, Path(max_length=100)]


def review_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the review pages."""
    handlers = ReviewPages(services, pages)
    router = APIRouter(include_in_schema=False)
    small, upload = bounded(FORM_BYTES_MAX), bounded(UPLOAD_BYTES_MAX)
    router.get("/review", dependencies=[needs(Right.ROUND_READ)])(handlers.cases)
    router.get(REVIEW, dependencies=[needs(Right.CASE_READ)])(handlers.case)
    item = REVIEW + "/items/{item_id}"
    router.post(item, dependencies=[small, needs(Right.REVIEW_SCORE)])(handlers.save)
    router.post(f"{item}/evidence", dependencies=[upload, needs(Right.EVIDENCE_ADD)])(
        handlers.add_evidence
    )
    router.post(item + "/findings/{finding_id}", dependencies=[small, needs(Right.OVERRIDE)])(
        handlers.judge
    )
    accepting, returning = needs(Right.CASE_ACCEPT), needs(Right.CASE_RETURN)
    router.post(f"{REVIEW}/accept", dependencies=[small, accepting])(handlers.accept)
    router.post(f"{REVIEW}/finish", dependencies=[small, accepting])(handlers.finish)
    router.post(f"{REVIEW}/correct", dependencies=[small, accepting])(handlers.correct)
    router.post(f"{REVIEW}/return", dependencies=[small, returning])(handlers.send_back)
    return router


@dataclass(frozen=True)
class ReviewRights:
    """What the caller may do here."""

    score: bool
    judge: bool
    add_evidence: bool
    accept: bool
    send_back: bool


class ReviewPages(FormPages):
    """One method per address. Synchronous ones run in FastAPI's thread pool."""

    def cases(self, request: Request, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> Response:
        """List the cases that wait for the caller; those with most to clear up come first."""
        listed: ReviewList = read_reviews(
            desk_of(request),
            self._services.records,
            self._caller(request),
            self._services.clock(),
            page,
        )
        translator = self._formatter(request).translator
        english = self._formatter(request).english
        return self._show(
            request,
            "reviews.html",
            section="review",
            listed=listed,
            rows=[_row(row, state_word(row.case, translator), english) for row in listed.rows],
        )

    def case(self, request: Request, key: Key) -> Response:
        """Show a case item by item, the unclear ones first."""
        return self._case(request, key)

    def save(self, request: Request, key: Key, item_id: Name, form: PostedForm) -> Response:
        """Save values, points and remark of one item."""
        texts = _texts(form)
        return self._attempt(
            request, key, item_id, texts,
            lambda: self._saving(request).item(key, item_id, texts),
        )  # fmt: skip

    def judge(
        self, request: Request, key: Key, item_id: Name, finding_id: Name, form: PostedForm
    ) -> Response:
        """Put a verdict with its reason beside a finding."""
        texts = _texts(form)
        return self._attempt(
            request, key, item_id, texts,
            lambda: self._saving(request).verdict(key, item_id, finding_id, texts),
        )  # fmt: skip

    async def add_evidence(self, request: Request, key: Key, item_id: Name) -> Response:
        """Take a photograph or file as evidence, and put it on the item's list."""
        api = request.app.state.evidence_api
        refused: CollectorError | None = None
        try:
            added = await api.add(request, key.school_id)
            await run_sync(
                api.support, request, key.school_id, added.evidence.sha256, key.rubric_id, item_id
            )
        except CollectorError as error:
            refused = error

        def answer() -> Response:
            return self._answer(request, key, item_id, {}, refused)

        return await run_sync(answer)

    def accept(self, request: Request, key: Key, form: PostedForm) -> Response:
        """Accept the case for review."""
        steps, act = desk_of(request).steps, self._act(request, "case.accept")
        return self._step(request, key, lambda: steps.accept(key, _seen(form), act))

    def finish(self, request: Request, key: Key, form: PostedForm) -> Response:
        """End the stage under way, or the announcement."""
        steps, act = desk_of(request).steps, self._act(request, "case.finish")
        return self._step(request, key, lambda: steps.finish(key, _seen(form), act))

    def correct(self, request: Request, key: Key, form: PostedForm) -> Response:
        """Review a final case again."""
        steps, act = (
            desk_of(request).steps,
            self._act(request, "case.correct", text_of(form, "why")),
        )
        return self._step(request, key, lambda: steps.correct(key, _seen(form), act))

    def send_back(self, request: Request, key: Key, form: PostedForm) -> Response:
        """Return the case to the school with the reason."""
        steps, act = desk_of(request).steps, self._act(request, "case.return", text_of(form, "why"))

        def step() -> Case:
            return steps.send_back(key, _seen(form), self._due(text_of(form, "due_on")), act)

        return self._step(request, key, step, why=text_of(form, "why"))

    def _due(self, text: str) -> datetime | None:
        """Return the end of a local day. Raises UnprocessableError for what is no date."""
        if not text:
            return None
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            row = RowError(None, "due_at", "日期写成 2026-09-01 的样子 / write it like 2026-09-01")
            raise UnprocessableError(
                "fields_wrong", "请更正所列各栏。", errors=(row,), detail_en="Correct the fields."
            ) from error
        return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=self._services.zone)

    def _saving(self, request: Request) -> ReviewSaving:
        def act(action: str, why: str) -> Act:
            return self._act(request, action, why)

        desk = desk_of(request)
        return ReviewSaving(desk.reader, desk.writer, act)

    def _attempt(
        self, request: Request, key: CaseKey, item_id: str, texts: Mapping[str, str], save: Any
    ) -> Response:
        refused: CollectorError | None = None
        try:
            save()
        except CollectorError as error:
            refused = error
        return self._answer(request, key, item_id, texts, refused)

    def _answer(
        self,
        request: Request,
        key: CaseKey,
        item_id: str,
        texts: Mapping[str, str],
        refused: CollectorError | None,
    ) -> Response:
        """Go back to the item; show the form again where it was refused, with what was typed."""
        typed = None
        if refused is not None:
            typed = Typed(item_id, texts, self._explained(request, refused))
        if FRAGMENT_HEADER in request.headers:
            view = self._view(request, key, typed)
            item = view.item(item_id)
            if item is None and refused is not None:
                raise refused
            return self._show(
                request,
                "review_item.html",
                status=refused.status if refused else 200,
                item=item,
                page=view,
                verdicts_of_people=VERDICTS_OF_PEOPLE,
                can=self._rights(request, key),
                address=case_address(key),
            )
        if refused is not None:
            return self._case(request, key, typed=typed)
        return self._go(request, f"{case_address(key, '/review')}?item={item_id}#item-{item_id}")

    def _explained(self, request: Request, error: CollectorError) -> Refusal:
        refusal = self._refusal(request, error)
        clash = clash_values(error)
        if clash is None:
            return refusal
        _ = self._formatter(request).translator.gettext
        value, author = clash
        who = self._people([author])[author]
        now_stored = _("现在存的是“%(value)s”（%(who)s）。") % {
            "value": value or _("空"),
            "who": who,
        }
        return Refusal(f"{refusal.text} {now_stored}", refusal.status, refusal.fields)

    def _step(self, request: Request, key: CaseKey, step: Any, why: str = "") -> Response:
        try:
            step()
        except CollectorError as error:
            return self._case(request, key, refused=self._refusal(request, error), why=why)
        return self._go(request, case_address(key, "/review"))

    def _case(
        self,
        request: Request,
        key: CaseKey,
        *,
        typed: Typed | None = None,
        refused: Refusal | None = None,
        why: str = "",
    ) -> Response:
        view = self._view(request, key, typed)
        failed = refused or (typed.refused if typed else None)
        opened = typed.item_id if typed else request.query_params.get("item", "")
        case = desk_of(request).reader.pinned(key)[1]
        return self._show(
            request,
            "review.html",
            section="review",
            status=failed.status if failed else 200,
            page=view,
            verdicts_of_people=VERDICTS_OF_PEOPLE,
            can=self._rights(request, key),
            address=case_address(key),
            state_name=state_word(case, self._formatter(request).translator),
            refused=refused,
            opened=opened,
            why=why,
        )

    def _view(self, request: Request, key: CaseKey, typed: Typed | None) -> ReviewPage:
        desk: CaseDesk = desk_of(request)
        records, now = self._services.records, self._services.clock()
        found = desk.reader.read(key)
        scored = desk.reader.score(found, now, fresh=False)
        form = form_of(found, scored, records.profiles(key.school_id), now)
        rights = self._rights(request, key)
        sees_evidence = may(self._caller(request), Right.EVIDENCE_READ, key.school_id, key.round_id)
        pieces = records.evidence_of(key.school_id) if sees_evidence else ()
        builder = ReviewBuilder(
            rubric=found.rubric,
            formatter=self._formatter(request),
            names=self._people([*_authors(form), *(one.added_by for one in pieces)]),
            evidence=pieces,
            supports=records.supports(key.school_id, key.rubric_id) if sees_evidence else (),
            typed=typed,
            may_write=rights.score,
        )
        return builder.build(form)

    def _rights(self, request: Request, key: CaseKey) -> ReviewRights:
        caller = self._caller(request)

        def allowed(right: Right) -> bool:
            return may(caller, right, key.school_id, key.round_id)

        return ReviewRights(
            allowed(Right.REVIEW_SCORE),
            allowed(Right.OVERRIDE),
            allowed(Right.EVIDENCE_ADD),
            allowed(Right.CASE_ACCEPT),
            allowed(Right.CASE_RETURN),
        )


def _row(row: ReviewRow, state: str, english: bool) -> dict[str, Any]:
    return {
        "row": row,
        "state": state,
        "rubric": (row.rubric.title.en if english else None) or row.rubric.title.zh,
        "href": case_address(row.case.key, "/review"),
        "waiting": row.case.state is CaseState.SUBMITTED,
    }


def _authors(form: FormAnswer) -> Sequence[str]:
    items = [item for section in form.sections for item in section.items]
    signed = [form.case.signature.person] if form.case.signature else []
    return [
        *signed,
        *(mark.author for item in items for mark in item.marks.values()),
        *(one.author for item in items for one in item.overrides.values()),
        *(
            saved.author
            for item in items
            for one in item.fields
            for saved in (one.school, one.official)
            if saved
        ),
    ]


def _texts(form: PostedForm) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _seen(form: PostedForm) -> int:
    return whole_number(form, "revision")

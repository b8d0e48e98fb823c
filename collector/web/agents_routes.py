"""Pages of agents and test slots: who measures, what is planned, why nothing was tested.

A clone's identity is settled here as well: an agent leaves quarantine, or is revoked for good.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import Right, may
from collector.errors import (
    CollectorError,
    ConflictError,
    NotFoundError,
    RowError,
    UnprocessableError,
)
from collector.speedtest.slots.bureau import ask_retest, declare_exam, end_exam
from collector.speedtest.slots.overview import overview
from collector.web.agents_page import agents_page
from collector.web.case_desk import bounded, reason_words
from collector.web.form_pages import FormPages, PostedForm, Refusal, text_of, whole_number
from collector.web.rendering import Pages
from collector.web.services import WebServices
from collector.web.slot_history_page import slot_history

FORM_BYTES_MAX = 1 << 16
DAYS_SHOWN, ONE_DAY = timedelta(days=28), timedelta(days=1)
"""As long as a school may look back here; its readings reach further."""


def agents_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of agents and slots."""
    handlers = AgentPages(services, pages)
    router = APIRouter(include_in_schema=False)
    manage = [bounded(FORM_BYTES_MAX), needs(Right.SLOT_MANAGE)]
    router.get("/agents", dependencies=[needs(Right.COUNTY_READ)])(handlers.agents)
    router.post("/agents/exams", dependencies=manage)(handlers.add_exam)
    router.post("/agents/exams/end", dependencies=manage)(handlers.end_exam)
    router.post("/agents/retests", dependencies=manage)(handlers.retest)
    hosts = [bounded(FORM_BYTES_MAX), needs(Right.AGENT_MANAGE)]
    router.post("/agents/{agent_id}/release", dependencies=hosts)(handlers.release)
    router.post("/agents/{agent_id}/revoke", dependencies=hosts)(handlers.revoke)
    history = "/agents/schools/{school_id}"
    router.get(history, dependencies=[needs(Right.SLOT_READ)])(handlers.school_tests)
    return router


class AgentPages(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def agents(
        self,
        request: Request,
        q: Annotated[str, Query(max_length=100)] = "",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        """Show the agents and the day's tests of each school."""
        return self._agents(request, q, page)

    def add_exam(self, request: Request, form: PostedForm) -> Response:
        """Stop tests during an examination."""
        records = self._services.records
        try:
            declare_exam(
                records,
                self._moment(form, "since"),
                self._moment(form, "until"),
                text_of(form, "note"),
                self._caller(request).name,
                self._services.clock(),
                text_of(form, "school_id") or None,
            )
        except CollectorError as error:
            typed = {name: str(value) for name, value in form.items()}
            return self._agents(request, refused=self._refusal(request, error), typed=typed)
        return self._go(request, "/agents#pauses")

    def end_exam(self, request: Request, form: PostedForm) -> Response:
        """Let tests run again."""
        try:
            end_exam(self._services.records, whole_number(form, "id"), self._services.clock())
        except CollectorError as error:
            return self._agents(request, refused=self._refusal(request, error))
        return self._go(request, "/agents#pauses")

    def retest(self, request: Request, form: PostedForm) -> Response:
        """Ask a school's agent to test again."""
        try:
            ask_retest(
                self._services.records,
                text_of(form, "school_id"),
                self._services.clock(),
                self._services.zone,
            )
        except CollectorError as error:
            return self._agents(request, refused=self._refusal(request, error))
        return self._go(request, "/agents")

    def release(self, request: Request, agent_id: str, form: PostedForm) -> Response:
        """End a quarantine; whoever sends next is the agent's one host."""
        act = self._act(request, "agent.release", text_of(form, "why"))
        accept = text_of(form, "accept") == "yes"
        done = self._services.records.release_agent(agent_id, act, accept=accept)
        return self._settled(
            request,
            ConflictError(
                "not_quarantined",
                "这个采集端已不在隔离中，可能别人刚处理过。",
                detail_en="This agent is no longer in quarantine; somebody settled it already.",
            ),
            done=done,
        )

    def revoke(self, request: Request, agent_id: str, form: PostedForm) -> Response:
        """Refuse the agent from its next push on; what it measured stays."""
        act = self._act(request, "agent.revoke", text_of(form, "why"))
        if not act.why:
            row = RowError(None, "why", "请写明吊销的理由 / say why it is revoked")
            error = UnprocessableError(
                "why_missing", "没有吊销。", errors=(row,), detail_en="Nothing was revoked."
            )
            return self._agents(request, refused=self._refusal(request, error))
        agent = self._services.records.agent(agent_id)
        done = (
            agent is not None
            and agent.revoked_at is None
            and self._services.records.revoke_agent(agent_id, act)
        )
        return self._settled(
            request,
            ConflictError(
                "agent_gone",
                "没有这个采集端，或已经吊销。",
                detail_en="There is no such agent, or it was revoked already.",
            ),
            done=done,
        )

    def _settled(self, request: Request, error: CollectorError, *, done: bool) -> Response:
        if done:
            return self._go(request, "/agents#quarantine")
        return self._agents(request, refused=self._refusal(request, error))

    def school_tests(self, request: Request, school_id: str) -> Response:
        """Show a school's tests of the last days: which ran, and why the others did not."""
        school = self._services.records.school(school_id)
        if school is None:
            raise NotFoundError("unknown_school", "没有这所学校。", detail_en="No such school.")
        today = self._services.clock().astimezone(self._services.zone).date()
        english = self._formatter(request).english
        view = slot_history(
            school,
            self._services.records.slot_tests(today - DAYS_SHOWN + ONE_DAY, school_id),
            lambda code: reason_words(code, english=english),
        )
        return self._show(request, "slot_history.html", section="agents", view=view)

    def _moment(self, form: PostedForm, name: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text_of(form, name))
        except ValueError as error:
            row = RowError(None, name, "请选日期和时间 / choose day and time")
            raise UnprocessableError(
                "exam_wrong", "请更正标出的各栏。", errors=(row,), detail_en="Correct the fields."
            ) from error
        return moment.replace(tzinfo=self._services.zone)

    def _agents(
        self,
        request: Request,
        q: str = "",
        page: int = 1,
        refused: Refusal | None = None,
        typed: dict[str, str] | None = None,
    ) -> Response:
        records, english = self._services.records, self._formatter(request).english
        view = agents_page(
            records.schools(),
            records.agents(),
            records.quarantine_sources(),
            overview(request.app.state.slots.view()),
            self._services.clock(),
            q,
            page,
            lambda code: reason_words(code, english=english),
        )
        return self._show(
            request,
            "agents.html",
            section="agents",
            status=refused.status if refused else 200,
            view=view,
            refused=refused,
            typed=typed or {},
            manages=may(self._caller(request), Right.SLOT_MANAGE),
            settles=may(self._caller(request), Right.AGENT_MANAGE),
        )

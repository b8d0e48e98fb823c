"""Pages of the admins: people with their roles and schools, and the audit chain."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import Assignment, Right, Role
from collector.errors import CollectorError, RowError, UnprocessableError
from collector.people.services import PeopleServices, people_of
from collector.people.tokens import revoke_token
from collector.web.audit_words import AuditLine, action_word, table_word
from collector.web.case_desk import bounded, person_name
from collector.web.form_pages import FormPages, PostedForm, Refusal, text_of
from collector.web.language import Translator
from collector.web.rendering import Pages
from collector.web.services import WebServices

FORM_BYTES_MAX = 1 << 20
PEOPLE_PER_PAGE = 100
RECORDS_PER_PAGE = 100
RECORDS_SEARCHED = 20_000
_BREAKS = re.compile(r"[\s,，;；、]+")


def people_page_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of people and audit."""
    handlers = PeoplePages(services, pages)
    router = APIRouter(include_in_schema=False)
    small, manage = bounded(FORM_BYTES_MAX), needs(Right.PEOPLE_MANAGE)
    router.get("/people", dependencies=[manage])(handlers.people)
    router.post("/people", dependencies=[small, manage])(handlers.add)
    one = "/people/{person_id}"
    router.get(one, dependencies=[manage])(handlers.person)
    for step in ("change", "assign", "code", "disable", "enable", "sign-out", "revoke-token"):
        handler = getattr(handlers, step.replace("-", "_"))
        router.post(f"{one}/{step}", dependencies=[small, manage])(handler)
    audit = needs(Right.AUDIT_READ)
    router.get("/audit", dependencies=[audit])(handlers.audit)
    router.post("/audit/verify", dependencies=[small, audit])(handlers.verify)
    return router


class PeoplePages(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def people(
        self, request: Request, after: Annotated[str, Query(max_length=64)] = ""
    ) -> Response:
        """List everybody who may sign in."""
        return self._people_page(request, after)

    def add(self, request: Request, form: PostedForm) -> Response:
        """Add a person; the one-time code is shown this once."""
        try:
            person, code = people_of(request).accounts.add(
                text_of(form, "name"),
                text_of(form, "display_name"),
                _role(text_of(form, "role")),
                text_of(form, "school_id") or None,
                self._act(request, "person.add"),
            )
        except CollectorError as error:
            typed = {name: str(value) for name, value in form.items()}
            return self._people_page(request, typed=typed, refused=self._refusal(request, error))
        return self._person(request, person.id, code=code)

    def person(self, request: Request, person_id: str) -> Response:
        """Show one person."""
        return self._person(request, person_id)

    def change(self, request: Request, person_id: str, form: PostedForm) -> Response:
        """Change name, role and school."""
        accounts = people_of(request).accounts

        def step() -> None:
            before = accounts.person(person_id)
            after = replace(
                before,
                display_name=text_of(form, "display_name") or before.display_name,
                role=_role(text_of(form, "role")),
                school_id=text_of(form, "school_id") or None,
            )
            accounts.put(after, self._act(request, "person.change"))

        return self._step(request, person_id, step)

    def assign(self, request: Request, person_id: str, form: PostedForm) -> Response:
        """Replace an inspector's schools, in one round or in all."""
        round_id = text_of(form, "round_id") or None
        names = [part for part in _BREAKS.split(text_of(form, "schools")) if part]
        assigned = [Assignment(person_id, name, round_id) for name in dict.fromkeys(names)]
        accounts = people_of(request).accounts
        act = self._act(request, "person.assign")
        return self._step(request, person_id, lambda: accounts.assign(person_id, assigned, act))

    def code(self, request: Request, person_id: str) -> Response:
        """Reset the password; the one-time code is shown this once."""
        accounts = people_of(request).accounts
        text = accounts.reset_password(person_id, self._act(request, "password.reset"))
        return self._person(request, person_id, code=text)

    def disable(self, request: Request, person_id: str) -> Response:
        """End every session and token."""
        accounts, act = people_of(request).accounts, self._act(request, "person.change")
        return self._step(request, person_id, lambda: accounts.disable(person_id, act))

    def enable(self, request: Request, person_id: str) -> Response:
        """Let a person sign in again."""
        accounts, act = people_of(request).accounts, self._act(request, "person.change")
        return self._step(request, person_id, lambda: accounts.enable(person_id, act))

    def sign_out(self, request: Request, person_id: str) -> Response:
        """End every session."""
        services, act = people_of(request), self._act(request, "session.end")
        return self._step(request, person_id, lambda: services.records.end_sessions(person_id, act))

    def revoke_token(self, request: Request, person_id: str, form: PostedForm) -> Response:
        """Revoke a token."""
        records, act = people_of(request).records, self._act(request, "token.revoke")
        token_id = text_of(form, "token_id")
        return self._step(
            request, person_id, lambda: revoke_token(records, person_id, token_id, act)
        )

    def audit(
        self,
        request: Request,
        before: Annotated[int, Query(ge=0, le=2**62)] = 0,
        q: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """List what was done, newest first; `q` looks for an actor, act, table or row."""
        return self._audit(request, before, q)

    def verify(self, request: Request) -> Response:
        """Compute the whole chain again and compare every row with it."""
        report = self._services.records.verify_audit(None, lambda *_: None)
        return self._audit(request, 0, "", report)

    def _audit(self, request: Request, before: int, q: str, report: Any = None) -> Response:
        records, translator = self._services.records, self._formatter(request).translator
        head = records.audit_head()
        upto = min(before, head.position + 1) if before else head.position + 1
        wanted = q.strip().casefold()
        found: list[AuditLine] = []
        lowest = max(0, upto - 1 - (RECORDS_SEARCHED if wanted else RECORDS_PER_PAGE))
        while upto - 1 > lowest and len(found) < RECORDS_PER_PAGE:
            start = max(lowest, upto - 1 - 1000)
            page = [one for one in records.audit_records(start, 1000) if one.position < upto]
            for one in reversed(page):
                line = AuditLine(
                    one,
                    person_name(one.actor, self._services),
                    action_word(one.action, translator),
                    table_word(one.table or "", translator),
                )
                if wanted in line.text.casefold() and len(found) < RECORDS_PER_PAGE:
                    found.append(line)
            upto = start + 1
        older = found[-1].record.position if len(found) == RECORDS_PER_PAGE else None
        return self._show(
            request,
            "audit.html",
            section="people",
            rows=found,
            head=str(head),
            q=q,
            older=older,
            report=report,
            searched=RECORDS_SEARCHED,
        )

    def _step(self, request: Request, person_id: str, step: Callable[[], Any]) -> Response:
        try:
            step()
        except CollectorError as error:
            return self._person(request, person_id, refused=self._refusal(request, error))
        return self._go(request, f"/people/{person_id}")

    def _people_page(
        self,
        request: Request,
        after: str = "",
        typed: dict[str, str] | None = None,
        refused: Refusal | None = None,
    ) -> Response:
        services = people_of(request)
        found = services.records.people(after, PEOPLE_PER_PAGE + 1)
        return self._show(
            request,
            "people.html",
            section="people",
            status=refused.status if refused else 200,
            people=found[:PEOPLE_PER_PAGE],
            next=found[PEOPLE_PER_PAGE - 1].name if len(found) > PEOPLE_PER_PAGE else None,
            roles=self._roles(request),
            schools=self._services.records.schools(),
            typed=typed or {},
            refused=refused,
        )

    def _person(
        self,
        request: Request,
        person_id: str,
        *,
        code: str = "",
        refused: Refusal | None = None,
    ) -> Response:
        services: PeopleServices = people_of(request)
        person = services.accounts.person(person_id)
        return self._show(
            request,
            "person.html",
            section="people",
            status=refused.status if refused else 200,
            person=person,
            code=code,
            refused=refused,
            roles=self._roles(request),
            schools=self._services.records.schools(),
            rounds=self._services.records.rounds(limit=50),
            assigned=services.records.assignments(person_id),
            tokens=services.records.tokens(person_id),
            has_password=services.records.password(person_id) is not None,
        )

    def _roles(self, request: Request) -> dict[Role, str]:
        return role_words(self._formatter(request).translator)


def role_words(translator: Translator) -> dict[Role, str]:
    """Name each role."""
    _ = translator.gettext
    return {
        Role.ADMIN: _("教育局管理员"),
        Role.INSPECTOR: _("督查人员"),
        Role.EDITOR: _("学校填报员"),
        Role.HEADMASTER: _("校长"),
        Role.VIEWER: _("查看者"),
    }


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        row = RowError(None, "role", "请选择角色 / choose a role")
        raise UnprocessableError(
            "fields_wrong", "请更正标出的各栏。", errors=(row,), detail_en="Correct the fields."
        ) from error

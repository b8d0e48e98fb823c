"""Pages of the county's schools: the list, registering one, and a school's profile in versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.assessment.profiles import Declared, ProfileService
from collector.domain import Right, School, SchoolForm, SchoolKind, may
from collector.errors import CollectorError, NotFoundError
from collector.web.case_desk import FORM_BYTES_MAX, bounded
from collector.web.form_pages import FormPages, PostedForm, Refusal, text_of, whole_number
from collector.web.overview_page import form_word
from collector.web.rendering import Pages
from collector.web.school_form import read_school, typed_of
from collector.web.services import WebServices

SCHOOLS_PER_PAGE = 100
VERSIONS_SHOWN = 50


def schools_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of schools; mounted before `/schools/{school_id}`."""
    handlers = SchoolPages(services, pages)
    router = APIRouter(include_in_schema=False)
    small, edit = bounded(FORM_BYTES_MAX), needs(Right.SCHOOL_EDIT)
    router.get("/schools", dependencies=[edit])(handlers.schools)
    router.post("/schools", dependencies=[small, edit])(handlers.add)
    router.get("/schools/new", dependencies=[edit])(handlers.new)
    one, declare = "/schools/{school_id}/profile", needs(Right.PROFILE_DECLARE)
    router.get(one, dependencies=[declare])(handlers.profile)
    router.post(one, dependencies=[small, declare])(handlers.declare)
    return router


class SchoolPages(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def schools(
        self,
        request: Request,
        q: Annotated[str, Query(max_length=100)] = "",
        township: Annotated[str, Query(max_length=64)] = "",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        """List schools with what they declared, those that miss something first."""
        records = self._services.records
        every, wanted = records.schools(), q.strip().casefold()
        found = [
            school
            for school in every
            if wanted in f"{school.name} {school.id}".casefold()
            and township in ("", school.township_id)
        ]
        found.sort(key=lambda school: (school.heads is not None and bool(school.stages), school.id))
        pages = max(1, -(-len(found) // SCHOOLS_PER_PAGE))
        page = min(page, pages)
        rounds = records.rounds(limit=1)
        return self._show(
            request,
            "schools.html",
            section="schools",
            schools=found[(page - 1) * SCHOOLS_PER_PAGE : page * SCHOOLS_PER_PAGE],
            total=len(every),
            found=len(found),
            unknown=sum(school.heads is None for school in every),
            with_agent=len(records.contacts()),
            rounds=len(rounds),
            townships=records.townships(),
            township_names={one.id: one.name for one in records.townships()},
            forms=self._forms(request),
            q=q,
            township=township,
            page=page,
            pages=pages,
        )

    def new(self, request: Request) -> Response:
        """Show the form of a new school."""
        today = request.app.state.imports.today.isoformat()
        return self._form(request, None, {"as_of": [today]})

    def add(self, request: Request, form: PostedForm) -> Response:
        """Register a school."""
        try:
            school = read_school(form, School(text_of(form, "id"), "", SchoolKind.GENERAL))
            _profiles(request).add(school, self._act(request, "school.put", _why(form)))
        except CollectorError as error:
            return self._form(request, None, _typed(form), refused=self._refusal(request, error))
        return self._go(request, f"/schools/{school.id}/profile")

    def profile(self, request: Request, school_id: str) -> Response:
        """Show the profile as a form, with its versions."""
        school = self._school(school_id)
        return self._form(request, school, typed_of(school))

    def declare(self, request: Request, school_id: str, form: PostedForm) -> Response:
        """Add a version; what it changed in open cases is said."""
        held = self._school(school_id)
        try:
            school = read_school(form, held)
            declared = _profiles(request).declare(
                replace(school, id=held.id, is_example=held.is_example),
                whole_number(form, "seen"),
                self._act(request, "profile.declare", _why(form)),
            )
        except CollectorError as error:
            return self._form(request, held, _typed(form), refused=self._refusal(request, error))
        if declared.changed or declared.kept:
            after = self._school(school_id)
            return self._form(request, after, typed_of(after), declared=declared)
        return self._go(request, f"/schools/{school_id}/profile")

    def _form(
        self,
        request: Request,
        school: School | None,
        typed: dict[str, list[str]],
        *,
        refused: Refusal | None = None,
        declared: Declared | None = None,
    ) -> Response:
        records, caller = self._services.records, self._caller(request)
        versions = _profiles(request).versions(school.id) if school else ()
        edits = may(caller, Right.SCHOOL_EDIT)
        return self._show(
            request,
            "school_form.html",
            section="schools" if edits else "",
            status=refused.status if refused else 200,
            school=school,
            text=lambda name: typed.get(name, [""])[0],
            ticked=set(typed.get("stages", [])),
            refused=refused,
            declared=declared,
            versions=versions[:VERSIONS_SHOWN],
            seen=versions[0].version if versions else 0,
            by=self._people([one.author for one in versions[:VERSIONS_SHOWN]]),
            townships=records.townships(),
            # Names of the county's schools are for those who look after them.
            mains=[one for one in records.schools() if edits and not one.teaching_point],
            edits=edits,
        )

    def _school(self, school_id: str) -> School:
        school = self._services.records.school(school_id)
        if school is None:
            raise NotFoundError(
                "school_unknown", "没有这所学校。", detail_en="There is no such school."
            )
        return school

    def _forms(self, request: Request) -> dict[SchoolForm, str]:
        translator = self._formatter(request).translator
        return {form: form_word(form, translator) for form in SchoolForm}


def _profiles(request: Request) -> ProfileService:
    service: ProfileService = request.app.state.assessment.profiles
    return service


def _why(form: Any) -> str:
    return text_of(form, "why")[:2000]


def _typed(form: Any) -> dict[str, list[str]]:
    return {name: [str(value) for value in form.getlist(name)] for name in form}

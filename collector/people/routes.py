"""`/api/v1/people`: accounts, for the bureau's admins."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from collector.access import act_of, needs
from collector.domain import Act, Assignment, Person, Right
from collector.people.schema import (
    AssignmentIn,
    NewCodeOut,
    NewPersonOut,
    PeopleOut,
    PersonChange,
    PersonIn,
    PersonOut,
)
from collector.people.services import people_of
from collector.people.tokens import revoke_token
from collector.problems import problem_responses

router = APIRouter(
    prefix="/api/v1/people", tags=["people"], dependencies=[needs(Right.PEOPLE_MANAGE)]
)
PAGE_MAX = 500


@router.get("", summary="People by sign-in name", responses=problem_responses(401, 403, 422))
def people(
    request: Request,
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> PeopleOut:
    """List everybody who may or might sign in."""
    found = people_of(request).records.people(after, limit + 1)
    page = found[:limit]
    return PeopleOut(
        people=[_answer(request, person) for person in page],
        next=page[-1].name if len(found) > limit else None,
    )


@router.post(
    "",
    status_code=201,
    summary="Add a person",
    responses=problem_responses(401, 403, 404, 409, 422),
)
def add(request: Request, wanted: PersonIn) -> NewPersonOut:
    """Answer with a one-time code, this once; hand it over, and the person sets a password."""
    person, code = people_of(request).accounts.add(
        wanted.name, wanted.display_name, wanted.role, wanted.school_id, _act(request, "person.add")
    )
    return NewPersonOut(person=_answer(request, person), code=code)


@router.patch(
    "/{person_id}",
    summary="Change or disable a person",
    responses=problem_responses(401, 403, 404, 409, 422),
)
def change(request: Request, person_id: str, wanted: PersonChange) -> PersonOut:
    """Keep what is left out. Disabling ends every session and token at once."""
    accounts = people_of(request).accounts
    person = _changed(accounts.person(person_id), wanted, _act(request, "person.change"))
    return _answer(request, accounts.put(person, _act(request, "person.change")))


@router.put(
    "/{person_id}/assignments",
    summary="Assign schools to an inspector",
    responses=problem_responses(401, 403, 404, 422),
)
def assign(request: Request, person_id: str, wanted: list[AssignmentIn]) -> PersonOut:
    """Replace what was assigned before."""
    accounts = people_of(request).accounts
    assigned = [Assignment(person_id, each.school_id, each.round_id) for each in wanted]
    accounts.assign(person_id, assigned, _act(request, "person.assign"))
    return _answer(request, accounts.person(person_id))


@router.post(
    "/{person_id}/code",
    status_code=201,
    summary="Reset a password",
    responses=problem_responses(401, 403, 404),
)
def reset(request: Request, person_id: str) -> NewCodeOut:
    """End the old password and every session; answer with a one-time code, this once."""
    accounts = people_of(request).accounts
    return NewCodeOut(code=accounts.reset_password(person_id, _act(request, "password.reset")))


@router.delete(
    "/{person_id}/sessions",
    status_code=204,
    summary="Sign a person out everywhere",
    responses=problem_responses(401, 403, 404),
)
def sign_out(request: Request, person_id: str) -> Response:
    """End every session, for instance after a telephone was lost."""
    services = people_of(request)
    person = services.accounts.person(person_id)
    services.records.end_sessions(person.id, _act(request, "session.end"))
    return Response(status_code=204)


@router.delete(
    "/{person_id}/tokens/{token_id}",
    status_code=204,
    summary="Revoke a person's token",
    responses=problem_responses(401, 403, 404),
)
def revoke(request: Request, person_id: str, token_id: str) -> Response:
    """End it at once."""
    revoke_token(people_of(request).records, person_id, token_id, _act(request, "token.revoke"))
    return Response(status_code=204)


def _changed(person: Person, wanted: PersonChange, act: Act) -> Person:
    given = wanted.model_fields_set
    if wanted.display_name is not None:
        person = replace(person, display_name=wanted.display_name)
    if wanted.role is not None:
        person = replace(person, role=wanted.role)
    if "school_id" in given:
        person = replace(person, school_id=wanted.school_id)
    if wanted.disabled is not None and wanted.disabled != (person.disabled_at is not None):
        person = replace(person, disabled_at=act.at if wanted.disabled else None)
    if wanted.oidc_subject is not None:
        person = replace(person, oidc_subject=wanted.oidc_subject or None)
    return person


def _answer(request: Request, person: Person) -> PersonOut:
    return PersonOut.of(person, tuple(people_of(request).records.assignments(person.id)))


def _act(request: Request, action: str) -> Act:
    return act_of(request, action, people_of(request).clock())

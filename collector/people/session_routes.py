"""`/api/v1/session` and `/api/v1/tokens`: one's own session, password and tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from collector.access import (
    PUBLIC,
    act_of,
    caller_of,
    check_same_origin,
    csrf_token,
    drop_cookies,
    needs,
    set_session_cookie,
)
from collector.domain import Person, Right
from collector.domain.rights import person_caller
from collector.errors import ForbiddenError
from collector.people.schema import (
    CodeIn,
    NewTokenOut,
    PasswordIn,
    SessionOut,
    SignInIn,
    TokenIn,
    TokenOut,
    TokensOut,
)
from collector.people.services import address_of, people_of
from collector.people.sign_in import SignedIn
from collector.people.tokens import make_token, revoke_token
from collector.problems import problem_responses
from collector.refusals import refusal

router = APIRouter(prefix="/api/v1", tags=["session"])
OWN = [needs(Right.OWN_ACCOUNT)]


@router.post(
    "/session",
    dependencies=[PUBLIC],
    summary="Sign in",
    responses=problem_responses(401, 403, 422, 429),
)
def sign_in(request: Request, response: Response, given: SignInIn) -> SessionOut:
    """Set the session's cookie; later changing requests carry `csrf_token` as X-CSRF-Token."""
    check_same_origin(request)
    service = people_of(request).sign_in
    return _signed_in(
        request, response, service.with_password(given.name, given.password, address_of(request))
    )


@router.post(
    "/session/code",
    dependencies=[PUBLIC],
    summary="Set a password with a one-time code, and sign in",
    responses=problem_responses(401, 403, 410, 422, 429),
)
def use_code(request: Request, response: Response, given: CodeIn) -> SessionOut:
    """Set the first password, or a new one after a reset."""
    check_same_origin(request)
    service = people_of(request).sign_in
    return _signed_in(
        request, response, service.with_code(given.code, given.password, address_of(request))
    )


@router.get(
    "/session", dependencies=OWN, summary="Who is signed in", responses=problem_responses(401, 403)
)
def session(request: Request) -> SessionOut:
    """Answer with the caller's rights and the CSRF token of this session."""
    token: str | None = request.state.session_token
    return SessionOut.of(caller_of(request), csrf_token(token) if token else None)


@router.delete(
    "/session",
    dependencies=OWN,
    status_code=204,
    summary="Sign out",
    responses=problem_responses(401, 403),
)
def sign_out(request: Request) -> Response:
    """End this session for good, wherever its cookie may be."""
    people = people_of(request)
    token: str | None = request.state.session_token
    if token:
        people.sign_in.out(token, act_of(request, "session.end", people.clock()))
    response = Response(status_code=204)
    drop_cookies(response)
    return response


@router.post(
    "/session/password",
    dependencies=OWN,
    summary="Change one's own password",
    responses=problem_responses(401, 403, 422, 429),
)
def change_password(request: Request, response: Response, given: PasswordIn) -> SessionOut:
    """End every other session; this one goes on with a new cookie."""
    changed = people_of(request).sign_in.change_password(
        _person(request), given.old, given.new, address_of(request)
    )
    return _signed_in(request, response, changed)


@router.get(
    "/tokens", dependencies=OWN, summary="One's own tokens", responses=problem_responses(401, 403)
)
def tokens(request: Request) -> TokensOut:
    """List tokens, expired and revoked ones included."""
    found = people_of(request).records.tokens(_person(request).id)
    return TokensOut(tokens=[TokenOut.of(token) for token in found])


@router.post(
    "/tokens",
    dependencies=OWN,
    status_code=201,
    summary="Make a token for a program",
    responses=problem_responses(401, 403, 409, 422),
)
def add_token(request: Request, wanted: TokenIn) -> NewTokenOut:
    """Answer with the token's text, this once."""
    people = people_of(request)
    act = act_of(request, "token.make", people.clock(), wanted.label)
    token, text = make_token(
        people.records, _person(request).id, wanted.label, wanted.scope, wanted.days, act
    )
    return NewTokenOut(token=TokenOut.of(token), text=text)


@router.delete(
    "/tokens/{token_id}",
    dependencies=OWN,
    status_code=204,
    summary="Revoke a token",
    responses=problem_responses(401, 403, 404),
)
def remove_token(request: Request, token_id: str) -> Response:
    """End it at once."""
    people = people_of(request)
    act = act_of(request, "token.revoke", people.clock())
    revoke_token(people.records, _person(request).id, token_id, act)
    return Response(status_code=204)


def _signed_in(request: Request, response: Response, signed_in: SignedIn) -> SessionOut:
    set_session_cookie(request, response, signed_in.token)
    assigned = people_of(request).records.assignments(signed_in.person.id)
    caller = person_caller(signed_in.person, assigned)
    return SessionOut.of(caller, csrf_token(signed_in.token))


def _person(request: Request) -> Person:
    person = caller_of(request).person
    if person is None:
        raise refusal(ForbiddenError, "no_account")
    return person

"""Who may call what: every route, with every role and key, at the own and at another school."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from collector.access import (
    Needs,
    csrf_token,
    make_key,
    new_session_token,
    open_to_all,
    require_agent,
    require_pusher,
    sha256,
)
from collector.domain import Act, Assignment, Person, Right, Role, Session, Token, TokenScope

PUBLIC_ADDRESS = "192.0.2.10"
OWN, OTHER = "zx-001", "zx-002"
REFUSED = {
    *("sign_in_needed", "not_allowed", "csrf_token", "cross_site"),
    *("key_missing", "key_unknown", "key_revoked", "key_scope", "token_ended"),
}
PATH_VALUES = {"rubric_id": "none", "slot_id": "none", "exam_id": "0", "round_id": "none"}

LOOKING = {"school.read", "sheet.read", "slot.read"}
FILLING = {
    *LOOKING,
    *("profile.declare", "case.read", "entry.save", "evidence.read", "evidence.add"),
    *("case.submit", "flag.note"),
}
JUDGING = {
    *LOOKING,
    *("case.read", "evidence.read", "evidence.add", "case.return", "case.accept"),
    *("flag.note", "review.score", "override", "appeal.handle", "appeal.decide", "slot.manage"),
}
COUNTY = {*LOOKING, "county.read", "round.read"}
EVERYONE = {"round.read", "own.account"}
SCHOOLS_ALONE = {"case.sign", "case.submit", "appeal.file"}
ALL = {right.value for right in Right}

# Written out here and not taken from the code: caller -> (rights anywhere, rights at its school).
RIGHTS: dict[str, tuple[set[str], set[str]]] = {
    "anonymous": (set(), set()),
    "junk": (set(), set()),
    "revoked": (set(), set()),
    "agent": (set(), set()),
    "write": (set(), set()),
    "read": (COUNTY, set()),
    "bureau": ({"slot.manage"}, set()),
    "admin": (ALL - SCHOOLS_ALONE, set()),
    "inspector": (EVERYONE, JUDGING),
    "editor": (EVERYONE, FILLING),
    "headmaster": (EVERYONE, FILLING | {"case.sign", "appeal.file"}),
    "school viewer": (EVERYONE, LOOKING | {"case.read"}),
    "county viewer": (EVERYONE | COUNTY, set()),
    "admin's token": (ALL - SCHOOLS_ALONE - {"people.manage", "own.account"}, set()),
    "editor's read token": ({"round.read"}, {*LOOKING, "case.read", "evidence.read"}),
    "disabled": (set(), set()),
    "signed out": (set(), set()),
}
PEOPLE = {
    "admin": (Role.ADMIN, None),
    "inspector": (Role.INSPECTOR, None),
    "editor": (Role.EDITOR, OWN),
    "headmaster": (Role.HEADMASTER, OWN),
    "school viewer": (Role.VIEWER, OWN),
    "county viewer": (Role.VIEWER, None),
    "disabled": (Role.ADMIN, None),
    "signed out": (Role.ADMIN, None),
}


@dataclass
class Cast:
    """Everybody who may call, with what they prove themselves by."""

    county: Any
    tokens: dict[str, str]

    def headers(self, caller: str) -> dict[str, str]:
        """Return the headers of a caller's request; a person gets a session of its own."""
        headers = {"Accept": "application/json"}
        if caller in self.tokens or caller in self.county.keys:
            text = self.tokens.get(caller) or self.county.keys[caller]
            return {**headers, "Authorization": f"Bearer {text}"}
        if caller in PEOPLE:
            self.county.clock.advance(milliseconds=1)
            token, now = new_session_token(), self.county.clock()
            act = Act("system", now, "session.start")
            session = Session(sha256(token), caller.replace(" ", ""), now, now, "")
            self.county.records.add_session(session, act)
            if caller == "signed out":
                self.county.records.end_session(sha256(token), act)
            headers |= {
                "Cookie": f"campusgauge_session={token}",
                "X-CSRF-Token": csrf_token(token),
            }
        return headers


@pytest.fixture
def cast(start_county: Callable[..., Any]) -> Cast:
    """Return a county on a public address with every kind of caller."""
    county = start_county(host=PUBLIC_ADDRESS)
    county.keys["junk"] = "cg_0000000000000000_" + "0" * 64
    now, records = county.clock(), county.records
    act = Act("system", now, "test")
    for name, (role, school_id) in PEOPLE.items():
        person_id = name.replace(" ", "")
        ended = now if name == "disabled" else None
        records.add_person(
            Person(person_id, person_id, name, role, now, school_id, ended), None, act
        )
    records.set_assignments("inspector", [Assignment("inspector", OWN)], act)
    tokens = {}
    for owner, scope, name in (
        ("admin", TokenScope.WRITE, "admin's token"),
        ("editor", TokenScope.READ, "editor's read token"),
    ):
        key = make_key("cgt")
        ends = now.replace(year=now.year + 1)
        records.add_token(Token(key.id, owner, name, scope, key.secret_sha256, now, ends), act)
        tokens[name] = key.text
    return Cast(county, tokens)


def api_routes(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    """Yield every route that runs our code; the static files are data without secrets."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
            continue
        included = getattr(route, "original_router", None)
        if isinstance(route, Mount):
            assert route.path == "/static", f"{route.path}: a mounted app without a declared rule"
        elif included is not None:
            yield from api_routes(included.routes)
        else:
            raise AssertionError(f"{route}: a route that cannot declare a rule")


def rules_of(dependant: Dependant) -> list[Any]:
    """Return the access rules among all dependencies of a route."""
    call = dependant.call
    plain = (open_to_all, require_agent, require_pusher)
    found: list[Any] = [call] if isinstance(call, Needs) or call in plain else []
    for inner in dependant.dependencies:
        found += rules_of(inner)
    return found


def admits(rule: Any, caller: str, school_id: str | None) -> bool:
    """Say whether a route with this rule must let this caller in."""
    if rule is open_to_all:
        return True
    if rule is require_agent:
        return caller == "agent"
    if rule is require_pusher:
        return caller in ("agent", "write")
    anywhere, at_school = RIGHTS[caller]
    return rule.right.value in anywhere or (school_id == OWN and rule.right.value in at_school)


def test_every_route_declares_exactly_one_rule(county: Any) -> None:
    """A new route without a rule fails here, before it is open by oversight."""
    routes = list(api_routes(county.app.routes))
    assert set(county.app.openapi()["paths"]) < {route.path for route in routes}
    undecided = {route.path: len(rules_of(route.dependant)) for route in routes}
    assert {path: n for path, n in undecided.items() if n != 1} == {}


def test_a_right_at_one_school_is_asked_where_the_school_is_named(county: Any) -> None:
    """Rights of schools' people hold at `school_id` alone; a path that hides it would refuse."""
    hidden = [
        route.path
        for route in api_routes(county.app.routes)
        if "/schools/{" in route.path and "{school_id}" not in route.path
    ]
    assert hidden == []


def test_every_route_admits_whom_its_rule_names_and_nobody_else(cast: Cast) -> None:
    """Each route is really called by everybody; only an answer of the access rules is a refusal."""
    wrong, calls = [], 0
    known: dict[str, dict[str, str]] = {}
    for route in api_routes(cast.county.app.routes):
        (rule,) = rules_of(route.dependant)
        ends_session = getattr(rule, "right", None) is Right.OWN_ACCOUNT
        names = {name: PATH_VALUES.get(name, "0") for name in route.param_convertors}
        for school_id in (OWN, OTHER) if "school_id" in names else (None,):
            path = route.path.format(**{**names, "school_id": school_id})
            for method in sorted(route.methods):
                for caller in RIGHTS:
                    if ends_session or caller not in known:
                        known[caller] = cast.headers(caller)
                    headers = known[caller]
                    answer = cast.county.client.request(
                        method, path, headers=headers, follow_redirects=False
                    )
                    cast.county.client.cookies.clear()
                    calls += 1
                    if is_refused(answer) == admits(rule, caller, school_id):
                        wrong.append((method, path, caller, answer.status_code))
        if ends_session:
            known.clear()
    assert wrong == []
    assert calls > 400


def is_refused(answer: Any) -> bool:
    """Say whether the access rules refused, and not the route for reasons of its own."""
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code in {401, 403} and is_problem and answer.json()["code"] in REFUSED


def test_an_assignment_to_one_round_opens_no_other(cast: Cast) -> None:
    """An inspector of one round has no right at the same school in another, or outside rounds."""
    from collector.domain import may
    from collector.domain.rights import person_caller

    person = cast.county.records.person("inspector")
    caller = person_caller(person, [Assignment("inspector", OWN, "2026-1")])
    assert may(caller, Right.REVIEW_SCORE, OWN, "2026-1")
    assert not may(caller, Right.REVIEW_SCORE, OWN, "2025-1")
    assert not may(caller, Right.REVIEW_SCORE, OWN)
    assert not may(caller, Right.REVIEW_SCORE, OTHER, "2026-1")

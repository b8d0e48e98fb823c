"""Who may call what: every route of the wired app, with every kind of key, on a public address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from collector.access import (
    public,
    require_agent,
    require_bureau,
    require_pusher,
    require_viewer,
)

RULES: dict[Callable[..., Any], dict[str, bool]] = {
    public: {
        "anonymous": True,
        "agent": True,
        "revoked": True,
        "write": True,
        "read": True,
        "bureau": True,
        "junk": True,
    },
    require_viewer: {
        "anonymous": False,
        "agent": False,
        "revoked": False,
        "write": False,
        "read": True,
        "bureau": False,
        "junk": False,
    },
    require_agent: {
        "anonymous": False,
        "agent": True,
        "revoked": False,
        "write": False,
        "read": False,
        "bureau": False,
        "junk": False,
    },
    require_pusher: {
        "anonymous": False,
        "agent": True,
        "revoked": False,
        "write": True,
        "read": False,
        "bureau": False,
        "junk": False,
    },
    require_bureau: {
        "anonymous": False,
        "agent": False,
        "revoked": False,
        "write": False,
        "read": False,
        "bureau": True,
        "junk": False,
    },
}
PUBLIC_ADDRESS = "192.0.2.10"
PATH_VALUES = {"school_id": "zx-001", "rubric_id": "none", "slot_id": "none", "exam_id": "0"}


@pytest.fixture
def exposed(start_county: Callable[..., Any]) -> Any:
    """Return a county that listens on an address other hosts can reach."""
    county = start_county(host=PUBLIC_ADDRESS)
    county.keys["junk"] = "cg_0000000000000000_" + "0" * 64
    return county


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


def rules_of(dependant: Dependant) -> set[Callable[..., Any]]:
    """Return the access rules among all dependencies of a route."""
    found = {dependant.call} & set(RULES)
    for inner in dependant.dependencies:
        found |= rules_of(inner)
    return found


def test_every_route_declares_exactly_one_rule(county: Any) -> None:
    """A new route without a rule fails here, before it is open by oversight."""
    routes = list(api_routes(county.app.routes))
    assert set(county.app.openapi()["paths"]) < {route.path for route in routes}
    undecided = {route.path: len(rules_of(route.dependant)) for route in routes}
    assert {path: n for path, n in undecided.items() if n != 1} == {}


def test_every_route_admits_whom_its_rule_names_and_nobody_else(exposed: Any) -> None:
    """Each route is called with no key and with a key of every kind; 401 or 403 means refused."""
    wrong = []
    for route in api_routes(exposed.app.routes):
        (rule,) = rules_of(route.dependant)
        path = route.path.format(**PATH_VALUES)
        for method in route.methods:
            for holder, admitted in RULES[rule].items():
                headers = {"Accept": "application/json"}
                if holder != "anonymous":
                    headers["Authorization"] = f"Bearer {exposed.keys[holder]}"
                answer = exposed.client.request(
                    method, path, headers=headers, follow_redirects=False
                )
                if (answer.status_code not in {401, 403}) != admitted:
                    wrong.append((method, path, holder, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({}, True),
        ({"X-Forwarded-For": "203.0.113.7"}, False),
        ({"Forwarded": "for=203.0.113.7"}, False),
        ({"Host": "campusgauge.example.org"}, False),
        ({"Host": "localhost:8300"}, True),
        ({"Host": "[::1]:8300"}, True),
    ],
)
def test_loopback_opens_viewing_to_this_host_only(
    county: Any, headers: dict[str, str], admitted: bool
) -> None:
    """What a proxy forwards, or a foreign name that resolves to loopback, still needs a key."""
    answer = county.client.get("/api/v1/schools", headers=headers)
    assert answer.status_code == (200 if admitted else 401)


def test_behind_a_proxy_viewing_can_be_closed(
    start_county: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CAMPUSGAUGE_REQUIRE_VIEW_KEY even a visitor on this very host needs a key."""
    monkeypatch.setenv("CAMPUSGAUGE_REQUIRE_VIEW_KEY", "1")
    county = start_county()
    assert county.client.get("/api/v1/schools").status_code == 401
    headers = {"Authorization": f"Bearer {county.keys['read']}"}
    assert county.client.get("/api/v1/schools", headers=headers).status_code == 200


def test_signing_in_gives_a_session_that_ends_with_the_key(exposed: Any) -> None:
    """The cookie opens pages, does not contain the key, and dies when the key is revoked."""
    signed_in = exposed.client.post(
        "/sign-in", data={"key": exposed.keys["read"]}, follow_redirects=False
    )
    cookie = signed_in.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert exposed.keys["read"].split("_")[2] not in cookie
    assert exposed.client.get("/api/v1/schools").status_code == 200
    (key,) = (k for k in exposed.records.all_keys() if k.scope == "read")
    exposed.records.revoke_key(key.id, exposed.clock())
    assert exposed.client.get("/api/v1/schools").status_code == 401


def test_a_forged_session_is_refused(exposed: Any) -> None:
    """A cookie that this collector did not sign opens nothing."""
    (key,) = (k for k in exposed.records.all_keys() if k.scope == "read")
    for forged in (key.id, f'"{key.id}".x.y', "", "x" * 5000):
        exposed.client.cookies.set("campusgauge_view", forged)
        assert exposed.client.get("/api/v1/schools").status_code == 401


@pytest.mark.parametrize("holder", ["agent", "write", "revoked", "junk"])
def test_only_a_read_key_signs_in(exposed: Any, holder: str) -> None:
    """A school's own key cannot look at the county."""
    answer = exposed.client.post("/sign-in", data={"key": exposed.keys[holder]})
    assert answer.status_code in {401, 403}
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Basic YTpi", "cg_a_b", "Bearer cg__", "Bearer " + "x" * 10_000],
)
def test_a_malformed_header_is_unauthenticated(county: Any, authorization: str) -> None:
    """It is answered like a missing key: 401 with a challenge, never a crash."""
    answer = county.client.get("/api/v1/agent/settings", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_stored_keys_are_hashes(county: Any) -> None:
    """The secret of no key is anywhere in the database."""
    data = county.app.state.settings.data
    content = b"".join(file.read_bytes() for file in data.glob("records.sqlite3*"))
    assert content
    for text in county.keys.values():
        assert text.split("_")[2].encode() not in content

"""Signing in over HTTP: sessions, CSRF, lock-out, passwords, tokens, and the end of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from collector.access import csrf_token
from collector.access.cookies import SESSION_IDLE
from collector.domain import Act, Password, Role
from collector.people.accounts import Accounts
from collector.people.lockout import ACCOUNT
from collector.people.passwords import hash_password

PASSWORD = "一座桥横跨两岸 1998"  # noqa: S105  # of people who exist in this test alone
WRONG = "wrong wrong"
HASH = hash_password(PASSWORD)
NEW = "three horses near the well"


@pytest.fixture
def office(start_county: Any) -> Any:
    """Return a county on a public address with an admin `wang` and an editor `li` of zx-001."""
    county = start_county(host="192.0.2.10")
    county.client.headers["Accept"] = "application/json"
    accounts = Accounts(county.records)
    act = Act("system", county.clock(), "person.add")
    for name, role, school in (("Wang", Role.ADMIN, None), ("li", Role.EDITOR, "zx-001")):
        person, _ = accounts.add(name, "", role, school, act)
        county.records.set_password(Password(person.id, HASH, county.clock()), act)
    return county


def sign_in(county: Any, name: str = "wang", password: str = PASSWORD) -> Any:
    """Sign in; the client keeps the cookie."""
    return county.client.post("/api/v1/session", json={"name": name, "password": password})


def changing(county: Any) -> dict[str, str]:
    """Return the header that changing requests of the current session carry."""
    return {"X-CSRF-Token": csrf_token(county.client.cookies["campusgauge_session"])}


def test_a_session_says_who_it_is_and_ends_at_sign_out(office: Any) -> None:
    """Cookie not readable by scripts; after signing out the very same cookie opens nothing."""
    answer = sign_in(office)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Secure" not in cookie  # plain HTTP here
    who = office.client.get("/api/v1/session").json()
    assert (who["name"], who["role"]) == ("Wang", "admin")
    token = office.client.cookies["campusgauge_session"]
    assert office.client.delete("/api/v1/session", headers=changing(office)).status_code == 204
    office.client.cookies.set("campusgauge_session", token)
    assert office.client.get("/api/v1/session").status_code == 401


def test_behind_tls_the_cookie_is_secure(office: Any) -> None:
    """It never travels in clear."""
    client = TestClient(office.app, base_url="https://192.0.2.10")
    answer = client.post("/api/v1/session", json={"name": "li", "password": PASSWORD})
    assert "Secure" in answer.headers["set-cookie"]


def test_every_sign_in_gives_a_new_token_and_none_is_stored(office: Any) -> None:
    """A token planted before signing in is worthless, and the database knows hashes alone."""
    planted = {"Cookie": "campusgauge_session=planted"}
    given = {"name": "wang", "password": PASSWORD}
    tokens = []
    for _ in range(2):
        office.client.post("/api/v1/session", json=given, headers=planted)
        tokens.append(office.client.cookies["campusgauge_session"])
        office.client.cookies.clear()
    first, second = tokens
    assert len({first, second, "planted"}) == 3
    data = office.app.state.settings.data
    stored = b"".join(file.read_bytes() for file in data.glob("records.sqlite3*"))
    assert second.encode() not in stored
    assert PASSWORD.encode() not in stored
    assert b"$argon2id$" in stored


def test_an_idle_session_ends_by_itself(office: Any) -> None:
    """Two hours without a request; one second less is still good."""
    sign_in(office)
    office.clock.now += SESSION_IDLE
    assert office.client.get("/api/v1/session").status_code == 200
    office.clock.now += SESSION_IDLE + timedelta(seconds=1)
    assert office.client.get("/api/v1/session").status_code == 401


def test_use_keeps_a_session_alive_but_not_for_ever(office: Any) -> None:
    """Busy every hour it lasts twelve hours, no longer."""
    sign_in(office)
    alive = 0
    for _ in range(15):
        office.clock.advance(hours=1)
        alive += office.client.get("/api/v1/session").status_code == 200
    assert alive == 12


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "csrf_token"),
        ({"X-CSRF-Token": "0" * 64}, "csrf_token"),
        ({"Origin": "https://evil.example"}, "cross_site"),
        ({"Sec-Fetch-Site": "cross-site"}, "cross_site"),
    ],
)
def test_a_changing_request_without_the_sessions_token_changes_nothing(
    office: Any, headers: dict[str, str], code: str
) -> None:
    """Another site can make the browser send the cookie, never the token."""
    sign_in(office)
    good = changing(office) if code == "cross_site" else {}
    before = office.records.audit_head()
    body = {"name": "zhao", "role": "viewer"}
    answer = office.client.post("/api/v1/people", json=body, headers={**good, **headers})
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert office.records.audit_head() == before
    answer = office.client.post("/api/v1/people", json=body, headers=changing(office))
    assert answer.status_code == 201


def test_guessing_one_account_is_slowed_down_and_forgotten_after_success(office: Any) -> None:
    """After five failures even the right password has to wait; the wait doubles."""
    for _ in range(ACCOUNT.free):
        assert sign_in(office, password=WRONG).status_code == 401
    assert sign_in(office, password=WRONG).status_code == 401
    blocked = sign_in(office)
    assert blocked.status_code == 429
    assert int(blocked.headers["retry-after"]) == 30
    assert sign_in(office, "li").status_code == 200
    office.clock.advance(seconds=31)
    assert sign_in(office, password=WRONG).status_code == 401
    assert int(sign_in(office).headers["retry-after"]) == 60
    office.clock.advance(seconds=61)
    assert sign_in(office).status_code == 200
    assert sign_in(office, password=WRONG).status_code == 401
    assert sign_in(office).status_code == 200
    actions = [record.action for record in office.records.all_audit_records()]
    assert actions.count("session.blocked") == 2


def test_an_unknown_name_is_answered_like_a_wrong_password(office: Any) -> None:
    """Nobody can find out which names exist."""
    unknown = sign_in(office, "nobody").json()
    assert unknown == sign_in(office, password=WRONG).json()


def test_changing_the_password_ends_every_other_session(office: Any) -> None:
    """The old password is asked for; the browser that changed it goes on with a new cookie."""
    sign_in(office)
    stolen = office.client.cookies["campusgauge_session"]
    wrong = office.client.post(
        "/api/v1/session/password", json={"old": "x", "new": NEW}, headers=changing(office)
    )
    assert wrong.status_code == 401
    body = {"old": PASSWORD, "new": NEW}
    changed = office.client.post("/api/v1/session/password", json=body, headers=changing(office))
    assert changed.status_code == 200
    assert office.client.get("/api/v1/session").status_code == 200
    office.client.cookies.clear()
    office.client.cookies.set("campusgauge_session", stolen)
    assert office.client.get("/api/v1/session").status_code == 401
    office.client.cookies.clear()
    assert sign_in(office).status_code == 401
    assert sign_in(office, password=NEW).status_code == 200


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaa", "wang-wang-wang", "password2026", "x" * 201]
)
def test_a_bad_new_password_is_refused_with_its_rule(office: Any, password: str) -> None:
    """The answer names the field and the rule; the old password stays."""
    sign_in(office)
    body = {"old": PASSWORD, "new": password}
    answer = office.client.post("/api/v1/session/password", json=body, headers=changing(office))
    assert answer.status_code == 422
    assert answer.json()["errors"]
    office.client.cookies.clear()
    assert sign_in(office).status_code == 200


def test_a_reset_gives_a_code_that_works_once(office: Any) -> None:
    """The old password and sessions end at once, and so does the code after its use."""
    sign_in(office)
    li = office.records.person_named("LI")
    code = office.client.post(f"/api/v1/people/{li.id}/code", headers=changing(office)).json()
    office.client.cookies.clear()
    assert sign_in(office, "li").status_code == 401
    typed = code["code"].lower().replace("-", " ").replace("0", "o")
    given = {"code": typed, "password": NEW}
    assert office.client.post("/api/v1/session/code", json=given).status_code == 200
    assert office.client.post("/api/v1/session/code", json=given).status_code == 410
    assert sign_in(office, "li", NEW).status_code == 200


def test_a_code_expires(office: Any) -> None:
    """After seven days the admin has to make another."""
    li = office.records.person_named("li")
    act = Act("system", office.clock(), "password.reset")
    code = Accounts(office.records).reset_password(li.id, act)
    office.clock.advance(days=7, seconds=1)
    given = {"code": code, "password": NEW}
    assert office.client.post("/api/v1/session/code", json=given).status_code == 410


def test_disabling_somebody_ends_sessions_and_tokens(office: Any) -> None:
    """Nothing that was handed out goes on working; enabling brings no token back."""
    sign_in(office, "li")
    body = {"label": "spreadsheet"}
    token = office.client.post("/api/v1/tokens", json=body, headers=changing(office)).json()
    bearer = {"Authorization": f"Bearer {token['text']}"}
    assert office.client.get("/api/v1/schools/zx-001", headers=bearer).status_code == 200
    assert office.client.get("/api/v1/schools/zx-002", headers=bearer).status_code == 403
    assert office.client.get("/api/v1/tokens", headers=bearer).status_code == 403
    accounts, li = Accounts(office.records), office.records.person_named("li")
    accounts.disable(li.id, Act("system", office.clock(), "person.disable"))
    assert office.client.get("/api/v1/session").status_code == 401
    assert office.client.get("/api/v1/schools/zx-001", headers=bearer).status_code == 401
    accounts.enable(li.id, Act("system", office.clock(), "person.enable"))
    assert office.client.get("/api/v1/schools/zx-001", headers=bearer).status_code == 401


def test_a_token_expires_and_can_be_revoked(office: Any) -> None:
    """Its text is shown once; the list has none."""
    sign_in(office, "li")
    for ends in ("revoke", "wait"):
        body = {"label": ends, "days": 1}
        made = office.client.post("/api/v1/tokens", json=body, headers=changing(office)).json()
        bearer = {"Authorization": f"Bearer {made['text']}"}
        assert made["text"] not in office.client.get("/api/v1/tokens").text
        if ends == "revoke":
            path = f"/api/v1/tokens/{made['token']['id']}"
            assert office.client.delete(path, headers=changing(office)).status_code == 204
            assert office.client.delete(path, headers=changing(office)).status_code == 404
        else:
            office.clock.advance(days=1, seconds=1)
        answer = office.client.get("/api/v1/schools/zx-001", headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_ended")


def test_the_last_admin_cannot_be_lost(office: Any) -> None:
    """Neither disabled nor made something else, until another one can sign in."""
    sign_in(office)
    wang = office.records.person_named("wang")
    for change in ({"disabled": True}, {"role": "viewer"}):
        answer = office.client.patch(
            f"/api/v1/people/{wang.id}", json=change, headers=changing(office)
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert office.client.get("/api/v1/people").status_code == 200


def test_people_are_paged_and_names_are_unique_whatever_their_case(office: Any) -> None:
    """A second `LI` is a conflict; a page says where the next one begins."""
    sign_in(office)
    body = {"name": "LI", "role": "viewer"}
    answer = office.client.post("/api/v1/people", json=body, headers=changing(office))
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    first = office.client.get("/api/v1/people?limit=1").json()
    assert [person["name"] for person in first["people"]] == ["li"]
    rest = office.client.get(f"/api/v1/people?after={first['next']}").json()
    assert [person["name"] for person in rest["people"]] == ["Wang"]


def test_all_of_it_is_in_the_audit_chain(office: Any) -> None:
    """Who signed in, from where, and every row that changed; the chain is whole."""
    sign_in(office)
    records = office.client.get("/api/v1/audit?limit=1000").json()
    started = [each for each in records["records"] if each["action"] == "session.start"]
    assert len(started) == 1
    assert started[-1]["actor"].startswith("person:")
    assert started[-1]["address"] == "testclient"
    assert records["head"].startswith(f"{records['records'][-1]['position']}:")
    assert office.records.verify_audit(None, lambda *_: None).faults == ()

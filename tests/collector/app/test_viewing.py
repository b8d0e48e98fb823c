"""Viewing on loopback and elsewhere, keys that sign in, forged cookies, malformed headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PUBLIC_ADDRESS = "192.0.2.10"


@pytest.fixture
def exposed(start_county: Callable[..., Any]) -> Any:
    """Return a county that listens on an address other hosts can reach."""
    county = start_county(host=PUBLIC_ADDRESS)
    county.keys["junk"] = "cg_0000000000000000_" + "0" * 64
    return county


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

"""Signing in at a real OpenID Connect provider, and every way in which that must not work."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from collector.domain import Act, Person, Role

ACCOUNT = "wang@bureau.example"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Yield the address of a provider that runs as a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("oidc-provider-mock")
    provider = subprocess.Popen(
        [program, "--port", str(port), "--require-nonce", "true"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            found = httpx2.get(f"{address}/.well-known/openid-configuration").json()
            break
        except httpx2.ConnectError:
            assert provider.poll() is None, "the provider did not start"
            assert time.monotonic() < deadline, "the provider did not answer within 30 s"
            time.sleep(0.1)
    yield found["issuer"]
    provider.kill()
    provider.wait()


@pytest.fixture
def office(
    start_county: Callable[..., Any], issuer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Any:
    """Return a county that knows the provider and one linked person."""
    secret = tmp_path / "oidc.secret"
    secret.write_text("s3cret\n")
    settings = {"issuer": issuer, "client_id": "campusgauge", "client_secret_file": str(secret)}
    monkeypatch.setenv("CAMPUSGAUGE_OIDC", json.dumps(settings))
    county = start_county(host="192.0.2.10")
    county.client.headers["Accept"] = "text/html"
    county.client.follow_redirects = False
    person = Person(
        "w", "wang", "王", Role.ADMIN, county.clock(), oidc_subject=f"{issuer}#{ACCOUNT}"
    )
    county.records.add_person(person, None, Act("system", county.clock(), "person.add"))
    return county


def to_provider(office: Any, wanted: str = "/") -> str:
    """Begin at the collector; return the provider's address."""
    assert "统一身份认证" in office.client.get("/sign-in").text
    sent = office.client.get(f"/sign-in/oidc?next={wanted}")
    assert sent.status_code == 303
    address: str = sent.headers["location"]
    return address


def consent(address: str, account: str = ACCOUNT) -> str:
    """Let `account` sign in at the provider; return path and query it sends the browser back to."""
    answer = httpx2.post(address, data={"sub": account})
    assert answer.status_code in {302, 303}, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def test_a_linked_person_gets_in_and_where_it_wanted(office: Any) -> None:
    """The request carries PKCE, state and nonce; the session is like any other."""
    address = to_provider(office, "/schools/zx-001")
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"] != asked["nonce"]
    answer = office.client.get(consent(address))
    assert (answer.status_code, answer.headers["location"]) == (303, "/schools/zx-001")
    who = office.client.get("/api/v1/session", headers={"Accept": "application/json"}).json()
    assert who["person_id"] == "w"
    newest = list(office.records.all_audit_records())[-1]
    assert (newest.action, newest.why) == ("session.start", "统一身份认证")


def test_somebody_without_an_account_here_stays_outside(office: Any) -> None:
    """The provider's word makes no account; the page says what the admin has to link."""
    answer = office.client.get(consent(to_provider(office), "stranger@bureau.example"))
    assert answer.status_code == 403
    assert "stranger@bureau.example" in answer.text
    assert "campusgauge_session" not in office.client.cookies


def test_a_disabled_person_stays_outside(office: Any, issuer: str) -> None:
    """However well the provider knows the person."""
    act = Act("system", office.clock(), "person.disable")
    subject = f"{issuer}#{ACCOUNT}"
    ended = Person("w", "wang", "王", Role.ADMIN, office.clock(), None, office.clock(), subject)
    office.records.put_person(ended, act)
    assert office.client.get(consent(to_provider(office))).status_code == 403


@pytest.mark.parametrize("broken", ["state", "code", "cookie", "replay"])
def test_an_answer_that_does_not_fit_is_refused(office: Any, broken: str) -> None:
    """A forged state, a wrong code, another browser's answer, and an answer used twice."""
    path = consent(to_provider(office))
    if broken == "cookie":
        office.client.cookies.clear()
    elif broken == "replay":
        cookies = dict(office.client.cookies)
        assert office.client.get(path).status_code == 303
        office.client.cookies.clear()
        office.client.cookies.update(cookies)
    else:
        value = parse_qs(urlsplit(path).query)[broken][0]
        path = path.replace(value, "x" * len(value))
    answer = office.client.get(path)
    assert answer.status_code == 401
    assert "没有成功" in answer.text
    assert "campusgauge_session" not in office.client.cookies


def test_a_provider_that_is_down_is_said_and_passwords_still_work(
    start_county: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Nobody is locked out because another server is off."""
    secret = tmp_path / "oidc.secret"
    secret.write_text("s3cret")
    down = {"issuer": "http://127.0.0.1:9/", "client_id": "c", "client_secret_file": str(secret)}
    monkeypatch.setenv("CAMPUSGAUGE_OIDC", json.dumps(down))
    county = start_county(host="192.0.2.10")
    answer = county.client.get("/sign-in/oidc", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert county.client.get("/sign-in").status_code == 200

"""Viewing from other hosts needs a key; the sign-in page turns it into a cookie."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from collector.access import VIEW_COOKIE, make_key
from collector.domain import Key, Scope
from collector.web.sign_in_pages import inside


@pytest.fixture
def stranger(busy_county: Any) -> Iterator[TestClient]:
    """Yield a browser without a key at a server that other hosts can reach."""
    headers = {"accept": "text/html", "accept-language": "zh-CN"}
    app = busy_county.app(open_viewing=False)
    with TestClient(app, headers=headers, follow_redirects=False) as client:
        yield client


def key_of(county: Any, scope: Scope) -> str:
    """Store a fresh key and return its text."""
    key = make_key()
    school = None if scope is Scope.READ else "zx-001"
    county.records.add_key(Key(key.id, scope, key.secret_sha256, county.now, school))
    return key.text


@pytest.mark.parametrize("path", ["/", "/schools/zx-001", "/schools/zx-001/test-campus"])
def test_a_stranger_is_sent_to_sign_in_and_back(
    stranger: TestClient, busy_county: Any, path: str
) -> None:
    """After signing in one lands where one wanted to go."""
    sent = stranger.get(path + "?show=met")
    assert sent.status_code == 303
    form = stranger.get(sent.headers["location"])
    assert f'value="{path}?show=met"' in form.text
    key = key_of(busy_county, Scope.READ)
    answer = stranger.post("/sign-in", data={"key": key, "next": path + "?show=met"})
    assert answer.status_code == 303
    assert answer.headers["location"] == path + "?show=met"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert key not in cookie
    assert stranger.get(path).status_code == 200


def test_a_wrong_key_is_refused_in_words(stranger: TestClient) -> None:
    """The page says what to do and sets no cookie."""
    answer = stranger.post("/sign-in", data={"key": "cg_0_0", "next": "/"})
    assert answer.status_code == 401
    assert "密钥不正确" in answer.text
    assert VIEW_COOKIE not in answer.headers.get("set-cookie", "")


def test_a_school_key_cannot_view(stranger: TestClient, busy_county: Any) -> None:
    """A key that pushes data for one school must not show all the others."""
    answer = stranger.post("/sign-in", data={"key": key_of(busy_county, Scope.WRITE)})
    assert answer.status_code == 403
    assert "不能用来查看" in answer.text


def test_programs_get_a_problem_document_instead(stranger: TestClient) -> None:
    """A script must see 401, not a sign-in page."""
    answer = stranger.get("/api/v1/schools")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/schools/a?show=met", "/schools/a?show=met"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
        ("/\n/evil", "/"),
    ],
)
def test_sign_in_never_sends_people_elsewhere(wanted: str, target: str) -> None:
    """An open redirect would lend our name to a phishing page."""
    assert inside(wanted) == target

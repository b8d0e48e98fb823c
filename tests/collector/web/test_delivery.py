"""How pages and files travel: small, and only once where nothing changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def page(client: TestClient, county: Any) -> str:
    """Return the county's page."""
    for number in range(5):
        county.add_school(f"zx-{number:03d}")
    return client.get("/?view=schools").text


def test_files_that_a_page_names_are_kept_for_good(client: TestClient, page: str) -> None:
    """Their address changes with any of them, so that nobody sees an old style sheet."""
    found = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    assert len(found) >= 3
    for address in found:
        assert "?v=" in address
        answer = client.get(address)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable", address


@pytest.mark.parametrize("query", ["", "?v=", "?v=0000000000", "?v=a&v=b"])
def test_a_file_under_another_address_is_asked_for_again(client: TestClient, query: str) -> None:
    """Modules import others by plain names; an unchanged one is not sent again."""
    answer = client.get(f"/static/js/wall.js{query}")
    assert answer.headers["cache-control"] == "no-cache"
    same = {"if-none-match": answer.headers["etag"]}
    again = client.get(f"/static/js/wall.js{query}", headers=same)
    assert (again.status_code, again.content) == (304, b"")


def test_pages_and_files_are_compressed_and_answers_to_programs_are_not(
    client: TestClient, page: str
) -> None:
    """A page of a phone on a weak signal; programs get the bytes that a hash was made of."""
    answer = client.get("/?view=schools")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(page.encode()) / 2
    assert client.get("/static/campusgauge.css").headers["content-encoding"] == "gzip"
    plain = client.get("/?view=schools", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in client.get("/api/v1/schools").headers

"""The read API says what the pages say."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from rubrics.indicators import load_indicators


@pytest.fixture
def api(client: TestClient, busy_county: Any) -> TestClient:
    """Return a program's client on the busy county."""
    assert busy_county.records.schools()
    client.headers["accept"] = "application/json"
    return client


def test_schools_come_with_their_reporting_state(api: TestClient) -> None:
    """Unknown heads are null; the four states are told apart."""
    answer = api.get("/api/v1/schools").json()
    assert answer["total"] == 4
    by_id = {school["id"]: school for school in answer["schools"]}
    assert {name: school["reporting"]["state"] for name, school in by_id.items()} == {
        "zx-001": "reporting",
        "zx-002": "silent",
        "zx-003": "never",
        "zx-004": "not_installed",
    }
    assert by_id["zx-001"]["heads"] == 1290
    assert by_id["zx-002"]["heads"] is None
    assert api.get("/api/v1/schools?offset=3&limit=1").json()["schools"] == [by_id["zx-004"]]


def test_one_school_lists_agents_and_rubrics(api: TestClient) -> None:
    """Programs find the addresses of the sheets without guessing."""
    answer = api.get("/api/v1/schools/zx-001").json()
    assert answer["rubrics"] == ["test-campus"]
    assert answer["agents"][0]["host_name"] == "server-01"
    assert answer["agents"][0]["clock_skew_s"] == 95.0


def test_the_sheet_is_the_engines_own_text(api: TestClient, county: Any) -> None:
    """No field is added, lost or reformatted on the way; the hash is the ETag."""
    answer = api.get("/api/v1/schools/zx-001/sheets/test-campus")
    stored = county.records.latest_sheet("zx-001", "test-campus")
    assert answer.text == stored.sheet_json
    assert answer.headers["etag"] == f'"{stored.content_hash}"'


def test_readings_are_newest_first_and_filtered(api: TestClient) -> None:
    """The reason and the causes of a limited reading travel with it."""
    readings = api.get("/api/v1/schools/zx-001/readings?probe=outlet_bandwidth").json()["readings"]
    assert [reading["probe"] for reading in readings] == ["outlet_bandwidth"]
    assert readings[0]["reason"] == "same_host"
    assert readings[0]["limited_by"] == ["same_host"]
    assert readings[0]["values"] == {"download_line_rate_mbps": 9120.5}


def test_rubrics_and_indicators_are_readable(api: TestClient) -> None:
    """A program can explain a sheet without our source code."""
    listed = api.get("/api/v1/rubrics").json()["rubrics"]
    assert [(rubric["id"], rubric["items"], rubric["scored"]) for rubric in listed] == [
        ("test-campus", 3, False)
    ]
    rubric = api.get("/api/v1/rubrics/test-campus").json()
    assert rubric["sections"][0]["items"][0]["text"].startswith("出口总带宽")
    assert set(api.get("/api/v1/indicators").json()) == set(load_indicators())


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/schools/none",
        "/api/v1/schools/none/readings",
        "/api/v1/schools/none/sheets/test-campus",
        "/api/v1/rubrics/none",
    ],
)
def test_what_does_not_exist_is_a_404_problem(api: TestClient, path: str) -> None:
    """The detail names what was asked for."""
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404
    assert "none" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x"])
def test_limits_are_limits(api: TestClient, query: str) -> None:
    """One request cannot ask for everything ever measured."""
    assert api.get(f"/api/v1/schools/zx-001/readings?{query}").status_code == 422


def test_the_answers_are_described(api: TestClient) -> None:
    """Every route of the read API has a summary and a described answer."""
    paths = api.app.openapi()["paths"]  # type: ignore[attr-defined]  # the app is FastAPI's
    described = [path for path in paths if path.startswith("/api/v1/")]
    assert len(described) == 7
    for path in described:
        operation = paths[path]["get"]
        assert operation["summary"]
        assert operation["responses"]["200"]["content"]["application/json"]["schema"]

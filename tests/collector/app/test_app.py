"""The wired app: health, metrics, headers, problem documents, description of the interface."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collector.app import open_stores
from collector.errors import UnavailableError
from collector.settings import Settings


def test_health_names_every_dependency(county: Any) -> None:
    """200 and ok while everything answers."""
    answer = county.client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"records": "ok", "series": "ok", "applier": "ok", "summaries": "ok"},
    }


def test_health_is_down_when_a_store_is(county: Any) -> None:
    """503 and the store's name, with what to do, after the series store is gone."""
    county.series.close()
    answer = county.client.get("/healthz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks["records"] == "ok"
    assert checks["series"] != "ok"


def test_metrics_count_what_happened(county: Any, golden: dict[str, Any]) -> None:
    """Prometheus' own parser reads them; accepted, duplicate and refused are told apart."""
    county.push(golden)
    county.push(golden)
    county.push(b"{")
    county.wait_applied()
    text = county.client.get("/metrics").text
    values = {
        (sample.name, sample.labels.get("result", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    batches = "campusgauge_collector_batches_total"
    assert values[(batches, "stored")] == 1
    assert values[(batches, "duplicate")] == 1
    assert values[(batches, "refused")] == 1
    assert values[("campusgauge_collector_readings_total", "")] == 3
    assert values[("campusgauge_collector_batches_pending", "")] == 0


@pytest.mark.parametrize("path", ["/healthz", "/", "/nowhere", "/api/v1/schools", "/openapi.json"])
def test_every_answer_carries_the_security_headers(county: Any, path: str) -> None:
    """Pages, JSON and errors alike; no inline script or style is allowed."""
    headers = county.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("GET", "/nowhere", None, 404, None),
        ("DELETE", "/api/v1/readings", None, 405, None),
        ("POST", "/api/v1/enrol", {"code": "x"}, 422, "host"),
        ("POST", "/api/v1/enrol", {"code": "y" * 16, "host": {"name": "a"}}, 422, "host.system"),
        ("GET", "/api/v1/schools/none", None, 404, None),
        ("POST", "/api/v1/readings", None, 401, None),
    ],
)
def test_every_error_is_a_problem_document(
    county: Any, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    """RFC 9457 with a next step; a wrong field is named."""
    answer = county.client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail", "code", "retry"} <= set(problem)
    if field is not None:
        assert field in {error["field"] for error in problem["errors"]}


def test_a_crash_is_a_problem_too_and_hides_its_cause(county: Any) -> None:
    """500 as a problem document that says what became of the request, without internals."""
    county.app.state.enrolment = None
    answer = county.client.post(
        "/api/v1/enrol", json={"code": "y" * 16, "host": {"name": "a", "system": "b"}}
    )
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["retry"] is True
    assert "NoneType" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def references(document: Any) -> set[str]:
    """Return every `$ref` in a document."""
    if isinstance(document, dict):
        own = {document["$ref"]} if isinstance(document.get("$ref"), str) else set()
        return own.union(*(references(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(references(value) for value in document))
    return set()


def test_openapi_is_complete(county: Any) -> None:
    """Every operation has a summary, a tag and its errors; every reference leads somewhere."""
    schema = county.client.get("/openapi.json").json()
    lacking = [
        (path, method)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if not operation.get("summary") or not operation.get("tags")
    ]
    assert lacking == []
    known = set(schema["components"]["schemas"])
    assert {ref.rpartition("/")[2] for ref in references(schema)} <= known
    push = schema["paths"]["/api/v1/readings"]["post"]
    assert {"200", "400", "401", "409", "413", "415", "422", "503"} <= set(push["responses"])


def test_a_second_process_on_the_same_data_is_refused(county: Any) -> None:
    """The message names what holds the data instead of a library's trace."""
    settings: Settings = county.app.state.settings
    program = (
        "import sys; from pathlib import Path; from collector.app import open_stores;"
        "from collector.settings import Settings; from collector.errors import UnavailableError\n"
        "try: open_stores(Settings(data=Path(sys.argv[1])), print)\n"
        "except UnavailableError as error: print(error.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(settings.data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_data_of_a_newer_release_is_not_touched(tmp_path: Path) -> None:
    """An unknown schema version stops the start with a sentence, not a migration."""
    settings = Settings(data=tmp_path)
    open_stores(settings, lambda _: None).close()
    with sqlite3.connect(tmp_path / "records.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(UnavailableError, match="newer version"):
        open_stores(settings, lambda _: None)


def test_secret_files_are_private(county: Any) -> None:
    """The session secret is readable by its owner alone."""
    data = county.app.state.settings.data
    assert (data / "session.key").stat().st_mode & 0o077 == 0
    assert data.stat().st_mode & 0o077 == 0
    assert json.loads(county.client.get("/healthz").text)["status"] == "ok"

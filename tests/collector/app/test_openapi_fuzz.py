"""Requests generated from the OpenAPI document: no crash, and no change by a stranger.

The default is a short run over every operation; `CAMPUSGAUGE_FUZZ_EXAMPLES` makes it long
(`make fuzz`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from sqlalchemy import create_engine, select

from collector.access import csrf_token, new_session_token, sha256
from collector.domain import Act, Person, Role, Session
from collector.storage.sql_records.schema import leases, metadata, sessions, sign_in_failures

EXAMPLES = int(os.environ.get("CAMPUSGAUGE_FUZZ_EXAMPLES", "2"))
log = logging.getLogger(__name__)
MAY_CHANGE = {sessions.name, sign_in_failures.name, leases.name, "audit", "audit_head"}
"""Failed sign-ins are counted and their block is an act in the chain; a worker renews its lease."""
PUBLIC_ADDRESS = "192.0.2.10"
ENDS_THE_SESSION = {("DELETE", "/api/v1/session")}


def digest_of(county: Any) -> dict[str, str]:
    """Return a digest of each table's rows, but for what a failed sign-in may change."""
    engine = create_engine(county.app.state.settings.records_url)
    found = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            if table.name not in MAY_CHANGE:
                rows = sorted(repr(tuple(row)) for row in connection.execute(select(table)))
                found[table.name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    engine.dispose()
    return found


def send_case(county: Any, case: Any, headers: dict[str, str]) -> Any:
    """Send a generated request through the collector's own client."""
    made = case.as_transport_kwargs(base_url=f"http://{PUBLIC_ADDRESS}:8300")
    body = made.get("json")
    content = json.dumps(body).encode() if body is not None else made.get("data")
    return county.client.request(
        made["method"],
        made["url"],
        params=made.get("params"),
        content=content if isinstance(content, (bytes, str)) else None,
        headers={**dict(made.get("headers") or {}), **headers},
        follow_redirects=False,
    )


def play(county: Any, headers: dict[str, str]) -> dict[int, int]:
    """Send generated requests to every operation; return how many got each status."""
    schema = schemathesis.openapi.from_dict(county.app.openapi())
    statuses: dict[int, int] = {}
    crashed = []
    for operation in (found.ok() for found in schema.get_all_operations()):
        if (operation.method.upper(), operation.path) in ENDS_THE_SESSION and headers:
            continue

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def send(case: Any) -> None:
            answer = send_case(county, case, headers)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            if answer.status_code >= 500:
                crashed.append((case.method, case.formatted_path, answer.text[:300]))

        send()
    log.info("%d requests answered: %s", sum(statuses.values()), dict(sorted(statuses.items())))
    assert crashed == []
    return statuses


@pytest.fixture
def county_outside(start_county: Callable[..., Any]) -> Any:
    """Return a county on a public address."""
    return start_county(host=PUBLIC_ADDRESS)


def test_a_stranger_changes_nothing_whatever_is_sent(county_outside: Any) -> None:
    """Every table is the same afterwards, and no request crashed the collector."""
    before = digest_of(county_outside)
    statuses = play(county_outside, {})
    assert digest_of(county_outside) == before
    assert sum(statuses.values()) > 100
    assert set(statuses) & {401, 403}


def test_an_admin_crashes_nothing_whatever_is_sent(county_outside: Any) -> None:
    """Generated bodies and parameters end in an answer that says what was wrong with them."""
    county, now = county_outside, county_outside.clock()
    act = Act("system", now, "test")
    county.records.add_person(Person("a", "admin", "a", Role.ADMIN, now), None, act)
    token = new_session_token()
    county.records.add_session(Session(sha256(token), "a", now, now, ""), act)
    headers = {"Cookie": f"campusgauge_session={token}", "X-CSRF-Token": csrf_token(token)}
    statuses = play(county, headers)
    assert statuses.get(200, 0) > 10
    assert county.records.verify_audit(None, lambda *_: None).faults == ()

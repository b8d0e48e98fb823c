"""Enrolment over HTTP: a code becomes a key as often as allowed, and no oftener."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from collector.domain import Act
from collector.enrolment.service import new_code
from collector.errors import NotFoundError

HOST = {"name": "lab-1", "system": "Linux 6.1"}


def enrol(county: Any, code: str, host: Any = None) -> Any:
    """Ask for enrolment."""
    return county.client.post("/api/v1/enrol", json={"code": code, "host": host or HOST})


def test_a_code_becomes_a_working_key(county: Any) -> None:
    """The key works at once, for the school of the code; the host is on record."""
    code, _ = new_code(county.records, "zx-002", county.clock())
    answer = enrol(county, code)
    assert answer.status_code == 201
    enrolled = answer.json()
    assert enrolled["school"] == {"id": "zx-002", "name": "示例小学"}
    settings = county.client.get(
        "/api/v1/agent/settings", headers={"Authorization": f"Bearer {enrolled['key']}"}
    )
    assert settings.json()["school"]["id"] == "zx-002"
    assert settings.json()["heads"] == 1290
    agent = county.records.agent(enrolled["agent_id"])
    assert (agent.host_name, agent.system) == ("lab-1", "Linux 6.1")
    assert agent.last_seen_at is None


@pytest.mark.parametrize(
    "typed",
    [str.lower, lambda code: code.replace("-", ""), lambda code: f"  {code.replace('-', ' ')} "],
)
def test_a_code_may_be_typed_carelessly(county: Any, typed: Any) -> None:
    """Case, dashes and spaces do not matter."""
    code, _ = new_code(county.records, "zx-001", county.clock())
    assert enrol(county, typed(code)).status_code == 201


def test_look_alike_letters_are_taken_for_digits(county: Any) -> None:
    """O for 0 and I or L for 1, which codes never contain."""
    for _ in range(40):
        code, _ = new_code(county.records, "zx-001", county.clock())
        if "0" in code and "1" in code:
            break
    assert enrol(county, code.replace("0", "o").replace("1", "l")).status_code == 201


def test_a_code_is_good_for_its_uses(county: Any) -> None:
    """The fourth host of a code for three gets 410 with the reason."""
    code, _ = new_code(county.records, "zx-001", county.clock(), max_uses=3)
    assert [enrol(county, code).status_code for _ in range(4)] == [201, 201, 201, 410]
    assert enrol(county, code).json()["code"] == "code_used_up"


def test_uses_hold_under_concurrency(county: Any) -> None:
    """Eight hosts at the same moment share three uses."""
    code, _ = new_code(county.records, "zx-001", county.clock(), max_uses=3)
    service = county.app.state.enrolment
    results: list[str] = []

    def ask(number: int) -> None:
        try:
            service.enrol(code, "lab", "linux", f"10.0.0.{number}")
            results.append("enrolled")
        except Exception as error:  # noqa: BLE001  # its name is what is compared
            results.append(getattr(error, "code", repr(error)))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == ["code_used_up"] * 5 + ["enrolled"] * 3


def test_a_code_expires(county: Any) -> None:
    """A second after its end it is 410, not 404: the school learns what happened."""
    code, made = new_code(county.records, "zx-001", county.clock(), valid=timedelta(days=7))
    county.clock.now = made.expires_at
    answer = enrol(county, code)
    assert (answer.status_code, answer.json()["code"]) == (410, "code_expired")


def test_guessing_is_locked_out(county: Any) -> None:
    """After a few wrong codes even a right one has to wait, and is told how long."""
    code, _ = new_code(county.records, "zx-001", county.clock())
    statuses = [enrol(county, "WRONG-WRONG-WRONG").status_code for _ in range(6)]
    assert statuses == [404] * 6
    locked = enrol(county, code)
    assert locked.status_code == 429
    assert locked.json()["retry"] is True
    assert 0 < int(locked.headers["retry-after"]) <= 30


@pytest.mark.parametrize(
    ("host", "field"),
    [
        ({"name": "", "system": "linux"}, "host.name"),
        ({"name": "x" * 101, "system": "linux"}, "host.name"),
        ({"name": "a\nb", "system": "linux"}, "host.name"),
        ({"name": "a"}, "host.system"),
    ],
)
def test_a_bad_host_name_is_named(county: Any, host: Any, field: str) -> None:
    """422 with the field; no use of the code is spent."""
    code, _ = new_code(county.records, "zx-001", county.clock(), max_uses=1)
    answer = enrol(county, code, host)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert enrol(county, code).status_code == 201


def test_a_revoked_agent_is_told_so(county: Any, golden: Any) -> None:
    """401 with the reason, and its data stays."""
    county.push(golden)
    county.wait_applied()
    county.records.revoke_agent(county.agent_id, Act("test", county.clock(), "agent.revoke"))
    answer = county.push(golden)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")
    assert len(county.series.latest_readings("zx-001")) == 3


def test_codes_are_kept_as_hashes(county: Any) -> None:
    """Neither the code nor its letters without dashes are in the database."""
    code, _ = new_code(county.records, "zx-001", county.clock())
    data = county.app.state.settings.data
    content = b"".join(file.read_bytes() for file in data.glob("records.sqlite3*"))
    assert content
    assert code.encode() not in content
    assert code.replace("-", "").encode() not in content


def test_a_code_needs_a_school(county: Any) -> None:
    """A code for a school that is not there is refused when it is made."""
    with pytest.raises(NotFoundError, match="campusgauge school add"):
        new_code(county.records, "nowhere", county.clock())

"""An agent changes its key, a new PC takes over: nobody locked out, no history lost."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.collector_client import Answer
from agent.identity import Identity, load_identity, save_identity
from agent.key_rotation import KeyRotation
from collector.domain import Act
from collector.enrolment.service import new_code

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ACT = Act("cli:test", NOW, "test")


class Wire:
    """The agent's connection, led into the collector of this process; may die on the way."""

    def __init__(self, county: Any, key: str, dies_at: list[int]) -> None:
        self._county, self._key, self._dies_at = county, key, dies_at

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Count down to the crash: an odd step dies before the request, an even one after it."""
        self._step()
        headers = {"Authorization": f"Bearer {self._key}"}
        said = self._county.client.request(method, path, json=body, headers=headers)
        self._step()
        return Answer(said.status_code, body=said.content)

    def _step(self) -> None:
        self._dies_at[0] -= 1
        if self._dies_at[0] == 0:
            raise KeyboardInterrupt

    def get(self, path: str) -> Answer:
        """Ask."""
        return self._ask("GET", path)

    def post_json(self, path: str, value: Any) -> Answer:
        """Tell."""
        return self._ask("POST", path, value)

    def close(self) -> None:
        """Nothing is held."""


def rotation(county: Any, state: Path, dies_at: int = 0, age_days: float = 90) -> KeyRotation:
    """Return a rotation whose process dies at step `dies_at`; 0 never."""
    left = [dies_at]
    return KeyRotation(
        state,
        lambda access: Wire(county, access.key, left),  # type: ignore[arg-type,return-value]
        max_age=timedelta(days=age_days),
        now=lambda: NOW,
    )


@pytest.fixture
def state(county: Any, tmp_path: Path) -> Path:
    """Return the state folder of an agent whose key is 100 days old."""
    old = NOW - timedelta(days=100)
    key = county.keys["agent"]
    identity = Identity("http://x", county.agent_id, key, "zx-001", "校", key_since=old)
    save_identity(tmp_path / "state", identity)
    return tmp_path / "state"


def works(county: Any, key: str) -> tuple[int, str]:
    """Return status and code of the settings asked with a key."""
    headers = {"Authorization": f"Bearer {key}"}
    said = county.client.get("/api/v1/agent/settings", headers=headers)
    return said.status_code, said.json().get("code", "")


def test_an_old_key_is_changed_and_the_old_one_is_over(county: Any, state: Path) -> None:
    """The new key works, the old one is refused as superseded, the secret never travelled."""
    rotation(county, state).turn()
    identity = load_identity(state)
    assert identity is not None
    assert identity.next_key is None
    assert identity.key_since == NOW
    assert works(county, identity.key) == (200, "")
    assert works(county, county.keys["agent"]) == (401, "key_superseded")
    secret = identity.key.split("_")[2].encode()
    data = county.app.state.settings.data
    assert not any(secret in file.read_bytes() for file in data.glob("records.sqlite3*"))


@pytest.mark.parametrize("dies_at", range(1, 6))
def test_a_crash_at_any_point_never_locks_out(county: Any, state: Path, dies_at: int) -> None:
    """Whatever is on disk after the crash, one of its keys works; the next turn ends the change."""
    if dies_at < 5:
        with pytest.raises(KeyboardInterrupt):
            rotation(county, state, dies_at).turn()
    left = load_identity(state)
    assert left is not None
    known = [key for key in (left.key, left.next_key) if key and works_quietly(county, key)]
    assert known, "no key on disk is valid"
    rotation(county, state).turn()
    after = load_identity(state)
    assert after is not None
    assert after.next_key is None
    assert after.key != county.keys["agent"]
    assert works(county, after.key) == (200, "")


def works_quietly(county: Any, key: str) -> bool:
    """Whether the store holds the key as valid, without using it, which would confirm it."""
    found = county.records.key(key.split("_")[1])
    return found is not None and found.superseded_at is None and found.revoked_at is None


def test_a_young_key_is_changed_only_when_the_bureau_asks(county: Any, state: Path) -> None:
    """`campusgauge agent rotate` is heard at the next look, and the wish ends with the change."""
    rotation(county, state, age_days=1000).turn()
    before = load_identity(state)
    assert before is not None
    assert before.key == county.keys["agent"]
    assert county.records.want_key(county.agent_id, ACT)
    rotation(county, state, age_days=1000).turn()
    after = load_identity(state)
    assert after is not None
    assert after.key != before.key
    assert county.records.agent(county.agent_id).key_wanted_at is None


def test_the_clone_that_changes_its_key_second_is_told(county: Any, state: Path) -> None:
    """Two hosts with one key: one wins, the other is refused with a reason; never both."""
    clone = state.with_name("clone")
    identity = load_identity(state)
    assert identity is not None
    save_identity(clone, identity)
    rotation(county, state).turn()
    rotation(county, clone).turn()
    first, second = load_identity(state), load_identity(clone)
    assert first is not None
    assert second is not None
    assert works(county, first.key) == (200, "")
    assert works(county, second.key) == (401, "key_superseded")
    assert works(county, second.next_key or "")[0] == 401


def test_proposals_of_one_agent_cannot_touch_another(county: Any) -> None:
    """An id that is in use is refused, whoever owns it; junk is 422."""
    _, other = county.enrol("zx-002")
    body = {"key_id": other.split("_")[1], "secret_sha256": "0" * 64}
    headers = {"Authorization": f"Bearer {county.keys['agent']}"}
    said = county.client.post("/api/v1/agent/key", json=body, headers=headers)
    assert (said.status_code, said.json()["code"]) == (409, "key_id_taken")
    assert works(county, other) == (200, "")
    said = county.client.post("/api/v1/agent/key", json={"key_id": "x"}, headers=headers)
    assert said.status_code == 422


def test_killed_in_the_middle_the_file_is_whole(tmp_path: Path) -> None:
    """SIGKILL while identities are saved over and over: what is on disk is always readable."""
    program = (
        "import sys; from pathlib import Path; from agent.identity import *\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    save_identity(Path(sys.argv[1]), Identity('http://x', 'a', f'k{n}', 's', 'S'))\n"
        "    print(n, flush=True)\n"
    )
    seen = []
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        last = [process.stdout.readline() for _ in range(3)][-1]
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        found = load_identity(tmp_path)
        assert found is not None
        assert int(found.key[1:]) >= int(last)
        seen.append(found.key)
    assert len(seen) == 5


def test_a_new_pc_goes_on_with_the_old_ones_history(county: Any, golden: Any) -> None:
    """The successor has the agent's id: one series spans both PCs, and the old key is over."""
    first = copy.deepcopy(golden)
    county.push(first)
    code, _ = new_code(
        county.records, "zx-001", county.clock(), max_uses=1, agent_id=county.agent_id
    )
    host = {"name": "new-pc", "system": "windows"}
    given = county.client.post("/api/v1/enrol", json={"code": code, "host": host}).json()
    assert given["agent_id"] == county.agent_id
    assert county.records.agent(county.agent_id).host_name == "new-pc"
    assert county.push(golden).json()["code"] == "key_superseded"
    county.keys["agent"] = given["key"]
    later = copy.deepcopy(golden)
    later |= {"stream": "9" * 32, "batch_id": "8" * 32, "sequence": 1}
    for reading in later["readings"]:
        moved = datetime.fromisoformat(reading["time"]) + timedelta(seconds=5)
        reading["time"] = moved.isoformat()
    assert county.push(later).json()["status"] == "stored"
    county.wait_applied()
    probe = golden["readings"][0]["probe"]
    found = county.series.latest_readings("zx-001", probe)
    assert {one.agent_id for one in found} == {county.agent_id}
    assert len({one.reading.time for one in found}) == 2 * len(
        {r["time"] for r in golden["readings"] if r["probe"] == probe}
    )
    assert county.client.post("/api/v1/enrol", json={"code": code, "host": host}).status_code == 410


def test_a_successor_ends_a_quarantine(county: Any, golden: Any) -> None:
    """With a new key there is one host again; the clones' old key is refused."""
    assert county.push(golden).status_code == 200
    other = golden | {"batch_id": "b" * 32, "sent_at": golden["sent_at"]}
    assert county.push(other).json()["code"] == "agent_quarantined"
    code, _ = new_code(county.records, "zx-001", county.clock(), agent_id=county.agent_id)
    host = {"name": "pc", "system": "linux"}
    given = county.client.post("/api/v1/enrol", json={"code": code, "host": host}).json()
    county.keys["agent"] = given["key"]
    fresh = golden | {"batch_id": "f" * 32, "stream": "7" * 32}
    assert county.push(fresh).json()["status"] == "stored"

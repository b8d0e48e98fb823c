"""A whole collector for tests: real stores in a fresh directory, in this process or in its own."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import argon2
import argon2.profiles
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from collector.app import create_app, open_stores
from collector.domain import Act, School, SchoolKind, Scope, Stage
from collector.enrolment.service import new_code, new_key
from collector.ingest.limits import IngestLimits
from collector.settings import RECORDS_FILE, Settings
from collector.storage.ports import RecordStore, SeriesStore
from collector.storage.sql_records import SqlRecordStore, open_records
from rubrics.model import Rubric

GOLDEN = Path(__file__).parents[1] / "contract" / "batch_v1.json"
NOW = datetime(2026, 11, 20, 1, 0, 20, tzinfo=UTC)
"""Five seconds after the golden batch was sent."""
START_S = 120.0
"""Only ends a wait for what will never come: a loaded machine takes a minute to start a process."""


@pytest.fixture
def golden() -> dict[str, Any]:
    """Return the golden batch of wire version 1, fresh for each test."""
    batch: dict[str, Any] = json.loads(GOLDEN.read_bytes())
    return copy.deepcopy(batch)


@pytest.fixture(scope="session", autouse=True)
def _quick_for_tests() -> Iterator[None]:
    """Hash passwords with the least work, and let collectors of tests make no summaries unasked.

    Both are parameters of the real thing: argon2's cost, and when a started worker begins.
    Collectors that run as processes of their own keep theirs.
    """
    with pytest.MonkeyPatch.context() as patch:
        cheap = argon2.PasswordHasher.from_parameters(argon2.profiles.CHEAPEST)
        patch.setattr("collector.people.passwords._hasher", cheap)
        patch.setattr("collector.summaries.worker.START_AFTER_S", 3600.0)
        yield


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty record database: migrating one for each test takes most of it."""
    path = tmp_path_factory.mktemp("migrated") / RECORDS_FILE
    open_records(f"sqlite:///{path}", lambda _: None).close()
    return path


@pytest.fixture
def migrated_data(tmp_path: Path, migrated: Path) -> Path:
    """Return a data directory with an empty record database that needs no migration."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copyfile(migrated, folder / RECORDS_FILE)
    return folder


@pytest.fixture
def records(tmp_path: Path, migrated: Path) -> Iterator[SqlRecordStore]:
    """Yield an empty record store."""
    shutil.copyfile(migrated, tmp_path / RECORDS_FILE)
    store = open_records(f"sqlite:///{tmp_path / RECORDS_FILE}", lambda _: None)
    yield store
    store.close()


def school(school_id: str = "zx-001") -> School:
    """Return a primary school of 1290 heads."""
    return School(
        school_id, "示例小学", SchoolKind.GENERAL, (Stage.PRIMARY,), students=1200, staff=90
    )


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def advance(self, **by: float) -> None:
        """Move forward."""
        self.now += timedelta(**by)


@dataclass
class County:
    """A wired collector in this process, with two schools and one key of every kind."""

    app: FastAPI
    client: TestClient
    records: RecordStore
    series: SeriesStore
    clock: Clock
    keys: dict[str, str] = field(default_factory=dict)
    agent_id: str = ""

    def push(self, body: Any, key: str = "agent", **headers: str) -> Any:
        """Push a batch (or raw bytes) and return the response."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            "/api/v1/readings",
            content=content,
            headers={
                "Authorization": f"Bearer {self.keys[key]}",
                "Content-Type": "application/json",
                **headers,
            },
        )

    def enrol(self, school_id: str = "zx-001") -> tuple[str, str]:
        """Enrol an agent over HTTP; return its id and key."""
        code, _ = new_code(self.records, school_id, self.clock())
        answer = self.client.post(
            "/api/v1/enrol", json={"code": code, "host": {"name": "lab-1", "system": "linux"}}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["agent_id"], answer.json()["key"]

    def wait_applied(self) -> None:
        """Wait until nothing waits in the inbox."""
        deadline = time.monotonic() + 10
        while self.records.pending_count():
            assert time.monotonic() < deadline, "the inbox was not drained within 10 s"
            time.sleep(0.005)


@pytest.fixture
def start_county(tmp_path: Path, migrated: Path) -> Iterator[Callable[..., County]]:
    """Yield a factory of counties; all are shut down at the end of the test."""
    clients: list[TestClient] = []

    def start(
        host: str = "127.0.0.1",
        limits: IngestLimits | None = None,
        name: str = "data",
        rubrics: Mapping[str, Rubric] | None = None,
    ) -> County:
        settings = Settings(data=tmp_path / name, host=host)
        if not settings.data.exists():
            settings.data.mkdir(mode=0o700)
            shutil.copyfile(migrated, settings.data / RECORDS_FILE)
        stores = open_stores(settings, lambda _: None)
        clock = Clock()
        app = create_app(settings, stores, rubrics or {}, clock=clock, limits=limits)
        client = TestClient(app, base_url=f"http://{host}:8300", raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        county = County(app, client, stores.records, stores.series, clock)
        stores.records.put_school(school("zx-001"))
        stores.records.put_school(school("zx-002"))
        county.agent_id, county.keys["agent"] = county.enrol()
        other_id, county.keys["revoked"] = county.enrol()
        stores.records.revoke_agent(other_id, Act("test", NOW, "agent.revoke"))
        for scope, owner in (
            (Scope.WRITE, "zx-001"),
            (Scope.READ, None),
            (Scope.BUREAU, None),
        ):
            county.keys[scope.value], _ = new_key(stores.records, scope, owner, "test", NOW)
        return county

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def county(start_county: Callable[..., County]) -> County:
    """Return a county on a loopback address."""
    return start_county()


class CollectorProcess:
    """`campusgauge serve` as a real process on a free port."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it has written its local file, which is when it serves."""
        local_file = self.data / "collector.json"
        local_file.unlink(missing_ok=True)
        log = (self.data / "serve.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "collector", "serve", "--data", str(self.data), "--port=0"],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while not local_file.exists():
            assert self._process.poll() is None, (self.data / "serve.log").read_text()
            assert time.monotonic() < deadline, "the collector did not start"
            time.sleep(0.02)
        self.address = json.loads(local_file.read_text())["address"]

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        os.kill(process.pid, number)
        return process.wait(START_S)


@pytest.fixture
def collector_process(migrated_data: Path) -> Iterator[CollectorProcess]:
    """Yield a collector that is not started yet, on a data directory with one school."""
    store = open_records(f"sqlite:///{migrated_data / RECORDS_FILE}", lambda _: None)
    store.put_school(school())
    store.close()
    process = CollectorProcess(migrated_data)
    yield process
    process.kill()

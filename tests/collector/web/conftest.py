"""A county on real stores and the real engine behind the pages; only the case is hand-made."""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from collector import problems
from collector.access import Access
from collector.domain import (
    STANDING,
    Agent,
    Batch,
    EnrolmentCode,
    Key,
    Outcome,
    School,
    SchoolKind,
    Scope,
    Stage,
    StoredReading,
    StoredSheet,
)
from collector.errors import NotFoundError, UnprocessableError
from collector.people.accounts import Accounts
from collector.people.services import PeopleServices
from collector.people.sign_in import SignIn
from collector.scoring.service import ScoringService
from collector.security_headers import SecurityHeaders
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.ports import Delivery
from collector.storage.sql_records import SqlRecordStore, open_records
from collector.summaries.short_sheet import summary_of
from collector.web.services import WebServices
from collector.web.site import Site
from rubrics.engine import evaluate
from rubrics.loader import load_rubric
from rubrics.model import Rubric

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


@dataclass
class CaseSheets:
    """Scores every school by the engine on one hand-made case, and keeps the sheet.

    Indicators from samples need weeks of them; what the pages show of a sheet does not.
    """

    records: SqlRecordStore
    rubrics: dict[str, Rubric]
    case: dict[str, Any]
    refusal: str | None = None

    def score(
        self,
        school_id: str,
        rubric_id: str,
        now: datetime,
        *,
        fresh: bool = True,  # noqa: ARG002  # of the interface; nothing is measured here
    ) -> StoredSheet:
        """Return the sheet; refuse what the scoring service would refuse."""
        school = self.records.school(school_id)
        if school is None:
            raise NotFoundError("school_unknown", f"There is no school {school_id!r}.")
        if self.refusal is not None:
            raise UnprocessableError("case_unusable", self.refusal)
        profile = {
            "id": school.id,
            "name": school.name,
            "kind": school.kind.value,
            "stages": [stage.value for stage in school.stages],
            "students": school.students,
            "staff": school.staff,
            "classes": school.classes,
        }
        case = {**self.case, "school": profile}
        sheet = evaluate(self.rubrics[rubric_id], case)
        stored = StoredSheet(
            school_id,
            rubric_id,
            self.rubrics[rubric_id].version,
            sheet.content_hash,
            now,
            json.dumps(case),
            json.dumps(sheet.to_json(), ensure_ascii=False),
        )
        self.records.add_sheet(stored)
        names = list(self.rubrics[rubric_id].indicators)
        short = summary_of(sheet.to_json(), STANDING, school_id, now, names)
        self.records.put_summaries(STANDING, school_id, [short])
        return stored


@dataclass
class County:
    """The stores with short ways to fill them."""

    records: SqlRecordStore
    series: DuckDBSeriesStore
    sheets: CaseSheets
    rubrics: dict[str, Rubric]
    now: datetime = NOW
    sequence: int = field(default=0)

    def add_school(self, school_id: str, name: str = "乌杨小学", **profile: Any) -> School:
        """Add a school of 1200 students and 90 staff unless told otherwise."""
        given = {
            "kind": SchoolKind.GENERAL,
            "stages": (Stage.PRIMARY,),
            "students": 1200,
            "staff": 90,
            "classes": 24,
            "as_of": date(2026, 9, 1),
            **profile,
        }
        school = School(school_id, name, **given)
        self.records.put_school(school)
        return school

    def add_agent(self, school_id: str, host: str = "server-01") -> str:
        """Enrol an agent."""
        agent_id = f"agent-{school_id}-{host}"
        secret = hashlib.sha256(agent_id.encode()).digest()
        later = self.now + timedelta(days=7)
        self.records.add_code(EnrolmentCode(secret, school_id, self.now, later, 3))
        agent = Agent(agent_id, school_id, host, "linux", self.now - timedelta(days=30))
        key = Key(f"key-{agent_id}", Scope.AGENT, secret, self.now, school_id, agent_id)
        assert self.records.enrol(secret, agent, key, self.now)
        return agent_id

    def push(self, school_id: str, agent_id: str, ago: timedelta, skew_s: float = 0.2) -> None:
        """Let an agent be heard `ago` before now, with one good and one limited reading."""
        self.sequence += 1
        at, name = self.now - ago, f"batch-{self.sequence}"
        digest = hashlib.sha256(name.encode()).digest()
        delivery = Delivery(
            name,
            school_id,
            agent_id,
            "stream",
            self.sequence,
            at,
            2,
            digest,
            b"{}",
            "0.1.0",
            skew_s,
        )
        self.records.accept([delivery])
        good = StoredReading(
            2 * self.sequence, "server_headroom", "host", at, Outcome.OK,
            values={"cpu_used_ratio": 0.125},
        )  # fmt: skip
        limited = StoredReading(
            2 * self.sequence + 1, "outlet_bandwidth", "default", at, Outcome.LIMITED, "same_host",
            {"download_line_rate_mbps": 9120.5}, limited_by=("same_host",),
        )  # fmt: skip
        batch = Batch(name, school_id, agent_id, "stream", self.sequence, at, (good, limited))
        self.series.apply_batches([batch])

    def close(self) -> None:
        """Close both stores."""
        self.series.close()
        self.records.close()

    def app(self, *, open_viewing: bool = True) -> FastAPI:
        """Return the pages with the collector's own access rule, headers and error answers."""
        app = FastAPI(docs_url=None, redoc_url=None)
        app.state.access = Access(
            self.records,
            open_viewing=open_viewing,
            session_secret="s" * 32,
            clock=lambda: self.now,
        )
        app.state.people = PeopleServices(
            self.records,
            Accounts(self.records),
            SignIn(self.records, lambda: self.now),
            lambda: self.now,
        )
        services = WebServices(
            self.records,
            self.series,
            self.sheets,
            self.rubrics,
            lambda: self.now,
            ScoringService(self.records, self.series, self.rubrics),
        )
        site = Site(services)
        site.mount(app)
        problems.install(app, site.error_page)
        app.add_middleware(SecurityHeaders)
        return app


def open_county(folder: Path, migrated: Path) -> County:
    """Open an empty county in a folder, on a copy of a migrated database."""
    shutil.copyfile(migrated, folder / "records.sqlite3")
    records = open_records(f"sqlite:///{folder / 'records.sqlite3'}", lambda _: None)
    series = DuckDBSeriesStore(folder / "series.duckdb")
    rubric = load_rubric(DATA / "rubric.yaml")
    rubrics = {rubric.id: rubric}
    case = json.loads((DATA / "case.json").read_text("utf-8"))
    return County(records, series, CaseSheets(records, rubrics, case), rubrics)


def fill(county: County) -> None:
    """Add a school in every reporting state, the example school first."""
    county.add_school("zx-001", "示例小学", is_example=True)
    county.push("zx-001", county.add_agent("zx-001"), timedelta(minutes=3), skew_s=95.0)
    county.add_school("zx-002", "拔山中学", stages=(Stage.JUNIOR,), students=None)
    county.push("zx-002", county.add_agent("zx-002"), timedelta(days=3))
    county.add_school("zx-003", "白石小学")
    county.add_agent("zx-003")
    county.add_school("zx-004", "石宝小学")
    county.sheets.score("zx-001", "test-campus", county.now - timedelta(minutes=2))


@pytest.fixture
def county(tmp_path: Path, migrated: Path) -> Iterator[County]:
    """Yield an empty county."""
    county = open_county(tmp_path, migrated)
    yield county
    county.close()


@pytest.fixture
def busy_county(county: County) -> County:
    """Return a county with a school in every reporting state."""
    fill(county)
    return county


@pytest.fixture
def client(county: County) -> Iterator[TestClient]:
    """Yield a browser-like client that reads Chinese."""
    headers = {"accept": "text/html", "accept-language": "zh-CN"}
    with TestClient(county.app(), "http://127.0.0.1", headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def live_address(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[str]:
    """Yield the address of a busy county's pages, served by uvicorn on a free port."""
    county = open_county(tmp_path_factory.mktemp("live"), migrated)
    fill(county)
    config = uvicorn.Config(county.app(), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started, "the server did not start within 10 s"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)
    county.close()

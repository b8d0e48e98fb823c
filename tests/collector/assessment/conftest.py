"""A county with six schools of different kinds, its people, and a round over real stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from collector.access import make_key
from collector.app import create_app, open_stores
from collector.domain import (
    Act,
    Batch,
    Outcome,
    Person,
    Role,
    School,
    SchoolKind,
    Stage,
    StoredReading,
    Token,
    TokenScope,
)
from collector.settings import Settings
from collector.storage.ports import RecordStore, SeriesStore
from rubrics.loader import official_rubrics

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
INSPECTION, GENERAL = "zhongxian-inspection", "zhongxian-smart-campus-general"
VOCATIONAL, PROFILE = "zhongxian-smart-campus-vocational", "zhongxian-smart-campus-profile"
P, J, S = Stage.PRIMARY, Stage.JUNIOR, Stage.SENIOR
FORMS: dict[str, dict[str, Any]] = {
    "primary": {"stages": (P,), "students": 1200, "staff": 90},
    "junior": {"stages": (J,), "students": 900, "staff": 80},
    "nine": {"stages": (P, J), "students": 1500, "staff": 120},
    "complete": {"stages": (J, S), "students": 3000, "staff": 260},
    "vocational": {"kind": SchoolKind.VOCATIONAL, "students": 2000, "staff": 150},
    "point": {
        "stages": (P,), "students": 30, "staff": 4, "teaching_point": True,
        "main_school_id": "primary",
    },
}  # fmt: skip


def school(school_id: str) -> School:
    """Return one of the six schools."""
    kind = {"kind": SchoolKind.GENERAL, **FORMS[school_id]}
    return School(school_id, f"示例 {school_id}", classes=24, as_of=date(2026, 9, 1), **kind)


@dataclass
class Cast:
    """The wired collector and everybody who uses it, each with a token."""

    client: TestClient
    records: RecordStore
    series: SeriesStore
    data: Path
    now: datetime = NOW
    tokens: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def clock(self) -> datetime:
        """Tell the time; it stands still until a test moves it."""
        return self.now

    def add_person(self, name: str, role: Role, school_id: str | None = None) -> None:
        """Let somebody in; the name is the one to call with."""
        act, key = Act("system", self.now, "test"), make_key("cgt")
        person = Person(name, name, name, role, self.now, school_id)
        self.records.add_person(person, None, act)
        ends = self.now + timedelta(days=300)
        self.records.add_token(
            Token(key.id, name, name, TokenScope.WRITE, key.secret_sha256, self.now, ends), act
        )
        self.tokens[name] = key.text

    def call(self, who: str, method: str, path: str, body: Any = None, want: int = 200) -> Any:
        """Call a route as somebody; the answer must have the status wanted."""
        answer = self.client.request(
            method,
            f"/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
        )
        assert answer.status_code == want, (who, method, path, answer.text[:2000])
        return answer.json()

    def measure_outlet(self, school_id: str, mbps: float, days: int = 12, hour: int = 2) -> None:
        """Store six bandwidth tests on each of the days before today."""
        times = [
            self.now.replace(hour=hour, minute=0) - timedelta(days=day) + timedelta(minutes=20 * n)
            for day in range(days)
            for n in range(6)
        ]
        values = {"download_line_rate_mbps": mbps}
        self._store(school_id, "outlet_bandwidth", "isp", times, values)

    def watch_outlet(self, school_id: str, days: int) -> None:
        """Store that the outlet was reachable at ten in the morning of the days before today."""
        times = [self.now.replace(hour=2, minute=0) - timedelta(days=n + 1) for n in range(days)]
        self._store(school_id, "anchors", "outlet", times, {"reachable": 1.0})

    def _store(
        self, school_id: str, probe: str, target: str, times: list[datetime], values: Any
    ) -> None:
        readings = tuple(
            StoredReading(
                sequence=next(self._numbers),
                probe=probe,
                target=target,
                time=time,
                outcome=Outcome.OK,
                values=values,
                limited_by=(),
            )
            for time in times
        )
        batch = Batch(f"b{next(self._numbers)}", school_id, "a1", "st", 1, self.now, readings)
        assert self.series.apply_batches([batch]) == 1

    def draft(self, *rubric_ids: str, schools: tuple[str, ...] = ("primary",), **more: Any) -> Any:
        """Draft a round over these schools and rubrics."""
        body = {
            "title": "2026 年秋季评估",
            "as_of": "2026-09-01",
            "since": "2026-09-01",
            "until": "2026-11-30",
            "rubrics": [{"rubric_id": name} for name in rubric_ids],
            "school_ids": list(schools),
            **more,
        }
        return self.call("admin", "POST", "/rounds", body, want=201)

    def open(self, *rubric_ids: str, schools: tuple[str, ...] = ("primary",), **more: Any) -> str:
        """Draft and open a round; return its id."""
        drafted = self.draft(*rubric_ids, schools=schools, **more)
        self.call("admin", "POST", f"/rounds/{drafted['id']}/open", {"revision": 1})
        round_id: str = drafted["id"]
        return round_id

    def case(self, round_id: str, school_id: str, rubric_id: str) -> CaseCalls:
        """Return the calls of one case."""
        return CaseCalls(self, f"/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}")


@dataclass
class CaseCalls:
    """What people do with one case."""

    cast: Cast
    path: str

    def form(self, who: str = "admin") -> Any:
        """Return the form."""
        return self.cast.call(who, "GET", self.path)

    def field(self, item_id: str, name: str) -> Any:
        """Return one field of the form."""
        (found,) = [f for f in self.item(item_id)["fields"] if f["name"] == name]
        return found

    def item(self, item_id: str) -> Any:
        """Return one item of the form."""
        sections = self.form()["sections"]
        (found,) = [i for section in sections for i in section["items"] if i["id"] == item_id]
        return found

    def finding(self, item_id: str, finding_id: str) -> Any:
        """Return one finding of the sheet."""
        sheet = self.cast.call("admin", "GET", f"{self.path}/sheet")
        (found,) = [f for f in sheet["items"][item_id]["findings"] if f["id"] == finding_id]
        return found

    def put(self, who: str, place: str, body: Any, want: int = 200) -> Any:
        """Write into the case."""
        return self.cast.call(who, "PUT", f"{self.path}/{place}", body, want)

    def step(self, who: str, step: str, want: int = 200, **body: Any) -> Any:
        """Take a step on the present revision."""
        if "revision" not in body:
            body["revision"] = self.state()["revision"]
        return self.cast.call(who, "POST", f"{self.path}/{step}", body, want)

    def state(self) -> Any:
        """Return where the case stands."""
        _, _, round_id, _, school_id, _, rubric_id = self.path.split("/")
        query = f"school_id={school_id}&rubric_id={rubric_id}"
        (found,) = self.cast.call("admin", "GET", f"/rounds/{round_id}/cases?{query}")["cases"]
        return found

    def hand_in(self, who: str) -> None:
        """Sign, submit and accept."""
        self.step(who, "sign")
        self.step(who, "submit")
        self.step("admin", "accept")


@pytest.fixture
def start_cast(migrated_data: Path) -> Iterator[Callable[..., Cast]]:
    """Yield a factory of counties on SQLite, or on the records URL given."""
    with ExitStack() as stack:

        def start(records: str | None = None) -> Cast:
            settings = Settings(data=migrated_data, records=records)
            stores = open_stores(settings, lambda _: None)
            made: list[Cast] = []
            app = create_app(
                settings, stores, official_rubrics(), clock=lambda: made[0].now if made else NOW
            )
            client = stack.enter_context(
                TestClient(app, base_url="http://127.0.0.1:8300", raise_server_exceptions=False)
            )
            cast = Cast(client, stores.records, stores.series, settings.data)
            made.append(cast)
            for name in FORMS:
                stores.records.put_school(school(name), Act("system", NOW, "test"))
                cast.add_person(f"editor-{name}", Role.EDITOR, name)
                cast.add_person(f"head-{name}", Role.HEADMASTER, name)
            cast.add_person("admin", Role.ADMIN)
            cast.add_person("second", Role.ADMIN)
            return cast

        yield start


@pytest.fixture
def cast(start_cast: Callable[..., Cast]) -> Cast:
    """Return a county on SQLite."""
    return start_cast()

"""A wired collector with one school, and an admin's browser that runs no scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from collector.access import SESSION_COOKIE, csrf_token, new_session_token, sha256
from collector.app import create_app, open_stores
from collector.domain import Act, Person, Role, School, SchoolKind, Session, Stage
from collector.domain.cases import CaseKey
from collector.settings import Settings
from collector.storage.ports import RecordStore
from rubrics.loader import official_rubrics

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
RUBRIC = "zhongxian-inspection"


@dataclass
class Bureau:
    """A wired collector with one school and an admin's browser that runs no scripts."""

    client: TestClient
    records: RecordStore
    token: str = ""
    now: datetime = NOW

    def sign_in(self, person_id: str = "admin") -> None:
        """Start a session now; the one of yesterday is over."""
        self.token = new_session_token()
        act = Act("system", self.now, "test")
        session = Session(sha256(self.token), person_id, self.now, self.now, "")
        self.records.add_session(session, act)
        self.client.cookies.set(SESSION_COOKIE, self.token)

    def get(self, path: str) -> str:
        """Open a page; it has to be there."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text[:2000]
        return answer.text

    def post(self, path: str, want: int = 303, **fields: str) -> Response:
        """Send a form as a browser does."""
        data = {"csrf_token": csrf_token(self.token), **fields}
        answer = self.client.post(path, data=data)
        assert answer.status_code == want, answer.text[:3000]
        return answer

    def draft(self, want: int = 303, **fields: str) -> Response:
        """Send the form of a new round."""
        given = {"title": "秋季督查", "as_of": "2026-09-01", "since": "2026-09-01",
                 "until": "2026-11-30", "rubric": RUBRIC, "appeal_working_days": "0"}  # fmt: skip
        return self.post("/rounds", want, **{**given, **fields})

    def open_round(self) -> str:
        """Make and open a round; return its id."""
        place = self.draft().headers["location"]
        self.post(f"{place}/open", revision="1")
        return place.rsplit("/", 1)[1]

    def hand_in(self, round_id: str) -> CaseKey:
        """Let the school sign and submit, which the bureau cannot do in its name."""
        key = CaseKey(round_id, "zx-001", RUBRIC)
        desk = self.client.app.state.assessment  # type: ignore[attr-defined]  # FastAPI's state
        act = Act("person:head", self.now, "case.sign")
        case = desk.steps.sign(key, 1, act)
        desk.steps.submit(key, case.revision, act)
        return key


@pytest.fixture
def start(migrated_data: Path) -> Iterator[Callable[..., Bureau]]:
    """Yield a factory of bureaus."""
    made: list[Bureau] = []
    settings = Settings(data=migrated_data)
    stores = open_stores(settings, lambda _: None)
    app = create_app(
        settings, stores, official_rubrics(), clock=lambda: made[0].now if made else NOW
    )
    headers = {"accept": "text/html", "accept-language": "zh-CN"}
    with TestClient(
        app, "http://127.0.0.1:8300", headers=headers, follow_redirects=False
    ) as client:

        def begin(*, with_school: bool = True) -> Bureau:
            act = Act("system", NOW, "test")
            if with_school:
                stores.records.put_school(
                    School(
                        "zx-001", "乌杨小学", SchoolKind.GENERAL, (Stage.PRIMARY,), 1200, 90, 24,
                        date(2026, 9, 1),
                    )
                )  # fmt: skip
            stores.records.add_person(
                Person("admin", "admin", "李督学", Role.ADMIN, NOW), None, act
            )
            made.append(Bureau(client, stores.records))
            made[0].sign_in()
            return made[0]

        yield begin


@pytest.fixture
def bureau(start: Callable[..., Bureau]) -> Bureau:
    """Return a bureau."""
    return start()

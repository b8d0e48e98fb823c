"""One school with an open round over the whole collector, and its people in browsers."""

from __future__ import annotations

import shutil
import threading
import time as clock
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from collector.access import SESSION_COOKIE, new_session_token, sha256
from collector.app import create_app, open_stores
from collector.domain import (
    Act,
    CaseKey,
    Deadlines,
    Person,
    PinnedRubric,
    Role,
    Round,
    School,
    SchoolKind,
    Session,
    Stage,
)
from collector.settings import Settings
from collector.storage.ports import RecordStore
from rubrics.loader import official_rubrics

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
INSPECTION, PROFILE = "zhongxian-inspection", "zhongxian-smart-campus-profile"
GENERAL = "zhongxian-smart-campus-general"
SCHOOL = "xx-1"


class Page(HTMLParser):
    """An answer as a browser without scripts sees it: text, and what each form would send."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status_code
        self.text = answer.text
        self.forms: dict[str, dict[str, str]] = {}
        self._names: dict[str, str] = {}
        self._within = ""
        self._select: tuple[str, str] | None = None
        self._area: tuple[str, str] | None = None
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms and their controls."""
        given = dict(attrs)
        if tag == "form":
            self._within = str(given.get("action"))
            self.forms.setdefault(self._within, {})
            if given.get("id"):
                self._names[str(given["id"])] = self._within
        target = self._names.get(str(given.get("form")), self._within)
        name = str(given.get("name") or "")
        if tag == "textarea":
            self._area = (target, name)
            self.forms.setdefault(target, {})[name] = ""
        elif tag == "select":
            self._select = (target, name)
        elif tag == "option" and self._select and "selected" in given:
            self.forms[self._select[0]][self._select[1]] = str(given.get("value"))
        elif tag == "input" and name and given.get("type") != "file" and "disabled" not in given:
            kind = given.get("type")
            if kind not in ("radio", "checkbox") or "checked" in given:
                self.forms.setdefault(target, {})[name] = str(given.get("value") or "")

    def handle_data(self, data: str) -> None:
        """Note what stands in a text area."""
        if self._area:
            # HTML drops the line break after the opening tag.
            self.forms[self._area[0]][self._area[1]] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        """Note where a form or a text area ends."""
        if tag == "form":
            self._within = ""
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def form(self, ending: str) -> tuple[str, dict[str, str]]:
        """Return address and fields of the form whose address ends like this."""
        (found,) = {action for action in self.forms if action.endswith(ending)}
        return found, dict(self.forms[found])


@dataclass
class Visitor:
    """A signed-in person's browser without scripts; it follows redirects."""

    client: TestClient

    def get(self, path: str) -> Page:
        """Open an address."""
        return Page(self.client.get(path))

    def send(self, page: Page, ending: str, **more: Any) -> Page:
        """Send a form of a page, with some fields typed anew."""
        action, given = page.form(ending)
        files = more.pop("files", None)
        data = {**given, **{name.replace("__", ":"): text for name, text in more.items()}}
        return Page(self.client.post(action, data=data, files=files))

    def type(self, page: Page, ending: str, typed: dict[str, str]) -> Page:
        """Send a form with these controls filled in."""
        action, given = page.form(ending)
        return Page(self.client.post(action, data={**given, **typed}))


@dataclass
class House:
    """The wired collector, one school, one round."""

    app: FastAPI
    records: RecordStore
    round_id: str
    now: datetime = NOW
    sessions: dict[str, str] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def address(self, rubric_id: str = INSPECTION) -> str:
        """Return the path of a case's page."""
        return f"/rounds/{self.round_id}/schools/{SCHOOL}/rubrics/{rubric_id}"

    def key(self, rubric_id: str = INSPECTION) -> CaseKey:
        """Return which case."""
        return CaseKey(self.round_id, SCHOOL, rubric_id)

    def act(self, action: str = "test") -> Act:
        """Return an act of the system."""
        return Act("system", self.now, action)

    def add_person(self, name: str, role: Role, school_id: str | None) -> None:
        """Let somebody in, with a session."""
        self.records.add_person(
            Person(name, name, f"{name}老师", role, self.now, school_id), None, self.act()
        )
        token = new_session_token()
        self.records.add_session(Session(sha256(token), name, self.now, self.now, ""), self.act())
        self.sessions[name] = token

    def open_round(self, title: str, as_of: date) -> None:
        """Open a round of three documents for the school; it becomes the one in use."""
        draft = Round(
            id=f"round-{as_of}",
            title=title,
            as_of=as_of,
            since=as_of,
            until=as_of + timedelta(days=90),
            rubrics=tuple(PinnedRubric(name) for name in (INSPECTION, PROFILE, GENERAL)),
            school_ids=(SCHOOL,),
            deadlines=Deadlines(
                submit_by=max(self.now, datetime.combine(as_of, time(), UTC)) + timedelta(days=60)
            ),
        )
        rounds = self.app.state.assessment.rounds
        held = rounds.create(draft, self.act())
        rounds.open(held.id, held.revision, self.act())
        self.round_id = held.id

    def visitor(self, name: str) -> Visitor:
        """Return the browser of a person."""
        client = TestClient(
            self.app,
            base_url="http://127.0.0.1:8300",
            headers={"accept": "text/html", "accept-language": "zh-CN"},
            cookies={SESSION_COOKIE: self.sessions[name]},
            raise_server_exceptions=False,
        )
        return Visitor(client)


def open_house(folder: Path, migrated: Path, now: datetime = NOW) -> House:
    """Open a collector with one school and an open round over three documents."""
    settings = Settings(data=folder)
    shutil.copyfile(migrated, folder / "records.sqlite3")
    stores = open_stores(settings, lambda _: None)
    made: list[House] = []
    app = create_app(
        settings, stores, official_rubrics(), clock=lambda: made[0].now if made else now
    )
    house = House(app, stores.records, "", now)
    made.append(house)
    for school_id, name in ((SCHOOL, "乌杨初级中学"), ("xx-2", "石宝初级中学")):
        stores.records.put_school(
            School(
                school_id,
                name,
                SchoolKind.GENERAL,
                (Stage.JUNIOR,),
                900,
                80,
                classes=18,
                as_of=date(2026, 9, 1),
            )
        )
    for person, role, at in (
        ("editor", Role.EDITOR, SCHOOL),
        ("second", Role.EDITOR, SCHOOL),
        ("head", Role.HEADMASTER, SCHOOL),
        ("admin", Role.ADMIN, None),
        ("stranger", Role.EDITOR, "xx-2"),
    ):
        house.add_person(person, role, at)
    house.open_round("2026 年秋季评估", date(2026, 9, 1))
    return house


@pytest.fixture
def house(tmp_path: Path, migrated: Path) -> Iterator[House]:
    """Yield a collector with an open round."""
    house = open_house(tmp_path, migrated)
    with TestClient(house.app, base_url="http://127.0.0.1:8300"):
        yield house


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[tuple[House, str]]:
    """Yield such a collector behind uvicorn, with its address."""
    folder = tmp_path_factory.mktemp("cases")
    house = open_house(folder, migrated, datetime.now(UTC))
    config = uvicorn.Config(house.app, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = clock.monotonic() + 20
    while not server.started and clock.monotonic() < deadline:
        clock.sleep(0.02)
    assert server.started, "the server did not start within 20 s"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield house, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)

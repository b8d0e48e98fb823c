"""The bureau's pages without JavaScript: plain forms, over the collector as it is wired."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from collector.access import SESSION_COOKIE, csrf_token, new_session_token, sha256
from collector.app import create_app, open_stores
from collector.domain import Act, Person, Role, School, SchoolKind, Session, Side, Stage
from collector.domain.cases import CaseKey, CaseState
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

    def sign_in(self) -> None:
        """Start a session now; the one of yesterday is over."""
        self.token = new_session_token()
        act = Act("system", self.now, "test")
        session = Session(sha256(self.token), "admin", self.now, self.now, "")
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
def start(tmp_path: Path) -> Iterator[Callable[[], Bureau]]:
    """Yield a factory of bureaus."""
    made: list[Bureau] = []
    settings = Settings(data=tmp_path / "data")
    stores = open_stores(settings, lambda _: None)
    app = create_app(
        settings, stores, official_rubrics(), clock=lambda: made[0].now if made else NOW
    )
    headers = {"accept": "text/html", "accept-language": "zh-CN"}
    with TestClient(
        app, "http://127.0.0.1:8300", headers=headers, follow_redirects=False
    ) as client:

        def begin() -> Bureau:
            act = Act("system", NOW, "test")
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
def bureau(start: Callable[[], Bureau]) -> Bureau:
    """Return a bureau."""
    return start()


def hidden(page: str, item_id: str, name: str) -> str:
    """Return a hidden field of an item's form."""
    part = page.split(f'id="item-{item_id}"', 1)[1]
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', part)
    assert found, name
    return found[1]


def test_a_round_goes_from_draft_to_publication(bureau: Bureau) -> None:
    """Create, open, close, review, publish: every step by a plain form."""
    round_id = bureau.open_round()
    key = bureau.hand_in(round_id)
    bureau.post(f"/rounds/{round_id}/close", revision="2")
    page = bureau.post(
        f"/rounds/{round_id}/cases", want=200, action="accept",
        case=f"zx-001/{RUBRIC}/3",
    ).text  # fmt: skip
    assert "已办理" in page
    review = f"/rounds/{round_id}/schools/zx-001/rubrics/{RUBRIC}/review"
    bureau.post(f"{review}/finish", revision="4")
    bureau.now += timedelta(days=4)
    bureau.sign_in()
    bureau.post(f"{review}/finish", revision="5")
    case = bureau.records.case(key)
    assert case is not None
    assert case.state is CaseState.FINAL
    refused = bureau.post(f"/rounds/{round_id}/publish", want=422, revision="3")
    assert "请先勾选确认" in refused.text
    bureau.post(f"/rounds/{round_id}/publish", revision="3", confirmed="yes")
    assert "乌杨小学" in bureau.get(f"/rounds/{round_id}/publications/1")


def test_a_wrong_draft_comes_back_with_what_was_typed(bureau: Bureau) -> None:
    """Nothing typed is lost, and the wrong field is named."""
    page = bureau.draft(want=422, title="长假之后", since="九月一日", terms="2026-09-01").text
    assert 'value="长假之后"' in page
    assert 'value="九月一日"' in page
    assert "日期写成 2026-09-01 的样子" in page
    assert "每行写起止" in page


def test_one_item_is_reviewed_and_sent_again_without_harm(bureau: Bureau) -> None:
    """The same form twice, as after a lost answer, is one change in the history."""
    round_id = bureau.open_round()
    key = bureau.hand_in(round_id)
    review = f"/rounds/{round_id}/schools/zx-001/rubrics/{RUBRIC}/review"
    bureau.post(f"{review}/accept", revision="3")
    page = bureau.get(review)
    form = {"v.rooms_missing": "2", "s.rooms_missing": hidden(page, "C4", "s.rooms_missing"),
            "r.rooms_missing": hidden(page, "C4", "r.rooms_missing"), "points": "2",
            "s.points": "", "remark": "缺 2 间", "s.remark": "", "r.mark": "0"}  # fmt: skip
    bureau.post(f"{review}/items/C4", **form)
    bureau.post(f"{review}/items/C4", **form)
    history = bureau.records.case_entry_history(key, "C4", "rooms_missing")
    assert [(one.side, one.value) for one in history] == [(Side.OFFICIAL, 2)]
    assert len(bureau.records.case_mark_history(key, "C4")) == 1
    again = bureau.post(f"{review}/items/C4", want=409, **{**form, "v.rooms_missing": "3"}).text
    assert "现在存的是“2”（李督学）" in again
    assert 'value="3"' in again


def test_a_value_that_the_field_does_not_take_is_named(bureau: Bureau) -> None:
    """The form comes back with the value and what is wrong with it."""
    round_id = bureau.open_round()
    bureau.hand_in(round_id)
    review = f"/rounds/{round_id}/schools/zx-001/rubrics/{RUBRIC}/review"
    bureau.post(f"{review}/accept", revision="3")
    page = bureau.post(
        f"{review}/items/C4", want=422, **{"v.rooms_missing": "约两间", "r.rooms_missing": "0"}
    ).text
    assert 'value="约两间"' in page
    assert "这里要填非负整数" in page


def test_the_audit_page_names_people_and_verifies(bureau: Bureau) -> None:
    """What was done shows who did it; the button says whether anything was altered."""
    bureau.draft()
    page = bureau.get("/audit?q=round.create")
    assert "李督学" in page
    assert "round.create" in page
    verified = bureau.post("/audit/verify", want=200).text
    assert "核验通过" in verified


def test_a_new_person_gets_a_code_once(bureau: Bureau) -> None:
    """The code is on the answer to the form and on no later page."""
    page = bureau.post(
        "/people", want=200, name="wang", display_name="王老师", role="editor", school_id="zx-001"
    ).text
    code = re.search(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}", page)
    assert code
    person = bureau.records.person_named("wang")
    assert person is not None
    assert code[0] not in bureau.get(f"/people/{person.id}")
    assert "请" in bureau.post("/people", want=422, name="li", role="editor").text


def test_an_examination_stops_tests_and_ends(bureau: Bureau) -> None:
    """The pause is listed, can be ended, and a wrong one says why."""
    bureau.post(
        "/agents/exams", note="期中考试", since="2026-11-21T08:00", until="2026-11-21T12:00"
    )
    page = bureau.get("/agents")
    assert "期中考试" in page
    number = re.search(r'name="id" value="(\d+)"', page)
    assert number
    bureau.post("/agents/exams/end", id=number[1])
    assert "期中考试" not in bureau.get("/agents")
    assert bureau.post("/agents/exams", want=422, note="", since="", until="").text

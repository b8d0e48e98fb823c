"""An inspector's telephone with poor signal: nothing typed or taken is lost, nothing sent twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from collector.access import SESSION_COOKIE
from collector.domain import Act, Person, Role

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
STEP_MS = 30_000
ITEM = "C4"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@dataclass
class Line:
    """The way to the collector: cuts the answers of some posts after the collector has acted."""

    app: Any
    cuts: int = 0
    statuses: list[int | None] = field(default_factory=list)
    """Of every post that reached the collector; None where its answer was lost on the way."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        answer: list[Any] = []

        async def note(message: Any) -> None:
            answer.append(message)

        await self.app(scope, receive, note)
        if self.cuts:
            self.cuts -= 1
            self.statuses.append(None)
            await send(answer[0])
            raise ConnectionAbortedError("the signal is gone")
        self.statuses.append(answer[0]["status"])
        for message in answer:
            await send(message)


@dataclass
class Phone:
    """A telephone on the page of a case that was accepted for review."""

    bureau: Any
    key: Any
    line: Line
    address: str
    context: BrowserContext
    page: Page

    @property
    def review(self) -> str:
        """The page of the case."""
        key = self.key
        return f"/rounds/{key.round_id}/schools/{key.school_id}/rubrics/{key.rubric_id}/review"

    def sign_in(self, token: str) -> None:
        """Carry a session's cookie."""
        cookie = {"name": SESSION_COOKIE, "value": token, "url": self.address}
        self.context.add_cookies([cookie])  # type: ignore[list-item]  # a typed dict

    def open(self) -> None:
        """Open the case at the item, and wait until it can be opened without network."""
        self.page.goto(f"{self.address}{self.review}?item={ITEM}")
        self.page.wait_for_function(
            "path => navigator.serviceWorker.controller && caches.match(path)", arg=self.review
        )

    @property
    def card(self) -> Any:
        """The item."""
        return self.page.locator(f"#item-{ITEM}")

    def step_up(self) -> None:
        """Count one more missing room."""
        self.card.locator("button.step[data-step='1'][data-for$=rooms_missing]").click()

    def photograph(self, *names: str) -> None:
        """Take photographs for the item; each name has its own content."""
        files = [
            {"name": name, "mimeType": "image/png", "buffer": PNG + name.encode()} for name in names
        ]
        self.card.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]

    def wait_until_it_is_kept(self) -> None:
        """Wait until what was typed is a draft on the telephone."""
        expect(self.page.locator("#draft-summary")).to_contain_text("未同步")

    def wait_until_all_is_sent(self) -> None:
        """Wait until no draft is left on the telephone."""
        expect(self.page.locator("#draft-summary")).not_to_contain_text("未同步", timeout=STEP_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield one browser for all tests of this file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an app on a free loopback port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def phone(start: Callable[[], Any], browser: Browser) -> Iterator[Phone]:
    """Yield a telephone that has opened a case."""
    bureau = start()
    key = bureau.hand_in(bureau.open_round())
    line = Line(bureau.client.app)
    with served(line) as address:
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
        context.set_default_timeout(STEP_MS)
        made = Phone(bureau, key, line, address, context, context.new_page())
        bureau.post(f"{made.review}/accept", revision="3")
        made.sign_in(bureau.token)
        made.open()
        yield made
        context.close()


def test_drafts_survive_a_reload_without_signal_and_are_sent_once(phone: Phone) -> None:
    """Three taps, a remark, a reload, all offline: one request later, one value in the history."""
    phone.context.set_offline(True)
    for _ in range(3):
        phone.step_up()
    phone.card.locator("textarea[name=remark]").fill("信号差时写的")
    phone.wait_until_it_is_kept()
    phone.page.reload()
    phone.page.get_by_text("这一页是此时存在本机的").wait_for()
    expect(phone.card.locator("[id$=rooms_missing]")).to_have_value("3")
    expect(phone.card.locator("textarea[name=remark]")).to_have_value("信号差时写的")
    expect(phone.card.locator("button.step").first).to_be_visible()
    assert phone.line.statuses == []
    phone.context.set_offline(False)
    phone.wait_until_all_is_sent()
    assert phone.line.statuses == [200]
    history = phone.bureau.records.case_entry_history(phone.key, ITEM, "rooms_missing")
    assert [one.value for one in history] == [3]
    (mark,) = phone.bureau.records.case_mark_history(phone.key, ITEM)
    assert mark.remark == "信号差时写的"


def test_photographs_queue_up_and_a_lost_answer_makes_no_second_piece(phone: Phone) -> None:
    """Two taken offline, kept over a reload; the first answer is lost: two pieces, no more."""
    phone.context.set_offline(True)
    phone.photograph("东门.png")
    phone.photograph("机房.png")
    phone.page.get_by_text("已存在本机，等待同步：东门.png, 机房.png").wait_for()
    phone.page.reload()
    phone.page.get_by_text("已存在本机，等待同步：东门.png, 机房.png").wait_for()
    phone.line.cuts = 1
    phone.context.set_offline(False)
    phone.wait_until_all_is_sent()
    assert phone.line.statuses == [None, 200, 200]
    pieces = phone.bureau.records.evidence_of(phone.key.school_id)
    assert sorted(one.name for one in pieces) == ["东门.png", "机房.png"]
    supports = phone.bureau.records.supports(phone.key.school_id, phone.key.rubric_id)
    assert sorted(one.item_id for one in supports) == [ITEM, ITEM]
    assert phone.card.locator(".pieces li").count() == 2


def test_what_was_saved_is_in_the_copy(phone: Phone) -> None:
    """Saved online, opened again offline, changed once more: no clash with one's own change."""
    phone.step_up()
    expect(phone.card.locator(".draft-state").first).to_have_text("已保存")
    phone.context.set_offline(True)
    phone.page.reload()
    expect(phone.card.locator("[id$=rooms_missing]")).to_have_value("1")
    phone.step_up()
    phone.wait_until_it_is_kept()
    phone.context.set_offline(False)
    phone.wait_until_all_is_sent()
    history = phone.bureau.records.case_entry_history(phone.key, ITEM, "rooms_missing")
    assert [one.value for one in history] == [1, 2]


def test_a_new_session_sends_what_an_old_page_kept(phone: Phone) -> None:
    """The page is from before the last sign-in; its token is renewed, the draft goes out."""
    phone.context.set_offline(True)
    phone.step_up()
    phone.wait_until_it_is_kept()
    phone.bureau.sign_in()
    phone.sign_in(phone.bureau.token)
    phone.context.set_offline(False)
    phone.wait_until_all_is_sent()
    assert phone.line.statuses == [403, 200]


def test_nobody_opens_or_sends_what_another_person_left(phone: Phone) -> None:
    """After signing out the copies are gone; the next person's browser leaves the draft alone."""
    phone.context.set_offline(True)
    phone.step_up()
    phone.wait_until_it_is_kept()
    phone.page.close()
    phone.page = phone.context.new_page()
    phone.context.set_offline(False)
    phone.page.goto(f"{phone.address}/account")
    phone.page.get_by_role("button", name="退出", exact=True).click()
    phone.page.wait_for_url("**/sign-in")
    phone.context.set_offline(True)
    answer = phone.page.goto(f"{phone.address}{phone.review}")
    assert answer is not None
    assert answer.status == 503
    assert "这一页没有存在本机" in phone.page.locator("main").inner_text()
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    phone.context.set_offline(False)
    now, records = phone.bureau.now, phone.bureau.records
    second = Person("second", "second", "王督学", Role.ADMIN, now)
    records.add_person(second, None, Act("system", now, "test"))
    phone.bureau.sign_in("second")
    phone.sign_in(phone.bureau.token)
    phone.open()
    expect(phone.card.locator("[id$=rooms_missing]")).to_have_value("")
    expect(phone.page.locator("#draft-summary")).to_be_hidden()
    assert phone.line.statuses == [303], "the signing out alone"

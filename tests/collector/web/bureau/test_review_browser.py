"""An inspector's telephone without signal: drafts are kept, and sent once when there is signal."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from playwright.sync_api import sync_playwright

from collector.access import SESSION_COOKIE

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def test_drafts_typed_without_signal_are_saved_once(start: Callable[[], Any]) -> None:
    """Three taps and a remark while offline: one request afterwards, one value in the history."""
    bureau = start()
    round_id = bureau.open_round()
    key = bureau.hand_in(round_id)
    review = f"/rounds/{round_id}/schools/{key.school_id}/rubrics/{key.rubric_id}/review"
    bureau.post(f"{review}/accept", revision="3")
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(bureau.client.app, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        posts = review_offline(f"{address}{review}?item=C4", address, bureau.token)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
    assert posts == [200]
    history = bureau.records.case_entry_history(key, "C4", "rooms_missing")
    assert [one.value for one in history] == [3]
    (mark,) = bureau.records.case_mark_history(key, "C4")
    assert mark.remark == "信号差时写的"


def review_offline(page_address: str, address: str, token: str) -> list[int]:
    """Type on a telephone without network, then let the network come back; return the answers."""
    posts: list[int] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 390, "height": 900}, locale="zh-CN")
        context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": address}])
        page = context.new_page()
        page.on(
            "response",
            lambda answer: posts.append(answer.status) if answer.request.method == "POST" else None,
        )
        page.goto(page_address)
        card = page.locator("#item-C4")
        plus = card.locator("button.step[data-step='1'][data-for='v-C4-rooms_missing']")
        plus.wait_for()
        context.set_offline(True)
        for _ in range(3):
            plus.click()
        card.locator("textarea[name=remark]").fill("信号差时写的")
        page.get_by_text("没有网络").wait_for()
        assert posts == []
        context.set_offline(False)
        deadline = time.monotonic() + 20
        while not posts and time.monotonic() < deadline:
            page.wait_for_timeout(100)
        page.wait_for_timeout(1500)  # a second request would come within this time
        browser.close()
    return posts

"""The form in real Chromium: fields save themselves, clash politely, survive a lost line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from collector.access import SESSION_COOKIE
from collector.domain import Side

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
SLOW_MS = 30_000
ROOMS = "[id='e:C4:rooms_missing']"

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Debian's chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield one browser for all tests of this file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def open_form(browser: Browser, live: tuple[Any, str], who: str) -> tuple[Page, list[str]]:
    """Open the form as somebody; also return what the console says."""
    house, address = live
    context = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": SESSION_COOKIE, "value": house.sessions[who], "url": address}])
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    messages: list[str] = []
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address + house.address())
    return page, messages


def stored(live: tuple[Any, str], item_id: str, name: str) -> Any:
    """Return the school's stored value."""
    house = live[0]
    found = house.app.state.assessment.reader.read(house.key())
    entry = found.entry(Side.SCHOOL, item_id, name)
    return entry.value if entry else None


def test_a_field_saves_itself_and_the_count_follows(
    browser: Browser, live: tuple[Any, str]
) -> None:
    """Typing is enough; what is wrong is said at the field."""
    page, messages = open_form(browser, live, "editor")
    place = page.locator("[id='e:C5:occupied_rooms']")
    before = page.locator("#live-total .progress .num").inner_text()
    place.locator("input[inputmode]").fill("2")
    expect(place.locator(".save-state")).to_have_text("已保存", timeout=SLOW_MS)
    expect(page.locator("#live-total .progress .num")).not_to_have_text(before, timeout=SLOW_MS)
    assert stored(live, "C5", "occupied_rooms") == 2
    place.locator("input[inputmode]").fill("两")
    expect(place.locator(".save-state")).to_contain_text("这里要填非负整数", timeout=SLOW_MS)
    assert stored(live, "C5", "occupied_rooms") == 2
    assert messages == []
    page.context.close()


def test_two_tabs_see_both_values(browser: Browser, live: tuple[Any, str]) -> None:
    """The second to save is shown the first one's value and chooses."""
    first, _ = open_form(browser, live, "editor")
    second, messages = open_form(browser, live, "second")
    first.locator(f"{ROOMS} input[inputmode]").fill("3")
    expect(first.locator(f"{ROOMS} .save-state")).to_have_text("已保存", timeout=SLOW_MS)
    second.locator(f"{ROOMS} input[inputmode]").fill("8")
    state = second.locator(f"{ROOMS} .save-state")
    expect(state).to_contain_text("他人已保存“3”", timeout=SLOW_MS)
    assert stored(live, "C4", "rooms_missing") == 3
    state.get_by_role("button", name="改用我填的值").click()
    expect(state).to_have_text("已保存", timeout=SLOW_MS)
    assert stored(live, "C4", "rooms_missing") == 8
    assert messages == []
    first.context.close()
    second.context.close()


def test_what_is_typed_without_a_line_is_kept_and_sent_later(
    browser: Browser, live: tuple[Any, str]
) -> None:
    """The line is down, the tab is reloaded, the line is back: the value arrives."""
    page, _ = open_form(browser, live, "editor")
    name = "[id='e:C5:substandard_numbers_or_areas']"
    page.route("**/api/v1/**", lambda route: route.abort())
    page.locator(f"{name} input[inputmode]").fill("4")
    expect(page.locator(f"{name} .save-state")).to_contain_text("已暂存在本机", timeout=SLOW_MS)
    page.unroute("**/api/v1/**")
    page.reload()
    expect(page.locator(f"{name} .save-state")).to_have_text("已保存", timeout=SLOW_MS)
    assert stored(live, "C5", "substandard_numbers_or_areas") == 4
    assert page.evaluate("Object.keys(localStorage).length") == 0
    page.context.close()


def test_the_keyboard_alone_fills_in_and_reaches_the_signature(
    browser: Browser, live: tuple[Any, str]
) -> None:
    """Radio by arrow key, number by typing, link by Enter; no pointer anywhere."""
    page, _ = open_form(browser, live, "head")
    box = page.locator("[id='e:C10:audits_failed']")
    box.locator("input[inputmode]").focus()
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    expect(box.locator(".save-state")).to_have_text("已保存", timeout=SLOW_MS)
    radio = page.locator(".case-item fieldset input[type=radio]").first
    radio.focus()
    page.keyboard.press("Space")
    field = page.locator(".case-item .field", has=page.locator("fieldset")).first
    expect(field.locator(".save-state")).to_have_text("已保存", timeout=SLOW_MS)
    page.get_by_role("link", name="核对与签字").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/signing")
    assert page.get_by_role("button", name="校长签字").is_visible()
    page.context.close()
